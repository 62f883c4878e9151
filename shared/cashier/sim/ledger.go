package sim

import (
	"net/http"
	"strings"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store"
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
		if r.AttemptNo == no && r.Status != payment.RefundClosed {
			sum += r.Fee.Amount
		}
	}
	return sum
}

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

// checkAck: I11. A notice that was acknowledged has had its effect, or a question is due.
func (w *World) checkAck(req *http.Request, rec *recorder, began time.Time) {
	parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	w.trace.line("%s notice %s answered %d", w.clock(), strings.Join(parts[1:], "/"), rec.status)
	if rec.status/100 != 2 || len(parts) != 4 {
		return
	}
	d := w.registry[parts[1]]
	o := w.Store.peek(store.Key{Merchant: parts[2], OutTradeNo: parts[3]})
	if o == nil || d == nil {
		w.violate("I11", "a notice about no order of ours was acknowledged: %s", parts)
		return
	}
	for _, t := range w.trades() {
		a := o.Attempt(t.No)
		if t.Processor != d.Name || t.State != sandbox.Paid || a == nil || t.PaidAt.After(began) || w.truth.late[t.Processor+" "+t.No] {
			continue
		}
		if a.State == payment.Captured || !o.Due().IsZero() || d.Notices == provider.Signed && len(o.Flags) > 0 {
			continue
		}
		w.violate("I11", "%s: a notice was acknowledged, %s is %s and nothing is due", o.OutTradeNo, a.No, a.State)
	}
}
