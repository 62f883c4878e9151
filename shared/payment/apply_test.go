package payment

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestApplyPaid(t *testing.T) {
	t.Parallel()
	o := opened(t)
	r := paid()
	r.Settlement = Money{10_000, "CNY"}
	r.PaidAt = r.PaidAt.In(time.FixedZone("GMT+8", 8*60*60))
	if !apply(t, o, r, t0.Add(time.Minute)) {
		t.Error("a capture changed nothing")
	}
	a := o.Attempts[0]
	if o.TradeState != TradeSuccess || o.PaidBy != a.No || a.State != Captured || o.Lead().No != a.No {
		t.Errorf("order %s paid by %q, attempt %s", o.TradeState, o.PaidBy, a.State)
	}
	if a.SpTradeNo != testSp || a.TransactionID != testWx || a.Settlement != r.Settlement {
		t.Errorf("learnt %q, %q, %s", a.SpTradeNo, a.TransactionID, a.Settlement)
	}
	if want := t0.Add(30 * time.Second); !o.TimePaid.Equal(want) || o.TimePaid.Location() != time.UTC || !a.TimePaid.Equal(want) {
		t.Errorf("time_paid = %s, want %s", o.TimePaid, want)
	}
	if eventsOf(o, PaymentSucceeded) != 1 || len(o.Events) != 1 || len(o.Flags) != 0 {
		t.Errorf("events %v, flags %v", o.Events, o.Flags)
	}
}

// Where a processor does not say when, it is when we heard.
func TestApplyPaidWithoutTime(t *testing.T) {
	t.Parallel()
	o, r := opened(t), paid()
	r.PaidAt = time.Time{}
	apply(t, o, r, t0.Add(time.Minute))
	if want := t0.Add(time.Minute); !o.TimePaid.Equal(want) || !o.Attempts[0].TimePaid.Equal(want) {
		t.Errorf("time_paid = %s, want %s", o.TimePaid, want)
	}
}

// The same word twice changes nothing the second time, in every state.
func TestApplyIdempotent(t *testing.T) {
	t.Parallel()
	for _, from := range tradeStates {
		for _, word := range reportStates {
			o, r := inState(t, from), paid()
			r.State, r.Settlement = word, Money{10_000, "CNY"}
			if word == Refunded {
				r.Refunded, r.ChargedBack = eur(500), true
			}
			apply(t, o, r, t0.Add(time.Hour))
			once := item(t, o)
			if apply(t, o, r, t0.Add(2*time.Hour)) || item(t, o) != once {
				t.Errorf("%s: %q changed the order again", from, word)
			}
		}
	}
}

// What cannot be believed changes nothing at all.
func TestApplyRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		no   string
		mod  func(*Report)
		want error
	}{
		{"another account", "", func(r *Report) { r.Account = "999999" }, ErrForeign},
		{"another number", "", func(r *Report) { r.No = "T20251124" }, ErrForeign},
		{"another account, pending", "", func(r *Report) { r.State, r.Account = Pending, "999999" }, ErrForeign},
		{"another number, over", "", func(r *Report) { r.State, r.No = Over, "T20251124" }, ErrForeign},
		{"paid without an amount", "", func(r *Report) { r.Total = Money{} }, ErrNoAmount},
		{"refunded without an amount", "", func(r *Report) { r.State, r.Total = Refunded, Money{} }, ErrNoAmount},
		{"endless sp_trade_no", "", func(r *Report) { r.SpTradeNo = strings.Repeat("8", 129) }, ErrForeign},
		{"endless transaction_id", "", func(r *Report) { r.State, r.TransactionID = Pending, strings.Repeat("4", 129) }, ErrForeign},
		{"no such attempt", "T999999", func(*Report) {}, ErrNoAttempt},
		{"attempt without a number", "-", func(*Report) {}, ErrNoAttempt},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, from := range tradeStates {
				o, r := inState(t, from), paid()
				r.SpTradeNo, r.TransactionID = "another", "another"
				c.mod(&r)
				before := item(t, o)
				changed, err := o.Apply(cmp.Or(c.no, o.OutTradeNo), r, t0.Add(time.Hour))
				if changed || !errors.Is(err, c.want) || item(t, o) != before {
					t.Errorf("%s: changed %t, error %v, want %v", from, changed, err, c.want)
				}
			}
		})
	}
}

