package wechatpay

import (
	"cmp"
	"context"
	"net/http"
	"net/url"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// Refund gives money back in the order's currency. The same out_refund_no is the
// same refund. It is always named by out_trade_no, so that a repeated request is
// the same to the byte even if transaction_id was learnt meanwhile.
func (p *v3) Refund(ctx context.Context, r provider.Refund) (payment.RefundReport, error) {
	op := p.name + ": refund"
	if err := cmp.Or(p.otherCurrency(op, r), p.foreign(op, r.Fee)); err != nil {
		return payment.RefundReport{}, err
	}
	body := v3RefundOrder{
		v3IDs: p.refundIDs(), OutTradeNo: r.No, OutRefundNo: r.OutRefundNo,
		Reason: reason(r.Desc), NotifyURL: r.NotifyURL,
		Amount: v3RefundTotal{Refund: r.Fee.Amount, Total: r.Total.Amount, Currency: r.Fee.Currency},
	}
	return p.refund(ctx, op, http.MethodPost, p.system.refunds, body)
}

// QueryRefund asks by out_refund_no.
func (p *v3) QueryRefund(ctx context.Context, r provider.Refund) (payment.RefundReport, error) {
	path := p.system.refundByNo + url.PathEscape(r.OutRefundNo)
	switch {
	case p.system.overseas:
		path += p.query()
	case p.sp:
		path += "?sub_mchid=" + p.set.SubMchID
	}
	return p.refund(ctx, p.name+": queryrefund", http.MethodGet, path, nil)
}

func (p *v3) refund(ctx context.Context, op, method, path string, body any) (payment.RefundReport, error) {
	var answer v3Refund
	if err := p.call(ctx, op, method, path, body, &answer); err != nil {
		return payment.RefundReport{}, err
	}
	return p.refundReport(answer, answer.Status), nil
}

// refundIDs names the account in a refund: on the mainland only a provider says
// for whom, overseas everybody does, with appids.
func (p *v3) refundIDs() v3IDs {
	switch {
	case p.system.overseas:
		return p.ids(p.appIDs[0])
	case p.sp:
		return v3IDs{SubMchID: p.set.SubMchID}
	}
	return v3IDs{}
}

// refundReport translates a refund. Its status has another name in notices.
func (p *v3) refundReport(a v3Refund, status string) payment.RefundReport {
	r := payment.RefundReport{
		Status: p.refundState(v3RefundStates, status), Word: wire.Clip(status), Account: a.account(),
		No: a.OutTradeNo, OutRefundNo: a.OutRefundNo, RefundID: cmp.Or(a.RefundID, a.ID),
		SucceededAt: moment(a.SuccessTime),
	}
	if a.Amount != nil {
		// One without a currency is in the order's.
		r.Fee = cmp.Or(p.money(a.Amount.Refund, a.Amount.Currency), payment.Money{Amount: a.Amount.Refund})
	}
	return r
}
