package payment

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// trade is a processor's own ledger of one attempt. It is honest: it captures what
// was asked for, never gives back more than it captured, and says what it did.
type trade struct {
	captured bool
	over     ReportState      // its final word, if it has one: Over or Refused
	held     map[string]int64 // refunds of ours under way, by number
	done     map[string]int64 // refunds of ours that succeeded
	lost     map[string]int64 // refunds of ours that became ABNORMAL
	desk     map[string]int64 // refunds made at its own desk
}

func sum(m map[string]int64) (n int64) {
	for _, v := range m {
		n += v
	}
	return n
}

func (l *trade) left() int64 {
	return total.Amount - sum(l.held) - sum(l.done) - sum(l.lost) - sum(l.desk)
}

// machine runs an order against that ledger and random chance, and checks after
// every step what must always hold.
type machine struct {
	o      *Order
	now    time.Time
	ledger map[string]*trade
	proven map[string]bool // attempts whose right capture was applied
	flags  map[Flag]bool   // what happened that must be flagged
	desks  int
}

func (m *machine) attempt(t *rapid.T, want func(*trade) bool) string {
	var nos []string
	for _, a := range m.o.Attempts {
		if want(m.ledger[a.No]) {
			nos = append(nos, a.No)
		}
	}
	if len(nos) == 0 {
		t.Skip("no such attempt")
	}
	return rapid.SampledFrom(nos).Draw(t, "attempt")
}

func anyTrade(*trade) bool { return true }

func (m *machine) refund(t *rapid.T) *Refund {
	var nos []string
	for _, f := range m.o.Refunds {
		if f.Status == RefundProcessing {
			nos = append(nos, f.OutRefundNo)
		}
	}
	if len(nos) == 0 {
		t.Skip("no refund under way")
	}
	return m.o.Refund(rapid.SampledFrom(nos).Draw(t, "refund"))
}

// word is what the processor says truly about a trade.
func (m *machine) word(no string) Report {
	l := m.ledger[no]
	r := Report{Account: testAccount, No: no, SpTradeNo: "sp-" + no, TransactionID: "wx-" + no, State: cmp.Or(l.over, Pending)}
	if l.captured {
		r.State, r.Total, r.PaidAt = Paid, total, t0.Add(time.Minute)
		if back := sum(l.done) + sum(l.lost) + sum(l.desk); back > 0 {
			r.State, r.Refunded = Refunded, eur(back)
		}
	}
	return r
}

func (m *machine) begin(t *rapid.T) {
	live := m.o.Live() != nil
	a, err := m.o.Begin(Attempt{Provider: "yaband", Account: testAccount, Method: WeChat}, "lease", m.now.Add(25*time.Second), m.now)
	if allowed := m.o.TradeState == TradeNotPay && (len(m.o.Attempts) < MaxAttempts || err == nil); allowed != (err == nil) {
		t.Fatalf("Begin on an order that is %s (live %t): %v", m.o.TradeState, live, err)
	}
	if err == nil {
		a.State = rapid.SampledFrom([]AttemptState{Creating, Lost, Open, Open}).Draw(t, "state")
		m.ledger[a.No] = &trade{held: map[string]int64{}, done: map[string]int64{}, lost: map[string]int64{}, desk: map[string]int64{}}
	}
}

// pay happens at the processor: we know nothing of it yet.
func (m *machine) pay(t *rapid.T) {
	l := m.ledger[m.attempt(t, func(l *trade) bool { return !l.captured && l.over == "" })]
	l.captured = true
}

func (m *machine) end(t *rapid.T) {
	l := m.ledger[m.attempt(t, func(l *trade) bool { return !l.captured })]
	l.over = rapid.SampledFrom([]ReportState{Over, Refused}).Draw(t, "word")
}

func (m *machine) report(t *rapid.T) { m.hear(t, m.attempt(t, anyTrade)) }

