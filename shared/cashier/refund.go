package cashier

import (
	"cmp"
	"context"
	"time"
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
	case !outTradeNo.MatchString(in.OutTradeNo):
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

// sendRefund makes the call for a refund that the caller holds the lease of.
func (c *Cashier) sendRefund(ctx context.Context, acc account, o *payment.Order, no, lease string) (Refunding, error) {
	f := o.Refund(no)
	callCtx, cancel := context.WithTimeout(ctx, CallTime)
	defer cancel()
	var report payment.RefundReport
	err := error(provider.Errorf(provider.NotSent, acc.Name+": refund", "there was no time left to send it"))
	if ctx.Err() == nil {
		report, err = acc.Provider.(provider.Refunder).Refund(callCtx, refundOf(o, f))
	}
	report.OutRefundNo = cmp.Or(report.OutRefundNo, no) // it answers our call
	call := c.called("refund", no, err, report.Word)
	o, saveErr := c.update(ctx, o, func(n *payment.Order) (bool, error) {
		n.Called(call)
		if err == nil {
			if _, e := n.ApplyRefund(f.AttemptNo, report, c.now()); e != nil {
				return false, e
			}
		}
		if x := n.Refund(no); x.Lease == lease && x.Status == payment.RefundProcessing {
			c.bookRefund(n, x, acc, err)
		}
		return true, nil
	})
	c.line(ctx, "refund", o, o.Attempt(f.AttemptNo), err, "out_refund_no", no, "word", report.Word)
	out := Refunding{o, o.Refund(no)}
	if saveErr != nil {
		return out, payment.Errorf(payment.OutcomeUnknown, "the refund's outcome could not be stored; query it").Because(saveErr)
	}
	return out, acc.refundFailed(out.Refund, err)
}

// refundFailed is a refund call's error as the shop sees it. A refund that is still
// PROCESSING is not over, whatever the processor said to this call.
func (acc account) refundFailed(f *payment.Refund, err error) error {
	switch kind := provider.KindOf(err); {
	case err == nil:
		return nil
	case f.Status != payment.RefundProcessing:
		return acc.failed(err)
	case kind == provider.NotEnough:
		return payment.Errorf(payment.Conflict, "%s: the balance does not cover this refund now; it is tried again for 48 h, or repeat it with the same out_refund_no", acc.Name).Retry().Because(err)
	case f.Unsent && kind == provider.Denied:
		return payment.Errorf(payment.ConfigInvalid, "%s refuses our credentials or settings; the refund is booked and tried again for 48 h: mend the config item", acc.Name).Because(err)
	case f.Unsent:
		return payment.Errorf(payment.ProviderUnavailable, "%s cannot be reached now; the refund is booked and tried again for 48 h, or repeat it with the same out_refund_no", acc.Name).Because(err)
	}
	return payment.Errorf(payment.OutcomeUnknown, "%s: it did not answer clearly; query the refund, or repeat it with the same out_refund_no", acc.Name).Because(err)
}

func refundOf(o *payment.Order, f *payment.Refund) provider.Refund {
	return provider.Refund{Trade: trade(o, o.Attempt(f.AttemptNo)), OutRefundNo: f.OutRefundNo, RefundID: f.RefundID, Fee: f.Fee, Desc: f.Desc,
		NotifyURL: f.NotifyURL, Baseline: f.Baseline, TimeCreate: f.TimeCreate}
}

// conclusive is how long ago a call of unknown outcome must have been for the
// processor to know of it, if it ever will: some answer questions from a copy that lags.
const conclusive = time.Hour

// bookRefund writes what a refund's call came to, and when to look again. What is
// refused while an earlier call's outcome is in doubt proves nothing about that call.
func (c *Cashier) bookRefund(o *payment.Order, f *payment.Refund, acc account, err error) {
	now := c.now()
	f.Lease = ""
	f.Ask(now, acc.poll())
	if err == nil {
		return
	}
	f.Reason = clip(err.Error())
	doubt := !f.Doubt.IsZero() && now.Before(f.Doubt.Add(conclusive))
	switch kind := provider.KindOf(err); {
	case kind == provider.Unknown:
		f.Doubt = now
		if acc.RefundAgain == provider.ByNone {
			o.Flag(payment.RefundUncertain, now)
			f.DueAt = time.Time{}
		}
	case kind == provider.NotSent, kind == provider.Busy, kind == provider.Denied, kind == provider.NotEnough:
		f.Unsent = f.Doubt.IsZero()
	case !doubt:
		o.FailRefund(f.OutRefundNo, now)
	}
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

// tendRefund takes a PROCESSING refund one step on: it sends what certainly did
// not go out, and asks about what did. A number that the processor knows again,
// or a total that has not moved, is sent once more; anything else is left alone.
func (c *Cashier) tendRefund(ctx context.Context, acc account, o *payment.Order, no string, every time.Duration) (Refunding, error) {
	f, now := o.Refund(no), c.now()
	if f.Status != payment.RefundProcessing || now.Before(f.AskedAt.Add(every)) || f.Lease != "" && now.Before(f.LeaseUntil) {
		return Refunding{o, f}, nil
	}
	if f.Unsent && now.After(f.TimeCreate.Add(payment.NotEnoughFor)) {
		o, err := c.update(ctx, o, func(n *payment.Order) (bool, error) { return n.FailRefund(no, now), nil })
		return Refunding{o, o.Refund(no)}, err
	}
	if f.Unsent {
		return c.resendRefund(ctx, acc, o, no)
	}
	held := false
	o, err := c.update(ctx, o, func(n *payment.Order) (bool, error) {
		x := n.Refund(no)
		if held = !now.Before(x.AskedAt.Add(every)); held {
			x.Ask(now, acc.poll())
		}
		return held, nil
	})
	if err != nil || !held {
		return Refunding{o, o.Refund(no)}, err
	}
	callCtx, cancel := context.WithTimeout(ctx, CallTime)
	defer cancel()
	f = o.Refund(no)
	report, err := acc.Provider.(provider.Refunder).QueryRefund(callCtx, refundOf(o, f))
	report.OutRefundNo = cmp.Or(report.OutRefundNo, no) // it answers our question
	c.line(ctx, "queryrefund", o, o.Attempt(f.AttemptNo), err, "out_refund_no", no, "word", report.Word)
	call := c.called("queryrefund", no, err, report.Word)
	if err != nil {
		o = c.note(ctx, o, call)
		f = o.Refund(no)
	}
	switch {
	case err != nil && provider.KindOf(err) == provider.NotFound && c.mayResend(acc, f):
		return c.resendRefund(ctx, acc, o, no)
	case err != nil && hopeless(acc, f, err):
		return c.uncertain(ctx, o, no)
	case err != nil: // a question that failed says nothing of the refund
		return Refunding{o, f}, acc.refundFailed(f, provider.Errorf(provider.Unknown, acc.Name+": query refund", "%w", err))
	case report.Status == "":
		c.count(ctx, "unmapped_status", o, o.Attempt(f.AttemptNo), report.Word)
	}
	o, err = c.update(ctx, o, func(n *payment.Order) (bool, error) {
		changed, err := n.ApplyRefund(f.AttemptNo, report, c.now())
		return n.Called(call) || changed, err
	})
	return Refunding{o, o.Refund(no)}, err
}

// hopeless reports that no question will ever tell what became of a refund: its
// processor gave no number for it, and knows it by no other.
func hopeless(acc account, f *payment.Refund, err error) bool {
	kind := provider.KindOf(err)
	return acc.RefundAgain == provider.ByNone && f.RefundID == "" && (kind == provider.NotFound || kind == provider.NotSupported)
}

// uncertain leaves a refund that went out, and that its processor cannot be asked
// about, to a person: the reservation stays, and nobody sends it again.
func (c *Cashier) uncertain(ctx context.Context, o *payment.Order, no string) (Refunding, error) {
	o, err := c.update(ctx, o, func(n *payment.Order) (bool, error) {
		f := n.Refund(no)
		if f.Status != payment.RefundProcessing {
			return false, nil
		}
		f.DueAt = time.Time{}
		n.Flag(payment.RefundUncertain, c.now())
		return true, nil
	})
	return Refunding{o, o.Refund(no)}, err
}

// mayResend reports that sending a refund the processor does not know cannot make
// it twice: it would know the number, or its total would have moved by now.
func (c *Cashier) mayResend(acc account, f *payment.Refund) bool {
	over := f.LeaseUntil
	if f.Lease != "" {
		over = leaseEnd(acc, f)
	}
	return acc.RefundAgain == provider.ByNumber || acc.RefundAgain == provider.ByLookup && f.RefundID == "" && !c.now().Before(over)
}

// clockDrift is how far the clocks of two containers may be apart.
const clockDrift = 10 * time.Minute

// leaseEnd is when a refund may be sent by somebody else than the holder of its
// lease. Where the processor would not know it again, that is only when the holder's
// call is certainly over, whatever the clocks say; asking is safe before.
func leaseEnd(acc account, f *payment.Refund) time.Time {
	if acc.RefundAgain == provider.ByNumber {
		return f.LeaseUntil
	}
	return f.LeaseUntil.Add(clockDrift)
}

// resendRefund leases a refund again and sends it, unless somebody else just did.
// One that has certainly not gone out gets a new baseline, where that matters.
func (c *Cashier) resendRefund(ctx context.Context, acc account, o *payment.Order, no string) (out Refunding, err error) {
	if f := o.Refund(no); f.Unsent && acc.RefundAgain == provider.ByLookup {
		if o, err = c.ask(ctx, acc, o, f.AttemptNo, CallTime, 0); err != nil {
			return Refunding{o, o.Refund(no)}, acc.refundFailed(o.Refund(no), err)
		}
	}
	lease, held := c.nonce(), false
	o, err = c.update(ctx, o, func(n *payment.Order) (bool, error) {
		f := n.Refund(no)
		free := f.Status == payment.RefundProcessing && (f.Lease == "" || !c.now().Before(leaseEnd(acc, f)))
		if free {
			switch {
			case f.Unsent:
				f.Baseline = n.Certain(n.Attempt(f.AttemptNo))
			case f.Lease != "": // whoever held it died, or is still at it
				f.Doubt = c.now()
			}
			f.Lease, f.LeaseUntil, f.Unsent = lease, c.now().Add(Lease), false
			f.DueAt = f.LeaseUntil
		}
		held = f.Lease == lease // now, or by a save whose answer was lost
		return free, nil
	})
	if err != nil || !held {
		return Refunding{o, o.Refund(no)}, err
	}
	return c.sendRefund(ctx, acc, o, no, lease)
}
