package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"overseaspay/shared/payment"
	"overseaspay/shared/store"
)

// found waits until a number leads to exactly these orders.
func found(t *testing.T, s store.Store, index store.Index, merchant, number string, want ...string) {
	t.Helper()
	eventually(t, func(ctx context.Context) string {
		got, err := s.Find(ctx, index, merchant, number)
		if err != nil {
			return err.Error()
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			return fmt.Sprintf("Find %s %s/%s (-want +got):\n%s", index, merchant, number, diff)
		}
		return ""
	})
}

// numbers: entries appear, move and vanish with the order's leading attempt.
func numbers(t *testing.T, s Store) {
	o := newOrder("default", "ORDER-0001")
	save(t, s, o)
	o.Attempts = []payment.Attempt{{No: "ORDER-0001", State: payment.Open, SpTradeNo: "SP/1", TransactionID: "42"}}
	save(t, s, o)
	found(t, s, store.BySpTradeNo, "default", "SP/1", "ORDER-0001")
	found(t, s, store.ByTransactionID, "default", "42", "ORDER-0001")
	for _, other := range []string{"SP", "SP/", "SP/10", "42"} {
		found(t, s, store.BySpTradeNo, "default", other)
	}

	o.Attempts = append(o.Attempts, payment.Attempt{No: "ORDER-0001b", State: payment.Open, SpTradeNo: "SP/10"})
	save(t, s, o)
	found(t, s, store.BySpTradeNo, "default", "SP/10", "ORDER-0001") // moved
	found(t, s, store.BySpTradeNo, "default", "SP/1")
	found(t, s, store.ByTransactionID, "default", "42") // vanished

	o.PaidBy = "ORDER-0001"
	save(t, s, o)
	found(t, s, store.BySpTradeNo, "default", "SP/1", "ORDER-0001") // moved back
	found(t, s, store.BySpTradeNo, "default", "SP/10")

	twin := newOrder("default", "ORDER-0002")
	twin.Attempts = []payment.Attempt{{No: "ORDER-0002", State: payment.Open, SpTradeNo: "SP/1"}}
	save(t, s, twin)
	found(t, s, store.BySpTradeNo, "default", "SP/1", "ORDER-0001", "ORDER-0002")
	twin.Attempts[0].SpTradeNo = "SP/1\x00twin" // whatever a processor may send
	save(t, s, twin)
	found(t, s, store.BySpTradeNo, "default", "SP/1\x00twin", "ORDER-0002")
	found(t, s, store.BySpTradeNo, "default", "SP/1", "ORDER-0001")
}

func numbersApart(t *testing.T, s Store) {
	for _, merchant := range []string{"shop", "shop-2"} {
		o := newOrder(merchant, "ORDER-OF-"+merchant)
		o.Attempts = []payment.Attempt{{No: o.OutTradeNo, State: payment.Open, SpTradeNo: "SP1", TransactionID: "42"}}
		save(t, s, o)
	}
	for _, index := range []store.Index{store.BySpTradeNo, store.ByTransactionID} {
		number := map[store.Index]string{store.BySpTradeNo: "SP1", store.ByTransactionID: "42"}[index]
		found(t, s, index, "shop", number, "ORDER-OF-shop")
		found(t, s, index, "shop-2", number, "ORDER-OF-shop-2")
		found(t, s, index, "nobody", number)
	}
}

// numberTooLong: it gets no entry, but the order it came with is saved.
func numberTooLong(t *testing.T, s Store) {
	o := newOrder(strings.Repeat("m", 32), "ORDER-0001")
	longest := strings.Repeat("9", store.MaxIndexed)
	for _, tooLong := range []string{longest + "9", longest + longest} {
		o.Attempts = []payment.Attempt{{No: "ORDER-0001", SpTradeNo: tooLong, TransactionID: longest}}
		save(t, s, o)
		found(t, s, store.ByTransactionID, o.Merchant, longest, "ORDER-0001")
		found(t, s, store.BySpTradeNo, o.Merchant, tooLong)
		if diff := cmp.Diff(o, load(t, s, o.Merchant, "ORDER-0001")); diff != "" {
			t.Errorf("Get (-want +got):\n%s", diff)
		}
	}
}

// inShard makes n order numbers of one shard, and one of another.
func inShard(merchant string, n int) (shard int, numbers []string, stranger string) {
	shard = store.IndexesOf(newOrder(merchant, "ORDER-0")).DueShard
	for i := 0; len(numbers) < n || stranger == ""; i++ {
		no := fmt.Sprintf("ORDER-%d", i)
		if store.IndexesOf(newOrder(merchant, no)).DueShard != shard {
			stranger = no
		} else if len(numbers) < n {
			numbers = append(numbers, no)
		}
	}
	return shard, numbers, stranger
}

// pages collects all pages and checks that they are bounded.
func pages(limit int, page func(cursor string) ([]store.Key, string, error)) ([]store.Key, error) {
	var all []store.Key
	cursor := ""
	for range 100 {
		keys, next, err := page(cursor)
		if err != nil {
			return nil, err
		}
		if len(keys) > limit {
			return nil, fmt.Errorf("a page of %d, the limit is %d", len(keys), limit)
		}
		if all = append(all, keys...); next == "" {
			return all, nil
		}
		cursor = next
	}
	return nil, errors.New("the pages never end")
}

