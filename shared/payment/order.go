package payment

import (
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of one order; they keep its item far below the store's 400 KB.
const (
	MaxAttempts = 10
	MaxRefunds  = 50
	MaxNumber   = 32 // characters of an order number, at the merchant and at every processor
)

// Order is one order of a merchant with everything that belongs to it. It is
// stored whole, under a version; see the package comment.
type Order struct {
	Merchant   string     `json:"merchant"`
	OutTradeNo string     `json:"out_trade_no"`
	TradeState TradeState `json:"trade_state"`
	Total      Money      `json:"total"`
	Body       string     `json:"body"`
	Attach     string     `json:"attach,omitempty"`
	OpenID     string     `json:"openid,omitempty"` // the payer who owns it; personal, never logged
	Claim      string     `json:"claim,omitempty"`  // who shows it becomes the owner; until then only
	TimeCreate time.Time  `json:"time_create"`
	TimeExpire time.Time  `json:"time_expire"`
	TimePaid   time.Time  `json:"time_paid,omitzero"`
	TimeClosed time.Time  `json:"time_closed,omitzero"`
	PaidBy     string     `json:"paid_by,omitempty"` // number of the attempt that paid it first
	Flags      []Flag     `json:"flags,omitempty"`
	Attempts   []Attempt  `json:"attempts,omitempty"`
	Refunds    []Refund   `json:"refunds,omitempty"`
	Events     []Event    `json:"events,omitempty"`
	Calls      []Call     `json:"calls,omitempty"`

	// Version counts saves; 0 is an order that was never stored. Only stores set it.
	Version int64 `json:"-"`
}

// Attempt is the order at one processor. Its route (provider, account, numbers,
// URLs) is frozen when it begins, so that it can be asked about, repeated byte
// for byte and refunded whatever the configuration says later.
type Attempt struct {
	No          string       `json:"no"` // the merchant's number at this processor
	Provider    string       `json:"provider"`
	Account     string       `json:"account"` // the merchant number we have there
	Method      Method       `json:"pay_method"`
	State       AttemptState `json:"state"`
	Reason      string       `json:"reason,omitempty"` // why it failed, in the processor's word
	NotifyURL   string       `json:"notify_url"`
	RedirectURL string       `json:"redirect_url,omitempty"`
	ClientIP    string       `json:"client_ip,omitempty"`
	AppID       string       `json:"appid,omitempty"` // the mini-program whose openid pays

	SpTradeNo     string    `json:"sp_trade_no,omitempty"`
	TransactionID string    `json:"transaction_id,omitempty"`
	Settlement    Money     `json:"settlement,omitzero"`
	External      int64     `json:"external_refunded,omitempty"` // given back without us and by total only, in the order's minor units
	TimeBegin     time.Time `json:"time_begin"`
	TimePaid      time.Time `json:"time_paid,omitzero"`

	// What the shopper pays with: one of the two, and when it was made.
	Payment   *PayParams `json:"payment,omitempty"`
	URL       string     `json:"url,omitempty"`
	TimeReply time.Time  `json:"time_reply,omitzero"`

	// A create is leased: until LeaseUntil only the holder of Lease works on it.
	Lease      string    `json:"lease,omitempty"`
	LeaseUntil time.Time `json:"lease_until,omitzero"`

	AskedAt time.Time `json:"asked_at,omitzero"` // last question to the processor
	Asked   int       `json:"asked,omitempty"`   // how many, for the timetable
	DueAt   time.Time `json:"due_at,omitzero"`   // next question
}

// PayParams is what wx.requestPayment takes, to the letter.
type PayParams struct {
	TimeStamp string `json:"timeStamp"` // unix seconds, as text
	NonceStr  string `json:"nonceStr"`
	Package   string `json:"package"` // "prepay_id=..."
	SignType  string `json:"signType"`
	PaySign   string `json:"paySign"`
}

// Refund is one refund of an order. It is reserved in the item before the
// processor hears of it.
type Refund struct {
	OutRefundNo string       `json:"out_refund_no"`
	RefundID    string       `json:"refund_id,omitempty"` // the processor's number
	AttemptNo   string       `json:"attempt_no"`          // the capture that is given back
	Fee         Money        `json:"fee"`
	Desc        string       `json:"desc,omitempty"`
	Status      RefundStatus `json:"status"`
	Reason      string       `json:"reason,omitempty"`
	Baseline    int64        `json:"baseline,omitempty"` // refunded total at the processor before the call
	TimeCreate  time.Time    `json:"time_create"`
	TimeSuccess time.Time    `json:"time_success,omitzero"`
	NotifyURL   string       `json:"notify_url,omitempty"`
	Unsent      bool         `json:"unsent,omitempty"` // the processor certainly has not heard of it
	Doubt       time.Time    `json:"doubt,omitzero"`   // last call of unknown outcome: what is refused after it proves nothing
	Late        bool         `json:"late,omitempty"`   // CLOSED, and it went out after all: it counts as given back
	Lease       string       `json:"lease,omitempty"`
	LeaseUntil  time.Time    `json:"lease_until,omitzero"`
	AskedAt     time.Time    `json:"asked_at,omitzero"`
	Asked       int          `json:"asked,omitempty"`
	DueAt       time.Time    `json:"due_at,omitzero"`
}

// Attempt returns the attempt with a number at its processor, or nil.
func (o *Order) Attempt(no string) *Attempt {
	i := slices.IndexFunc(o.Attempts, func(a Attempt) bool { return a.No == no })
	if i < 0 {
		return nil
	}
	return &o.Attempts[i]
}

// Lead returns the attempt whose provider and numbers are the order's own: the
// one that paid it, else the latest, else nil.
func (o *Order) Lead() *Attempt {
	if o.PaidBy != "" {
		return o.Attempt(o.PaidBy)
	}
	if len(o.Attempts) == 0 {
		return nil
	}
	return &o.Attempts[len(o.Attempts)-1]
}

// Live returns the attempt a shopper may pay through, or nil.
func (o *Order) Live() *Attempt {
	if n := len(o.Attempts); n > 0 && o.Attempts[n-1].State.Live() {
		return &o.Attempts[n-1]
	}
	return nil
}

// Settled reports that no processor has anything more to say about the order.
func (o *Order) Settled() bool {
	open := slices.ContainsFunc(o.Attempts, func(a Attempt) bool { return !a.State.Final() })
	pending := slices.ContainsFunc(o.Refunds, func(r Refund) bool { return r.Status == RefundProcessing })
	return o.TradeState != TradeNotPay && !open && !pending
}

// Begin adds an attempt, whose route the caller has filled in, and leases it. Its
// number is the caller's choice by [Number], else of up to 32 characters. An
// attempt that was live before is watched from now on. It fails with a conflict
// on a closed or paid order and when there were too many attempts.
func (o *Order) Begin(a Attempt, lease string, until, now time.Time) (*Attempt, error) {
	switch {
	case o.TradeState != TradeNotPay:
		return nil, Errorf(Conflict, "order %s is %s and cannot be paid", o.OutTradeNo, o.TradeState)
	case len(o.Attempts) >= MaxAttempts:
		return nil, Errorf(Conflict, "order %s had %d attempts already; make a new order", o.OutTradeNo, MaxAttempts)
	}
	if live := o.Live(); live != nil {
		live.abandon()
	}
	if a.No == "" {
		a.No = Number(o.Merchant, o.OutTradeNo, len(o.Attempts), MaxNumber)
	}
	a.State, a.TimeBegin = Creating, now
	a.Lease, a.LeaseUntil, a.DueAt = lease, until, until
	o.Attempts = append(o.Attempts, a)
	return &o.Attempts[len(o.Attempts)-1], nil
}

// Number is the merchant's number of the nth attempt (from 0) at its processor:
// the order's own for the first, for later ones the order's own, shortened if it
// must be, and eight letters and digits that belong to this order alone. Later
// ones have at most max characters, and are the same whoever computes them.
func Number(merchant, outTradeNo string, n, max int) string {
	if n == 0 {
		return outTradeNo
	}
	sum := sha256.Sum256([]byte(merchant + "/" + outTradeNo + "/" + strconv.Itoa(n)))
	tail := strings.ToLower(base32.HexEncoding.EncodeToString(sum[:5]))
	return outTradeNo[:min(len(outTradeNo), max-len(tail))] + tail
}

// Flag adds a flag once, and tells the shop that there is something to look at.
func (o *Order) Flag(f Flag, now time.Time) bool {
	if slices.Contains(o.Flags, f) {
		return false
	}
	o.Flags = append(o.Flags, f)
	slices.Sort(o.Flags)
	o.emit(PaymentFlagged, "", now)
	o.retell(PaymentFlagged, now)
	return true
}

// Close ends an order that was not paid. Attempts the processor has not ended are watched on.
func (o *Order) Close(now time.Time) bool {
	if !o.move(TradeClosed) {
		return false
	}
	o.TimeClosed = now
	for i := range o.Attempts {
		o.Attempts[i].abandon()
	}
	o.emit(PaymentClosed, "", now)
	return true
}

// abandon stops offering a live attempt to the shopper. What the processor may
// have heard of is watched until its final word.
func (a *Attempt) abandon() {
	switch a.State {
	case Unsent:
		a.State = Ended
	case Creating, Lost, Open:
		a.State = Watched
	}
}

// Clone returns a deep copy, so that a change can be tried and dropped.
func (o *Order) Clone() *Order {
	c := *o
	c.Flags = slices.Clone(o.Flags)
	c.Attempts = slices.Clone(o.Attempts)
	for i, a := range c.Attempts {
		if a.Payment != nil {
			p := *a.Payment
			c.Attempts[i].Payment = &p
		}
	}
	c.Refunds = slices.Clone(o.Refunds)
	c.Events = slices.Clone(o.Events)
	c.Calls = slices.Clone(o.Calls)
	return &c
}
