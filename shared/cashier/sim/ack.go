package sim

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"overseaspay/shared/cashier"
	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store"
)

// acked is a notice that we acknowledged.
type acked struct {
	sandbox.About
	d     *provider.Descriptor
	o     *payment.Order
	rings bool // it is not signed: all it can do is cause a question
	began time.Time
}

// checkAck: I11. A notice that was acknowledged has had its effect; one that only
// rings has been followed by the answer, or a question is due at once.
func (w *World) checkAck(req *http.Request, rec *recorder, began time.Time) {
	parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	w.trace.line("%s notice %s answered %d", w.clock(), strings.Join(parts[1:], "/"), rec.status)
	if rec.status/100 != 2 || len(parts) != 4 {
		return
	}
	d, o := w.registry[parts[1]], w.Store.peek(store.Key{Merchant: parts[2], OutTradeNo: parts[3]})
	if o == nil || d == nil {
		w.violate("I11", "a notice about no order of ours was acknowledged: %s", parts)
		return
	}
	about, ok := sandbox.AboutOf(req.Context())
	switch n := (acked{about, d, o, false, began}); {
	case !ok:
	case about.Refund >= 0:
		n.rings = d.RefundNotices != provider.Signed
		w.refundHeard(n, about.Trade.Refunds[about.Refund])
	case about.Trade.State == sandbox.Paid:
		// SUPAY's bridge, which does not sign, calls by GET.
		n.rings = d.Notices != provider.Signed || req.Method == http.MethodGet
		w.paymentHeard(n)
	}
}

func (w *World) paymentHeard(n acked) {
	a := n.o.Attempt(n.Trade.No)
	if a == nil || a.State == payment.Captured || hasFlag(n.o, payment.AmountMismatch) || n.rings && w.asks(n, a.AskedAt, a.DueAt) {
		return // booked, or booked as not to be believed
	}
	w.violate("I11", "%s: the notice of a payment was acknowledged; %s is %s, due %s", n.o.OutTradeNo, a.No, a.State, a.DueAt)
}

func (w *World) refundHeard(n acked, r sandbox.Refund) {
	if r.No == "" {
		w.deskHeard(n, r)
		return
	}
	f := n.o.Refund(r.No)
	switch {
	case f == nil:
		w.violate("I11", "%s: the notice of refund %s was acknowledged, and there is none", n.o.OutTradeNo, r.No)
	case f.Status != payment.RefundProcessing, hasFlag(n.o, payment.RefundUncertain):
	case n.rings && (w.asks(n, f.AskedAt, f.DueAt) || w.asksAny(n) || f.Lease != "" && !f.DueAt.After(f.LeaseUntil)):
		// Asked, or somebody holds it, and if he has died it is due when his lease ends.
	default:
		w.violate("I11", "%s: the notice of refund %s was acknowledged, it is %s, due %s", n.o.OutTradeNo, r.No, f.Status, f.DueAt)
	}
}

// deskHeard: where it does not say what was given back, it rings.
func (w *World) deskHeard(n acked, r sandbox.Refund) {
	a := n.o.Attempt(n.Trade.No)
	booked := slices.ContainsFunc(n.o.Refunds, func(f payment.Refund) bool { return f.RefundID == r.ID })
	if !booked && a != nil && a.External == 0 && !hasFlag(n.o, payment.AmountMismatch) && !w.asksAny(n) {
		w.violate("I11", "%s: the notice of the desk's refund %s was acknowledged, and is not booked", n.o.OutTradeNo, r.ID)
	}
}

// asks reports that a question is due at once, or was put since the notice began,
// as far as clocks that differ can tell.
func (w *World) asks(n acked, asked, due time.Time) bool {
	drift := 2 * w.skew
	soon := !due.IsZero() && !due.After(time.Now().Add(cashier.AskEvery+drift))
	return soon || asked.After(n.began.Add(-cashier.CallTime-drift))
}

// asksAny is asks about any attempt at the processor: some notices name neither
// the trade nor the refund.
func (w *World) asksAny(n acked) bool {
	return slices.ContainsFunc(n.o.Attempts, func(a payment.Attempt) bool {
		return a.Provider == n.d.Name && w.asks(n, a.AskedAt, a.DueAt)
	})
}
