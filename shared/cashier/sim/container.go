package sim

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"overseaspay/functions/deliver"
	"overseaspay/functions/notify"
	"overseaspay/functions/pay"
	"overseaspay/functions/reconcile"
	"overseaspay/shared/cashier"
	"overseaspay/shared/config"
	"overseaspay/shared/store"
	"overseaspay/shared/webhook"
)

// container is one process of a function: it has a clock and a cache of its own.
// As on Lambda it serves one call at a time.
type container struct {
	id         int
	role       string
	skew       time.Duration
	busy, dead bool

	serve  http.Handler // pay, notify
	tell   *deliver.Function
	sweep  func(context.Context) error
	resend func(context.Context, store.Key) error
	sync   func(context.Context, store.Key) error
}

// parts are what functions are made from.
type parts struct {
	orders    orders
	merchants cashier.Merchants
	shop      cashier.Deliverer
	cashier   *cashier.Cashier
}

// container returns one that is free, or boots a cold one.
func (w *World) container(role string) *container {
	for _, c := range w.containers {
		if c.role == role && !c.busy && !c.dead {
			return c
		}
	}
	w.containers = slices.DeleteFunc(w.containers, func(c *container) bool { return c.dead })
	w.drawn++
	c := &container{id: w.drawn, role: role}
	if w.skew > 0 {
		c.skew = time.Duration(w.rng.Int64N(int64(2*w.skew))) - w.skew
	}
	if err := w.boot(c); err != nil {
		panic(fmt.Sprintf("sim: boot: %v", err))
	}
	w.containers = append(w.containers, c)
	return c
}

// boot wires a function as its bootstrap does, with the seams in place of the world.
func (w *World) boot(c *container) error {
	now := func() time.Time { return time.Now().Add(c.skew) }
	s, nonce := orders{w.Store, w}, w.draw(uint64(100+c.id))
	cache, err := config.NewCache(config.CacheConfig{Store: s, Life: w.opt.cacheLife(), Now: now, Log: w.log,
		Env: config.Env{Registry: w.registry, HTTP: &http.Client{Transport: wire{w}}, Now: now, Nonce: nonce}})
	if err != nil {
		return err
	}
	known, merchants := &snapshot{}, cashier.Merchants(cache)
	if c.role == "reconcile" {
		merchants = known
	}
	core, err := cashier.New(cashier.Config{Store: s, Merchants: merchants, NotifyURL: notifyURL, Now: now, Nonce: nonce,
		Wait: w.sleep, Log: w.log})
	if err != nil {
		return err
	}
	shop, err := webhook.New(webhook.Config{Transport: shopWire{w}, Now: now, Log: w.log})
	if err != nil {
		return err
	}
	switch c.role {
	case "pay":
		c.serve, err = pay.New(pay.Config{Cashier: core, Merchants: cache, Now: now, Login: w.login})
	case "notify":
		c.serve, err = notify.New(core)
	case "deliver":
		c.tell, err = deliver.New(deliver.Config{Cashier: core, Orders: s, Merchants: cache, Deliverer: shop, Log: w.log})
	case "desk":
		p := parts{s, cache, shop, core}
		c.resend, c.sync = p.resend, p.sync
	case "reconcile":
		var f *reconcile.Function
		f, err = reconcile.New(reconcile.Config{Cashier: core, Deliverer: shop, Log: w.log})
		c.sweep = func(ctx context.Context) error {
			known.m, known.err = cache.Merchant(ctx, config.DefaultMerchant)
			return f.Handle(ctx)
		}
	}
	return err
}

// snapshot is the one merchant as it was when a sweep began. A sweep's goroutines
// start together: which of them finds the cache outlived, and reads the item,
// would be left to the machine.
type snapshot struct {
	m   *config.Merchant
	err error
}

// Merchant implements [cashier.Merchants].
func (s *snapshot) Merchant(context.Context, string) (*config.Merchant, error) { return s.m, s.err }

// login is WeChat's part of it: the code is the openid.
func (w *World) login(_ context.Context, _ *config.Merchant, code string) (string, error) {
	return code, nil
}

// sleep is a call's own wait between two looks at an order.
func (w *World) sleep(ctx context.Context, d time.Duration) error {
	w.land(ctx, "wait", d)
	return ctx.Err()
}
