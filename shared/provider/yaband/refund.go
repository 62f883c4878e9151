package yaband

import (
	"cmp"
	"context"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// Refund gives money back, in the currency of r.Fee. It must not be repeated
// after an unknown outcome: m_refund_id is not known to make it idempotent.
func (c *client) Refund(ctx context.Context, r provider.Refund) (payment.RefundReport, error) {
	const op = "yaband: refund"
	if r.SpTradeNo == "" {
		return payment.RefundReport{}, provider.Errorf(provider.NotSupported, op, "YabandPay's trade_id of this trade is not known; refund it at YabandPay's desk")
	}
	got, err := c.call(ctx, op, "v3.CreateRefund", map[string]string{
		"trade_id": r.SpTradeNo, "m_refund_id": r.OutRefundNo,
		"refund_amount": r.Fee.Decimal(), "refund_currency": r.Fee.Currency,
		"refund_description": cmp.Or(r.Desc, "refund "+r.OutRefundNo), "notify_url": r.NotifyURL,
	})
	if err != nil {
		return payment.RefundReport{}, err
	}
	if got["refund_id"] == "" {
		return payment.RefundReport{}, provider.Errorf(provider.Unknown, op, "the answer has no refund_id")
	}
	got["state"] = cmp.Or(got["state"], "refund processing")
	return c.refunded(op, r, got)
}

// QueryRefund asks by refund_id; without one it is [provider.NotSupported].
func (c *client) QueryRefund(ctx context.Context, r provider.Refund) (payment.RefundReport, error) {
	const op = "yaband: query refund"
	if r.RefundID == "" {
		return payment.RefundReport{}, provider.Errorf(provider.NotSupported, op, "YabandPay's refund_id of this refund is not known; look for it at YabandPay's desk")
	}
	got, err := c.call(ctx, op, "v3.QueryRefundOrder", map[string]string{"refund_id": r.RefundID})
	if err != nil {
		return payment.RefundReport{}, unanswered(err)
	}
	if got["refund_id"] != r.RefundID {
		return payment.RefundReport{}, provider.Errorf(provider.Unknown, op, "the answer does not speak of this refund")
	}
	return c.refunded(op, r, got)
}

// refunded reads an answer about the refund r; what it states must be r's own.
func (c *client) refunded(op string, r provider.Refund, got map[string]string) (payment.RefundReport, error) {
	report, err := c.refundReport(got)
	switch {
	case err != nil:
		return payment.RefundReport{}, provider.Errorf(provider.Unknown, op, "%w", err)
	case !agrees(got["m_refund_id"], r.OutRefundNo), !agrees(got["trade_id"], r.SpTradeNo),
		!report.Fee.IsZero() && report.Fee != r.Fee:
		return payment.RefundReport{}, provider.Errorf(provider.Unknown, op, "the answer speaks of another refund, amount or currency")
	}
	return report, nil
}
