package payment

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var timetable = []time.Duration{5 * time.Second, 15 * time.Second, time.Minute}

// asked asks n times, each time when it is due, and returns the waits.
func asked(n int, start time.Time, due func(time.Time) time.Time) (waits []time.Duration) {
	for now := start; n > 0; n-- {
		next := due(now)
		waits = append(waits, next.Sub(now))
		now = next
	}
	return waits
}

func TestAskTimetable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		poll []time.Duration
		want []time.Duration
	}{
		{"the last wait repeats", timetable, []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, time.Minute, time.Minute}},
		{"one wait", []time.Duration{time.Second}, []time.Duration{time.Second, time.Second, time.Second}},
		{"none", nil, []time.Duration{time.Minute, time.Minute}},
	} {
		a, r := &Attempt{State: Open, TimeBegin: t0}, &Refund{TimeCreate: t0}
		waits := asked(len(c.want), t0, func(now time.Time) time.Time { a.Ask(now, c.poll, time.Hour); return a.DueAt })
		if diff := cmp.Diff(c.want, waits); diff != "" || a.Asked != len(c.want) || a.State != Open {
			t.Errorf("%s: attempt: %d asked, %s\n%s", c.name, a.Asked, a.State, diff)
		}
		waits = asked(len(c.want), t0, func(now time.Time) time.Time { r.Ask(now, c.poll); return r.DueAt })
		if diff := cmp.Diff(c.want, waits); diff != "" || r.Asked != len(c.want) {
			t.Errorf("%s: refund: %d asked\n%s", c.name, r.Asked, diff)
		}
	}
	a := &Attempt{State: Lost, TimeBegin: t0}
	a.Ask(t0.Add(time.Minute), timetable, time.Hour)
	if !a.AskedAt.Equal(t0.Add(time.Minute)) || !a.DueAt.Equal(t0.Add(time.Minute+5*time.Second)) {
		t.Errorf("asked at %s, due at %s", a.AskedAt, a.DueAt)
	}
}

// A watched attempt is asked about by its timetable for an hour after its prepay's
// life, then seldom for a day, then hourly, and ends a week after it.
func TestAskWatched(t *testing.T) {
	t.Parallel()
	const life = 2 * time.Hour
	day, week := t0.Add(life+24*time.Hour), t0.Add(life+7*24*time.Hour)
	for _, c := range []struct {
		name  string
		from  AttemptState
		now   time.Time
		poll  []time.Duration
		wait  time.Duration
		state AttemptState
	}{
		{"within its life", Watched, t0.Add(time.Hour), timetable, time.Minute, Watched},
		{"just after its life", Watched, t0.Add(life + time.Hour), timetable, time.Minute, Watched},
		{"an hour after it", Watched, t0.Add(life + time.Hour + 1), timetable, 5 * time.Minute, Watched},
		{"a day on", Watched, day, timetable, 5 * time.Minute, Watched},
		{"after a day", Watched, day.Add(1), timetable, time.Hour, Watched},
		{"after a day, slow timetable", Watched, day.Add(1), []time.Duration{3 * time.Hour}, 3 * time.Hour, Watched},
		{"a week on", Watched, week, timetable, time.Hour, Watched},
		{"after a week", Watched, week.Add(1), timetable, time.Hour, Ended},
		{"open for days", Open, day.Add(1), timetable, 5 * time.Minute, Open},
		{"open for weeks", Open, week.Add(1), timetable, 5 * time.Minute, Open},
		{"failed long ago", Failed, week.Add(1), timetable, 5 * time.Minute, Failed},
	} {
		a := &Attempt{State: c.from, TimeBegin: t0, Asked: 100}
		a.Ask(c.now, c.poll, life)
		if got := a.DueAt.Sub(c.now); got != c.wait || a.State != c.state || (a.Reason != "") != (c.from != c.state) {
			t.Errorf("%s: waits %s, want %s; %s (%s), want %s", c.name, got, c.wait, a.State, a.Reason, c.state)
		}
	}
}

// An attempt that nobody ever answers for is asked about a bounded number of times.
func TestAskIsBounded(t *testing.T) {
	t.Parallel()
	a := &Attempt{State: Watched, TimeBegin: t0}
	for now := t0; a.State == Watched && a.Asked < 10_000; now = a.DueAt {
		a.Ask(now, timetable, 2*time.Hour)
	}
	if first, seldom, hourly := 3*60+3, 23*12+1, 6*24+2; a.Asked < 6*24 || a.Asked > first+seldom+hourly {
		t.Errorf("asked %d times, want at most %d", a.Asked, first+seldom+hourly)
	}
	if end := t0.Add(2*time.Hour + 7*24*time.Hour); a.AskedAt.Before(end) || a.AskedAt.After(end.Add(time.Hour+time.Minute)) {
		t.Errorf("the last question was at %s, want about %s", a.AskedAt, end)
	}
}

