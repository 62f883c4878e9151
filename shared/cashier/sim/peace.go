package sim

import (
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
)

// undelivered is when the last of the events that wait is due, zero if none waits.
func (w *World) undelivered() (last time.Time) {
	for _, key := range w.Store.keys {
		for _, e := range w.Store.orders[key].Events {
			if e.DueAt.After(last) {
				last = e.DueAt
			}
		}
	}
	return last
}

// I2: every capture that was made before faults stopped is known.
func (w *World) noLostPaid(before time.Time) {
	for _, t := range w.trades() {
		if t.State != sandbox.Paid || t.PaidAt.After(before) {
			continue
		}
		o := w.ownerOf(t)
		if o == nil {
			w.violate("I2", "%s captured %s, and no order knows of it", t.Processor, t.No)
			continue
		}
		if a := o.Attempt(t.No); a.State != payment.Captured || !o.TradeState.Paid() {
			w.violate("I2", "%s captured %s at %s; the attempt is %s, the order %s", t.Processor, t.No, stamp(t.PaidAt.Sub(w.start).Milliseconds()), a.State, o.TradeState)
		}
	}
}

// allAtPeace: what is still open is open for a reason, and somebody looks after it.
func (w *World) allAtPeace() {
	for _, key := range w.Store.keys {
		o := w.Store.orders[key]
		for _, e := range o.Events {
			if e.Delivered.IsZero() || !w.Shop.taken[e.ID] {
				w.violate("I5", "%s: %s was never delivered (tries %d)", o.OutTradeNo, e.Type, e.Tries)
			}
		}
		for _, r := range o.Refunds {
			if r.Status == payment.RefundProcessing && r.DueAt.IsZero() && !hasFlag(o, payment.RefundUncertain) {
				w.violate("I8", "refund %s of %s is under way, nobody asks, and no flag says so", r.OutRefundNo, o.OutTradeNo)
			}
		}
		for _, a := range o.Attempts {
			if !a.State.Final() && a.State != payment.Unsent && a.DueAt.IsZero() {
				w.violate("I8", "attempt %s is %s and nobody asks", a.No, a.State)
			}
		}
		if o.TradeState.Paid() && o.PaidBy == "" {
			w.violate("I1", "order %s is %s, and nothing says by what", o.OutTradeNo, o.TradeState)
		}
		if o.TradeState == payment.TradeNotPay && o.Due().IsZero() {
			w.violate("I8", "order %s is open and nothing is due", o.OutTradeNo)
		}
	}
}

func hasFlag(o *payment.Order, f payment.Flag) bool {
	for _, have := range o.Flags {
		if have == f {
			return true
		}
	}
	return false
}
