package cashier

import (
	"cmp"
	"context"
	"errors"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/store"
)

// Paying is an order with what its shopper pays with: Payment inside the
// mini-program, or URL.
type Paying struct {
	Order   *payment.Order
	Payment *payment.PayParams
	URL     string
}

// renewBefore is how much of a prepay's life must be left for it to be handed out.
const renewBefore = 5 * time.Minute

// UnifiedOrder returns something to pay an order with, making the order at the
// processor the first time. Calling it again, even many times at once, leads to
// the same trade there. On OutcomeUnknown the Paying still carries the order.
func (c *Cashier) UnifiedOrder(ctx context.Context, who Caller, in UnifiedOrder) (Paying, error) {
	if in.PayMethod == "" {
		in.PayMethod = payment.WeChat
	}
	if !who.Server() {
		if in.OpenID != "" && in.OpenID != who.OpenID {
			return Paying{}, payment.Errorf(payment.Forbidden, "openid: not the session's own")
		}
		in.OpenID, in.Provider = "", ""
	}
	for _, err := range []error{checkNumber(in.OutTradeNo), checkMethod(in.PayMethod), checkRedirect(in.RedirectURL), checkText("openid", in.OpenID, 0)} {
		if err != nil {
			return Paying{}, err
		}
	}
	if in.TotalFee != nil {
		if err := checkAmount("total_fee", *in.TotalFee); err != nil {
			return Paying{}, err
		}
	}
	if in.FeeType != "" {
		if err := checkCurrency("fee_type", in.FeeType); err != nil {
			return Paying{}, err
		}
	}
	r := &request{who: who, in: in}
	o, err := c.admit(ctx, r)
	if err != nil {
		return Paying{}, err
	}
	return c.pay(ctx, r, o)
}

// request is one unifiedorder under way.
type request struct {
	who     Caller
	in      UnifiedOrder
	claimed bool // the loaded order has just become the caller's, which is not saved yet
}

// errAgain says that somebody else changed the order, or is busy with it.
var errAgain = errors.New("again")

// pay takes steps until one of them answers. Between steps the order is loaded
// again, after a wait while another caller holds the create.
func (c *Cashier) pay(ctx context.Context, r *request, o *payment.Order) (Paying, error) {
	pause := 20 * time.Millisecond
	for waited := time.Duration(0); waited < CallTime; {
		p, err := c.step(ctx, r, o)
		if !errors.Is(err, errAgain) {
			if err != nil && r.claimed {
				c.claim(ctx, r, o)
			}
			return p, err
		}
		if c.wait(ctx, pause) != nil {
			break
		}
		waited, pause = waited+pause, min(2*pause, time.Second)
		if o, err = c.load(ctx, o.Merchant, o.OutTradeNo); err != nil {
			return Paying{}, err
		}
		if err = c.own(r, o); err != nil {
			return Paying{}, err
		}
	}
	return Paying{}, payment.Errorf(payment.Conflict, "order %s is being created by another call; repeat", o.OutTradeNo).Retry()
}

// step looks at where the order stands and does the one thing that follows.
func (c *Cashier) step(ctx context.Context, r *request, o *payment.Order) (Paying, error) {
	now := c.now()
	switch {
	case o.TradeState != payment.TradeNotPay:
		return Paying{}, notPayable(o)
	case !now.Before(o.TimeExpire):
		return Paying{}, payment.Errorf(payment.Conflict, "order %s has expired", o.OutTradeNo)
	}
	a := o.Live()
	if a == nil || a.State == payment.Unsent && !r.leadsTo(a) {
		return c.begin(ctx, r, o)
	}
	if a.State == payment.Creating && now.Before(a.LeaseUntil) {
		return Paying{}, errAgain
	}
	acc, err := c.account(ctx, r.who.Merchant, o, a)
	if err != nil {
		return Paying{}, err
	}
	same := a.Method == r.in.PayMethod && (r.in.Provider == "" || r.in.Provider == a.Provider)
	young := now.Before(a.TimeReply.Add(acc.PrepayLife - renewBefore))
	switch {
	case a.State == payment.Creating || a.State == payment.Lost:
		return c.repair(ctx, r, o, acc, *a, same)
	case same && a.State == payment.Open && young:
		return c.reuse(ctx, r, o, acc, a)
	case a.State == payment.Unsent, same && acc.RepeatCreate:
		return c.again(ctx, o, acc, a)
	}
	return c.replace(ctx, r, o, acc, *a)
}

// leadsTo reports that the request would go where the attempt goes. One that the
// processor never heard of binds nobody to it.
func (r *request) leadsTo(a *payment.Attempt) bool {
	d, p, err := r.who.Merchant.Route(r.in.PayMethod, r.in.Provider)
	return err == nil && a.Method == r.in.PayMethod && d.Name == a.Provider && p.Account() == a.Account
}

func notPayable(o *payment.Order) error {
	return payment.Errorf(payment.Conflict, "order %s is %s and cannot be paid", o.OutTradeNo, o.TradeState)
}

// reuse hands out what the attempt already has.
func (c *Cashier) reuse(ctx context.Context, r *request, o *payment.Order, acc account, a *payment.Attempt) (Paying, error) {
	if err := c.keepClaim(ctx, r, o); err != nil {
		return Paying{}, err
	}
	out := Paying{Order: o, Payment: a.Payment, URL: a.URL}
	if s, ok := acc.Provider.(provider.Signer); ok && a.Payment != nil {
		fresh, err := s.Sign(*a.Payment)
		if err != nil {
			return Paying{}, acc.failed(err)
		}
		out.Payment = &fresh
	}
	return out, nil
}

