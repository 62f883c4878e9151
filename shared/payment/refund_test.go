package payment

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestReserve(t *testing.T) {
	t.Parallel()
	o := captured(t)
	r := reserve(t, o, "R1", 300)
	if r.Status != RefundProcessing || r.AttemptNo != o.OutTradeNo || !r.TimeCreate.Equal(t0.Add(time.Hour)) || r.Baseline != 0 {
		t.Errorf("refund = %+v", r)
	}
	if o.TradeState != TradeSuccess || o.RefundedTotal() != (Money{}) {
		t.Errorf("a reservation made the order %s with %s given back", o.TradeState, o.RefundedTotal())
	}
	before := item(t, o)
	again, created, err := o.Reserve(Refund{OutRefundNo: "R1", AttemptNo: o.OutTradeNo, Fee: eur(300)}, true, t0.Add(2*time.Hour))
	if err != nil || created || again != o.Refund("R1") || item(t, o) != before {
		t.Errorf("the same refund again: created %t, %v", created, err)
	}
}

func TestReserveRefuses(t *testing.T) {
	t.Parallel()
	full := func(o *Order) {
		for i := range MaxRefunds {
			reserve(t, o, fmt.Sprintf("F%d", i), 1)
			o.FailRefund(fmt.Sprintf("F%d", i), t0)
		}
	}
	for _, c := range []struct {
		name      string
		prepare   func(*Order)
		ask       Refund
		one       bool
		code      Code
		retryable bool
		says      string
	}{
		{"more than was paid", nil, Refund{Fee: eur(1300)}, false, Conflict, false, "13.00 EUR"},
		{"more than is left", func(o *Order) { reserve(t, o, "R0", 1000) }, Refund{Fee: eur(300)}, false, Conflict, false, "2.99 EUR left"},
		{"the same number, another amount", func(o *Order) { reserve(t, o, "R1", 299) }, Refund{Fee: eur(300)}, false, Conflict, false, "out_refund_no R1"},
		{"the same number, another currency", func(o *Order) { reserve(t, o, "R1", 300) }, Refund{Fee: Money{300, "CNY"}}, false, Conflict, false, "out_refund_no R1"},
		{"one at a time", func(o *Order) { reserve(t, o, "R0", 300) }, Refund{Fee: eur(300)}, true, Conflict, true, "R0"},
		{"too many", full, Refund{Fee: eur(1)}, false, Conflict, false, "50"},
		{"no such attempt", nil, Refund{AttemptNo: "T9", Fee: eur(1)}, false, Conflict, false, "nothing to refund"},
		{"attempt that was not paid", func(o *Order) { o.Attempts[0].State = Open }, Refund{Fee: eur(1)}, false, Conflict, false, "nothing to refund"},
		{"another currency, nothing settled", nil, Refund{Fee: Money{1, "CNY"}}, false, Unsupported, false, "CNY"},
		{"another currency, settled in a third", func(o *Order) { o.Attempts[0].Settlement = Money{9000, "HKD"} },
			Refund{Fee: Money{1, "CNY"}}, false, Unsupported, false, "HKD"},
		{"more than was settled", func(o *Order) { o.Attempts[0].Settlement = Money{9000, "CNY"} },
			Refund{Fee: Money{9001, "CNY"}}, false, Conflict, false, "90.01 CNY"},
		{"two currencies", func(o *Order) { o.Attempts[0].Settlement = Money{9000, "CNY"}; reserve(t, o, "R0", 1) },
			Refund{Fee: Money{1, "CNY"}}, false, Conflict, false, "one currency, here EUR"},
		{"given back at the desk, by notice", func(o *Order) {
			o.ApplyRefund(o.OutTradeNo, RefundReport{Status: RefundSuccess, RefundID: "9", Fee: eur(1299)}, t0)
		}, Refund{Fee: eur(1)}, false, Conflict, false, "0.00 EUR left"},
		{"given back at the desk, by total", func(o *Order) {
			r := paid()
			r.Refunded = eur(1299)
			apply(t, o, r, t0)
		}, Refund{Fee: eur(1)}, false, Conflict, false, "0.00 EUR left"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := captured(t)
			if c.prepare != nil {
				c.prepare(o)
			}
			before := item(t, o)
			c.ask.OutRefundNo = "R1"
			if c.ask.AttemptNo == "" {
				c.ask.AttemptNo = o.OutTradeNo
			}
			r, created, err := o.Reserve(c.ask, c.one, t0.Add(time.Hour))
			if r != nil || created || codeOf(err) != c.code || item(t, o) != before {
				t.Fatalf("Reserve = %v, %t, %v, want %s", r, created, err, c.code)
			}
			if AsError(err).Retryable != c.retryable || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %q, retryable %t", err, AsError(err).Retryable)
			}
		})
	}
}

