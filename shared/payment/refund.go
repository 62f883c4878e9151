package payment

import (
	"fmt"
	"slices"
	"time"
)

// Refund returns the refund with the merchant's number, or nil. Those made at a
// processor's own desk have none.
func (o *Order) Refund(outRefundNo string) *Refund {
	if outRefundNo == "" {
		return nil
	}
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
	r.Baseline = o.Certain(a)
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
	if rest := max(limit.Amount-o.refunded(a, fee.Currency, taken)-o.externalIn(a, fee.Currency), 0); fee.Amount > rest || fee.Amount < 1 {
		return Errorf(Conflict, "refund_fee: %s is more than the %s left to refund", fee, Money{rest, fee.Currency})
	}
	return nil
}

// Certain is what a processor's refunded total of an attempt must be at least, as
// far as we know: the baseline of a refund that only that total can tell of.
func (o *Order) Certain(a *Attempt) int64 {
	return o.refunded(a, o.Total.Currency, done) + a.External
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
		case one && r.AttemptNo == a.No && o.uncertain(&r):
			return Errorf(Conflict, "nobody knows what became of refund %s, and %s takes one at a time: see to it at its own desk", r.OutRefundNo, a.Provider)
		case one && r.Status == RefundProcessing && r.AttemptNo == a.No:
			return Errorf(Conflict, "refund %s is still under way, and %s takes one at a time", r.OutRefundNo, a.Provider).Retry()
		}
	}
	return nil
}

// uncertain reports that a refund may have gone out, and that nobody can be asked
// what became of it.
func (o *Order) uncertain(f *Refund) bool {
	return f.Status == RefundProcessing && !f.Unsent && f.DueAt.IsZero() && slices.Contains(o.Flags, RefundUncertain)
}

// Which refunds count: those that reached the payer, those whose money has left the
// shop, those that the processor may have heard of, and all that hold a reservation.
func done(f *Refund) bool  { return f.Status == RefundSuccess || f.Late }
func left(f *Refund) bool  { return done(f) || f.Status == RefundAbnormal }
func heard(f *Refund) bool { return left(f) || f.Status == RefundProcessing && !f.Unsent }
func taken(f *Refund) bool { return left(f) || f.Status == RefundProcessing }

// refunded sums the refunds of an attempt that count, in a currency.
func (o *Order) refunded(a *Attempt, currency string, counts func(*Refund) bool) int64 {
	sum := int64(0)
	for i := range o.Refunds {
		if f := &o.Refunds[i]; f.AttemptNo == a.No && counts(f) {
			sum += o.convert(a, f.Fee, currency)
		}
	}
	return sum
}

func (o *Order) externalIn(a *Attempt, currency string) int64 {
	return o.convert(a, Money{a.External, o.Total.Currency}, currency)
}

// ApplyRefund records what a processor says about a refund, and reports whether
// the order changed. It is idempotent; only PROCESSING changes. A refund that is
// not ours is booked as external when it has succeeded. An amount without a currency
// is in the order's, or for a refund that is ours by number, in that refund's.
func (o *Order) ApplyRefund(attemptNo string, r RefundReport, now time.Time) (changed bool, err error) {
	a := o.Attempt(attemptNo)
	switch {
	case a == nil:
		return false, fmt.Errorf("%w: %q", ErrNoAttempt, attemptNo)
	case r.Account != "" && r.Account != a.Account, r.No != "" && r.No != a.No,
		r.SpTradeNo != "" && a.SpTradeNo != "" && r.SpTradeNo != a.SpTradeNo, len(r.RefundID) > MaxForeign, len(r.OutRefundNo) > MaxForeign:
		return false, ErrForeign
	}
	bare := r.Fee.Amount != 0 && r.Fee.Currency == ""
	if bare {
		r.Fee.Currency = o.Total.Currency
	}
	f := o.find(a, r)
	if bare && f != nil {
		r.Fee.Currency = f.Fee.Currency
	}
	if f != nil && r.OutRefundNo == "" && f.RefundID == "" && f.Lease != "" && now.Before(f.LeaseUntil) {
		return false, ErrTooSoon // our call's own answer will tell whether it is
	}
	if f == nil {
		return o.foreignRefund(a, r, now), nil
	}
	if f.AttemptNo != a.No || !r.Fee.IsZero() && r.Fee != f.Fee {
		return false, ErrForeign
	}
	changed = o.learnNumber(&f.RefundID, r.RefundID, now)
	if r.Status == RefundSuccess && f.Status == RefundClosed && !f.Late {
		f.Late = true
		o.Flag(RefundUncertain, now)
		o.succeed(f, r.SucceededAt, now)
		o.squeeze(a, now)
		return true, nil
	}
	if r.Status == "" || r.Status == f.Status || f.Status != RefundProcessing {
		return changed, nil
	}
	if r.Status == RefundSuccess {
		o.succeed(f, r.SucceededAt, now)
		return true, nil
	}
	f.Status, f.Reason, f.Lease = r.Status, clip(r.Word), ""
	o.emit(RefundFailed, f.OutRefundNo, now)
	return true, nil
}

// succeed books that a refund of ours reached the payer; at is when, if it is known.
func (o *Order) succeed(f *Refund, at, now time.Time) {
	if f.TimeSuccess = at.UTC(); at.IsZero() {
		f.TimeSuccess = now
	}
	if !f.Late {
		f.Status, f.Reason = RefundSuccess, ""
	}
	f.Lease = ""
	o.move(TradeRefund)
	o.emit(RefundSucceeded, f.OutRefundNo, now)
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

// find matches a report with one of our refunds: by the merchant's number, by the
// processor's, or, where it states none of ours, by the amount of one whose number at
// the processor we never learnt.
func (o *Order) find(a *Attempt, r RefundReport) *Refund {
	if f := o.Refund(r.OutRefundNo); f != nil {
		return f
	}
	i := slices.IndexFunc(o.Refunds, func(f Refund) bool { return r.RefundID != "" && f.RefundID == r.RefundID })
	if i < 0 && r.OutRefundNo == "" {
		i = slices.IndexFunc(o.Refunds, func(f Refund) bool {
			return f.AttemptNo == a.No && f.RefundID == "" && f.Status == RefundProcessing && !f.Unsent && f.Fee == r.Fee
		})
	}
	if i < 0 {
		return nil
	}
	return &o.Refunds[i]
}

// RefundedTotal is what has certainly been given back, ours and external, in the
// currency of the refunds.
func (o *Order) RefundedTotal() Money {
	m := Money{Currency: o.Total.Currency}
	if i := slices.IndexFunc(o.Refunds, func(f Refund) bool { return done(&f) }); i >= 0 {
		m.Currency = o.Refunds[i].Fee.Currency
	}
	for i := range o.Attempts {
		a := &o.Attempts[i]
		sum := o.refunded(a, m.Currency, done) + o.externalIn(a, m.Currency)
		if limit, err := o.Refundable(a, m.Currency); err == nil {
			sum = min(sum, limit.Amount)
		}
		m.Amount += sum
	}
	if m.Amount == 0 {
		return Money{}
	}
	return m
}
