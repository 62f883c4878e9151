package cashier

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/store"
)

// maxKept is how much of a notice is kept, in bytes; real ones are a few thousand.
const maxKept = 64 << 10

// Path is where a notice was posted: {provider}/{merchant}[/{out_trade_no}].
type Path struct{ Provider, Merchant, OutTradeNo string }

// Refusals of a notice; each has its HTTP status in notify.
var (
	ErrForged    = errors.New("the notice is not genuine")
	ErrMalformed = errors.New("the notice cannot be read")
	ErrNotNow    = errors.New("the notice cannot be booked now")
	ErrNoOrder   = errors.New("the notice is about no order of ours")
)

// Notified takes what a processor posted and returns the processor's own
// acknowledgement, after the effect is durable or was already: a believable
// notice is booked; one that only rings causes one question, whose answer is
// booked, or which is stored as due. Repeating a notice changes nothing.
func (c *Cashier) Notified(ctx context.Context, at Path, in provider.Inbound) (provider.Reply, error) {
	m, err := c.merchants.Merchant(ctx, at.Merchant)
	switch {
	case errors.Is(err, config.ErrNoMerchant):
		return provider.Reply{}, ErrNoOrder
	case err != nil:
		return provider.Reply{}, errors.Join(ErrNotNow, err)
	}
	v, err := c.verify(ctx, m, at, in)
	if err != nil {
		return provider.Reply{}, err
	}
	if v.notice.Probe {
		return v.bell.Ack(), nil
	}
	o, verdict, err := c.heed(ctx, v.account, v.order, v.no, v.notice)
	if err != nil {
		return provider.Reply{}, err
	}
	if err := c.keep(ctx, o, v.Name, verdict, in, v.notice); err != nil {
		return provider.Reply{}, err
	}
	c.line(ctx, "notice", o, o.Attempt(v.no), nil, "verdict", verdict, "word", v.notice.Payment.Word)
	return v.bell.Ack(), nil
}

// verified is a genuine notice with the account that it is genuine for, and the
// order and the number of the attempt that it speaks of.
type verified struct {
	account
	bell   provider.Notifier
	notice provider.Notice
	order  *payment.Order
	no     string
}

// verify finds the account, present or former, that the notice is genuine for and
// that the attempt was made with: accounts of one service provider share its keys.
func (c *Cashier) verify(ctx context.Context, m *config.Merchant, at Path, in provider.Inbound) (verified, error) {
	d, accounts := m.Accounts(at.Provider)
	refusal, why := ErrNoOrder, "" // this merchant has no such processor, or it never notifies
	refuse := func(err error, reason string) {
		if why = reason; !errors.Is(refusal, ErrNotNow) {
			refusal = err
		}
	}
	for _, p := range accounts {
		v := verified{account: account{d, p, m}}
		var ok bool
		if v.bell, ok = p.(provider.Notifier); !ok {
			continue
		}
		var err error
		if v.notice, err = v.bell.Notice(ctx, in); err != nil {
			refuse(refusalOf(err), err.Error())
			continue
		}
		if v.notice.Probe {
			return v, nil
		}
		v.order, v.no, err = c.about(ctx, v.account, at, v.notice)
		if err == nil || !errors.Is(err, ErrForged) {
			return v, err
		}
		refuse(err, "it speaks of another order or account")
	}
	if why != "" {
		c.log.WarnContext(ctx, "notice refused", "metric", "refused_notice", "merchant", m.Name, "provider", at.Provider,
			"out_trade_no", at.OutTradeNo, "error", why)
	}
	return verified{}, refusal
}

// refusalOf is what becomes of a notice that an account does not take.
func refusalOf(err error) error {
	switch provider.KindOf(err) {
	case provider.Forged:
		return ErrForged
	case provider.Malformed:
		return ErrMalformed
	}
	return ErrNotNow // what it is to be verified with cannot be had
}

// about finds the order and the attempt that a genuine notice speaks of. A notice
// of one order that was posted under another, or for another account, is forged.
func (c *Cashier) about(ctx context.Context, acc account, at Path, n provider.Notice) (*payment.Order, string, error) {
	no, said, of := at.OutTradeNo, n.Payment.No, ""
	if n.Refund != nil {
		said, of = n.Refund.No, n.Refund.SpTradeNo
	}
	var err error
	if no == "" {
		if no, err = c.orderOf(ctx, acc.merchant.Name, said, n.Payment); err != nil {
			return nil, "", err
		}
	}
	if !IsOutTradeNo(no) {
		return nil, "", ErrNoOrder
	}
	o, err := c.store.Get(ctx, acc.merchant.Name, no)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, "", ErrNoOrder
	case err != nil:
		return nil, "", errors.Join(ErrNotNow, err)
	}
	if a := acc.named(o, said, of); a != nil {
		return o, a.No, nil
	}
	return nil, "", ErrForged
}

// named is the attempt at the account that a notice speaks of, by the merchant's number
// or the processor's: the latest that may be meant, nil if there is none.
func (acc account) named(o *payment.Order, no, spTradeNo string) (a *payment.Attempt) {
	for i := range o.Attempts {
		switch b := &o.Attempts[i]; {
		case b.Provider != acc.Name || b.Account != acc.Account() || no != "" && no != b.No:
		case spTradeNo != "" && spTradeNo == b.SpTradeNo:
			return b
		case spTradeNo == "" || b.SpTradeNo == "":
			a = b
		}
	}
	return a
}

// numberTail is what payment.Number adds to an order number for a later attempt.
const numberTail = 8

// orderOf finds the order when the path does not name it: by its own number, by a
// later attempt's, or by one of the others.
func (c *Cashier) orderOf(ctx context.Context, merchant, said string, r payment.Report) (string, error) {
	for _, no := range []string{said, said[:max(0, len(said)-numberTail)]} {
		if !IsOutTradeNo(no) {
			continue
		}
		o, err := c.store.Get(ctx, merchant, no)
		switch {
		case err == nil && (no == said || o.Attempt(said) != nil):
			return no, nil
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return "", errors.Join(ErrNotNow, err)
		}
	}
	no, err := c.lookup(ctx, merchant, r.SpTradeNo, r.TransactionID)
	if payment.AsError(err).Code == payment.NotFound && said != "" {
		no, err = c.lookup(ctx, merchant, said, "") // a number that was cut, of an attempt that has no other yet
	}
	if payment.AsError(err).Code == payment.Internal && err != nil {
		return "", errors.Join(ErrNotNow, err)
	} else if err != nil {
		return "", ErrNoOrder
	}
	return no, nil
}

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
