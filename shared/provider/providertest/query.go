package providertest

import (
	"context"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// checkQuery follows trades through their states at the processor.
func checkQuery(r *rig) {
	for _, m := range r.d.Methods {
		r.under("paid by "+string(m), func(r *rig) {
			in := r.order(orderNo, m, r.price(12900))
			t := r.made(in)
			if said := r.asked(t); said.State != payment.Pending {
				r.Errorf("unpaid: %+v", said)
			}
			r.pay(in.No)
			checkPaid(r, t, r.asked(t))
		})
	}
	r.under("closed", func(r *rig) {
		t := r.made(r.usual())
		if _, _, err := r.box.Close(r.Context(), orderNo, ""); err != nil {
			r.Fatal(err)
		}
		if said := r.asked(t); said.State != payment.Over && said.State != payment.Refused {
			r.Errorf("closed: %+v", said)
		}
	})
	r.under("failed", func(r *rig) {
		t := r.made(r.usual())
		if _, _, err := r.box.Fail(r.Context(), orderNo, ""); err != nil {
			r.Fatal(err)
		}
		said := r.asked(t)
		if said.State != payment.Refused && said.State != payment.Over && said.State != payment.Pending {
			r.Errorf("failed: %+v", said)
		}
	})
	r.under("account is stable", func(r *rig) {
		before := r.p.Account()
		r.paid(r.usual())
		if r.p.Account() != before || before != r.booked().Account {
			r.Errorf("account %q, then %q, in the ledger %q", before, r.p.Account(), r.booked().Account)
		}
	})
}

// checkPaid holds a report against the ledger.
func checkPaid(r *rig, asked provider.Trade, said payment.Report) {
	r.Helper()
	t := r.booked()
	if said.State != payment.Paid || said.Total != asked.Total {
		r.Errorf("paid %v: %+v", asked.Total, said)
	}
	if said.Word == "" {
		r.Error("the processor's own word is missing")
	}
	r.same("account", said.Account, r.p.Account())
	r.same("number", said.No, asked.No)
	r.same("sp_trade_no", said.SpTradeNo, t.SpTradeNo, t.TransactionID)
	r.same("transaction_id", said.TransactionID, t.TransactionID)
	if asked.SpTradeNo == "" && said.SpTradeNo == "" {
		r.Error("neither create nor query tells the processor's number")
	}
	if said.Refunded.Amount != 0 || said.ChargedBack {
		r.Errorf("nothing was given back: %+v", said)
	}
	r.near("the time paid", said.PaidAt)
}

// checkQueryByNumber asks with the merchant's number alone, as after a lost answer.
func checkQueryByNumber(r *rig) {
	in := r.usual()
	t := r.made(in)
	t.SpTradeNo, t.TransactionID = "", ""
	if !r.d.QueryByNumber {
		r.quiet("by number, not declared", func(ctx context.Context) error {
			_, err := r.p.Query(ctx, t)
			return err
		}, provider.NotSupported)
		return
	}
	if said := r.asked(t); said.State != payment.Pending {
		r.Errorf("unpaid: %+v", said)
	}
	r.pay(in.No)
	checkPaid(r, t, r.asked(t))
	t.No = "ORDERNOBODYMADE1"
	_, err := r.p.Query(r.Context(), t)
	r.kind("unknown number", err, provider.NotFound)
}
