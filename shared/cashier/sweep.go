package cashier

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/store"
)

// Deliverer tells a shop of one event of an order, within the context, and
// returns the HTTP status that came back (0 if none did).
type Deliverer interface {
	Deliver(ctx context.Context, m *config.Merchant, o *payment.Order, e payment.Event) (status int, err error)
}

// Sweep looks once at every order whose moment has come, whatever the reason: a
// silent processor, an expiry, a refund under way, an event not delivered. It
// pages, works on a few orders at a time, stops before its context ends, and
// leaves the rest to the next one. Two sweeps at once share the work: what one
// has booked, the other finds done. It returns how many orders it looked at.
func (c *Cashier) Sweep(ctx context.Context, d Deliverer) (int, error) {
	until, seen, failed := c.now(), 0, error(nil)
	first := c.jitter() // so that under lasting overload no shard is always the last
	for i := range store.Shards {
		for cursor := ""; timeFor(ctx, sweepReserve); {
			keys, next, err := c.store.Due(ctx, (first+i)%store.Shards, until, cursor, sweepPage)
			if err != nil {
				failed = errors.Join(failed, storeDown(err))
				break
			}
			seen += c.tendAll(ctx, d, keys)
			if cursor = next; cursor == "" {
				break
			}
		}
	}
	return seen, failed
}

const (
	sweepPage    = 100 // orders a page
	sweepAtOnce  = 8   // orders worked on together
	sweepReserve = CallTime + saveTime
	tellReserve  = 3*time.Second + saveTime
)

// timeFor reports that a context lasts long enough for what takes so long.
func timeFor(ctx context.Context, d time.Duration) bool {
	end, ok := ctx.Deadline()
	return ctx.Err() == nil && (!ok || time.Until(end) >= d)
}

// tendAll looks at a page of orders, a few together, as long as there is time to
// finish what is begun.
func (c *Cashier) tendAll(ctx context.Context, d Deliverer, keys []store.Key) int {
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, sweepAtOnce)
	for i, key := range keys {
		slots <- struct{}{}
		if !timeFor(ctx, sweepReserve) {
			return i
		}
		wg.Go(func() {
			defer func() { <-slots }()
			defer c.contain(ctx, key)
			if err := c.Tend(ctx, d, key); err != nil {
				c.log.WarnContext(ctx, "sweep", "merchant", key.Merchant, "out_trade_no", key.OutTradeNo, "error", err.Error())
			}
		})
	}
	return len(keys)
}

