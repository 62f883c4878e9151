package yaband

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// Create makes a trade. It must not be repeated under the same number: YabandPay
// is not known to take that for the same trade.
func (c *client) Create(ctx context.Context, in provider.Create) (provider.Created, error) {
	const op = "yaband: create"
	method, data, err := c.creation(op, in)
	if err != nil {
		return provider.Created{}, err
	}
	got, err := c.call(ctx, op, method, data)
	if err != nil {
		return provider.Created{}, err
	}
	return created(op, in, got)
}

// creation is the method and the data that make a trade.
func (c *client) creation(op string, in provider.Create) (string, map[string]string, error) {
	word := c.methods[in.Method]
	switch {
	case word == "":
		return "", nil, provider.Errorf(provider.NotSupported, op, "no pay method %q", in.Method)
	case !slices.Contains(currencies, in.Total.Currency):
		return "", nil, provider.Errorf(provider.NotSupported, op, "no currency %q", in.Total.Currency)
	}
	data := map[string]string{
		"pay_method": "online", "sub_pay_method": word,
		"order_id": in.No, "amount": in.Total.Decimal(), "currency": in.Total.Currency,
		"description": in.Body, "demo": in.Attach, "notify_url": in.NotifyURL,
		"timeout": c.timeout(in.TimeExpire),
	}
	if in.Method != payment.WeChat {
		data["redirect_url"] = in.RedirectURL
		return "v3.CreatePayments", data, nil
	}
	data["sub_app_id"], data["sub_open_id"] = cmp.Or(in.AppID, c.appID), in.OpenID
	switch "" {
	case data["sub_app_id"]:
		return "", nil, provider.Errorf(provider.Denied, op, "wechat needs a mini-program: set appid, or providers.yaband.appid")
	case in.OpenID:
		return "", nil, provider.Errorf(provider.Declined, op, "wechat needs the payer's openid")
	}
	return "v3.CreatePaymentsWechatMiniPay", data, nil
}

// timeout is the time left to pay, in whole minutes from 1 to 1440; "0" is YabandPay's own, a day.
func (c *client) timeout(expire time.Time) string {
	if expire.IsZero() {
		return "0"
	}
	left := int64(expire.Sub(c.now()) / time.Minute)
	return strconv.FormatInt(min(max(left, 1), 1440), 10)
}

// created reads the answer to a create. One that speaks of another order or lacks
// what the shopper needs leaves open what was created.
func created(op string, in provider.Create, got map[string]string) (provider.Created, error) {
	none := provider.Created{}
	total, err := money(cmp.Or(got["amount"], in.Total.Decimal()), cmp.Or(got["currency"], in.Total.Currency))
	switch {
	case err != nil || total != in.Total || !agrees(got["order_id"], in.No):
		return none, provider.Errorf(provider.Unknown, op, "the answer speaks of another order, amount or currency")
	case got["trade_id"] == "":
		return none, provider.Errorf(provider.Unknown, op, "the answer has no trade_id")
	case in.Method == payment.WeChat:
		p := wire.PayParamsIn(got["parameters"])
		if p == nil {
			return none, provider.Errorf(provider.Unknown, op, "the answer lacks parameters for wx.requestPayment")
		}
		return provider.Created{SpTradeNo: got["trade_id"], Payment: p}, nil
	}
	if !wire.IsURL(got["url"]) {
		return none, provider.Errorf(provider.Unknown, op, "the answer has no page to pay at")
	}
	return provider.Created{SpTradeNo: got["trade_id"], URL: got["url"]}, nil
}

// Query asks by trade_id; without one it is [provider.NotSupported].
func (c *client) Query(ctx context.Context, t provider.Trade) (payment.Report, error) {
	const op = "yaband: query"
	if t.SpTradeNo == "" {
		return payment.Report{}, provider.Errorf(provider.NotSupported, op, "YabandPay's trade_id of this trade is not known; its notice will tell, or YabandPay's desk")
	}
	got, err := c.call(ctx, op, "v3.QueryOrder", map[string]string{"trade_id": t.SpTradeNo})
	if err != nil {
		return payment.Report{}, unanswered(err)
	}
	info, err := wire.Flat([]byte(got["transaction_info"]))
	if err != nil || info["trade_id"] != t.SpTradeNo {
		return payment.Report{}, provider.Errorf(provider.Unknown, op, "the answer does not speak of this trade")
	}
	r, err := c.report(info)
	if err != nil {
		return payment.Report{}, provider.Errorf(provider.Unknown, op, "%w", err)
	}
	if t.Paid && r.State == payment.Over { // a cancel gives back all of what was paid
		r.State, r.Total, r.Refunded = payment.Refunded, t.Total, t.Total
	}
	return r, nil
}
