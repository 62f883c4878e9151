package wechatpay

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// Create makes a JSAPI order, as mini-programs do. The identical create again is
// the same order, also after a timeout; with anything changed WeChat refuses it.
func (p *v3) Create(ctx context.Context, c provider.Create) (provider.Created, error) {
	op := p.name + ": create"
	if err := cmp.Or(p.refuses(op, c), p.foreign(op, c.Total)); err != nil {
		return provider.Created{}, err
	}
	appID := cmp.Or(c.AppID, p.appIDs[0])
	var made v3Created
	if err := p.call(ctx, op, http.MethodPost, p.trades+"/jsapi", p.order(c, appID), &made); err != nil {
		return provider.Created{}, err
	}
	if made.PrepayID == "" {
		return provider.Created{}, provider.Errorf(provider.Unknown, op, "the answer holds no prepay_id")
	}
	pay, err := p.payParams(appID, prepay+made.PrepayID)
	if err != nil {
		return provider.Created{}, provider.Errorf(provider.Unknown, op, "signing failed: %w", err)
	}
	return provider.Created{Payment: &pay}, nil
}

// Takes refuses a currency that this merchant system does not have.
func (p *v3) Takes(currency string) error {
	return p.foreign(p.name+": create", payment.Money{Currency: currency})
}

// foreign refuses a currency that this merchant system does not have.
func (p *v3) foreign(op string, m payment.Money) error {
	if !p.system.overseas && m.Currency != "CNY" {
		return provider.Errorf(provider.NotSupported, op,
			"a mainland account (prefix /v3) takes CNY only, not %s; overseas accounts have prefix /v3/global or /hk/v3", m.Currency)
	}
	return nil
}

// order is the body of a create, for the mini-program that the openid belongs to.
func (p *v3) order(c provider.Create, appID string) v3Order {
	o := v3Order{
		v3IDs: p.ids(appID), Description: c.Body, OutTradeNo: c.No,
		Attach: c.Attach, NotifyURL: c.NotifyURL,
		Amount: v3Total{c.Total.Amount, c.Total.Currency},
	}
	if p.system.overseas {
		o.TradeType, o.MCC = "JSAPI", p.set.MCC
	}
	if !c.TimeExpire.IsZero() {
		o.TimeExpire = c.TimeExpire.In(wire.China).Format(time.RFC3339)
	}
	if c.ClientIP != "" {
		o.Scene = &v3Scene{c.ClientIP}
	}
	switch {
	case !p.sp:
		o.Payer.OpenID = c.OpenID
	case o.SubAppID != "":
		o.Payer.SubOpenID = c.OpenID
	default:
		o.Payer.SpOpenID = c.OpenID
	}
	return o
}

// ids names the account, and the appid whose openid is used. A provider's own
// appid goes without a sub_appid, any other is the shop's.
func (p *v3) ids(appID string) v3IDs {
	ids := p.mine()
	if !p.sp {
		ids.AppID = appID
		return ids
	}
	ids.SpAppID = p.set.AppID
	if appID != p.set.AppID || appID == p.set.SubAppID {
		ids.SubAppID = appID
	}
	return ids
}

// Query asks by WeChat's number once it is known, until then by the merchant's.
func (p *v3) Query(ctx context.Context, t provider.Trade) (payment.Report, error) {
	path := p.trades + "/out-trade-no/" + url.PathEscape(t.No)
	if t.TransactionID != "" {
		path = p.trades + "/id/" + url.PathEscape(t.TransactionID)
	}
	var trade v3Trade
	if err := p.call(ctx, p.name+": query", http.MethodGet, path+p.query(), nil, &trade); err != nil {
		return payment.Report{}, err
	}
	return p.report(trade), nil
}

// report translates a trade, from an answer or a notice.
func (p *v3) report(t v3Trade) payment.Report {
	number := cmp.Or(t.TransactionID, t.ID)
	state := p.tradeState(v3States, t.TradeState)
	r := payment.Report{
		State: state, Word: wire.Clip(t.TradeState), Account: t.account(), No: t.OutTradeNo,
		SpTradeNo: number, TransactionID: number, PaidAt: moment(t.SuccessTime),
	}
	if t.Amount != nil && (state == payment.Paid || state == payment.Refunded) {
		r.Total = p.money(t.Amount.Total, t.Amount.Currency)
	}
	return r
}

// money is an amount as stated. The mainland may leave out its one currency;
// overseas an amount without a currency says nothing.
func (p *v3) money(amount int64, currency string) payment.Money {
	if currency == "" && !p.system.overseas {
		currency = "CNY"
	}
	if currency == "" {
		return payment.Money{}
	}
	return payment.Money{Amount: amount, Currency: currency}
}

// Close ends an unpaid order. A paid one is AlreadyPaid and stays paid; one that is
// closed or was never made is closed.
func (p *v3) Close(ctx context.Context, t provider.Trade) error {
	path := p.trades + "/out-trade-no/" + url.PathEscape(t.No) + "/close"
	err := p.call(ctx, p.name+": close", http.MethodPost, path, p.mine(), nil)
	var e *provider.Error
	if errors.As(err, &e) && (e.Kind == provider.NotFound || e.Kind == provider.Declined && isCode(e, "ORDER_CLOSED", "ORDERCLOSED")) {
		return nil
	}
	return err
}
