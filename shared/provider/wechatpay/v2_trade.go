package wechatpay

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

// v2Time is how APIv2 writes a time, in GMT+8; v2RefundTime is a refund's.
const (
	v2Time       = "20060102150405"
	v2RefundTime = "2006-01-02 15:04:05"
)

// Create makes a JSAPI order, as mini-programs do. The identical create again is
// the same order, also after a timeout; with anything changed WeChat refuses it.
func (p *v2) Create(ctx context.Context, c provider.Create) (provider.Created, error) {
	op := p.name + ": create"
	if err := p.refuses(op, c); err != nil {
		return provider.Created{}, err
	}
	appID := cmp.Or(c.AppID, p.appIDs[0])
	order := p.order(c, appID)
	order["nonce_str"] = p.steady(order)
	m, err := p.call(ctx, p.http, op, "/pay/unifiedorder", order)
	var e *provider.Error
	switch {
	case errors.As(err, &e) && e.Kind == provider.NotEnough: // the payer's balance, not the shop's
		e.Kind = provider.Declined
		return provider.Created{}, e
	case err != nil:
		return provider.Created{}, err
	case m["prepay_id"] == "":
		return provider.Created{}, provider.Errorf(provider.Unknown, op, "the answer holds no prepay_id")
	case cmp.Or(m["appid"], order["appid"]) != order["appid"], cmp.Or(m["sub_appid"], order["sub_appid"]) != order["sub_appid"]:
		return provider.Created{}, provider.Errorf(provider.Unknown, op, "the answer is for another appid")
	}
	pay := p.payParams(appID, prepay+m["prepay_id"], p.set.SignType)
	return provider.Created{Payment: &pay}, nil
}

// order are the members of a create, for the mini-program that the openid belongs
// to. With a provider that is always the shop's.
func (p *v2) order(c provider.Create, appID string) map[string]string {
	o := p.ids()
	o["body"], o["attach"], o["out_trade_no"] = c.Body, c.Attach, c.No
	o["total_fee"], o["fee_type"] = strconv.FormatInt(c.Total.Amount, 10), c.Total.Currency
	o["spbill_create_ip"], o["notify_url"], o["trade_type"] = c.ClientIP, c.NotifyURL, "JSAPI"
	o["version"] = p.version
	if !c.TimeCreate.IsZero() {
		o["time_start"] = c.TimeCreate.In(wire.China).Format(v2Time)
	}
	if !c.TimeExpire.IsZero() {
		o["time_expire"] = c.TimeExpire.In(wire.China).Format(v2Time)
	}
	if p.sp {
		o["sub_appid"], o["sub_openid"] = appID, c.OpenID
	} else {
		o["appid"], o["openid"] = appID, c.OpenID
	}
	return o
}

// v2States translates trade_state. REVOKED is the payment code's word for closed,
// ACCEPT that of deductions for one under way.
var v2States = map[string]payment.ReportState{
	"SUCCESS":    payment.Paid,
	"REFUND":     payment.Refunded,
	"NOTPAY":     payment.Pending,
	"USERPAYING": payment.Pending,
	"ACCEPT":     payment.Pending,
	"PAYERROR":   payment.Pending, // the shopper of a mini-program may try again
	"CLOSED":     payment.Over,
	"REVOKED":    payment.Over,
}

// Query asks by WeChat's number once it is known, until then by the merchant's.
func (p *v2) Query(ctx context.Context, t provider.Trade) (payment.Report, error) {
	op, ask := p.name+": query", p.ids()
	if t.TransactionID != "" {
		ask["transaction_id"] = t.TransactionID
	} else {
		ask["out_trade_no"] = t.No
	}
	m, err := p.call(ctx, p.http, op, "/pay/orderquery", ask)
	if err != nil {
		return payment.Report{}, err
	}
	if m["out_trade_no"] != t.No {
		return payment.Report{}, provider.Errorf(provider.Unknown, op, "the answer is about another order")
	}
	if m["trade_state"] == "REFUND" { // its amounts may go without their currency, which is the order's
		m["fee_type"] = cmp.Or(m["fee_type"], t.Total.Currency)
	}
	r := p.report(m, m["trade_state"])
	if r.State == payment.Refunded {
		return p.withRefunds(ctx, op, t, r)
	}
	return r, nil
}