// contain keeps one order's panic from ending the sweep of all the others.
func (c *Cashier) contain(ctx context.Context, key store.Key) {
	if p := recover(); p != nil {
		c.log.ErrorContext(ctx, "sweep", "metric", "panic", "merchant", key.Merchant, "out_trade_no", key.OutTradeNo,
			"error", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
}

// Tend does what is due on one order: asks about attempts, closes it if it has
// expired, goes on with refunds, delivers events.
func (c *Cashier) Tend(ctx context.Context, d Deliverer, key store.Key) error {
	m, err := c.merchants.Merchant(ctx, key.Merchant)
	if errors.Is(err, config.ErrNoMerchant) {
		return c.orphan(ctx, key)
	}
	if err != nil {
		return err
	}
	o, err := c.load(ctx, key.Merchant, key.OutTradeNo)
	if err != nil {
		return err
	}
	if due := o.Due(); due.IsZero() || due.After(c.now()) {
		return nil // the index lags, or another sweep was here
	}
	o, err = c.tendAttempts(ctx, m, o)
	if err == nil && o.TradeState == payment.TradeNotPay && !c.now().Before(o.TimeExpire) {
		o, err = c.expire(ctx, m, o)
	}
	if e := c.tendRefunds(ctx, m, o); e != nil {
		err = errors.Join(err, e)
	}
	return errors.Join(err, c.tendEvents(ctx, d, m, o))
}

// orphan puts off what is due on an order whose merchant has no config item any
// more: there is nobody to ask with and nobody to tell.
func (c *Cashier) orphan(ctx context.Context, key store.Key) error {
	o, err := c.load(ctx, key.Merchant, key.OutTradeNo)
	if err != nil {
		return err
	}
	c.log.WarnContext(ctx, "counted", "metric", "account_gone", "merchant", key.Merchant, "out_trade_no", key.OutTradeNo,
		"detail", "the merchant has no config item")
	_, err = c.update(ctx, o, func(n *payment.Order) (bool, error) {
		now, hour := c.now(), []time.Duration{time.Hour}
		for i := range n.Attempts {
			n.Attempts[i].Ask(now, hour, 0)
		}
		for i := range n.Refunds {
			n.Refunds[i].Ask(now, hour)
		}
		for i := range n.Events {
			n.Events[i].DueAt = time.Time{}
		}
		if n.Live() == nil && !now.Before(n.TimeExpire) {
			n.Close(now)
		}
		return true, nil
	})
	return err
}

func (c *Cashier) tendAttempts(ctx context.Context, m *config.Merchant, o *payment.Order) (*payment.Order, error) {
	for _, a := range slices.Clone(o.Attempts) {
		done := a.State.Final() && a.State != payment.Captured
		if done || a.DueAt.After(c.now()) || a.DueAt.IsZero() {
			continue
		}
		acc, err := c.account(ctx, m, o, &a)
		if err != nil {
			if o, err = c.postpone(ctx, o, a.No); err != nil {
				return o, err
			}
			continue
		}
		if o, err = c.ask(ctx, acc, o, a.No, CallTime, whenDue); err != nil {
			continue // logged; the next question is booked
		}
	}
	return o, nil
}

// postpone books a look at an attempt that nobody can be asked about now.
func (c *Cashier) postpone(ctx context.Context, o *payment.Order, no string) (*payment.Order, error) {
	return c.update(ctx, o, func(n *payment.Order) (bool, error) {
		n.Attempt(no).Ask(c.now(), []time.Duration{time.Minute, 10 * time.Minute, time.Hour}, 0)
		return true, nil
	})
}

// expire closes an order whose time is over, once the processors say that it is
// not paid; one that does not answer is asked again later.
func (c *Cashier) expire(ctx context.Context, m *config.Merchant, o *payment.Order) (*payment.Order, error) {
	o, err := c.endAttempts(ctx, m, o)
	if err != nil || o.TradeState != payment.TradeNotPay {
		return o, err
	}
	return c.update(ctx, o, func(n *payment.Order) (bool, error) {
		a := n.Live()
		busy := a != nil && a.State == payment.Creating && c.now().Before(a.LeaseUntil)
		return !busy && n.Close(c.now()), nil
	})
}

func (c *Cashier) tendRefunds(ctx context.Context, m *config.Merchant, o *payment.Order) error {
	var failed error
	for _, f := range slices.Clone(o.Refunds) {
		if f.Status != payment.RefundProcessing || f.DueAt.IsZero() || f.DueAt.After(c.now()) {
			continue
		}
		acc, err := c.account(ctx, m, o, o.Attempt(f.AttemptNo))
		if err != nil {
			o, err = c.update(ctx, o, func(n *payment.Order) (bool, error) {
				n.Refund(f.OutRefundNo).Ask(c.now(), []time.Duration{time.Hour})
				return true, nil
			})
			failed = errors.Join(failed, err)
			continue
		}
		out, err := c.tendRefund(ctx, acc, o, f.OutRefundNo, AskEvery)
		if out.Order != nil {
			o = out.Order
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// tendEvents tells the shop what it has not heard, one event after the other. Like
// a question it is booked before, so that two sweeps do it once, and what came of it
// after.
func (c *Cashier) tendEvents(ctx context.Context, d Deliverer, m *config.Merchant, o *payment.Order) error {
	for _, e := range slices.Clone(o.Events) {
		if e.DueAt.IsZero() || e.DueAt.After(c.now()) {
			continue
		}
		if !timeFor(ctx, tellReserve) {
			return nil // a delivery that is cut off would count as the shop's failure
		}
		mine := false
		var err error
		o, err = c.update(ctx, o, func(n *payment.Order) (bool, error) {
			mine = n.Tell(e.ID, c.now(), c.now().Add(Lease))
			return mine, nil
		})
		if err != nil {
			return err
		}
		if !mine {
			continue // another sweep was faster
		}
		status, err := d.Deliver(ctx, m, o, e)
		if err != nil {
			c.log.WarnContext(ctx, "event", "merchant", o.Merchant, "out_trade_no", o.OutTradeNo,
				"event", e.ID, "type", e.Type, "status", status, "error", err.Error())
		}
		if o, err = c.BookEvent(ctx, o, e.ID, status); err != nil {
			return err
		}
	}
	return nil
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