// What does not take room: refunds that failed, and one at a time per capture only.
func TestReserveGrants(t *testing.T) {
	t.Parallel()
	o := captured(t)
	reserve(t, o, "R1", 1299)
	o.FailRefund("R1", t0)
	reserve(t, o, "R2", 1299)
	if _, err := o.ApplyRefund(o.OutTradeNo, RefundReport{Status: RefundClosed, OutRefundNo: "R2"}, t0); err != nil {
		t.Fatal(err)
	}
	o.Attempts[0].Settlement = Money{9000, "CNY"}
	if _, created, err := o.Reserve(Refund{OutRefundNo: "R3", AttemptNo: o.OutTradeNo, Fee: Money{9000, "CNY"}}, true, t0); !created || err != nil {
		t.Errorf("a refund in the settled currency after failed ones: %t, %v", created, err)
	}
}

func TestReserveBaseline(t *testing.T) {
	t.Parallel()
	o := captured(t)
	reserve(t, o, "R1", 100)
	if _, err := o.ApplyRefund(o.OutTradeNo, RefundReport{Status: RefundSuccess, OutRefundNo: "R1"}, t0); err != nil {
		t.Fatal(err)
	}
	r := paid()
	r.Refunded = eur(150) // 50 of it at the desk
	apply(t, o, r, t0)
	if got := reserve(t, o, "R2", 10).Baseline; got != 150 {
		t.Errorf("baseline = %d, want 150", got)
	}
	if got := reserve(t, o, "R3", 10).Baseline; got != 150 {
		t.Errorf("baseline beside a refund under way = %d, want 150", got)
	}
}

func TestCapturesAndRoom(t *testing.T) {
	t.Parallel()
	if list := opened(t).Captures(); len(list) != 0 {
		t.Errorf("an unpaid order is refunded from %s", list[0].No)
	}
	o := opened(t)
	second := begin(t, o).No
	apply(t, o, paid(), t0)
	if _, err := o.Apply(second, Report{State: Paid, Total: total}, t0); err != nil {
		t.Fatal(err)
	}
	if got := o.Captures(); len(got) != 2 || got[0].No != second || got[1].No != o.OutTradeNo {
		t.Fatalf("captures %+v", got)
	}
	if _, _, err := o.Reserve(Refund{OutRefundNo: "R1", AttemptNo: second, Fee: eur(1000)}, false, t0); err != nil {
		t.Fatal(err)
	}
	for amount, fits := range map[int64]bool{1: true, 299: true, 300: false, 0: false, -500: false} {
		if err := o.Room(o.Attempt(second), eur(amount)); (err == nil) != fits {
			t.Errorf("%d beside 1000 of 1299: %v", amount, err)
		}
		if _, _, err := o.Clone().Reserve(Refund{OutRefundNo: "R2", AttemptNo: second, Fee: eur(amount)}, false, t0); (err == nil) != fits {
			t.Errorf("reserving %d: %v", amount, err)
		}
	}
}

// twoCaptures is an order that was paid twice, and the number of the second time.
func twoCaptures(t *testing.T) (*Order, string) {
	t.Helper()
	o := opened(t)
	second := begin(t, o).No
	apply(t, o, paid(), t0)
	if _, err := o.Apply(second, Report{State: Paid, Total: total}, t0); err != nil {
		t.Fatal(err)
	}
	return o, second
}

// Each capture has its own account of what went back without us.
func TestExternalIsPerCapture(t *testing.T) {
	t.Parallel()
	o, second := twoCaptures(t)
	r := paid()
	r.State, r.Refunded = Refunded, eur(300)
	apply(t, o, r, t0)
	if _, err := o.ApplyRefund(second, RefundReport{Status: RefundSuccess, OutRefundNo: "X1", Fee: total}, t0); err != nil {
		t.Fatal(err)
	}
	if got := o.RefundedTotal(); got != eur(1599) {
		t.Errorf("%s given back", got)
	}
	o, second = twoCaptures(t)
	if _, err := o.Apply(second, Report{State: Refunded, Total: total, Refunded: total}, t0); err != nil {
		t.Fatal(err)
	}
	if o.TradeState != TradeRefund || o.RefundedTotal() != total {
		t.Errorf("%s, %s given back", o.TradeState, o.RefundedTotal())
	}
	hasFlags(t, o, ExternalRefund, SecondCapture)
}

