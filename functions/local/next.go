package main

import (
	"fmt"
	"strings"
	"time"

	"overseaspay/shared/payment"
)

// patience is how long something may be overdue before somebody should wonder: the
// schedule looks every minute.
const patience = 2 * time.Minute

// next is what will be done by itself, soonest first; the first line's time is
// [payment.Order.Due].
func (s sight) next() [][]string {
	l := s.future()
	if len(l) == 0 {
		return [][]string{{"nothing more is done about this order by itself"}}
	}
	for i := range l {
		if s.now.Sub(l[i].at) > patience {
			l[i].text += "; overdue, does the sweep (reconcile) run?"
		}
	}
	out := rows(l)
	for i := range out {
		out[i] = []string{out[i][0], out[i][2]}
	}
	return out
}

func (s sight) future() []moment {
	var l moments
	for _, a := range s.order.Attempts {
		if !a.State.Final() || a.State == payment.Captured {
			l.add(a.DueAt, "", "%s", s.question(a))
		}
	}
	if s.order.TradeState == payment.TradeNotPay {
		l.add(s.order.CloseAt(), "", "%s", s.closing())
	}
	for _, r := range s.order.Refunds {
		if r.Status == payment.RefundProcessing {
			l.add(r.DueAt, "", "%s", s.refunding(r))
		}
	}
	for _, e := range s.order.Events {
		l.add(e.DueAt, "", "%s", s.telling(e))
	}
	return l
}

func (s sight) question(a payment.Attempt) string {
	switch {
	case !s.has(a):
		return fmt.Sprintf("cannot ask %s about %s: account %s is not in the config item", a.Provider, s.attempt(a.No), a.Account)
	case a.State == payment.Captured:
		return fmt.Sprintf("asks %s whether money of %s went back", a.Provider, s.attempt(a.No))
	case a.State == payment.Creating:
		return fmt.Sprintf("asks %s about %s, if whoever makes it is not back by then", a.Provider, s.attempt(a.No))
	}
	return fmt.Sprintf("asks %s about %s", a.Provider, s.attempt(a.No))
}

// has reports whether the config item still has an attempt's account. One that
// cannot be read is not held against it.
func (s sight) has(a payment.Attempt) bool {
	if s.merchant == nil {
		return true
	}
	_, _, ok := s.merchant.Account(a.Provider, a.Account)
	return ok
}

func (s sight) closing() string {
	var ask []string
	for _, a := range s.order.Attempts {
		if !a.State.Final() && a.State != payment.Unsent {
			ask = append(ask, a.Provider)
		}
	}
	if len(ask) == 0 {
		return "closes the order"
	}
	return "asks " + strings.Join(ask, " and ") + " a last time, then closes the order"
}

func (s sight) refunding(r payment.Refund) string {
	processor := "the processor"
	if a := s.order.Attempt(r.AttemptNo); a != nil {
		processor = a.Provider
		if !s.has(*a) {
			return fmt.Sprintf("cannot ask %s about refund %s: account %s is not in the config item", processor, refundNo(r), a.Account)
		}
	}
	switch {
	case r.Unsent && r.DueAt.After(r.TimeCreate.Add(payment.NotEnoughFor)):
		return fmt.Sprintf("gives refund %s up, as %s did not take it for %.0f hours", refundNo(r), processor, payment.NotEnoughFor.Hours())
	case r.Unsent:
		return fmt.Sprintf("sends refund %s to %s", refundNo(r), processor)
	}
	return fmt.Sprintf("asks %s about refund %s", processor, refundNo(r))
}

func (s sight) telling(e payment.Event) string {
	if set, known := s.webhookSet(); known && !set {
		return fmt.Sprintf("drops %s, as no webhook is set", eventName(e))
	}
	said := ""
	if e.Status != 0 {
		said = fmt.Sprintf("; it answered %d", e.Status)
	}
	switch {
	case e.Tries > 0:
		return fmt.Sprintf("tells the shop %s again, repeated %s so far%s", eventName(e), times(e.Tries), said)
	case e.Status != 0:
		return fmt.Sprintf("tells the shop %s again%s", eventName(e), said)
	}
	return fmt.Sprintf("tells the shop %s, if it has not taken it at once", eventName(e))
}

// hints say what a person is to do about each flag.
var hints = map[payment.Flag]string{
	payment.AmountMismatch:   "the processor reported another amount, which pays nothing: compare with its desk, and give it back there or settle it with the shopper",
	payment.CurrencyMismatch: "the processor reported another currency, which pays nothing: compare with its desk, and check currency in the config item",
	payment.SecondCapture:    "two attempts were paid: refund the amount once, it comes out of the second one first",
	payment.LatePayment:      "paid after the order was closed: ship it, or refund it",
	payment.NumberConflict:   "the processor gave one attempt two numbers: look both up at its desk, as both may have been paid",
	payment.RefundUncertain:  "look at the processor's desk whether the refund was made; if not, make it there, as it is never sent again by itself",
	payment.ExternalRefund:   "money went back at the processor's own desk: find out who did it, and do not refund it again",
	payment.ChargedBack:      "the payer's bank took the money back: hold the goods, and answer the dispute at the processor's desk",
}

// todo is what only a person can do.
func (s sight) todo() [][]string {
	var out [][]string
	for _, f := range s.order.Flags {
		out = append(out, []string{string(f), hints[f]})
	}
	for _, r := range s.order.Refunds {
		if r.Status == payment.RefundAbnormal {
			out = append(out, []string{"refund " + refundNo(r), "ABNORMAL, the money left the shop and did not reach the payer: pay it out by other means, with the processor's help"})
		}
	}
	for i, a := range s.order.Attempts {
		if open := !a.State.Final() || !a.DueAt.IsZero(); open && !s.has(a) {
			out = append(out, []string{fmt.Sprintf("attempt %d", i+1), fmt.Sprintf("put account %s into providers.%s.former of the config item, or nobody is asked", a.Account, a.Provider)})
		}
	}
	for _, e := range s.order.Events {
		if e.DueAt.IsZero() && e.Delivered.IsZero() {
			out = append(out, []string{string(e.Type), s.untold(e)})
		}
	}
	return out
}

func (s sight) untold(e payment.Event) string {
	last := "no answer came"
	if e.Status != 0 {
		last = fmt.Sprintf("the last answer was %d", e.Status)
	}
	return fmt.Sprintf("the shop never took it (%s): mend the shop, then order resend %s", last, s.order.OutTradeNo)
}