func (m *machine) hear(t *rapid.T, no string) {
	r, first := m.word(no), !m.proven[no]
	if _, err := m.o.Apply(no, r, m.now); err != nil {
		t.Fatalf("the truth was not believed: %v", err)
	}
	if !m.ledger[no].captured {
		return
	}
	m.proven[no] = true
	if first && len(m.proven) > 1 {
		m.flags[SecondCapture] = true
	}
	if first && len(m.proven) == 1 && !m.o.TimeClosed.IsZero() {
		m.flags[LatePayment] = true
	}
	if !m.o.TradeState.Paid() {
		t.Fatalf("paid, and the order is %s", m.o.TradeState)
	}
}

// lie is a report that must not pay.
func (m *machine) lie(t *rapid.T) {
	no := m.attempt(t, anyTrade)
	r, before := m.word(no), m.o.TradeState
	r.State, r.Total, r.PaidAt = Paid, total, m.now
	switch rapid.IntRange(0, 4).Draw(t, "lie") {
	case 0:
		r.Total.Amount, m.flags[AmountMismatch] = r.Total.Amount+1, true
	case 1:
		r.Total.Currency, m.flags[CurrencyMismatch] = "CNY", true
	case 2:
		r.Account = "999999"
	case 3:
		r.No = "T999999"
	case 4:
		r.Total = Money{}
	}
	m.o.Apply(no, r, m.now)
	if m.o.TradeState != before {
		t.Fatalf("a lie made the order %s", m.o.TradeState)
	}
}

// renumber is a right report with another number of the trade.
func (m *machine) renumber(t *rapid.T) {
	no := m.attempt(t, func(l *trade) bool { return !l.captured && l.over == "" })
	if m.o.Attempt(no).SpTradeNo == "" {
		t.Skip("nothing learnt yet")
	}
	m.flags[NumberConflict] = true
	if _, err := m.o.Apply(no, Report{SpTradeNo: "another"}, m.now); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) close(t *rapid.T) {
	if was := m.o.TradeState; m.o.Close(m.now) != (was == TradeNotPay) {
		t.Fatalf("Close of %s", was)
	}
}

// reserve asks for a refund. What the processor has no money left for, because of
// refunds at its desk that we have not heard of, it declines at once.
func (m *machine) reserve(t *rapid.T) {
	no := m.attempt(t, anyTrade)
	refundNo := fmt.Sprint("R", rapid.IntRange(0, 12).Draw(t, "no"))
	fee := eur(rapid.Int64Range(1, total.Amount).Draw(t, "fee"))
	_, created, err := m.o.Reserve(Refund{OutRefundNo: refundNo, AttemptNo: no, Fee: fee}, rapid.Bool().Draw(t, "one"), m.now)
	if created && (err != nil || !m.proven[no]) {
		t.Fatalf("a refund of %s was reserved: %v", no, err)
	}
	switch {
	case !created:
	case m.ledger[no].left() < fee.Amount:
		m.o.FailRefund(refundNo, m.now)
	default:
		m.ledger[no].held[refundNo] = fee.Amount
	}
}

func (m *machine) refunded(t *rapid.T) {
	f := m.refund(t)
	l := m.ledger[f.AttemptNo]
	r := RefundReport{Account: testAccount, No: f.AttemptNo, OutRefundNo: f.OutRefundNo, RefundID: "id-" + f.OutRefundNo, Fee: f.Fee,
		Status: rapid.SampledFrom([]RefundStatus{RefundSuccess, RefundSuccess, RefundClosed, RefundAbnormal, RefundProcessing, ""}).Draw(t, "status")}
	into := map[RefundStatus]map[string]int64{RefundSuccess: l.done, RefundAbnormal: l.lost, RefundClosed: {}}[r.Status]
	if into != nil {
		into[f.OutRefundNo] = l.held[f.OutRefundNo]
		delete(l.held, f.OutRefundNo)
	}
	if _, err := m.o.ApplyRefund(f.AttemptNo, r, m.now); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) failRefund(t *rapid.T) {
	f := m.refund(t)
	delete(m.ledger[f.AttemptNo].held, f.OutRefundNo)
	m.o.FailRefund(f.OutRefundNo, m.now)
}

