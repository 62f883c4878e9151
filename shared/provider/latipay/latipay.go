// Package latipay speaks with Latipay (New Zealand, Australia): WeChat Pay inside the
// mini-program, Alipay and UnionPay on pages. It translates, and must not know the
// cashier, a store or other processors.
//
//	providers: {"latipay": {"user_id": "U000334333", "key": "...", "wallets": {"NZD": "W00000001"}}}
//
// # The processor's manual, in short
//
// Calls are JSON (a query is a GET); HTTP 200 only says that one arrived, "code" 0 is
// success. The signature is the hex HMAC-SHA256 over all members that are not empty,
// sorted by name, values raw, with the key ("api_key" in Latipay's portal) appended.
//
//   - No call names a currency, as each wallet has one: "wallets" says which takes
//     which. A currency without a wallet is [provider.NotSupported].
//   - A page's address holds a nonce that must be fresh; how fresh, nobody says.
//     PrepayLife is short for its sake, though WeChat's orders might live two hours.
//   - A notice's signature covers number, method, status, currency and amount, but not
//     the borders between them, and the browser that comes back carries the very same
//     one: so a notice only rings. It comes every 30 s until it is answered "sent".
//   - order_id, which refunds need, is signed nowhere and taken from creates and
//     queries only. WeChat's number is told nowhere; pay_time has no certain zone.
//   - A refund has no number, cannot be asked about, and is not idempotent: a lost
//     answer needs a person, and so does code 562, "has been done", of whichever. Code
//     0 is taken as done; out_refund_no, sent as its note, stands in for its number.
//   - A refund made in Latipay's portal is not seen: no answer is known to state what
//     has gone back, nor the status of an order that was refunded, and none is notified.
//   - There is no Close: /cancel is documented for QR codes in the shop only.
package latipay

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

var currencies = []string{"NZD", "AUD", "CNY"}

// Descriptor declares what Latipay can do.
var Descriptor = provider.Descriptor{
	Name: "latipay", Title: "Latipay",
	Source:        "github.com/Latipay/latipay.github.io (doc.latipay.net), its shop plugins and public integrations",
	Methods:       []payment.Method{payment.WeChat, payment.Alipay, payment.UnionPay},
	Currencies:    currencies,
	PrepayLife:    15 * time.Minute,
	Poll:          provider.SteadyPoll,
	QueryByNumber: true,
	RefundAgain:   provider.ByNone, PartialRefund: true,
	Notices: provider.Doorbell, RefundNotices: provider.Silent, DeskRefunds: provider.DeskUnseen,
	Unverified: []string{
		"mini program: that Latipay must bind the appid first; that paydata is signed like a request (else only counted)",
		"how long an order can be paid, and what a merchant_reference that was used before is answered",
		"pages: how long a nonce is fresh; the ip of a shopper who comes by IPv6 is sent as 0.0.0.0",
		"query: that an amount like 0.1 may be signed as 0.10; the status of an order that was refunded",
		"refund: that a part can be refunded, and more than once; that code 0 means done; no notice of it",
		"codes 1, 556 and 562: taken as outcome unknown, not refunded, and outcome unknown",
		"other currencies; set payment_methods where the account's words differ",
	},
	New: New,
}

// settings are the account's object in the config item.
type settings struct {
	provider.Common
	UserID  string                    `json:"user_id"`         // U and digits
	Key     string                    `json:"key"`             // Latipay's api_key
	Wallets map[string]string         `json:"wallets"`         // wallet_id by currency
	Words   map[payment.Method]string `json:"payment_methods"` // overrides of words
}

// words are Latipay's for the pay methods that have a page.
var words = map[payment.Method]string{payment.Alipay: "alipay", payment.UnionPay: "upi_upop"}

// client is one account. It is safe for concurrent use.
type client struct {
	settings
	base    string
	http    *http.Client
	counted func(metric, detail string)
}

var (
	_ provider.Provider = (*client)(nil)
	_ provider.Refunder = (*client)(nil)
	_ provider.Notifier = (*client)(nil)
	_ provider.Taker    = (*client)(nil)
)

// New makes an account; user_id, key and at least one wallet are required.
func New(cfg provider.Config) (provider.Provider, error) {
	s, err := wire.Settings(cfg, func(s *settings) map[string]string {
		return map[string]string{"user_id": s.UserID, "key": s.Key, "wallets": strings.Repeat("w", len(s.Wallets))}
	})
	switch {
	case err != nil:
		return nil, err
	case cfg.HTTP == nil:
		return nil, errors.New("an HTTP client is required")
	}
	base, err := wire.Base(s.BaseURL, "https://api.latipay.net")
	if err != nil {
		return nil, err
	}
	for currency, wallet := range s.Wallets {
		if !slices.Contains(currencies, currency) || wallet == "" {
			return nil, fmt.Errorf("wallets.%s: latipay has no such currency, or no wallet_id is given", currency)
		}
	}
	c := &client{settings: s, base: base, http: cfg.HTTP, counted: cfg.Counted}
	for m, word := range s.Words {
		if words[m] == "" || word == "" {
			return nil, fmt.Errorf("payment_methods.%s: not a page of latipay, or empty", m)
		}
	}
	if c.counted == nil {
		c.counted = func(string, string) {}
	}
	return c, nil
}

// Account is the user_id.
func (c *client) Account() string { return c.UserID }
