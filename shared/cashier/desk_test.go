package cashier_test

import (
	"slices"
	"testing"
	"time"

	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/all"
)

// What a processor's own desk gives back appears by itself, counted and flagged,
// where its descriptor says so; elsewhere the order stays as it is.
func TestDeskRefundsAppear(t *testing.T) {
	t.Parallel()
	each(t, processors(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		no := paid(t, r, sp)
		seen := all.Registry()[sp].DeskRefunds != provider.DeskUnseen
		for _, step := range []struct {
			fee, given int64
			wait       time.Duration // until the order is looked at after its payment
		}{{300, 300, 61 * time.Minute}, {999, 1299, 6 * time.Hour}} {
			if _, _, err := r.Box.Refund(t.Context(), no, sp, step.fee); err != nil {
				t.Fatal(err)
			}
			r.Clock.Add(step.wait)
			sweep(t, r, gone{})
			state, given := payment.TradeSuccess, int64(0)
			if seen {
				state, given = payment.TradeRefund, step.given
			}
			v := r.Stored(t, no).View()
			if v.TradeState != state || v.RefundedFee != given || slices.Contains(v.Flags, payment.ExternalRefund) != seen {
				t.Errorf("with %d given back at the desk: %+v", step.given, v)
			}
		}
		if seen {
			_, err := refund(r, t, no, "R-1", 1)
			want(t, err, payment.Conflict, "left")
		}
	})
}
