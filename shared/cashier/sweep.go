package cashier

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
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
// pages, works on a few orders at a time, paces its calls to each account and shop,
// stops before its context ends, and leaves the rest to the next one. Two sweeps at
// once share the work: what one has booked, the other finds done. It returns how many
// orders it looked at, and an error where our own store failed; others are only logged.
func (c *Cashier) Sweep(ctx context.Context, d Deliverer) (int, error) {
	// A random first shard, so that under lasting overload none is always the last.
	s := &sweep{Cashier: c, deliverer: d, over: make(chan error, sweepAtOnce), until: c.now(), first: c.jitter()}
	s.run(ctx)
	return s.seen, s.fault()
}

// run looks at one order after the other, and ends when the last look has.
func (s *sweep) run(ctx context.Context) {
	defer s.rest(0)
	for timeFor(ctx, sweepReserve) {
		if v := s.next(ctx); v != nil {
			s.look(ctx, v)
			s.rest(sweepAtOnce - 1)
		} else if s.running == 0 {
			break
		} else {
			s.rest(s.running - 1) // a place may get free for an order that waits for one
		}
	}
}

// fault is what our own store failed at. Of thousands of looks the first stands for all.
func (s *sweep) fault() error {
	if s.lost == 0 {
		return s.failed
	}
	return errors.Join(s.failed, fmt.Errorf("looks that could not be booked: %d; the first: %w", s.lost, s.lostBy))
}

const (
	sweepPage    = 100 // orders a page
	sweepAtOnce  = 8   // orders worked on together
	sweepReserve = CallTime + saveTime
	pairReserve  = 2*CallTime + saveTime // for a call and the one that may follow from its answer
	tellReserve  = 3*time.Second + saveTime
)

// timeFor reports that a context lasts long enough for what takes so long.
func timeFor(ctx context.Context, d time.Duration) bool {
	end, ok := ctx.Deadline()
	return ctx.Err() == nil && (!ok || time.Until(end) >= d)
}

// sweep is one sweep under way. One goroutine decides what is looked at next, so that
// it hangs on nothing but the order in which looks end.
type sweep struct {
	*Cashier
	deliverer Deliverer
	pace      pace
	over      chan error // hears of every look that has ended, and never makes one wait
	running   int        // looks under way

	until  time.Time
	first  int         // of the shards
	shards int         // that have been read to their end
	keys   []store.Key // the rest of a page
	cursor string      // where the next one begins
	seen   int
	failed error // pages that could not be read
	lost   int   // looks that the store failed
	lostBy error // the first of their errors
}

// next is the order to look at now: one that waited for a place that is free, else
// the next one that is due; nil if there is none at the moment.
func (s *sweep) next(ctx context.Context) *visit {
	if v := s.pace.waiting(); v != nil {
		return v
	}
	for len(s.keys) == 0 && s.shards < store.Shards {
		if !timeFor(ctx, sweepReserve) {
			return nil
		}
		s.page(ctx)
	}
	if len(s.keys) == 0 {
		return nil
	}
	v := &visit{pace: &s.pace, key: s.keys[0]}
	s.keys = s.keys[1:]
	s.seen++
	return v
}

// page reads the next page of what is due.
func (s *sweep) page(ctx context.Context) {
	var err error
	s.keys, s.cursor, err = s.store.Due(ctx, (s.first+s.shards)%store.Shards, s.until, s.cursor, sweepPage)
	if err != nil {
		s.failed = errors.Join(s.failed, storeDown(err))
		s.cursor = ""
	}
	if s.cursor == "" {
		s.shards++
	}
}

// look begins a visit.
func (s *sweep) look(ctx context.Context, v *visit) {
	s.running++
	go func() {
		var err error
		defer func() { s.over <- err }()
		defer v.end()
		defer s.contain(ctx, v.key)
		if err = s.tend(ctx, v, s.deliverer); err != nil {
			why := []any{"merchant", v.key.Merchant, "out_trade_no", v.key.OutTradeNo, "error", err.Error()}
			if fault := errors.Unwrap(ours(err)); fault != nil {
				why = append(why, "cause", fault.Error())
			}
			s.log.WarnContext(ctx, "sweep", why...)
		}
	}()
}

// rest waits until at most so many looks are under way.
func (s *sweep) rest(most int) {
	for ; s.running > most; s.running-- {
		err := ours(<-s.over)
		if err == nil {
			continue
		}
		if s.lost++; s.lost == 1 {
			s.lostBy = err
		}
	}
}

// ours is the first fault of our own in an error, however deep: a store that fails. It
// is nil if there is none.
func ours(err error) error {
	switch e := err.(type) {
	case *payment.Error:
		if e.Code == payment.Internal {
			return e
		}
		return ours(e.Unwrap())
	case interface{ Unwrap() error }:
		return ours(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			if found := ours(one); found != nil {
				return found
			}
		}
	}
	return nil
}

// contain keeps one order's panic from ending the sweep of all the others.
func (c *Cashier) contain(ctx context.Context, key store.Key) {
	if p := recover(); p != nil {
		c.log.ErrorContext(ctx, "sweep", "metric", "panic", "merchant", key.Merchant, "out_trade_no", key.OutTradeNo,
			"error", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
}
