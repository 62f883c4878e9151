// Package provider is the dispatch package: the one shape that every payment
// processor is seen through, the list of what each can do, and the kinds of
// errors they answer with. It must not know the cashier, a store, or any single
// processor's wire format; each processor lives in a folder of its own below and
// translates, stores nothing and decides nothing.
//
// A processor must satisfy [Provider]; what else it can do it shows by satisfying
// further small interfaces ([Closer], [Refunder], [Notifier], [Signer]) and by
// declaring facts about itself in its [Descriptor]. The cashier asks with a type
// assertion:
//
//	if c, ok := p.(provider.Closer); ok {
//		err := c.Close(ctx, trade)
//	}
//
// Every call is bounded by its context, safe for concurrent use, and ends in one
// of three outcomes: done (nil error), declined (an error of a definite [Kind]),
// or unknown (kind [Unknown]: the processor may or may not have done it).
// Implementations never repeat a call by themselves unless it was certainly not
// sent or the processor's documentation calls it idempotent.
package provider

import (
	"context"
	"net/http"
	"time"

	"overseaspay/shared/payment"
)

// Provider is one merchant account at one processor.
type Provider interface {
	// Account is the merchant number at the processor. Attempts remember it, and
	// old orders find their account by it.
	Account() string

	// Create makes the order at the processor, or makes the identical order again
	// where the descriptor says RepeatCreate.
	Create(context.Context, Create) (Created, error)

	// Query asks where a trade stands. It never fails an order: a word it does not
	// know is [payment.Unmapped], an order the processor does not know is kind [NotFound].
	Query(context.Context, Trade) (payment.Report, error)
}

// Closer can end an unpaid trade at the processor, without any risk of voiding
// one that was paid meanwhile: that is answered with kind [AlreadyPaid].
// Closing a trade that is closed already, or that never existed, succeeds.
type Closer interface {
	Close(context.Context, Trade) error
}

// Refunder can give money back and say later what became of it.
type Refunder interface {
	// Refund asks for a refund. Repeating it is safe only where the descriptor says
	// [ByNumber]. A balance that is too low for now is kind [NotEnough].
	Refund(context.Context, Refund) (payment.RefundReport, error)

	// QueryRefund asks what became of a refund; kind [NotFound] if the processor
	// does not know it. Where the descriptor says [ByLookup] the answer is derived
	// from the refunded total and the refund's Baseline.
	QueryRefund(context.Context, Refund) (payment.RefundReport, error)
}

// Notifier understands what the processor posts.
type Notifier interface {
	// Notice verifies and translates. Errors are of kind [Forged] or [Malformed]; of
	// kind [Unknown] if it cannot be verified now, as what it takes is out of reach:
	// it may be genuine, and must come again.
	// What it returns is genuine, but says only as much as its signature covers.
	Notice(context.Context, Inbound) (Notice, error)

	// Ack is the processor's own acknowledgement.
	Ack() Reply
}

// Signer makes the parameters for wx.requestPayment afresh from a stored set whose
// package is still good, for processors that let the merchant sign them.
type Signer interface {
	Sign(payment.PayParams) (payment.PayParams, error)
}

// Taker is an account that takes fewer currencies than its processor does. Takes
// returns an error of kind [NotSupported] for the others, so that nothing is stored
// of an order that cannot be paid.
type Taker interface {
	Takes(currency string) error
}

// Create is what a new trade is made of. Every member is frozen on the attempt,
// so that the same call can be made again, byte for byte.
type Create struct {
	No          string         // merchant's number of the trade
	Method      payment.Method // one of the descriptor's
	Total       payment.Money
	Body        string // what the payer sees, up to 127 characters
	Attach      string // echoed where the processor can
	AppID       string // the mini-program that OpenID belongs to
	OpenID      string // the payer; set for payments inside the mini-program
	ClientIP    string // the payer's address, never empty
	NotifyURL   string // exactly where notices are to go
	RedirectURL string // where the browser comes back to; set for payment pages if the caller gave one
	TimeCreate  time.Time
	TimeExpire  time.Time // last moment to pay, within the descriptor's limits
}

// Created is a trade that the shopper can now pay: with Payment inside the
// mini-program, or at URL.
type Created struct {
	SpTradeNo     string // the processor's number, if it gives one this early
	TransactionID string
	Payment       *payment.PayParams
	URL           string
}

// Trade names a trade in a question about it.
type Trade struct {
	No            string
	SpTradeNo     string // may be empty: the create's answer was lost
	TransactionID string
	Method        payment.Method
	Total         payment.Money
	TimeBegin     time.Time
	Paid          bool // captured, as we know already: asked is what became of the money since
}

// Refund names a refund, new or known.
type Refund struct {
	Trade
	OutRefundNo string
	RefundID    string        // the processor's number, once known
	Fee         payment.Money // to give back
	Desc        string
	NotifyURL   string
	Baseline    int64     // minor units already refunded at the processor before this one
	TimeCreate  time.Time // when it was reserved
}

// Inbound is a notice as it came in: headers with canonical names, the exact bytes.
type Inbound struct {
	Method string
	Query  string // raw query string
	Header http.Header
	Body   []byte
}

// Notice is a genuine notice, translated: about a payment, or (Refund set) about a
// refund, or neither (Probe).
type Notice struct {
	// Doorbell says that the signature does not cover order number and amount, or
	// that there is none: it may only cause a question.
	Doorbell bool
	// Probe is a test call that wants nothing but the acknowledgement.
	Probe   bool
	Payment payment.Report
	Refund  *payment.RefundReport
	// Public is the notice without anything secret or personal, to be kept.
	Public []byte
}

// Reply is an HTTP answer.
type Reply struct {
	Status      int
	ContentType string
	Body        string
}
