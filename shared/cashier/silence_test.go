package cashier_test

import (
	"testing"
	"time"

	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
)

// TestR5LongSilence: the shopper takes his time, at any moment of the prepay's life,
// and the notice is lost. A sweep each second knows of the payment within a minute.
func TestR5LongSilence(t *testing.T) {
	t.Parallel()
	each(t, processors(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		for _, after := range []time.Duration{10 * time.Second, 200 * time.Second, 13 * time.Minute} {
			r.Switch(t, sp)
			in := cashiertest.Order("ORDER-" + after.String()[:2] + "-" + sp)
			r.MustPay(t, in)
			for range after / time.Second {
				r.Clock.Add(time.Second)
				sweep(t, r, gone{})
			}
			if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{Silent: true}); err != nil {
				t.Fatal(err)
			}
			took := 0
			for ; took < 61 && r.Stored(t, in.OutTradeNo).TradeState != payment.TradeSuccess; took++ {
				r.Clock.Add(time.Second)
				sweep(t, r, gone{})
			}
			if took > 60 {
				t.Errorf("paid after %s, and not known a minute later", after)
			}
		}
	})
}
