package payment

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestBegin(t *testing.T) {
	t.Parallel()
	o := newOrder()
	until := t0.Add(25 * time.Second)
	a, err := o.Begin(Attempt{Provider: "yaband", Account: testAccount, State: Captured}, "lease", until, t0)
	if err != nil {
		t.Fatal(err)
	}
	if a.No != o.OutTradeNo || a.State != Creating || a.Lease != "lease" || !a.LeaseUntil.Equal(until) ||
		!a.DueAt.Equal(until) || !a.TimeBegin.Equal(t0) || a.Account != testAccount || a != o.Live() || a != o.Lead() {
		t.Errorf("attempt = %+v", a)
	}
}

// A number that the caller chose, because the processor takes fewer characters, is kept.
func TestBeginKeepsTheNumber(t *testing.T) {
	t.Parallel()
	a, err := newOrder().Begin(Attempt{No: "chosen"}, "", t0, t0)
	if err != nil || a.No != "chosen" {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestBeginRefuses(t *testing.T) {
	t.Parallel()
	for _, from := range tradeStates[1:] {
		o := inState(t, from)
		before := item(t, o)
		if a, err := o.Begin(Attempt{}, "", t0, t0); a != nil || codeOf(err) != Conflict || AsError(err).Retryable || item(t, o) != before {
			t.Errorf("%s: Begin = %v, %v", from, a, err)
		}
	}
	o := newOrder()
	for i := range MaxAttempts {
		begin(t, o)
		if len(o.Attempts) != i+1 || o.Live() != &o.Attempts[i] {
			t.Fatalf("after %d attempts the live one is %+v", i+1, o.Live())
		}
	}
	before := item(t, o)
	if _, err := o.Begin(Attempt{}, "", t0, t0); codeOf(err) != Conflict || item(t, o) != before {
		t.Errorf("attempt %d: %v", MaxAttempts+1, err)
	}
}

// I10: what was live before is watched, what had ended stays as it was.
func TestBeginRetiresTheLiveAttempt(t *testing.T) {
	t.Parallel()
	for from, want := range map[AttemptState]AttemptState{Creating: Watched, Unsent: Ended, Lost: Watched, Open: Watched,
		Watched: Watched, Ended: Ended, Failed: Failed} {
		o := opened(t)
		o.Attempts[0].State = from
		begin(t, o)
		if got := o.Attempts[0].State; got != want {
			t.Errorf("an attempt that was %s is %s after the next one began, want %s", from, got, want)
		}
	}
}

func TestLiveAndLead(t *testing.T) {
	t.Parallel()
	o := newOrder()
	if o.Live() != nil || o.Lead() != nil || o.Attempt("") != nil || o.Refund("") != nil {
		t.Error("a new order has an attempt or a refund")
	}
	first := begin(t, o).No
	second := begin(t, o).No
	if o.Live().No != second || o.Lead().No != second {
		t.Errorf("live %s, lead %s, want %s", o.Live().No, o.Lead().No, second)
	}
	apply(t, o, paid(), t0.Add(time.Minute))
	if o.Lead().No != first {
		t.Errorf("lead %s, want the one that paid", o.Lead().No)
	}
	for _, s := range attemptStates {
		o.Attempts[1].State = s
		if live := o.Live(); (live != nil) != s.Live() {
			t.Errorf("%s: live = %v", s, live)
		}
	}
}

func TestSettled(t *testing.T) {
	t.Parallel()
	for _, state := range tradeStates {
		for _, attempt := range attemptStates {
			for _, refund := range []RefundStatus{"", RefundProcessing, RefundSuccess, RefundClosed, RefundAbnormal} {
				o := &Order{TradeState: state, Attempts: []Attempt{{State: Ended}, {State: attempt}}}
				if refund != "" {
					o.Refunds = []Refund{{Status: RefundSuccess}, {Status: refund}}
				}
				want := state != TradeNotPay && slices.Contains([]AttemptState{Captured, Ended, Failed}, attempt) && refund != RefundProcessing
				if got := o.Settled(); got != want {
					t.Errorf("order %s, attempt %s, refund %q: Settled = %t", state, attempt, refund, got)
				}
			}
		}
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	for from, want := range map[AttemptState]AttemptState{Creating: Watched, Unsent: Ended, Lost: Watched, Open: Watched,
		Watched: Watched, Ended: Ended, Failed: Failed} {
		o := opened(t)
		o.Attempts[0].State = from
		now := t0.Add(time.Hour)
		if !o.Close(now) || o.TradeState != TradeClosed || !o.TimeClosed.Equal(now) || o.Attempts[0].State != want {
			t.Errorf("%s: order %s at %s, attempt %s, want %s", from, o.TradeState, o.TimeClosed, o.Attempts[0].State, want)
		}
		if eventsOf(o, PaymentClosed) != 1 || len(o.Events) != 1 || o.Live() != nil {
			t.Errorf("%s: events %v, live %v", from, o.Events, o.Live())
		}
		before := item(t, o)
		if o.Close(now.Add(time.Hour)) || item(t, o) != before {
			t.Errorf("%s: closed twice", from)
		}
	}
}

func TestFlag(t *testing.T) {
	t.Parallel()
	o := newOrder()
	flags := []Flag{SecondCapture, AmountMismatch, NumberConflict}
	for _, f := range flags {
		if !o.Flag(f, t0) || o.Flag(f, t0.Add(time.Hour)) {
			t.Errorf("%s is to be added once", f)
		}
	}
	hasFlags(t, o, flags...)
	if len(o.Events) != 1 || o.Events[0].Type != PaymentFlagged {
		t.Errorf("events = %v", o.Events)
	}
}

var plainNumber = regexp.MustCompile(`^[0-9A-Za-z_-]{6,32}$`)

// Known numbers: they are on attempts and at processors, and must never change.
func TestNumber(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		merchant, no string
		n            int
		want         string
	}{
		{"default", "T20251123", 0, "T20251123"},
		{"default", "T20251123", 1, "T20251123rrsa6ifn"},
		{"default", "abcdefghijklmnopqrstuvwxyz012345", 0, "abcdefghijklmnopqrstuvwxyz012345"},
		{"default", "abcdefghijklmnopqrstuvwxyz012345", 1, "abcdefghijklmnopqrstuvwxbehjadq8"},
	} {
		if got := Number(c.merchant, c.no, c.n, MaxNumber); got != c.want {
			t.Errorf("Number(%s, %s, %d) = %q, want %q", c.merchant, c.no, c.n, got, c.want)
		}
	}
}

func TestNumberProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		merchant := rapid.StringMatching(`[a-z0-9-]{1,32}`).Draw(t, "merchant")
		no := rapid.StringMatching(`[0-9A-Za-z_-]{6,32}`).Draw(t, "no")
		other := rapid.StringMatching(`[0-9A-Za-z_-]{6,32}`).Filter(func(s string) bool { return s != no }).Draw(t, "other")
		seen := map[string]bool{}
		limit := rapid.IntRange(16, MaxNumber).Draw(t, "limit")
		for n := 1; n < MaxAttempts; n++ {
			if got := Number(merchant, no, n, limit); len(got) > limit || !plainNumber.MatchString(got) {
				t.Fatalf("attempt %d of %s has number %q of at most %d characters", n, no, got, limit)
			}
		}
		for n := range MaxAttempts {
			got := Number(merchant, no, n, MaxNumber)
			if !plainNumber.MatchString(got) || len(got) < len(no) {
				t.Fatalf("attempt %d of %s has number %q", n, no, got)
			}
			if seen[got] || got != Number(merchant, no, n, MaxNumber) || n == 0 && got != no {
				t.Fatalf("attempt %d of %s has number %q, as another one, or not again", n, no, got)
			}
			seen[got] = true
		}
		for n := range MaxAttempts {
			if got := Number(merchant, other, n, MaxNumber); seen[got] {
				t.Fatalf("%s and %s share the number %q", no, other, got)
			}
		}
	})
}

