package cashier

import (
	"context"
	"crypto/subtle"
	"errors"

	"overseaspay/shared/payment"
	"overseaspay/shared/store"
)

// CreateOrder stores an order before anybody pays; only the shop's server may.
// Calling it again with the same number, amount and openid returns the same order.
func (c *Cashier) CreateOrder(ctx context.Context, who Caller, in CreateOrder) (*payment.Order, error) {
	o, err := c.newOrder(who.Merchant, in, c.defaultCurrency(who, UnifiedOrder{}))
	if err != nil {
		return nil, err
	}
	err = c.store.Save(ctx, o)
	if err == nil {
		return o, nil
	}
	if !errors.Is(err, store.ErrConflict) {
		return nil, storeDown(err)
	}
	have, err := c.load(ctx, o.Merchant, o.OutTradeNo)
	switch {
	case err != nil:
		return nil, err
	case have.Total != o.Total:
		return nil, otherAmount(have)
	case in.OpenID != "" && have.OpenID != "" && in.OpenID != have.OpenID:
		return nil, payment.Errorf(payment.Conflict, "order %s exists for another openid", o.OutTradeNo)
	}
	return have, nil
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
		return c.newOrder(who.Merchant, in.CreateOrder, c.defaultCurrency(who, in))
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
