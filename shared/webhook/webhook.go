// Package webhook tells a shop what happened to its orders: one signed POST per
// event, as the Standard Webhooks specification (standardwebhooks.com) writes it.
// It sends once; whether and when again is the order's affair (package payment).
// It must not know stores, schedules or processors.
//
//	POST {webhook.url}
//	webhook-id: evt_...                    the same however often the event is sent
//	webhook-timestamp: 1764000000          unix seconds of this try
//	webhook-signature: v1,base64 v1,base64 one per secret, so that secrets can be rotated
//
//	{"type":"payment.succeeded","timestamp":"2026-11-23T10:00:00Z","data":{"order":{...},"refund":{...}}}
//
// The timestamp in the body is the event's, refund is there for events of a
// refund, and the order is as it is now. A shop answers 2xx; 410 means that it
// wants to hear no more of this event. Everything else is a failure, a redirect
// included: none is followed.
//
// The URL is a shop's to choose, so that it must not lead into the network that
// the function runs in: only https, and only public addresses, which is decided
// about each address at the moment it is dialled. Names that resolve differently
// the second time gain nothing.
//
//	s, err := webhook.New(webhook.Config{Log: log})
//	status, err := s.Deliver(ctx, merchant, order, event)
package webhook

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
)

const (
	// CallTime bounds one delivery, from the name's lookup to the end of the answer.
	CallTime = 3 * time.Second

	maxAnswer = 4 << 10  // bytes of an answer's body that are read, and dropped
	maxHeader = 16 << 10 // bytes of an answer's header
	agent     = "overseaspay-webhook/1"
)

// Config is what a Sender is made from; no member is required.
type Config struct {
	// Loopback is for functions/local alone: plain http and every address are
	// allowed, so that a shop on the same machine can be told.
	Loopback bool
	// Transport is for tests and simulations alone: it carries requests in place of
	// the dialler that refuses private addresses.
	Transport http.RoundTripper
	Now       func() time.Time // the real clock
	Log       *slog.Logger     // says nothing
}

// Sender delivers events. It is safe for concurrent use and keeps no connection
// open: a frozen function would only find it dead.
type Sender struct {
	client   *http.Client
	loopback bool
	now      func() time.Time
	log      *slog.Logger
}

// New makes a Sender. Proxies that the environment names are ignored.
func New(cfg Config) (*Sender, error) {
	s := &Sender{loopback: cfg.Loopback, now: cfg.Now, log: cfg.Log}
	if cfg.Transport == nil {
		cfg.Transport = transport(&net.Dialer{}, cfg.Loopback)
	}
	s.client = &http.Client{Transport: cfg.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if s.now == nil {
		s.now = time.Now
	}
	s.log = cmp.Or(s.log, slog.New(slog.DiscardHandler))
	return s, nil
}

// transport dials with d: any address if loopback is set, else public ones alone.
func transport(d *net.Dialer, loopback bool) *http.Transport {
	if !loopback {
		d.Control = guard
	}
	return &http.Transport{Proxy: nil, DialContext: d.DialContext, ForceAttemptHTTP2: true, DisableKeepAlives: true,
		DisableCompression: true, MaxResponseHeaderBytes: maxHeader}
}

// Deliver tells the merchant's shop of one event of an order, once, within 3 s,
// and returns the HTTP status that came back, 0 if none did. The error is nil for
// 2xx and 410, and never quotes the URL, a secret or what the shop said. A shop
// without a URL wants to hear nothing: nothing is sent, and the answer is the 410
// that such a shop would give, so that the event ends.
func (s *Sender) Deliver(ctx context.Context, m *config.Merchant, o *payment.Order, e payment.Event) (status int, err error) {
	if m.Item.Webhook.URL == "" {
		return http.StatusGone, nil
	}
	ctx, cancel := context.WithTimeout(ctx, CallTime)
	defer cancel()
	req, err := s.request(ctx, m.Item.Webhook, o, e)
	if err != nil {
		return 0, err
	}
	begin := s.now()
	if status, err = s.send(req); err != nil {
		return status, err
	}
	s.log.InfoContext(ctx, "event", "merchant", o.Merchant, "out_trade_no", o.OutTradeNo, "event", e.ID, "type", e.Type,
		"status", status, "ms", s.now().Sub(begin).Milliseconds())
	return status, nil
}

type message struct {
	Type      payment.EventType `json:"type"`
	Timestamp string            `json:"timestamp"`
	Data      data              `json:"data"`
}

type data struct {
	Order  payment.View        `json:"order"`
	Refund *payment.RefundView `json:"refund,omitempty"`
}

func (s *Sender) request(ctx context.Context, to config.Webhook, o *payment.Order, e payment.Event) (*http.Request, error) {
	told := message{e.Type, e.Time.UTC().Format(time.RFC3339), data{Order: o.View()}}
	if r := o.Refund(e.RefundNo); r != nil {
		view := r.View()
		told.Data.Refund = &view
	}
	body, err := json.Marshal(told)
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("webhook: webhook.url is not a URL")
	}
	if req.URL.Scheme != "https" && !s.loopback {
		return nil, errors.New("webhook: webhook.url must be https")
	}
	at := strconv.FormatInt(s.now().Unix(), 10)
	signature, err := sign(to.Secrets, e.ID, at, body)
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "User-Agent": agent,
		"Webhook-Id": e.ID, "Webhook-Timestamp": at, "Webhook-Signature": signature} {
		req.Header.Set(name, value)
	}
	return req, nil
}

// send posts and reads a little of the answer, so that a shop which is still
// writing it meets no reset connection. Once the status is here, that is the answer.
func (s *Sender) send(req *http.Request) (int, error) {
	res, err := s.client.Do(req)
	if err != nil {
		return 0, reason(err)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer)
	if res.StatusCode/100 != 2 && res.StatusCode != http.StatusGone {
		return res.StatusCode, fmt.Errorf("webhook: the shop answered %d", res.StatusCode)
	}
	return res.StatusCode, nil
}
