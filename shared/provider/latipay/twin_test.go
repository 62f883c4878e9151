package latipay

import (
	"encoding/json"
	"io"
	"net/http"
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
		Descriptor: Descriptor, Twin: sandbox.NewLatipay, WrongSecret: map[string]any{"key": "not-the-key-of-the-twin"},
	})
}

// simulated is an account at a twin of its own, at the time that now holds.
func simulated(t *testing.T) (c *client, ledger *sandbox.Ledger, url string, now *time.Time) {
	t.Helper()
	at, made := clock, 0
	ledger = &sandbox.Ledger{}
	twin := sandbox.NewLatipay(sandbox.Env{Ledger: ledger, URL: "http://sandbox.test", Now: func() time.Time { return at }, Nonce: func() string {
		made++
		return strings.Repeat("N", 31) + string(rune('a'+made))
	}})
	server := httptest.NewServer(twin)
	t.Cleanup(server.Close)
	settings := twin.Settings()
	settings["base_url"] = server.URL
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(provider.Config{Settings: raw, HTTP: server.Client(), Counted: func(metric, detail string) { t.Error(metric, detail) }})
	if err != nil {
		t.Fatal(err)
	}
	return p.(*client), ledger, server.URL, &at
}

// TestTwinRefuses does what the cashier never does.
func TestTwinRefuses(t *testing.T) {
	t.Parallel()
	c, ledger, _, _ := simulated(t)
	made, err := c.Create(t.Context(), order(payment.WeChat))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path string
		members    map[string]string
		code       string
	}{
		{"the same number again", "/v2/miniapppay", map[string]string{"wallet_id": "W00000001", "amount": "1.00", "merchant_reference": "Order898237426347832",
			"product_name": "x", "app_id": "wx", "open_id": "o", "notify_url": "https://x.example.com"}, "207"},
		{"no openid", "/v2/miniapppay", map[string]string{"wallet_id": "W00000001", "amount": "1.00"}, "204"},
		{"no product", "/v2/miniapppay", map[string]string{"app_id": "wx", "open_id": "o", "notify_url": "https://x.example.com", "wallet_id": "W00000001"}, "204"},
		{"another's wallet", "/v2/miniapppay", map[string]string{"wallet_id": "W9", "amount": "1.00", "merchant_reference": "B",
			"product_name": "x", "app_id": "wx", "open_id": "o", "notify_url": "https://x.example.com"}, "450"},
		{"three places", "/v2/miniapppay", map[string]string{"wallet_id": "W00000001", "amount": "1.001", "merchant_reference": "B",
			"product_name": "x", "app_id": "wx", "open_id": "o", "notify_url": "https://x.example.com"}, "207"},
		{"no ip", "/v2/transaction", map[string]string{"payment_method": "alipay", "callback_url": "https://x.example.com", "version": "2.0"}, "204"},
		{"IPv6", "/v2/transaction", map[string]string{"payment_method": "alipay", "callback_url": "https://x.example.com", "version": "2.0", "ip": "::1"}, "207"},
		{"WeChat's page", "/v2/transaction", map[string]string{"payment_method": "wechat", "callback_url": "https://x.example.com", "version": "2.0", "ip": "192.0.2.1"}, "303"},
		{"refund of nothing", "/refund", map[string]string{"order_id": "1", "refund_amount": "1.00"}, "551"},
		{"refund without an amount", "/refund", map[string]string{"order_id": made.SpTradeNo}, "204"},
		{"refund before payment", "/refund", map[string]string{"order_id": made.SpTradeNo, "refund_amount": "1.00"}, "550"},
	} {
		if _, err := c.post(t.Context(), "latipay: test", tt.path, tt.members); err == nil || !strings.Contains(err.Error(), "("+tt.code+")") {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.code)
		}
	}
	if n := len(ledger.Trades()); n != 1 {
		t.Errorf("the ledger has %d trades", n)
	}
}

func TestTwinRaw(t *testing.T) {
	t.Parallel()
	c, _, base, now := simulated(t)
	made, err := c.Create(t.Context(), order(payment.Alipay))
	if err != nil || !strings.HasPrefix(made.URL, "http://sandbox.test/latipay/pay/") {
		t.Fatal(made, err)
	}
	_, nonce, _ := strings.Cut(made.URL, "/pay/")
	query := func(user, signature string) string {
		return "/v2/transaction/Order898237426347832?" + url.Values{"user_id": {user}, "signature": {signature}}.Encode()
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, tt := range []struct {
		name, method, path, body, want string
		later                          time.Duration
	}{
		{"page", "GET", "/pay/" + nonce, "", "/checkout/latipay/20260301", 0},
		{"unknown page", "GET", "/pay/x", "", "not fresh", 0},
		{"stale page", "GET", "/pay/" + nonce, "", "not fresh", 16 * time.Minute},
		{"path", "POST", "/v2/refund", "{}", "404", 0},
		{"no JSON", "POST", "/refund", "x", `"code":207`, 0},
		{"another user", "GET", query("U1", ""), "", `"code":205`, 0},
		{"another signature", "GET", query(c.UserID, "x"), "", `"code":206`, 0},
		{"signed by the old scheme", "GET", query(c.UserID, c.sign(map[string]string{"merchant_reference": "Order898237426347832"})), "", `"code":206`, 0},
	} {
		*now = clock.Add(tt.later)
		req, err := http.NewRequestWithContext(t.Context(), tt.method, base+tt.path, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !strings.Contains(string(body)+res.Header.Get("Location"), tt.want) {
			t.Errorf("%s: %s %s, %v", tt.name, res.Status, body, err)
		}
	}
}
