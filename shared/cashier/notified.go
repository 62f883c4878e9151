package cashier

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

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
	acc, bell, n, err := c.verify(ctx, m, at, in)
	if err != nil {
		return provider.Reply{}, err
	}
	if n.Probe {
		return bell.Ack(), nil
	}
	o, a, err := c.about(ctx, acc, at, n)
	if err != nil {
		return provider.Reply{}, err
	}
	o, verdict, err := c.heed(ctx, acc, o, a.No, n)
	if err != nil {
		return provider.Reply{}, err
	}
	if err := c.keep(ctx, o, acc.Name, verdict, in, n); err != nil {
		return provider.Reply{}, err
	}
	c.line(ctx, "notice", o, o.Attempt(a.No), nil, "verdict", verdict, "word", n.Payment.Word)
	return bell.Ack(), nil
}

// verify finds the account, present or former, that the notice is genuine for.
func (c *Cashier) verify(ctx context.Context, m *config.Merchant, at Path, in provider.Inbound) (account, provider.Notifier, provider.Notice, error) {
	d, accounts := m.Accounts(at.Provider)
	refusal := ErrNoOrder // this merchant has no such processor, or it never notifies
	for _, p := range accounts {
		bell, ok := p.(provider.Notifier)
		if !ok {
			continue
		}
		n, err := bell.Notice(ctx, in)
		if err == nil {
			return account{d, p, m}, bell, n, nil
		}
		if refusal = ErrForged; provider.KindOf(err) == provider.Malformed {
			refusal = ErrMalformed
		}
		c.log.Info("notice refused", "metric", "refused_notice", "merchant", m.Name, "provider", at.Provider,
			"account", p.Account(), "out_trade_no", at.OutTradeNo, "error", err.Error())
	}
	return account{}, nil, provider.Notice{}, refusal
}

// about finds the order and the attempt that a genuine notice speaks of. A notice
// of one order that was posted under another, or for another account, is forged.
func (c *Cashier) about(ctx context.Context, acc account, at Path, n provider.Notice) (*payment.Order, *payment.Attempt, error) {
	no, said := at.OutTradeNo, n.Payment.No
	if n.Refund != nil {
		said = n.Refund.No
	}
	var err error
	if no == "" {
		if no, err = c.orderOf(ctx, acc.merchant.Name, said, n.Payment); err != nil {
			return nil, nil, err
		}
	}
	o, err := c.store.Get(ctx, acc.merchant.Name, no)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil, ErrNoOrder
	case err != nil:
		return nil, nil, errors.Join(ErrNotNow, err)
	}
	for i := len(o.Attempts) - 1; i >= 0; i-- {
		a := &o.Attempts[i]
		if a.Provider == acc.Name && a.Account == acc.Account() && (said == "" || said == a.No) {
			return o, a, nil
		}
	}
	c.log.Warn("notice of another order or account", "metric", "refused_notice", "merchant", o.Merchant,
		"out_trade_no", o.OutTradeNo, "provider", acc.Name, "account", acc.Account(), "no", said)
	return nil, nil, ErrForged
}

// numberTail is what payment.Number adds to an order number for a later attempt.
const numberTail = 8

// orderOf finds the order when the path does not name it: by its own number, by a
// later attempt's, or by one of the others.
func (c *Cashier) orderOf(ctx context.Context, merchant, said string, r payment.Report) (string, error) {
	for _, no := range []string{said, said[:max(0, len(said)-numberTail)]} {
		if !outTradeNo.MatchString(no) {
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
	case n.Doorbell && n.Refund != nil && o.Refund(n.Refund.OutRefundNo) != nil:
		return c.ringRefund(ctx, acc, o, n.Refund.OutRefundNo)
	case n.Doorbell, n.Refund == nil && n.Payment.No == "":
		return c.ring(ctx, acc, o, no, n.Payment)
	case n.Refund != nil:
		o, err = c.update(ctx, o, func(x *payment.Order) (bool, error) { return x.ApplyRefund(no, *n.Refund, c.now()) })
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
		due := asked(n).Add(AskEvery)
		if a.State == payment.Ended || a.State == payment.Failed {
			return false, errOver
		}
		if a.State.Final() || !a.DueAt.IsZero() && !due.Before(a.DueAt) {
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

// ringRefund asks about one of our refunds. One that is asked about too often, or
// gets no answer, has its next question booked already.
func (c *Cashier) ringRefund(ctx context.Context, acc account, o *payment.Order, no string) (*payment.Order, string, error) {
	ringCtx, cancel := context.WithTimeout(ctx, RingTime)
	defer cancel()
	out, err := c.tendRefund(ringCtx, acc, o, no, AskEvery)
	switch {
	case err != nil && payment.AsError(err).Code == payment.Internal:
		return o, "", errors.Join(ErrNotNow, err)
	case err != nil:
		return out.Order, "due", nil
	}
	return out.Order, "asked", nil
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
