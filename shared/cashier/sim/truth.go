package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store"
)

// Violation is a broken promise.
type Violation struct {
	Promise string // I1 to I12
	What    string
}

func (v Violation) String() string { return v.Promise + ": " + v.What }

// truth is what the world remembers beside the product: the orders as they were
// last saved, and what it did itself.
type truth struct {
	orders map[store.Key]*payment.Order
	late   map[string]bool        // captures against the processor's own word, by processor and number
	asked  map[string][]time.Time // questions of sweeps, by what they were about
}

func (t *truth) init() {
	t.orders, t.late, t.asked = map[store.Key]*payment.Order{}, map[string]bool{}, map[string][]time.Time{}
}

func (w *World) violate(promise, format string, args ...any) {
	v := Violation{promise, fmt.Sprintf(format, args...)}
	w.trace.line("%s VIOLATION %s", w.clock(), v)
	w.violations = append(w.violations, v)
}

func (w *World) failed() bool { return len(w.violations) > 0 }

// checkSaved holds a save against the promises; before is nil for a new order.
func (w *World) checkSaved(before, o *payment.Order, by *call) {
	w.trace.line("%s saved by #%d %s", w.clock(), by.id, summary(o))
	w.noFalsePaid(o)
	if before != nil && w.keepsAttempts(before, o) {
		w.oneHolder(before, o, time.Now().Add(by.in.skew))
		w.oneWay(before, o)
		w.oneEffect(before, o)
		w.traceStays(before, o)
		w.frozenRoute(before, o)
	}
	w.moneyHolds(o)
	w.honestEvents(o)
	w.noSilentEnd(o)
	w.oneLive(o)
}

// keepsAttempts: I6. Attempts are only ever added.
func (w *World) keepsAttempts(before, o *payment.Order) bool {
	for i, was := range before.Attempts {
		if i >= len(o.Attempts) || o.Attempts[i].No != was.No {
			w.violate("I6", "order %s lost attempt %s", o.OutTradeNo, was.No)
			return false
		}
	}
	return true
}

// I1: what we call captured, the processor's ledger holds as captured.
func (w *World) noFalsePaid(o *payment.Order) {
	if !o.TradeState.Paid() && o.PaidBy != "" || o.TradeState == payment.TradeSuccess && o.PaidBy == "" {
		w.violate("I1", "order %s is %s, paid by %q", o.OutTradeNo, o.TradeState, o.PaidBy)
	}
	if o.TradeState == payment.TradeRefund && o.PaidBy == "" && !slices.ContainsFunc(o.Attempts, w.capturedThere) {
		w.violate("I1", "order %s is %s, and no processor captured it", o.OutTradeNo, o.TradeState)
	}
	for i := range o.Attempts {
		a := &o.Attempts[i]
		if a.State != payment.Captured {
			continue
		}
		t, ok := w.trade(a)
		switch {
		case !ok || t.State != sandbox.Paid:
			w.violate("I1", "order %s is booked as paid by %s, whose ledger says %q", o.OutTradeNo, a.Provider, t.State)
		case t.Account != a.Account:
			w.violate("I1", "order %s: account %s is booked, %s captured", o.OutTradeNo, a.Account, t.Account)
		case t.Amount != o.Total.Amount || t.Currency != o.Total.Currency:
			w.violate("I1", "order %s over %s is booked as paid by a capture of %d %s", o.OutTradeNo, o.Total, t.Amount, t.Currency)
		}
	}
}

// capturedThere reports that the processor's ledger holds an attempt as paid: a
// refund's notice may come before the payment's.
func (w *World) capturedThere(a payment.Attempt) bool {
	t, ok := w.trade(&a)
	return ok && t.State == sandbox.Paid
}

// I4: never more is given back than was paid, or settled where refunds are in that
// currency. What a desk gives back is not ours to prevent, so that it counts only
// while no refund of ours is under way.
func (w *World) moneyHolds(o *payment.Order) {
	for i := range o.Attempts {
		a := &o.Attempts[i]
		sum, limit, pending := int64(0), o.Total.Amount, false
		for _, r := range o.Refunds {
			if r.AttemptNo != a.No || !takes(r) || strings.HasPrefix(r.Desc, "made at the processor") {
				continue
			}
			sum += r.Fee.Amount
			pending = pending || r.Status == payment.RefundProcessing
			if r.Fee.Currency != o.Total.Currency {
				limit = a.Settlement.Amount
			}
		}
		if sum > limit {
			w.violate("I4", "order %s: refunds of %d of attempt %s, paid %s", o.OutTradeNo, sum, a.No, o.Total)
		}
		if a.No == o.PaidBy && !pending && o.RefundedTotal().Amount > max(limit, w.paidTotal(o)) {
			w.violate("I4", "order %s: %s refunded, paid %s", o.OutTradeNo, o.RefundedTotal(), o.Total)
		}
	}
}

