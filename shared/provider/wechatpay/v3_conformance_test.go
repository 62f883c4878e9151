package wechatpay_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/providertest"
	"overseaspay/shared/provider/wechatpay"
	"overseaspay/shared/sandbox"
)

// wrongSecrets are well-formed keys that are nobody's.
func wrongSecrets(t *testing.T) map[string]any {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		"public_key":  string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
	}
}

// The suite, for both accounts and every merchant system, with a public key and
// with certificates.
func TestConformance(t *testing.T) {
	t.Parallel()
	wrong := wrongSecrets(t)
	certificates := map[string]any{"private_key": wrong["private_key"], "apiv3_key": "0123456789abcdef0123456789abcdef"}
	tests := []struct {
		name string
		h    providertest.Harness
	}{
		{"v3", providertest.Harness{
			Descriptor: wechatpay.V3, Twin: sandbox.NewWeChatV3, WrongSecret: wrong, Currencies: []string{"HKD", "CNY"},
		}},
		{"v3sp", providertest.Harness{
			Descriptor: wechatpay.V3SP, Twin: sandbox.NewWeChatV3SP, WrongSecret: wrong, Currencies: []string{"EUR", "JPY"},
		}},
		{"v3 mainland", providertest.Harness{
			Descriptor: wechatpay.V3, Twin: sandbox.NewWeChatV3, WrongSecret: wrong, Currencies: []string{"CNY"},
			Settings: map[string]any{"prefix": "/v3", "mcc": nil},
		}},
		{"v3sp Hong Kong, certificates", providertest.Harness{
			Descriptor: wechatpay.V3SP, Twin: sandbox.NewWeChatV3SP, WrongSecret: certificates, FetchesKeys: true, Currencies: []string{"HKD"},
			Settings: map[string]any{"prefix": "/hk/v3", "public_key": nil, "public_key_id": nil},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { providertest.Run(t, tt.h) })
	}
}

const boxURL = "http://127.0.0.1:3000/sandbox"

// world is an account at its twin, and what is changed of its requests on the way.
type world struct {
	box  *sandbox.Sandbox
	now  time.Time
	bend func(*http.Request)
}

func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.bend != nil {
		r = r.Clone(r.Context())
		w.bend(r)
	}
	return w.box.Transport().RoundTrip(r)
}

func newWorld(t *testing.T, d provider.Descriptor, twin func(sandbox.Env) sandbox.Twin, change map[string]any) (*world, provider.Provider) {
	t.Helper()
	w := &world{now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	var err error
	w.box, err = sandbox.New(sandbox.Config{
		URL: boxURL, Twins: func(e sandbox.Env) []sandbox.Twin { return []sandbox.Twin{twin(e)} },
		Now: func() time.Time { return w.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	set := w.box.Twins()[0].Settings()
	set["base_url"] = boxURL + "/" + d.Name
	maps.Copy(set, change)
	raw, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	p, err := d.New(provider.Config{Settings: raw, HTTP: &http.Client{Transport: w}, Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	return w, p
}

func order(w *world, currency string) provider.Create {
	return provider.Create{
		No: "ORD-20261122_0001", Method: payment.WeChat, Total: payment.Money{Amount: 1299, Currency: currency}, Body: "Tea & <茶>",
		OpenID: "o1", ClientIP: "203.0.113.7", NotifyURL: "https://n.test/v3/default/ORD-20261122_0001", TimeExpire: w.now.Add(time.Hour),
	}
}

// The twin refuses what WeChat refuses: whatever was changed on the way.
func TestTwinRefuses(t *testing.T) {
	t.Parallel()
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) {
			if value == "" {
				r.Header.Del(name)
			} else {
				r.Header.Set(name, value)
			}
		}
	}
	auth := func(old, new string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
		}
	}
	tests := []struct {
		name string
		bend func(*http.Request)
		want provider.Kind
	}{
		{"no Authorization", header("Authorization", ""), provider.Denied},
		{"no Accept", header("Accept", ""), provider.Declined},
		{"wrong Content-Type", header("Content-Type", "text/plain"), provider.Declined},
		{"unknown public key", header("Wechatpay-Serial", "PUB_KEY_ID_1"), provider.Declined},
		{"another merchant", auth(`mchid="1900000009"`, `mchid="1900000008"`), provider.Denied},
		{"another certificate", auth(`serial_no="3`, `serial_no="4`), provider.Denied},
		{"another time", auth(`timestamp="1`, `timestamp="2`), provider.Denied},
		{"another nonce", auth(`nonce_str="`, `nonce_str="x`), provider.Denied},
		{"another scheme", auth(`RSA2048 `, `RSA4096 `), provider.Denied},
		{"no signature", auth(`signature="`, `signature="?`), provider.Denied},
		{"another query", func(r *http.Request) { r.URL.RawQuery = "mchid=1900000008" }, provider.Denied},
		{"another path", func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "/v3/global", "/hk/v3", 1) }, provider.Denied},
		{"another body", func(r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(bytes.Replace(body, []byte("1299"), []byte("1298"), 1)))
		}, provider.Denied},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, p := newWorld(t, wechatpay.V3, sandbox.NewWeChatV3, nil)
			w.bend = tt.bend
			if _, err := p.Create(t.Context(), order(w, "EUR")); provider.KindOf(err) != tt.want {
				t.Errorf("Create = %v, want kind %v", err, tt.want)
			}
			if n := len(w.box.Trades()); n != 0 {
				t.Errorf("%d trades were made", n)
			}
		})
	}
}

