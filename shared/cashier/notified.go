package cashier

import (
	"context"
	"errors"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/store"
)

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
