package yaband

import (
	"strings"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider/internal/wire"
)

// word is one of YabandPay's states: its number in the documentation, its word on
// the wire, and what it amounts to.
type word[T ~string] struct {
	code, text string
	means      T
}

// tradeStates are the states of a trade.
var tradeStates = []word[payment.ReportState]{
	{"00", "paid", payment.Paid},
	{"01", "authorized", payment.Pending},
	{"02", "pending", payment.Pending},
	{"03", "processing", payment.Pending},
	{"04", "verify", payment.Pending}, // paid, but under risk review: may still be declined
	{"05", "declined", payment.Refused},
	{"06", "failed", payment.Refused},
	{"07", "expired", payment.Over},
	{"08", "cancelled", payment.Over},
	{"08", "canceled", payment.Over}, // an SDK's spelling
	{"23", "refunded", payment.Refunded},
}

// refundStates are the states of a refund. 26 exists, but nobody says what it is.
var refundStates = []word[payment.RefundStatus]{
	{"20", "to-be-approval", payment.RefundProcessing},
	{"21", "refund pending", payment.RefundProcessing}, // balance too low: YabandPay repeats it by itself
	{"22", "refund processing", payment.RefundProcessing},
	{"23", "refunded", payment.RefundSuccess},
	{"24", "refund failed", payment.RefundClosed},
	{"25", "refund error", payment.RefundAbnormal}, // nobody knows where the money is: a person must look
}

// means looks a word up, in any case, and reports whether it is known.
func means[T ~string](table []word[T], said string) (T, bool) {
	said = strings.ToLower(strings.TrimSpace(said))
	for _, w := range table {
		if said == w.text || said == w.code {
			return w.means, true
		}
	}
	return "", false
}

// tradeState translates a trade's word; one that nobody knows is counted.
func (c *client) tradeState(said string) payment.ReportState {
	state, known := means(tradeStates, said)
	if !known {
		c.counted("unmapped", "yaband: trade state "+wire.Clip(said))
		return payment.Unmapped
	}
	return state
}

// refundStatus translates a refund's word; one that nobody knows is counted and
// changes nothing.
func (c *client) refundStatus(said string) payment.RefundStatus {
	status, known := means(refundStates, said)
	if !known {
		c.counted("unmapped", "yaband: refund state "+wire.Clip(said))
	}
	return status
}
