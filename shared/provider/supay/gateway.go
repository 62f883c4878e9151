package supay

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// sign is the gateway's signature of a request or a notice.
func (c *client) sign(members map[string]string) string {
	text := wire.Pairs(members, func(name, value string) bool { return name != "sign" && name != "sign_type" && value != "" })
	return strings.ToUpper(wire.MD5(text + "&key=" + c.key))
}

// call posts a service's members, without the empty ones, once, and returns the
// members of the answer's data. changes tells a create or a refund from a question.
func (c *client) call(ctx context.Context, op, service string, members map[string]string, changes bool) (map[string]string, error) {
	members["service"], members["mch_id"] = service, c.mchid
	members["charset"], members["version"] = "UTF-8", "1.0"
	maps.DeleteFunc(members, func(_, value string) bool { return value == "" })
	members["sign"], members["sign_type"] = c.sign(members), "MD5"
	body, err := json.Marshal(members)
	if err != nil {
		return nil, provider.Errorf(provider.NotSent, op, "the request cannot be written as JSON")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, provider.Errorf(provider.NotSent, op, "no request can be made for base_url")
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := c.send(op, req)
	if err != nil {
		return nil, err
	}
	data, err := wire.Flat([]byte(answer["data"]))
	switch said := answer["status"]; {
	case said == "":
		return nil, provider.Errorf(provider.Unknown, op, "the answer has no status")
	case said != "T":
		message := answer["message"]
		if strings.Trim(answer["data"], " []") != "" && err != nil { // a sentence that says more
			message += ": " + answer["data"]
		}
		return nil, refusal(op, message, "mchid and key", changes)
	case err != nil || data["result"] != "" && data["result"] != "true":
		return nil, provider.Errorf(provider.Unknown, op, "the answer has no data, or its result is not true")
	}
	return data, nil
}

// trade makes a trade at the gateway.
func (c *client) trade(ctx context.Context, op string, in provider.Create) (provider.Created, error) {
	members := map[string]string{
		"recevice_id": c.receviceID, "call_back_url": in.NotifyURL, "store_name": c.storeName, "mch_order_no": in.No,
		"currency": aud, "pay_amount": in.Total.Decimal(), "timeout_express": c.timeout(in.TimeExpire),
		"goods_name": in.Body, "goods_desc": in.Body, "goods_price": in.Total.Decimal(), "quantity": "1",
		"pay_way": "H5", // without a channel: the cashier page
	}
	if in.Method == payment.WeChat {
		if in.OpenID == "" {
			return provider.Created{}, provider.Errorf(provider.Declined, op, "wechat needs the payer's openid")
		}
		members["pay_way"], members["pay_channel"], members["subOpenId"] = "JSAPI", "WXPAY", in.OpenID
	}
	data, err := c.call(ctx, op, "create_instant_trade", members, true)
	if err != nil {
		return provider.Created{}, err
	}
	made := provider.Created{SpTradeNo: data[c.names[innerNo]]}
	if in.Method == payment.WeChat {
		made.Payment = wire.PayParamsIn(data["pay_info"])
	} else {
		made.URL = pageURL(data["pay_info"], c.names[cashierURL])
	}
	if !agrees(data[c.names[outerNo]], in.No) || made.Payment == nil && made.URL == "" {
		return provider.Created{}, provider.Errorf(provider.Unknown, op, "the answer's pay_info holds nothing to pay this order with")
	}
	return made, nil
}

// timeout is the time left to pay, in whole minutes, at most a day.
func (c *client) timeout(expire time.Time) string {
	left := expire.Sub(c.now())
	if expire.IsZero() || left >= maxOpen {
		return "1d"
	}
	return strconv.FormatInt(max(1, int64(left/time.Minute)), 10) + "m"
}

func (c *client) queryGateway(ctx context.Context, op string, t provider.Trade) (payment.Report, error) {
	data, err := c.ask(ctx, op, t.No, c.names[typeTrade])
	if err != nil {
		return payment.Report{}, err
	}
	return c.report(op, "", data, t)
}

// ask asks about what has a number of ours.
func (c *client) ask(ctx context.Context, op, no, kind string) (map[string]string, error) {
	return c.call(ctx, op, "query_trade", map[string]string{"recevice_id": c.receviceID, "mch_order_no": no, "trade_type": kind}, false)
}

// refundGateway asks for a refund. Where the answer has no number for it, ours
// stands in: that there is one says that the gateway has taken the refund.
func (c *client) refundGateway(ctx context.Context, op string, r provider.Refund) (payment.RefundReport, error) {
	data, err := c.call(ctx, op, "create_refund", map[string]string{
		"mch_order_no": r.OutRefundNo, "orig_mch_order_no": r.No, "refund_amount": r.Fee.Decimal(),
		"call_back_url": r.NotifyURL, "refund_note": r.Desc,
	}, true)
	switch {
	case err != nil:
		return payment.RefundReport{}, err
	case data["result"] != "true":
		return payment.RefundReport{}, provider.Errorf(provider.Unknown, op, "the answer does not say that the refund was taken")
	}
	return payment.RefundReport{
		Status: payment.RefundProcessing, Word: "T", Account: c.mchid, No: r.No,
		OutRefundNo: r.OutRefundNo, RefundID: cmp.Or(data[c.names[innerNo]], r.OutRefundNo), Fee: r.Fee,
	}, nil
}

// queryRefundGateway asks about a refund that the gateway has taken.
func (c *client) queryRefundGateway(ctx context.Context, op string, r provider.Refund) (payment.RefundReport, error) {
	data, err := c.ask(ctx, op, r.OutRefundNo, c.names[typeRefund])
	if err != nil {
		return payment.RefundReport{}, err
	}
	fee, err := money(cmp.Or(data[c.names[refundAmount]], r.Fee.Decimal()), data[c.names[currency]])
	switch {
	case err != nil || fee != r.Fee, !agrees(data[c.names[outerNo]], r.OutRefundNo), !agrees(data[c.names[refundOf]], r.No),
		r.RefundID != r.OutRefundNo && !agrees(data[c.names[innerNo]], r.RefundID):
		return payment.RefundReport{}, provider.Errorf(provider.Unknown, op, "the answer speaks of another refund or amount")
	}
	word := data[c.names[refundStatus]]
	return payment.RefundReport{
		Status: c.refundState(word), Word: wire.Clip(word), Account: c.mchid, No: r.No,
		OutRefundNo: r.OutRefundNo, RefundID: r.RefundID, Fee: r.Fee,
	}, nil
}
