// Package providertest is the one conformance suite that every processor passes.
// It puts the processor's package in front of its simulated twin, in process and
// under a clock that only the suite moves, and checks all that [provider] promises
// and all that the [provider.Descriptor] declares. What a processor does not
// declare it must refuse; nothing is skipped silently. It must not know any single
// processor.
//
//	func TestConformance(t *testing.T) {
//		providertest.Run(t, providertest.Harness{
//			Descriptor:  yaband.Descriptor,
//			Twin:        sandbox.NewYaband,
//			WrongSecret: map[string]any{"key": "not-the-key-of-the-twin"},
//		})
//	}
package providertest

import (
	"testing"

	"overseaspay/shared/provider"
	"overseaspay/shared/sandbox"
)

// Harness is what the suite needs to know of a processor.
type Harness struct {
	Descriptor provider.Descriptor

	// Twin makes the simulated processor. Its settings are the account's.
	Twin func(sandbox.Env) sandbox.Twin

	// Settings replaces some of the twin's settings, for another way of working that
	// the twin knows too; a nil value removes one. It may be nil.
	Settings map[string]any

	// WrongSecret replaces right settings with well-formed wrong ones: all that sign
	// requests and all that verify notices.
	WrongSecret map[string]any

	// FetchesKeys says that what verifies notices is fetched with these secrets: with
	// wrong ones nobody can say whether a notice is genuine.
	FetchesKeys bool

	// AppID is the mini-program; "": the sandbox's demo one.
	AppID string

	// Currencies to pay in, the first is the usual one; nil: what the descriptor
	// declares, and EUR if it declares none.
	Currencies []string
}

// topics are the chapters of the suite, one file each.
var topics = []struct {
	name  string
	check func(*rig)
}{
	{"Descriptor", checkDescriptor},
	{"Settings", checkSettings},
	{"Create", checkCreate},
	{"Amounts", checkAmounts},
	{"RepeatCreate", checkRepeatCreate},
	{"Query", checkQuery},
	{"QueryByNumber", checkQueryByNumber},
	{"Close", checkClose},
	{"Refund", checkRefund},
	{"RefundAgain", checkRefundAgain},
	{"Desk", checkDesk},
	{"Notice", checkNotice},
	{"RefundNotice", checkRefundNotice},
	{"MutatedNotice", checkMutatedNotice},
	{"Nonsense", checkNonsense},
	{"Faults", checkFaults},
	{"Cancelled", checkCancelled},
	{"WrongSecret", checkWrongSecret},
}

// Run runs the whole suite, every topic in a subtest and a world of its own.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if h.AppID == "" {
		h.AppID = sandbox.DemoAppID
	}
	if h.Currencies == nil {
		h.Currencies = h.Descriptor.Currencies
	}
	if len(h.Currencies) == 0 {
		h.Currencies = []string{"EUR"}
	}
	for _, topic := range topics {
		t.Run(topic.name, func(t *testing.T) {
			t.Parallel()
			topic.check(newRig(t, h))
		})
	}
}