// An abnormal refund left the shop: it is not taken for somebody else's.
func TestAbnormalIsOurs(t *testing.T) {
	t.Parallel()
	o := captured(t)
	reserve(t, o, "R1", 1000)
	if _, err := o.ApplyRefund(o.PaidBy, RefundReport{Status: RefundAbnormal, OutRefundNo: "R1"}, t0); err != nil {
		t.Fatal(err)
	}
	r := paid()
	r.State, r.Refunded = Refunded, eur(1000)
	apply(t, o, r, t0)
	if n := given(o, o.PaidBy); n != 1000 {
		t.Errorf("%d of 1000 given back", n)
	}
}

// A total in one currency says nothing about refunds in another.
func TestTotalsOfAnotherCurrency(t *testing.T) {
	t.Parallel()
	o, r := opened(t), paid()
	r.Settlement = Money{10_000, "CNY"}
	apply(t, o, r, t0)
	if _, _, err := o.Reserve(Refund{OutRefundNo: "R1", AttemptNo: o.PaidBy, Fee: Money{300, "CNY"}}, false, t0); err != nil {
		t.Fatal(err)
	}
	if _, err := o.ApplyRefund(o.PaidBy, RefundReport{Status: RefundSuccess, OutRefundNo: "R1"}, t0); err != nil {
		t.Fatal(err)
	}
	r.State, r.Refunded = Refunded, eur(400)
	apply(t, o, r, t0)
	if a := o.Attempt(o.PaidBy); a.External != 0 {
		t.Errorf("4.00 EUR less 3.00 CNY made %d", a.External)
	}
}

func TestForeignRefunds(t *testing.T) {
	t.Parallel()
	tell := func(o *Order, r RefundReport) {
		t.Helper()
		r.Status = RefundSuccess
		if _, err := o.ApplyRefund(o.OutTradeNo, r, t0); err != nil {
			t.Fatal(err)
		}
	}
	o := captured(t)
	tell(o, RefundReport{RefundID: "9001", Fee: eur(1000)})
	tell(o, RefundReport{RefundID: "9001", OutRefundNo: "X1", Fee: eur(1000)})
	if got := o.RefundedTotal(); got != eur(1000) {
		t.Errorf("one refund by two numbers is %s", got)
	}
	o = captured(t)
	tell(o, RefundReport{OutRefundNo: "X1", Fee: eur(999_999)})
	if n := given(o, o.PaidBy); n > 1299 {
		t.Errorf("%d of 1299 given back by a notice", n)
	}
	hasFlags(t, o, AmountMismatch)
	o = captured(t)
	r := paid()
	r.Refunded = eur(999_999)
	apply(t, o, r, t0)
	if n := given(o, o.PaidBy); n > 1299 {
		t.Errorf("%d of 1299 given back by a total", n)
	}
	o = opened(t)
	tell(o, RefundReport{OutRefundNo: "X1", Fee: eur(1)})
	if o.TradeState != TradeNotPay {
		t.Errorf("a refund of what nobody paid made the order %s", o.TradeState)
	}
	if apply(t, o, paid(), t0); o.TradeState != TradeRefund || eventsOf(o, PaymentSucceeded) != 1 {
		t.Errorf("when the payment is heard of, the order is %s", o.TradeState)
	}
	if _, err := captured(t).ApplyRefund(o.OutTradeNo, RefundReport{Status: RefundSuccess, OutRefundNo: strings.Repeat("9", 129), Fee: eur(1)}, t0); !errors.Is(err, ErrForeign) {
		t.Errorf("a number of 129 characters: %v", err)
	}
}

