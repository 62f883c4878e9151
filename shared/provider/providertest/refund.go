package providertest

import (
	"context"
	"fmt"
	"regexp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/sandbox"
)

// refund is a refund as the cashier asks for it.
func (r *rig) refund(t provider.Trade, no string, amount int64) provider.Refund {
	return provider.Refund{
		Trade: t, OutRefundNo: no, Fee: payment.Money{Amount: amount, Currency: t.Total.Currency},
		Desc: "returned goods", NotifyURL: notifyURL, TimeCreate: r.now,
	}
}

// refunded asks for a refund that must be taken.
func (r *rig) refunded(in provider.Refund) payment.RefundReport {
	r.Helper()
	said, err := r.p.(provider.Refunder).Refund(r.Context(), in)
	if err != nil {
		r.fail("refund", err)
	}
	if said.Status != payment.RefundProcessing && said.Status != payment.RefundSuccess {
		r.Errorf("refund: %+v", said)
	}
	r.checkRefundReport(in, said)
	return said
}

func (r *rig) checkRefundReport(in provider.Refund, said payment.RefundReport) {
	r.Helper()
	r.same("account", said.Account, r.p.Account())
	r.same("number", said.No, in.No)
	r.same("out_refund_no", said.OutRefundNo, in.OutRefundNo)
	r.same("refund_id", said.RefundID, in.RefundID, r.lastRefund().ID)
	if !said.Fee.IsZero() && said.Fee != in.Fee {
		r.Errorf("fee %v, want %v", said.Fee, in.Fee)
	}
	r.near("the time of success", said.SucceededAt)
}

func (r *rig) lastRefund() sandbox.Refund {
	if list := r.booked().Refunds; len(list) > 0 {
		return list[len(list)-1]
	}
	return sandbox.Refund{}
}

// given fails unless the ledger has exactly these refunds.
func (r *rig) given(amounts ...int64) {
	r.Helper()
	var got []int64
	for _, f := range r.booked().Refunds {
		got = append(got, f.Amount)
	}
	if fmt.Sprint(got) != fmt.Sprint(amounts) {
		r.Errorf("the ledger has refunds of %v, want %v", got, amounts)
	}
}

// succeeded settles what is under way and asks until success.
func (r *rig) succeeded(in provider.Refund) {
	r.Helper()
	r.box.Settle()
	said, err := r.p.(provider.Refunder).QueryRefund(r.Context(), in)
	if err != nil {
		r.fail("query refund", err)
	}
	if said.Status != payment.RefundSuccess {
		r.Errorf("query refund: %+v", said)
	}
	r.checkRefundReport(in, said)
}

// checkRefund gives money back in whole and in parts, and never more than was paid.
func checkRefund(r *rig) {
	if r.d.RefundAgain == "" {
		return
	}
	r.under("full", func(r *rig) {
		in := r.refund(r.paid(r.usual()), refundNo, 1299)
		in.RefundID = r.refunded(in).RefundID
		r.given(1299)
		r.succeeded(in)
	})
	r.under("partial", checkPartialRefund)
	r.under("too much", func(r *rig) {
		t := r.paid(r.usual())
		_, err := r.p.(provider.Refunder).Refund(r.Context(), r.refund(t, refundNo, 1300))
		r.kind("refund", err, provider.Declined, provider.NotSupported)
		r.given()
	})
	r.under("another currency", func(r *rig) {
		in := r.refund(r.paid(r.usual()), refundNo, 1299)
		in.Fee.Currency = map[bool]string{true: "EUR", false: "CNY"}[in.Fee.Currency == "CNY"]
		if r.refusedOrSent(in) == nil {
			r.Error("it was given back in a currency that is not the order's")
		}
		r.given()
	})
	r.under("without the processor's number", func(r *rig) {
		in := r.refund(r.paid(r.usual()), refundNo, 1299)
		in.SpTradeNo, in.TransactionID = "", ""
		if err := r.refusedOrSent(in); err != nil && len(r.booked().Refunds) > 0 {
			r.Errorf("given back, but %v", err)
		}
	})
	r.under("unpaid", func(r *rig) {
		t := r.made(r.usual())
		_, err := r.p.(provider.Refunder).Refund(r.Context(), r.refund(t, refundNo, 1299))
		r.kind("refund", err, provider.Declined, provider.NotSupported, provider.NotFound)
		r.given()
	})
}

