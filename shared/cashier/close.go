package cashier

import (
	"context"
	"errors"
	"slices"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// CloseOrder ends an order that nobody has paid. It asks first: an order that
// turns out to be paid is returned as SUCCESS and nothing is cancelled. Closing a
// closed or a paid order again changes nothing.
func (c *Cashier) CloseOrder(ctx context.Context, who Caller, in Which) (*payment.Order, error) {
	o, err := c.find(ctx, who, Which{OutTradeNo: in.OutTradeNo})
	if err != nil || o.TradeState != payment.TradeNotPay {
		return o, err
	}
	if o, err = c.endAttempts(o, func(o *payment.Order, a payment.Attempt) (*payment.Order, error) {
		return c.endNow(ctx, who.Merchant, o, a)
	}); err != nil || o.TradeState != payment.TradeNotPay {
		return o, err
	}
	seen := o
	return c.update(ctx, o, func(n *payment.Order) (bool, error) {
		if c.busy(n, seen) {
			return false, payment.Errorf(payment.Conflict, "order %s is being created by another call; repeat", n.OutTradeNo).Retry()
		}
		return n.Close(c.now()), nil
	})
}

// busy reports that an order's attempt is being made, or was begun or made anew
// after it was seen.
func (c *Cashier) busy(o, seen *payment.Order) bool {
	a := o.Live()
	return a != nil && (len(o.Attempts) > len(seen.Attempts) || a.Lease != seen.Attempt(a.No).Lease || a.State == payment.Creating && c.now().Before(a.LeaseUntil))
}

// endAttempts has every attempt ended that may still be paid, the live one as the
// last: nothing of it is cancelled if another turns out to be paid, which ends the
// matter. Only the live one's error counts, and anybody's errLater; a watched attempt
// is watched on, whatever became of its end.
func (c *Cashier) endAttempts(o *payment.Order, end func(*payment.Order, payment.Attempt) (*payment.Order, error)) (*payment.Order, error) {
	for i := 0; i < len(o.Attempts); i++ {
		a := o.Attempts[i]
		if !asks(a, c.now()) {
			continue
		}
		var err error
		o, err = end(o, a)
		switch {
		case o.TradeState != payment.TradeNotPay:
			return o, nil
		case err != nil && (a.State != payment.Watched || errors.Is(err, errLater)):
			return o, err
		}
	}
	return o, nil
}

// endNow ends an attempt while somebody waits for it. The live one needs most of the
// 20 s that a call of pay has, so that a watched one gets a short question, or none.
func (c *Cashier) endNow(ctx context.Context, m *config.Merchant, o *payment.Order, a payment.Attempt) (*payment.Order, error) {
	if a.State == payment.Watched {
		if !timeFor(ctx, RingTime+CallTime) {
			return o, nil
		}
		short, cancel := context.WithTimeout(ctx, RingTime)
		defer cancel()
		ctx = short
	}
	acc, err := c.account(ctx, m, o, &a)
	if err != nil {
		return o, err
	}
	return c.endAttempt(ctx, acc, o, a.No)
}

// endAttempt asks about an attempt, and closes it at the processor if it is not paid
// there, or not known.
func (c *Cashier) endAttempt(ctx context.Context, acc account, o *payment.Order, no string) (*payment.Order, error) {
	asked, err := c.ask(ctx, acc, o, no, CallTime, 0)
	kind := provider.KindOf(err)
	switch {
	case err != nil && kind != provider.NotFound && kind != provider.NotSupported:
		return asked, acc.failed(err)
	case asked.TradeState != payment.TradeNotPay || asked.Attempt(no).State.Final():
		return asked, nil
	}
	return c.closeAttempt(ctx, acc, asked, no)
}

// errPaid says that a processor refused to close what is paid, it said, and that
// nothing more could be heard.
var errPaid = errors.New("paid, it says, and then not")

// closeAttempt ends an attempt's trade at the processor, where the processor can
// do that without voiding a capture; elsewhere, or where the processor will not (WeChat
// wants five minutes between a create and its close), it does nothing. Nor is a trade
// over whose create was never answered: that may come after its close. Told that the
// trade is paid, it asks and books that. A capture of another amount or currency pays
// nothing: the attempt stays as it is, for its caller to leave it watched.
func (c *Cashier) closeAttempt(ctx context.Context, acc account, o *payment.Order, no string) (*payment.Order, error) {
	closer, ok := acc.Provider.(provider.Closer)
	if !ok {
		return o, nil
	}
	callCtx, cancel := context.WithTimeout(ctx, CallTime)
	defer cancel()
	err := closer.Close(callCtx, trade(o, o.Attempt(no)))
	c.line(ctx, "close", o, o.Attempt(no), err)
	call := c.called("close", no, err, "")
	if err != nil {
		o = c.note(ctx, o, call)
	}
	switch kind := provider.KindOf(err); {
	case err != nil && kind == provider.AlreadyPaid:
		if o, err = c.ask(ctx, acc, o, no, CallTime, 0); err != nil || o.TradeState == payment.TradeNotPay && !mismatched(o) {
			return o, acc.failed(provider.Errorf(provider.Unknown, acc.Name+": close", "%w", errors.Join(errPaid, err)))
		}
		return o, nil
	case err != nil && kind == provider.Declined:
		return o, nil
	case err != nil:
		return o, acc.failed(err)
	case o.Attempt(no).TimeReply.IsZero():
		return c.note(ctx, o, call), nil
	}
	return c.report(ctx, acc, o, no, payment.Report{State: payment.Over, Word: "closed by us"}, call)
}

func mismatched(o *payment.Order) bool {
	return slices.Contains(o.Flags, payment.AmountMismatch) || slices.Contains(o.Flags, payment.CurrencyMismatch)
}