// A refund that we gave up and that went out all the same leaves a trace.
func TestARefundThatCameBackToLife(t *testing.T) {
	t.Parallel()
	o := captured(t)
	reserve(t, o, "R1", 1299)
	o.FailRefund("R1", t0)
	changed, err := o.ApplyRefund(o.PaidBy, RefundReport{Status: RefundSuccess, OutRefundNo: "R1"}, t0)
	if err != nil || !changed || o.Refund("R1").Status != RefundClosed || o.TradeState != TradeRefund || o.RefundedTotal() != total {
		t.Errorf("changed %t, %v, %s, order %s, %s given back", changed, err, o.Refund("R1").Status, o.TradeState, o.RefundedTotal())
	}
	if changed, err := o.ApplyRefund(o.PaidBy, RefundReport{Status: RefundSuccess, OutRefundNo: "R1"}, t0); err != nil || changed {
		t.Errorf("the second time: changed %t, %v", changed, err)
	}
	if _, _, err := o.Reserve(Refund{OutRefundNo: "R2", AttemptNo: o.PaidBy, Fee: eur(1)}, false, t0); err == nil {
		t.Error("its amount is given back twice")
	}
	hasFlags(t, o, RefundUncertain)
	o = captured(t)
	reserve(t, o, "R1", 300)
	o.FailRefund("R1", t0)
	r := paid()
	r.State = Refunded
	apply(t, o, r, t0)
	if o.TradeState != TradeSuccess {
		t.Errorf("perhaps refunded, and the order is %s", o.TradeState)
	}
	hasFlags(t, o, RefundUncertain)
}

// Nobody is to pay an order twice: its other attempts are given up when it is paid.
func TestAPaidOrderHasNoLiveAttempt(t *testing.T) {
	t.Parallel()
	o := opened(t)
	second := begin(t, o).No
	apply(t, o, paid(), t0)
	a := o.Attempt(second)
	for now := t0; now.Before(t0.Add(30 * 24 * time.Hour)); now = now.Add(time.Hour) {
		a.Ask(now, timetable, 2*time.Hour)
	}
	if o.Live() != nil || !o.Settled() {
		t.Errorf("the other attempt is %s", a.State)
	}
}

func TestReasonsStayText(t *testing.T) {
	t.Parallel()
	o := opened(t)
	apply(t, o, Report{State: Refused, Word: "ab" + strings.Repeat("余额不足", 20)}, t0)
	if reason := o.Attempts[0].Reason; !utf8.ValidString(reason) {
		t.Errorf("%q", reason)
	}
}

func TestApplyRefund(t *testing.T) {
	t.Parallel()
	at := t0.Add(90 * time.Minute).In(time.FixedZone("GMT+8", 8*60*60))
	for _, c := range []struct {
		name    string
		in      RefundReport
		status  RefundStatus
		state   TradeState
		event   EventType
		changed bool
	}{
		{"succeeded", RefundReport{Status: RefundSuccess, SucceededAt: at}, RefundSuccess, TradeRefund, RefundSucceeded, true},
		{"closed", RefundReport{Status: RefundClosed, Word: "no"}, RefundClosed, TradeSuccess, RefundFailed, true},
		{"abnormal", RefundReport{Status: RefundAbnormal, Word: "no"}, RefundAbnormal, TradeSuccess, RefundFailed, true},
		{"under way", RefundReport{Status: RefundProcessing}, RefundProcessing, TradeSuccess, "", false},
		{"under way, with its number", RefundReport{Status: RefundProcessing, RefundID: "9001"}, RefundProcessing, TradeSuccess, "", true},
		{"a word nobody knows", RefundReport{Word: "?"}, RefundProcessing, TradeSuccess, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := captured(t)
			reserve(t, o, "R1", 300).Lease = "lease"
			c.in.OutRefundNo, c.in.No, c.in.Account, c.in.Fee = "R1", o.OutTradeNo, testAccount, eur(300)
			changed, err := o.ApplyRefund(o.OutTradeNo, c.in, t0.Add(2*time.Hour))
			f := o.Refund("R1")
			if err != nil || changed != c.changed || f.Status != c.status || o.TradeState != c.state || f.RefundID != c.in.RefundID || f.Reason != c.in.Word && c.changed {
				t.Errorf("changed %t, %v, order %s, refund %+v", changed, err, o.TradeState, f)
			}
			if done := c.status == RefundSuccess; done && (!f.TimeSuccess.Equal(at) || f.TimeSuccess.Location() != time.UTC) || !done && !f.TimeSuccess.IsZero() {
				t.Errorf("time_success = %s", f.TimeSuccess)
			}
			if last := o.Events[len(o.Events)-1]; c.event != "" && (last.Type != c.event || last.RefundNo != "R1") || c.event == "" && len(o.Events) != 1 {
				t.Errorf("events = %+v", o.Events)
			}
			if (f.Lease == "") != (c.status != RefundProcessing) {
				t.Errorf("lease = %q", f.Lease)
			}
			before := item(t, o)
			for _, s := range []RefundStatus{c.in.Status, RefundProcessing, ""} {
				c.in.Status = s
				if changed, err := o.ApplyRefund(o.OutTradeNo, c.in, t0.Add(9*time.Hour)); changed || err != nil || item(t, o) != before {
					t.Errorf("%q again: %t, %v", s, changed, err)
				}
			}
		})
	}
}

