package cashier

import (
	"cmp"
	"context"
	"errors"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// tendRefund takes a PROCESSING refund one step on: it sends what certainly did
// not go out, and asks about what did. A number that the processor knows again,
// or a total that has not moved, is sent once more; anything else is left alone.
// Who comes too early, or second, leaves it as it is.
func (c *Cashier) tendRefund(ctx context.Context, acc account, o *payment.Order, no string, every time.Duration) (Refunding, error) {
	out, err := c.stepRefund(ctx, acc, o, no, every)
	if errors.Is(err, errAsked) {
		err = nil
	}
	return out, err
}

// stepRefund is tendRefund that says so, by errAsked, if it did nothing.
func (c *Cashier) stepRefund(ctx context.Context, acc account, o *payment.Order, no string, every time.Duration) (Refunding, error) {
	f, now := o.Refund(no), c.now()
	switch {
	case f.Status != payment.RefundProcessing:
		return Refunding{o, f}, nil
	case now.Before(f.AskedAt.Add(every)), f.Lease != "" && now.Before(f.LeaseUntil):
		return Refunding{o, f}, errAsked
	}
	if f.Unsent && now.After(f.TimeCreate.Add(payment.NotEnoughFor)) {
		o, err := c.update(ctx, o, func(n *payment.Order) (bool, error) { return n.Refund(no).Unsent && n.FailRefund(no, now), nil })
		return Refunding{o, o.Refund(no)}, err
	}
	if f.Unsent {
		return c.resendRefund(ctx, acc, o, *f)
	}
	held := false
	o, err := c.update(ctx, o, func(n *payment.Order) (bool, error) {
		x := n.Refund(no)
		if held = !now.Before(x.AskedAt.Add(every)); held {
			x.Ask(now, acc.poll())
		}
		return held, nil
	})
	switch {
	case err != nil:
		return Refunding{o, o.Refund(no)}, err
	case !held:
		return Refunding{o, o.Refund(no)}, errAsked
	}
	callCtx, cancel := context.WithTimeout(ctx, CallTime)
	defer cancel()
	f = o.Refund(no)
	was := *f
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
		return c.resendRefund(ctx, acc, o, was)
	case err != nil && hopeless(acc, f, err):
		return c.uncertain(ctx, o, was)
	case err != nil: // a question that failed says nothing of the refund
		return Refunding{o, f}, acc.refundFailed(f, provider.Errorf(provider.Unknown, acc.Name+": query refund", "%w", err))
	case report.Status == "":
		c.count(ctx, "unmapped_status", o, o.Attempt(f.AttemptNo), report.Word)
	}
	var said error
	o, err = c.hear(ctx, o, f.AttemptNo, report.Word, func(n *payment.Order) (changed bool, err error) {
		changed, said = c.heardRefund(n, acc, no, report)
		return n.Called(call) || changed, nil
	})
	if f = o.Refund(no); said != nil {
		c.count(ctx, "foreign_answer", o, o.Attempt(f.AttemptNo), said.Error())
		return Refunding{o, f}, errors.Join(err, acc.refundFailed(f, said))
	}
	return Refunding{o, f}, err
}

// hopeless reports that no question will ever tell what became of a refund: its
// processor gave no number for it, and knows it by no other.
func hopeless(acc account, f *payment.Refund, err error) bool {
	kind := provider.KindOf(err)
	return acc.RefundAgain == provider.ByNone && f.RefundID == "" && (kind == provider.NotFound || kind == provider.NotSupported)
}

// uncertain leaves a refund that went out, and that its processor cannot be asked
// about, to a person: the reservation stays, and nobody sends it again.
func (c *Cashier) uncertain(ctx context.Context, o *payment.Order, was payment.Refund) (Refunding, error) {
	o, err := c.hear(ctx, o, was.AttemptNo, "", func(n *payment.Order) (bool, error) {
		f := n.Refund(was.OutRefundNo)
		if !untouched(f, was) {
			return false, nil
		}
		f.DueAt = time.Time{}
		n.Flag(payment.RefundUncertain, c.now())
		return true, nil
	})
	return Refunding{o, o.Refund(was.OutRefundNo)}, err
}

// untouched reports that a refund is still PROCESSING, that nobody has sent it since
// it stood as in was, and that the processor's number for it has not become known.
func untouched(f *payment.Refund, was payment.Refund) bool {
	return f.Status == payment.RefundProcessing && f.RefundID == was.RefundID && f.Unsent == was.Unsent && f.LeaseUntil.Equal(was.LeaseUntil)
}

// mayResend reports that sending a refund the processor does not know cannot make
// it twice: it would know the number, or its total would have moved by now. One that
// has been given a number there is known, whatever a single answer says.
func (c *Cashier) mayResend(acc account, f *payment.Refund) bool {
	return f.RefundID == "" && (acc.RefundAgain == provider.ByNumber || acc.RefundAgain == provider.ByLookup && !c.now().Before(leaseEnd(acc, f)))
}

// settled is how long after a call's lease the call is certainly over: the clocks of
// two containers may be apart, and a processor may work off later what we gave up.
const settled = 10 * time.Minute

// leaseEnd is when a refund may be sent again. Where the processor would not know it
// again, that is only when the last call is certainly over; asking is safe before.
func leaseEnd(acc account, f *payment.Refund) time.Time {
	if acc.RefundAgain == provider.ByNumber {
		return f.LeaseUntil
	}
	return f.LeaseUntil.Add(settled)
}

// resendRefund leases a refund again and sends it, unless somebody else has done so
// since it stood as in was. One that has certainly not gone out gets a new baseline, where that
// matters.
func (c *Cashier) resendRefund(ctx context.Context, acc account, o *payment.Order, was payment.Refund) (out Refunding, err error) {
	no := was.OutRefundNo
	if was.Unsent && acc.RefundAgain == provider.ByLookup {
		if o, err = c.ask(ctx, acc, o, was.AttemptNo, CallTime, 0); err != nil {
			later, failed := c.update(ctx, o, func(n *payment.Order) (bool, error) {
				f := n.Refund(no)
				mine := untouched(f, was)
				if mine {
					f.Ask(c.now(), acc.poll())
				}
				return mine, nil
			})
			return Refunding{later, later.Refund(no)}, errors.Join(acc.refundFailed(later.Refund(no), err), failed)
		}
	}
	lease, held := c.nonce(), false
	o, err = c.update(ctx, o, func(n *payment.Order) (bool, error) {
		f := n.Refund(no)
		free := untouched(f, was) && (f.Lease == "" || !c.now().Before(leaseEnd(acc, f)))
		if free {
			switch {
			case f.Unsent:
				f.Baseline = n.Certain(n.Attempt(f.AttemptNo))
			case f.Lease != "", f.Doubt.IsZero(): // it has gone out, whatever came of that
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
