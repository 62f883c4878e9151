package nihaopay

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// Create makes an order. The same number again is refused, not known again.
func (c *client) Create(ctx context.Context, in provider.Create) (made provider.Created, err error) {
	const op = "nihaopay: create"
	minutes := min(max(int64(in.TimeExpire.Sub(in.TimeCreate)/time.Minute), 1), 1440)
	path, form := "micropay", url.Values{
		"amount": {strconv.FormatInt(in.Total.Amount, 10)}, "currency": {in.Total.Currency}, "reference": {in.No},
		"description": {in.Body}, "ipn_url": {in.NotifyURL}, "timeout": {strconv.FormatInt(minutes, 10)},
	}
	vendor := cmp.Or(c.Vendors[in.Method], vendors[in.Method])
	switch {
	case in.Method != payment.WeChat && vendor == "":
		return made, provider.Errorf(provider.NotSupported, op, "no pay method %q", in.Method)
	case vendor == "" && (in.AppID == "" || in.OpenID == ""), vendor != "" && in.RedirectURL == "":
		return made, provider.Errorf(provider.Declined, op, "wechat needs an appid and the payer's openid, a page needs a redirect_url")
	case vendor == "":
		form["app_id"], form["open_id"], form["client_ip"] = []string{in.AppID}, []string{in.OpenID}, []string{in.ClientIP}
	default:
		path, form["vendor"], form["terminal"] = "securepay", []string{vendor}, []string{"WAP"}
		form["callback_url"], form["response_format"] = []string{in.RedirectURL}, []string{"JSON"}
	}
	got, err := c.call(ctx, op, "/v1.2/transactions/"+path, form)
	if err != nil {
		return made, err
	}
	return created(op, vendor == "", got)
}

// created reads the answer. timeStamp stays as it is: it is signed, seconds or not.
func created(op string, mini bool, got map[string]string) (made provider.Created, err error) {
	p := wire.PayParams(got, "wechatPackage")
	switch {
	case mini && p != nil:
		return provider.Created{Payment: p}, nil
	case !mini && wire.IsURL(got["url"]):
		return provider.Created{URL: got["url"]}, nil
	case !mini && got["form"] != "":
		return made, provider.Errorf(provider.NotSupported, op, "nihaopay wants a form posted, which no URL can do")
	}
	return made, provider.Errorf(provider.Unknown, op, "the answer lacks what the shopper pays with")
}

// Query looks a trade up by the merchant's number. One that is known to be paid, or not
// shown, may be refunded: only the list of refunds tells.
func (c *client) Query(ctx context.Context, t provider.Trade) (payment.Report, error) {
	const op = "nihaopay: query"
	if t.SpTradeNo != "" && (t.Paid || t.TransactionID != "") {
		if r, err := c.list(ctx, op, t); provider.KindOf(err) != provider.NotFound {
			return r, err
		}
	}
	got, err := c.call(ctx, op, "/v1.2/transactions/merchant/"+url.PathEscape(t.No), nil)
	switch {
	case err == nil:
		return c.report(op, t.No, got)
	case t.SpTradeNo != "" && provider.KindOf(err) == provider.NotFound:
		return c.list(ctx, op, t)
	}
	return payment.Report{}, err
}

// states are NihaoPay's words for a trade, successes by type; notices name no type.
var states = map[string]payment.ReportState{
	"success": payment.Paid, "success charge": payment.Paid, "success capture": payment.Paid,
	"success authorization": payment.Pending, "pending": payment.Pending, "failure": payment.Refused, "closed": payment.Over,
}

// report translates what is said about the trade with a number; unknown words are counted.
func (c *client) report(op, no string, got map[string]string) (payment.Report, error) {
	total, known := money(got["amount"], got["currency"])
	if !known || got["id"] == "" || got["reference"] == "" || got["reference"] != no {
		return payment.Report{}, provider.Errorf(provider.Unknown, op, "no number or amount can be read, or those of another order")
	}
	word := got["status"]
	if word == "success" {
		word = strings.TrimSpace(word + " " + got["type"])
	}
	state, known := states[word]
	if !known {
		state = payment.Unmapped
		c.counted("unmapped", "nihaopay: status "+wire.Clip(word))
	}
	r := payment.Report{State: state, Word: wire.Clip(word), No: no, Total: total, SpTradeNo: got["id"]}
	if r.State == payment.Paid {
		r.TransactionID = got["vendor_id"]
		r.PaidAt, _ = time.Parse(time.RFC3339, got["time"]) // what cannot be read is not stated
	}
	return r, nil
}

