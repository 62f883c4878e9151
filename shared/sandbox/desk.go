package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Errors of the desk.
var (
	ErrNotWaiting = errors.New("the trade is not waiting for a payment")
	ErrNotPaid    = errors.New("the trade is not paid")
)

// PayOptions say how a payment goes, beyond the plain case.
type PayOptions struct {
	Provider string        // where the number is ambiguous; "" any
	Silent   bool          // the notice gets lost for good
	Copies   int           // how often the notice is posted; 0: once
	Later    time.Duration // the notice waits for a [Sandbox.Resend] after this long
	Amount   int64         // minor units that the (genuine) notice says instead of the true ones; 0: true
	Late     bool          // the money comes although the trade is closed or failed
}

// Pay is the shopper paying the waiting trade with a merchant's or processor's
// number. The processor's notice is posted before it returns; the delivery is nil
// if none was.
func (s *Sandbox) Pay(ctx context.Context, no string, o PayOptions) (Trade, *Delivery, error) {
	t, err := s.change(no, o.Provider, func(t *Trade) error {
		expired := !t.Expires.IsZero() && s.cfg.Now().After(t.Expires)
		if t.State == Paid || (t.State != Waiting || expired) && !o.Late {
			return fmt.Errorf("%w: it is %s%s", ErrNotWaiting, t.State, map[bool]string{true: ", expired"}[expired])
		}
		t.State, t.PaidAt, t.TransactionID = Paid, s.cfg.Now(), s.transactionID()
		return nil
	})
	if err != nil || o.Silent {
		return t, nil, err
	}
	p := parcel{trade: t, refund: -1, amount: o.Amount, due: s.cfg.Now().Add(o.Later)}
	if o.Later > 0 {
		s.enqueue(p)
		return t, nil, nil
	}
	var d *Delivery
	for range max(o.Copies, 1) {
		d = s.deliver(ctx, p)
	}
	return t, d, nil
}

// Refund gives money back at the processor's own desk, without the merchant's
// systems knowing. amount is in minor units; 0 is all that is left.
func (s *Sandbox) Refund(ctx context.Context, no, provider string, amount int64) (Trade, *Delivery, error) {
	t, err := s.change(no, provider, func(t *Trade) error {
		left := t.Amount - t.Refunded()
		if amount == 0 {
			amount = left
		}
		switch {
		case t.State != Paid:
			return fmt.Errorf("%w: it is %s", ErrNotPaid, t.State)
		case amount <= 0 || amount > left:
			return ErrOverPay
		}
		t.Refunds = append(t.Refunds, Refund{
			ID: s.transactionID(), Amount: amount, Currency: t.Currency, Status: "SUCCESS",
			NotifyURL: t.NotifyURL, Created: s.cfg.Now(),
		})
		return nil
	})
	if err != nil {
		return t, nil, err
	}
	var d *Delivery
	for _, done := range s.ledger.takeRefunded() {
		p := parcel{trade: done.trade, refund: done.index, due: s.cfg.Now()}
		if same(t)(done.trade) && done.index == len(t.Refunds)-1 {
			d = s.deliver(ctx, p)
		} else {
			s.enqueue(p)
		}
	}
	return t, d, nil
}

// Chargeback is the payer's bank taking the money back. No processor posts it.
func (s *Sandbox) Chargeback(no, provider string) (Trade, error) {
	return s.change(no, provider, func(t *Trade) error {
		if t.State != Paid {
			return fmt.Errorf("%w: it is %s", ErrNotPaid, t.State)
		}
		t.ChargedBack = true
		return nil
	})
}

// Close is the processor ending a waiting trade: cancelled by the payer, or timed out.
func (s *Sandbox) Close(ctx context.Context, no, provider string) (Trade, *Delivery, error) {
	return s.end(ctx, no, provider, Closed)
}

// Fail is the payer's bank declining a waiting trade.
func (s *Sandbox) Fail(ctx context.Context, no, provider string) (Trade, *Delivery, error) {
	return s.end(ctx, no, provider, Failed)
}

func (s *Sandbox) end(ctx context.Context, no, provider string, as State) (Trade, *Delivery, error) {
	t, err := s.change(no, provider, func(t *Trade) error {
		if t.State != Waiting {
			return fmt.Errorf("%w: it is %s", ErrNotWaiting, t.State)
		}
		t.State = as
		return nil
	})
	if err != nil {
		return t, nil, err
	}
	return t, s.deliver(ctx, parcel{trade: t, refund: -1, due: s.cfg.Now()}), nil
}

