package cashier

import (
	"context"
	"errors"
	"slices"
	"time"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/store"
)

// Tend does what is due on one order: asks about attempts, or closes it if it has
// expired, goes on with refunds, delivers events.
func (c *Cashier) Tend(ctx context.Context, d Deliverer, key store.Key) error {
	return c.tend(ctx, &visit{pace: &pace{}, key: key}, d)
}

func (c *Cashier) tend(ctx context.Context, v *visit, d Deliverer) error {
	m, err := c.merchants.Merchant(ctx, v.key.Merchant)
	gone := errors.Is(err, config.ErrNoMerchant)
	if err != nil && !gone {
		return err
	}
	o, err := c.load(ctx, v.key.Merchant, v.key.OutTradeNo)
	if err != nil {
		return err
	}
	if due := o.Due(); due.IsZero() || due.After(c.now()) {
		return nil // the index lags, or another sweep was here
	}
	if gone {
		return c.orphan(ctx, o)
	}
	if o.TradeState == payment.TradeNotPay && !c.now().Before(o.TimeExpire) {
		o, err = c.expire(ctx, v, m, o)
	} else {
		o, err = c.tendAttempts(ctx, v, m, o)
	}
	o, failed := c.tendRefunds(ctx, v, m, o)
	return errors.Join(err, failed, c.tendEvents(ctx, v, d, m, o))
}

// isDue reports that a moment has come; the zero time is none.
func isDue(at, now time.Time) bool { return !at.IsZero() && !at.After(now) }

// tends reports that there is a question about an attempt to be put now.
func tends(a payment.Attempt, now time.Time) bool {
	return (!a.State.Final() || a.State == payment.Captured) && isDue(a.DueAt, now)
}

// orphan puts off by an hour what is due on an order whose merchant has no config item
// (any more, or for a moment): there is nobody to ask with and nobody to tell. An
// event that nobody could be told of for a week is given up.
func (c *Cashier) orphan(ctx context.Context, o *payment.Order) error {
	c.log.WarnContext(ctx, "counted", "metric", "account_gone", "merchant", o.Merchant, "out_trade_no", o.OutTradeNo,
		"detail", "the merchant has no config item")
	_, err := c.update(ctx, o, func(n *payment.Order) (bool, error) {
		now := c.now()
		if !isDue(n.Due(), now) {
			return false, nil
		}
		putOff(n, now)
		if live := n.Live(); now.Before(n.TimeExpire) {
			return true, nil
		} else if live == nil || live.State == payment.Unsent {
			n.Close(now)
		} else if isDue(n.Due(), now) {
			live.Ask(now, hourly, 0) // it holds the close up until it is due
		}
		return true, nil
	})
	return err
}

var hourly = []time.Duration{time.Hour}

func putOff(o *payment.Order, now time.Time) {
	for i := range o.Attempts {
		if a := &o.Attempts[i]; tends(*a, now) {
			a.Ask(now, hourly, 0)
		}
	}
	for i := range o.Refunds {
		if f := &o.Refunds[i]; f.Status == payment.RefundProcessing && isDue(f.DueAt, now) {
			f.Ask(now, hourly)
		}
	}
	for i := range o.Events {
		e := &o.Events[i]
		if !isDue(e.DueAt, now) {
			continue
		}
		if e.DueAt = now.Add(time.Hour); now.After(e.Time.Add(payment.WatchEnd)) {
			e.DueAt = time.Time{}
		}
	}
}

// tendAttempts asks about every attempt whose question is due. An answer that did not
// come is logged, and its next question booked; only a fault of our own is an error.
func (c *Cashier) tendAttempts(ctx context.Context, v *visit, m *config.Merchant, o *payment.Order) (*payment.Order, error) {
	var failed error
	for _, a := range slices.Clone(o.Attempts) {
		if !tends(a, c.now()) {
			continue
		}
		var err error
		o, err = c.atAccount(ctx, v, m, o, a, sweepReserve, func(acc account) (*payment.Order, error) {
			o, err := c.ask(ctx, acc, o, a.No, CallTime, whenDue)
			if errors.Is(err, errAsked) {
				err = nil // by another sweep
			}
			return o, err
		})
		failed = errors.Join(failed, ours(err))
	}
	return o, failed
}

// atAccount makes calls about an attempt when it is their turn at its account. An
// attempt whose account is gone is put off.
func (c *Cashier) atAccount(ctx context.Context, v *visit, m *config.Merchant, o *payment.Order, a payment.Attempt, need time.Duration,
	do func(account) (*payment.Order, error)) (*payment.Order, error) {
	acc, err := c.account(ctx, m, o, &a)
	if err != nil {
		o, late := c.postpone(ctx, o, a.No)
		return o, errors.Join(err, late)
	}
	if unmade := c.turn(ctx, v, acc.lane(), need, func() outcome {
		begin := time.Now()
		o, err = do(acc)
		return heard(err, time.Since(begin))
	}); unmade != nil {
		return o, unmade
	}
	return o, err
}