// Only PROCESSING changes (I3).
func TestRefundStatusIsOneWay(t *testing.T) {
	t.Parallel()
	all := []RefundStatus{RefundProcessing, RefundSuccess, RefundClosed, RefundAbnormal}
	for _, from := range all[1:] {
		for _, to := range all {
			o := captured(t)
			reserve(t, o, "R1", 300)
			o.ApplyRefund(o.OutTradeNo, RefundReport{Status: from, OutRefundNo: "R1"}, t0)
			before := item(t, o)
			changed, err := o.ApplyRefund(o.OutTradeNo, RefundReport{Status: to, OutRefundNo: "R1"}, t0.Add(time.Hour))
			if from == RefundClosed && to == RefundSuccess {
				hasFlags(t, o, RefundUncertain) // see TestARefundThatCameBackToLife
				changed, before = false, item(t, o)
			}
			if changed || err != nil || o.FailRefund("R1", t0) || item(t, o) != before || o.Refund("R1").Status != from {
				t.Errorf("%s and then %s: %t, %v, now %s", from, to, changed, err, o.Refund("R1").Status)
			}
		}
	}
}

func TestApplyRefundRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, no string
		mod      func(*RefundReport)
		want     error
	}{
		{"no such attempt", "T9", func(*RefundReport) {}, ErrNoAttempt},
		{"another account", "", func(r *RefundReport) { r.Account = "999999" }, ErrForeign},
		{"another trade", "", func(r *RefundReport) { r.No = "T20251124" }, ErrForeign},
		{"another amount", "", func(r *RefundReport) { r.Fee = eur(301) }, ErrForeign},
		{"another currency", "", func(r *RefundReport) { r.Fee = Money{300, "CNY"} }, ErrForeign},
		{"endless refund_id", "", func(r *RefundReport) { r.RefundID = strings.Repeat("9", 129) }, ErrForeign},
		{"refund of another attempt", "second", func(r *RefundReport) { r.No = "" }, ErrForeign},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := opened(t)
			second := begin(t, o).No
			apply(t, o, paid(), t0)
			reserve(t, o, "R1", 300)
			no := o.OutTradeNo
			if c.no != "" {
				no = strings.Replace(c.no, "second", second, 1)
			}
			in := RefundReport{Status: RefundSuccess, OutRefundNo: "R1", RefundID: "9001", Account: testAccount, No: o.OutTradeNo, Fee: eur(300)}
			c.mod(&in)
			before := item(t, o)
			if changed, err := o.ApplyRefund(no, in, t0); changed || !errors.Is(err, c.want) || item(t, o) != before {
				t.Errorf("changed %t, %v, want %v", changed, err, c.want)
			}
		})
	}
}

// I6 for refunds: the processor's number stays, another one is flagged.
func TestRefundNumberStays(t *testing.T) {
	t.Parallel()
	o := captured(t)
	reserve(t, o, "R1", 300)
	for _, id := range []string{"9001", "", "9002"} {
		if _, err := o.ApplyRefund(o.OutTradeNo, RefundReport{OutRefundNo: "R1", RefundID: id}, t0); err != nil {
			t.Fatal(err)
		}
	}
	if got := o.Refund("R1").RefundID; got != "9001" {
		t.Errorf("refund_id = %q", got)
	}
	hasFlags(t, o, NumberConflict)
}

// A processor that names a refund by its own number alone is understood.
func TestRefundFoundByID(t *testing.T) {
	t.Parallel()
	o := captured(t)
	reserve(t, o, "R1", 300)
	o.ApplyRefund(o.OutTradeNo, RefundReport{OutRefundNo: "R1", RefundID: "9001"}, t0)
	changed, err := o.ApplyRefund(o.OutTradeNo, RefundReport{Status: RefundSuccess, RefundID: "9001"}, t0)
	if !changed || err != nil || len(o.Refunds) != 1 || o.Refunds[0].Status != RefundSuccess {
		t.Errorf("%t, %v, refunds %+v", changed, err, o.Refunds)
	}
	hasFlags(t, o)
}

