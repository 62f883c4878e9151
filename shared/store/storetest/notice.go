package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/store"
)

// newNotice is one that has just come in: old ones are forgotten.
func newNotice(id string, at time.Time) store.Notice {
	return store.Notice{ID: id, Provider: "yaband", Time: at.UTC(), Verdict: "applied", Body: `{"note":"caf` + "\u00e9 \u4e16" + `"}`}
}

func notices(t *testing.T, s Store) {
	now := time.Now().Round(0)
	key := store.Key{Merchant: "default", OutTradeNo: "ORDER-1"}
	others := []store.Key{{Merchant: "default", OutTradeNo: "ORDER-10"}, {Merchant: "default-2", OutTradeNo: "ORDER-1"}}
	first, second, third := newNotice("cc", now.Add(-2*time.Hour)), newNotice("aa", now.Add(-time.Hour)), newNotice("bb", now)
	for _, n := range []store.Notice{third, first, second} {
		for _, want := range []bool{true, false, false} {
			if fresh, err := s.Keep(t.Context(), key, n); err != nil || fresh != want {
				t.Fatalf("Keep %s: %v, %v, want %v", n.ID, fresh, err, want)
			}
		}
	}
	changed := first
	changed.Verdict = "duplicate"
	if fresh, err := s.Keep(t.Context(), key, changed); err != nil || fresh {
		t.Errorf("Keep of a known id: %v, %v", fresh, err)
	}
	if fresh, err := s.Keep(t.Context(), others[0], first); err != nil || !fresh {
		t.Errorf("Keep of another order's notice: %v, %v", fresh, err)
	}
	got, err := s.Notices(t.Context(), key)
	if diff := cmp.Diff([]store.Notice{first, second, third}, got); err != nil || diff != "" {
		t.Errorf("Notices: %v (-want +got):\n%s", err, diff)
	}
	if got, err := s.Notices(t.Context(), others[1]); err != nil || len(got) != 0 {
		t.Errorf("Notices of another merchant: %v, %v", got, err)
	}
	if _, err := s.Get(t.Context(), "default", "ORDER-1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of an order with notices only: %v, want ErrNotFound", err)
	}
}

// noticeOnce: of many who keep the same notice at once, one hears that it is fresh.
func noticeOnce(t *testing.T, s Store) {
	const posts = 50
	var fresh atomic.Int32
	notice := newNotice("aa", time.Now())
	together(posts, func(int) {
		is, err := s.Keep(t.Context(), store.Key{Merchant: "default", OutTradeNo: "ORDER-1"}, notice)
		if err != nil {
			t.Errorf("Keep: %v", err)
		}
		if is {
			fresh.Add(1)
		}
	})
	if n := fresh.Load(); n != 1 {
		t.Errorf("fresh %d times, want once", n)
	}
}

// merchantsApart: the same order number of two merchants is two orders.
func merchantsApart(t *testing.T, s Store) {
	for _, merchant := range []string{"shop", "shop-2"} {
		o := newOrder(merchant, "ORDER-0001")
		o.Body = "of " + merchant
		save(t, s, o)
	}
	mine := load(t, s, "shop", "ORDER-0001")
	mine.TradeState = payment.TradeClosed
	save(t, s, mine)
	theirs := load(t, s, "shop-2", "ORDER-0001")
	if mine.Body != "of shop" || theirs.Body != "of shop-2" || theirs.TradeState != payment.TradeNotPay || theirs.Version != 1 {
		t.Errorf("orders are mixed up: %+v, %+v", mine, theirs)
	}
}

// cancelled: whoever has given up gets an error and leaves no trace.
func cancelled(t *testing.T, s Store) {
	o := newOrder("default", "ORDER-0001")
	save(t, s, o)
	key := store.Key{Merchant: "default", OutTradeNo: "ORDER-0001"}
	calls := map[string]func(context.Context) error{
		"Get":       func(ctx context.Context) error { _, err := s.Get(ctx, "default", "ORDER-0001"); return err },
		"Save":      func(ctx context.Context) error { return s.Save(ctx, load(t, s, "default", "ORDER-0001")) },
		"Find":      func(ctx context.Context) error { _, err := s.Find(ctx, store.BySpTradeNo, "default", "1"); return err },
		"Due":       func(ctx context.Context) error { _, _, err := s.Due(ctx, 0, start, "", 1); return err },
		"Day":       func(ctx context.Context) error { _, _, err := s.Day(ctx, "default", "2026-03-14", "", 1); return err },
		"Keep":      func(ctx context.Context) error { _, err := s.Keep(ctx, key, newNotice("aa", time.Now())); return err },
		"Notices":   func(ctx context.Context) error { _, err := s.Notices(ctx, key); return err },
		"GetConfig": func(ctx context.Context) error { _, err := s.GetConfig(ctx, "payment"); return err },
		"PutConfig": func(ctx context.Context) error { return s.PutConfig(ctx, "payment", []byte(`{}`)) },
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range calls {
		err := call(ctx)
		if !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: %v, want context.Canceled", name, err)
		}
	}
	if got := load(t, s, "default", "ORDER-0001"); got.Version != 1 {
		t.Errorf("a cancelled save landed: version %d", got.Version)
	}
	if kept, err := s.Notices(t.Context(), key); err != nil || len(kept) != 0 {
		t.Errorf("a cancelled notice is kept: %s, %v", fmt.Sprint(kept), err)
	}
}