// What a processor leaves out is not held against it.
func TestApplyUnstated(t *testing.T) {
	t.Parallel()
	o := opened(t)
	apply(t, o, Report{State: Paid, Total: total}, t0.Add(time.Minute))
	if o.TradeState != TradeSuccess {
		t.Errorf("order is %s", o.TradeState)
	}
}

// R16: a wrong amount or currency is flagged and never pays; the right one still does.
func TestApplyMismatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		got  Money
		flag Flag
	}{
		{"a cent less", Money{1298, "EUR"}, AmountMismatch},
		{"a cent more", Money{1300, "EUR"}, AmountMismatch},
		{"major units", Money{13, "EUR"}, AmountMismatch},
		{"nothing", Money{0, "EUR"}, AmountMismatch},
		{"negative", Money{-1299, "EUR"}, AmountMismatch},
		{"another currency", Money{1299, "CNY"}, CurrencyMismatch},
		{"no currency", Money{1299, ""}, CurrencyMismatch},
		{"lower-case", Money{1299, "eur"}, CurrencyMismatch},
		{"both wrong", Money{1, "CNY"}, CurrencyMismatch},
	} {
		for _, word := range []ReportState{Paid, Refunded} {
			for _, from := range []TradeState{TradeNotPay, TradeClosed} {
				t.Run(c.name+"/"+string(word)+"/"+string(from), func(t *testing.T) {
					t.Parallel()
					o, r := inState(t, from), paid()
					r.State, r.Total = word, c.got
					if !apply(t, o, r, t0.Add(time.Minute)) {
						t.Error("a mismatch is to be stored")
					}
					a := o.Attempts[0]
					if o.TradeState != from || o.PaidBy != "" || a.State.Final() || a.SpTradeNo != "" || eventsOf(o, PaymentSucceeded) != 0 {
						t.Errorf("order %s paid by %q, attempt %+v", o.TradeState, o.PaidBy, a)
					}
					hasFlags(t, o, c.flag)
					if eventsOf(o, PaymentFlagged) != 1 {
						t.Errorf("events = %v", o.Events)
					}
					if apply(t, o, r, t0.Add(2*time.Minute)) {
						t.Error("the same mismatch changed the order again")
					}
					apply(t, o, paid(), t0.Add(3*time.Minute))
					if o.TradeState != TradeSuccess || eventsOf(o, PaymentSucceeded) != 1 {
						t.Errorf("after the right capture the order is %s", o.TradeState)
					}
				})
			}
		}
	}
}

// I6: a number once learnt is never replaced, whoever says another and when.
func TestNumbersStay(t *testing.T) {
	t.Parallel()
	for _, word := range reportStates {
		for _, first := range []ReportState{Pending, Paid} {
			o, r := opened(t), paid()
			r.State = first
			apply(t, o, r, t0.Add(time.Minute))
			if word == Over || word == Refused {
				o.Attempts[0].State = Open
			}
			r.State, r.SpTradeNo, r.TransactionID = word, "8000002", "4200000000202511230000000002"
			apply(t, o, r, t0.Add(2*time.Minute))
			if a := o.Attempts[0]; a.SpTradeNo != testSp || a.TransactionID != testWx {
				t.Errorf("%q after %q: numbers became %q, %q", word, first, a.SpTradeNo, a.TransactionID)
			}
			if !slices.Contains(o.Flags, NumberConflict) {
				t.Errorf("%q after %q: flags = %v", word, first, o.Flags)
			}
		}
	}
}

// What a processor says is kept in bounds, so that an item stays small.
func TestForeignTextIsBounded(t *testing.T) {
	t.Parallel()
	o, r := opened(t), paid()
	r.SpTradeNo, r.TransactionID = strings.Repeat("8", 128), strings.Repeat("4", 128)
	apply(t, o, r, t0)
	if o.TradeState != TradeSuccess || len(o.Attempts[0].SpTradeNo) != 128 {
		t.Errorf("order %s", o.TradeState)
	}
	o, r = opened(t), paid()
	r.State, r.Word = Refused, strings.Repeat("no ", 1000)
	apply(t, o, r, t0)
	if n := len(o.Attempts[0].Reason); n == 0 || n > 50 {
		t.Errorf("an attempt's reason of %d bytes", n)
	}
	o = captured(t)
	reserve(t, o, "R1", 1)
	o.ApplyRefund(o.OutTradeNo, RefundReport{Status: RefundClosed, OutRefundNo: "R1", Word: strings.Repeat("no ", 1000)}, t0)
	if n := len(o.Refunds[0].Reason); n == 0 || n > 50 {
		t.Errorf("a refund's reason of %d bytes", n)
	}
}

