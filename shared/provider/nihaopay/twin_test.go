package nihaopay

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/providertest"
	"overseaspay/shared/sandbox"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Harness{
		Descriptor: Descriptor, Twin: sandbox.NewNihaoPay, WrongSecret: map[string]any{"access_token": "not-the-token-of-the-twin"},
	})
}

// TestTwin goes where the suite does not: what the cashier never asks for, and time passing.
func TestTwin(t *testing.T) {
	t.Parallel()
	now, ledger := clock, &sandbox.Ledger{}
	twin := sandbox.NewNihaoPay(sandbox.Env{Ledger: ledger, URL: "http://sandbox.test", Now: func() time.Time { return now }, Nonce: func() string { return "nonce" }})
	server := httptest.NewServer(twin)
	defer server.Close()
	settings := twin.Settings()
	settings["base_url"] = server.URL
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(provider.Config{Settings: raw, HTTP: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	c := p.(*client)
	if _, err := c.Create(t.Context(), order(payment.WeChat)); err != nil {
		t.Fatal(err)
	}
	of := trade1
	r, err := c.Query(t.Context(), of)
	if of.SpTradeNo = r.SpTradeNo; err != nil || r.State != payment.Pending {
		t.Fatalf("%+v, %v", r, err)
	}
	form := func(pairs ...string) url.Values {
		v := url.Values{"amount": {"1"}, "currency": {"USD"}, "reference": {"B1"}, "ipn_url": {"https://x.example.com"},
			"app_id": {"wx"}, "open_id": {"o"}, "client_ip": {"192.0.2.1"}, "vendor": {"alipay"}, "callback_url": {"https://x.example.com"}, "response_format": {"JSON"}}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	for _, tt := range []struct {
		name, path string
		form       url.Values
		code       string
	}{
		{"the same reference", "micropay", form("reference", "A1"), "400-31"},
		{"a long reference", "micropay", form("reference", strings.Repeat("a", 31)), "400-90"},
		{"an underscore", "micropay", form("reference", "a_b"), "400-90"},
		{"RMB", "micropay", form("currency", "CNY"), "400-90"},
		{"no amount", "micropay", form("amount", "0"), "400-90"},
		{"two days", "micropay", form("timeout", "2880"), "400-90"},
		{"no openid", "micropay", form("open_id", ""), "500-92"},
		{"HTML", "securepay", form("response_format", "HTML"), "400-90"},
		{"a vendor in lower case", "securepay", form("vendor", "paypal"), "400-90"},
		{"nobody's list", "refunds/1/", nil, "402-61"},
		{"nobody's refund", "refund/1", form(), "402-61"},
		{"a refund of nothing", "refund/" + of.SpTradeNo, form("amount", "0"), "400-90"},
		{"a refund before payment", "refund/" + of.SpTradeNo, form(), "402-63"},
		{"nobody's trade", "1", nil, "402-61"},
	} {
		if _, err := c.call(t.Context(), "nihaopay: test", "/v1.2/transactions/"+tt.path, tt.form); err == nil || !strings.Contains(err.Error(), "("+tt.code+")") {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.code)
		}
	}
	now = now.Add(31 * time.Minute)
	if r, err := c.Query(t.Context(), of); err != nil || r.State != payment.Refused {
		t.Errorf("after the timeout: %+v, %v", r, err)
	}
	paid, err := ledger.Update("nihaopay", func(sandbox.Trade) bool { return true }, func(o *sandbox.Trade) error {
		o.State, o.PaidAt, o.TransactionID = sandbox.Paid, now, "4200"
		return nil
	})
	if err != nil || twin.Notice(paid, &sandbox.Refund{}) != nil {
		t.Errorf("a notice about a refund, or %v", err)
	}
	for fee, code := range map[string]string{"currency EUR": "409-64", "amount 1300": "402-67"} {
		name, value, _ := strings.Cut(fee, " ")
		if _, err := c.call(t.Context(), "nihaopay: test", "/v1.2/transactions/refund/"+of.SpTradeNo, form(name, value)); err == nil || !strings.Contains(err.Error(), code) {
			t.Errorf("refund of %s: %v", fee, err)
		}
	}
	of.TransactionID = "4200"
	if _, err := c.Refund(t.Context(), provider.Refund{Trade: of, OutRefundNo: "R-1", Fee: usd(1299)}); err != nil {
		t.Error(err)
	}
	if _, err := c.Refund(t.Context(), provider.Refund{Trade: of, OutRefundNo: "R-2", Fee: usd(1)}); err == nil || !strings.Contains(err.Error(), "409-66") {
		t.Errorf("after the whole was given back: %v", err)
	}
	for _, known := range []string{"4200", ""} { // it has vanished from look-ups
		of.TransactionID = known
		if r, err := c.Query(t.Context(), of); err != nil || r.State != payment.Refunded || r.Refunded != usd(1299) {
			t.Errorf("refunded: %+v, %v", r, err)
		}
	}
}
