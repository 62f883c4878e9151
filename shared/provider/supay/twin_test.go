package supay_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/supay"
	"overseaspay/shared/sandbox"
)

// bench is an account at the simulated Supay, which was written apart from this package.
type bench struct {
	provider.Provider
	twin   sandbox.Twin
	ledger *sandbox.Ledger
	client *http.Client
	now    time.Time
}

func setUp(t *testing.T, more map[string]any) *bench {
	t.Helper()
	b := &bench{ledger: &sandbox.Ledger{}, now: time.Date(2026, 3, 1, 20, 30, 0, 0, time.FixedZone("AEDT", 11*60*60))}
	server := httptest.NewUnstartedServer(nil)
	b.twin = sandbox.NewSupay(sandbox.Env{
		Ledger: b.ledger, Now: func() time.Time { return b.now }, URL: "http://" + server.Listener.Addr().String(),
		Nonce: func() string { return strings.Repeat("n", 32) },
	})
	server.Config.Handler = http.StripPrefix("/supay", b.twin)
	server.Start()
	t.Cleanup(server.Close)
	b.client = server.Client()
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	settings := b.twin.Settings()
	settings["base_url"] = server.URL + "/supay"
	for name, value := range more {
		settings[name] = value
	}
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	b.Provider, err = supay.New(provider.Config{Settings: raw, HTTP: b.client, Now: func() time.Time { return b.now }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) order(m payment.Method) provider.Create {
	return provider.Create{
		No: "ORDER-0001", Method: m, Total: payment.Money{Amount: 899, Currency: "AUD"}, Body: "茶 & <cake>", OpenID: "oPayer",
		NotifyURL: "https://n.example.test/supay/default/ORDER-0001", TimeCreate: b.now, TimeExpire: b.now.Add(30 * time.Minute),
	}
}

func (b *bench) trade(m payment.Method) provider.Trade {
	return provider.Trade{No: "ORDER-0001", Method: m, Total: payment.Money{Amount: 899, Currency: "AUD"}}
}

// fetch returns where an address leads, else what it says.
func (b *bench) fetch(t *testing.T, address string) string {
	t.Helper()
	res, err := b.client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if to := res.Header.Get("Location"); to != "" {
		return to
	}
	return strings.TrimSpace(string(body))
}

func (b *bench) pay(t *testing.T) sandbox.Trade {
	t.Helper()
	got, err := b.ledger.Update("supay", func(sandbox.Trade) bool { return true }, func(o *sandbox.Trade) error {
		o.State, o.PaidAt = sandbox.Paid, b.now
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTwinBridge(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	made, err := b.Create(t.Context(), b.order(payment.Alipay))
	if err != nil {
		t.Fatal(err)
	}
	of := b.trade(payment.Alipay)
	if _, err := b.Query(t.Context(), of); provider.KindOf(err) != provider.NotFound {
		t.Errorf("before it is opened: %v", err)
	}
	for from, to := range map[string]string{
		"total_amount=8.99": "total_amount=0.01", "token=": "token=0", "currency=AUD": "currency=CNY", "create_time=2026-03-01+09": "create_time=2026-03-01+20",
		"merchant_id=": "merchant_id=1", "product_title=": "x=", "notification_url=": "x=",
	} {
		changed := strings.Replace(made.URL, from, to, 1)
		if got := b.fetch(t, changed); changed == made.URL || got != "Supay: parameter error" {
			t.Errorf("with %s: %s", to, got)
		}
	}
	to := b.fetch(t, made.URL)
	if again := b.fetch(t, made.URL); !strings.Contains(to, "/checkout/supay/B") || again != to {
		t.Errorf("leads to %q, then %q", to, again)
	}
	dearer := b.order(payment.Alipay)
	dearer.Total.Amount++
	other, err := b.Create(t.Context(), dearer)
	if err != nil || b.fetch(t, other.URL) != "Supay: merchant_trade_no exists" {
		t.Errorf("the same number for another amount: %v", err)
	}
	if b.twin.Notice(b.ledger.Trades()[0], nil) != nil {
		t.Error("the bridge rang for nothing")
	}
	req := b.twin.Notice(b.pay(t), nil)
	n, err := b.Provider.(provider.Notifier).Notice(t.Context(), provider.Inbound{Method: req.Method, Query: req.URL.RawQuery})
	if err != nil || !n.Doorbell || n.Payment.No != of.No {
		t.Errorf("%+v, %v", n, err)
	}
	if said, err := b.Query(t.Context(), of); err != nil || said.State != payment.Paid || said.Total != of.Total {
		t.Errorf("%+v, %v", said, err)
	}
}

func TestTwinBridgeRefund(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	made, err := b.Create(t.Context(), b.order(payment.Alipay))
	if err != nil {
		t.Fatal(err)
	}
	b.fetch(t, made.URL)
	p := b.Provider.(provider.Refunder)
	r := provider.Refund{Trade: b.trade(payment.Alipay), OutRefundNo: "R-1", Fee: payment.Money{Amount: 500, Currency: "AUD"}}
	if _, err := p.Refund(t.Context(), r); provider.KindOf(err) != provider.Declined {
		t.Errorf("unpaid: %v", err)
	}
	b.pay(t)
	if got, err := p.Refund(t.Context(), r); err != nil || got.Status != payment.RefundSuccess {
		t.Errorf("%+v, %v", got, err)
	}
	r.OutRefundNo = "R-2"
	if _, err := p.Refund(t.Context(), r); provider.KindOf(err) != provider.Declined {
		t.Errorf("more than the rest: %v", err)
	}
	booked := b.ledger.Trades()[0]
	if len(booked.Refunds) != 1 || booked.Refunds[0].No != "R-1" || b.twin.Notice(booked, &booked.Refunds[0]) != nil {
		t.Errorf("the ledger has %+v", booked.Refunds)
	}
	wrong := setUp(t, map[string]any{"bridge_key": "wrong"})
	if _, err := wrong.Provider.(provider.Refunder).Refund(t.Context(), r); provider.KindOf(err) != provider.Denied {
		t.Errorf("with a wrong code: %v", err)
	}
}

func TestTwinGateway(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	if _, err := b.Create(t.Context(), b.order(payment.WeChat)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Create(t.Context(), b.order(payment.WeChat)); provider.KindOf(err) != provider.Declined {
		t.Errorf("the same number again: %v", err)
	}
	b.now = b.now.Add(31 * time.Minute)
	if said, err := b.Query(t.Context(), b.trade(payment.WeChat)); err != nil || said.State != payment.Over {
		t.Errorf("after its timeout: %+v, %v", said, err)
	}
	for name, more := range map[string]any{"mchid": "1", "key": "wrong"} {
		wrong := setUp(t, map[string]any{name: more})
		if _, err := wrong.Create(t.Context(), wrong.order(payment.WeChat)); provider.KindOf(err) != provider.Denied {
			t.Errorf("wrong %s: %v", name, err)
		}
	}
	odd := setUp(t, map[string]any{"names": map[string]string{"trade_type": "1", "refund_trade_type": "2"}})
	if _, err := odd.Query(t.Context(), odd.trade(payment.Card)); provider.KindOf(err) != provider.NotFound {
		t.Errorf("odd trade_type: %v", err)
	}
}

// TestTwinRaw asks what the processor's package never does.
func TestTwinRaw(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	base := b.twin.Settings()["bridge_base_url"].(string)
	for path, want := range map[string]string{
		"/api/gateway/merchant/order": "404 page not found",
		"/payment/bridge/nothing":     "404 page not found",
		"/payment/bridge/get_payment_result?merchant_id=10088&merchant_trade_no=1&token=x":    `{"query_success":"F","reason":"token error"}`,
		"/payment/bridge/notification_verification?notice_id=N1&merchant_trade_no=ORDER-0001": "FAIL",
	} {
		if got := b.fetch(t, base+path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	for body, want := range map[string]string{
		`{`:                                     "request is not flat JSON",
		`{"mch_id":"100001","sign":"x"}`:        "sign error",
		`{"mch_id":"100002","sign_type":"MD5"}`: "mch_id does not exist",
	} {
		res, err := b.client.Post(base+"/api/gateway/merchant/order", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !strings.Contains(string(got), `"status":"F"`) || !strings.Contains(string(got), want) {
			t.Errorf("%s: %s, %v", body, got, err)
		}
	}
}
