package providertest

import (
	"bytes"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/sandbox"
)

// noticed pays the usual order and returns what the twin posts about it.
func (r *rig) noticed(o sandbox.PayOptions) post {
	r.Helper()
	r.made(r.usual())
	if _, _, err := r.box.Pay(r.Context(), orderNo, o); err != nil {
		r.Fatal(err)
	}
	return r.posted()
}

// posted returns the only notice that came.
func (r *rig) posted() post {
	r.Helper()
	mail := r.posts.take()
	if len(mail) != 1 {
		r.Fatalf("the processor posted %d notices, want 1", len(mail))
	}
	if mail[0].url != notifyURL {
		r.Errorf("posted to %s, want %s", mail[0].url, notifyURL)
	}
	return mail[0]
}

// understood is a notice that must be genuine.
func (r *rig) understood(in provider.Inbound) provider.Notice {
	r.Helper()
	n, err := r.p.(provider.Notifier).Notice(r.Context(), in)
	if err != nil {
		r.fail("notice", err)
	}
	if n.Probe || len(n.Public) == 0 {
		r.Errorf("probe %v, %d bytes to be kept", n.Probe, len(n.Public))
	}
	r.noSecret("Notice.Public", string(n.Public))
	if bytes.Contains(n.Public, []byte(openID)) {
		r.Error("Notice.Public shows the openid")
	}
	return n
}

// disbelieved is a genuine notice before an account with the wrong secret.
func (r *rig) disbelieved(in provider.Inbound) {
	r.Helper()
	want := provider.Forged
	if r.h.FetchesKeys {
		want = provider.Unknown
	}
	_, err := r.wrong().(provider.Notifier).Notice(r.Context(), in)
	r.kind("with the wrong secret", err, want)
}

// checkNotice reads what the processor posts about payments.
func checkNotice(r *rig) {
	if !rings(r.d.Notices) {
		r.made(r.usual())
		r.pay(orderNo)
		if mail := r.posts.take(); len(mail) > 0 {
			r.Errorf("notices are declared %q, but %d came", r.d.Notices, len(mail))
		}
		return
	}
	signed := r.d.Notices == provider.Signed
	r.under("paid", func(r *rig) {
		n := r.understood(r.noticed(sandbox.PayOptions{}).in)
		checkNoticeReport(r, n, signed)
	})
	r.under("genuine but of another amount", func(r *rig) {
		n := r.understood(r.noticed(sandbox.PayOptions{Amount: 1300}).in)
		if signed && n.Payment.Total != r.price(1300) {
			r.Errorf("it says %v, want %v", n.Payment.Total, r.price(1300))
		}
	})
	r.under("ended unpaid", func(r *rig) {
		r.made(r.usual())
		if _, _, err := r.box.Close(r.Context(), orderNo, ""); err != nil {
			r.Fatal(err)
		}
		for _, m := range r.posts.take() {
			if n := r.understood(m.in); n.Payment.State == payment.Paid || n.Payment.State == payment.Refunded {
				r.Errorf("%+v", n.Payment)
			}
		}
	})
	r.under("wrong secret", func(r *rig) {
		r.disbelieved(r.noticed(sandbox.PayOptions{}).in)
	})
	r.under("acknowledgement", func(r *rig) {
		if a := r.p.(provider.Notifier).Ack(); a.Status < 200 || a.Status > 299 {
			r.Errorf("%+v", a)
		}
	})
}

func checkNoticeReport(r *rig, n provider.Notice, signed bool) {
	r.Helper()
	t, said := r.booked(), n.Payment
	if n.Doorbell == signed || n.Refund != nil {
		r.Errorf("doorbell %v, about a refund %v, but declared %q", n.Doorbell, n.Refund != nil, r.d.Notices)
	}
	if signed && (said.State != payment.Paid || said.No != orderNo || said.Total != r.price(1299) || said.SpTradeNo == "") {
		r.Errorf("%+v", said)
	}
	r.same("account", said.Account, r.p.Account())
	r.same("number", said.No, orderNo)
	r.same("sp_trade_no", said.SpTradeNo, t.SpTradeNo, t.TransactionID)
	r.same("transaction_id", said.TransactionID, t.TransactionID)
	r.near("the time paid", said.PaidAt)
}

// refundNotices refunds the usual order and returns what the twin posts about it.
func (r *rig) refundNotices() (provider.Refund, []post) {
	r.Helper()
	in := r.refund(r.paid(r.usual()), refundNo, 1299)
	r.posts.take()
	r.refunded(in)
	r.box.Settle()
	r.box.Resend(r.Context())
	return in, r.posts.take()
}

// checkRefundNotice reads what the processor posts about refunds.
func checkRefundNotice(r *rig) {
	if r.d.RefundAgain == "" {
		return
	}
	in, mail := r.refundNotices()
	if !rings(r.d.RefundNotices) {
		if len(mail) > 0 {
			r.Errorf("refund notices are declared %q, but %d came", r.d.RefundNotices, len(mail))
		}
		return
	}
	if len(mail) == 0 {
		r.Fatalf("refund notices are declared %q, but none came", r.d.RefundNotices)
	}
	for _, m := range mail {
		n := r.understood(m.in)
		if n.Doorbell != (r.d.RefundNotices == provider.Doorbell) {
			r.Errorf("doorbell %v, but declared %q", n.Doorbell, r.d.RefundNotices)
		}
		switch {
		case n.Refund != nil:
			r.checkRefundReport(in, *n.Refund)
			if !n.Doorbell && (n.Refund.Status != payment.RefundSuccess || n.Refund.Fee != in.Fee) {
				r.Errorf("%+v", *n.Refund)
			}
		case !n.Doorbell:
			r.Error("it is not about a refund")
		}
		r.disbelieved(m.in)
	}
}
