// Package payment is the domain: what an order is, which states it may take and
// what a processor's word may do to it. It does no I/O, knows no processor, no
// store and no AWS, and never looks at a clock: every function that needs the
// time is told it.
//
// One [Order] is one item of the store and holds everything that belongs to it:
// its attempts at processors, its refunds and the events the shop has still to
// hear. All changes are plain functions on a loaded order, so a use-case is
// always the same three steps: load, apply, save if the version still holds.
//
// A processor's answer or notice arrives here as a [Report]. [Order.Apply] checks
// it against the order (account, order number, amount, currency), moves the
// trade state along the transition table and keeps numbers once learnt:
//
//	changed, err := order.Apply(attempt.No, payment.Report{
//		State: payment.Paid, Total: payment.Money{Amount: 1299, Currency: "EUR"},
//	}, now)
//
// Amounts are int64 minor units with an ISO 4217 currency; decimal strings exist
// only inside a processor's own package, which makes them with [Money.Decimal]
// and reads them with [ParseDecimal].
package payment
