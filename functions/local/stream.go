package main

import (
	"context"
	"sync"
	"time"

	"overseaspay/functions/deliver"
	"overseaspay/shared/payment"
	"overseaspay/shared/store"
)

// stream is a store that does what the table's stream does on AWS: each save hands
// the events that are new in it to deliver, at once. What is lost on the way, the
// sweep repeats.
type stream struct {
	backend
	news chan news

	mu    sync.Mutex
	known map[told]time.Time // what was handed over, and when
}

type news struct {
	key store.Key
	ids []string
}

// told is an event as it was at a time: one that has more to say is another.
type told struct {
	id string
	at int64 // nanoseconds, as a stored time is another than the clock's
}

func newStream(b backend) *stream {
	return &stream{backend: b, news: make(chan news, 1000), known: make(map[told]time.Time)}
}

// Save stores the order, then hands over its new events.
func (s *stream) Save(ctx context.Context, o *payment.Order) error {
	if err := s.backend.Save(ctx, o); err != nil {
		return err
	}
	if ids := s.fresh(o); len(ids) > 0 {
		select {
		case s.news <- news{store.Key{Merchant: o.Merchant, OutTradeNo: o.OutTradeNo}, ids}:
		default: // too much at once: the sweep's
		}
	}
	return nil
}

// fresh picks the events that were not handed over before, and forgets the old
// ones, which are long due.
func (s *stream) fresh(o *payment.Order) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	now := time.Now()
	for _, e := range o.Events {
		this := told{e.ID, e.Time.UnixNano()}
		if _, known := s.known[this]; !known && !e.DueAt.IsZero() && e.Tries == 0 {
			s.known[this] = now
			ids = append(ids, e.ID)
		}
	}
	if len(s.known) > 10_000 {
		for this, at := range s.known {
			if now.Sub(at) > time.Minute {
				delete(s.known, this)
			}
		}
	}
	return ids
}

// run delivers until the context ends.
func (s *stream) run(ctx context.Context, f *deliver.Function) {
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-s.news:
			_ = f.Tell(ctx, n.key, n.ids) // our own faults are the sweep's, too
		}
	}
}
