package vrpay_test

import (
	"testing"

	"overseaspay/shared/provider/providertest"
	"overseaspay/shared/provider/vrpay"
	"overseaspay/shared/sandbox"
)

func TestConformance(t *testing.T) {
	for name, wrong := range map[string]string{"access_token": "notTheTokenOfTheTwin", "entity_id": "00000000000000000000000000000000"} {
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, providertest.Harness{
				Descriptor:  vrpay.Descriptor,
				Twin:        sandbox.NewVRPay,
				WrongSecret: map[string]any{name: wrong},
				Currencies:  []string{"EUR", "JPY"},
			})
		})
	}
}