// Notify posts the notice about a trade as it now is, whether or not it was posted before.
func (s *Sandbox) Notify(ctx context.Context, no, provider string) (Trade, *Delivery, error) {
	t, err := s.change(no, provider, func(*Trade) error { return nil })
	if err != nil {
		return t, nil, err
	}
	return t, s.deliver(ctx, parcel{trade: t, refund: -1, due: s.cfg.Now()}), nil
}

// change finds the trade that a number most likely means, a waiting one first,
// else the latest, and changes it.
func (s *Sandbox) change(no, provider string, do func(*Trade) error) (Trade, error) {
	var found *Trade
	for _, t := range s.ledger.Trades() {
		named := t.No == no || t.SpTradeNo == no || t.TransactionID == no
		if !named || provider != "" && provider != t.Processor {
			continue
		}
		if found == nil || t.State == Waiting || found.State != Waiting {
			found = &t
		}
	}
	if found == nil || no == "" {
		return Trade{}, fmt.Errorf("%w with the number %q; see %s/trades", ErrNoTrade, no, s.cfg.URL)
	}
	return s.ledger.Update(found.Processor, same(*found), do)
}

// transactionID is 28 digits in the form of WeChat Pay's, with the day in them.
func (s *Sandbox) transactionID() string {
	sum := sha256.Sum256([]byte(s.cfg.Nonce()))
	return fmt.Sprintf("4200%06d%s%010d", binary.BigEndian.Uint32(sum[:])%1e6,
		s.cfg.Now().UTC().Format("20060102"), binary.BigEndian.Uint64(sum[8:])%1e10)
}

// verb is one thing that can be done at the desk over HTTP.
type verb func(r *http.Request, no, provider string) (Trade, *Delivery, error)

func (s *Sandbox) verbs() map[string]verb {
	plain := func(do func(context.Context, string, string) (Trade, *Delivery, error)) verb {
		return func(r *http.Request, no, provider string) (Trade, *Delivery, error) {
			return do(r.Context(), no, provider)
		}
	}
	return map[string]verb{
		"pay": func(r *http.Request, no, provider string) (Trade, *Delivery, error) {
			o, err := payOptions(r, provider)
			if err != nil {
				return Trade{}, nil, err
			}
			return s.Pay(r.Context(), no, o)
		},
		"refund": func(r *http.Request, no, provider string) (Trade, *Delivery, error) {
			amount, err := number(r, "amount")
			if err != nil {
				return Trade{}, nil, err
			}
			return s.Refund(r.Context(), no, provider, amount)
		},
		"chargeback": func(_ *http.Request, no, provider string) (Trade, *Delivery, error) {
			t, err := s.Chargeback(no, provider)
			return t, nil, err
		},
		"close": plain(s.Close), "fail": plain(s.Fail), "notify": plain(s.Notify),
	}
}

func payOptions(r *http.Request, provider string) (PayOptions, error) {
	o := PayOptions{Provider: provider, Silent: r.FormValue("notify") == "0", Late: r.FormValue("late") == "1"}
	var err error
	if o.Amount, err = number(r, "amount"); err != nil {
		return o, err
	}
	copies, err := number(r, "notify")
	if err != nil || copies > 100 {
		return o, fmt.Errorf("%w: notify: must be 0 to 100", errBadInput)
	}
	o.Copies = int(copies)
	if later := r.FormValue("later"); later != "" {
		if o.Later, err = time.ParseDuration(later); err != nil {
			return o, fmt.Errorf("%w: later: must be a duration such as 30s", errBadInput)
		}
	}
	return o, nil
}

var errBadInput = errors.New("bad input")

func number(r *http.Request, name string) (int64, error) {
	text := r.FormValue(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%w: %s: must be a whole number", errBadInput, name)
	}
	return n, nil
}

func deskHandler(do verb) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		t, d, err := do(r, r.PathValue("no"), r.FormValue("provider"))
		switch back := r.Referer(); {
		case err == nil && strings.HasPrefix(back, "http://"+r.Host+"/") && strings.Contains(r.Header.Get("Accept"), "text/html"):
			http.Redirect(w, r, back, http.StatusSeeOther) // a person pressed a button on a page of ours
		case err == nil:
			writeJSON(w, http.StatusOK, map[string]any{"trade": t, "notice": d})
		case errors.Is(err, errBadInput):
			writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		case errors.Is(err, ErrNoTrade):
			writeJSON(w, http.StatusNotFound, map[string]string{"error": err.Error()})
		default:
			writeJSON(w, http.StatusConflict, map[string]string{"error": err.Error()})
		}
	}
}
