package payment_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
)

// Hearing a no at the first try changes nothing but the status: the event stays
// due when it was, and no try is counted.
func TestHeard(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		event  payment.Event
		id     string
		status int
		want   bool
	}{
		{"a no", payment.Event{ID: "e", DueAt: at}, "e", 500, true},
		{"the same no again", payment.Event{ID: "e", DueAt: at, Status: 500}, "e", 500, false},
		{"no answer", payment.Event{ID: "e", DueAt: at}, "e", 0, false},
		{"another event", payment.Event{ID: "e", DueAt: at}, "f", 500, false},
		{"delivered meanwhile", payment.Event{ID: "e", Delivered: at, Status: 200}, "e", 500, false},
		{"being repeated already", payment.Event{ID: "e", DueAt: at, Tries: 1, Status: 404}, "e", 500, false},
	} {
		o := &payment.Order{Events: []payment.Event{c.event}}
		want := c.event
		if c.want {
			want.Status = c.status
		}
		if got := o.Heard(c.id, c.status); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if diff := cmp.Diff(want, o.Events[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
