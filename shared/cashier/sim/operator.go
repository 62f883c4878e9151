package sim

import (
	"context"
	"math/rand/v2"
	"time"

	"overseaspay/shared/store"
)

// operate books what the operator will do: send new orders elsewhere, give a
// processor a new account while orders of the old one are under way, ask about
// orders, and tell the shop everything once more.
func (w *World) operate(rng *rand.Rand) {
	if rng.IntN(3) == 0 {
		name := w.names[rng.IntN(len(w.names))]
		w.after(time.Duration(rng.IntN(300))*time.Second, func() { w.rotate(name) })
	}
	for range rng.IntN(3) {
		w.after(time.Duration(60+rng.IntN(300))*time.Second, w.resend)
	}
	for range rng.IntN(3) {
		w.after(time.Duration(30+rng.IntN(300))*time.Second, w.sync)
	}
	for range rng.IntN(4) {
		to := w.names[rng.IntN(len(w.names))]
		w.after(time.Duration(rng.IntN(300))*time.Second, func() {
			w.item["pay_sp"] = to
			w.trace.line("%s pay_sp is %s", w.clock(), to)
			w.mustPutItem()
		})
	}
}

// rotate gives a processor a new account, as a merchant does; the old one stays,
// for the orders that were made with it.
func (w *World) rotate(name string) {
	s := w.settings(name)
	old, ok := s["mchid"].(string)
	if !ok || s["former"] != nil || s["bridge_id"] != nil { // a bridge has an account of its own, whatever the mchid
		return
	}
	next := []byte(old)
	next[len(next)-1] = '0' + (next[len(next)-1]-'0'+1)%10
	s["mchid"], s["former"] = string(next), []any{map[string]any{"mchid": old}}
	w.trace.line("%s %s has account %s, formerly %s", w.clock(), name, next, old)
	w.mustPutItem()
}

// resend is the operator telling the shop all events of an order once more, as the
// command "order resend" does. Nothing bounds how long it takes.
func (w *World) resend() {
	if key, ok := w.anyOrder(); ok {
		w.invoke("desk", "resend", time.Hour, func(ctx context.Context, c *container) {
			_ = c.resend(ctx, key) // what fails is left to the timetable it had
		})
	}
}

// sync is the operator asking about an order at once, as the command "order sync" does.
func (w *World) sync() {
	if key, ok := w.anyOrder(); ok {
		w.invoke("desk", "sync", time.Hour, func(ctx context.Context, c *container) {
			_ = c.sync(ctx, key)
		})
	}
}

// anyOrder is one of the orders there are.
func (w *World) anyOrder() (key store.Key, ok bool) {
	if keys := w.Store.keys; len(keys) > 0 {
		return keys[w.rng.IntN(len(keys))], true
	}
	return key, false
}

// sync is a container's part of it.
func (p parts) sync(ctx context.Context, key store.Key) error {
	m, err := p.merchants.Merchant(ctx, key.Merchant)
	if err == nil {
		_, err = p.cashier.Sync(ctx, m, key.OutTradeNo)
	}
	return err
}

// resend is a container's part of it.
func (p parts) resend(ctx context.Context, key store.Key) error {
	m, err := p.merchants.Merchant(ctx, key.Merchant)
	if err != nil {
		return err
	}
	o, err := p.orders.Get(ctx, key.Merchant, key.OutTradeNo)
	if err != nil {
		return err
	}
	for _, e := range o.Events {
		status, err := p.shop.Deliver(ctx, m, o, e)
		if err != nil {
			continue
		}
		if o, err = p.cashier.BookEvent(ctx, o, e.ID, status); err != nil {
			return err
		}
	}
	return nil
}
