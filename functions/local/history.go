package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"overseaspay/shared/payment"
)

// moment is one line of an order's history or future: when, of what, and what.
type moment struct {
	at            time.Time
	subject, text string
}

func rows(line []moment) [][]string {
	slices.SortStableFunc(line, func(a, b moment) int { return a.at.Compare(b.at) })
	out := make([][]string, len(line))
	for i, m := range line {
		out[i] = []string{short(m.at), m.subject, m.text}
	}
	return out
}

// moments collects lines; those without a time did not happen.
type moments []moment

func (l *moments) add(at time.Time, subject, format string, args ...any) {
	if !at.IsZero() {
		*l = append(*l, moment{at, subject, fmt.Sprintf(format, args...)})
	}
}

// history is what happened, oldest first.
func (s sight) history() [][]string {
	var l moments
	l.add(s.order.TimeCreate, "order", "stored, can be paid until %s", short(s.order.TimeExpire))
	for _, a := range s.order.Attempts {
		s.attemptHistory(&l, a)
	}
	l.add(s.order.TimeClosed, "order", "closed")
	for _, r := range s.order.Refunds {
		s.refundHistory(&l, r)
	}
	for _, n := range s.notices {
		l.add(n.Time, "notice", "from %s: %s", n.Provider, verdictWords(n.Verdict))
	}
	for _, e := range s.order.Events {
		s.eventHistory(&l, e)
	}
	return rows(l)
}

func (s sight) attemptHistory(l *moments, a payment.Attempt) {
	name := s.attempt(a.No)
	l.add(a.TimeBegin, name, "begun: %s by %s", a.Method, a.Provider)
	told := s.calls(l, name, a.No, "create", "query", "close")
	if !slices.ContainsFunc(s.order.Calls, func(c payment.Call) bool { return c.Op == "create" && c.No == a.No && c.Outcome == "done" }) {
		l.add(a.TimeReply, name, "the shopper can pay")
	}
	if a.AskedAt.After(told) {
		l.add(a.AskedAt, name, "query: no news")
	}
	when := notBefore(a.TimePaid, a.TimeBegin, a.TimeReply, told)
	if a.SpTradeNo != "" {
		l.add(when, name, "paid, %s's number %s", a.Provider, a.SpTradeNo)
	} else {
		l.add(when, name, "paid")
	}
}

// notBefore moves a processor's time, which has no fractions, behind what led to it
// in the same second.
func notBefore(at time.Time, causes ...time.Time) time.Time {
	for _, cause := range causes {
		if at.Before(cause) && at.Truncate(time.Second).Equal(cause.Truncate(time.Second)) {
			at = cause
		}
	}
	return at
}

func (s sight) refundHistory(l *moments, r payment.Refund) {
	name := "refund " + refundNo(r)
	if external(r) {
		l.add(r.TimeCreate, name, "heard of: %s of %s, made at the processor's own desk", r.Fee, s.attempt(r.AttemptNo))
	} else {
		l.add(r.TimeCreate, name, "reserved: %s of %s", r.Fee, s.attempt(r.AttemptNo))
	}
	told := s.calls(l, name, r.OutRefundNo, "refund", "queryrefund")
	if r.AskedAt.After(told) && r.Asked > 1 {
		l.add(r.AskedAt, name, "queryrefund: no news")
	}
	when := notBefore(r.TimeSuccess, r.TimeCreate, told)
	if r.RefundID != "" {
		l.add(when, name, "done, the processor's number %s", r.RefundID)
	} else {
		l.add(when, name, "done")
	}
}

// calls adds what the calls about one attempt or refund came to, and returns when
// the last answer came. An answer that was the same as the one before is not kept.
func (s sight) calls(l *moments, name, no string, ops ...string) (last time.Time) {
	for _, c := range s.order.Calls {
		if c.No != no || !slices.Contains(ops, c.Op) {
			continue
		}
		last = c.Time
		text := c.Outcome
		switch _, detail, said := strings.Cut(c.Word, c.Outcome); {
		case c.Outcome == "done" && c.Op == "create":
			text += ", the shopper can pay"
		case c.Outcome == "done" && c.Word != "":
			text += fmt.Sprintf(", it says %q", c.Word)
		case c.Outcome != "done" && said: // "yaband: query: outcome unknown: no answer"
			text += detail
		case c.Outcome != "done" && c.Word != "":
			text += ": " + c.Word
		}
		l.add(c.Time, name, "%s: %s", c.Op, text)
	}
	return last
}

// verdictWords says what became of a notice.
func verdictWords(verdict string) string {
	switch verdict {
	case "duplicate":
		return "duplicate, it changed nothing"
	case "asked":
		return "asked, as it only rings: the processor's answer counts"
	case "due":
		return "due, as it only rings: the processor is to be asked"
	}
	return verdict
}

func (s sight) eventHistory(l *moments, e payment.Event) {
	name := "event"
	l.add(e.Time, name, "%s", eventName(e))
	set, known := s.webhookSet()
	switch {
	case e.Status != http.StatusGone:
		l.add(e.Delivered, name, "%s: the shop answered %d", eventName(e), e.Status)
	case known && !set:
		l.add(e.Delivered, name, "%s: nobody was told, as no webhook is set", eventName(e))
	default: // a shop without a webhook ends an event as one that wants no more
		l.add(e.Delivered, name, "%s: the shop answered 410 and wants no more of it, or had no webhook then", eventName(e))
	}
}

func eventName(e payment.Event) string {
	if e.RefundNo != "" {
		return string(e.Type) + " of refund " + e.RefundNo
	}
	return string(e.Type)
}
