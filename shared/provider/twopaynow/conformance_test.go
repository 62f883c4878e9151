package twopaynow_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"

	"overseaspay/shared/provider/providertest"
	"overseaspay/shared/provider/twopaynow"
	"overseaspay/shared/sandbox"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Harness{
		Descriptor: twopaynow.Descriptor, Twin: sandbox.NewTwoPayNow,
		WrongSecret: map[string]any{"key": "not-the-key-of-the-twin"},
	})
}

// Creates and refunds are GETs, and Go's transport repeats a GET by itself when a
// kept connection breaks. These it must not.
func TestWhatChangesIsSentOnce(t *testing.T) {
	t.Parallel()
	eur := payment.Money{Amount: 100, Currency: "EUR"}
	trade := provider.Trade{No: "ORDER-0001", SpTradeNo: "A1", Total: eur, Method: payment.WeChat}
	for name, do := range map[string]func(context.Context, provider.Provider) error{
		"create": func(ctx context.Context, p provider.Provider) error {
			_, err := p.Create(ctx, provider.Create{No: "ORDER-0001", Method: payment.WeChat, Total: eur, Body: "Tea", OpenID: "o",
				AppID: sandbox.DemoAppID, ClientIP: "192.0.2.7", NotifyURL: "https://pay.test/notify"})
			return err
		},
		"refund": func(ctx context.Context, p provider.Provider) error {
			_, err := p.(provider.Refunder).Refund(ctx, provider.Refund{Trade: trade, OutRefundNo: "R-1", Fee: eur})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				if calls.Add(1) > 1 {
					panic(http.ErrAbortHandler) // the first answer keeps the connection, the second breaks it
				}
			}))
			defer server.Close()
			p, err := twopaynow.Descriptor.New(provider.Config{AppID: sandbox.DemoAppID, HTTP: server.Client(), Now: time.Now, Nonce: func() string { return "n" },
				Settings: json.RawMessage(`{"mchid":"541102252","key":"0123456789abcdef","base_url":"` + server.URL + `"}`)})
			if err != nil {
				t.Fatal(err)
			}
			_, _ = p.Query(t.Context(), trade)
			if err := do(t.Context(), p); provider.KindOf(err) != provider.Unknown || calls.Load() != 2 {
				t.Errorf("sent %d times: %v", calls.Load(), err)
			}
		})
	}
}
