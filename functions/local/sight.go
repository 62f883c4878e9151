package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/store"
)

// sight is an order as an operator sees it: how it stands, its attempts and
// refunds, what happened when, what comes next by itself, and what a person must
// do. It holds nothing secret or personal: no openid, claim, address, text of the
// order or of a refund, and nothing that a shopper pays with.
type sight struct {
	order    *payment.Order
	notices  []store.Notice
	merchant *config.Merchant // nil where the config item is gone or invalid
	now      time.Time
}

// String writes it for a terminal, one line per fact.
func (s sight) String() string {
	var b bytes.Buffer
	o, v := s.order, s.order.View()
	fmt.Fprintf(&b, "%s/%s  %s  %s  %s\n", v.Merchant, v.OutTradeNo, v.TradeState, o.Total, plain(s.route()))
	table(&b, "", s.standing())
	table(&b, "attempts", s.attempts())
	table(&b, "refunds", s.refunds())
	table(&b, "history", s.history())
	table(&b, "next", s.next())
	table(&b, "to do", s.todo())
	return b.String()
}

// table writes rows in columns below a title; without rows nothing.
func table(b *bytes.Buffer, title string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	if title != "" {
		fmt.Fprintf(b, "\n%s\n", title)
	}
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i := range row {
			row[i] = plain(row[i])
		}
		fmt.Fprintln(w, "  "+strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	_ = w.Flush() // a buffer takes everything
}

// plain keeps what processors say on its line, and from commanding the terminal.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

func (s sight) route() string {
	a := s.order.Lead()
	if a == nil {
		return "nobody has begun to pay"
	}
	return fmt.Sprintf("%s by %s", a.Method, a.Provider)
}

// standing are the facts about the order as a whole.
func (s sight) standing() [][]string {
	o, v := s.order, s.order.View()
	var rows [][]string
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{name, value})
		}
	}
	add(cmp.Or(v.Provider, "provider")+"'s number", v.SpTradeNo)
	if v.TransactionID != v.SpTradeNo {
		add("WeChat's number", v.TransactionID)
	}
	switch {
	case !o.TimePaid.IsZero():
		add("paid", short(o.TimePaid)+", by "+s.attempt(o.PaidBy))
	case o.TradeState == payment.TradeNotPay:
		add("can be paid until", short(o.TimeExpire))
	}
	if a := o.Lead(); a != nil && !a.Settlement.IsZero() {
		add("settled", a.Settlement.String())
	}
	if back := o.RefundedTotal(); !back.IsZero() {
		add("refunded", back.String())
	}
	add("flags", flagWords(o))
	return rows
}

func flagWords(o *payment.Order) string {
	words := make([]string, len(o.Flags))
	for i, f := range o.Flags {
		words[i] = string(f)
	}
	return strings.Join(words, " ")
}

// meaning says in words what an attempt's state is.
var meaning = map[payment.AttemptState]string{
	payment.Creating: "being made",
	payment.Unsent:   "the processor never heard of it; the next unifiedorder sends it",
	payment.Lost:     "no clear answer, it may exist",
	payment.Open:     "the shopper can pay",
	payment.Watched:  "no longer offered, but a payment may still come",
	payment.Captured: "paid",
	payment.Ended:    "over",
	payment.Failed:   "declined",
}

func (s sight) attempts() [][]string {
	var rows [][]string
	for i, a := range s.order.Attempts {
		state := string(a.State) + ": " + meaning[a.State]
		if a.Reason != "" {
			state += " (" + a.Reason + ")"
		}
		if a.Asked > 0 {
			state += ", asked " + times(a.Asked)
		}
		rows = append(rows, []string{fmt.Sprint(i + 1), a.No, fmt.Sprintf("%s by %s", a.Method, a.Provider), "account " + a.Account, state})
	}
	return rows
}

func (s sight) refunds() [][]string {
	var rows [][]string
	for _, r := range s.order.Refunds {
		state := string(r.Status)
		if r.Reason != "" {
			state += ": " + r.Reason
		}
		if external(r) {
			state += ": made at the processor's own desk"
		}
		rows = append(rows, []string{refundNo(r), r.Fee.String(), "of " + s.attempt(r.AttemptNo), state})
	}
	for i, a := range s.order.Attempts {
		if a.External > 0 {
			rows = append(rows, []string{"-", payment.Money{Amount: a.External, Currency: s.order.Total.Currency}.String(), fmt.Sprintf("of attempt %d", i+1),
				"SUCCESS: made at the processor's own desk, of which only the total is known"})
		}
	}
	return rows
}

// external reports that a refund was not made through us.
func external(r payment.Refund) bool {
	return r.NotifyURL == "" && r.Status == payment.RefundSuccess
}

func refundNo(r payment.Refund) string { return cmp.Or(r.OutRefundNo, r.RefundID) }

// attempt names an attempt by its place, as its number is long.
func (s sight) attempt(no string) string {
	i := slices.IndexFunc(s.order.Attempts, func(a payment.Attempt) bool { return a.No == no })
	if i < 0 {
		return "attempt " + no
	}
	return fmt.Sprintf("attempt %d", i+1)
}

// webhookSet reports whether the shop has somewhere to be told; known is false if
// the config item cannot be read.
func (s sight) webhookSet() (set, known bool) {
	return s.merchant != nil && s.merchant.Item.Webhook.URL != "", s.merchant != nil
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