// postpone books a look at an attempt that nobody can be asked about now.
func (c *Cashier) postpone(ctx context.Context, o *payment.Order, no string) (*payment.Order, error) {
	return c.update(ctx, o, func(n *payment.Order) (bool, error) {
		n.Attempt(no).Ask(c.now(), []time.Duration{time.Minute, 10 * time.Minute, time.Hour}, 0)
		return true, nil
	})
}

// expire closes an order whose time is over, once its processors say that it is not
// paid. Each attempt is asked about once; where the live one gets no answer, the close
// waits for its next question. A watched one that a place may still be found for is
// waited for, too; of its errors only our own count.
func (c *Cashier) expire(ctx context.Context, v *visit, m *config.Merchant, o *payment.Order) (*payment.Order, error) {
	var failed error
	o, err := c.endAttempts(o, func(o *payment.Order, a payment.Attempt) (*payment.Order, error) {
		switch booked := !a.AskedAt.Before(o.TimeExpire) && a.DueAt.After(c.now()); {
		case booked && a.State == payment.Watched:
			return o, nil
		case booked:
			return o, errLater
		}
		o, err := c.atAccount(ctx, v, m, o, a, pairReserve, func(acc account) (*payment.Order, error) {
			return c.endAttempt(ctx, acc, o, a.No)
		})
		if a.State == payment.Watched {
			failed = errors.Join(failed, ours(err))
		}
		return o, err
	})
	switch {
	case errors.Is(err, errLater), errors.Is(err, errShut):
		return o, failed
	case err != nil || o.TradeState != payment.TradeNotPay:
		return o, errors.Join(failed, err)
	}
	seen := o
	o, err = c.update(ctx, o, func(n *payment.Order) (bool, error) {
		return !c.busy(n, seen) && n.Close(c.now()), nil
	})
	return o, errors.Join(failed, err)
}

// tendRefunds takes every refund that is due one step on. That may be two calls: what
// its processor does not know is sent again.
func (c *Cashier) tendRefunds(ctx context.Context, v *visit, m *config.Merchant, o *payment.Order) (*payment.Order, error) {
	var failed error
	for _, f := range slices.Clone(o.Refunds) {
		if f.Status != payment.RefundProcessing || !isDue(f.DueAt, c.now()) {
			continue
		}
		acc, err := c.account(ctx, m, o, o.Attempt(f.AttemptNo))
		if err != nil {
			o, err = c.update(ctx, o, func(n *payment.Order) (bool, error) {
				n.Refund(f.OutRefundNo).Ask(c.now(), hourly)
				return true, nil
			})
			failed = errors.Join(failed, err)
			continue
		}
		_ = c.turn(ctx, v, acc.lane(), pairReserve, func() outcome {
			var out Refunding
			begin := time.Now()
			if out, err = c.tendRefund(ctx, acc, o, f.OutRefundNo, AskEvery); out.Order != nil {
				o = out.Order
			}
			return heard(err, time.Since(begin))
		})
		failed = errors.Join(failed, err)
	}
	return o, failed
}

// tendEvents tells the shop what it has not heard, one event after the other, each
// with the order as it then is.
func (c *Cashier) tendEvents(ctx context.Context, v *visit, d Deliverer, m *config.Merchant, o *payment.Order) error {
	for _, e := range slices.Clone(o.Events) {
		if !isDue(e.DueAt, c.now()) {
			continue
		}
		var failed error
		if c.turn(ctx, v, "shop "+o.Merchant, tellReserve, func() (came outcome) {
			o, came, failed = c.tellShop(ctx, d, m, o, e)
			return came
		}) != nil || failed != nil {
			return failed
		}
	}
	return nil
}

// tellShop tells the shop of one event. Like a question it is booked before, so that
// two sweeps do it once, and what came of it after.
func (c *Cashier) tellShop(ctx context.Context, d Deliverer, m *config.Merchant, o *payment.Order, e payment.Event) (*payment.Order, outcome, error) {
	mine := false
	o, err := c.update(ctx, o, func(n *payment.Order) (bool, error) {
		mine = n.Tell(e.ID, c.now(), c.now().Add(Lease))
		return mine, nil
	})
	if err != nil || !mine {
		return o, unseen, err // or another sweep was faster
	}
	status, err := d.Deliver(ctx, m, o, e)
	if err != nil {
		c.log.WarnContext(ctx, "event", "merchant", o.Merchant, "out_trade_no", o.OutTradeNo,
			"event", e.ID, "type", e.Type, "status", status, "error", err.Error())
	}
	came := goodAnswer
	switch {
	case status == 0:
		came = noAnswer
	case err != nil:
		came = badAnswer
	}
	o, err = c.BookEvent(ctx, o, e.ID, status)
	return o, came, err
}

// BookEvent writes down what a delivery of o's event came to and when the next one is due. A
// 2xx ends it, as does 410: the shop wants no more.
func (c *Cashier) BookEvent(ctx context.Context, o *payment.Order, id string, status int) (*payment.Order, error) {
	var of time.Time
	for _, e := range o.Events {
		if e.ID == id {
			of = e.Time
		}
	}
	return c.update(ctx, o, func(n *payment.Order) (bool, error) {
		return n.Told(id, of, status, c.now(), c.jitter()), nil
	})
}
