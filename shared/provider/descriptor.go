package provider

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"overseaspay/shared/payment"
)

// Again is how a processor knows a refund that it is asked for a second time.
type Again string

// Ways to know a refund again.
const (
	ByNumber Again = "number" // the same out_refund_no is the same refund: repeat it
	ByLookup Again = "lookup" // ask for the refunded total, compare with the one before
	ByNone   Again = "none"   // not at all: an unknown outcome needs a person
)

// Bell is how far a processor's notices can be believed.
type Bell string

// Kinds of notices.
const (
	Signed   Bell = "signed"   // covers order number and amount
	Doorbell Bell = "doorbell" // only rings
	Silent   Bell = "none"     // never comes
)

// Desk is how a refund that was made at the processor's own desk, without us, is
// known with its amount.
type Desk string

// Ways to know a desk's refunds.
const (
	DeskByQuery  Desk = "query"  // the answer about a paid trade states all that has gone back
	DeskByNotice Desk = "notice" // only its own signed notice states it
	DeskUnseen   Desk = ""       // nothing that is known of the processor tells
)

// Descriptor is what a processor declares about itself: data, not code. The
// capability matrix, the configuration's validation and the cashier's decisions
// are all derived from it.
type Descriptor struct {
	Name   string // as in pay_sp and in notify paths
	Title  string // as people know it
	Source string // where its facts come from

	Methods    []payment.Method // first is the default
	Currencies []string         // that it takes; empty: any

	MinNo, MaxNo int             // characters of an order number; 0: the contract's 6 and 32
	PrepayLife   time.Duration   // how long a created trade can be paid
	MaxOpen      time.Duration   // longest time_expire it can keep; 0: the contract's 7 days
	Poll         []time.Duration // waits between questions, the last one repeats: at most 45 s, see SteadyPoll

	// QueryByNumber: a trade can be asked about by the merchant's number alone.
	QueryByNumber bool
	// RepeatCreate: its facts prove that the identical create is the same trade.
	RepeatCreate bool

	RefundAgain   Again // "" without refunds
	PartialRefund bool
	Notices       Bell
	RefundNotices Bell
	DeskRefunds   Desk

	// Unverified lists what rests on assumptions, in words for its users.
	Unverified []string

	// New makes an account from its settings. It checks them; its errors name the member.
	New func(Config) (Provider, error)
}

// Supports reports whether the processor offers a pay method at all.
func (d *Descriptor) Supports(m payment.Method) bool { return slices.Contains(d.Methods, m) }

// Takes reports whether the processor accepts a currency.
func (d *Descriptor) Takes(currency string) bool {
	return len(d.Currencies) == 0 || slices.Contains(d.Currencies, currency)
}

// Config is what an account is made from.
type Config struct {
	Settings json.RawMessage // its object in the config item, secrets resolved
	AppID    string          // the item's mini-program, where the settings name none
	// AppSecret and WeixinURL are the item's own, for processors behind WeChat's servers.
	AppSecret string
	WeixinURL string
	Currency  string       // the item's currency, where the settings name none
	HTTP      *http.Client // one keep-alive client per process; required
	Now       func() time.Time
	Nonce     func() string // 32 random letters and digits
	// Counted is told of what an operator should see although the call goes on: an
	// unmapped word, an answer whose optional signature does not fit. May be nil.
	Counted func(metric, detail string)
}

// Common are the settings that every processor's object may hold.
type Common struct {
	BaseURL        string   `json:"base_url"`        // replaces scheme and host, paths stay
	Currency       string   `json:"currency"`        // default of orders through it
	RefundCurrency string   `json:"refund_currency"` // refunds are asked in this one
	Poll           []string `json:"poll"`            // waits between questions, "5s"
}

// Registry are the processors of a build, by name.
type Registry map[string]*Descriptor

// NewRegistry indexes descriptors.
func NewRegistry(list ...Descriptor) Registry {
	r := make(Registry, len(list))
	for _, d := range list {
		r[d.Name] = &d
	}
	return r
}

// SteadyPoll are the waits between questions about an open trade. With the local
// server's sweeps they let a payment whose notice is lost be known within a minute;
// on AWS the next minute's sweep applies.
var SteadyPoll = []time.Duration{5 * time.Second, 15 * time.Second, 45 * time.Second}
