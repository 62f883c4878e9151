// Package notify is the function that processors post to, at
// {notify}/{provider}/{merchant}[/{out_trade_no}]. It reads the path and answers
// with what the cashier says: the processor's own acknowledgement, or a refusal.
// It must not know processors.
package notify

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"overseaspay/shared/cashier"
	"overseaspay/shared/provider"
	"overseaspay/shared/web"
)

// callTime bounds one notice; a doorbell's question takes at most four seconds of it.
const callTime = 12 * time.Second

// refusals are the answers to what is not acknowledged. A processor repeats its
// notice after any of them.
var refusals = []struct {
	err    error
	status int
	text   string
}{
	{cashier.ErrForged, http.StatusUnauthorized, "signature"},
	{cashier.ErrMalformed, http.StatusBadRequest, "malformed notice"},
	{cashier.ErrNoOrder, http.StatusNotFound, "no such order"},
	{cashier.ErrNotNow, http.StatusServiceUnavailable, "not now, try again"},
}

type function struct{ cashier *cashier.Cashier }

// New makes the handler. It takes any method; mount it with its prefix stripped.
func New(c *cashier.Cashier) (http.Handler, error) {
	if c == nil {
		return nil, errors.New("notify: a Cashier is required")
	}
	return function{c}, nil
}

func (f function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at, ok := pathOf(r.URL.Path)
	if !ok {
		refuse(w, http.StatusNotFound, "no such place")
		return
	}
	web.Note(r.Context(), slog.String("provider", at.Provider), slog.String("merchant", at.Merchant), slog.String("out_trade_no", at.OutTradeNo))
	body, err := web.Body(w, r)
	if err != nil {
		web.Error(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), callTime)
	defer cancel()
	ack, err := f.cashier.Notified(ctx, at, provider.Inbound{Method: r.Method, Query: r.URL.RawQuery, Header: r.Header, Body: body})
	if err == nil {
		reply(w, ack)
		return
	}
	web.Note(r.Context(), slog.String("error", err.Error()))
	for _, no := range refusals {
		if errors.Is(err, no.err) {
			refuse(w, no.status, no.text)
			return
		}
	}
	refuse(w, http.StatusServiceUnavailable, "not now, try again")
}

func pathOf(path string) (cashier.Path, bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) < 2 || len(parts) > 3 {
		return cashier.Path{}, false
	}
	at := cashier.Path{Provider: parts[0], Merchant: parts[1]}
	if len(parts) == 3 {
		at.OutTradeNo = parts[2]
	}
	return at, true
}

func reply(w http.ResponseWriter, ack provider.Reply) {
	if ack.ContentType != "" {
		w.Header().Set("Content-Type", ack.ContentType)
	}
	w.WriteHeader(ack.Status)
	_, _ = w.Write([]byte(ack.Body))
}

// refuse answers in the one form that WeChat documents; the others only look at
// the status.
func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`{"code":"FAIL","message":"` + message + `"}`))
}
