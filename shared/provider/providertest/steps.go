package providertest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/sandbox"
)

const (
	orderNo   = "ORDER20260301001"
	refundNo  = "REFUND20260301001"
	openID    = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
	notifyURL = "https://notify.example.com/notify/sp/default/" + orderNo
)

// price is the usual total, in the usual currency.
func (r *rig) price(amount int64) payment.Money {
	return payment.Money{Amount: amount, Currency: r.h.Currencies[0]}
}

// order is a create as the cashier makes it.
func (r *rig) order(no string, m payment.Method, total payment.Money) provider.Create {
	in := provider.Create{
		No: no, Method: m, Total: total, Body: "Green tea & 饼干 <2>", Attach: "table 7", ClientIP: "203.0.113.7",
		NotifyURL: notifyURL, TimeCreate: r.now, TimeExpire: r.now.Add(min(time.Hour, r.longest())),
	}
	if m == payment.WeChat {
		in.AppID, in.OpenID = r.h.AppID, openID
	} else {
		in.RedirectURL = "https://shop.example.com/done?order=1"
	}
	return in
}

func (r *rig) longest() time.Duration {
	if r.d.MaxOpen > 0 {
		return r.d.MaxOpen
	}
	return 7 * 24 * time.Hour
}

// usual is the plain order that most topics begin with.
func (r *rig) usual() provider.Create { return r.order(orderNo, r.d.Methods[0], r.price(1299)) }

// made creates an order, lets the shopper open its page if it has one, and returns
// it as a trade to ask about.
func (r *rig) made(in provider.Create) provider.Trade {
	r.Helper()
	c, err := r.p.Create(r.Context(), in)
	if err != nil {
		r.fail("create", err)
	}
	r.open(c)
	return provider.Trade{
		No: in.No, SpTradeNo: c.SpTradeNo, TransactionID: c.TransactionID,
		Method: in.Method, Total: in.Total, TimeBegin: in.TimeCreate,
	}
}

// open is the shopper's browser at the payment page. Some processors book a trade
// only then.
func (r *rig) open(c provider.Created) {
	r.Helper()
	if c.URL == "" {
		return
	}
	res, err := (&http.Client{Transport: r.box.Transport()}).Get(c.URL)
	if err != nil {
		r.Fatalf("the payment page cannot be opened: %v", err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		r.Fatalf("the payment page answers HTTP %d", res.StatusCode)
	}
}

// paid creates and pays an order, and returns the trade with the numbers that an
// answer to a query tells.
func (r *rig) paid(in provider.Create) provider.Trade {
	r.Helper()
	t := r.made(in)
	r.pay(in.No)
	said := r.asked(t)
	if t.SpTradeNo == "" {
		t.SpTradeNo = said.SpTradeNo
	}
	if t.TransactionID == "" {
		t.TransactionID = said.TransactionID
	}
	return t
}

func (r *rig) pay(no string) {
	r.Helper()
	if _, _, err := r.box.Pay(r.Context(), no, sandbox.PayOptions{}); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) asked(t provider.Trade) payment.Report {
	r.Helper()
	said, err := r.p.Query(r.Context(), t)
	if err != nil {
		r.fail("query", err)
	}
	return said
}

// booked returns the only trade in the twin's ledger.
func (r *rig) booked() sandbox.Trade {
	r.Helper()
	all := r.box.Trades()
	if len(all) != 1 {
		r.Fatalf("the ledger has %d trades, want 1", len(all))
	}
	return all[0]
}

// fail ends a test on an error that should not be, which must not leak even then.
func (r *rig) fail(what string, err error) {
	r.Helper()
	r.noSecret(what, err.Error())
	r.Fatalf("%s: %v", what, err)
}

// kind checks that a call ended in an error of one of the kinds, that a person can
// tell whose it is, and that it gives nothing away.
func (r *rig) kind(what string, err error, want ...provider.Kind) {
	r.Helper()
	if err == nil {
		r.Errorf("%s: succeeded, want %v", what, want)
		return
	}
	r.noSecret(what, fmt.Sprintf("%v %+v %v", err, err, errors.Unwrap(err)))
	if !strings.HasPrefix(err.Error(), r.d.Name+": ") {
		r.Errorf("%s: the error does not begin with %q: %v", what, r.d.Name+": ", err)
	}
	got := provider.KindOf(err)
	for _, k := range want {
		if got == k {
			return
		}
	}
	r.Errorf("%s: %v, want %v", what, err, want)
}

// quiet checks that a call was refused without asking the processor.
func (r *rig) quiet(what string, call func(context.Context) error, want provider.Kind) {
	r.Helper()
	before := r.wire.sent()
	r.kind(what, call(r.Context()), want)
	if n := r.wire.sent() - before; n > 0 {
		r.Errorf("%s: %d requests went out", what, n)
	}
}

// same fails if a stated text is not the expected one. Processors state little.
func (r *rig) same(what, got string, want ...string) {
	r.Helper()
	if got == "" {
		return
	}
	for _, w := range want {
		if got == w {
			return
		}
	}
	r.Errorf("%s is %q, want %q", what, got, want)
}

// near fails if a stated time is not about now: slips of time zones are hours.
func (r *rig) near(what string, got time.Time) {
	r.Helper()
	if d := got.Sub(r.now).Abs(); !got.IsZero() && d > time.Minute {
		r.Errorf("%s is %v, want %v", what, got, r.now)
	}
}
