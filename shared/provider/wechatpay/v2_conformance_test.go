package wechatpay_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/providertest"
	"overseaspay/shared/provider/wechatpay"
	"overseaspay/shared/sandbox"
)

// The suite, for both accounts and both signature types.
func TestConformanceV2(t *testing.T) {
	t.Parallel()
	wrong := map[string]any{"key": "00000000000000000000000000000000"}
	tests := []struct {
		name string
		h    providertest.Harness
	}{
		{"HMAC", providertest.Harness{
			Descriptor: wechatpay.V2, Twin: sandbox.NewWeChatV2, WrongSecret: wrong, Currencies: []string{"HKD", "CNY"},
		}},
		{"MD5", providertest.Harness{
			Descriptor: wechatpay.V2, Twin: sandbox.NewWeChatV2, WrongSecret: wrong, Currencies: []string{"EUR", "JPY"},
			Settings: map[string]any{"sign_type": "MD5"},
		}},
		{"provider", providertest.Harness{
			Descriptor: wechatpay.V2SP, Twin: sandbox.NewWeChatV2SP, WrongSecret: wrong, Currencies: []string{"JPY", "EUR"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { providertest.Run(t, tt.h) })
	}
}

// The twin refuses what WeChat refuses: whatever was changed on the way.
func TestTwinV2Refuses(t *testing.T) {
	t.Parallel()
	replace := func(old, new string) func(*http.Request) {
		return func(r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if !bytes.Contains(body, []byte(old)) {
				panic(old + " is not in the request")
			}
			r.Body = io.NopCloser(bytes.NewReader(bytes.Replace(body, []byte(old), []byte(new), 1)))
		}
	}
	tests := []struct {
		name string
		bend func(*http.Request)
		want provider.Kind
	}{
		{"another amount", replace("1299", "1298"), provider.Denied},
		{"another type", replace("HMAC-SHA256", "MD5"), provider.Denied},
		{"no type", replace("<sign_type><![CDATA[HMAC-SHA256]]></sign_type>", ""), provider.Denied},
		{"another merchant", replace("1900000109", "1900000108"), provider.Denied},
		{"another appid", replace("<appid><![CDATA[wx", "<appid><![CDATA[wy"), provider.Denied},
		{"one member more", replace("<xml>", "<xml><goods_tag>x</goods_tag>"), provider.Denied},
		{"a member twice", replace("<xml>", "<xml><version>1.0</version>"), provider.Unknown},
		{"not XML", replace("<xml>", "xml"), provider.Unknown},
		{"GET", func(r *http.Request) { r.Method = http.MethodGet }, provider.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, p := newWorld(t, wechatpay.V2, sandbox.NewWeChatV2, nil)
			w.bend = tt.bend
			_, err := p.Create(t.Context(), order(w, "EUR"))
			if err == nil || provider.KindOf(err) != tt.want {
				t.Errorf("Create = %v, want kind %v", err, tt.want)
			}
			if n := len(w.box.Trades()); n != 0 {
				t.Errorf("%d trades were made", n)
			}
		})
	}
}

// The whole life of an order with every kind of account, and what is refused on the way.
func TestLifeV2(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, signType, currency string
		d                        provider.Descriptor
		twin                     func(sandbox.Env) sandbox.Twin
	}{
		{"direct", "HMAC-SHA256", "HKD", wechatpay.V2, sandbox.NewWeChatV2},
		{"direct, MD5", "MD5", "CNY", wechatpay.V2, sandbox.NewWeChatV2},
		{"provider", "HMAC-SHA256", "JPY", wechatpay.V2SP, sandbox.NewWeChatV2SP},
		{"provider, MD5", "MD5", "EUR", wechatpay.V2SP, sandbox.NewWeChatV2SP},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, p := newWorld(t, tt.d, tt.twin, map[string]any{"sign_type": tt.signType, "sub_appid": "wx2222222222222222"})
			lifeV2(t, w, p, order(w, tt.currency))
		})
	}
}

