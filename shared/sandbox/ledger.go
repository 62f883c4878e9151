package sandbox

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"
)

// State is where a trade stands in a simulated processor's own ledger.
type State string

// States of a trade.
const (
	Waiting State = "waiting"
	Paid    State = "paid"
	Closed  State = "closed" // cancelled or timed out
	Failed  State = "failed" // the payer's bank said no
)

// Trade is one order in a processor's ledger: the truth that the cashier's own
// books are held against.
type Trade struct {
	Processor     string            `json:"processor"`
	Account       string            `json:"account"`
	No            string            `json:"no"` // the merchant's number
	SpTradeNo     string            `json:"sp_trade_no"`
	TransactionID string            `json:"transaction_id"` // WeChat's, once paid
	Method        string            `json:"pay_method"`
	Amount        int64             `json:"amount"` // minor units
	Currency      string            `json:"currency"`
	State         State             `json:"state"`
	Body          string            `json:"body,omitempty"`
	Attach        string            `json:"attach,omitempty"`
	OpenID        string            `json:"openid,omitempty"`
	NotifyURL     string            `json:"notify_url"`
	RedirectURL   string            `json:"redirect_url,omitempty"`
	Created       time.Time         `json:"created"`
	Expires       time.Time         `json:"expires,omitzero"`
	PaidAt        time.Time         `json:"paid_at,omitzero"`
	Refunds       []Refund          `json:"refunds,omitempty"`
	ChargedBack   bool              `json:"charged_back,omitempty"`
	Extra         map[string]string `json:"extra,omitempty"` // what only this twin needs
}

// Refund is one refund in the ledger.
type Refund struct {
	No        string    `json:"no"`     // the merchant's number; "" if the processor has none
	ID        string    `json:"id"`     // the processor's
	Amount    int64     `json:"amount"` // minor units of Currency
	Currency  string    `json:"currency"`
	Share     int64     `json:"share,omitempty"` // of the trade's amount, where Currency is another; 0: Amount
	Status    string    `json:"status"`          // SUCCESS, or PROCESSING until [Sandbox] finishes it
	NotifyURL string    `json:"notify_url,omitempty"`
	Created   time.Time `json:"created"`
}

// Refunded is what has been given back, pending refunds included, in minor units of
// the trade's own currency.
func (t Trade) Refunded() int64 {
	sum := int64(0)
	for _, r := range t.Refunds {
		sum += cmp.Or(r.Share, r.Amount)
	}
	return sum
}

// Errors of the ledger.
var (
	ErrNoTrade = errors.New("no such trade")
	ErrOverPay = errors.New("refund is more than what is left")
)

// Ledger holds the trades of all simulated processors. It is safe for concurrent use.
type Ledger struct {
	mu       sync.Mutex
	trades   []*Trade // in the order they were made
	refunded []refunded
}

// refunded names a refund that has succeeded: the trade, and which of its refunds.
type refunded struct {
	trade Trade
	index int
}

// Create books a trade, or returns the one that this account already has under
// that number.
func (l *Ledger) Create(t Trade) (have Trade, created bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range l.trades {
		if o.Processor == t.Processor && o.Account == t.Account && o.No == t.No && t.No != "" {
			return o.copy(), false
		}
	}
	if t.State == "" {
		t.State = Waiting
	}
	c := t.copy()
	l.trades = append(l.trades, &c)
	return t, true
}

// Find returns the first trade of a processor that fits.
func (l *Ledger) Find(processor string, fits func(Trade) bool) (Trade, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range l.trades {
		if o.Processor == processor && fits(*o) {
			return o.copy(), nil
		}
	}
	return Trade{}, ErrNoTrade
}

// Update changes the first trade of a processor that fits, unless change returns
// an error, and returns it as it then is.
func (l *Ledger) Update(processor string, fits func(Trade) bool, change func(*Trade) error) (Trade, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range l.trades {
		if o.Processor == processor && fits(*o) {
			c := o.copy()
			if err := change(&c); err != nil {
				return o.copy(), err
			}
			l.noteRefunds(o, c)
			*o = c
			return c.copy(), nil
		}
	}
	return Trade{}, ErrNoTrade
}

// noteRefunds remembers the refunds that a change made succeed.
func (l *Ledger) noteRefunds(before *Trade, after Trade) {
	for i, r := range after.Refunds {
		if r.Status == "SUCCESS" && (i >= len(before.Refunds) || before.Refunds[i].Status != r.Status) {
			l.refunded = append(l.refunded, refunded{after, i})
		}
	}
}

// takeRefunded returns the refunds that have succeeded since it was last called.
func (l *Ledger) takeRefunded() []refunded {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.refunded
	l.refunded = nil
	return list
}

// Trades returns a copy of everything, oldest first.
func (l *Ledger) Trades() []Trade {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]Trade, len(l.trades))
	for i, t := range l.trades {
		all[i] = t.copy()
	}
	return all
}

func (t *Trade) copy() Trade {
	c := *t
	c.Refunds = slices.Clone(t.Refunds)
	if t.Extra != nil {
		c.Extra = make(map[string]string, len(t.Extra))
		for k, v := range t.Extra {
			c.Extra[k] = v
		}
	}
	return c
}

// Twin simulates one processor. It is written from the facts alone and shares no
// code with the package that talks to the real one, so that a slip in either shows.
type Twin interface {
	// Name is the processor's name in pay_sp.
	Name() string

	// Settings is the demo account's object for the config item, without base_url.
	// The twin accepts exactly these credentials.
	Settings() map[string]any

	// ServeHTTP is the processor's API. r.URL.Path is the processor's own path;
	// r.RequestURI is what was really sent, for schemes that sign it.
	http.Handler

	// Notice is the request that the processor posts about a trade as it now is,
	// or about one of its refunds. nil: it never posts such a notice.
	Notice(t Trade, refund *Refund) *http.Request
}

// Env is what a twin is made with.
type Env struct {
	Ledger *Ledger
	Now    func() time.Time
	Nonce  func() string // 32 random letters and digits
	URL    string        // where the sandbox is served, e.g. http://127.0.0.1:3000/sandbox
}
