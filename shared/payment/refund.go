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
	if err := o.Room(a, r.Fee); err != nil {
		return nil, false, err
	}
	if err := o.oneByOne(a, r.Fee, one); err != nil {
		return nil, false, err
	}
	r.AttemptNo, r.Status, r.TimeCreate = a.No, RefundProcessing, now
	r.Baseline = o.refunded(a.No, RefundSuccess) + a.External
	o.Refunds = append(o.Refunds, r)
	return &o.Refunds[len(o.Refunds)-1], true, nil
}

// Captures lists the attempts that a refund can come out of, in the order to try
// them: second captures first, because that is money nobody was owed, then the one
// that paid the order.
func (o *Order) Captures() []*Attempt {
	var list []*Attempt
	for i := range o.Attempts {
		if a := &o.Attempts[i]; a.State == Captured && a.No != o.PaidBy {
			list = append(list, a)
		}
	}
	if a := o.Attempt(o.PaidBy); a != nil {
		list = append(list, a)
	}
	return list
}

// Room reports, as an error, that a capture has less left than is to be refunded.
func (o *Order) Room(a *Attempt, fee Money) error {
	limit, err := o.Refundable(a, fee.Currency)
	if err != nil {
		return err
	}
	taken := o.refunded(a.No, RefundSuccess, RefundProcessing, RefundAbnormal) + a.External
	if left := limit.Amount - taken; fee.Amount > left || fee.Amount < 1 {
		return Errorf(Conflict, "refund_fee: %s is more than the %s left to refund", fee, Money{left, fee.Currency})
	}
	return nil
}

// oneByOne refuses what stands beside the order's other refunds: too many, another
// currency, or a second one at once where the processor could not tell them apart.
func (o *Order) oneByOne(a *Attempt, fee Money, one bool) error {
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
	case r.Account != "" && r.Account != a.Account, r.No != "" && r.No != a.No,
		len(r.RefundID) > maxForeign, len(r.OutRefundNo) > maxForeign:
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
	if r.Status == RefundSuccess && f.Status == RefundClosed {
		return o.Flag(RefundUncertain, now) || changed, nil // it went out after all, and its amount is free again
	}
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
	if err := o.Room(a, r.Fee); err != nil {
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

// find matches a report with one of our refunds: by the merchant's number, else by
// the processor's.
func (o *Order) find(r RefundReport) *Refund {
	if r.OutRefundNo != "" {
		if f := o.Refund(r.OutRefundNo); f != nil {
			return f
		}
	}
	i := slices.IndexFunc(o.Refunds, func(f Refund) bool { return r.RefundID != "" && f.RefundID == r.RefundID })
	if i < 0 {
		return nil
	}
	return &o.Refunds[i]
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
	for _, a := range o.Attempts {
		if m.Currency == o.Total.Currency {
			m.Amount += a.External
		}
	}
	if m.Amount == 0 {
		return Money{}
	}
	return m
}
