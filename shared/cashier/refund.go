package cashier

import (
	"context"
	"unicode/utf8"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// RefundOrder asks for money to go back. RefundFee is in minor units of
// RefundFeeType, by default the account's refund_currency, else the order's.
type RefundOrder struct {
	OutTradeNo    string `json:"out_trade_no"`
	OutRefundNo   string `json:"out_refund_no"`
	RefundFee     *int64 `json:"refund_fee"`
	RefundFeeType string `json:"refund_fee_type"`
	RefundDesc    string `json:"refund_desc"`
}

// Refunding is an order with the refund that was asked about.
type Refunding struct {
	Order  *payment.Order
	Refund *payment.Refund
}

const maxDesc = 80 // characters; what WeChat takes

// Refund gives money back; only the shop's server may. The refund is reserved in
// the order before the processor hears of it. Calling again with the same number
// and amount is the same refund: it is never made twice. On OutcomeUnknown and on
// a retryable Conflict (balance too low) the reservation stands and we go on
// trying, by the rules of the processor.
func (c *Cashier) Refund(ctx context.Context, who Caller, in RefundOrder) (Refunding, error) {
	if err := checkRefund(in); err != nil {
		return Refunding{}, err
	}
	o, err := c.find(ctx, who, Which{OutTradeNo: in.OutTradeNo})
	if err != nil {
		return Refunding{}, err
	}
	if f := o.Refund(in.OutRefundNo); f != nil {
		return c.refundAgain(ctx, who, o, f, in)
	}
	acc, a, fee, err := c.refundFrom(ctx, who, o, in)
	if err != nil {
		return Refunding{}, err
	}
	if acc.RefundAgain == provider.ByLookup {
		// The processor's own total is the baseline that a lost answer is held against.
		if o, err = c.ask(ctx, acc, o, a.No, CallTime, 0); err != nil {
			return Refunding{}, payment.Errorf(payment.ProviderUnavailable, "%s: nothing was refunded, it did not answer; repeat the call", acc.Name).Because(err)
		}
	}
	return c.reserve(ctx, acc, o, payment.Refund{OutRefundNo: in.OutRefundNo, AttemptNo: a.No, Fee: fee, Desc: in.RefundDesc})
}

// refundAgain is a refund that exists: the same amount is the same refund, whatever
// the config item says of refunds today.
func (c *Cashier) refundAgain(ctx context.Context, who Caller, o *payment.Order, f *payment.Refund, in RefundOrder) (Refunding, error) {
	if *in.RefundFee != f.Fee.Amount || in.RefundFeeType != "" && in.RefundFeeType != f.Fee.Currency {
		return Refunding{}, payment.Errorf(payment.Conflict, "out_refund_no %s exists with %s", f.OutRefundNo, f.Fee)
	}
	acc, err := c.account(ctx, who.Merchant, o, o.Attempt(f.AttemptNo))
	if err != nil {
		return Refunding{o, f}, nil // counted; the refund stays as it is
	}
	return c.tendRefund(ctx, acc, o, f.OutRefundNo, AskEvery)
}

// refundFrom picks the capture that a refund comes out of: the first one that has
// room for it.
func (c *Cashier) refundFrom(ctx context.Context, who Caller, o *payment.Order, in RefundOrder) (acc account, a *payment.Attempt, fee payment.Money, err error) {
	from := o.Captures()
	err = payment.Errorf(payment.Conflict, "order %s is %s: nothing to refund", o.OutTradeNo, o.TradeState)
	for i, a := range from {
		if acc, err = c.account(ctx, who.Merchant, o, a); err != nil {
			continue
		}
		if fee, err = refundFee(acc, o, in); err != nil {
			continue
		}
		if i == len(from)-1 || o.Room(a, fee) == nil {
			return acc, a, fee, nil // without room, reserving it says so
		}
	}
	return acc, nil, fee, err
}

var errOutRefundNo = invalid("out_refund_no: must be 1 to 64 letters, digits, _ or -")

func checkRefund(in RefundOrder) error {
	switch {
	case !IsOutTradeNo(in.OutTradeNo):
		return checkNumber(in.OutTradeNo)
	case !outRefundNo.MatchString(in.OutRefundNo):
		return errOutRefundNo
	case in.RefundFee == nil:
		return invalid("refund_fee: required, in minor units")
	case in.RefundFeeType != "" && checkCurrency("refund_fee_type", in.RefundFeeType) != nil:
		return checkCurrency("refund_fee_type", in.RefundFeeType)
	case utf8.RuneCountInString(in.RefundDesc) > maxDesc || !utf8.ValidString(in.RefundDesc):
		return invalid("refund_desc: must be at most %d characters", maxDesc)
	}
	return checkAmount("refund_fee", *in.RefundFee)
}

// refundFee settles the currency: many accounts give money back in their own
// currency only, whatever the order was in.
func refundFee(acc account, o *payment.Order, in RefundOrder) (payment.Money, error) {
	currency := acc.merchant.RefundCurrency(acc.Name)
	if currency == "" {
		currency = o.Total.Currency
	}
	switch {
	case acc.RefundAgain == "":
		return payment.Money{}, payment.Errorf(payment.Unsupported, "%s cannot refund through its API; use its own desk", acc.Name)
	case in.RefundFeeType != "" && in.RefundFeeType != currency:
		return payment.Money{}, payment.Errorf(payment.Unsupported, "refund_fee_type: this account of %s refunds in %s, not %s", acc.Name, currency, in.RefundFeeType)
	case !acc.PartialRefund && currency == o.Total.Currency && *in.RefundFee != o.Total.Amount:
		return payment.Money{}, payment.Errorf(payment.Unsupported, "refund_fee: %s refunds whole orders only", acc.Name)
	}
	return payment.Money{Amount: *in.RefundFee, Currency: currency}, nil
}

// reserve books the refund under a lease and sends it; of one that exists it says
// how it stands, and goes on with it where that is safe.
func (c *Cashier) reserve(ctx context.Context, acc account, o *payment.Order, r payment.Refund) (Refunding, error) {
	r.Lease, r.LeaseUntil, r.NotifyURL = c.nonce(), c.now().Add(Lease), o.Attempt(r.AttemptNo).NotifyURL
	r.DueAt = r.LeaseUntil
	created := false
	o, err := c.update(ctx, o, func(n *payment.Order) (bool, error) {
		f, fresh, err := n.Reserve(r, acc.RefundAgain != provider.ByNumber, c.now())
		created = err == nil && f.Lease == r.Lease // ours, now or by a save whose answer was lost
		return fresh, err
	})
	if err != nil {
		return Refunding{}, err
	}
	if created {
		return c.sendRefund(ctx, acc, o, r.OutRefundNo, r.Lease)
	}
	return c.tendRefund(ctx, acc, o, r.OutRefundNo, AskEvery)
}

// QueryRefund tells where a refund stands, asking the processor while it is PROCESSING.
func (c *Cashier) QueryRefund(ctx context.Context, who Caller, in RefundOrder) (Refunding, error) {
	if !outRefundNo.MatchString(in.OutRefundNo) {
		return Refunding{}, errOutRefundNo
	}
	o, err := c.find(ctx, who, Which{OutTradeNo: in.OutTradeNo})
	if err != nil {
		return Refunding{}, err
	}
	f := o.Refund(in.OutRefundNo)
	if f == nil {
		return Refunding{}, payment.Errorf(payment.NotFound, "out_refund_no %s: order %s has no such refund", in.OutRefundNo, o.OutTradeNo)
	}
	acc, err := c.account(ctx, who.Merchant, o, o.Attempt(f.AttemptNo))
	if err != nil {
		return Refunding{o, f}, nil // counted; the refund stays as it is
	}
	out, err := c.tendRefund(ctx, acc, o, in.OutRefundNo, AskEvery)
	if out.Order == nil {
		return Refunding{o, f}, err
	}
	return out, nil // an answer that did not come leaves the refund as it was
}
