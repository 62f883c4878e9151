package vrpay

import (
	"context"
	"net/http"
	"net/url"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// Refund gives money back, in parts if wished. Repeating it gives it back again. One
// whose outcome is uncertain is under way if it has a number, as that can be asked about.
func (p *Processor) Refund(ctx context.Context, r provider.Refund) (payment.RefundReport, error) {
	amount, ok := decimal(r.Fee)
	switch {
	case !ok:
		return payment.RefundReport{}, provider.Errorf(provider.NotSupported, opRefund, noSuchAmount)
	case r.SpTradeNo == "":
		return payment.RefundReport{}, provider.Errorf(provider.NotSupported, opRefund,
			"VR Payment's own number of this payment is not known; refund it at VR Payment's desk")
	}
	form := url.Values{"amount": {amount}, "currency": {r.Fee.Currency}, "paymentType": {"RF"}}
	a, err := p.call(ctx, opRefund, http.MethodPost, "/v1/payments/"+url.PathEscape(r.SpTradeNo), form)
	if err != nil {
		return payment.RefundReport{}, err
	}
	c := p.classify(a.code)
	switch {
	case c.means != success && c.means != review && c.means != pending && (c.means != uncertain || a.members["id"] == ""):
		return payment.RefundReport{}, p.refused(opRefund, a, c, false)
	case a.members["id"] == "":
		return payment.RefundReport{}, provider.Errorf(provider.Unknown, opRefund, "the answer does not name the refund")
	}
	return refundReport(opRefund, a, c, r)
}

// QueryRefund asks what became of a refund, by its own number.
func (p *Processor) QueryRefund(ctx context.Context, r provider.Refund) (payment.RefundReport, error) {
	if r.RefundID == "" {
		return payment.RefundReport{}, provider.Errorf(provider.NotSupported, opQueryRefund,
			"VR Payment's number of this refund is not known; look for it at VR Payment's desk")
	}
	a, err := p.byID(ctx, opQueryRefund, r.RefundID)
	if err != nil {
		return payment.RefundReport{}, err
	}
	return refundReport(opQueryRefund, a, p.classify(a.code), r)
}

// refundReport translates an answer about a refund, if it is about this one.
func refundReport(op string, a answer, c class, r provider.Refund) (payment.RefundReport, error) {
	if a.differs("paymentType", "RF") || a.differs("referencedId", r.SpTradeNo) || !a.costs(r.Fee) {
		return payment.RefundReport{}, provider.Errorf(provider.Unknown, op, "the answer is not about this refund")
	}
	return payment.RefundReport{
		Status: refundStates[c.means], Word: wire.Clip(a.code), No: r.No,
		OutRefundNo: r.OutRefundNo, RefundID: a.members["id"], Fee: r.Fee,
	}, nil
}