// desk gives money back at the processor, of the capture that paid the order.
func (m *machine) desk(t *rapid.T) {
	l := m.ledger[m.o.PaidBy]
	if l == nil || l.left() < 1 || len(l.desk) > 5 {
		t.Skip("nothing to give back")
	}
	m.desks++
	l.desk[fmt.Sprint("X", m.desks)] = rapid.Int64Range(1, l.left()).Draw(t, "fee")
}

func (m *machine) deskNotice(t *rapid.T) {
	if l := m.ledger[m.o.PaidBy]; l == nil || len(l.desk) == 0 {
		t.Skip("nothing to hear of")
	}
	desk := m.ledger[m.o.PaidBy].desk
	nos := make([]string, 0, len(desk))
	for no := range desk {
		nos = append(nos, no)
	}
	slices.Sort(nos)
	m.hearDesk(t, rapid.SampledFrom(nos).Draw(t, "no"))
}

func (m *machine) hearDesk(t *rapid.T, no string) {
	m.flags[ExternalRefund] = true
	if _, err := m.o.ApplyRefund(m.o.PaidBy, RefundReport{Status: RefundSuccess, OutRefundNo: no, RefundID: "id-" + no,
		Fee: eur(m.ledger[m.o.PaidBy].desk[no])}, m.now); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) ask(t *rapid.T) {
	poll := []time.Duration{5 * time.Second, 15 * time.Second, time.Minute}
	if rapid.Bool().Draw(t, "refund") {
		f := m.refund(t)
		f.Ask(m.now, poll)
		return
	}
	m.o.Attempt(m.attempt(t, anyTrade)).Ask(m.now, poll, 2*time.Hour)
}

func (m *machine) told(t *rapid.T) {
	if len(m.o.Events) == 0 {
		t.Skip("no event")
	}
	e := rapid.SampledFrom(m.o.Events).Draw(t, "event")
	status := rapid.SampledFrom([]int{200, 204, 301, 410, 500, 0}).Draw(t, "status")
	if got := m.o.Told(e.ID, e.Time, status, m.now, rapid.IntRange(0, 99).Draw(t, "jitter")); got != (!e.DueAt.IsZero() || e.Delivered.IsZero() && (status/100 == 2 || status == 410)) {
		t.Fatalf("Told(%+v, %d) = %t", e, status, got)
	}
}

// check compares the order with what it was a step before, and with the ledger.
func (m *machine) check(t *rapid.T, was *Order) {
	o := m.o
	if o.TradeState.Paid() != (len(m.proven) > 0) || o.TradeState.Paid() && !m.proven[o.PaidBy] {
		t.Fatalf("I1: order is %s by %q, proven captures are %v", o.TradeState, o.PaidBy, m.proven)
	}
	if o.TradeState != was.TradeState && !reaches(was.TradeState, o.TradeState) {
		t.Fatalf("I3: %s became %s", was.TradeState, o.TradeState)
	}
	keepsTimes(t, was, o)
	m.checkAttempts(t, was)
	m.checkRefunds(t, was)
	m.checkEvents(t, was)
	if due, settled := o.Due(), o.Settled(); settled && len(o.Undelivered()) == 0 && len(m.proven) == 0 && !due.IsZero() ||
		o.TradeState == TradeNotPay && due.IsZero() {
		t.Fatalf("order %s, settled %t, is due at %s", o.TradeState, settled, due)
	}
	for f := range m.flags {
		if m.flags[f] && f != ExternalRefund && !slices.Contains(o.Flags, f) {
			t.Fatalf("%s is not flagged: %v", f, o.Flags)
		}
	}
	for _, f := range was.Flags {
		if !slices.Contains(o.Flags, f) {
			t.Fatalf("the flag %s is gone", f)
		}
	}
}

