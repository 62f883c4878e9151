package payment

import "time"

// ReportState is what a processor's word amounts to, after its package has
// translated it. The zero value is Pending: silence and words nobody knows never
// fail an order.
type ReportState string

// What a processor can say about one of its trades.
const (
	Pending  ReportState = ""         // not paid yet, may still be
	Paid     ReportState = "paid"     // captured
	Refunded ReportState = "refunded" // captured, and at least partly given back since
	Over     ReportState = "over"     // closed, expired, cancelled: can no longer be paid
	Refused  ReportState = "refused"  // declined or failed: can no longer be paid
	Unmapped ReportState = "unmapped" // a word that the facts do not know: pending, and counted
)

// Report is a processor's answer or notice about one trade, translated. Members
// the processor does not state stay zero; what is stated is checked.
type Report struct {
	State         ReportState
	Word          string    // the processor's own word for it, for logs and timelines
	Account       string    // the processor's merchant number it speaks for
	No            string    // the merchant's number of the trade, as on the attempt
	Total         Money     // what was captured, in the order's currency; needed with Paid
	SpTradeNo     string    // the processor's number
	TransactionID string    // WeChat's number
	Settlement    Money     // what the shop gets, where that is another currency
	Refunded      Money     // all that has been given back so far
	ChargedBack   bool      // the payer's bank took it back
	PaidAt        time.Time // as the processor says
}

// RefundReport is a processor's answer or notice about one refund, translated.
type RefundReport struct {
	Status      RefundStatus // "" for a word that the facts do not know: still processing, and counted
	Word        string       // the processor's own word
	Account     string       // the processor's merchant number it speaks for
	No          string       // the merchant's number of the trade that is refunded
	SpTradeNo   string       // the processor's number of that trade; either of them names it
	OutRefundNo string       // the merchant's number of the refund
	RefundID    string       // the processor's number of the refund
	Fee         Money        // what is given back, as asked; without a currency, in the order's
	SucceededAt time.Time
}
