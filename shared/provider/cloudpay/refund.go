package cloudpay

import (
	"cmp"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// Refund gives money back in the order's currency. The same out_refund_no is the
// same refund. Success means that it was accepted.
func (c *client) Refund(ctx context.Context, r provider.Refund) (payment.RefundReport, error) {
	const op = "cloudpay: refund"
	if r.Fee.Currency != r.Total.Currency {
		return payment.RefundReport{}, provider.Errorf(provider.NotSupported, op,
			"WeChat refunds in the order's currency %s only, not in %s; leave out providers.cloudpay.refund_currency", r.Total.Currency, r.Fee.Currency)
	}
	params := c.naming("refund "+r.OutRefundNo, r.Trade)
	params["functionName"], params["envId"], params["outRefundNo"] = c.set.Callback, c.set.Env, r.OutRefundNo
	params["totalFee"], params["refundFee"], params["refundFeeType"] = r.Total.Amount, r.Fee.Amount, r.Fee.Currency
	params["refundDesc"] = cut(r.Desc, 80)
	got, err := c.call(ctx, op, "refund", c.shopper, params)
	if err != nil {
		return payment.RefundReport{}, err
	}
	got["refundStatus"] = "PROCESSING"
	return c.refunded(op, r, got)
}

// QueryRefund asks by out_refund_no.
func (c *client) QueryRefund(ctx context.Context, r provider.Refund) (payment.RefundReport, error) {
	const op = "cloudpay: query refund"
	params := map[string]any{"nonceStr": c.nonceStr("query refund", r.OutRefundNo), "outRefundNo": r.OutRefundNo}
	got, err := c.call(ctx, op, "queryRefund", c.shopper, params)
	if err != nil {
		return payment.RefundReport{}, unanswered(err)
	}
	for _, one := range refundsOf(got) {
		if one["outRefundNo"] == r.OutRefundNo {
			return c.refunded(op, r, one)
		}
	}
	return payment.RefundReport{}, provider.Errorf(provider.Unknown, op, "the answer does not speak of this refund")
}

// maxRefunds is how many one answer holds.
const maxRefunds = 10

// refundsOf takes an answer apart into its refunds. APIv2 numbers their members
// from 0; how the SDK writes that is not known for certain.
func refundsOf(m map[string]string) []map[string]string {
	list := []map[string]string{m}
	for i := range maxRefunds {
		one := map[string]string{"outTradeNo": m["outTradeNo"], "feeType": m["feeType"], "subMchId": m["subMchId"]}
		for name, value := range m {
			if base, ok := strings.CutSuffix(name, strconv.Itoa(i)); ok {
				one[strings.TrimSuffix(base, "_")] = value
			}
		}
		list = append(list, one)
	}
	var nested []json.RawMessage
	if json.Unmarshal([]byte(m["refundList"]), &nested) == nil {
		for _, raw := range nested {
			if one, err := wire.Flat(raw); err == nil {
				list = append(list, one)
			}
		}
	}
	return list
}

// refundedIn sums the refunds of an answer that have succeeded. An answer that holds
// ten of more refunds, or one that cannot be read, does not say.
func refundedIn(m map[string]string, currency string) payment.Money {
	sum, seen := payment.Money{Currency: currency}, make(map[string]bool)
	for _, one := range refundsOf(m) {
		no := cmp.Or(one["refundId"], one["outRefundNo"])
		if no == "" || seen[no] {
			continue
		}
		seen[no] = true
		fee, err := money(one["refundFee"], cmp.Or(one["refundFeeType"], one["feeType"], currency))
		if err != nil || fee.Currency != currency {
			return payment.Money{}
		}
		if one["refundStatus"] == "SUCCESS" {
			sum.Amount += fee.Amount
		}
	}
	here := strconv.Itoa(len(seen))
	if len(seen) == 0 || !agrees(m["refundCount"], here) || !agrees(m["totalRefundCount"], here) {
		return payment.Money{}
	}
	return sum
}

// refunded reads what is said of the refund r; what is stated must be r's own, but for
// the order: the number may be another order's refund.
func (c *client) refunded(op string, r provider.Refund, m map[string]string) (payment.RefundReport, error) {
	fee, err := money(m["refundFee"], cmp.Or(m["refundFeeType"], m["feeType"], r.Fee.Currency))
	switch {
	case err != nil:
		return payment.RefundReport{}, provider.Errorf(provider.Unknown, op, "%w", err)
	case !agrees(m["outRefundNo"], r.OutRefundNo) || agrees(m["outTradeNo"], r.No) && !fee.IsZero() && fee != r.Fee:
		return payment.RefundReport{}, provider.Errorf(provider.Unknown, op, "the answer speaks of another refund")
	}
	status, known := refundStates[m["refundStatus"]]
	if !known {
		c.counted("unmapped", "cloudpay: refundStatus "+wire.Clip(m["refundStatus"]))
	}
	said := payment.RefundReport{
		Status: status, Word: wire.Clip(m["refundStatus"]), Account: c.set.SubMchID, No: cmp.Or(m["outTradeNo"], r.No),
		OutRefundNo: r.OutRefundNo, RefundID: m["refundId"], Fee: fee,
	}
	if at, err := time.ParseInLocation(time.DateTime, m["refundSuccessTime"], wire.China); err == nil {
		said.SucceededAt = at.UTC()
	}
	return said, nil
}

// cut keeps the first n characters.
func cut(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:n])
	}
	return text
}