// A clock that is off by more than five minutes is refused by WeChat, and its
// answers by us.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t, wechatpay.V3, sandbox.NewWeChatV3, nil)
	w.bend = func(*http.Request) { w.now = w.now.Add(6 * time.Minute) }
	if _, err := p.Create(t.Context(), order(w, "EUR")); provider.KindOf(err) != provider.Denied || !strings.Contains(err.Error(), "clock") {
		t.Errorf("Create = %v, want the clock named", err)
	}
}

// The whole life of an order at each merchant system, and what is refused on the way.
func TestLife(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, prefix, currency string
		d                      provider.Descriptor
		twin                   func(sandbox.Env) sandbox.Twin
	}{
		{"mainland", "/v3", "CNY", wechatpay.V3, sandbox.NewWeChatV3},
		{"mainland partner", "/v3", "CNY", wechatpay.V3SP, sandbox.NewWeChatV3SP},
		{"overseas", "/v3/global", "EUR", wechatpay.V3, sandbox.NewWeChatV3},
		{"institution", "/v3/global", "JPY", wechatpay.V3SP, sandbox.NewWeChatV3SP},
		{"Hong Kong", "/hk/v3", "HKD", wechatpay.V3, sandbox.NewWeChatV3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, p := newWorld(t, tt.d, tt.twin, map[string]any{"prefix": tt.prefix})
			life(t, w, p, order(w, tt.currency))
		})
	}
}