func (m *machine) checkAttempts(t *rapid.T, was *Order) {
	live, open := 0, 0
	for i, a := range m.o.Attempts {
		if a.State.Live() {
			live++
		}
		if !a.State.Final() {
			open++
		}
		if m.proven[a.No] != (a.State == Captured) {
			t.Fatalf("I1: attempt %s is %s, proven %t", a.No, a.State, m.proven[a.No])
		}
		if i >= len(was.Attempts) {
			continue
		}
		b := was.Attempts[i]
		if a.No != b.No || a.Provider != b.Provider || a.Account != b.Account || a.Method != b.Method {
			t.Fatalf("I7: the route of an attempt changed from %+v to %+v", b, a)
		}
		for _, n := range [][2]string{{b.SpTradeNo, a.SpTradeNo}, {b.TransactionID, a.TransactionID}, {was.PaidBy, m.o.PaidBy}} {
			if n[0] != "" && n[0] != n[1] {
				t.Fatalf("I6: the number %q became %q", n[0], n[1])
			}
		}
		if b.State == Captured && a.State != Captured || b.State.Final() && !a.State.Final() || b.State == Watched && a.State.Live() {
			t.Fatalf("attempt %s went back from %s to %s", a.No, b.State, a.State)
		}
	}
	if live > 1 || (m.o.Live() != nil) != (live == 1) {
		t.Fatalf("I10: %d attempts are live, Live is %v", live, m.o.Live())
	}
	pending := slices.ContainsFunc(m.o.Refunds, func(r Refund) bool { return r.Status == RefundProcessing })
	if m.o.Settled() != (m.o.TradeState != TradeNotPay && open == 0 && !pending) {
		t.Fatalf("Settled = %t with %d attempts open, refunds pending %t, order %s", m.o.Settled(), open, pending, m.o.TradeState)
	}
	switch lead := m.o.Lead(); {
	case lead == nil && len(m.o.Attempts) == 0:
	case m.o.PaidBy != "" && lead.No == m.o.PaidBy:
	case m.o.PaidBy == "" && lead.No == m.o.Attempts[len(m.o.Attempts)-1].No:
	default:
		t.Fatalf("Lead = %+v", lead)
	}
}

func (m *machine) checkRefunds(t *rapid.T, was *Order) {
	for _, a := range m.o.Attempts {
		if n := given(m.o, a.No); n < 0 || n > 0 && !m.proven[a.No] || n > total.Amount || a.External < 0 {
			t.Fatalf("I4: %d of %d given back of %s: %+v", n, total.Amount, a.No, m.o.Refunds)
		}
	}
	really := int64(0)
	for _, l := range m.ledger {
		if really += sum(l.done) + sum(l.desk); l.left() < 0 {
			t.Fatalf("I4: the processor gave back more than it had: %+v", l)
		}
	}
	if said := m.o.RefundedTotal().Amount; said > really || (said > 0) != (m.o.TradeState == TradeRefund) {
		t.Fatalf("order is %s, %d given back, the processor knows of %d", m.o.TradeState, said, really)
	}
	for i, b := range was.Refunds {
		if a := m.o.Refunds[i]; a.OutRefundNo != b.OutRefundNo || a.Fee != b.Fee || a.AttemptNo != b.AttemptNo ||
			b.Status != RefundProcessing && a.Status != b.Status || b.RefundID != "" && a.RefundID != b.RefundID {
			t.Fatalf("I3: a refund changed from %+v to %+v", b, a)
		}
	}
}

func (m *machine) checkEvents(t *rapid.T, was *Order) {
	seen := make(map[string]bool)
	for i, e := range m.o.Events {
		if seen[e.ID] {
			t.Fatalf("I5: two events %s", e.ID)
		}
		seen[e.ID] = true
		if i < len(was.Events) && (was.Events[i].ID != e.ID || !was.Events[i].Time.Equal(e.Time) && e.Type != PaymentFlagged) {
			t.Fatalf("I5: an event changed from %+v to %+v", was.Events[i], e)
		}
	}
	for typ, want := range map[EventType]bool{PaymentSucceeded: len(m.proven) > 0, PaymentClosed: !m.o.TimeClosed.IsZero(), PaymentFlagged: len(m.o.Flags) > 0} {
		if got := eventsOf(m.o, typ); got > 1 || (got == 1) != want {
			t.Fatalf("I5: %d events %s", got, typ)
		}
	}
	for _, f := range m.o.Refunds {
		if f.Status != RefundProcessing && f.Desc == "" && !slices.ContainsFunc(m.o.Events, func(e Event) bool {
			return e.RefundNo == f.OutRefundNo && (e.Type == RefundSucceeded) == (f.Status == RefundSuccess)
		}) {
			t.Fatalf("refund %s is %s and the shop is not told", f.OutRefundNo, f.Status)
		}
	}
}

