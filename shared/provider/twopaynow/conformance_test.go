package twopaynow_test

import (
	"testing"

	"overseaspay/shared/provider/providertest"
	"overseaspay/shared/provider/twopaynow"
	"overseaspay/shared/sandbox"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Harness{
		Descriptor: twopaynow.Descriptor, Twin: sandbox.NewTwoPayNow,
		WrongSecret: map[string]any{"key": "not-the-key-of-the-twin"},
	})
}
