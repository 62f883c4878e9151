package payment

import (
	"errors"
	"testing"
	"time"
)

func desk(id string, m Money) RefundReport {
	return RefundReport{RefundID: id, Status: RefundSuccess, Fee: m}
}

func told(t *testing.T, o *Order, r RefundReport) {
	t.Helper()
	if _, err := o.ApplyRefund(o.PaidBy, r, t0.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
}

// settled is a paid order over 10000 CNY of which the shop got 1300 EUR.
func settled(t *testing.T) *Order {
	t.Helper()
	o := newOrder()
	o.Total = Money{10000, "CNY"}
	a, err := o.Begin(Attempt{Provider: "yaband", Account: testAccount, Method: WeChat}, "lease", t0.Add(25*time.Second), t0)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, o, Report{State: Paid, Account: testAccount, No: a.No, Total: o.Total, Settlement: eur(1300)}, t0)
	return o
}

// What was given back in one currency leaves less in the other.
func TestRefundsInTwoCurrencies(t *testing.T) {
	t.Parallel()
	o := settled(t)
	reserve(t, o, "R1", 1000)
	told(t, o, RefundReport{OutRefundNo: "R1", Status: RefundSuccess})
	told(t, o, desk("D1", Money{1500, "CNY"})) // 195 EUR
	a := o.Attempt(o.PaidBy)
	if err := o.Room(a, eur(105)); err != nil {
		t.Error(err)
	}
	if o.Room(a, eur(106)) == nil || o.Room(a, Money{1000, "CNY"}) == nil {
		t.Error("more is left than was paid")
	}
	if got := o.RefundedTotal(); got != eur(1195) {
		t.Errorf("%s given back, want 11.95 EUR", got)
	}
	told(t, o, desk("D2", Money{2000, "CNY"}))
	hasFlags(t, o, AmountMismatch, ExternalRefund)
	if got := o.RefundedTotal(); got != eur(1195) {
		t.Errorf("a refund of more than was left is believed: %s", got)
	}
}

func TestConvertRoundsUp(t *testing.T) {
	t.Parallel()
	o := settled(t)
	a := o.Attempt(o.PaidBy)
	for _, c := range []struct {
		m    Money
		to   string
		want int64
	}{
		{Money{1, "CNY"}, "EUR", 1}, {Money{10000, "CNY"}, "EUR", 1300}, {Money{7, "CNY"}, "CNY", 7}, {Money{0, "CNY"}, "EUR", 0},
		{Money{77, "CNY"}, "EUR", 11}, {eur(1), "CNY", 8}, {eur(1300), "CNY", 10000}, {eur(5000), "CNY", 10000},
		{Money{5, "USD"}, "EUR", 1300}, {eur(5), "USD", 5},
	} {
		if got := o.convert(a, c.m, c.to); got != c.want {
			t.Errorf("%s in %s = %d, want %d", c.m, c.to, got, c.want)
		}
	}
	o.Total, a.Settlement = Money{MaxAmount, "JPY"}, eur(MaxAmount-1)
	if got := o.convert(a, Money{MaxAmount - 1, "JPY"}, "EUR"); got != MaxAmount-1 {
		t.Errorf("the largest amounts: %d", got)
	}
}

// A desk refund beside reservations of ours: what certainly has not gone out and no
// longer fits is given up, of what may have a person must see what becomes.
func TestADeskRefundSqueezesReservations(t *testing.T) {
	t.Parallel()
	for _, unsent := range []bool{true, false} {
		o := captured(t)
		reserve(t, o, "R1", 1000)
		o.Refund("R1").Unsent, o.Refund("R1").RefundID = unsent, "known"
		told(t, o, desk("D1", eur(299)))
		if o.Refund("R1").Status != RefundProcessing {
			t.Fatal("what fits was given up")
		}
		told(t, o, desk("D2", eur(700)))
		want, flags := RefundProcessing, []Flag{ExternalRefund, RefundUncertain}
		if unsent {
			want, flags = RefundClosed, []Flag{ExternalRefund}
		}
		if got := o.Refund("R1").Status; got != want || o.RefundedTotal() != eur(999) || o.TradeState != TradeRefund {
			t.Errorf("unsent %t: refund is %s, %s given back", unsent, got, o.RefundedTotal())
		}
		hasFlags(t, o, flags...)
	}
}

// A notice that states none of our numbers speaks of ours if the amount fits one
// whose number at the processor we never learnt.
func TestAReportWithoutOurNumber(t *testing.T) {
	t.Parallel()
	o := captured(t)
	reserve(t, o, "R1", 500)
	told(t, o, desk("D1", eur(500)))
	if f := o.Refund("R1"); f.Status != RefundSuccess || f.RefundID != "D1" || len(o.Refunds) != 1 || len(o.Flags) != 0 {
		t.Errorf("%+v, flags %v", f, o.Flags)
	}
	told(t, o, desk("D2", eur(500)))
	if len(o.Refunds) != 2 || o.RefundedTotal() != eur(1000) {
		t.Errorf("%d refunds, %s given back", len(o.Refunds), o.RefundedTotal())
	}
	hasFlags(t, o, ExternalRefund)
	if o.Refund("") != nil {
		t.Error("no number finds a refund")
	}
}

