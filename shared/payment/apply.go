package payment

import (
	"errors"
	"fmt"
	"time"
)

// Why a report cannot be believed. Nothing has changed when one is returned.
var (
	ErrNoAttempt = errors.New("no such attempt")
	ErrForeign   = errors.New("speaks of another account or order number")
	ErrNoAmount  = errors.New("reports a payment without its amount")
	ErrTooSoon   = errors.New("may speak of a refund that is being made at this moment")
)

// MaxForeign bounds the numbers that processors give, in bytes. None is known to
// be longer than 64; what is over the bound is not one.
const MaxForeign = 128

// Apply records what a processor says about the attempt with number no, and
// reports whether the order changed. It is idempotent, and reports that differ
// only in the order of their arrival end in the same order item.
//
//   - An account or number that is not the attempt's own: ErrForeign, no change.
//   - Another amount or currency: the order is flagged and not paid.
//   - A capture is never refused: after CLOSED it is flagged late_payment, after
//     another attempt's capture second_capture.
//   - Numbers once learnt stay; a different one flags number_conflict.
//   - Over and Refused end the attempt, not the order: the shopper may try again
//     until the order expires or the shop closes it.
func (o *Order) Apply(no string, r Report, now time.Time) (changed bool, err error) {
	a := o.Attempt(no)
	switch {
	case a == nil:
		return false, fmt.Errorf("%w: %q", ErrNoAttempt, no)
	case r.Account != "" && r.Account != a.Account, r.No != "" && r.No != a.No,
		len(r.SpTradeNo) > MaxForeign, len(r.TransactionID) > MaxForeign:
		return false, ErrForeign
	}
	switch r.State {
	case Paid, Refunded:
		if r.Total.IsZero() {
			return false, ErrNoAmount
		}
		if f := o.mismatch(r.Total); f != "" {
			return o.Flag(f, now), nil
		}
		changed = o.learn(a, r, now)
		changed = o.capture(a, r, now) || changed
		return o.returned(a, r, now) || changed, nil
	case Over, Refused:
		changed = o.learn(a, r, now)
		if a.State.Final() {
			return changed, nil
		}
		a.State, a.Reason = Ended, clip(r.Word)
		if r.State == Refused {
			a.State = Failed
		}
		return true, nil
	}
	return o.learn(a, r, now), nil
}

// mismatch names what is wrong with a captured amount, or "".
func (o *Order) mismatch(got Money) Flag {
	switch {
	case got.Currency != o.Total.Currency:
		return CurrencyMismatch
	case got.Amount != o.Total.Amount:
		return AmountMismatch
	}
	return ""
}

// learn keeps numbers and the settled amount the first time they are heard.
func (o *Order) learn(a *Attempt, r Report, now time.Time) bool {
	changed := o.learnNumber(&a.SpTradeNo, r.SpTradeNo, now)
	changed = o.learnNumber(&a.TransactionID, r.TransactionID, now) || changed
	if a.Settlement.IsZero() && !r.Settlement.IsZero() {
		a.Settlement, changed = r.Settlement, true
	}
	return changed
}

func (o *Order) learnNumber(have *string, said string, now time.Time) bool {
	switch {
	case said == "" || said == *have:
		return false
	case *have == "":
		*have = said
		return true
	}
	return o.Flag(NumberConflict, now)
}

// capture books the attempt's money, once.
func (o *Order) capture(a *Attempt, r Report, now time.Time) bool {
	if a.State == Captured {
		return false
	}
	a.State, a.Reason, a.DueAt = Captured, "", time.Time{}
	if a.TimePaid = r.PaidAt.UTC(); r.PaidAt.IsZero() {
		a.TimePaid = now
	}
	for i := range o.Attempts {
		o.Attempts[i].abandon() // nobody is to pay twice
	}
	if o.PaidBy != "" {
		o.Flag(SecondCapture, now)
		return true
	}
	o.PaidBy, o.TimePaid = a.No, a.TimePaid
	late := !o.TimeClosed.IsZero()
	o.move(TradeSuccess)
	o.emit(PaymentSucceeded, "", now)
	if late {
		o.Flag(LatePayment, now)
	}
	if o.refunded(a, o.Total.Currency, done) > 0 {
		o.move(TradeRefund) // its notice came first
	}
	return true
}
