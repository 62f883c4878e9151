package cloudpay

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// Create makes an order, or finds the identical one again: params are the same to
// the byte, so the same prepay_id comes, signed afresh.
func (c *client) Create(ctx context.Context, in provider.Create) (provider.Created, error) {
	const op = "cloudpay: create"
	switch {
	case in.Method != payment.WeChat:
		return provider.Created{}, provider.Errorf(provider.NotSupported, op, "cloudPay takes pay_method wechat only")
	case in.OpenID == "":
		return provider.Created{}, provider.Errorf(provider.NotSupported, op, "cloudPay takes orders with an openid only, from inside the mini-program")
	}
	params := map[string]any{
		"attach": in.Attach, "body": in.Body, "envId": c.set.Env, "feeType": in.Total.Currency,
		"functionName": c.set.Callback, "nonceStr": c.nonceStr("create", in.No), "outTradeNo": in.No,
		"spbillCreateIp": cmp.Or(in.ClientIP, "127.0.0.1"), "subOpenid": in.OpenID,
		"totalFee": in.Total.Amount, "tradeType": "JSAPI",
	}
	if !in.TimeExpire.IsZero() {
		params["timeExpire"] = in.TimeExpire.In(wire.China).Format(clock)
	}
	got, err := c.call(ctx, op, "unifiedOrder", cmp.Or(in.AppID, c.shopper), params)
	if err != nil {
		return provider.Created{}, err
	}
	pay := wire.PayParamsIn(got["payment"])
	if pay == nil || !strings.HasPrefix(pay.Package, "prepay_id=") {
		return provider.Created{}, provider.Errorf(provider.Unknown, op, "the answer lacks parameters for wx.requestPayment")
	}
	return provider.Created{Payment: pay}, nil
}

// clock is how APIv2 writes times, in GMT+8.
const clock = "20060102150405"

// nonceStr is a text that nobody can foresee and that is the same when a call is
// repeated.
func (c *client) nonceStr(what, no string) string {
	return wire.HMAC(c.set.Key, "nonceStr\n"+what+"\n"+no)[:32]
}

// naming are the params that name a trade.
func (c *client) naming(what string, t provider.Trade) map[string]any {
	return map[string]any{"nonceStr": c.nonceStr(what, t.No), "outTradeNo": t.No}
}

// Query asks by the merchant's number.
func (c *client) Query(ctx context.Context, t provider.Trade) (payment.Report, error) {
	const op = "cloudpay: query"
	got, err := c.call(ctx, op, "queryOrder", c.shopper, c.naming("query", t))
	if err != nil {
		return payment.Report{}, unanswered(err)
	}
	word := got["tradeState"]
	state, known := tradeStates[word]
	if !known {
		state = payment.Unmapped
		c.counted("unmapped", "cloudpay: tradeState "+wire.Clip(word))
	}
	if state == payment.Refunded { // its amounts may go without their currency, which is the order's
		got["feeType"] = cmp.Or(got["feeType"], t.Total.Currency)
	}
	r, err := report(got, state, word)
	if err != nil {
		return payment.Report{}, provider.Errorf(provider.Unknown, op, "%w", err)
	}
	if r.State == payment.Refunded {
		return c.withRefunds(ctx, op, t, r)
	}
	return r, nil
}

// withRefunds completes the report of a refunded trade with what its refunds say: how
// much has gone back, those of WeChat's own desk included, and the total, as APIv2 may
// leave out every amount of such a trade. What neither states is known if it was paid.
func (c *client) withRefunds(ctx context.Context, op string, t provider.Trade, r payment.Report) (payment.Report, error) {
	got, err := c.call(ctx, op, "queryRefund", c.shopper, c.naming("query refunds", t))
	switch {
	case err != nil && r.Total.IsZero():
		return payment.Report{}, provider.Errorf(provider.Unknown, op, "the order is refunded, and its refunds cannot be asked about: %w", err)
	case err == nil && agrees(got["outTradeNo"], t.No):
		total, _ := money(got["totalFee"], cmp.Or(got["feeType"], t.Total.Currency)) // what cannot be read is not stated
		r.Total = cmp.Or(r.Total, total)
		if t.Paid {
			r.Total = cmp.Or(r.Total, t.Total)
		}
		r.SpTradeNo = cmp.Or(r.SpTradeNo, got["transactionId"])
		r.TransactionID = r.SpTradeNo
		r.Refunded = refundedIn(got, r.Total.Currency)
	}
	if r.Total.IsZero() {
		return payment.Report{}, provider.Errorf(provider.Unknown, op, "the order is refunded, but neither it nor its refunds state its amount")
	}
	return r, nil
}

// report reads what an answer or an event says of a trade. An amount is stated for
// captured ones only.
func report(m map[string]string, state payment.ReportState, word string) (r payment.Report, err error) {
	r = payment.Report{
		State: state, Word: wire.Clip(word), Account: m["subMchId"], No: m["outTradeNo"],
		SpTradeNo: m["transactionId"], TransactionID: m["transactionId"],
	}
	if state != payment.Paid && state != payment.Refunded {
		return r, nil
	}
	if at, err := time.ParseInLocation(clock, m["timeEnd"], wire.China); err == nil {
		r.PaidAt = at.UTC()
	}
	r.Total, err = money(m["totalFee"], m["feeType"])
	return r, err
}

// money reads an amount in minor units; an unstated currency is CNY, as in APIv2.
func money(amount, currency string) (payment.Money, error) {
	if amount == "" {
		return payment.Money{}, nil
	}
	n, err := strconv.ParseInt(amount, 10, 64)
	if err != nil || n < 0 {
		return payment.Money{}, errors.New("an amount is not a whole number")
	}
	return payment.Money{Amount: n, Currency: strings.ToUpper(cmp.Or(currency, "CNY"))}, nil
}

// Close ends an unpaid order. A paid one is AlreadyPaid and stays paid; one that is
// closed or was never made is closed.
func (c *client) Close(ctx context.Context, t provider.Trade) error {
	_, err := c.call(ctx, "cloudpay: close", "closeOrder", c.shopper, c.naming("close", t))
	var e *provider.Error
	if errors.As(err, &e) && (e.Kind == provider.NotFound || e.Code == "ORDERCLOSED") {
		return nil
	}
	return err
}
