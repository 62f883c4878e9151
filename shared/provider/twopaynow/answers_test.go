package twopaynow

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// TestAnswers sends every kind of bad answer to every verb.
func TestAnswers(t *testing.T) {
	t.Parallel()
	unknown := [3]provider.Kind{provider.Unknown, provider.Unknown, provider.Unknown}
	denied := [3]provider.Kind{provider.Denied, provider.Denied, provider.Denied}
	for _, c := range []struct {
		name  string
		reply http.HandlerFunc
		want  [3]provider.Kind // create, query, refund
		says  string
	}{
		{"mid not exist", says(`{"status":403,"error_info":"mid not exist"}`), denied,
			"(403): 2PayNow refused the account (mid not exist); check providers.2paynow.mchid and providers.2paynow.key"},
		{"401", says(`{"status":"401","error_info":"sign"}`), denied, "refused the account (sign)"},
		{"trade not exist", says(`{"status":404,"error_info":"Trade_no not exist"}`),
			[3]provider.Kind{provider.Declined, provider.NotFound, provider.Declined}, "Trade_no not exist"},
		{"order not found", says(`{"status":403,"error_info":"order not found"}`),
			[3]provider.Kind{provider.Denied, provider.NotFound, provider.Denied}, "order not found"},
		{"no such trade", says(`{"status":404,"error_info":"TRADE_NOT_EXIST"}`),
			[3]provider.Kind{provider.Declined, provider.NotFound, provider.Declined}, "TRADE_NOT_EXIST"},
		{"404", says(`{"status":404}`), [3]provider.Kind{provider.Declined, provider.NotFound, provider.Declined}, "(404)"},
		{"a word alone", says(`{"status":400,"error_info":"no such trade"}`),
			[3]provider.Kind{provider.Declined, provider.NotFound, provider.Declined}, "no such trade"},
		{"a no", says(`{"status":400,"error_info":"amount\n  error"}`),
			[3]provider.Kind{provider.Declined, provider.Unknown, provider.Declined}, "amount error"},
		{"too often", says(`{"status":429}`), [3]provider.Kind{provider.Busy, provider.Busy, provider.Busy}, "(429)"},
		{"timeout", says(`{"status":408}`), unknown, "(408)"},
		{"inner 500", says(`{"status":500,"error_info":"oops"}`), unknown, "oops"},
		{"odd success", says(`{"status":201}`), unknown, "(201)"},
		{"no status", says(`{"trade_no":"A1"}`), unknown, "not the JSON"},
		{"null", says(`null`), unknown, "not the JSON"},
		{"array", says(`[200]`), unknown, "not the JSON"},
		{"HTML", says(`<!doctype html><p>later`), unknown, "not the JSON"},
		{"empty", says(``), unknown, "not the JSON"},
		{"half JSON", says(`{"status":200,"trans_st`), unknown, "not the JSON"},
		{"200 inside 404", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(404)
			_, _ = io.WriteString(w, c200)
		}, unknown, "not this call's"},
		{"503", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "x", http.StatusServiceUnavailable) }, unknown, "HTTP 503"},
		{"HTTP 429", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "x", http.StatusTooManyRequests) },
			[3]provider.Kind{provider.Busy, provider.Busy, provider.Busy}, "HTTP 429"},
		{"truncated", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, c200)
		}, unknown, "broke off"},
		{"cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, unknown, "no answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := with(t, nil, c.reply)
			_, made := h.Create(t.Context(), create(payment.WeChat))
			_, asked := h.Query(t.Context(), trade1)
			_, given := h.Refund(t.Context(), refund1)
			_, looked := h.QueryRefund(t.Context(), refund1)
			for i, err := range []error{made, asked, given} {
				wantKind(t, err, c.want[i])
				if !strings.Contains(err.Error(), c.says) {
					t.Errorf("error %q, want %q", err, c.says)
				}
			}
			if c.want[1] == provider.NotFound { // of the trade: that says nothing about its refund
				c.want[1] = provider.Unknown
			}
			wantKind(t, looked, c.want[1])
		})
	}
}

func TestNotSent(t *testing.T) {
	t.Parallel()
	h := with(t, nil, says(c200))
	h.http = &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("refused")}
	}}}
	_, err := h.Create(t.Context(), create(payment.WeChat))
	wantKind(t, err, provider.NotSent)
	_, err = h.Refund(t.Context(), refund1)
	wantKind(t, err, provider.NotSent)

	var none context.Context // what net/http refuses to make a request of
	_, err = h.Query(none, trade1)
	wantKind(t, err, provider.NotSent)
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	h := with(t, nil, says(c200))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.Refund(ctx, refund1)
	wantKind(t, err, provider.Unknown)
}
