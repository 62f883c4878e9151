package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/store"
)

// orderShow prints one order as an operator wants it.
func (d desk) orderShow(ctx context.Context, merchant string, rest []string, out io.Writer) error {
	o, err := d.order(ctx, merchant, rest)
	if err != nil {
		return err
	}
	text, err := d.sight(ctx, o)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, text)
	return err
}

// sight gathers what is to be seen of an order and writes it down.
func (d desk) sight(ctx context.Context, o *payment.Order) (string, error) {
	notices, err := d.store.Notices(ctx, store.Key{Merchant: o.Merchant, OutTradeNo: o.OutTradeNo})
	if err != nil {
		return "", err
	}
	m, err := d.merchants.Merchant(ctx, o.Merchant)
	if err != nil {
		m = nil // the order can be seen all the same
	}
	return sight{order: o, notices: notices, merchant: m, now: time.Now()}.String(), nil
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
	rows := [][]string{{"made", "order", "state", "amount", "provider", "flags"}}
	for cursor := ""; ; {
		keys, next, err := d.store.Day(ctx, merchant, day, cursor, 100)
		if err != nil {
			return err
		}
		for _, k := range keys {
			o, err := d.store.Get(ctx, k.Merchant, k.OutTradeNo)
			if err != nil {
				return err
			}
			rows = append(rows, listed(o))
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	if len(rows) == 1 {
		fmt.Fprintf(out, "merchant %s has no orders of %s (a day in UTC)\n", merchant, day)
		return nil
	}
	var b bytes.Buffer
	table(&b, "", rows)
	_, err := out.Write(b.Bytes())
	return err
}

// listed is an order's line in a list.
func listed(o *payment.Order) []string {
	return []string{short(o.TimeCreate), o.OutTradeNo, string(o.TradeState), o.Total.String(), cmp.Or(o.View().Provider, "-"), flagWords(o)}
}

// orderSync asks the processors about an order and its refunds under way now, as
// queryorder and queryrefund would, and shows what they said.
func (d desk) orderSync(ctx context.Context, merchant string, rest []string, out io.Writer) error {
	o, err := d.order(ctx, merchant, rest)
	if err != nil {
		return err
	}
	m, err := d.merchants.Merchant(ctx, merchant)
	if err != nil {
		return err
	}
	if _, err = d.cashier.Sync(ctx, m, o.OutTradeNo); err != nil {
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
