package payment

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Known ids: a shop that has heard of one must know it again after any change of ours.
func TestEventID(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ      EventType
		refundNo string
		want     string
	}{
		{PaymentSucceeded, "", "evt_b5dbaf8057b293fb1f85d24931fc8a10"},
		{RefundSucceeded, "R1", "evt_10b53334e22f641f1e1b63f303bd2032"},
	} {
		o := newOrder()
		o.emit(c.typ, c.refundNo, t0)
		want := Event{ID: c.want, Type: c.typ, RefundNo: c.refundNo, Time: t0, DueAt: t0.Add(5 * time.Second)}
		if diff := cmp.Diff([]Event{want}, o.Events); diff != "" {
			t.Errorf("%s:\n%s", c.typ, diff)
		}
	}
}

func TestEventIDsDiffer(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for _, merchant := range []string{"default", "shop-1"} {
		for _, no := range []string{"T20251123", "T20251124"} {
			for _, typ := range []EventType{PaymentSucceeded, PaymentClosed, PaymentFlagged, RefundSucceeded, RefundFailed} {
				for _, refund := range []string{"", "R1", "R2"} {
					o := &Order{Merchant: merchant, OutTradeNo: no}
					o.emit(typ, refund, t0)
					o.emit(typ, refund, t0.Add(time.Hour))
					what := merchant + " " + no + " " + string(typ) + " " + refund
					if len(o.Events) != 1 || !o.Events[0].Time.Equal(t0) {
						t.Errorf("%s: events %v", what, o.Events)
					}
					id := o.Events[0].ID
					if other, taken := seen[id]; taken {
						t.Errorf("%s and %s are both %s", what, other, id)
					}
					seen[id] = what
				}
			}
		}
	}
}

func TestTold(t *testing.T) {
	t.Parallel()
	for status, ends := range map[int]bool{200: true, 201: true, 204: true, 299: true, 410: true,
		0: false, 100: false, 301: false, 400: false, 404: false, 409: false, 429: false, 500: false, 503: false} {
		o := captured(t)
		id, now := o.Events[0].ID, t0.Add(time.Hour)
		if !o.Told(id, o.Events[0].Time, status, now, 0) {
			t.Errorf("%d changed nothing", status)
		}
		want := Event{ID: id, Type: PaymentSucceeded, Time: t0.Add(time.Minute), Status: status, Delivered: now}
		if !ends {
			want.Delivered, want.Tries, want.DueAt = time.Time{}, 1, now.Add(5*time.Minute)
		}
		if diff := cmp.Diff(want, o.Events[0]); diff != "" {
			t.Errorf("%d:\n%s", status, diff)
		}
		if left := len(o.Undelivered()); (left == 0) != ends {
			t.Errorf("%d: %d events left", status, left)
		}
		before := item(t, o)
		if ends && (o.Told(id, o.Events[0].Time, 500, now, 0) || o.Told(id, o.Events[0].Time, 200, now.Add(time.Hour), 0) || item(t, o) != before) {
			t.Errorf("%d: the event was told twice", status)
		}
		if o.Told("evt_unknown", o.Events[0].Time, 200, now, 0) || item(t, o) != before {
			t.Errorf("an unknown event was told")
		}
	}
}

// A shop that never answers hears of an event by the contract's timetable, then no more.
func TestRedeliverSchedule(t *testing.T) {
	t.Parallel()
	want := []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}
	for _, jitter := range []int{0, 1, 50, 99} {
		o := captured(t)
		last := o.Events[0].Time
		for i, wait := range want {
			if i > 0 { // the first repetition is near; those after it spread
				wait += wait * time.Duration(jitter) / 1000
			}
			e := o.Events[0]
			if got := e.DueAt.Sub(last); got != wait || got < want[i] || e.Tries != i {
				t.Fatalf("jitter %d: repetition %d after %s, want %s; %d tries", jitter, i+1, got, wait, e.Tries)
			}
			last = e.DueAt
			o.Told(e.ID, e.Time, 503, last, jitter)
		}
		if e := o.Events[0]; !e.DueAt.IsZero() || !e.Delivered.IsZero() || e.Tries != len(want) || len(o.Undelivered()) != 0 || !o.Due().IsZero() {
			t.Errorf("jitter %d: given up as %+v", jitter, e)
		}
		if e := o.Events[0]; o.Told(e.ID, e.Time, 500, last, jitter) || !o.Told(e.ID, e.Time, 200, last, jitter) || o.Events[0].Delivered.IsZero() {
			t.Errorf("jitter %d: told by hand after it was given up: %+v", jitter, o.Events[0])
		}
	}
}

func TestUndelivered(t *testing.T) {
	t.Parallel()
	o := newOrder()
	if got := o.Undelivered(); len(got) != 0 {
		t.Errorf("a new order has events %v", got)
	}
	o.Flag(AmountMismatch, t0)
	o.Close(t0)
	ids := []string{o.Events[0].ID, o.Events[1].ID}
	if diff := cmp.Diff(ids, o.Undelivered()); diff != "" {
		t.Error(diff)
	}
	o.Told(ids[0], t0, 200, t0, 0)
	if diff := cmp.Diff(ids[1:], o.Undelivered()); diff != "" {
		t.Error(diff)
	}
}

// Whoever tells the shop has the event to himself for a while.
func TestTell(t *testing.T) {
	t.Parallel()
	o := captured(t)
	id, due := o.Events[0].ID, o.Events[0].DueAt
	if o.Tell(id, due.Add(-1), due.Add(time.Minute)) {
		t.Error("told before it was due")
	}
	if !o.Tell(id, due, due.Add(time.Minute)) || o.Tell(id, due, due.Add(time.Minute)) {
		t.Error("not told once")
	}
	if !o.Due().Equal(due.Add(time.Minute)) || !o.Tell(id, due.Add(time.Minute), due.Add(time.Hour)) {
		t.Error("not due again after its teller died")
	}
	if o.Told(id, o.Events[0].Time, 200, due, 0); o.Tell(id, due.Add(time.Hour), due.Add(2*time.Hour)) || o.Tell("evt_unknown", due, due) {
		t.Error("told after it was delivered")
	}
}

// A second flag is told, too, under the same id, whatever became of the first one.
func TestASecondFlagIsTold(t *testing.T) {
	t.Parallel()
	o := newOrder()
	o.Flag(AmountMismatch, t0)
	first := o.Events[0]
	o.Told(first.ID, first.Time, 200, t0.Add(time.Second), 0)
	if o.Flag(AmountMismatch, t0.Add(time.Minute)); len(o.Undelivered()) != 0 {
		t.Error("the same flag is told again")
	}
	later := t0.Add(time.Hour)
	o.Flag(CurrencyMismatch, later)
	want := []Event{{ID: first.ID, Type: PaymentFlagged, Time: later, DueAt: later.Add(Redeliver[0])}}
	if diff := cmp.Diff(want, o.Events); diff != "" {
		t.Error(diff)
	}
	if o.Told(first.ID, first.Time, 200, later, 0) {
		t.Error("a shop that was told of the first flag has not heard of the second")
	}
}