// dueAre waits until exactly these orders of a shard are due, in this order,
// whatever the size of the pages.
func dueAre(t *testing.T, s store.Store, shard int, until time.Time, want []store.Key) {
	t.Helper()
	for _, limit := range []int{1, 3, 100} {
		eventually(t, func(ctx context.Context) string {
			got, err := pages(limit, func(cursor string) ([]store.Key, string, error) {
				return s.Due(ctx, shard, until, cursor, limit)
			})
			if err != nil {
				return err.Error()
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				return fmt.Sprintf("Due in pages of %d (-want +got):\n%s", limit, diff)
			}
			return ""
		})
	}
}

func due(t *testing.T, s Store) {
	shard, nos, stranger := inShard("default", 10)
	late, never, nos := nos[0], nos[1], nos[2:]
	at := func(no string, expire time.Time, state payment.TradeState) {
		o := newOrder("default", no)
		o.TimeExpire, o.TradeState = expire, state
		save(t, s, o)
	}
	var want []store.Key
	for i, no := range nos { // saved newest first
		at(no, start.Add(time.Duration(len(nos)-i)*time.Millisecond), payment.TradeNotPay)
		want = append([]store.Key{{Merchant: "default", OutTradeNo: no}}, want...)
	}
	until := start.Add(time.Hour)
	at(late, until.Add(2*time.Millisecond), payment.TradeNotPay)
	at(never, start, payment.TradeSuccess)
	at(stranger, start, payment.TradeNotPay)
	dueAre(t, s, shard, until, want)
	dueAre(t, s, shard, until.Add(time.Hour), append(want, store.Key{Merchant: "default", OutTradeNo: late}))
	dueAre(t, s, shard, start.Add(-time.Hour), nil)
}

// dueNeverEarly: an order shows at its moment or within a millisecond, not before.
func dueNeverEarly(t *testing.T, s Store) {
	o := newOrder("default", "ORDER-0001")
	o.TimeExpire = start.Truncate(time.Millisecond).Add(700 * time.Microsecond)
	save(t, s, o)
	shard := store.IndexesOf(o).DueShard
	dueAre(t, s, shard, o.TimeExpire.Add(time.Millisecond), []store.Key{{Merchant: "default", OutTradeNo: "ORDER-0001"}})
	dueAre(t, s, shard, o.TimeExpire.Add(-200*time.Microsecond), nil)
}

// dueMoves: the one entry of an order follows its next moment, and goes with it.
func dueMoves(t *testing.T, s Store) {
	shard, nos, _ := inShard("default", 2)
	for i, no := range nos {
		o := newOrder("default", no)
		o.TimeExpire = start.Add(time.Duration(i) * time.Minute)
		save(t, s, o)
	}
	key := func(i int) store.Key { return store.Key{Merchant: "default", OutTradeNo: nos[i]} }
	until := start.Add(time.Hour)
	dueAre(t, s, shard, until, []store.Key{key(0), key(1)})
	o := load(t, s, "default", nos[0])
	o.TimeExpire = start.Add(2 * time.Minute)
	save(t, s, o)
	dueAre(t, s, shard, until, []store.Key{key(1), key(0)})
	o.TradeState = payment.TradeSuccess
	save(t, s, o)
	dueAre(t, s, shard, until, []store.Key{key(1)})
}

func day(t *testing.T, s Store) {
	midnight := time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)
	var want []store.Key
	for i, at := range []time.Duration{ // moments whose RFC 3339 texts sort otherwise
		0, time.Second, time.Second + 1, time.Second + 250*time.Millisecond, time.Second + 500*time.Millisecond, 24*time.Hour - 1,
	} {
		o := newOrder("default", fmt.Sprintf("ORDER-%d", 9-i))
		o.TimeCreate = midnight.Add(at)
		save(t, s, o)
		want = append(want, store.Key{Merchant: "default", OutTradeNo: o.OutTradeNo})
	}
	before, after, stranger := newOrder("default", "ORDER-BEFORE"), newOrder("default", "ORDER-AFTER"), newOrder("default-2", "ORDER-0001")
	before.TimeCreate, after.TimeCreate = midnight.Add(-1), midnight.Add(24*time.Hour)
	for _, o := range []*payment.Order{before, after, stranger} {
		save(t, s, o)
	}
	again := load(t, s, "default", want[0].OutTradeNo)
	again.TradeState = payment.TradeSuccess
	save(t, s, again) // stays where it is
	for _, c := range []struct {
		merchant, day string
		want          []store.Key
	}{
		{"default", "2026-03-14", want},
		{"default", "2026-03-13", []store.Key{{Merchant: "default", OutTradeNo: "ORDER-BEFORE"}}},
		{"default", "2026-03-16", nil},
		{"default-2", "2026-03-14", []store.Key{{Merchant: "default-2", OutTradeNo: "ORDER-0001"}}},
		{"nobody", "2026-03-14", nil},
	} {
		for _, limit := range []int{1, 4, 100} {
			eventually(t, func(ctx context.Context) string {
				got, err := pages(limit, func(cursor string) ([]store.Key, string, error) {
					return s.Day(ctx, c.merchant, c.day, cursor, limit)
				})
				if err != nil {
					return err.Error()
				}
				if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
					return fmt.Sprintf("Day %s %s in pages of %d (-want +got):\n%s", c.merchant, c.day, limit, diff)
				}
				return ""
			})
		}
	}
}
