package payment

import "time"

// View is an order as callers and the shop see it: every member always there,
// empty as "", 0 or [].
type View struct {
	Merchant          string       `json:"merchant"`
	OutTradeNo        string       `json:"out_trade_no"`
	Provider          string       `json:"provider"`
	SpTradeNo         string       `json:"sp_trade_no"`
	TransactionID     string       `json:"transaction_id"`
	TradeState        TradeState   `json:"trade_state"`
	PayMethod         Method       `json:"pay_method"`
	TotalFee          int64        `json:"total_fee"` // minor units, like all *_fee
	FeeType           string       `json:"fee_type"`
	SettlementFee     int64        `json:"settlement_fee"`
	SettlementFeeType string       `json:"settlement_fee_type"`
	RefundedFee       int64        `json:"refunded_fee"`
	RefundedFeeType   string       `json:"refunded_fee_type"`
	Body              string       `json:"body"`
	Attach            string       `json:"attach"`
	TimeCreate        string       `json:"time_create"` // RFC 3339 in UTC, like all times
	TimeExpire        string       `json:"time_expire"`
	TimePaid          string       `json:"time_paid"`
	Flags             []Flag       `json:"flags"`
	Refunds           []RefundView `json:"refunds"`
}

// RefundView is a refund as callers and the shop see it.
type RefundView struct {
	OutRefundNo   string       `json:"out_refund_no"`
	RefundID      string       `json:"refund_id"`
	RefundFee     int64        `json:"refund_fee"`
	RefundFeeType string       `json:"refund_fee_type"`
	Status        RefundStatus `json:"status"`
	TimeCreate    string       `json:"time_create"`
	TimeSuccess   string       `json:"time_success"`
}

// View makes the public picture of an order. It holds no openid, claim or attempt.
func (o *Order) View() View {
	refunded := o.RefundedTotal()
	v := View{
		Merchant: o.Merchant, OutTradeNo: o.OutTradeNo, TradeState: o.TradeState,
		TotalFee: o.Total.Amount, FeeType: o.Total.Currency,
		RefundedFee: refunded.Amount, RefundedFeeType: refunded.Currency,
		Body: o.Body, Attach: o.Attach,
		TimeCreate: stamp(o.TimeCreate), TimeExpire: stamp(o.TimeExpire), TimePaid: stamp(o.TimePaid),
		Flags: append([]Flag{}, o.Flags...), Refunds: make([]RefundView, len(o.Refunds)),
	}
	if a := o.Lead(); a != nil {
		v.Provider, v.PayMethod, v.SpTradeNo, v.TransactionID = a.Provider, a.Method, a.SpTradeNo, a.TransactionID
		v.SettlementFee, v.SettlementFeeType = a.Settlement.Amount, a.Settlement.Currency
	}
	for i := range o.Refunds {
		v.Refunds[i] = o.Refunds[i].View()
	}
	return v
}

// View makes the public picture of a refund.
func (r *Refund) View() RefundView {
	return RefundView{
		OutRefundNo: r.OutRefundNo, RefundID: r.RefundID, RefundFee: r.Fee.Amount, RefundFeeType: r.Fee.Currency,
		Status: r.Status, TimeCreate: stamp(r.TimeCreate), TimeSuccess: stamp(r.TimeSuccess),
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