// paidTotal is all that was captured for an order, second captures included.
func (w *World) paidTotal(o *payment.Order) (sum int64) {
	for _, a := range o.Attempts {
		if a.State == payment.Captured {
			sum += o.Total.Amount
		}
	}
	return sum
}

// I5: one event of a kind, and none is called delivered that the shop did not take.
func (w *World) honestEvents(o *payment.Order) {
	seen := map[string]bool{}
	for _, e := range o.Events {
		name := string(e.Type) + " " + e.RefundNo
		if seen[name] || seen[e.ID] {
			w.violate("I5", "order %s has two events %s", o.OutTradeNo, name)
		}
		seen[name], seen[e.ID] = true, true
		if !e.Delivered.IsZero() && !w.Shop.taken[e.ID] {
			w.violate("I5", "order %s: %s is marked as delivered, the shop never took it", o.OutTradeNo, name)
		}
	}
	if o.PaidBy != "" && !seen[string(payment.PaymentSucceeded)+" "] {
		w.violate("I5", "order %s is %s without an event", o.OutTradeNo, o.TradeState)
	}
	if len(o.Flags) > 0 && !seen[string(payment.PaymentFlagged)+" "] {
		w.violate("I5", "order %s has flags %v without an event", o.OutTradeNo, o.Flags)
	}
}

// I8: an attempt or refund that we call over is over at the processor, too.
func (w *World) noSilentEnd(o *payment.Order) {
	for i := range o.Attempts {
		a := &o.Attempts[i]
		if a.State != payment.Ended && a.State != payment.Failed {
			continue
		}
		t, ok := w.trade(a)
		payable := ok && t.State == sandbox.Waiting && (t.Expires.IsZero() || time.Now().Before(t.Expires))
		if payable && time.Since(a.TimeBegin) < payment.WatchEnd {
			w.violate("I8", "attempt %s is %s (%s), and can still be paid at %s", a.No, a.State, a.Reason, a.Provider)
		}
	}
	for _, r := range o.Refunds {
		if r.Status != payment.RefundClosed {
			continue
		}
		if t, ok := w.trade(o.Attempt(r.AttemptNo)); ok && slices.ContainsFunc(t.Refunds, func(f sandbox.Refund) bool { return f.No == r.OutRefundNo && f.No != "" }) {
			w.violate("I8", "refund %s is %s (%s), and %s has made it", r.OutRefundNo, r.Status, r.Reason, t.Processor)
		}
	}
}

// I10: one live attempt; a second capture is flagged.
func (w *World) oneLive(o *payment.Order) {
	live, captured := 0, 0
	for i, a := range o.Attempts {
		if a.State.Live() {
			if live++; i != len(o.Attempts)-1 {
				w.violate("I10", "order %s: attempt %s is live and not the last", o.OutTradeNo, a.No)
			}
		}
		if a.State == payment.Captured {
			captured++
		}
	}
	if live > 1 {
		w.violate("I10", "order %s has %d live attempts", o.OutTradeNo, live)
	}
	if captured > 1 && !slices.Contains(o.Flags, payment.SecondCapture) {
		w.violate("I10", "order %s was captured %d times without a flag", o.OutTradeNo, captured)
	}
}

// oneHolder: I10. Until a lease ends, by the clock of the one who saves, nobody else
// takes its create or its refund, or begins another attempt.
func (w *World) oneHolder(before, o *payment.Order, now time.Time) {
	for i, was := range before.Attempts {
		is := o.Attempts[i]
		switch {
		case was.State != payment.Creating || !now.Before(was.LeaseUntil):
		case is.State == payment.Creating && is.Lease != was.Lease:
			w.violate("I10", "order %s: the create of %s is taken over %s before its lease ends", o.OutTradeNo, is.No, was.LeaseUntil.Sub(now))
		case i == len(before.Attempts)-1 && len(o.Attempts) > len(before.Attempts):
			w.violate("I10", "order %s: another attempt is begun while %s is being created, %s before its lease ends", o.OutTradeNo, is.No, was.LeaseUntil.Sub(now))
		}
	}
	for i, was := range before.Refunds {
		if i < len(o.Refunds) && was.Lease != "" && now.Before(was.LeaseUntil) && o.Refunds[i].Lease != "" && o.Refunds[i].Lease != was.Lease {
			w.violate("I10", "order %s: refund %s is taken over %s before its lease ends", o.OutTradeNo, was.OutRefundNo, was.LeaseUntil.Sub(now))
		}
	}
}

// summary is an order on one line.
func summary(o *payment.Order) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s v%d %s", o.OutTradeNo, o.Version, o.TradeState)
	for _, a := range o.Attempts {
		fmt.Fprintf(&b, " %s:%s", a.Provider, a.State)
	}
	for _, r := range o.Refunds {
		fmt.Fprintf(&b, " %s:%d:%s", r.OutRefundNo, r.Fee.Amount, r.Status)
	}
	for _, f := range o.Flags {
		fmt.Fprintf(&b, " %s", f)
	}
	return b.String()
}
