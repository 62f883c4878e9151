package supay

import (
	"fmt"
	"maps"
	"slices"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider/internal/wire"
)

// Keys of the settings' "names". Those of a trade are there twice: for the
// gateway's answer as they are, for the bridge's with the prefix onBridge.
const (
	onBridge = "bridge_"

	outerNo  = "outer_no" // our number
	innerNo  = "inner_no" // Supay's
	status   = "status"
	amount   = "amount"
	currency = "currency" // AUD where it is not stated

	refundStatus = "refund_status"
	refundAmount = "refund_amount"
	refundOf     = "refund_of" // the number of the order that is refunded

	typeTrade   = "trade_type"        // value of trade_type in a question about a trade
	typeRefund  = "refund_trade_type" // and about a refund
	cashierURL  = "cashier_url"       // where pay_info is an object that holds a URL
	bridgeQuery = "bridge_query"      // last element of the path
	bridgeDone  = "bridge_refund_result"
)

// defaults are Supay's names as far as they are assumed: the gateway answers as it
// notifies, the bridge as it is asked.
var defaults = map[string]string{
	outerNo: "outer_trade_no", innerNo: "inner_trade_no", status: "trade_status", amount: "trade_amount", currency: "currency",

	onBridge + outerNo: "merchant_trade_no", onBridge + innerNo: "trade_no", onBridge + status: "trade_status",
	onBridge + amount: "total_amount", onBridge + currency: "currency",

	refundStatus: "refund_status", refundAmount: "refund_amount", refundOf: "orig_mch_order_no",

	typeTrade: "TRADE", typeRefund: "REFUND", cashierURL: "mweb_url", bridgeQuery: "get_payment_detail", bridgeDone: "result",
}

// tradeStates are the words for where a trade stands. Only TRADE_SUCCESS is known;
// the others are those of the family that the gateway's names come from.
var tradeStates = map[string]payment.ReportState{
	"TRADE_SUCCESS":  payment.Paid,
	"WAIT_BUYER_PAY": payment.Pending,
	"TRADE_CLOSED":   payment.Over,
	"TRADE_FAILED":   payment.Refused,
}

// refundStates are the words for where a refund stands. A word for failure is not
// guessed: it would free the money for a second refund.
var refundStates = map[string]payment.RefundStatus{
	"REFUND_SUCCESS":    payment.RefundSuccess,
	"REFUND_PROCESSING": payment.RefundProcessing,
}

// bridgeRefunds are the words for what became of a bridge's refund, after those of
// the settings' "refund_states".
var bridgeRefunds = map[string]payment.RefundStatus{
	"SUCCESS": payment.RefundSuccess,
	"FAIL":    payment.RefundClosed,
	"FAILED":  payment.RefundClosed,
}

// meanings are the values of the settings' "states".
var meanings = map[string]payment.ReportState{
	"paid": payment.Paid, "pending": payment.Pending, "over": payment.Over, "refused": payment.Refused,
}

// words lays an account's own names and words over the defaults.
func (c *client) words(s settings) error {
	c.names, c.states, c.refundStates = maps.Clone(defaults), maps.Clone(tradeStates), maps.Clone(refundStates)
	for _, key := range slices.Sorted(maps.Keys(s.Names)) {
		if defaults[key] == "" || s.Names[key] == "" {
			return fmt.Errorf("names.%s: no such name, or empty", key)
		}
		c.names[key] = s.Names[key]
	}
	for _, word := range slices.Sorted(maps.Keys(s.States)) {
		state, ok := meanings[s.States[word]]
		if !ok || word == "" {
			return fmt.Errorf("states.%s: must be paid, pending, over or refused", word)
		}
		c.states[word] = state
	}
	possible := []payment.RefundStatus{payment.RefundSuccess, payment.RefundProcessing, payment.RefundClosed, payment.RefundAbnormal}
	for _, word := range slices.Sorted(maps.Keys(s.RefundStates)) {
		if !slices.Contains(possible, s.RefundStates[word]) || word == "" {
			return fmt.Errorf("refund_states.%s: must be SUCCESS, PROCESSING, CLOSED or ABNORMAL", word)
		}
		c.refundStates[word] = s.RefundStates[word]
	}
	return nil
}

// state translates a trade's word; one that nobody knows is pending, and counted.
func (c *client) state(word string) payment.ReportState {
	state, known := c.states[word]
	if !known {
		c.counted("unmapped", "supay: trade state "+wire.Clip(word))
		return payment.Unmapped
	}
	return state
}

// refundState translates a refund's word; one that nobody knows is counted and
// changes nothing.
func (c *client) refundState(word string) payment.RefundStatus {
	state, known := c.refundStates[word]
	if !known {
		c.counted("unmapped", "supay: refund state "+wire.Clip(word))
	}
	return state
}
