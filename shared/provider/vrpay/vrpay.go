// Package vrpay speaks with VR Payment (Germany) on its platform "VR pay
// eCommerce", a white label of ACI's Open Payment Platform. It translates, and
// must not know the cashier or a store.
//
//	providers: {"vr": {"entity_id": "8a82...", "access_token": "..."}}
//
// How calls go is well known; that WeChat Pay and Alipay are sold through it, and
// how, is not public at all. Those names are guesses, listed in [Descriptor], and
// can be mended without code (see names.go):
//
//	"brands": {"wechat": "WECHAT"}, "names": {"openid": "customParameters[sub_openid]"}
//
// Endpoint: https://vr-pay-ecommerce.de, for tests base_url
// https://test.vr-pay-ecommerce.de. Forms go out with a bearer token and the
// entityId, JSON comes back, and nothing is signed: answers rest on TLS and on the
// checks here. What counts is result.code, see codes.go. A success of a test mode
// is refused on the live host, where it would be goods for no money.
//
// Notices: none. Platform A posts only to a listener that VR Payment's operators
// set up by hand, so everything is learnt by asking, quickly while a shopper may
// still be paying. The time of payment is not told and is that of our question.
//
// Questions: by the payment's id once that is known, else by the merchant's number
// in the transaction report, which also lists refunds and chargebacks. The session
// behind an id may end after half an hour; then the report is asked.
//
// Creating twice makes two payments. Nothing closes an unpaid one: it times out.
// Its page must be one that a browser can open; a redirect by POST is refused.
// Cards need the widget script COPYandPAY in a page of one's own, which is no URL
// to hand out, and are left out.
//
// Refunds: no number of ours is documented for them, so one whose answer was lost
// cannot be known again. Its own id finds it, also one whose outcome was uncertain at
// first, and the report's total could be held against a baseline, but the report may
// lag behind, and then the money would go out twice: hence [provider.ByNone].
package vrpay

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// Descriptor declares VR Payment.
var Descriptor = provider.Descriptor{
	Name:   "vr",
	Title:  "VR Payment",
	Source: "public integrations of VR pay eCommerce (OPPWA); none of them has WeChat Pay",

	Methods: []payment.Method{payment.WeChat, payment.Alipay},

	MinNo:      8, // of merchantTransactionId
	PrepayLife: prepayLife,
	Poll:       poll,

	QueryByNumber: true,
	RefundAgain:   provider.ByNone,
	PartialRefund: true,
	Notices:       provider.Silent,
	RefundNotices: provider.Silent,
	DeskRefunds:   provider.DeskByQuery,

	Unverified: []string{
		"that VR Payment sells WeChat Pay and Alipay on this platform at all; their brands WECHAT_PAY and ALIPAY",
		"mini program order: the parameters customParameters[appid] and customParameters[openid], and that redirect.parameters or resultDetails hold what wx.requestPayment takes",
		"query by number: that the list is called payments, and that refunds in it name their payment in referencedId",
		"query of a refund by its own id",
		"shopperResultUrl: that it may be the notify URL where the shopper's browser never comes back",
		"currencies: none is excluded, and yen are written with two decimals like all others",
		"prepay life of half an hour, after which a pending payment changes no more",
	},

	New: New,
}

var (
	_ provider.Provider = (*Processor)(nil)
	_ provider.Refunder = (*Processor)(nil)
)

const (
	liveHost   = "vr-pay-ecommerce.de"
	prepayLife = 30 * time.Minute
)

// poll is quicker than others' at first, since nobody else tells us.
var poll = []time.Duration{
	3 * time.Second, 5 * time.Second, 5 * time.Second, 10 * time.Second,
	10 * time.Second, 15 * time.Second, 30 * time.Second, 45 * time.Second,
}

// settings is the account's object in the config item.
type settings struct {
	provider.Common
	EntityID         string                    `json:"entity_id"` // 32 hex digits; names account and channel
	AccessToken      string                    `json:"access_token"`
	ShopperResultURL string                    `json:"shopper_result_url"` // where the browser returns to, if an order does not say
	Brands           map[payment.Method]string `json:"brands"`             // overrides of names.go
	Names            map[string]string         `json:"names"`              // overrides of names.go
}

// Processor is one entity at VR Payment. It is safe for concurrent use.
type Processor struct {
	entity, token, resultURL string
	base                     string
	live                     bool // base is the host where money moves
	brands                   map[payment.Method]string
	names                    map[string]string
	http                     *http.Client
	counted                  func(metric, detail string)
}

// New makes an account from its settings; errors name the member.
func New(cfg provider.Config) (provider.Provider, error) {
	s, err := wire.Settings(cfg, func(s *settings) map[string]string {
		return map[string]string{"entity_id": s.EntityID, "access_token": s.AccessToken}
	})
	if err != nil {
		return nil, err
	}
	p := &Processor{entity: s.EntityID, token: s.AccessToken, resultURL: s.ShopperResultURL, http: cfg.HTTP, counted: cfg.Counted}
	if p.base, err = wire.Base(s.BaseURL, "https://"+liveHost); err != nil {
		return nil, err
	}
	if p.brands, err = merged("brands", brands, s.Brands); err != nil {
		return nil, err
	}
	if p.names, err = merged("names", names, s.Names); err != nil {
		return nil, err
	}
	switch {
	case strings.ContainsFunc(s.AccessToken, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("access_token: must be printable ASCII without blanks")
	case s.ShopperResultURL != "" && !wire.IsURL(s.ShopperResultURL):
		return nil, errors.New("shopper_result_url: must be an http(s) URL")
	case cfg.HTTP == nil:
		return nil, errors.New("an HTTP client is required")
	}
	if p.counted == nil {
		p.counted = func(string, string) {}
	}
	at, err := url.Parse(p.base)
	p.live = err != nil || strings.EqualFold(at.Hostname(), liveHost)
	return p, nil
}

// Account is the entityId.
func (p *Processor) Account() string { return p.entity }
