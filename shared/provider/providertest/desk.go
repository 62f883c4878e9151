package providertest

import (
	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// checkDesk gives money back at the processor's own desk, first a part, then the
// rest: a captured trade stays one, and the amounts are told just as declared.
func checkDesk(r *rig) {
	t := r.paid(r.usual())
	t.Paid = true
	told := make(map[string]bool) // numbers of refunds that notices told of
	for _, given := range []int64{300, 1299} {
		fee := given - r.booked().Refunded()
		r.posts.take()
		if _, _, err := r.box.Refund(r.Context(), orderNo, "", fee); err != nil {
			r.Fatal(err)
		}
		said := r.asked(t)
		if said.State != payment.Paid && said.State != payment.Refunded || said.Total != t.Total {
			r.Errorf("with %d given back: %+v", given, said)
		}
		byNotice := deskNotices(r, fee, told)
		byQuery := said.Refunded.Amount != 0
		if byQuery && (said.Refunded != r.price(given) || said.State != payment.Refunded) {
			r.Errorf("with %d given back: %+v", given, said)
		}
		switch d := r.d.DeskRefunds; {
		case byQuery != (d == provider.DeskByQuery):
			r.Errorf("declared %q, but the answer states %v with %d given back", d, said.Refunded, given)
		case byNotice != (d == provider.DeskByNotice):
			r.Errorf("declared %q, but a notice that is believed: %v", d, byNotice)
		}
	}
}

// deskNotices reads what was posted about a refund of the desk's, and reports
// whether that says all: a number that is the refund's own, and its amount.
func deskNotices(r *rig, fee int64, told map[string]bool) (believed bool) {
	r.Helper()
	for _, m := range r.posts.take() {
		n := r.understood(m.in)
		f := n.Refund
		if n.Doorbell || f == nil {
			continue
		}
		r.same("number", f.No, orderNo)
		r.same("refund_id", f.RefundID, r.lastRefund().ID)
		no := f.OutRefundNo + "/" + f.RefundID
		if f.Status != payment.RefundSuccess || f.Fee != r.price(fee) || no == "/" || told[no] {
			r.Errorf("a refund of %d at the desk: %+v", fee, *f)
		}
		told[no], believed = true, true
	}
	return believed
}
