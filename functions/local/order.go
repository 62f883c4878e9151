package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"overseaspay/shared/cashier"
	"overseaspay/shared/payment"
	"overseaspay/shared/store"
)

// moment is one line of an order's timeline.
type moment struct {
	at   time.Time
	text string
}

// orderShow prints one order as an operator wants it: how it stands, then what
// happened when, then what comes next. Nothing in it is secret or personal.
func (d desk) orderShow(ctx context.Context, merchant string, rest []string, out io.Writer) error {
	o, err := d.order(ctx, merchant, rest)
	if err != nil {
		return err
	}
	notices, err := d.store.Notices(ctx, store.Key{Merchant: o.Merchant, OutTradeNo: o.OutTradeNo})
	if err != nil {
		return err
	}
	v := o.View()
	fmt.Fprintf(out, "%s/%s  %s  %s  %s by %s\n", v.Merchant, v.OutTradeNo, v.TradeState, o.Total,
		cmp.Or(string(v.PayMethod), "no method yet"), cmp.Or(v.Provider, "nobody yet"))
	fmt.Fprintf(out, "  provider's number %s, WeChat's %s, flags %v\n", cmp.Or(v.SpTradeNo, "-"), cmp.Or(v.TransactionID, "-"), v.Flags)
	line := timeline(o, notices)
	slices.SortStableFunc(line, func(a, b moment) int { return a.at.Compare(b.at) })
	for _, m := range line {
		fmt.Fprintf(out, "  %s  %s\n", short(m.at), m.text)
	}
	fmt.Fprintf(out, "  next look: %s\n", short(o.Due()))
	return nil
}

func timeline(o *payment.Order, notices []store.Notice) []moment {
	line := []moment{{o.TimeCreate, "order stored, can be paid until " + short(o.TimeExpire)}}
	add := func(at time.Time, format string, args ...any) {
		if !at.IsZero() {
			line = append(line, moment{at, fmt.Sprintf(format, args...)})
		}
	}
	for _, a := range o.Attempts {
		add(a.TimeBegin, "attempt %s: %s by %s, account %s, now %s %s", a.No, a.Method, a.Provider, a.Account, a.State, a.Reason)
		add(a.TimeReply, "attempt %s: the shopper can pay", a.No)
		add(a.TimePaid, "attempt %s: paid, number %s", a.No, cmp.Or(a.SpTradeNo, "-"))
		add(a.AskedAt, "attempt %s: asked for the %d. time", a.No, a.Asked)
	}
	for _, c := range o.Calls {
		add(c.Time, "%s %s: %s %s", c.Op, c.No, c.Outcome, c.Word)
	}
	add(o.TimeClosed, "order closed")
	for _, r := range o.Refunds {
		add(r.TimeCreate, "refund %s of %s: %s %s", cmp.Or(r.OutRefundNo, r.RefundID), r.Fee, r.Status, r.Reason)
		add(r.TimeSuccess, "refund %s: done", cmp.Or(r.OutRefundNo, r.RefundID))
	}
	for _, n := range notices {
		add(n.Time, "notice from %s: %s", n.Provider, n.Verdict)
	}
	for _, e := range o.Events {
		add(e.Time, "event %s", e.Type)
		add(e.Delivered, "event %s: the shop answered %d", e.Type, e.Status)
		if e.Tries > 0 && e.Delivered.IsZero() {
			add(e.DueAt, "event %s: %d tries, last answer %d, next try", e.Type, e.Tries, e.Status)
		}
	}
	return line
}

func (d desk) order(ctx context.Context, merchant string, rest []string) (*payment.Order, error) {
	if len(rest) != 1 {
		return nil, errors.New("name one order number")
	}
	o, err := d.store.Get(ctx, merchant, rest[0])
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("merchant %s has no order %s", merchant, rest[0])
	}
	return o, err
}

func (d desk) orderList(ctx context.Context, merchant string, rest []string, out io.Writer) error {
	day := time.Now().UTC().Format(time.DateOnly)
	if len(rest) > 0 {
		if _, err := time.Parse(time.DateOnly, rest[0]); err != nil {
			return fmt.Errorf("%q is no day; write it like %s", rest[0], day)
		}
		day = rest[0]
	}
	none := true
	for cursor := ""; ; {
		keys, next, err := d.store.Day(ctx, merchant, day, cursor, 100)
		if err != nil {
			return err
		}
		for _, k := range keys {
			none = false
			o, err := d.store.Get(ctx, k.Merchant, k.OutTradeNo)
			if err != nil {
				return err
			}
			v := o.View()
			fmt.Fprintf(out, "%s  %-32s  %-7s  %16s  %-8s  %v\n", short(o.TimeCreate), v.OutTradeNo, v.TradeState, o.Total, cmp.Or(v.Provider, "-"), v.Flags)
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	if none {
		fmt.Fprintf(out, "merchant %s has no orders of %s (a day in UTC)\n", merchant, day)
	}
	return nil
}

// orderSync asks the processors about an order now, as its next queryorder would.
func (d desk) orderSync(ctx context.Context, merchant string, rest []string, out io.Writer) error {
	o, err := d.order(ctx, merchant, rest)
	if err != nil {
		return err
	}
	m, err := d.merchants.Merchant(ctx, merchant)
	if err != nil {
		return err
	}
	if _, err = d.cashier.QueryOrder(ctx, cashier.Caller{Merchant: m}, cashier.Which{OutTradeNo: o.OutTradeNo}); err != nil {
		return err
	}
	return d.orderShow(ctx, merchant, rest, out)
}

// orderResend tells the shop all events of an order once more, those that it took
// as well. The ids are the same as before, so that a shop knows them again. What
// fails is left to the timetable it had.
func (d desk) orderResend(ctx context.Context, merchant string, rest []string, out io.Writer) error {
	o, err := d.order(ctx, merchant, rest)
	if err != nil {
		return err
	}
	m, err := d.merchants.Merchant(ctx, merchant)
	if err != nil {
		return err
	}
	if m.Item.Webhook.URL == "" {
		return errors.New("the config item has no webhook.url: there is nobody to tell")
	}
	for _, e := range o.Events {
		status, err := d.webhook.Deliver(ctx, m, o, e)
		if err != nil {
			fmt.Fprintf(out, "%s: %v\n", e.Type, err)
			continue
		}
		fmt.Fprintf(out, "%s: the shop answered %d\n", e.Type, status)
		if o, err = d.cashier.BookEvent(ctx, o, e.ID, status); err != nil {
			return err
		}
	}
	if len(o.Events) == 0 {
		fmt.Fprintln(out, "there is nothing to tell of this order yet")
	}
	return nil
}