// Numbers of shops that count up, and of long ones that begin alike, stay apart:
// at a processor they may all meet under one account.
func TestNumbersOfManyOrders(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for _, merchant := range []string{"default", "shop-1"} {
		for i := range 2000 {
			for _, format := range []string{"T%06d", "2025-11-23_a-very-long-no_%06d", "x%024d"} {
				no := fmt.Sprintf(format, i)
				for n := 1; n < MaxAttempts; n++ {
					key := fmt.Sprintf("%s/%s/%d", merchant, no, n)
					got := Number(merchant, no, n, MaxNumber)
					if other, taken := seen[got]; taken {
						t.Fatalf("%s and %s are both %q", key, other, got)
					}
					seen[got] = key
				}
			}
		}
	}
	for _, format := range []string{"T%06d", "2025-11-23_a-very-long-no_%06d", "x%024d"} {
		for i := range 2000 {
			if other, taken := seen[fmt.Sprintf(format, i)]; taken {
				t.Errorf("order %s has the number of %s", fmt.Sprintf(format, i), other)
			}
		}
	}
}

// No change to a clone shows in the order, whichever members there are.
func TestClone(t *testing.T) {
	t.Parallel()
	o := filled(t)
	c := o.Clone()
	if diff := cmp.Diff(o, c); diff != "" {
		t.Errorf("the clone differs:\n%s", diff)
	}
	mine, theirs := map[string]uintptr{}, map[string]uintptr{}
	backings(reflect.ValueOf(*o), "order", mine)
	backings(reflect.ValueOf(*c), "order", theirs)
	if len(mine) < 5 {
		t.Fatalf("an order keeps data in %v only", mine)
	}
	for path, at := range mine {
		if theirs[path] == at {
			t.Errorf("%s is shared", path)
		}
	}
	empty := newOrder()
	if diff := cmp.Diff(empty, empty.Clone()); diff != "" {
		t.Errorf("the clone of a new order differs:\n%s", diff)
	}
}

// Everything but the version survives being stored, and nothing is stored twice over.
func TestItemRoundTrip(t *testing.T) {
	t.Parallel()
	for _, o := range []*Order{filled(t), newOrder(), captured(t)} {
		var back Order
		if err := json.Unmarshal([]byte(item(t, o)), &back); err != nil {
			t.Fatal(err)
		}
		want := o.Clone()
		want.Version = 0
		if diff := cmp.Diff(want, &back); diff != "" {
			t.Errorf("stored and read again:\n%s", diff)
		}
	}
}

// An order with everything that its limits allow stays far below 400 KB.
func TestItemSize(t *testing.T) {
	t.Parallel()
	o := filled(t)
	for len(o.Attempts) < MaxAttempts {
		o.Attempts = append(o.Attempts, o.Attempts[0])
	}
	for len(o.Refunds) < 2*MaxRefunds {
		o.Refunds = append(o.Refunds, o.Refunds[0])
	}
	for len(o.Events) < 3+2*MaxRefunds {
		o.Events = append(o.Events, o.Events[0])
	}
	if size := len(item(t, o)); size > 200_000 {
		t.Errorf("an order with everything is %d bytes", size)
	}
}
