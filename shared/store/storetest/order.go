package storetest

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"overseaspay/shared/payment"
	"overseaspay/shared/store"
)

// orderGen makes orders in which every member is set, nested ones included.
func orderGen(merchant, no string) *rapid.Generator[payment.Order] {
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(1_600_000_000, 4_000_000_000).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
	})
	cfg := rapid.MakeConfig{
		Kinds: map[reflect.Kind]*rapid.Generator[any]{
			reflect.Bool:   rapid.Just(true).AsAny(),
			reflect.String: rapid.StringN(1, 20, -1).AsAny(),
			reflect.Int:    rapid.IntRange(1, math.MaxInt32).AsAny(),
			reflect.Int64:  rapid.Int64Range(1, math.MaxInt64).AsAny(),
		},
		Types: map[reflect.Type]*rapid.Generator[any]{reflect.TypeFor[time.Time](): moment.AsAny()},
		Fields: map[reflect.Type]map[string]*rapid.Generator[any]{reflect.TypeFor[payment.Order](): {
			"Merchant": rapid.Just(merchant).AsAny(), "OutTradeNo": rapid.Just(no).AsAny(), "Version": rapid.Just(int64(0)).AsAny(),
		}},
	}
	params := rapid.MakeCustom[payment.PayParams](cfg)
	cfg.Types[reflect.TypeFor[*payment.PayParams]()] = rapid.Ptr(params, false).AsAny()
	cfg.Types[reflect.TypeFor[[]payment.Flag]()] = someOf[payment.Flag](cfg)
	cfg.Types[reflect.TypeFor[[]payment.Attempt]()] = someOf[payment.Attempt](cfg)
	cfg.Types[reflect.TypeFor[[]payment.Refund]()] = someOf[payment.Refund](cfg)
	cfg.Types[reflect.TypeFor[[]payment.Event]()] = someOf[payment.Event](cfg)
	cfg.Types[reflect.TypeFor[[]payment.Call]()] = someOf[payment.Call](cfg)
	return rapid.MakeCustom[payment.Order](cfg)
}

func someOf[T any](cfg rapid.MakeConfig) *rapid.Generator[any] {
	return rapid.SliceOfN(rapid.MakeCustom[T](cfg), 1, 3).AsAny()
}

// unset names the members of v that are zero, but for Version, which stores set.
func unset(v reflect.Value, path string) []string {
	if _, ok := v.Interface().(time.Time); !ok {
		var names []string
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				return unset(v.Elem(), path)
			}
		case reflect.Slice:
			for i := range v.Len() {
				names = append(names, unset(v.Index(i), fmt.Sprintf("%s[%d]", path, i))...)
			}
			if v.Len() > 0 {
				return names
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if name := v.Type().Field(i).Name; name != "Version" {
					names = append(names, unset(v.Field(i), path+"."+name)...)
				}
			}
			return names
		}
	}
	if v.IsZero() {
		return []string{path}
	}
	return nil
}

func roundTrip(t *testing.T, s Store) {
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		no := fmt.Sprintf("ORDER-%d", n)
		first, second := orderGen("default", no).Draw(rt, "first"), orderGen("default", no).Draw(rt, "second")
		if names := unset(reflect.ValueOf(first), "Order"); names != nil {
			rt.Fatalf("the suite leaves members unset: %v", names)
		}
		for i, o := range []payment.Order{first, second} {
			o.Version = int64(i)
			want := o.Clone()
			want.Version++
			if err := s.Save(t.Context(), &o); err != nil {
				rt.Fatalf("Save: %v", err)
			}
			if diff := cmp.Diff(want, &o); diff != "" {
				rt.Errorf("Save changed the order (-want +got):\n%s", diff)
			}
			got, err := s.Get(t.Context(), "default", no)
			if err != nil {
				rt.Fatalf("Get: %v", err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Errorf("Get after save %d (-want +got):\n%s", i+1, diff)
			}
			if got.TimeCreate.Location() != time.UTC {
				rt.Errorf("TimeCreate is in %v, want UTC", got.TimeCreate.Location())
			}
		}
	})
}

// largestOrder is as big as the domain lets an order grow.
func largestOrder(t *testing.T, s Store) {
	long := func(n int) string { return strings.Repeat("\u4e16", n) }
	o := newOrder("default", "ORDER-LARGE")
	o.Body, o.Attach = long(127), long(127)
	for i := range payment.MaxAttempts {
		o.Attempts = append(o.Attempts, payment.Attempt{
			No: payment.Number("default", o.OutTradeNo, i, payment.MaxNumber), Provider: "yaband", State: payment.Ended, Reason: long(120),
			NotifyURL: "https://" + strings.Repeat("n", 500), URL: "https://" + strings.Repeat("u", 2000), TimeBegin: start,
		})
	}
	for i := range payment.MaxRefunds {
		no := fmt.Sprintf("%064d", i)
		o.Refunds = append(o.Refunds, payment.Refund{
			OutRefundNo: no, RefundID: no, Status: payment.RefundSuccess, Desc: long(80), Reason: long(120), TimeCreate: start,
		})
		o.Events = append(o.Events, payment.Event{ID: "evt_" + no, Type: payment.RefundSucceeded, RefundNo: no, Time: start, DueAt: start})
	}
	for range payment.MaxCalls {
		o.Calls = append(o.Calls, payment.Call{Op: "queryrefund", No: long(32), Outcome: "outcome unknown", Word: long(200), Time: start})
	}
	save(t, s, o)
	if diff := cmp.Diff(o, load(t, s, "default", o.OutTradeNo)); diff != "" {
		t.Errorf("Get (-want +got):\n%s", diff)
	}
}