// moved reports that somebody else has taken an order on since its live attempt stood
// as in was: what is to be done must be decided anew, or one number gets two creates,
// and one order two attempts. An attempt that has only ended is not in the way.
func moved(o *payment.Order, was payment.Attempt) bool {
	live := o.Live()
	return live != nil && (live.No != was.No || live.State != was.State || live.Lease != was.Lease)
}

// replace ends a live attempt where that is safe, else leaves it watched, and
// begins another. A processor that does not close it now holds up nobody who wants to
// pay another way; one that says it is paid does.
func (c *Cashier) replace(ctx context.Context, r *request, o *payment.Order, acc account, a payment.Attempt) (Paying, error) {
	if _, err := c.route(r, o); err != nil {
		return Paying{}, err // before anything is closed
	}
	if err := c.keepClaim(ctx, r, o); err != nil {
		return Paying{}, err
	}
	o, err := c.closeAttempt(ctx, acc, o, a.No)
	switch {
	case errors.Is(err, errPaid):
		return Paying{Order: o}, err
	case o.TradeState != payment.TradeNotPay:
		return Paying{}, notPayable(o)
	case moved(o, a):
		return Paying{}, errAgain
	}
	return c.begin(ctx, r, o)
}

// route is the account that a further attempt would be made with, or what refuses one.
func (c *Cashier) route(r *request, o *payment.Order) (account, error) {
	d, p, err := r.who.Merchant.Route(r.in.PayMethod, r.in.Provider)
	switch {
	case err != nil:
		return account{}, err
	case len(o.Attempts) >= payment.MaxAttempts:
		return account{}, payment.Errorf(payment.Conflict, "order %s had %d attempts already; make a new order", o.OutTradeNo, payment.MaxAttempts)
	case r.in.PayMethod == payment.WeChat && o.OpenID == "":
		return account{}, invalid("openid: needed to pay by wechat inside the mini-program")
	}
	acc := account{d, p, r.who.Merchant}
	return acc, acc.checkRoute(acc.number(o), o.Total)
}

// number is the merchant's number of the order's next attempt at the account.
func (acc account) number(o *payment.Order) string {
	return payment.Number(o.Merchant, o.OutTradeNo, len(o.Attempts), cmp.Or(acc.MaxNo, payment.MaxNumber))
}

// begin stores a new attempt and makes its trade at the processor.
func (c *Cashier) begin(ctx context.Context, r *request, o *payment.Order) (Paying, error) {
	acc, err := c.route(r, o)
	if err != nil {
		return Paying{}, err
	}
	now := c.now()
	if acc.MaxOpen > 0 && o.TimeExpire.Sub(now) > acc.MaxOpen {
		o.TimeExpire = now.Add(acc.MaxOpen).Truncate(time.Second)
	}
	a, err := o.Begin(payment.Attempt{
		No: acc.number(o), Provider: acc.Name, Account: acc.Account(), Method: r.in.PayMethod,
		AppID: cmp.Or(r.who.AppID, acc.merchant.Item.AppID), ClientIP: r.who.ClientIP,
		NotifyURL: c.notifyAt(acc.merchant, acc.Name, o.OutTradeNo), RedirectURL: r.in.RedirectURL,
	}, c.nonce(), now.Add(Lease), now)
	if err != nil {
		return Paying{}, err
	}
	if err := c.take(ctx, o); err != nil {
		return Paying{}, err
	}
	return c.create(ctx, acc, o, a, false)
}

// again leases a live attempt and makes the identical create once more.
func (c *Cashier) again(ctx context.Context, o *payment.Order, acc account, a *payment.Attempt) (Paying, error) {
	sent := a.State != payment.Unsent
	a.State, a.Lease, a.LeaseUntil = payment.Creating, c.nonce(), c.now().Add(Lease)
	a.DueAt = a.LeaseUntil
	if err := c.take(ctx, o); err != nil {
		return Paying{}, err
	}
	return c.create(ctx, acc, o, a, sent)
}

// keepClaim stores that the order has become the caller's, before anything that may
// load it anew.
func (c *Cashier) keepClaim(ctx context.Context, r *request, o *payment.Order) error {
	if !r.claimed {
		return nil
	}
	r.claimed = false
	return c.take(ctx, o)
}

// claim makes an order its user's although it cannot be paid now: it may be paid
// already, on a payment page. A store that does not take it leaves the claim good.
func (c *Cashier) claim(ctx context.Context, r *request, o *payment.Order) {
	if fresh, err := c.load(ctx, o.Merchant, o.OutTradeNo); err == nil {
		_, _ = c.update(ctx, fresh, func(n *payment.Order) (bool, error) {
			err := c.own(r, n)
			return r.claimed, err
		})
	}
}

// take saves a lease. Somebody else's being faster is no error, but a reason to
// look again.
func (c *Cashier) take(ctx context.Context, o *payment.Order) error {
	err := c.store.Save(ctx, o)
	switch {
	case errors.Is(err, store.ErrConflict):
		return errAgain
	case err != nil:
		return storeDown(err)
	}
	return nil
}