// An empty number is no other number, and each is learnt by itself.
func TestNumbersOneByOne(t *testing.T) {
	t.Parallel()
	o := opened(t)
	for _, r := range []Report{
		{SpTradeNo: testSp}, {TransactionID: testWx}, {}, {State: Unmapped}, {State: Paid, Total: total},
		{State: Paid, Total: total, Settlement: Money{9000, "CNY"}}, {State: Paid, Total: total, Settlement: Money{1, "CNY"}},
	} {
		apply(t, o, r, t0.Add(time.Minute))
	}
	if a := o.Attempts[0]; a.SpTradeNo != testSp || a.TransactionID != testWx || a.Settlement != (Money{9000, "CNY"}) {
		t.Errorf("attempt = %+v", a)
	}
	hasFlags(t, o)
}

func TestSecondCapture(t *testing.T) {
	t.Parallel()
	o := opened(t)
	second := begin(t, o).No
	apply(t, o, paid(), t0.Add(time.Minute))
	first := o.TimePaid
	r := Report{State: Paid, Total: total, SpTradeNo: "8000002", TransactionID: "wx2", PaidAt: t0.Add(time.Hour)}
	if changed, err := o.Apply(second, r, t0.Add(time.Hour)); !changed || err != nil {
		t.Fatalf("the second capture: %t, %v", changed, err)
	}
	hasFlags(t, o, SecondCapture)
	if o.PaidBy != o.OutTradeNo || !o.TimePaid.Equal(first) || eventsOf(o, PaymentSucceeded) != 1 {
		t.Errorf("paid by %q at %s, events %v", o.PaidBy, o.TimePaid, o.Events)
	}
	if v := o.View(); v.SpTradeNo != testSp || v.TransactionID != testWx {
		t.Errorf("the order's numbers became %q, %q", v.SpTradeNo, v.TransactionID)
	}
	if a := o.Attempt(second); a.State != Captured || a.SpTradeNo != "8000002" || !a.TimePaid.Equal(r.PaidAt) {
		t.Errorf("the second attempt = %+v", a)
	}
	if got := o.Captures(); got[0].No != second {
		t.Errorf("a refund would come out of %s", got[0].No)
	}
}

func TestLatePayment(t *testing.T) {
	t.Parallel()
	o := inState(t, TradeClosed)
	closed := o.TimeClosed
	apply(t, o, paid(), t0.Add(3*time.Hour))
	hasFlags(t, o, LatePayment)
	if o.TradeState != TradeSuccess || eventsOf(o, PaymentSucceeded) != 1 || !o.TimeClosed.Equal(closed) {
		t.Errorf("order %s, closed %s, events %v", o.TradeState, o.TimeClosed, o.Events)
	}
}

// A processor's "over" or "no" ends its attempt and leaves the order open.
func TestOverLeavesTheOrderOpen(t *testing.T) {
	t.Parallel()
	for word, want := range map[ReportState]AttemptState{Over: Ended, Refused: Failed} {
		o, r := opened(t), paid()
		r.State, r.Word = word, "NO_MONEY"
		if !apply(t, o, r, t0.Add(time.Minute)) || apply(t, o, r, t0.Add(time.Hour)) {
			t.Errorf("%q is to change the order once", word)
		}
		if a := o.Attempts[0]; o.TradeState != TradeNotPay || a.State != want || a.Reason != "NO_MONEY" || o.Live() != nil {
			t.Errorf("%q: order %s, attempt %s (%s)", word, o.TradeState, a.State, a.Reason)
		}
		if _, err := o.Begin(Attempt{}, "", t0, t0); err != nil {
			t.Errorf("%q: no new attempt: %v", word, err)
		}
	}
}

func TestChargedBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		mod   func(*Report)
		state TradeState
		back  Money
		flags []Flag
	}{
		{"amount unknown", func(r *Report) {}, TradeRefund, total, []Flag{ChargedBack}},
		{"beside a refund", func(r *Report) { r.Refunded = eur(500) }, TradeRefund, total, []Flag{ChargedBack}},
		{"refunded, amount unknown", func(r *Report) { r.State = Refunded }, TradeRefund, total, []Flag{ChargedBack, ExternalRefund}},
	} {
		o, r := captured(t), paid()
		r.ChargedBack = true
		c.mod(&r)
		if !apply(t, o, r, t0.Add(time.Hour)) || apply(t, o, r, t0.Add(2*time.Hour)) {
			t.Errorf("%s: is to change the order once", c.name)
		}
		if o.TradeState != c.state || o.RefundedTotal() != c.back {
			t.Errorf("%s: order %s, %s given back", c.name, o.TradeState, o.RefundedTotal())
		}
		hasFlags(t, o, c.flags...)
	}
}