func TestForeignRefund(t *testing.T) {
	t.Parallel()
	o := captured(t)
	in := RefundReport{Status: RefundSuccess, OutRefundNo: "X1", RefundID: "9001", Fee: eur(300)}
	changed, err := o.ApplyRefund(o.OutTradeNo, in, t0.Add(time.Hour))
	want := Refund{OutRefundNo: "X1", RefundID: "9001", AttemptNo: o.OutTradeNo, Fee: eur(300), Status: RefundSuccess,
		Desc: "made at the processor", TimeCreate: t0.Add(time.Hour), TimeSuccess: t0.Add(time.Hour)}
	if !changed || err != nil || o.TradeState != TradeRefund || len(o.Refunds) != 1 {
		t.Fatalf("%t, %v, order %s", changed, err, o.TradeState)
	}
	if diff := cmp.Diff(want, o.Refunds[0]); diff != "" {
		t.Error(diff)
	}
	hasFlags(t, o, ExternalRefund)
	if changed, err := o.ApplyRefund(o.OutTradeNo, in, t0.Add(2*time.Hour)); changed || err != nil || len(o.Refunds) != 1 {
		t.Errorf("again: %t, %v, refunds %+v", changed, err, o.Refunds)
	}
}

// What is no success of a known amount and number is no refund.
func TestForeignRefundIgnored(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]RefundReport{
		"under way":      {Status: RefundProcessing, OutRefundNo: "X1", Fee: eur(300)},
		"closed":         {Status: RefundClosed, OutRefundNo: "X1", Fee: eur(300)},
		"abnormal":       {Status: RefundAbnormal, OutRefundNo: "X1", Fee: eur(300)},
		"unknown word":   {OutRefundNo: "X1", Fee: eur(300)},
		"no amount":      {Status: RefundSuccess, OutRefundNo: "X1"},
		"negative":       {Status: RefundSuccess, OutRefundNo: "X1", Fee: eur(-300)},
		"without number": {Status: RefundSuccess, Fee: eur(300)},
	} {
		o := captured(t)
		before := item(t, o)
		if changed, err := o.ApplyRefund(o.OutTradeNo, in, t0); changed || err != nil || item(t, o) != before {
			t.Errorf("%s: %t, %v", name, changed, err)
		}
	}
	o := captured(t)
	for i := range 3 * MaxRefunds {
		o.ApplyRefund(o.OutTradeNo, RefundReport{Status: RefundSuccess, OutRefundNo: fmt.Sprint("X", i), Fee: eur(1)}, t0)
	}
	if len(o.Refunds) != 2*MaxRefunds {
		t.Errorf("an order keeps %d refunds", len(o.Refunds))
	}
}

func TestFailRefund(t *testing.T) {
	t.Parallel()
	o := captured(t)
	reserve(t, o, "R1", 1299).Lease = "lease"
	if !o.FailRefund("R1", t0) || o.FailRefund("R1", t0) || o.FailRefund("R2", t0) {
		t.Error("a refund fails once, and only if there is one")
	}
	f := o.Refund("R1")
	if f.Status != RefundClosed || f.Lease != "" || eventsOf(o, RefundFailed) != 1 || o.TradeState != TradeSuccess {
		t.Errorf("refund %+v, events %v", f, o.Events)
	}
	reserve(t, o, "R2", 1299)
}

