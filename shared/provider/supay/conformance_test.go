package supay

import (
	"testing"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/providertest"
	"overseaspay/shared/sandbox"
)

var wrongSecret = map[string]any{"key": "not-the-key-of-the-twin", "bridge_key": "not-the-code-of-the-twin"}

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Harness{Descriptor: Descriptor, Twin: sandbox.NewSupay, WrongSecret: wrongSecret})
}

// plainSide is an account without its refunds, which the bridge cannot be asked about.
type plainSide struct {
	provider.Provider
	provider.Notifier
}

// The suite asks by the first method, which is the gateway's; here it is the
// bridge's, as if that were a processor of its own.
func TestConformanceOfTheBridge(t *testing.T) {
	d := Descriptor
	d.Methods = []payment.Method{payment.Alipay, payment.WeChat, payment.Card}
	d.Notices, d.RefundNotices, d.RefundAgain, d.PartialRefund = provider.Doorbell, provider.Silent, "", false
	d.New = func(cfg provider.Config) (provider.Provider, error) {
		p, err := New(cfg)
		if err != nil {
			return nil, err
		}
		return plainSide{p, p.(provider.Notifier)}, nil
	}
	providertest.Run(t, providertest.Harness{Descriptor: d, Twin: sandbox.NewSupay, WrongSecret: wrongSecret})
}
