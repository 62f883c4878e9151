package wechatpay

import (
	"cmp"
	"context"
	"strconv"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// Refund gives money back in the order's currency. The same out_refund_no is the
// same refund. It is always named by out_trade_no, so that a repeated request is
// the same to the byte even if transaction_id was learnt meanwhile. WeChat's
// SUCCESS only means that it is under way.
func (p *v2) Refund(ctx context.Context, r provider.Refund) (payment.RefundReport, error) {
	op := p.name + ": refund"
	if err := cmp.Or(p.uncertified(op), p.otherCurrency(op, r)); err != nil {
		return payment.RefundReport{}, err
	}
	request := p.ids()
	request["out_trade_no"], request["out_refund_no"] = r.No, r.OutRefundNo
	request["total_fee"], request["refund_fee"] = strconv.FormatInt(r.Total.Amount, 10), strconv.FormatInt(r.Fee.Amount, 10)
	request["refund_fee_type"], request["refund_desc"], request["notify_url"] = r.Fee.Currency, reason(r.Desc), r.NotifyURL
	request["nonce_str"] = p.steady(request)
	m, err := p.call(ctx, p.refunds.Client, op, "/secapi/pay/refund", request)
	if err != nil {
		return payment.RefundReport{}, err
	}
	if m["out_refund_no"] != r.OutRefundNo {
		return payment.RefundReport{}, provider.Errorf(provider.Unknown, op, "the answer is about another refund")
	}
	report := v2RefundReport(m, "", r.Fee.Currency)
	report.Status, report.Word = payment.RefundProcessing, m["result_code"]
	return report, nil
}

// uncertified refuses what needs the client certificate, where there is none that
// WeChat would take.
func (p *v2) uncertified(op string) error {
	switch {
	case p.refunds == nil:
		return provider.Errorf(provider.NotSupported, op,
			"APIv2 refunds need the merchant's client certificate: set providers.%s.cert and cert_key", p.name)
	case p.now().After(p.refunds.expires):
		return provider.Errorf(provider.Denied, op, "mend providers.%s: cert expired on %s; set the new cert and cert_key",
			p.name, p.refunds.expires.UTC().Format("2006-01-02"))
	}
	return nil
}

// v2RefundStates translates a refund's status. CHANGE is money that could not reach
// the payer and lies with the shop.
var v2RefundStates = map[string]payment.RefundStatus{
	"SUCCESS":     payment.RefundSuccess,
	"PROCESSING":  payment.RefundProcessing,
	"REFUNDCLOSE": payment.RefundClosed,
	"CHANGE":      payment.RefundAbnormal,
}

// QueryRefund asks by out_refund_no. The answer numbers the refunds it holds; one
// that counts none knows of no such refund.
func (p *v2) QueryRefund(ctx context.Context, r provider.Refund) (payment.RefundReport, error) {
	op, ask := p.name+": queryrefund", p.ids()
	ask["out_refund_no"] = r.OutRefundNo
	m, err := p.call(ctx, p.http, op, "/pay/refundquery", ask)
	if err != nil {
		return payment.RefundReport{}, err
	}
	if m["refund_count"] == "0" && m["out_refund_no_0"] == "" {
		return payment.RefundReport{}, provider.Errorf(provider.NotFound, op, "WeChat counts no refund of this number")
	}
	for i := 0; ; i++ {
		switch at := "_" + strconv.Itoa(i); m["out_refund_no"+at] {
		case r.OutRefundNo:
			report := v2RefundReport(m, at, r.Fee.Currency)
			report.Status = p.refundState(v2RefundStates, report.Word)
			return report, nil
		case "":
			return payment.RefundReport{}, provider.Errorf(provider.Unknown, op, "the answer does not hold the refund")
		}
	}
}

// v2RefundReport translates a refund, whose members' names end in at, but for its
// status. currency is the one that it was asked in, which a message need not repeat.
func v2RefundReport(m map[string]string, at, currency string) payment.RefundReport {
	return payment.RefundReport{
		Word: wire.Clip(m["refund_status"+at]), Account: v2Account(m),
		No: m["out_trade_no"], OutRefundNo: m["out_refund_no"+at], RefundID: m["refund_id"+at],
		Fee:         v2Money(m["refund_fee"+at], cmp.Or(m["refund_fee_type"+at], m["fee_type"], currency)),
		SucceededAt: v2Moment(v2RefundTime, cmp.Or(m["refund_success_time"+at], m["success_time"])),
	}
}