// advice is how an error that no call was made for tells a shop what it can do.
var advice = regexp.MustCompile(`providers\.|desk|portal`)

// refusedOrSent asks for a refund that a processor need not be able to make. One that
// is not supported must not be sent, and what to do instead must be said.
func (r *rig) refusedOrSent(in provider.Refund) error {
	r.Helper()
	before := r.wire.sent()
	_, err := r.p.(provider.Refunder).Refund(r.Context(), in)
	if err == nil {
		return nil
	}
	r.kind("refund", err, provider.NotSupported, provider.Declined)
	if provider.KindOf(err) != provider.NotSupported {
		return err
	}
	if n := r.wire.sent() - before; n > 0 || !advice.MatchString(err.Error()) {
		r.Errorf("%d requests went out, and a shop is told: %v", n, err)
	}
	return err
}

func checkPartialRefund(r *rig) {
	t := r.paid(r.usual())
	first := r.refund(t, refundNo, 300)
	if !r.d.PartialRefund {
		r.quiet("partial, not declared", func(ctx context.Context) error {
			_, err := r.p.(provider.Refunder).Refund(ctx, first)
			return err
		}, provider.NotSupported)
		return
	}
	first.RefundID = r.refunded(first).RefundID
	r.succeeded(first)
	second := r.refund(t, refundNo+"-2", 999)
	second.Baseline = 300
	second.RefundID = r.refunded(second).RefundID
	r.given(300, 999)
	r.succeeded(second)
	third := r.refund(t, refundNo+"-3", 1)
	third.Baseline = 1299
	_, err := r.p.(provider.Refunder).Refund(r.Context(), third)
	r.kind("one minor unit too much", err, provider.Declined)
	r.given(300, 999)
	said := r.asked(t)
	if said.State != payment.Paid && said.State != payment.Refunded {
		r.Errorf("the trade after its refunds: %+v", said)
	}
	if said.Refunded.Amount != 0 && said.Refunded != t.Total {
		r.Errorf("refunded %v of %v", said.Refunded, t.Total)
	}
}

// checkRefundAgain loses the answer to a refund and looks how it is known again.
func checkRefundAgain(r *rig) {
	if r.d.RefundAgain == "" {
		return
	}
	rf := r.p.(provider.Refunder)
	t := r.paid(r.usual())
	fee := int64(1299)
	if r.d.PartialRefund {
		fee = 400
	}
	in := r.refund(t, refundNo, fee)
	if r.d.RefundAgain != provider.ByNone {
		_, err := rf.QueryRefund(r.Context(), in)
		r.kind("before it was asked for", err, provider.NotFound)
	}
	if err := r.box.Fault(sandbox.Fault{Provider: r.d.Name, Kind: sandbox.FaultLost}); err != nil {
		r.Fatal(err)
	}
	_, err := rf.Refund(r.Context(), in)
	r.kind("with the answer lost", err, provider.Unknown)
	r.given(fee)
	switch r.d.RefundAgain {
	case provider.ByNumber:
		for range 2 {
			r.refunded(in)
		}
		r.succeeded(in)
	case provider.ByLookup:
		r.succeeded(in)
		in.Baseline = fee
		_, err := rf.QueryRefund(r.Context(), in)
		r.kind("after that, another one", err, provider.NotFound)
	case provider.ByNone:
		_, err := rf.QueryRefund(r.Context(), in)
		r.kind("without its number", err, provider.NotSupported, provider.NotFound)
	}
	r.given(fee)
}
