package pay

import (
	"cmp"
	"context"

	"overseaspay/functions/internal/caller"
	"overseaspay/shared/cashier"
	"overseaspay/shared/payment"
	"overseaspay/shared/web"
)

type loginIn struct {
	Code     string `json:"code"`
	Merchant string `json:"merchant"`
}

type loginOut struct {
	Session   string `json:"session"`
	ExpiresIn int    `json:"expires_in"` // seconds
	OpenID    string `json:"openid,omitempty"`
}

// login makes a session for a user. Only a server is told the openid.
func (f function) login(ctx context.Context, who web.Caller, in loginIn) (loginOut, error) {
	if in.Code == "" || len(in.Code) > 256 {
		return loginOut{}, payment.Errorf(payment.InvalidArgument, "code: required, as wx.login gives it")
	}
	m, err := f.proof.Merchant(ctx, cmp.Or(who.Merchant, in.Merchant, "default"))
	if err != nil {
		return loginOut{}, err
	}
	openid, err := f.Login(ctx, m, in.Code)
	if err != nil {
		return loginOut{}, err
	}
	s := web.Session{Merchant: m.Name, AppID: m.Item.AppID, OpenID: openid}
	token, expires, err := web.IssueSession(s, caller.Reveal(m.SessionSecrets()), f.Now())
	out := loginOut{Session: token, ExpiresIn: expires}
	if who.Role == web.Server {
		out.OpenID = openid
	}
	return out, err
}

type orderOut struct {
	Order   payment.View        `json:"order"`
	Claim   string              `json:"claim,omitempty"`
	Payment *payment.PayParams  `json:"payment,omitempty"`
	URL     string              `json:"url,omitempty"`
	Refund  *payment.RefundView `json:"refund,omitempty"`
}

func (f function) createOrder(ctx context.Context, w web.Caller, in cashier.CreateOrder) (orderOut, error) {
	who, err := f.proof.Cashier(ctx, w)
	if err != nil {
		return orderOut{}, err
	}
	o, err := f.Cashier.CreateOrder(ctx, who, in)
	if err != nil {
		return orderOut{}, err
	}
	note(ctx, o)
	return orderOut{Order: o.View(), Claim: o.Claim}, nil
}

func (f function) unifiedOrder(ctx context.Context, w web.Caller, in cashier.UnifiedOrder) (any, error) {
	who, err := f.proof.Cashier(ctx, w)
	if err != nil {
		return nil, err
	}
	p, err := f.Cashier.UnifiedOrder(ctx, who, in)
	note(ctx, p.Order)
	if p.Order == nil {
		return nil, err
	}
	return orderOut{Order: p.Order.View(), Payment: p.Payment, URL: p.URL}, err
}

func (f function) queryOrder(ctx context.Context, w web.Caller, in cashier.Which) (orderOut, error) {
	return f.order(ctx, w, in, f.Cashier.QueryOrder)
}

func (f function) closeOrder(ctx context.Context, w web.Caller, in cashier.Which) (any, error) {
	return f.order(ctx, w, in, f.Cashier.CloseOrder)
}

// order runs a use-case that answers with the order alone.
func (f function) order(ctx context.Context, w web.Caller, in cashier.Which, do func(context.Context, cashier.Caller, cashier.Which) (*payment.Order, error)) (orderOut, error) {
	who, err := f.proof.Cashier(ctx, w)
	if err != nil {
		return orderOut{}, err
	}
	o, err := do(ctx, who, in)
	note(ctx, o)
	if o == nil {
		return orderOut{}, err
	}
	return orderOut{Order: o.View()}, err
}

func (f function) refund(ctx context.Context, w web.Caller, in cashier.RefundOrder) (any, error) {
	return f.refunding(ctx, w, in, f.Cashier.Refund)
}

func (f function) queryRefund(ctx context.Context, w web.Caller, in cashier.RefundOrder) (any, error) {
	return f.refunding(ctx, w, in, f.Cashier.QueryRefund)
}

func (f function) refunding(ctx context.Context, w web.Caller, in cashier.RefundOrder, do func(context.Context, cashier.Caller, cashier.RefundOrder) (cashier.Refunding, error)) (any, error) {
	who, err := f.proof.Cashier(ctx, w)
	if err != nil {
		return nil, err
	}
	r, err := do(ctx, who, in)
	note(ctx, r.Order)
	if r.Order == nil || r.Refund == nil {
		return nil, err
	}
	v := r.Refund.View()
	return orderOut{Order: r.Order.View(), Refund: &v}, err
}