func TestRefundedTotal(t *testing.T) {
	t.Parallel()
	cny := func(n int64) Refund { return Refund{Fee: Money{n, "CNY"}, Status: RefundSuccess} }
	for _, c := range []struct {
		name     string
		refunds  []Refund
		external int64
		want     Money
	}{
		{"none", nil, 0, Money{}},
		{"not done", []Refund{{Fee: eur(1), Status: RefundProcessing}, {Fee: eur(1), Status: RefundClosed}, {Fee: eur(1), Status: RefundAbnormal}}, 0, Money{}},
		{"ours", []Refund{{Fee: eur(300), Status: RefundSuccess}, {Fee: eur(200), Status: RefundSuccess}}, 0, eur(500)},
		{"external", nil, 400, eur(400)},
		{"both", []Refund{{Fee: eur(300), Status: RefundSuccess}}, 400, eur(700)},
		{"settled currency", []Refund{cny(300), cny(200)}, 0, Money{500, "CNY"}},
	} {
		o := &Order{Total: total, Refunds: c.refunds, Attempts: []Attempt{{External: c.external}}}
		if got := o.RefundedTotal(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestRefundable(t *testing.T) {
	t.Parallel()
	o := captured(t)
	o.Attempts[0].Settlement = Money{9000, "CNY"}
	for currency, want := range map[string]Money{"EUR": total, "CNY": {9000, "CNY"}, "HKD": {}, "": {}} {
		got, err := o.Refundable(&o.Attempts[0], currency)
		if got != want || (err == nil) != (want != Money{}) || err != nil && codeOf(err) != Unsupported {
			t.Errorf("Refundable(%q) = %s, %v, want %s", currency, got, err, want)
		}
	}
}

// R11: of 100 refunds of 30 % exactly three are accepted.
func TestThirtyPercent(t *testing.T) {
	t.Parallel()
	o, accepted := captured(t), 0
	for i := range 100 {
		_, created, err := o.Reserve(Refund{OutRefundNo: fmt.Sprint("R", i), AttemptNo: o.OutTradeNo, Fee: eur(1299 * 3 / 10)}, false, t0)
		if created {
			accepted++
		} else if codeOf(err) != Conflict {
			t.Fatal(err)
		}
	}
	if accepted != 3 {
		t.Errorf("%d refunds of 30 %% were accepted", accepted)
	}
}

// given is what an order has given back of an attempt's capture, or promised to (I4).
func given(o *Order, no string) (sum int64) {
	for _, f := range o.Refunds {
		if f.AttemptNo == no && f.Status != RefundClosed {
			sum += f.Fee.Amount
		}
	}
	if a := o.Attempt(no); a != nil {
		sum += a.External
	}
	return sum
}

// R11: no interleaving of refunds gives back more than was paid. Calls overlap the
// way they do in the store: each works on the order it loaded, and a save whose
// version is stale loads again.
func TestR11RefundInterleavings(t *testing.T) {
	t.Parallel()
	const runs, shards = 100_000, 4
	start := captured(t)
	start.Events = nil
	for shard := range shards {
		t.Run(fmt.Sprint(shard), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(11, uint64(shard)))
			granted, refused := 0, 0
			for run := range runs / shards {
				o := start.Clone()
				for step := range 6 {
					loaded := o.Clone()
					if refundStep(rnd, loaded) {
						granted++
					} else {
						refused++
					}
					if rnd.IntN(4) == 0 { // another call saved first: load again
						refundStep(rnd, o)
						loaded = o.Clone()
						refundStep(rnd, loaded)
					}
					o = loaded
					if sum := given(o, o.OutTradeNo); sum < 0 || sum > o.Total.Amount {
						t.Fatalf("run %d, step %d: %d of %d given back: %+v", run, step, sum, o.Total.Amount, o.Refunds)
					}
				}
			}
			if granted < runs/shards || refused < runs/shards {
				t.Errorf("%d steps changed something, %d did not: this tries little", granted, refused)
			}
		})
	}
}

var (
	refundNos   = []string{"R1", "R2", "R3", "R4", "R5", "R6"}
	refundWords = []RefundStatus{RefundSuccess, RefundSuccess, RefundClosed, RefundAbnormal, RefundProcessing, ""}
)

// refundStep does one random thing to the refunds of a paid order.
func refundStep(rnd *rand.Rand, o *Order) (changed bool) {
	no := refundNos[rnd.IntN(len(refundNos))]
	switch rnd.IntN(5) {
	case 0:
		changed = o.FailRefund(no, t0)
	case 1:
		if o.Refund(no) != nil {
			changed, _ = o.ApplyRefund(o.OutTradeNo, RefundReport{Status: refundWords[rnd.IntN(len(refundWords))], OutRefundNo: no}, t0)
		}
	default:
		fee := eur(1 + rnd.Int64N(o.Total.Amount*3/4))
		_, changed, _ = o.Reserve(Refund{OutRefundNo: no, AttemptNo: o.OutTradeNo, Fee: fee}, rnd.IntN(4) == 0, t0)
	}
	return changed
}
