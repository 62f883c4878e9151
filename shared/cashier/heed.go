package cashier

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/store"
)

// heed books a notice that can be believed, and asks about one that cannot.
func (c *Cashier) heed(ctx context.Context, acc account, o *payment.Order, no string, n provider.Notice) (*payment.Order, string, error) {
	version := o.Version
	var err error
	switch {
	case n.Doorbell && n.Refund != nil && rung(o, no, n.Refund.OutRefundNo) != nil:
		o, verdict, err := c.ringRefund(ctx, acc, o, rung(o, no, n.Refund.OutRefundNo).OutRefundNo)
		if err == nil && n.Refund.OutRefundNo == "" {
			return c.ring(ctx, acc, o, no, n.Payment) // it may be about one made at the processor's desk
		}
		return o, verdict, err
	case onlyRings(n, o.Attempt(no)):
		return c.ring(ctx, acc, o, no, n.Payment)
	case n.Refund != nil:
		o, err = c.hear(ctx, o, no, n.Refund.Word, func(x *payment.Order) (bool, error) { return x.ApplyRefund(no, *n.Refund, c.now()) })
		if err == nil && o.Attempt(no).State != payment.Captured {
			return c.ring(ctx, acc, o, no, n.Payment) // a refund of what we have not heard was paid
		}
	default:
		o, err = c.report(ctx, acc, o, no, n.Payment)
	}
	switch {
	case errors.Is(err, payment.ErrForeign):
		return o, "", ErrForged
	case errors.Is(err, payment.ErrNoAmount):
		return o, "", ErrMalformed
	case err != nil:
		return o, "", errors.Join(ErrNotNow, err)
	case o.Version == version:
		return o, "duplicate", nil
	}
	return o, "applied", nil
}

// onlyRings reports that a genuine notice about an attempt proves nothing: it is not
// signed, or does not name the trade, or calls over what was paid, which may be an old
// notice or a cancel since.
func onlyRings(n provider.Notice, a *payment.Attempt) bool {
	switch {
	case n.Doorbell:
		return true
	case n.Refund != nil:
		return n.Refund.No == "" && n.Refund.SpTradeNo != "" && n.Refund.SpTradeNo != a.SpTradeNo
	}
	over := n.Payment.State == payment.Over || n.Payment.State == payment.Refused
	return n.Payment.No == "" || over && a.State == payment.Captured
}

// errOver says that nobody would ask again by himself: the processor must ring
// once more, or a payment that came after the end would go unheard.
var errOver = errors.New("the attempt is over, and was asked about just now")

// ring asks at once, or stores that somebody must. Where the answer proves the
// payment, WeChat's number is taken from the bell: some processors give it nowhere
// else, and no money hangs on it.
func (c *Cashier) ring(ctx context.Context, acc account, o *payment.Order, no string, said payment.Report) (*payment.Order, string, error) {
	if !c.now().Before(asked(o).Add(AskEvery)) {
		answered, err := c.ask(ctx, acc, o, no, RingTime, AskEvery)
		a := answered.Attempt(no)
		if err == nil && a.State == payment.Captured && a.TransactionID == "" && said.SpTradeNo == a.SpTradeNo {
			answered, err = c.report(ctx, acc, answered, no, payment.Report{TransactionID: said.TransactionID, Word: said.Word})
		}
		if err == nil {
			return answered, "asked", nil
		}
		o = answered
	}
	o, err := c.update(ctx, o, func(n *payment.Order) (bool, error) {
		a := n.Attempt(no)
		due := c.mayAsk(n)
		if a.State == payment.Ended || a.State == payment.Failed {
			return false, errOver
		}
		if !a.DueAt.IsZero() && !due.Before(a.DueAt) {
			return false, nil // booked before, or the next question comes soon enough
		}
		a.DueAt = due
		return true, nil
	})
	if err != nil {
		return o, "", errors.Join(ErrNotNow, err)
	}
	return o, "due", nil
}

// mayAsk is when the next question about an order may be put. Another container's
// clock may be ahead: its questions are no later than now.
func (c *Cashier) mayAsk(o *payment.Order) time.Time {
	last, now := asked(o), c.now()
	if last.After(now) {
		last = now
	}
	return last.Add(AskEvery)
}

// rung is the refund of ours that a doorbell is about: where it names none, the one
// under way at its account that can be asked about. It is nil where there is none.
func rung(o *payment.Order, attempt, outRefundNo string) *payment.Refund {
	if outRefundNo != "" {
		return o.Refund(outRefundNo)
	}
	for i := range o.Refunds {
		f := &o.Refunds[i]
		if of, at := o.Attempt(f.AttemptNo), o.Attempt(attempt); f.Status == payment.RefundProcessing && !f.DueAt.IsZero() && of.Provider == at.Provider && of.Account == at.Account {
			return f
		}
	}
	return nil
}

// ringRefund asks about one of our refunds at once, or stores that somebody must.
// Time is too short to send one.
func (c *Cashier) ringRefund(ctx context.Context, acc account, o *payment.Order, no string) (*payment.Order, string, error) {
	f := o.Refund(no)
	if f.Status != payment.RefundProcessing {
		return o, "duplicate", nil
	}
	if !f.Unsent && !c.now().Before(asked(o).Add(AskEvery)) {
		ringCtx, cancel := context.WithTimeout(ctx, RingTime)
		defer cancel()
		if out, err := c.stepRefund(ringCtx, acc, o, no, AskEvery); err == nil {
			return out.Order, "asked", nil
		}
	}
	o, err := c.update(ctx, o, func(n *payment.Order) (bool, error) {
		f, due := n.Refund(no), c.mayAsk(n)
		if f.Status != payment.RefundProcessing || !f.DueAt.IsZero() && !due.Before(f.DueAt) {
			return false, nil
		}
		f.DueAt = due
		return true, nil
	})
	if err != nil {
		return o, "", errors.Join(ErrNotNow, err)
	}
	return o, "due", nil
}

// maxKept is how much of a notice is kept, in bytes; real ones are a few thousand.
const maxKept = 64 << 10

// keep stores the notice beside its order, once.
func (c *Cashier) keep(ctx context.Context, o *payment.Order, name, verdict string, in provider.Inbound, n provider.Notice) error {
	raw := in.Body
	if len(raw) == 0 {
		raw = []byte(in.Query)
	}
	sum := sha256.Sum256(raw)
	public := strings.ToValidUTF8(string(n.Public[:min(len(n.Public), maxKept)]), "")
	_, err := c.store.Keep(ctx, store.Key{Merchant: o.Merchant, OutTradeNo: o.OutTradeNo}, store.Notice{
		ID: hex.EncodeToString(sum[:]), Provider: name, Time: c.now(), Verdict: verdict, Body: public})
	if err != nil {
		return errors.Join(ErrNotNow, err)
	}
	return nil
}
