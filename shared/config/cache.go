package config

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/store"
)

// ErrNoMerchant is the cause of the not_found that [Cache.Merchant] answers for a
// merchant without an item; test with errors.Is.
var ErrNoMerchant = errors.New("no such merchant")

// Store is what the cache needs of a store of items.
type Store interface {
	// GetConfig loads an item as it was put. [store.ErrNotFound] if there is none;
	// any other error is an outage.
	GetConfig(ctx context.Context, id string) (json.RawMessage, error)
}

// CacheConfig is what a [Cache] is made from.
type CacheConfig struct {
	Store Store            // required
	Env   Env              // its Registry is required
	ID    string           // key of the default merchant's item; default "payment"
	Life  time.Duration    // how long an item is not asked for again; default 60 s
	Log   *slog.Logger     // default slog.Default
	Now   func() time.Time // default time.Now
}

const (
	// DefaultMerchant is the merchant of the item without a suffix.
	DefaultMerchant = "default"

	// maxMisses bounds the names without a good item that are remembered, and so
	// the reads that a flood of invented names can cause in one life.
	maxMisses = 1000
	// outageLife is how long a store is left alone after it failed while there is
	// nothing to serve on.
	outageLife = time.Second
	// secretsLife is how long parameters are believed while the item that names
	// them stays the same.
	secretsLife = 10 * time.Minute
	// reloadWithin bounds a reload where there is something to serve on.
	reloadWithin = 3 * time.Second
)

// Cache keeps one snapshot per merchant. It is safe for concurrent use and starts
// no goroutine: the first call after a snapshot's life reloads it, others are
// served the old one meanwhile.
type Cache struct {
	cfg CacheConfig

	mu    sync.Mutex
	slots map[string]*slot
}

// slot is what is known of one merchant. The holder of busy alone changes the
// members above it, under the cache's lock.
type slot struct {
	good         *Merchant // served while there is one, whatever happened since
	why          error     // why there is none
	raw          json.RawMessage
	references   int // parameters that raw names
	until        time.Time
	secretsUntil time.Time

	busy chan struct{} // closed when the reload is done; nil without one
}

// NewCache makes an empty cache.
func NewCache(cfg CacheConfig) (*Cache, error) {
	switch {
	case cfg.Store == nil:
		return nil, errors.New("config: CacheConfig.Store is required")
	case cfg.Env.Registry == nil:
		return nil, errors.New("config: CacheConfig.Env.Registry is required")
	case cfg.Life < 0:
		return nil, errors.New("config: CacheConfig.Life must not be negative")
	}
	cfg.ID = cmp.Or(cfg.ID, "payment")
	cfg.Life = cmp.Or(cfg.Life, time.Minute)
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Env = cfg.Env.withDefaults()
	return &Cache{cfg: cfg, slots: make(map[string]*slot)}, nil
}

// Merchant returns a merchant's snapshot, at most Life old while the store
// answers with a valid item, else the last good one. Without any the error is a
// [payment.Error]: not_found (see [ErrNoMerchant]) for a merchant without an item;
// config_invalid for an item that is refused, retryable if it could not be read;
// too_many_requests while too many unknown names are asked for.
func (c *Cache) Merchant(ctx context.Context, name string) (*Merchant, error) {
	if !merchantName.MatchString(name) {
		return nil, refusal(ErrNoMerchant)
	}
	for {
		c.mu.Lock()
		s := c.slot(name)
		if s == nil {
			c.mu.Unlock()
			return nil, payment.Errorf(payment.TooManyRequests, "too many unknown merchants are asked for; repeat in a minute")
		}
		if c.cfg.Now().Before(s.until) || s.busy != nil && s.good != nil {
			defer c.mu.Unlock()
			return s.answer()
		}
		busy := s.busy
		if busy == nil {
			s.busy = make(chan struct{})
			c.mu.Unlock()
			return c.reload(ctx, name, s)
		}
		c.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, refusal(ctx.Err())
		}
	}
}

