package cashier

import (
	"context"
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
	if o, err = c.endAttempts(ctx, who.Merchant, o); err != nil || o.TradeState != payment.TradeNotPay {
		return o, err
	}
	return c.update(ctx, o, func(n *payment.Order) (bool, error) {
		if a := n.Live(); a != nil && a.State == payment.Creating && c.now().Before(a.LeaseUntil) {
			return false, payment.Errorf(payment.Conflict, "order %s is being created by another call; repeat", n.OutTradeNo).Retry()
		}
		return n.Close(c.now()), nil
	})
}

// endAttempts asks about every attempt that may still be paid and closes it at
// the processor where that is safe. It stops as soon as one turns out to be paid.
func (c *Cashier) endAttempts(ctx context.Context, m *config.Merchant, o *payment.Order) (*payment.Order, error) {
	for _, a := range slices.Clone(o.Attempts) {
		if !asks(a, c.now()) {
			continue
		}
		acc, err := c.account(ctx, m, o, &a)
		if err != nil {
			return o, err
		}
		if o, err = c.endAttempt(ctx, acc, o, a); err != nil || o.TradeState != payment.TradeNotPay {
			return o, err
		}
	}
	return o, nil
}

func (c *Cashier) endAttempt(ctx context.Context, acc account, o *payment.Order, a payment.Attempt) (*payment.Order, error) {
	if a.SpTradeNo != "" || acc.QueryByNumber {
		asked, err := c.ask(ctx, acc, o, a.No, CallTime, 0)
		if err != nil && provider.KindOf(err) != provider.NotFound {
			return asked, acc.failed(err)
		}
		if o = asked; o.TradeState != payment.TradeNotPay || o.Attempt(a.No).State.Final() {
			return o, nil
		}
	}
	return c.closeAttempt(ctx, acc, o, a.No)
}

// closeAttempt ends an attempt's trade at the processor, where the processor can
// do that without voiding a capture; elsewhere it does nothing. Told that the
// trade is paid, it asks and books that.
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
	switch {
	case provider.KindOf(err) == provider.AlreadyPaid && err != nil:
		if o, err = c.ask(ctx, acc, o, no, CallTime, 0); err != nil {
			return o, acc.failed(err)
		}
		if o.TradeState == payment.TradeNotPay {
			return o, acc.failed(provider.Errorf(provider.Unknown, acc.Name+": close", "paid, it says, and then not"))
		}
		return o, nil
	case err != nil:
		return o, acc.failed(err)
	}
	return c.report(ctx, acc, o, no, payment.Report{State: payment.Over, Word: "closed by us"}, call)
}
