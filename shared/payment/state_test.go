package payment

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	tradeStates   = []TradeState{TradeNotPay, TradeClosed, TradeSuccess, TradeRefund}
	attemptStates = []AttemptState{Creating, Unsent, Lost, Open, Watched, Captured, Ended, Failed}
	reportStates  = []ReportState{Pending, Paid, Refunded, Over, Refused, Unmapped, "a word nobody knows"}
)

// inState is an order in a trade state, reached by the way orders reach it.
func inState(t testing.TB, s TradeState) *Order {
	t.Helper()
	o := opened(t)
	switch s {
	case TradeClosed:
		o.Close(t0.Add(time.Hour))
	case TradeSuccess, TradeRefund:
		apply(t, o, paid(), t0.Add(time.Minute))
	}
	if s == TradeRefund {
		f := reserve(t, o, "R1", 300)
		if _, err := o.ApplyRefund(f.AttemptNo, RefundReport{Status: RefundSuccess, OutRefundNo: "R1"}, t0.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if o.TradeState != s {
		t.Fatalf("the order is %s, want %s", o.TradeState, s)
	}
	return o
}

// Every trade state meets every word of a processor.
func TestTransitionTable(t *testing.T) {
	t.Parallel()
	want := map[TradeState]map[ReportState]TradeState{
		TradeNotPay:  {Paid: TradeSuccess, Refunded: TradeRefund},
		TradeClosed:  {Paid: TradeSuccess, Refunded: TradeRefund},
		TradeSuccess: {Refunded: TradeRefund},
		TradeRefund:  {},
	}
	for _, from := range tradeStates {
		for _, word := range reportStates {
			t.Run(fmt.Sprintf("%s/%s", from, word), func(t *testing.T) {
				t.Parallel()
				o := inState(t, from)
				before := o.Clone()
				r := paid()
				r.State, r.PaidAt = word, t0.Add(48*time.Hour)
				apply(t, o, r, t0.Add(72*time.Hour))
				to, moves := want[from][word]
				if !moves {
					to = from
				}
				if o.TradeState != to {
					t.Errorf("%s + %q = %s, want %s", from, word, o.TradeState, to)
				}
				keepsTimes(t, before, o)
			})
		}
		t.Run(string(from)+"/close", func(t *testing.T) {
			t.Parallel()
			o := inState(t, from)
			before := o.Clone()
			if got := o.Close(t0.Add(72 * time.Hour)); got != (from == TradeNotPay) {
				t.Errorf("Close of %s = %t", from, got)
			}
			if from != TradeNotPay && item(t, o) != item(t, before) {
				t.Errorf("Close changed an order that was %s", from)
			}
			keepsTimes(t, before, o)
		})
	}
}

// fataler is what both testing.TB and rapid.T are to a check.
type fataler interface {
	Helper()
	Errorf(string, ...any)
}

// keepsTimes checks that times once set are what they were (I3).
func keepsTimes(t fataler, before, after *Order) {
	t.Helper()
	same := func(name string, was, is time.Time) {
		if !was.IsZero() && !was.Equal(is) {
			t.Errorf("%s changed from %s to %s", name, was, is)
		}
	}
	same("time_create", before.TimeCreate, after.TimeCreate)
	same("time_paid", before.TimePaid, after.TimePaid)
	same("time_closed", before.TimeClosed, after.TimeClosed)
	for i, a := range before.Attempts {
		same("attempt's time_begin", a.TimeBegin, after.Attempts[i].TimeBegin)
		same("attempt's time_paid", a.TimePaid, after.Attempts[i].TimePaid)
	}
	for i, r := range before.Refunds {
		same("refund's time_create", r.TimeCreate, after.Refunds[i].TimeCreate)
		same("refund's time_success", r.TimeSuccess, after.Refunds[i].TimeSuccess)
	}
}

// Every attempt state meets every word of a processor.
func TestAttemptTable(t *testing.T) {
	t.Parallel()
	for _, from := range attemptStates {
		for _, word := range reportStates {
			t.Run(fmt.Sprintf("%s/%s", from, word), func(t *testing.T) {
				t.Parallel()
				o := opened(t)
				if from == Captured {
					apply(t, o, paid(), t0.Add(time.Minute))
				}
				o.Attempts[0].State = from
				want := from
				switch {
				case word == Paid || word == Refunded:
					want = Captured // money is never refused
				case from.Final():
				case word == Over:
					want = Ended
				case word == Refused:
					want = Failed
				}
				r := paid()
				r.State, r.Word = word, "the word"
				apply(t, o, r, t0.Add(time.Hour))
				a := o.Attempts[0]
				if a.State != want {
					t.Errorf("%s + %q = %s, want %s", from, word, a.State, want)
				}
				reason := ""
				if a.State != from && a.State != Captured {
					reason = "the word"
				}
				if a.Reason != reason {
					t.Errorf("reason = %q, want %q", a.Reason, reason)
				}
			})
		}
	}
}

// All sequences of five things that can happen to an order keep to the table.
func TestOneWay(t *testing.T) {
	t.Parallel()
	steps := []func(*Order, time.Time){
		func(o *Order, now time.Time) { o.Close(now) },
		func(o *Order, now time.Time) {
			r := RefundReport{Status: RefundSuccess, OutRefundNo: "X1", Fee: eur(10)}
			o.ApplyRefund(o.OutTradeNo, r, now)
		},
		func(o *Order, now time.Time) {
			o.Reserve(Refund{OutRefundNo: "R1", AttemptNo: o.OutTradeNo, Fee: eur(300)}, false, now)
		},
		func(o *Order, now time.Time) { o.FailRefund("R1", now) },
	}
	for _, word := range reportStates[:5] {
		steps = append(steps, func(o *Order, now time.Time) {
			r := paid()
			r.State, r.PaidAt = word, now
			o.Apply(o.OutTradeNo, r, now)
		})
	}
	start := opened(t)
	var walk func(*Order, int)
	walk = func(o *Order, depth int) {
		if depth == 0 {
			return
		}
		for _, step := range steps {
			next := o.Clone()
			step(next, t0.Add(time.Duration(10-depth)*time.Hour))
			if next.TradeState != o.TradeState && !reaches(o.TradeState, next.TradeState) {
				t.Fatalf("%s became %s", o.TradeState, next.TradeState)
			}
			keepsTimes(t, o, next)
			walk(next, depth-1)
		}
	}
	walk(start, 4)
}

// reaches reports that the table leads from one state to another.
func reaches(from, to TradeState) bool {
	return slices.ContainsFunc(Transitions()[from], func(s TradeState) bool { return s == to || reaches(s, to) })
}

func TestTransitionsEnd(t *testing.T) {
	t.Parallel()
	if got := slices.Sorted(maps.Keys(Transitions())); !slices.Equal(got, slices.Sorted(slices.Values(tradeStates))) {
		t.Errorf("the table knows %v, the contract %v", got, tradeStates)
	}
	for _, s := range tradeStates {
		if reaches(s, s) {
			t.Errorf("%s can be reached from itself", s)
		}
		if s.Paid() != (s == TradeSuccess || s == TradeRefund) {
			t.Errorf("%s.Paid() = %t", s, s.Paid())
		}
		if s.Paid() && (reaches(s, TradeNotPay) || reaches(s, TradeClosed)) {
			t.Errorf("%s can be unpaid again", s)
		}
	}
	for _, s := range attemptStates {
		live, final := slices.Index(attemptStates, s) < 4, slices.Index(attemptStates, s) > 4
		if s.Live() != live || s.Final() != final {
			t.Errorf("%s: Live %t, Final %t, want %t, %t", s, s.Live(), s.Final(), live, final)
		}
	}
}

// diagram draws the table for people.
func diagram() string {
	var b strings.Builder
	b.WriteString("```mermaid\nstateDiagram-v2\n    [*] --> NOTPAY\n")
	for _, from := range tradeStates {
		for _, to := range Transitions()[from] {
			fmt.Fprintf(&b, "    %s --> %s\n", from, to)
		}
		if len(Transitions()[from]) == 0 {
			fmt.Fprintf(&b, "    %s --> [*]\n", from)
		}
	}
	b.WriteString("```")
	return b.String()
}

const statesBegin, statesEnd = "<!-- states -->", "<!-- /states -->"

// redraw puts the diagram between the marks of a text.
func redraw(text string) (string, error) {
	head, rest, ok := strings.Cut(text, statesBegin)
	_, tail, closed := strings.Cut(rest, statesEnd)
	if !ok || !closed {
		return "", errors.New("no block between " + statesBegin + " and " + statesEnd)
	}
	return head + statesBegin + "\n" + diagram() + "\n" + statesEnd + tail, nil
}

// The README shows the table as it is. UPDATE=1 redraws it.
func TestDiagram(t *testing.T) {
	t.Parallel()
	const readme = "../../README.md"
	raw, err := os.ReadFile(readme)
	if errors.Is(err, fs.ErrNotExist) {
		t.Logf("there is no README.md yet; its diagram is to be:\n%s\n%s\n%s", statesBegin, diagram(), statesEnd)
		return
	} else if err != nil {
		t.Fatal(err)
	}
	want, err := redraw(string(raw))
	switch {
	case err != nil:
		t.Fatalf("README.md: %v", err)
	case want == string(raw):
	case os.Getenv("UPDATE") == "1":
		if err := os.WriteFile(readme, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("README.md: the state diagram is stale; UPDATE=1 go test ./shared/payment redraws it:\n%s", diagram())
	}
}

func TestRedraw(t *testing.T) {
	t.Parallel()
	fresh := "# Pay\n" + statesBegin + "\n" + diagram() + "\n" + statesEnd + "\nmore\n"
	for _, c := range []struct {
		name, in, want string
	}{
		{"fresh", fresh, fresh},
		{"stale", strings.Replace(fresh, "CLOSED --> SUCCESS", "SUCCESS --> CLOSED", 1), fresh},
		{"empty block", "# Pay\n" + statesBegin + statesEnd + "\nmore\n", fresh},
		{"no block", "# Pay\n", ""},
		{"never closed", "# Pay\n" + statesBegin + "\n" + diagram(), ""},
		{"marks the wrong way round", statesEnd + diagram() + statesBegin, ""},
	} {
		if got, err := redraw(c.in); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %v\n%s", c.name, err, got)
		}
	}
	if want := "```mermaid\nstateDiagram-v2\n    [*] --> NOTPAY\n    NOTPAY --> SUCCESS\n"; !strings.HasPrefix(diagram(), want) {
		t.Errorf("diagram:\n%s", diagram())
	}
}