// An amount without a currency is in the order's; what is ours by number it is only
// compared with.
func TestAnAmountWithoutCurrency(t *testing.T) {
	t.Parallel()
	o := captured(t)
	told(t, o, RefundReport{OutRefundNo: "D1", RefundID: "D1", Status: RefundSuccess, Fee: Money{Amount: 300}})
	if f := o.Refund("D1"); f == nil || f.Fee != eur(300) || o.RefundedTotal() != eur(300) || o.TradeState != TradeRefund {
		t.Errorf("%+v, %s given back", f, o.RefundedTotal())
	}
	hasFlags(t, o, ExternalRefund)
	reserve(t, o, "R1", 200)
	told(t, o, RefundReport{RefundID: "ours", Status: RefundSuccess, Fee: Money{Amount: 200}})
	if f := o.Refund("R1"); f.Status != RefundSuccess || f.RefundID != "ours" || len(o.Refunds) != 2 {
		t.Errorf("ours by amount: %+v", f)
	}

	o = settled(t) // refunds in EUR, of an order in CNY
	reserve(t, o, "R1", 500)
	r := RefundReport{OutRefundNo: "R1", Status: RefundSuccess, Fee: Money{Amount: 501}}
	if changed, err := o.ApplyRefund(o.PaidBy, r, t0); changed || !errors.Is(err, ErrForeign) {
		t.Errorf("another amount: changed %t, %v", changed, err)
	}
	r.Fee.Amount = 500
	told(t, o, r)
	if f := o.Refund("R1"); f.Status != RefundSuccess || o.RefundedTotal() != eur(500) || len(o.Flags) != 0 {
		t.Errorf("ours by number: %+v, flags %v", f, o.Flags)
	}
}

// A total that is larger than what certainly went back shows that an uncertain refund
// happened, and no earlier.
func TestATotalSettles(t *testing.T) {
	t.Parallel()
	o := captured(t)
	reserve(t, o, "R1", 500)
	r := paid()
	r.State, r.Refunded = Refunded, eur(500)
	apply(t, o, r, t0)
	if o.Refund("R1").Status != RefundProcessing || o.RefundedTotal() != (Money{}) {
		t.Fatal("a refund under way is asked about by itself")
	}
	o.Flag(RefundUncertain, t0)
	r.Refunded = eur(499)
	if apply(t, o, r, t0); o.Refund("R1").Status != RefundProcessing {
		t.Error("settled by less")
	}
	r.Refunded = eur(600)
	if apply(t, o, r, t0); o.Refund("R1").Status != RefundSuccess || o.RefundedTotal() != eur(600) {
		t.Errorf("refund is %s, %s given back", o.Refund("R1").Status, o.RefundedTotal())
	}
	hasFlags(t, o, ExternalRefund, RefundUncertain)
}

// After a chargeback nothing is left, and no more than was paid is counted.
func TestAChargebackLeavesNothing(t *testing.T) {
	t.Parallel()
	o := captured(t)
	reserve(t, o, "R1", 300)
	r := paid()
	r.ChargedBack = true
	apply(t, o, r, t0)
	hasFlags(t, o, ChargedBack, RefundUncertain)
	if o.Room(o.Attempt(o.PaidBy), eur(1)) == nil {
		t.Error("there is something left to refund")
	}
	told(t, o, RefundReport{OutRefundNo: "R1", Status: RefundSuccess})
	if o.RefundedTotal() != total {
		t.Errorf("%s given back of %s", o.RefundedTotal(), total)
	}
}

// While our own call is under way, nobody can tell a notice of the same amount from
// its answer.
func TestAReportDuringOurCall(t *testing.T) {
	t.Parallel()
	o := captured(t)
	reserve(t, o, "R1", 300)
	f := o.Refund("R1")
	f.Lease, f.LeaseUntil = "lease", t0.Add(25*time.Second)
	if changed, err := o.ApplyRefund(o.PaidBy, desk("D1", eur(300)), t0); changed || !errors.Is(err, ErrTooSoon) {
		t.Fatalf("changed %t, %v", changed, err)
	}
	if _, err := o.ApplyRefund(o.PaidBy, desk("D2", eur(200)), t0); err != nil {
		t.Fatal(err)
	}
	if _, err := o.ApplyRefund(o.PaidBy, RefundReport{OutRefundNo: "R1", RefundID: "ours", Status: RefundSuccess, Fee: eur(300)}, t0); err != nil {
		t.Fatal(err)
	}
	told(t, o, desk("D1", eur(300)))
	if o.RefundedTotal() != eur(800) || len(o.Refunds) != 3 {
		t.Errorf("%s given back in %d refunds", o.RefundedTotal(), len(o.Refunds))
	}
}