// A first answer "refunded" proves the payment too; how much went back it does not say.
func TestRefundedProvesPayment(t *testing.T) {
	t.Parallel()
	o, r := opened(t), paid()
	r.State = Refunded
	apply(t, o, r, t0.Add(time.Minute))
	if o.TradeState != TradeRefund || o.PaidBy != o.OutTradeNo || eventsOf(o, PaymentSucceeded) != 1 || o.RefundedTotal() != (Money{}) {
		t.Errorf("order %s, paid by %q, %s given back", o.TradeState, o.PaidBy, o.RefundedTotal())
	}
	hasFlags(t, o, ExternalRefund)
}

// settledItem is what is the same whatever came first: events are a set, and when
// we heard of something is not what happened.
func settledItem(t testing.TB, o *Order) string {
	c := o.Clone()
	slices.SortFunc(c.Events, func(a, b Event) int { return cmp.Compare(a.ID, b.ID) })
	for i := range c.Events {
		c.Events[i].Time, c.Events[i].DueAt = time.Time{}, time.Time{}
	}
	slices.SortFunc(c.Refunds, func(a, b Refund) int { return cmp.Compare(a.OutRefundNo, b.OutRefundNo) })
	for i := range c.Refunds {
		c.Refunds[i].TimeCreate = time.Time{}
	}
	return item(t, c)
}

// said is one thing that a processor tells us.
type said struct {
	name string
	tell func(*Order, time.Time) error
}

func tells(name string, mod func(*Report)) said {
	r := paid()
	mod(&r)
	return said{name, func(o *Order, now time.Time) error { _, err := o.Apply(o.OutTradeNo, r, now); return err }}
}

func tellsRefund(name string, r RefundReport) said {
	return said{name, func(o *Order, now time.Time) error { _, err := o.ApplyRefund(o.OutTradeNo, r, now); return err }}
}

// arrivals are sets of words whose order of arrival must not matter (R7).
func arrivals(t testing.TB) map[string]struct {
	start *Order
	words []said
} {
	words := []said{
		tells("paid", func(*Report) {}),
		tells("refunded", func(r *Report) { r.State, r.Refunded = Refunded, eur(500) }),
		tells("over", func(r *Report) { r.State = Over }),
		tells("paid again", func(r *Report) { r.Word = "PAID" }),
		tells("refused", func(r *Report) { r.State = Refused }),
		tells("pending", func(r *Report) { r.State, r.Total = Pending, Money{} }),
	}
	refunded := captured(t)
	reserve(t, refunded, "R1", 300)
	external := tellsRefund("external refund", RefundReport{Status: RefundSuccess, OutRefundNo: "X1", RefundID: "9002", Fee: eur(200), SucceededAt: t0.Add(2 * time.Hour)})
	return map[string]struct {
		start *Order
		words []said
	}{
		"open order":   {opened(t), words},
		"closed order": {inState(t, TradeClosed), words},
		"order with a refund under way": {refunded, []said{
			tellsRefund("our refund", RefundReport{Status: RefundSuccess, OutRefundNo: "R1", RefundID: "9001", Fee: eur(300), SucceededAt: t0.Add(2 * time.Hour)}),
			external,
			tells("all refunds", func(r *Report) { r.State, r.Refunded = Refunded, eur(500) }),
			tells("our refund's total", func(r *Report) { r.State, r.Refunded = Refunded, eur(300) }),
			tells("paid", func(*Report) {}),
			tells("over", func(r *Report) { r.State = Over }),
		}},
		"refunded at the desk before we knew of the payment": {opened(t), []said{
			external, words[0], words[2], words[3], tells("its total", func(r *Report) { r.State, r.Refunded = Refunded, eur(200) }),
		}},
		"refunded, the notice alone says how much": {opened(t), []said{
			external, words[0], words[2], tells("refunded", func(r *Report) { r.State = Refunded }),
		}},
		"paid late and refunded at the desk": {inState(t, TradeClosed), []said{external, words[0], words[2], words[3]}},
	}
}