func life(t *testing.T, w *world, p provider.Provider, c provider.Create) {
	t.Helper()
	kind := func(what string, err error, want provider.Kind) {
		t.Helper()
		if err == nil || provider.KindOf(err) != want {
			t.Errorf("%s: %v, want kind %v", what, err, want)
		}
	}
	trade := provider.Trade{No: c.No, Total: c.Total}
	_, err := p.Query(t.Context(), trade)
	kind("query before", err, provider.NotFound)
	first, err := p.Create(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.Create(t.Context(), c)
	if err != nil || again.Payment.Package != first.Payment.Package {
		t.Errorf("the identical create: %+v, %v", again, err)
	}
	other := c
	other.Total.Amount++
	_, err = p.Create(t.Context(), other)
	kind("a changed create", err, provider.Declined)
	refund := provider.Refund{Trade: trade, OutRefundNo: "RF-1", Fee: payment.Money{Amount: 500, Currency: c.Total.Currency}}
	_, err = p.(provider.Refunder).Refund(t.Context(), refund)
	kind("a refund of nothing", err, provider.Declined)
	_, err = p.(provider.Refunder).QueryRefund(t.Context(), refund)
	kind("an unknown refund", err, provider.NotFound)

	if _, _, err := w.box.Pay(t.Context(), c.No, sandbox.PayOptions{Silent: true}); err != nil {
		t.Fatal(err)
	}
	_, err = p.Create(t.Context(), c)
	kind("create once paid", err, provider.AlreadyPaid)
	kind("close once paid", p.(provider.Closer).Close(t.Context(), trade), provider.AlreadyPaid)
	r, err := p.Query(t.Context(), trade)
	if err != nil || r.State != payment.Paid || r.Total != c.Total || r.Account != p.Account() || r.SpTradeNo == "" || !r.PaidAt.Equal(w.now) {
		t.Errorf("query once paid: %+v, %v", r, err)
	}
	trade.TransactionID, refund.TransactionID = r.TransactionID, r.TransactionID
	if known, err := p.Query(t.Context(), trade); err != nil || known != r {
		t.Errorf("query by WeChat's number: %+v, %v", known, err)
	}
	for range 2 {
		back, err := p.(provider.Refunder).Refund(t.Context(), refund)
		if err != nil || back.Status != payment.RefundProcessing || back.Fee != refund.Fee || back.No != c.No || back.RefundID == "" {
			t.Errorf("refund: %+v, %v", back, err)
		}
	}
	other500 := refund
	other500.Fee.Amount = 400
	_, err = p.(provider.Refunder).Refund(t.Context(), other500)
	kind("the same number, another amount", err, provider.Declined)
	more := refund
	more.OutRefundNo, more.Fee.Amount = "RF-2", 800
	_, err = p.(provider.Refunder).Refund(t.Context(), more)
	kind("more than is left", err, provider.Declined)
	w.box.Settle()
	back, err := p.(provider.Refunder).QueryRefund(t.Context(), refund)
	if err != nil || back.Status != payment.RefundSuccess || back.OutRefundNo != "RF-1" {
		t.Errorf("query refund: %+v, %v", back, err)
	}
	if r, err = p.Query(t.Context(), trade); err != nil || r.State != payment.Refunded || r.Refunded != (payment.Money{}) {
		t.Errorf("query once refunded: %+v, %v", r, err)
	}
}

func TestTwinCloses(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t, wechatpay.V3SP, sandbox.NewWeChatV3SP, nil)
	c := order(w, "EUR")
	trade := provider.Trade{No: c.No, Total: c.Total}
	closer := p.(provider.Closer)
	if err := closer.Close(t.Context(), trade); err != nil {
		t.Errorf("close of what was never made: %v", err)
	}
	if _, err := p.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.box.Fail(t.Context(), c.No, ""); err != nil {
		t.Fatal(err)
	}
	if r, err := p.Query(t.Context(), trade); err != nil || r.State != payment.Pending || r.Word != "PAYERROR" {
		t.Errorf("query once a payment failed: %+v, %v", r, err)
	}
	for range 2 {
		if err := closer.Close(t.Context(), trade); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if r, err := p.Query(t.Context(), trade); err != nil || r.State != payment.Over {
		t.Errorf("query once closed: %+v, %v", r, err)
	}
	_, err := p.Create(t.Context(), c)
	var e *provider.Error
	if !errors.As(err, &e) || e.Kind != provider.Declined || e.Code != "ORDER_CLOSED" {
		t.Errorf("create once closed: %v", err)
	}
}

// A refund from WeChat's own desk is announced too, under WeChat's number.
func TestTwinPostsDeskRefunds(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t, wechatpay.V3, sandbox.NewWeChatV3, map[string]any{"prefix": "/v3"})
	if _, err := p.Create(t.Context(), order(w, "CNY")); err != nil {
		t.Fatal(err)
	}
	twin := w.box.Twins()[0]
	if req := twin.Notice(w.box.Trades()[0], nil); req != nil {
		t.Error("an unpaid order was announced")
	}
	if _, _, err := w.box.Pay(t.Context(), "ORD-20261122_0001", sandbox.PayOptions{Silent: true}); err != nil {
		t.Fatal(err)
	}
	paid := w.box.Trades()[0]
	r := sandbox.Refund{ID: "5030", Amount: 300, Currency: "CNY", Status: "SUCCESS", NotifyURL: paid.NotifyURL, Created: w.now}
	req := twin.Notice(paid, &r)
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	n, err := p.(provider.Notifier).Notice(t.Context(), provider.Inbound{Method: req.Method, Header: req.Header, Body: body})
	if err != nil || n.Refund == nil || n.Refund.OutRefundNo != "5030" || n.Refund.Fee != (payment.Money{Amount: 300, Currency: "CNY"}) {
		t.Errorf("Notice = %+v, %v", n, err)
	}
}
