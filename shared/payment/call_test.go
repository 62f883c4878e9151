package payment

import (
	"strconv"
	"testing"
	"time"
)

// A history shows when answers changed, not how often the same one came.
func TestCalled(t *testing.T) {
	t.Parallel()
	o := newOrder()
	steps := []struct {
		op, no, outcome, word string
		kept                  bool
	}{
		{"create", "A", "done", "", true},
		{"query", "A", "done", "NOTPAY", true},
		{"query", "A", "done", "NOTPAY", false},
		{"query", "B", "done", "NOTPAY", true},
		{"query", "A", "done", "NOTPAY", false},
		{"query", "A", "outcome unknown", "timeout", true},
		{"query", "A", "outcome unknown", "HTTP 500", true},
		{"query", "A", "done", "NOTPAY", true},
		{"refund", "A", "done", "NOTPAY", true},
	}
	kept := 0
	for i, s := range steps {
		c := Call{Op: s.op, No: s.no, Outcome: s.outcome, Word: s.word, Time: t0.Add(time.Duration(i) * time.Second)}
		if got := o.Called(c); got != s.kept {
			t.Errorf("step %d: kept %t, want %t", i, got, s.kept)
		}
		if s.kept {
			kept++
		}
	}
	if len(o.Calls) != kept || o.Calls[1].Time != t0.Add(time.Second) {
		t.Errorf("%d calls, want %d: %v", len(o.Calls), kept, o.Calls)
	}
	for i := range 3 * MaxCalls {
		o.Called(Call{Op: "query", No: "A", Word: strconv.Itoa(i)})
	}
	if last := o.Calls[len(o.Calls)-1]; len(o.Calls) != MaxCalls || last.Word != strconv.Itoa(3*MaxCalls-1) {
		t.Errorf("%d calls, the last one %q", len(o.Calls), last.Word)
	}
}