func TestR7ArrivalPermutations(t *testing.T) {
	t.Parallel()
	for name, c := range arrivals(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, first := "", []int(nil)
			permutations(len(c.words), func(order []int) {
				o := c.start.Clone()
				for i, w := range order {
					if err := c.words[w].tell(o, t0.Add(time.Duration(i+3)*time.Hour)); err != nil {
						t.Fatalf("%s: %v", c.words[w].name, err)
					}
				}
				got := settledItem(t, o)
				if want == "" {
					want, first = got, slices.Clone(order)
				}
				if got != want {
					t.Fatalf("%v and %v end differently:\n%s\n%s", names(c.words, first), names(c.words, order), want, got)
				}
			})
		})
	}
}

func names(words []said, order []int) (list []string) {
	for _, i := range order {
		list = append(list, words[i].name)
	}
	return list
}

// The same words, each any number of times in any order, end in the same item.
func TestR7ArrivalRepetitions(t *testing.T) {
	t.Parallel()
	for name, c := range arrivals(t) {
		want := ""
		rapid.Check(t, func(rt *rapid.T) {
			order := rapid.SliceOfN(rapid.IntRange(0, len(c.words)-1), 0, 8).Draw(rt, "some")
			all := make([]int, len(c.words))
			for i := range all {
				all[i] = i
			}
			order = append(order, rapid.Permutation(all).Draw(rt, "all")...)
			o := c.start.Clone()
			for i, w := range order {
				if err := c.words[w].tell(o, t0.Add(time.Duration(i+3)*time.Hour)); err != nil {
					rt.Fatalf("%s: %v", c.words[w].name, err)
				}
			}
			got := settledItem(t, o)
			if want == "" {
				want = got
			}
			if got != want {
				rt.Fatalf("%s: %v ends differently:\n%s\n%s", name, names(c.words, order), got, want)
			}
		})
	}
}

// Refunds that we did not make are counted once, by total or by notice, in any order.
func TestExternalOnce(t *testing.T) {
	t.Parallel()
	byTotal := func(amount int64) said {
		return tells("total", func(r *Report) { r.State, r.Refunded = Refunded, eur(amount) })
	}
	notice := func(no string, amount int64) said {
		return tellsRefund("notice "+no, RefundReport{Status: RefundSuccess, OutRefundNo: no, RefundID: "id" + no, Fee: eur(amount)})
	}
	for _, c := range []struct {
		name  string
		words []said
		back  int64
		left  int64 // External: heard of by total only
	}{
		{"total alone", []said{byTotal(200)}, 200, 200},
		{"notice alone", []said{notice("X1", 200)}, 200, 0},
		{"total and notice", []said{byTotal(200), notice("X1", 200)}, 200, 0},
		{"total of two, one notice", []said{byTotal(500), notice("X1", 200)}, 500, 300},
		{"total of two, both notices", []said{byTotal(500), notice("X1", 200), notice("X2", 300)}, 500, 0},
		{"growing totals, both notices", []said{byTotal(200), byTotal(500), notice("X1", 200), notice("X2", 300)}, 500, 0},
		{"everything", []said{byTotal(1299), notice("X1", 1299)}, 1299, 0},
	} {
		permutations(len(c.words), func(order []int) {
			o := captured(t)
			for range 2 {
				for _, i := range order {
					if err := c.words[i].tell(o, t0.Add(time.Hour)); err != nil {
						t.Fatal(err)
					}
					if back := o.RefundedTotal().Amount; back > c.back {
						t.Fatalf("%s, %v: %d given back after %s", c.name, names(c.words, order), back, c.words[i].name)
					}
				}
			}
			if back := o.RefundedTotal(); back != eur(c.back) || o.Attempt(o.PaidBy).External != c.left || o.TradeState != TradeRefund {
				t.Errorf("%s, %v: %s given back, %d of it external, order %s", c.name, names(c.words, order), back, o.Attempt(o.PaidBy).External, o.TradeState)
			}
			hasFlags(t, o, ExternalRefund)
		})
	}
}

// Our own refunds are not external, done or under way.
func TestOwnRefundsAreNotExternal(t *testing.T) {
	t.Parallel()
	o := captured(t)
	reserve(t, o, "R1", 300)
	r := paid()
	r.State, r.Refunded = Refunded, eur(300)
	if apply(t, o, r, t0.Add(time.Hour)) {
		t.Errorf("our own refund changed the order: %s", item(t, o))
	}
	r.Refunded = Money{}
	if apply(t, o, r, t0.Add(time.Hour)) {
		t.Errorf("our own refund, amount unstated, changed the order: %s", item(t, o))
	}
	hasFlags(t, o)
}
