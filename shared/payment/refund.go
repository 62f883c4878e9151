package payment

import (
	"fmt"
	"slices"
	"time"
)

// Refund returns the refund with the merchant's number, or nil.
func (o *Order) Refund(outRefundNo string) *Refund {
	i := slices.IndexFunc(o.Refunds, func(r Refund) bool { return r.OutRefundNo == outRefundNo })
	if i < 0 {
		return nil
	}
	return &o.Refunds[i]
}

// Refundable is what may be given back of an attempt's capture at most, in the
// currency asked for: the order's amount in the order's currency, or the settled
// amount that the processor reported in its own.
func (o *Order) Refundable(a *Attempt, currency string) (Money, error) {
	switch {
	case currency == o.Total.Currency:
		return o.Total, nil
	case a.Settlement.IsZero():
		return Money{}, Errorf(Unsupported, "refund_fee_type: refunds of this account are in %s, and %s has not reported what it settled for this order", currency, a.Provider)
	case a.Settlement.Currency != currency:
		return Money{}, Errorf(Unsupported, "refund_fee_type: this order was settled in %s, not %s", a.Settlement.Currency, currency)
	}
	return a.Settlement, nil
}

// Reserve books a refund before the processor hears of it, so that 0 <= refunded +
// pending <= paid holds at every moment, and leases it to the caller. A number
// that exists with the same amount is that refund (created false); with another
// amount it is a conflict. one says that the processor can only have one refund
// of an order in flight.
func (o *Order) Reserve(r Refund, one bool, now time.Time) (refund *Refund, created bool, err error) {
	if have := o.Refund(r.OutRefundNo); have != nil {
		if have.Fee != r.Fee {
			return nil, false, Errorf(Conflict, "out_refund_no %s exists with %s", r.OutRefundNo, have.Fee)
		}
		return have, false, nil
	}
	a := o.Attempt(r.AttemptNo)
	if a == nil || a.State != Captured {
		return nil, false, Errorf(Conflict, "order %s is %s: nothing to refund", o.OutTradeNo, o.TradeState)
	}
	limit, err := o.Refundable(a, r.Fee.Currency)
	if err != nil {
		return nil, false, err
	}
	if err := o.room(a, r.Fee, limit, one); err != nil {
		return nil, false, err
	}
	r.AttemptNo, r.Status, r.TimeCreate = a.No, RefundProcessing, now
	r.Baseline = o.refunded(a.No, RefundSuccess)
	if a.No == o.PaidBy {
		r.Baseline += o.External
	}
	o.Refunds = append(o.Refunds, r)
	return &o.Refunds[len(o.Refunds)-1], true, nil
}

// RefundFrom picks the capture that a refund of this many minor units comes out
// of: a second capture with room for it first, because that is money nobody was
// owed, else the one that paid the order. nil if nothing was captured.
func (o *Order) RefundFrom(amount int64) *Attempt {
	for i := range o.Attempts {
		a := &o.Attempts[i]
		taken := o.refunded(a.No, RefundSuccess, RefundProcessing, RefundAbnormal)
		if a.State == Captured && a.No != o.PaidBy && taken+amount <= o.Total.Amount {
			return a
		}
	}
	return o.Attempt(o.PaidBy)
}

func (o *Order) room(a *Attempt, fee, limit Money, one bool) error {
	if len(o.Refunds) >= MaxRefunds {
		return Errorf(Conflict, "order %s has %d refunds already", o.OutTradeNo, MaxRefunds)
	}
	for _, r := range o.Refunds {
		switch {
		case r.Status == RefundClosed:
		case r.Fee.Currency != fee.Currency:
			return Errorf(Conflict, "refund_fee_type: all refunds of an order are in one currency, here %s", r.Fee.Currency)
		case one && r.Status == RefundProcessing && r.AttemptNo == a.No:
			return Errorf(Conflict, "refund %s is still under way, and %s takes one at a time", r.OutRefundNo, a.Provider).Retry()
		}
	}
	taken := o.refunded(a.No, RefundSuccess, RefundProcessing, RefundAbnormal)
	if a.No == o.PaidBy {
		taken += o.External
	}
	if left := limit.Amount - taken; fee.Amount > left {
		return Errorf(Conflict, "refund_fee: %s is more than the %s left to refund", fee, Money{left, fee.Currency})
	}
	return nil
}

