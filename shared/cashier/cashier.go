// Package cashier holds the use-cases, once for all functions: create, pay,
// query, close, refund, and what to do when a processor posts something. It
// decides; processors only translate and stores only keep. It must not know HTTP,
// AWS, or any single processor.
//
// Every use-case has the same form. Load the order, apply a pure function of the
// domain, save it if nobody was faster, else load it again. A processor is only
// called after what is about to happen has been stored, and an answer that never
// came is an open question, not a failure:
//
//	c, err := cashier.New(cashier.Config{Store: s, Merchants: cache, NotifyURL: url})
//	paying, err := c.UnifiedOrder(ctx, caller, cashier.UnifiedOrder{...})
package cashier

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"time"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/store"
)

// Bounds of the contract.
const (
	Lease    = 25 * time.Second // a create is one caller's for this long
	CallTime = 10 * time.Second // one call to a processor
	RingTime = 4 * time.Second  // the question that a doorbell causes
	AskEvery = 2 * time.Second  // between two questions about an order
	saveTime = 5 * time.Second  // what a caller who hung up still gets for saving
	races    = 64               // lost saves in a row before giving up
)

// Merchants finds a merchant's valid configuration; config.Cache is one.
type Merchants interface {
	Merchant(ctx context.Context, name string) (*config.Merchant, error)
}

// Config is what a Cashier is made from.
type Config struct {
	Store     store.Store // required
	Merchants Merchants   // required
	NotifyURL string      // where notify is served, without a trailing slash; notify itself needs none
	Now       func() time.Time
	Nonce     func() string                              // 32 random letters and digits
	Wait      func(context.Context, time.Duration) error // sleeps until the time or the context is over
	Log       *slog.Logger
}

// Cashier serves all functions. It is safe for concurrent use and keeps nothing
// between calls.
type Cashier struct {
	store     store.Store
	merchants Merchants
	notifyURL string
	clock     func() time.Time
	nonce     func() string
	wait      func(context.Context, time.Duration) error
	log       *slog.Logger
}

// New checks a Config and fills its defaults: the real clock, chance and timer, a
// logger that says nothing.
func New(cfg Config) (*Cashier, error) {
	if cfg.Store == nil || cfg.Merchants == nil {
		return nil, errors.New("cashier: Store and Merchants are required")
	}
	c := &Cashier{cfg.Store, cfg.Merchants, strings.TrimSuffix(cfg.NotifyURL, "/"), cfg.Now, cfg.Nonce, cfg.Wait, cfg.Log}
	if c.clock == nil {
		c.clock = time.Now
	}
	if c.nonce == nil {
		c.nonce = func() string { return rand.Text() + rand.Text()[:6] }
	}
	if c.wait == nil {
		c.wait = wait
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

func (c *Cashier) now() time.Time { return c.clock().UTC() }

// jitter is a number from 0 to 99 by chance.
func (c *Cashier) jitter() int {
	n := c.nonce()
	return (int(n[0])*7 + int(n[1])) % 100
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// update applies a change to an order and saves it, loading again as long as
// somebody else was faster. change says whether there is anything to save; it may
// run several times, each on a fresh copy. It finishes although the caller hung
// up, because what it books has happened.
func (c *Cashier) update(ctx context.Context, o *payment.Order, change func(*payment.Order) (bool, error)) (*payment.Order, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	for range races {
		n := o.Clone()
		dirty, err := change(n)
		if err != nil || !dirty {
			return n, err
		}
		if err = c.store.Save(ctx, n); err == nil {
			return n, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return o, storeDown(err)
		}
		if o, err = c.store.Get(ctx, o.Merchant, o.OutTradeNo); err != nil {
			return n, storeDown(err)
		}
	}
	return o, payment.Errorf(payment.Conflict, "order %s is changed by too many calls at once; repeat", o.OutTradeNo).Retry()
}

func storeDown(err error) error {
	return payment.Errorf(payment.Internal, "the order store did not answer; repeat the call").Because(err)
}

// load reads an order of a merchant.
func (c *Cashier) load(ctx context.Context, merchant, outTradeNo string) (*payment.Order, error) {
	o, err := c.store.Get(ctx, merchant, outTradeNo)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, notFound(outTradeNo)
	case err != nil:
		return nil, storeDown(err)
	}
	return o, nil
}

// notFound is also what a user gets for a stranger's or an unclaimed order.
func notFound(outTradeNo string) error {
	return payment.Errorf(payment.NotFound, "out_trade_no %s: no such order", outTradeNo)
}

// line logs one step at a processor, with what an operator needs to go on.
func (c *Cashier) line(ctx context.Context, op string, o *payment.Order, a *payment.Attempt, err error, more ...any) {
	level, outcome := slog.LevelInfo, "done"
	args := []any{"op", op, "merchant", o.Merchant, "out_trade_no", o.OutTradeNo, "provider", a.Provider,
		"account", a.Account, "no", a.No, "sp_trade_no", a.SpTradeNo, "trade_state", o.TradeState}
	if err != nil {
		level, outcome = slog.LevelWarn, provider.KindOf(err).String()
		args = append(args, "error", err.Error())
	}
	c.log.Log(ctx, level, "processor", append(append(args, "outcome", outcome), more...)...)
}

// count logs what an alarm listens to. Metric filters read the attribute "metric".
func (c *Cashier) count(ctx context.Context, metric string, o *payment.Order, a *payment.Attempt, detail string) {
	c.log.WarnContext(ctx, "counted", "metric", metric, "merchant", o.Merchant, "out_trade_no", o.OutTradeNo,
		"provider", a.Provider, "no", a.No, "detail", detail)
}

// called is what the order keeps of a call to its processor: the processor's word
// for it, or the error.
func (c *Cashier) called(op, no string, err error, word string) payment.Call {
	call := payment.Call{Op: op, No: no, Outcome: "done", Word: clip(word), Time: c.now()}
	if err != nil {
		call.Outcome, call.Word = provider.KindOf(err).String(), clip(err.Error())
	}
	return call
}

// note keeps a call that changes nothing else. It is of use to people only, so that
// a store that does not take it is no error.
func (c *Cashier) note(ctx context.Context, o *payment.Order, call payment.Call) *payment.Order {
	noted, err := c.update(ctx, o, func(n *payment.Order) (bool, error) { return n.Called(call), nil })
	if err != nil {
		return o
	}
	return noted
}

// clip makes a text short enough to be stored with an order.
func clip(s string) string {
	text := []rune(s)
	return string(text[:min(len(text), 200)])
}
