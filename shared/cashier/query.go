package cashier

import (
	"context"
	"errors"
	"slices"
	"time"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/store"
)

// Which names an order by one of its numbers; the last two are for servers.
type Which struct {
	OutTradeNo    string `json:"out_trade_no"`
	SpTradeNo     string `json:"sp_trade_no"`
	TransactionID string `json:"transaction_id"`
}

// QueryOrder tells where an order stands. Of an open one it asks the processor,
// at most once in two seconds; a finished one is only read. A processor that does
// not answer leaves the order as it was.
func (c *Cashier) QueryOrder(ctx context.Context, who Caller, in Which) (*payment.Order, error) {
	o, err := c.find(ctx, who, in)
	if err != nil || finished(o) {
		return o, err
	}
	if a := c.toAsk(who.Merchant, o); a != nil {
		if acc, err := c.account(ctx, who.Merchant, o, a); err == nil { // else counted, and the order stays open
			o, _ = c.ask(ctx, acc, o, a.No, CallTime, AskEvery) // logged; silence is not an answer
		}
	}
	return o, nil
}

// Sync asks about everything of an order that a processor may have news of, at once
// and whatever the order's state: a watched attempt may have been paid, a paid one
// given back. It is the operator's; what does not answer is logged and left as it was.
func (c *Cashier) Sync(ctx context.Context, m *config.Merchant, outTradeNo string) (*payment.Order, error) {
	o, err := c.load(ctx, m.Name, outTradeNo)
	if err != nil {
		return nil, err
	}
	for _, a := range slices.Clone(o.Attempts) {
		if !asks(a, c.now()) && a.State != payment.Captured {
			continue
		}
		if acc, err := c.account(ctx, m, o, &a); err == nil {
			o, _ = c.ask(ctx, acc, o, a.No, CallTime, 0)
		}
	}
	for _, f := range slices.Clone(o.Refunds) {
		if f.Status != payment.RefundProcessing {
			continue
		}
		if acc, err := c.account(ctx, m, o, o.Attempt(f.AttemptNo)); err == nil {
			if out, _ := c.tendRefund(ctx, acc, o, f.OutRefundNo, 0); out.Order != nil {
				o = out.Order
			}
		}
	}
	return o, nil
}

// toAsk is the attempt to ask about next, of those that a processor can say something
// about: the live one and the others in turn, of these the one that was asked about
// longest ago.
func (c *Cashier) toAsk(m *config.Merchant, o *payment.Order) *payment.Attempt {
	var live, next *payment.Attempt
	for i := range o.Attempts {
		a := &o.Attempts[i]
		d, _, known := m.Account(a.Provider, a.Account)
		switch {
		case !asks(*a, c.now()) || known && a.SpTradeNo == "" && !d.QueryByNumber:
		case a.State.Live():
			live = a
		case next == nil || a.AskedAt.Before(next.AskedAt):
			next = a
		}
	}
	if next == nil || live != nil && !live.AskedAt.After(next.AskedAt) {
		return live
	}
	return next
}

// asked is when a processor was last asked about any attempt or refund of an order.
func asked(o *payment.Order) time.Time {
	var last time.Time
	for _, a := range o.Attempts {
		if a.AskedAt.After(last) {
			last = a.AskedAt
		}
	}
	for _, f := range o.Refunds {
		if f.AskedAt.After(last) {
			last = f.AskedAt
		}
	}
	return last
}

// finished reports that a query has nothing to ask.
func finished(o *payment.Order) bool {
	pending := slices.ContainsFunc(o.Refunds, func(r payment.Refund) bool { return r.Status == payment.RefundProcessing })
	return o.TradeState != payment.TradeNotPay && !pending
}

// asks reports that there is something to ask the processor about an attempt.
func asks(a payment.Attempt, now time.Time) bool {
	switch a.State {
	case payment.Open, payment.Lost, payment.Watched:
		return true
	case payment.Creating:
		return !now.Before(a.LeaseUntil)
	}
	return false
}

// find loads an order by the number given and checks that it is the caller's.
func (c *Cashier) find(ctx context.Context, who Caller, in Which) (*payment.Order, error) {
	no, err := in.OutTradeNo, error(nil)
	if no == "" && who.Server() {
		no, err = c.lookup(ctx, who.Merchant.Name, in.SpTradeNo, in.TransactionID)
	}
	if err == nil {
		err = checkNumber(no)
	}
	if err != nil {
		return nil, err
	}
	o, err := c.load(ctx, who.Merchant.Name, no)
	if err == nil && !who.Server() && o.OpenID != who.OpenID {
		return nil, notFound(no)
	}
	return o, err
}