func lifeV2(t *testing.T, w *world, p provider.Provider, c provider.Create) {
	t.Helper()
	kind := func(what string, err error, want provider.Kind) {
		t.Helper()
		if err == nil || provider.KindOf(err) != want {
			t.Errorf("%s: %v, want kind %v", what, err, want)
		}
	}
	refunder, trade := p.(provider.Refunder), provider.Trade{No: c.No, Total: c.Total}
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
	if _, _, err := w.box.Pay(t.Context(), c.No, sandbox.PayOptions{Silent: true}); err != nil {
		t.Fatal(err)
	}
	_, err = p.Create(t.Context(), c)
	kind("create once paid", err, provider.AlreadyPaid)
	paid, err := p.Query(t.Context(), trade)
	if err != nil || paid.State != payment.Paid || paid.Total != c.Total || paid.Account != p.Account() || !paid.PaidAt.Equal(w.now) {
		t.Errorf("query once paid: %+v, %v", paid, err)
	}
	trade.TransactionID = paid.TransactionID
	if known, err := p.Query(t.Context(), trade); err != nil || known != paid {
		t.Errorf("query by WeChat's number: %+v, %v", known, err)
	}
	refund := provider.Refund{Trade: trade, OutRefundNo: "RF-1", Fee: payment.Money{Amount: 500, Currency: c.Total.Currency}}
	for range 2 {
		back, err := refunder.Refund(t.Context(), refund)
		if err != nil || back.Status != payment.RefundProcessing || back.Fee != refund.Fee || back.No != c.No || back.RefundID == "" {
			t.Errorf("refund: %+v, %v", back, err)
		}
	}
	changed := refund
	changed.Fee.Amount = 400
	_, err = refunder.Refund(t.Context(), changed)
	kind("the same number, another amount", err, provider.Declined)

	// The answer about a refunded order states no amount; its refunds do.
	r, err := p.Query(t.Context(), trade)
	if err != nil || r.State != payment.Refunded || r.Total != c.Total || r.Refunded.Amount != 0 || r.TransactionID != paid.TransactionID {
		t.Errorf("query while the refund is under way: %+v, %v", r, err)
	}
	w.box.Settle()
	if r, err = p.Query(t.Context(), trade); err != nil || r.Refunded != refund.Fee {
		t.Errorf("query once refunded: %+v, %v", r, err)
	}
	if back, err := refunder.QueryRefund(t.Context(), refund); err != nil || back.Status != payment.RefundSuccess || !back.SucceededAt.Equal(w.now) {
		t.Errorf("query refund: %+v, %v", back, err)
	}
	for i := range 10 { // eleven do not fit into one answer
		small := refund
		small.OutRefundNo, small.Fee.Amount = "RF-small-"+string(rune('a'+i)), 1
		if _, err := refunder.Refund(t.Context(), small); err != nil {
			t.Fatal(err)
		}
	}
	w.box.Settle()
	if r, err = p.Query(t.Context(), trade); err != nil || r.Total != c.Total || r.Refunded.Amount != refund.Fee.Amount+10 {
		t.Errorf("query with eleven refunds: %+v, %v", r, err)
	}
}

func TestTwinV2Closes(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t, wechatpay.V2SP, sandbox.NewWeChatV2SP, nil)
	c := order(w, "EUR")
	trade := provider.Trade{No: c.No, Total: c.Total}
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
		if err := p.(provider.Closer).Close(t.Context(), trade); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	_, err := p.Create(t.Context(), c)
	var e *provider.Error
	if !errors.As(err, &e) || e.Kind != provider.Declined || e.Code != "ORDERCLOSED" {
		t.Errorf("create once closed: %v", err)
	}
}

// A sentence tells an operator whose key is wrong what to mend.
func TestWrongKeyV2(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]map[string]any{
		"key":       {"key": "00000000000000000000000000000000"},
		"mchid":     {"mchid": "1900000108"},
		"sub_mchid": {"sub_mchid": "1900000108"},
		"appid":     {"appid": "wx9999999999999999"},
	} {
		w, p := newWorld(t, wechatpay.V2SP, sandbox.NewWeChatV2SP, change)
		_, err := p.Query(t.Context(), provider.Trade{No: order(w, "EUR").No})
		if provider.KindOf(err) != provider.Denied || !strings.Contains(err.Error(), "mend providers.v2sp: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