// quiesce lets the processor say all that it knows: then our books are its books.
func (m *machine) quiesce(t *rapid.T) {
	for _, f := range m.o.Refunds { // a refund under way may hide one of the desk in a total
		if l := m.ledger[f.AttemptNo]; f.Status == RefundProcessing {
			l.done[f.OutRefundNo] = f.Fee.Amount
			delete(l.held, f.OutRefundNo)
			if _, err := m.o.ApplyRefund(f.AttemptNo, RefundReport{Status: RefundSuccess, OutRefundNo: f.OutRefundNo}, m.now); err != nil {
				t.Fatal(err)
			}
		}
	}
	really := int64(0)
	for _, a := range m.o.Attempts {
		l := m.ledger[a.No]
		really += sum(l.done) + sum(l.desk)
		m.hear(t, a.No)
	}
	if got := m.o.RefundedTotal().Amount; got != really {
		t.Fatalf("%d given back by the total, the processor knows of %d", got, really)
	}
	if l := m.ledger[m.o.PaidBy]; l != nil {
		for no := range l.desk {
			m.hearDesk(t, no)
		}
	}
	external := int64(0)
	for _, a := range m.o.Attempts {
		external += a.External
	}
	if got := m.o.RefundedTotal().Amount; got != really || external != 0 {
		t.Fatalf("%d given back, %d of it only by the total, the processor knows of %d", got, external, really)
	}
}

// I1, I3 to I7 and I10 hold after every step of any history.
func TestMachine(t *testing.T) {
	t.Parallel()
	reached := make(map[string]int)
	history := func(t *rapid.T) {
		m := &machine{o: newOrder(), now: t0, ledger: map[string]*trade{}, proven: map[string]bool{}, flags: map[Flag]bool{}}
		for range rapid.IntRange(0, 2).Draw(t, "attempts before") {
			m.begin(t)
		}
		if len(m.o.Attempts) > 0 && rapid.Bool().Draw(t, "paid before") {
			m.pay(t)
		}
		was, stored := m.o.Clone(), ""
		step := func(f func(*rapid.T)) func(*rapid.T) {
			return func(t *rapid.T) {
				m.now = m.now.Add(time.Duration(rapid.IntRange(0, 3600).Draw(t, "seconds")) * time.Second)
				was = m.o.Clone()
				stored = mustJSON(t, was)
				f(t)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"begin": step(m.begin), "pay": step(m.pay), "end": step(m.end), "report": step(m.report), "report again": step(m.report),
			"lie": step(m.lie), "renumber": step(m.renumber), "close": step(m.close),
			"reserve": step(m.reserve), "reserve another": step(m.reserve), "refunded": step(m.refunded), "failRefund": step(m.failRefund),
			"desk": step(m.desk), "deskNotice": step(m.deskNotice), "ask": step(m.ask), "told": step(m.told),
			"": func(t *rapid.T) {
				m.check(t, was)
				if stored != "" && mustJSON(t, was) != stored {
					t.Fatal("a step changed the clone that was made before it")
				}
				var back Order
				if err := json.Unmarshal([]byte(mustJSON(t, m.o)), &back); err != nil {
					t.Fatal(err)
				}
				if diff := gocmp.Diff(*m.o, back); diff != "" {
					t.Fatalf("stored and read again:\n%s", diff)
				}
			},
		})
		was = m.o.Clone()
		m.quiesce(t)
		m.check(t, was)
		reached[string(m.o.TradeState)]++
		for _, f := range m.o.Flags {
			reached[string(f)]++
		}
	}
	for range 3 {
		rapid.Check(t, history)
	}
	for _, what := range []string{"NOTPAY", "CLOSED", "SUCCESS", "REFUND", string(SecondCapture), string(LatePayment),
		string(AmountMismatch), string(NumberConflict), string(ExternalRefund)} {
		if reached[what] == 0 {
			t.Errorf("no history came to %s: %v", what, reached)
		}
	}
}

func mustJSON(t *rapid.T, o *Order) string {
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
