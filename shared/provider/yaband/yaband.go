// Package yaband translates between the cashier and YabandPay (YabandPay B.V.,
// Netherlands): WeChat Pay inside the mini-program, and Alipay, PayPal, iDEAL,
// Sofort, UnionPay, cards and Bancontact on pages that YabandPay serves. It
// stores nothing, decides nothing and must not know other processors.
//
// # The processor's manual, in short
//
// Everything is one POST to https://mapi.yabandpay.com/Payments; the body's
// "method" routes it. The signature is the lower-case hex HMAC-SHA256 over
// user, method, time and all members of data, sorted by name, values raw. The
// sources disagree about empty values, so requests have none, and notices are
// accepted with either reading. Answers are not signed: they rest on TLS and on
// the checks here.
//
//   - Query, refund and cancel take only YabandPay's trade_id. When the answer to a
//     create was lost nobody can ask, and only its notice can tell: such a trade is
//     [provider.NotSupported] to ask about. A create is not known to be idempotent.
//   - There is no Close: its cancel voids paid orders too, until half past midnight
//     after the day of payment. The trade's own timeout, at most a day, ends it.
//   - m_refund_id is not known to be idempotent and a refund is asked about by
//     YabandPay's refund_id only: a refund with a lost answer needs a person, or its
//     notice. Fewer than 30 refunds of an order, within a year. "refund pending"
//     means that the balance is too low and YabandPay will repeat it by itself.
//   - "verify" (paid, under risk review) is pending: only "paid" is paid.
//   - Every change of state is posted, several times if need be, and wants the
//     plain text "ok". The signature covers order number and amount; a refund's
//     notice names its trade by trade_id alone.
//   - A refund made at YabandPay's own desk is told by its notice alone, where
//     m_refund_id is null. The answer about a trade names no refunded amount; one that
//     was paid and is cancelled has been given back whole.
//
// What no documentation confirms is listed in [Descriptor].
//
//	p, err := yaband.New(provider.Config{
//		Settings: json.RawMessage(`{"mchid":"016683","key":"..."}`),
//		AppID:    "wx0000000000000000", HTTP: client,
//	})
package yaband

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

const host = "https://mapi.yabandpay.com"

var currencies = []string{"EUR", "CNY", "HKD", "GBP", "CHF", "DKK", "SEK", "PLN", "NOK", "USD", "HUF", "CZK"}

// Descriptor declares what YabandPay can do.
var Descriptor = provider.Descriptor{
	Name:   "yaband",
	Title:  "YabandPay",
	Source: "docs.yabandpay.com, the YabandPay SDKs and public integrations",
	Methods: []payment.Method{payment.WeChat, payment.Alipay, payment.PayPal, payment.IDEAL,
		payment.Sofort, payment.UnionPay, payment.Card, payment.Bancontact},
	Currencies:    currencies,
	PrepayLife:    2 * time.Hour,
	MaxOpen:       24 * time.Hour,
	Poll:          provider.SteadyPoll,
	RefundAgain:   provider.ByNone,
	PartialRefund: true,
	Notices:       provider.Signed,
	RefundNotices: provider.Signed,
	DeskRefunds:   provider.DeskByNotice,
	Unverified: []string{
		"the answer to a mini-program payment: known from a public integration, not from the documentation",
		"the values of sub_pay_method other than WeChat Pay, Alipay, YabandPay and UnionPayWap; set sub_pay_methods where the account's differ",
		"card opens the hosted chooser (sub_pay_method YabandPay); set sub_pay_methods.card to Visa or MasterCard for one brand",
		"the list of currencies",
		"the members of refund notices beyond trade_id, m_refund_id and state: without an amount, and m_refund_id or refund_id, they only ring; one without m_refund_id is taken for a refund made at YabandPay's desk",
		"error codes and messages: a refused signature and an unknown trade are told by their words",
		"the refund words \"refund failed\" (taken as closed) and \"refund error\" (taken as abnormal)",
		"whether an account that signs with an e-mail address is named by it in notices, or by its UID: what its key has signed is taken as its own",
		"an order's own word after a refund (\"refunded\")",
	},
	New: New,
}

// settings are the account's object in the config item.
type settings struct {
	provider.Common
	MchID         string                    `json:"mchid"` // UID of the cashier account; older accounts: its e-mail address
	Key           string                    `json:"key"`
	AppID         string                    `json:"appid"`           // mini-program, if not the item's
	SubPayMethods map[payment.Method]string `json:"sub_pay_methods"` // overrides of subPayMethods
}

// subPayMethods are YabandPay's words for pay methods. Their case varies by source.
var subPayMethods = map[payment.Method]string{
	payment.WeChat:     "WeChat Pay",
	payment.Alipay:     "Alipay",
	payment.PayPal:     "PAYPAL/RECURRING",
	payment.IDEAL:      "iDeal",
	payment.Sofort:     "SOFORT/DIGITAL",
	payment.UnionPay:   "UnionPayWap",
	payment.Card:       "YabandPay", // the only documented value of this API that is not one card brand
	payment.Bancontact: "Bancontact",
}

// client is one account. It is safe for concurrent use.
type client struct {
	endpoint, mchid, key, appID string
	methods                     map[payment.Method]string
	http                        *http.Client
	now                         func() time.Time
	counted                     func(metric, detail string)
}

var (
	_ provider.Provider = (*client)(nil)
	_ provider.Refunder = (*client)(nil)
	_ provider.Notifier = (*client)(nil)
)

// New makes an account; mchid and key are required.
func New(cfg provider.Config) (provider.Provider, error) {
	s, err := wire.Settings(cfg, func(s *settings) map[string]string {
		return map[string]string{"mchid": s.MchID, "key": s.Key}
	})
	if err != nil {
		return nil, err
	}
	base, err := wire.Base(s.BaseURL, host)
	if err != nil {
		return nil, err
	}
	if cfg.HTTP == nil {
		return nil, errors.New("an HTTP client is required")
	}
	c := &client{
		endpoint: base + "/Payments", mchid: s.MchID, key: s.Key, appID: cmp.Or(s.AppID, cfg.AppID),
		methods: maps.Clone(subPayMethods), http: cfg.HTTP, now: cfg.Now, counted: cfg.Counted,
	}
	for m, word := range s.SubPayMethods {
		if subPayMethods[m] == "" || word == "" {
			return nil, fmt.Errorf("sub_pay_methods.%s: not a pay method of yaband, or empty", m)
		}
		c.methods[m] = word
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.counted == nil {
		c.counted = func(string, string) {}
	}
	return c, nil
}

// Account returns the UID of the cashier account.
func (c *client) Account() string { return c.mchid }
