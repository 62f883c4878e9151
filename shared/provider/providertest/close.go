package providertest

import (
	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/sandbox"
)

// checkClose closes unpaid, closed, paid and unknown trades. Processors that cannot
// close without the risk of voiding a capture do not satisfy [provider.Closer].
func checkClose(r *rig) {
	if _, can := r.p.(provider.Closer); !can {
		return
	}
	r.under("unpaid, twice", func(r *rig) {
		c, t := r.p.(provider.Closer), r.made(r.usual())
		for _, what := range []string{"close", "close again"} {
			if err := c.Close(r.Context(), t); err != nil {
				r.fail(what, err)
			}
		}
		if got := r.booked().State; got != sandbox.Closed {
			r.Errorf("the ledger says %s", got)
		}
		if said := r.asked(t); said.State != payment.Over && said.State != payment.Refused {
			r.Errorf("query: %+v", said)
		}
	})
	r.under("paid", func(r *rig) {
		c, t := r.p.(provider.Closer), r.made(r.usual())
		r.pay(orderNo)
		r.kind("close", c.Close(r.Context(), t), provider.AlreadyPaid)
		if got := r.booked(); got.State != sandbox.Paid || got.Refunded() != 0 {
			r.Errorf("the capture was voided: %+v", got)
		}
	})
	r.under("unknown", func(r *rig) {
		if !r.d.QueryByNumber {
			return
		}
		t := provider.Trade{No: "ORDERNOBODYMADE1", Method: r.d.Methods[0], Total: r.price(1299), TimeBegin: r.now}
		if err := r.p.(provider.Closer).Close(r.Context(), t); err != nil {
			r.fail("close", err)
		}
	})
}
