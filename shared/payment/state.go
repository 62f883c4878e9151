package payment

import "slices"

// TradeState is WeChat Pay's word for where an order stands.
type TradeState string

// Trade states. REFUND means, as WeChat means it, that at least one refund succeeded.
const (
	TradeNotPay  TradeState = "NOTPAY"
	TradeSuccess TradeState = "SUCCESS"
	TradeRefund  TradeState = "REFUND"
	TradeClosed  TradeState = "CLOSED"
)

// transitions is the whole state machine of an order: what it may become. A state
// that is not listed under another cannot be reached from it, whoever says so.
var transitions = map[TradeState][]TradeState{
	TradeNotPay:  {TradeSuccess, TradeRefund, TradeClosed},
	TradeClosed:  {TradeSuccess, TradeRefund}, // money that came late is never refused: it is flagged
	TradeSuccess: {TradeRefund},
	TradeRefund:  {},
}

// Transitions lists every allowed step, for tests and the state diagram.
func Transitions() map[TradeState][]TradeState { return transitions }

// move takes the order to a state if the table allows it, and reports whether it did.
func (o *Order) move(to TradeState) bool {
	if !slices.Contains(transitions[o.TradeState], to) {
		return false
	}
	o.TradeState = to
	return true
}

// Paid reports that the order's money has been captured (and perhaps given back since).
func (s TradeState) Paid() bool { return s == TradeSuccess || s == TradeRefund }

// AttemptState says what we know of one order at one processor.
type AttemptState string

// Attempt states. The first four are live: a shopper may still pay through them,
// and at most one attempt of an order is live.
const (
	Creating AttemptState = "CREATING" // stored, leased, the processor may have heard of it
	Unsent   AttemptState = "UNSENT"   // it certainly has not: the same create may go out again
	Lost     AttemptState = "LOST"     // it may have: the reply never came or could not be believed
	Open     AttemptState = "OPEN"     // it has, and the shopper can pay
	Watched  AttemptState = "WATCHED"  // we are done with it, the processor's final word is not known
	Captured AttemptState = "PAID"     // money was captured through it
	Ended    AttemptState = "CLOSED"   // the processor says that it can no longer be paid
	Failed   AttemptState = "FAILED"   // the processor declined it
)

// Live reports that the attempt is the one a shopper may pay through.
func (s AttemptState) Live() bool {
	return s == Creating || s == Unsent || s == Lost || s == Open
}

// Final reports that nothing more is expected of the attempt. A processor may
// still contradict itself, and a capture is then believed.
func (s AttemptState) Final() bool { return s == Captured || s == Ended || s == Failed }

// RefundStatus is WeChat Pay's word for where a refund stands.
type RefundStatus string

// Refund states. Only PROCESSING can change; ABNORMAL means that the money left
// the shop and could not reach the payer, which a person must see to.
const (
	RefundProcessing RefundStatus = "PROCESSING"
	RefundSuccess    RefundStatus = "SUCCESS"
	RefundClosed     RefundStatus = "CLOSED"
	RefundAbnormal   RefundStatus = "ABNORMAL"
)

// Method is how the shopper pays.
type Method string

// Pay methods of the contract. WeChat pays inside the mini-program, the others on a page.
const (
	WeChat     Method = "wechat"
	Alipay     Method = "alipay"
	PayPal     Method = "paypal"
	IDEAL      Method = "ideal"
	Sofort     Method = "sofort"
	UnionPay   Method = "unionpay"
	Card       Method = "card"
	Bancontact Method = "bancontact"
)

// Methods are all pay methods, in the order they are offered.
var Methods = []Method{WeChat, Alipay, PayPal, IDEAL, Sofort, UnionPay, Card, Bancontact}

// Flag marks what a person should look at. Flags are only ever added.
type Flag string

// Flags of the contract.
const (
	AmountMismatch   Flag = "amount_mismatch"   // a capture of another amount was reported
	CurrencyMismatch Flag = "currency_mismatch" // a capture in another currency was reported
	SecondCapture    Flag = "second_capture"    // two attempts were paid: give one back
	LatePayment      Flag = "late_payment"      // paid after the order was closed
	NumberConflict   Flag = "number_conflict"   // a processor gave one attempt two numbers
	RefundUncertain  Flag = "refund_uncertain"  // a refund may or may not have happened
	ExternalRefund   Flag = "external_refund"   // refunded at the processor's own desk
	ChargedBack      Flag = "charged_back"      // the payer's bank took the money back
)
