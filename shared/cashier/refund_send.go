package cashier

import (
	"cmp"
	"context"
	"errors"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

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
	said := err
	o, saveErr := c.hear(ctx, o, f.AttemptNo, report.Word, func(n *payment.Order) (bool, error) {
		n.Called(call)
		if err == nil {
			_, said = c.heardRefund(n, acc, no, report)
		}
		if x := n.Refund(no); x.Lease == lease && x.Status == payment.RefundProcessing {
			c.bookRefund(n, x, acc, said)
		}
		return true, nil
	})
	err = said
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

// heardRefund books what a processor said of one of our refunds. A number that is
// another order's refund there can be given to none of ours: to WeChat it is unique
// for the whole merchant.
func (c *Cashier) heardRefund(n *payment.Order, acc account, no string, r payment.RefundReport) (bool, error) {
	f := n.Refund(no)
	changed, err := n.ApplyRefund(f.AttemptNo, r, c.now())
	switch {
	case !errors.Is(err, payment.ErrForeign):
		return changed, err
	case acc.RefundAgain == provider.ByNumber && r.No != "" && r.No != f.AttemptNo:
		f.Reason = "the number is another order's refund"
		n.FailRefund(no, c.now())
		return true, provider.Errorf(provider.Declined, acc.Name+": refund", "out_refund_no %s is another order's refund there; use a new number", no)
	}
	return false, provider.Errorf(provider.Unknown, acc.Name+": refund", "the answer is about another refund: %w", err)
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