// refunded sums the refunds of an attempt that are in one of the states.
func (o *Order) refunded(attemptNo string, states ...RefundStatus) int64 {
	sum := int64(0)
	for _, r := range o.Refunds {
		if r.AttemptNo == attemptNo && slices.Contains(states, r.Status) {
			sum += r.Fee.Amount
		}
	}
	return sum
}

// ApplyRefund records what a processor says about a refund, and reports whether
// the order changed. It is idempotent; only PROCESSING changes. A refund that is
// not ours is booked as external when it has succeeded.
func (o *Order) ApplyRefund(attemptNo string, r RefundReport, now time.Time) (changed bool, err error) {
	a := o.Attempt(attemptNo)
	switch {
	case a == nil:
		return false, fmt.Errorf("%w: %q", ErrNoAttempt, attemptNo)
	case r.Account != "" && r.Account != a.Account, r.No != "" && r.No != a.No, len(r.RefundID) > maxForeign:
		return false, ErrForeign
	}
	f := o.find(r)
	if f == nil {
		return o.foreignRefund(a, r, now), nil
	}
	if f.AttemptNo != a.No || !r.Fee.IsZero() && r.Fee != f.Fee {
		return false, ErrForeign
	}
	changed = o.learnNumber(&f.RefundID, r.RefundID, now)
	if r.Status == "" || r.Status == f.Status || f.Status != RefundProcessing {
		return changed, nil
	}
	f.Status, f.Reason, f.Lease = r.Status, "", ""
	switch r.Status {
	case RefundSuccess:
		if f.TimeSuccess = r.SucceededAt.UTC(); r.SucceededAt.IsZero() {
			f.TimeSuccess = now
		}
		o.move(TradeRefund)
		o.emit(RefundSucceeded, f.OutRefundNo, now)
	case RefundClosed, RefundAbnormal:
		f.Reason = clip(r.Word)
		o.emit(RefundFailed, f.OutRefundNo, now)
	}
	return true, nil
}

// foreignRefund books a refund that was made at the processor's own desk. What a
// report of the trade's total had counted of it before is not counted twice.
func (o *Order) foreignRefund(a *Attempt, r RefundReport, now time.Time) bool {
	known := r.OutRefundNo != "" || r.RefundID != ""
	if r.Status != RefundSuccess || r.Fee.Amount <= 0 || !known || len(o.Refunds) >= 2*MaxRefunds {
		return false
	}
	f := Refund{OutRefundNo: r.OutRefundNo, RefundID: r.RefundID, AttemptNo: a.No, Fee: r.Fee, Status: RefundSuccess,
		Desc: "made at the processor", TimeCreate: now, TimeSuccess: r.SucceededAt.UTC()}
	if r.SucceededAt.IsZero() {
		f.TimeSuccess = now
	}
	o.Refunds = append(o.Refunds, f)
	o.External -= min(o.External, r.Fee.Amount)
	o.move(TradeRefund)
	o.Flag(ExternalRefund, now)
	return true
}

// FailRefund ends a refund that did not happen; its reservation is free again.
func (o *Order) FailRefund(outRefundNo string, now time.Time) bool {
	f := o.Refund(outRefundNo)
	if f == nil || f.Status != RefundProcessing {
		return false
	}
	f.Status, f.Lease = RefundClosed, ""
	o.emit(RefundFailed, outRefundNo, now)
	return true
}

// find matches a report with one of our refunds by either number.
func (o *Order) find(r RefundReport) *Refund {
	for i := range o.Refunds {
		f := &o.Refunds[i]
		if r.OutRefundNo != "" && r.OutRefundNo == f.OutRefundNo ||
			r.OutRefundNo == "" && r.RefundID != "" && r.RefundID == f.RefundID {
			return f
		}
	}
	return nil
}

// RefundedTotal is what has certainly been given back, ours and external.
func (o *Order) RefundedTotal() Money {
	m := Money{Currency: o.Total.Currency}
	for _, r := range o.Refunds {
		if r.Status == RefundSuccess {
			m.Currency = r.Fee.Currency
			m.Amount += r.Fee.Amount
		}
	}
	if m.Amount == 0 || m.Currency == o.Total.Currency {
		m.Amount, m.Currency = m.Amount+o.External, o.Total.Currency
	}
	if m.Amount == 0 {
		return Money{}
	}
	return m
}