// report translates a trade, from an answer or a notice. What is settled is stated
// without its currency, and a rate alone is no amount, so neither is reported.
func (p *v2) report(m map[string]string, word string) payment.Report {
	r := payment.Report{
		State: p.tradeState(v2States, word), Word: wire.Clip(word), Account: v2Account(m), No: m["out_trade_no"],
		SpTradeNo: m["transaction_id"], TransactionID: m["transaction_id"], PaidAt: v2Moment(v2Time, m["time_end"]),
	}
	if r.State == payment.Paid || r.State == payment.Refunded {
		r.Total = v2Money(m["total_fee"], cmp.Or(m["fee_type"], "CNY"))
	}
	return r
}

// withRefunds completes the report of a refunded trade, whose answer may leave out
// every amount, with what its refunds say: the total, and how much has gone back.
// What neither states is known if it was paid.
func (p *v2) withRefunds(ctx context.Context, op string, t provider.Trade, r payment.Report) (payment.Report, error) {
	ask := p.ids()
	ask["out_trade_no"] = t.No
	m, err := p.call(ctx, p.http, op, "/pay/refundquery", ask)
	switch {
	case err != nil && r.Total.IsZero():
		return payment.Report{}, provider.Errorf(provider.Unknown, op, "the order is refunded, and its refunds cannot be asked about: %w", err)
	case err == nil && cmp.Or(m["out_trade_no"], t.No) == t.No:
		r.Total = cmp.Or(r.Total, v2Money(m["total_fee"], cmp.Or(m["fee_type"], t.Total.Currency)))
		if t.Paid {
			r.Total = cmp.Or(r.Total, t.Total)
		}
		r.SpTradeNo = cmp.Or(r.SpTradeNo, m["transaction_id"])
		r.TransactionID = r.SpTradeNo
		r.Refunded = p.refunded(ctx, op, t, m, r.Total.Currency)
	}
	if r.Total.IsZero() {
		return payment.Report{}, provider.Errorf(provider.Unknown, op, "the order is refunded, but neither it nor its refunds state its amount")
	}
	return r, nil
}

// v2Pages is how many answers an order's refunds fill at most: 50, by ten.
const v2Pages = 5

// refunded sums the refunds of an order that have succeeded. m is the first answer
// about them; those that did not fit are asked for at their offsets. Answers that
// cannot be had, or do not fit each other, do not say.
func (p *v2) refunded(ctx context.Context, op string, t provider.Trade, m map[string]string, currency string) payment.Money {
	sum, seen := payment.Money{Currency: currency}, make(map[string]bool)
	all := cmp.Or(m["total_refund_count"], m["refund_count"])
	for page := 1; ; page++ {
		n, err := strconv.Atoi(m["refund_count"])
		if err != nil || cmp.Or(m["total_refund_count"], all) != all {
			return payment.Money{}
		}
		for i := range n {
			at := "_" + strconv.Itoa(i)
			no := cmp.Or(m["refund_id"+at], m["out_refund_no"+at])
			if no == "" || seen[no] {
				return payment.Money{}
			}
			seen[no] = true
			if m["refund_status"+at] == "SUCCESS" {
				sum.Amount += v2Money(m["refund_fee"+at], currency).Amount
			}
		}
		switch {
		case strconv.Itoa(len(seen)) == all:
			return sum
		case n < 1 || page == v2Pages:
			return payment.Money{}
		}
		ask := p.ids()
		ask["out_trade_no"], ask["offset"] = t.No, strconv.Itoa(len(seen))
		m, err = p.call(ctx, p.http, op, "/pay/refundquery", ask)
		if err != nil || cmp.Or(m["out_trade_no"], t.No) != t.No {
			return payment.Money{}
		}
	}
}

// Close ends an unpaid order. A paid one is AlreadyPaid and stays paid; one that is
// closed or was never made is closed.
func (p *v2) Close(ctx context.Context, t provider.Trade) error {
	request := p.ids()
	request["out_trade_no"] = t.No
	_, err := p.call(ctx, p.http, p.name+": close", "/pay/closeorder", request)
	var e *provider.Error
	if errors.As(err, &e) && (e.Kind == provider.NotFound || isCode(e, "ORDERCLOSED", "ORDER_CLOSED")) {
		return nil
	}
	return err
}

// v2Money reads an amount of minor units; one that cannot be read is not stated.
func v2Money(text, currency string) payment.Money {
	amount, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strings.Trim(text, "0123456789") != "" || currency == "" {
		return payment.Money{}
	}
	return payment.Money{Amount: amount, Currency: currency}
}

// v2Moment reads a time on WeChat's clock; one that cannot be read is not stated.
func v2Moment(layout, text string) time.Time {
	t, err := time.ParseInLocation(layout, text, wire.China)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