// slot finds or makes a merchant's slot; nil if there is no room for another
// name. The default merchant always has room. The caller holds the lock.
func (c *Cache) slot(name string) *slot {
	s := c.slots[name]
	if s == nil && (name == DefaultMerchant || c.room()) {
		s = &slot{}
		c.slots[name] = s
	}
	return s
}

// room forgets names without a good item whose time is over, and reports whether
// another name may be asked for.
func (c *Cache) room() bool {
	misses, now := 0, c.cfg.Now()
	for name, s := range c.slots {
		switch {
		case s.good != nil:
		case s.busy == nil && !now.Before(s.until):
			delete(c.slots, name)
		default:
			misses++
		}
	}
	return misses < maxMisses
}

func (s *slot) answer() (*Merchant, error) {
	if s.good != nil {
		return s.good, nil
	}
	return nil, refusal(s.why)
}

// reload brings a claimed slot up to date and gives it free, even out of a panic.
func (c *Cache) reload(ctx context.Context, name string, s *slot) (*Merchant, error) {
	next := *s
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		close(s.busy)
		next.busy = nil
		*s = next
	}()
	c.load(ctx, name, &next)
	return next.answer()
}

// load asks the store and changes what is known accordingly.
func (c *Cache) load(ctx context.Context, name string, s *slot) {
	bounded := ctx
	if s.good != nil {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(ctx, reloadWithin)
		defer cancel()
	}
	raw, err := c.cfg.Store.GetConfig(bounded, c.id(name))
	now := c.cfg.Now()
	until := now.Add(c.cfg.Life)
	switch {
	case errors.Is(err, store.ErrNotFound):
		*s = slot{why: ErrNoMerchant, until: until}
		return
	case err == nil && s.current(raw, now):
		s.until = until
		return
	case err == nil:
		var m *Merchant
		var f *findings
		if m, f, err = c.cfg.Env.parse(bounded, name, raw); err == nil {
			*s = slot{good: m, raw: bytes.Clone(raw), references: f.references, until: until, secretsUntil: now.Add(secretsLife)}
			return
		}
	}
	c.failed(ctx, name, s, err)
}

// current reports that the snapshot is what an item would make again. An item
// that names parameters is made again now and then, as they may have changed.
func (s *slot) current(raw json.RawMessage, now time.Time) bool {
	return s.good != nil && bytes.Equal(raw, s.raw) && (s.references == 0 || now.Before(s.secretsUntil))
}

// failed keeps what is good, sets when to ask again, and tells the operator. A
// call that ran out of time says nothing about the store: the next one asks.
func (c *Cache) failed(ctx context.Context, name string, s *slot, err error) {
	var problems Problems
	invalid, now := errors.As(err, &problems), c.cfg.Now()
	s.why = err
	switch {
	case invalid, s.good != nil && ctx.Err() == nil:
		s.until = now.Add(c.cfg.Life)
	case ctx.Err() == nil:
		s.until = now.Add(min(outageLife, c.cfg.Life))
	}
	metric, lines := "config_unavailable", []string{fmt.Sprint(err)}
	if invalid {
		metric, lines = "config_invalid", nil
		for _, p := range problems {
			lines = append(lines, p.String())
		}
	}
	c.cfg.Log.LogAttrs(ctx, slog.LevelError, "config item cannot be used", slog.String("metric", metric),
		slog.String("merchant", name), slog.Any("problems", lines), slog.Bool("last_good_serves", s.good != nil))
}

// refusal is what callers are told where there is no snapshot.
func refusal(why error) error {
	var problems Problems
	switch {
	case errors.Is(why, ErrNoMerchant):
		return payment.Errorf(payment.NotFound, "no such merchant").Because(why)
	case errors.As(why, &problems):
		return payment.Errorf(payment.ConfigInvalid, "the merchant's config item is invalid; config check says where").Because(why)
	}
	return payment.Errorf(payment.ConfigInvalid, "the merchant's config item cannot be read now; repeat the call").Retry().Because(why)
}

// id is the key of a merchant's item.
func (c *Cache) id(name string) string {
	if name == DefaultMerchant {
		return c.cfg.ID
	}
	return c.cfg.ID + ":" + name
}