// money reads an amount in minor units and reports whether it is one.
func money(amount, currency string) (payment.Money, bool) {
	n, err := strconv.ParseUint(amount, 10, 63)
	return payment.Money{Amount: int64(n), Currency: currency}, err == nil && slices.Contains(currencies, currency)
}

// list asks for a trade with all its refunds, by NihaoPay's number.
func (c *client) list(ctx context.Context, op string, t provider.Trade) (payment.Report, error) {
	got, err := c.call(ctx, op, "/v1.2/transactions/refunds/"+url.PathEscape(t.SpTradeNo)+"/", nil)
	if err != nil {
		return payment.Report{}, err
	}
	r, err := c.report(op, t.No, got)
	var refunds []json.RawMessage
	if err != nil || r.SpTradeNo != t.SpTradeNo || json.Unmarshal([]byte(cmp.Or(got["refunds"], "[]")), &refunds) != nil {
		return payment.Report{}, provider.Errorf(provider.Unknown, op, "the list of refunds cannot be read, or is another trade's")
	}
	for _, raw := range refunds {
		one, _ := wire.Flat(raw)
		fee, known := money(one["refunded_amount"], r.Total.Currency)
		switch status := c.refundStatus(one["status"]); {
		case !known || status == "":
			return payment.Report{}, provider.Errorf(provider.Unknown, op, "a refund in the list cannot be read")
		case status == payment.RefundSuccess:
			r.State, r.Refunded = payment.Refunded, payment.Money{Amount: r.Refunded.Amount + fee.Amount, Currency: fee.Currency}
		}
	}
	return r, nil
}

// refundStatus translates a refund's word; one that nobody knows is counted.
func (c *client) refundStatus(word string) payment.RefundStatus {
	status, known := map[string]payment.RefundStatus{"success": payment.RefundSuccess, "failure": payment.RefundClosed}[word]
	if !known {
		c.counted("unmapped", "nihaopay: refund status "+wire.Clip(word))
	}
	return status
}

// Refund gives money back. It must not be repeated before the list has been asked for.
func (c *client) Refund(ctx context.Context, r provider.Refund) (payment.RefundReport, error) {
	const op = "nihaopay: refund"
	switch {
	case r.Fee.Currency != r.Total.Currency: // 409-64, documented
		return payment.RefundReport{}, provider.Errorf(provider.NotSupported, op,
			"NihaoPay refunds in the order's currency %s only, not in %s; leave out providers.nihaopay.refund_currency", r.Total.Currency, r.Fee.Currency)
	case r.SpTradeNo == "":
		return payment.RefundReport{}, provider.Errorf(provider.NotSupported, op,
			"NihaoPay's own number of this trade is not known; refund it at NihaoPay's desk (TMS)")
	}
	got, err := c.call(ctx, op, strings.ReplaceAll(c.RefundPath, "{id}", url.PathEscape(r.SpTradeNo)), url.Values{
		"currency": {r.Fee.Currency}, "amount": {strconv.FormatInt(r.Fee.Amount, 10)}, "reason": {cmp.Or(r.Desc, r.OutRefundNo)},
	})
	switch {
	case err != nil:
		return payment.RefundReport{}, err
	case got["id"] == "", cmp.Or(got["transaction_id"], r.SpTradeNo) != r.SpTradeNo:
		return payment.RefundReport{}, provider.Errorf(provider.Unknown, op, "the answer is not about this refund")
	}
	return payment.RefundReport{Status: c.refundStatus(got["status"]), Word: wire.Clip(got["status"]), No: r.No,
		OutRefundNo: r.OutRefundNo, RefundID: got["id"], Fee: r.Fee}, nil
}

// QueryRefund compares the refunded total with the baseline. No list proves nothing.
func (c *client) QueryRefund(ctx context.Context, r provider.Refund) (payment.RefundReport, error) {
	const op = "nihaopay: query refund"
	t, err := c.list(ctx, op, r.Trade)
	switch given := t.Refunded.Amount - r.Baseline; {
	case err != nil && provider.KindOf(err) != provider.NotFound:
		return payment.RefundReport{}, err
	case err == nil && given == 0:
		return payment.RefundReport{}, provider.Errorf(provider.NotFound, op, "the refunded total has not changed")
	case err != nil || given < r.Fee.Amount:
		return payment.RefundReport{}, provider.Errorf(provider.Unknown, op, "there is no list of refunds, or another refund in it")
	}
	return payment.RefundReport{Status: payment.RefundSuccess, Word: "success", No: r.No, OutRefundNo: r.OutRefundNo, Fee: r.Fee}, nil
}
