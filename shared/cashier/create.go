package cashier

import (
	"context"
	"crypto/subtle"
	"errors"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/store"
)

// CreateOrder stores an order before anybody pays; only the shop's server may.
// Calling it again with the same number, amount and openid returns the same order;
// an openid that is named only later makes it that user's.
func (c *Cashier) CreateOrder(ctx context.Context, who Caller, in CreateOrder) (*payment.Order, error) {
	o, refusal := c.newOrder(who.Merchant, in, c.defaultCurrency(who, UnifiedOrder{}))
	if refusal == nil {
		refusal = payable(who.Merchant, o)
	}
	if refusal == nil {
		err := c.store.Save(ctx, o)
		if err == nil {
			return o, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return nil, storeDown(err)
		}
	}
	r := &request{who: who, in: UnifiedOrder{CreateOrder: in}}
	have, err := c.stored(ctx, r, refusal)
	if err != nil || !r.claimed {
		return have, err
	}
	return c.update(ctx, have, func(n *payment.Order) (bool, error) { return true, c.own(r, n) })
}

// payable refuses an order that none of the merchant's processors can take: it says
// why the one that new orders go to cannot.
func payable(m *config.Merchant, o *payment.Order) (refusal error) {
	for _, name := range m.Providers() {
		d, accounts := m.Accounts(name)
		err := account{d, accounts[0], m}.checkRoute(o.OutTradeNo, o.Total)
		if err == nil {
			return nil
		}
		if refusal == nil {
			refusal = err
		}
	}
	return refusal
}

// stored is the order that a server's create speaks of, if there is one: what would
// refuse a new order (a time_expire that has come near, a processor that pay_sp no
// longer means) does not matter to one that exists.
func (c *Cashier) stored(ctx context.Context, r *request, refusal error) (*payment.Order, error) {
	if refusal != nil {
		if err := r.in.form(); err != nil {
			return nil, err
		}
	}
	have, err := c.load(ctx, r.who.Merchant.Name, r.in.OutTradeNo)
	if refusal != nil && payment.AsError(err).Code == payment.NotFound {
		return nil, refusal
	}
	if err != nil {
		return nil, err
	}
	return have, c.own(r, have)
}

func otherAmount(o *payment.Order) error {
	return payment.Errorf(payment.Conflict, "order %s exists with another amount or currency", o.OutTradeNo)
}

// defaultCurrency is what an order is in when its caller names none.
func (c *Cashier) defaultCurrency(who Caller, in UnifiedOrder) string {
	if in.PayMethod == "" {
		in.PayMethod = payment.WeChat
	}
	if d, _, err := who.Merchant.Route(in.PayMethod, in.Provider); err == nil {
		return who.Merchant.Currency(d.Name)
	}
	return who.Merchant.Item.Currency
}

// admit finds the order that a unifiedorder is about, or makes it where the
// caller may, and checks that it is the caller's and of the amount named. A made
// order has version 0: it is stored together with its first attempt.
func (c *Cashier) admit(ctx context.Context, r *request) (*payment.Order, error) {
	who, in := r.who, r.in
	mayCreate := in.TotalFee != nil && (who.Server() || who.Merchant.Item.AllowClientAmount)
	if mayCreate && who.Server() {
		// A server's order is most likely new: storing it will tell if it is not.
		o, refusal := c.newOrder(who.Merchant, in.CreateOrder, c.defaultCurrency(who, in))
		if refusal == nil {
			_, refusal = c.route(r, o)
		}
		if refusal == nil {
			return o, nil
		}
		return c.stored(ctx, r, refusal)
	}
	o, err := c.load(ctx, who.Merchant.Name, in.OutTradeNo)
	var missing *payment.Error
	if mayCreate && errors.As(err, &missing) && missing.Code == payment.NotFound {
		in.OpenID = who.OpenID
		return c.newOrder(who.Merchant, in.CreateOrder, c.defaultCurrency(who, in))
	}
	if err != nil {
		return nil, err
	}
	return o, c.own(r, o)
}

// own checks a stored order against its caller, and lets a first caller with the
// right claim have it. Whatever is wrong with the caller looks like no order.
func (c *Cashier) own(r *request, o *payment.Order) error {
	who, in := r.who, r.in
	r.claimed = false
	if !who.Server() && o.OpenID == "" {
		if o.Claim == "" || subtle.ConstantTimeCompare([]byte(o.Claim), []byte(in.Claim)) != 1 {
			return notFound(o.OutTradeNo)
		}
		o.OpenID, o.Claim, r.claimed = who.OpenID, "", true
	}
	if !who.Server() && o.OpenID != who.OpenID {
		return notFound(o.OutTradeNo)
	}
	if who.Server() && in.OpenID != "" {
		if o.OpenID != "" && o.OpenID != in.OpenID {
			return payment.Errorf(payment.Conflict, "order %s exists for another openid", o.OutTradeNo)
		}
		r.claimed = o.OpenID == ""
		o.OpenID, o.Claim = in.OpenID, ""
	}
	if in.TotalFee != nil && *in.TotalFee != o.Total.Amount || in.FeeType != "" && in.FeeType != o.Total.Currency {
		return otherAmount(o)
	}
	return nil
}