func TestAfterSale(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	want := []time.Duration{time.Hour, 6 * time.Hour, day, 3 * day, 7 * day, 14 * day, 28 * day}
	a := &Attempt{State: Captured, TimeBegin: t0.Add(-time.Minute), TimePaid: t0}
	a.AfterSale(t0)
	var got []time.Duration
	for !a.DueAt.IsZero() && len(got) < 100 {
		got = append(got, a.DueAt.Sub(t0))
		a.Ask(a.DueAt, timetable, time.Hour)
	}
	if diff := cmp.Diff(want, got); diff != "" || a.State != Captured {
		t.Errorf("looked at again, %s:\n%s", a.State, diff)
	}
	a.AfterSale(t0.Add(8 * day)) // seen late: what was missed is not made up for
	if got := a.DueAt.Sub(t0); got != 14*day {
		t.Errorf("after eight days the next look is after %s", got)
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	in := func(n int) time.Time { return t0.Add(time.Duration(n) * time.Minute) }
	expire := in(120)
	order := func(state TradeState, attempts ...Attempt) *Order {
		return &Order{TradeState: state, TimeExpire: expire, Attempts: attempts}
	}
	for _, c := range []struct {
		name string
		o    *Order
		want time.Time
	}{
		{"new order: expiry", order(TradeNotPay), expire},
		{"open attempt", order(TradeNotPay, Attempt{State: Open, DueAt: in(5)}), in(5)},
		{"the soonest attempt", order(TradeNotPay, Attempt{State: Watched, DueAt: in(7)}, Attempt{State: Lost, DueAt: in(5)}, Attempt{State: Watched, DueAt: in(9)}), in(5)},
		{"ended attempts are not asked about", order(TradeNotPay, Attempt{State: Ended, DueAt: in(5)}, Attempt{State: Failed, DueAt: in(6)}), expire},
		{"attempt that is not due", order(TradeNotPay, Attempt{State: Unsent}), expire},
		{"attempt due after the expiry, not asked since", order(TradeNotPay, Attempt{State: Open, AskedAt: in(119), DueAt: in(130)}), expire},
		{"attempt asked at the expiry", order(TradeNotPay, Attempt{State: Open, AskedAt: expire, DueAt: in(130)}), in(130)},
		{"attempt asked after the expiry", order(TradeNotPay, Attempt{State: Open, AskedAt: in(121), DueAt: in(130)}), in(130)},
		{"two attempts asked after the expiry", order(TradeNotPay, Attempt{State: Watched, AskedAt: in(121), DueAt: in(140)}, Attempt{State: Open, AskedAt: in(121), DueAt: in(130)}), in(130)},
		{"attempt ended after the expiry", order(TradeNotPay, Attempt{State: Ended, AskedAt: in(121), DueAt: in(130)}), expire},
		{"closed, still watched", order(TradeClosed, Attempt{State: Watched, DueAt: in(200)}), in(200)},
		{"closed, nothing open", order(TradeClosed, Attempt{State: Ended, DueAt: in(200)}), time.Time{}},
		{"paid, nothing left", order(TradeSuccess, Attempt{State: Captured}), time.Time{}},
		{"paid, another look booked", order(TradeSuccess, Attempt{State: Captured, DueAt: in(300)}), in(300)},
		{"paid, another attempt open", order(TradeSuccess, Attempt{State: Captured}, Attempt{State: Watched, DueAt: in(9)}), in(9)},
		{"refund under way", &Order{TradeState: TradeSuccess, Refunds: []Refund{{Status: RefundProcessing, DueAt: in(3)}}}, in(3)},
		{"refund nobody can ask about", &Order{TradeState: TradeSuccess, Refunds: []Refund{{Status: RefundProcessing}}}, time.Time{}},
		{"refunds done", &Order{TradeState: TradeRefund, Refunds: []Refund{{Status: RefundSuccess, DueAt: in(3)}, {Status: RefundClosed, DueAt: in(3)},
			{Status: RefundAbnormal, DueAt: in(3)}}}, time.Time{}},
		{"event to tell", &Order{TradeState: TradeSuccess, Events: []Event{{}, {DueAt: in(4)}, {DueAt: in(2)}}}, in(2)},
		{"event comes before all else", &Order{TradeState: TradeNotPay, TimeExpire: expire, Attempts: []Attempt{{State: Open, DueAt: in(5)}},
			Refunds: []Refund{{Status: RefundProcessing, DueAt: in(4)}}, Events: []Event{{DueAt: in(3)}}}, in(3)},
		{"events told", &Order{TradeState: TradeClosed, Events: []Event{{Delivered: t0}}}, time.Time{}},
	} {
		if got := c.o.Due(); !got.Equal(c.want) {
			t.Errorf("%s: due at %s, want %s", c.name, got, c.want)
		}
	}
}

// A paid order whose shop was told is never due again, but for its after-sale looks.
func TestDueEnds(t *testing.T) {
	t.Parallel()
	o := captured(t)
	for _, id := range o.Undelivered() {
		o.Told(id, o.Events[0].Time, 200, t0, 0)
	}
	if !o.Settled() || !o.Due().IsZero() {
		t.Errorf("settled %t, due at %s", o.Settled(), o.Due())
	}
}
