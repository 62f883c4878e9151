package payment

import (
	"math/bits"
	"slices"
	"time"
)

// returned books money that went back to the payer without us: what the processor
// says beyond our own refunds, done or under way. It says so in the order's
// currency, and can only be held against refunds in that.
func (o *Order) returned(a *Attempt, r Report, now time.Time) (changed bool) {
	if r.ChargedBack {
		changed = o.Flag(ChargedBack, now)
		changed = o.external(a, o.Total.Amount-o.refunded(a, o.Total.Currency, left), now) || changed
	}
	mine := func(f Refund) bool { return f.AttemptNo == a.No }
	if r.State == Refunded && r.Refunded.IsZero() && o.refunded(a, o.Total.Currency, heard) == 0 {
		if slices.ContainsFunc(o.Refunds, mine) {
			// One of ours after all, or only the trace of one that was closed.
			return o.Flag(RefundUncertain, now) || changed
		}
		// Given back, and not by us; how much will only a refund's own notice say.
		changed = o.move(TradeRefund) || changed
		return o.Flag(ExternalRefund, now) || changed
	}
	elsewhere := func(f Refund) bool { return mine(f) && f.Fee.Currency != o.Total.Currency }
	if r.Refunded.Currency != o.Total.Currency || slices.ContainsFunc(o.Refunds, elsewhere) {
		return changed
	}
	back := min(r.Refunded.Amount, o.Total.Amount)
	changed = o.settle(a, back, now) || changed
	if o.external(a, back-o.refunded(a, o.Total.Currency, heard), now) {
		o.Flag(ExternalRefund, now)
		return true
	}
	return changed
}

// external raises what was given back of an attempt without us, if it is more than is known.
func (o *Order) external(a *Attempt, amount int64, now time.Time) bool {
	if amount <= a.External {
		return false
	}
	a.External = amount
	o.move(TradeRefund)
	o.squeeze(a, now)
	return true
}

// settle ends uncertain refunds once the total that went back shows that they, or
// what a person did in their place, happened.
func (o *Order) settle(a *Attempt, back int64, now time.Time) (changed bool) {
	for i := range o.Refunds {
		f := &o.Refunds[i]
		if f.AttemptNo == a.No && o.uncertain(f) && back-o.refunded(a, o.Total.Currency, left)-a.External >= f.Fee.Amount {
			o.succeed(f, time.Time{}, now)
			changed = true
		}
	}
	return changed
}

// foreignRefund books a refund that was made at the processor's own desk. What a
// report of the trade's total had counted of it before is not counted twice. More
// than was captured is not believed, but flagged. On a trade that we do not know to
// be captured it is kept, and counts when the capture is heard of.
func (o *Order) foreignRefund(a *Attempt, r RefundReport, now time.Time) bool {
	known := r.OutRefundNo != "" || r.RefundID != ""
	if r.Status != RefundSuccess || r.Fee.Amount <= 0 || !known || len(o.Refunds) >= 2*MaxRefunds {
		return false
	}
	counted := int64(0)
	if r.Fee.Currency == o.Total.Currency {
		counted = min(a.External, r.Fee.Amount)
	}
	a.External -= counted
	gone := o.refunded(a, r.Fee.Currency, left) + o.externalIn(a, r.Fee.Currency)
	if limit, err := o.Refundable(a, r.Fee.Currency); err != nil || r.Fee.Amount > limit.Amount-gone {
		a.External += counted
		return o.Flag(AmountMismatch, now)
	}
	f := Refund{OutRefundNo: r.OutRefundNo, RefundID: r.RefundID, AttemptNo: a.No, Fee: r.Fee, Status: RefundSuccess,
		Desc: "made at the processor", TimeCreate: now, TimeSuccess: r.SucceededAt.UTC()}
	if r.SucceededAt.IsZero() {
		f.TimeSuccess = now
	}
	o.Refunds = append(o.Refunds, f)
	if a.State == Captured {
		o.move(TradeRefund)
	}
	o.Flag(ExternalRefund, now)
	o.squeeze(a, now)
	return true
}

// convert writes a part of a capture in another currency, by the rate at which the
// processor settled it, rounded up. Where no rate is known it is all of the capture.
func (o *Order) convert(a *Attempt, m Money, currency string) int64 {
	if m.Currency == currency || m.Amount == 0 {
		return m.Amount
	}
	from, errFrom := o.Refundable(a, m.Currency)
	to, errTo := o.Refundable(a, currency)
	switch {
	case errTo != nil:
		return m.Amount
	case errFrom != nil || m.Amount >= from.Amount:
		return to.Amount
	}
	hi, lo := bits.Mul64(uint64(m.Amount), uint64(to.Amount))
	part, rest := bits.Div64(hi, lo, uint64(from.Amount))
	if rest > 0 {
		part++
	}
	return int64(part)
}

// squeeze sees to reservations that no longer fit, because money went back without
// us: one that has not gone out is given up, of another a person must see what becomes.
func (o *Order) squeeze(a *Attempt, now time.Time) {
	for i := range o.Refunds {
		f := &o.Refunds[i]
		if f.AttemptNo != a.No || f.Status != RefundProcessing {
			continue
		}
		limit, err := o.Refundable(a, f.Fee.Currency)
		if err != nil || o.refunded(a, f.Fee.Currency, taken)+o.externalIn(a, f.Fee.Currency) <= limit.Amount {
			continue
		}
		if f.Unsent {
			o.FailRefund(f.OutRefundNo, now)
			f.Reason = "given back without us"
		} else {
			o.Flag(RefundUncertain, now)
		}
	}
}