// lookup finds an order's number by the processor's or WeChat's.
func (c *Cashier) lookup(ctx context.Context, merchant, spTradeNo, transactionID string) (string, error) {
	if spTradeNo == "" && transactionID == "" {
		return "", invalid("out_trade_no: required")
	}
	for _, by := range []struct {
		index  store.Index
		number string
	}{{store.BySpTradeNo, spTradeNo}, {store.ByTransactionID, transactionID}} {
		if by.number == "" || len(by.number) > payment.MaxForeign {
			continue
		}
		found, err := c.store.Find(ctx, by.index, merchant, by.number)
		if err != nil {
			return "", storeDown(err)
		}
		if len(found) > 0 {
			return found[0], nil
		}
	}
	return "", payment.Errorf(payment.NotFound, "no order has this sp_trade_no or transaction_id")
}

// trade names an attempt's trade in a question.
func trade(o *payment.Order, a *payment.Attempt) provider.Trade {
	return provider.Trade{No: a.No, SpTradeNo: a.SpTradeNo, TransactionID: a.TransactionID,
		Method: a.Method, Total: o.Total, TimeBegin: a.TimeBegin, Paid: a.State == payment.Captured}
}

// whenDue, in place of a wait, puts a question if the attempt's own is due. Sweeps
// do: with a wait between questions about an order, one attempt of several would
// be asked about in every sweep and the others never.
const whenDue time.Duration = -1

// errAsked says that a question was not put, because somebody else just did.
var errAsked = errors.New("asked about just now")

// ask puts one question about an attempt, unless one about its order was put less
// than every ago (errAsked; 0 puts it in any case), and books the answer. The question
// is booked before it is put, so that many callers put it once. Other errors are the
// processor's; the order is as it then is.
func (c *Cashier) ask(ctx context.Context, acc account, o *payment.Order, no string, limit, every time.Duration) (*payment.Order, error) {
	now, put := c.now(), false
	o, err := c.update(ctx, o, func(n *payment.Order) (bool, error) {
		a := n.Attempt(no)
		switch every {
		case 0:
			put = true
		case whenDue:
			put = !a.DueAt.IsZero() && !a.DueAt.After(now)
		default:
			put = !now.Before(asked(n).Add(every))
		}
		if put {
			a.Ask(now, acc.poll(), acc.PrepayLife)
		}
		return put, nil
	})
	switch {
	case err != nil:
		return o, err
	case !put:
		return o, errAsked
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	report, err := acc.Query(ctx, trade(o, o.Attempt(no)))
	c.line(ctx, "query", o, o.Attempt(no), err, "word", report.Word, "ms", c.now().Sub(now).Milliseconds())
	call := c.called("query", no, err, report.Word)
	if err != nil {
		return c.note(ctx, o, call), err
	}
	return c.report(ctx, acc, o, no, report, call)
}

// report books what a processor said about an attempt, and counts what cannot be
// understood. What cannot be believed changes nothing. by is the call that
// it answers; a notice answers none.
func (c *Cashier) report(ctx context.Context, acc account, o *payment.Order, no string, r payment.Report, by ...payment.Call) (*payment.Order, error) {
	o, err := c.hear(ctx, o, no, r.Word, func(n *payment.Order) (bool, error) {
		known := n.Attempt(no).State == payment.Captured
		changed, err := n.Apply(no, r, c.now())
		if a := n.Attempt(no); a.State == payment.Captured && !known && acc.RefundNotices != provider.Signed {
			a.AfterSale(c.now())
		}
		for _, call := range by {
			changed = n.Called(call) || changed
		}
		return changed, err
	})
	a := o.Attempt(no)
	switch {
	case errors.Is(err, payment.ErrForeign), errors.Is(err, payment.ErrNoAmount):
		c.count(ctx, "foreign_answer", o, a, err.Error())
	case r.State == payment.Unmapped:
		c.count(ctx, "unmapped_status", o, a, r.Word)
	}
	return o, err
}

// hear is update for what a processor said of an attempt, in its own word: the flags
// that it raises are counted.
func (c *Cashier) hear(ctx context.Context, o *payment.Order, no, word string, change func(*payment.Order) (bool, error)) (*payment.Order, error) {
	var before []payment.Flag
	o, err := c.update(ctx, o, func(n *payment.Order) (bool, error) {
		before = slices.Clone(n.Flags)
		return change(n)
	})
	for _, f := range o.Flags {
		if err == nil && !slices.Contains(before, f) {
			c.count(ctx, string(f), o, o.Attempt(no), word)
		}
	}
	return o, err
}