func versions(t *testing.T, s Store) {
	if _, err := s.Get(t.Context(), "default", "ORDER-0001"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get before any save: %v, want ErrNotFound", err)
	}
	o := newOrder("default", "ORDER-0001")
	for want := int64(1); want <= 3; want++ {
		save(t, s, o)
		if o.Version != want {
			t.Fatalf("Version = %d after save %d", o.Version, want)
		}
	}
	for _, c := range []struct {
		name    string
		no      string
		version int64
	}{
		{"new, but there is one", "ORDER-0001", 0},
		{"older", "ORDER-0001", 2},
		{"newer", "ORDER-0001", 4},
		{"never stored", "ORDER-0002", 1},
	} {
		bad := newOrder("default", c.no)
		bad.Version, bad.Body = c.version, "lost"
		before := bad.Clone()
		if err := s.Save(t.Context(), bad); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: Save: %v, want ErrConflict", c.name, err)
		}
		if diff := cmp.Diff(before, bad); diff != "" {
			t.Errorf("%s: the order changed (-want +got):\n%s", c.name, diff)
		}
	}
	if diff := cmp.Diff(o, load(t, s, "default", "ORDER-0001")); diff != "" {
		t.Errorf("a refused save left its mark (-want +got):\n%s", diff)
	}
	if _, err := s.Get(t.Context(), "default", "ORDER-0002"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get after a refused save: %v, want ErrNotFound", err)
	}
}

// copies: nothing that a caller does to an order it holds reaches the store.
func copies(t *testing.T, s Store) {
	o := newOrder("default", "ORDER-0001")
	o.Flags = []payment.Flag{payment.LatePayment}
	save(t, s, o)
	want := o.Clone()
	o.Flags[0], o.Body = payment.ChargedBack, "changed"
	got := load(t, s, "default", "ORDER-0001")
	got.Flags[0], got.Body = payment.ChargedBack, "changed"
	if diff := cmp.Diff(want, load(t, s, "default", "ORDER-0001")); diff != "" {
		t.Errorf("stored order (-want +got):\n%s", diff)
	}
}

// increments: 32 writers change one order 10 times each, and no change is lost.
func increments(t *testing.T, s Store) {
	const writers, each = 32, 10
	first := newOrder("default", "ORDER-0001")
	start := first.Total.Amount
	save(t, s, first)
	together(writers, func(int) {
		for range each {
			for {
				o, err := s.Get(t.Context(), "default", "ORDER-0001")
				if err != nil {
					t.Errorf("Get: %v", err)
					return
				}
				o.Total.Amount++
				if err = s.Save(t.Context(), o); err == nil {
					break
				}
				if !errors.Is(err, store.ErrConflict) {
					t.Errorf("Save: %v", err)
					return
				}
			}
		}
	})
	o := load(t, s, "default", "ORDER-0001")
	if o.Total.Amount-start != writers*each || o.Version != writers*each+1 {
		t.Errorf("counted %d in version %d, want %d in version %d", o.Total.Amount-start, o.Version, writers*each, writers*each+1)
	}
}

// createdOnce: of 50 who make the same order at once, one succeeds.
func createdOnce(t *testing.T, s Store) {
	const racers = 50
	errs := make([]error, racers)
	together(racers, func(i int) {
		o := newOrder("default", "ORDER-0001")
		o.Body = fmt.Sprintf("racer %d", i)
		errs[i] = s.Save(t.Context(), o)
	})
	winners := []string{}
	for i, err := range errs {
		if err == nil {
			winners = append(winners, fmt.Sprintf("racer %d", i))
		} else if !errors.Is(err, store.ErrConflict) {
			t.Errorf("Save: %v, want ErrConflict", err)
		}
	}
	o := load(t, s, "default", "ORDER-0001")
	if diff := cmp.Diff([]string{o.Body}, winners); diff != "" || o.Version != 1 {
		t.Errorf("stored version %d; winners (-stored +told so):\n%s", o.Version, diff)
	}
}

// together runs n callers at once and waits for all.
func together(n int, call func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { call(i) })
	}
	all.Wait()
}
