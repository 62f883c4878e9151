// Package storetest is the contract suite of package store: what every
// implementation must do, whatever it is built on. It is imported by tests only,
// and must know nothing of the implementations.
//
//	func TestContract(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) storetest.Store { return open(t) })
//	}
//
// Answers that may lag behind saves are waited for, up to a deadline; everything
// else must hold at once.
package storetest

import (
	"context"
	"testing"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/store"
)

// Store is what an implementation must be.
type Store interface {
	store.Store
	store.ConfigStore
}

// Run holds a store against the contract. open returns a new, empty store and
// sees to its removal; every part of the suite has one of its own.
func Run(t *testing.T, open func(t *testing.T) Store) {
	parts := []struct {
		name string
		run  func(*testing.T, Store)
	}{
		{"round trip", roundTrip},
		{"largest order", largestOrder},
		{"versions", versions},
		{"copies", copies},
		{"increments", increments},
		{"created once", createdOnce},
		{"numbers", numbers},
		{"numbers of two merchants", numbersApart},
		{"number too long", numberTooLong},
		{"due", due},
		{"due never early", dueNeverEarly},
		{"due moves", dueMoves},
		{"day", day},
		{"merchants apart", merchantsApart},
		{"notices", notices},
		{"notice kept once", noticeOnce},
		{"config", configItems},
		{"config refused", configRefused},
		{"cancelled", cancelled},
	}
	for _, p := range parts {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.run(t, open(t))
		})
	}
}

// start is when the suite's orders were made. Nothing here depends on the clock.
var start = time.Date(2026, 3, 14, 15, 9, 26, 535897932, time.UTC)

// newOrder is an unpaid order that expires two hours after start.
func newOrder(merchant, no string) *payment.Order {
	return &payment.Order{
		Merchant: merchant, OutTradeNo: no, TradeState: payment.TradeNotPay,
		Total: payment.Money{Amount: 1299, Currency: "EUR"}, Body: "Tea",
		TimeCreate: start, TimeExpire: start.Add(2 * time.Hour),
	}
}

// save stores an order that nobody else touches.
func save(t *testing.T, s store.Store, o *payment.Order) {
	t.Helper()
	if err := s.Save(t.Context(), o); err != nil {
		t.Fatalf("Save(%s/%s): %v", o.Merchant, o.OutTradeNo, err)
	}
}

// load reads an order that is there.
func load(t *testing.T, s store.Store, merchant, no string) *payment.Order {
	t.Helper()
	o, err := s.Get(t.Context(), merchant, no)
	if err != nil {
		t.Fatalf("Get(%s/%s): %v", merchant, no, err)
	}
	return o
}

// patience is how long a lagging answer is waited for.
const patience = 15 * time.Second

// eventually asks until check finds nothing wrong ("").
func eventually(t *testing.T, check func(ctx context.Context) string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		wrong := check(ctx)
		if wrong == "" {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("still so after %v: %s", patience, wrong)
		}
	}
}
