package sim

import (
	"strings"

	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
)

// trades is the processors' ledger. Copying it is dear: whatever may change it
// sets w.ledger to nil.
func (w *World) trades() []sandbox.Trade {
	if w.ledger == nil {
		w.ledger = w.Box.Trades()
	}
	return w.ledger
}

// trade is the processor's own record of an attempt.
func (w *World) trade(a *payment.Attempt) (t sandbox.Trade, ok bool) {
	for _, t := range w.trades() {
		if t.Processor == a.Provider && t.No == a.No && (a.SpTradeNo == "" || t.SpTradeNo == "" || t.SpTradeNo == a.SpTradeNo) {
			return t, true
		}
	}
	return t, false
}

// checkLedger: I4 at the processors, and no refund of ours twice (I5, R12).
func (w *World) checkLedger() {
	for _, t := range w.trades() {
		if t.Refunded() > t.Amount {
			w.violate("I4", "%s gave back %d of %d for %s", t.Processor, t.Refunded(), t.Amount, t.No)
		}
		ours := int64(0)
		for _, r := range t.Refunds {
			if !fromDesk(r) {
				ours += r.Amount
			}
		}
		if ours == 0 {
			continue
		}
		if o := w.ownerOf(t); o == nil || ours > booked(o, t.No) {
			w.violate("I4", "%s gave back %d for %s, more than we have booked: a refund was made twice, or without a reservation", t.Processor, ours, t.No)
		}
	}
}

// fromDesk tells a refund that was made at the sandbox's desk: it has a number of
// that form, and none of the merchant's.
func fromDesk(r sandbox.Refund) bool {
	return r.No == "" && len(r.ID) == 28 && strings.HasPrefix(r.ID, "4200")
}

// booked is what an order's own refunds of an attempt may have come to.
func booked(o *payment.Order, no string) (sum int64) {
	for _, r := range o.Refunds {
		if r.AttemptNo == no && takes(r) {
			sum += r.Fee.Amount
		}
	}
	return sum
}

// takes reports that a refund counts against its capture: it went out, or may have.
func takes(r payment.Refund) bool { return r.Status != payment.RefundClosed || r.Late }

// ownerOf finds the order that a processor's trade belongs to.
func (w *World) ownerOf(t sandbox.Trade) *payment.Order {
	w.Store.mu.Lock()
	defer w.Store.mu.Unlock()
	for _, key := range w.Store.keys {
		if o := w.Store.orders[key]; o.Attempt(t.No) != nil {
			return o
		}
	}
	return nil
}
