package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"time"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/webhook"
)

const shopSecret = "whsec_c2VjcmV0IG9mIGF0IGxlYXN0IDI0IGJ5dGVz"

// genuine is what a shop does before it believes a word. Libraries for most
// languages are at standardwebhooks.com; this is all there is to it.
func genuine(h http.Header, body []byte, now time.Time) bool {
	at, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil || now.Sub(time.Unix(at, 0)).Abs() > 5*time.Minute {
		return false // somebody plays an old message again
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(shopSecret, "whsec_"))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.%s", h.Get("webhook-id"), at, body)
	want := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return slices.ContainsFunc(strings.Fields(h.Get("webhook-signature")), func(s string) bool {
		return hmac.Equal([]byte(s), want)
	})
}

// A shop verifies the signature, drops what it has had under the same webhook-id,
// and answers 2xx once the event is safe with it.
func Example_shop() {
	seen := map[string]bool{} // a table with a unique key, in earnest
	shop := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil || !genuine(r.Header, body, time.Now()) {
			http.Error(w, "signature", http.StatusUnauthorized)
			return
		}
		if id := r.Header.Get("webhook-id"); !seen[id] {
			seen[id] = true
			var event struct {
				Type string
				Data struct{ Order payment.View }
			}
			if err := json.Unmarshal(body, &event); err != nil {
				http.Error(w, "not JSON", http.StatusBadRequest)
				return
			}
			fmt.Println(event.Type, event.Data.Order.OutTradeNo, event.Data.Order.TradeState)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	server := httptest.NewServer(shop)
	defer server.Close()

	sender, err := webhook.New(webhook.Config{Loopback: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	merchant := &config.Merchant{Name: "default", Item: config.Item{
		Webhook: config.Webhook{URL: server.URL, Secrets: []config.Secret{shopSecret}}}}
	order := &payment.Order{Merchant: "default", OutTradeNo: "ORDER-0001", TradeState: payment.TradeSuccess}
	event := payment.Event{ID: "evt_1", Type: payment.PaymentSucceeded, Time: time.Now()}
	for range 2 {
		fmt.Println(sender.Deliver(context.Background(), merchant, order, event))
	}
	// Output:
	// payment.succeeded ORDER-0001 SUCCESS
	// 204 <nil>
	// 204 <nil>
}
