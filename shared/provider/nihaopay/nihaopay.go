// Package nihaopay speaks with NihaoPay (Aurfy, USA): WeChat Pay inside the
// mini-program; Alipay, UnionPay and PayPal on pages. It translates, and must not know
// the cashier, a store or other processors.
//
//	providers: {"nihaopay": {"access_token": "...", "former": [{"access_token": "..."}]}}
//
// # The processor's manual, in short
//
// Calls are forms (questions are GETs) with the token as bearer and no signature.
// Errors are {code, label}, read as "402-61". Amounts are in minor units.
//
//   - A token names no merchant: "mchid" is the shop's own name for the account. A new
//     token keeps it, and the old one stays in former[] a while, as tokens sign notices
//     too. Another account needs another mchid.
//   - A reference (30 letters and digits) is good for one create, which does not tell
//     NihaoPay's own number: the notice does, or a question.
//   - Refunded trades vanish from look-ups: one that is known to be paid is looked up in
//     the list of its refunds, by which a refund is known again as well.
//   - A notice's signature covers all fields, values raw. One with "&" in a value could
//     be cut otherwise, and only rings; no "note" is ever sent.
//   - Not priced in RMB (rmb_amount), as questions do not tell it. No Close: timeout, at
//     most a day, ends a trade. Pages need a redirect_url, an appid NihaoPay's consent.
package nihaopay

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

var currencies = []string{"USD", "JPY", "HKD", "EUR", "CAD", "GBP", "SGD", "AUD"}

// Descriptor declares what NihaoPay can do.
var Descriptor = provider.Descriptor{
	Name: "nihaopay", Title: "NihaoPay", Source: "github.com/d-l-nhp/nihaopay-api-docs (docs.nihaopay.com, v1.2), its demos and shop plugins",
	Methods:    []payment.Method{payment.WeChat, payment.Alipay, payment.UnionPay, payment.PayPal},
	Currencies: currencies,
	MaxNo:      30, PrepayLife: 2 * time.Hour, MaxOpen: 24 * time.Hour,
	Poll:          provider.SteadyPoll,
	QueryByNumber: true, RefundAgain: provider.ByLookup, PartialRefund: true,
	Notices: provider.Signed, RefundNotices: provider.Silent, DeskRefunds: provider.DeskByQuery,
	Unverified: []string{
		"order numbers with - (plugins send it) or _ (nobody is known to): only letters and digits are documented",
		"query: that the look-up by reference finds mini program orders, and the refund list trades without refunds",
		"refund: the path; the official demos have refund_path /v1.2/transactions/{id}/refund; that no notice comes",
		"pages: a form that must be posted, instead of a URL, cannot be handed on (unionpay may answer so); the words in vendors; a life of two hours",
	},
	New: New,
}

// settings are the account's object in the config item.
type settings struct {
	provider.Common
	AccessToken string                    `json:"access_token"`
	MchID       string                    `json:"mchid"`       // the shop's own name for the account
	RefundPath  string                    `json:"refund_path"` // with {id} for NihaoPay's number
	Vendors     map[payment.Method]string `json:"vendors"`     // overrides of vendors
}

// vendors are NihaoPay's words for the pay methods that have a page.
var vendors = map[payment.Method]string{payment.Alipay: "alipay", payment.UnionPay: "unionpay", payment.PayPal: "PayPal"}

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
)

// New makes an account; access_token is required.
func New(cfg provider.Config) (provider.Provider, error) {
	s, err := wire.Settings(cfg, func(s *settings) map[string]string { return map[string]string{"access_token": s.AccessToken} })
	if err != nil {
		return nil, err
	}
	s.MchID, s.RefundPath = cmp.Or(s.MchID, "nihaopay"), cmp.Or(s.RefundPath, "/v1.2/transactions/refund/{id}")
	base, err := wire.Base(s.BaseURL, "https://api.nihaopay.com")
	switch {
	case err != nil:
		return nil, err
	case cfg.HTTP == nil:
		return nil, fmt.Errorf("an HTTP client is required")
	case !strings.HasPrefix(s.RefundPath, "/") || !strings.Contains(s.RefundPath, "{id}"):
		return nil, fmt.Errorf("refund_path: must begin with / and hold {id}")
	}
	for m, word := range s.Vendors {
		if vendors[m] == "" || word == "" {
			return nil, fmt.Errorf("vendors.%s: not a page of nihaopay, or empty", m)
		}
	}
	if cfg.Counted == nil {
		cfg.Counted = func(string, string) {}
	}
	return &client{s, base, cfg.HTTP, cfg.Counted}, nil
}

// Account is the shop's own name for the account.
func (c *client) Account() string { return c.MchID }

// call sends a form, or a question (nil), once; the answer's numbers stay as written.
func (c *client) call(ctx context.Context, op, path string, form url.Values) (map[string]string, error) {
	method := map[bool]string{true: http.MethodGet, false: http.MethodPost}[form == nil]
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, provider.Errorf(provider.NotSent, op, "no request can be made for base_url")
	}
	req.Header.Set("Authorization", "Bearer "+c.AccessToken)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	reply, err := wire.Do(c.http, req, op)
	got, bad := wire.Flat(reply.Body)
	switch {
	case bad == nil && got["label"] != "" && got["code"]+got["label"] != "20000":
		return nil, c.failure(op, got["code"]+"-"+got["label"], got["message"])
	case err != nil:
		return nil, err
	case bad != nil, reply.Status != http.StatusOK:
		return nil, provider.Errorf(provider.Unknown, op, "HTTP %d, and the answer is not the JSON that is documented", reply.Status)
	}
	return got, nil
}

// codes are what NihaoPay's error codes mean, by kind. 500-92 is final, though a 500.
var codes = map[provider.Kind]string{
	provider.Denied:   "400-32 401-301 500-81 500-82 500-84 500-91",
	provider.NotFound: "402-61",
	provider.Busy:     "429-39",
	provider.Unknown:  "500-96 500-97 500-98 500-99",
	provider.Declined: `400-31 400-90 402-01 402-02 402-03 402-06 402-11 402-14 402-15 402-21 402-22 402-30 402-36
		402-56 402-57 402-62 402-63 402-67 402-68 402-69 402-70 402-71 402-72 402-86 402-87 402-88
		402-100 402-101 402-102 402-103 402-104 402-105 402-106 402-107 402-108 402-109
		404-59 404-60 404-93 409-33 409-64 409-65 409-66 500-83 500-92`,
}

// failure is the error of a code; one that is not in the table leaves the outcome open.
func (c *client) failure(op, code, message string) error {
	for kind, list := range codes {
		if !slices.Contains(strings.Fields(list), code) {
			continue
		}
		if kind == provider.Denied { // its own words may quote the token
			message = "check providers.nihaopay.access_token (a new one takes 15 minutes) and base_url, or ask NihaoPay"
		}
		return &provider.Error{Kind: kind, Op: op, Code: code, Message: wire.Clip(message)}
	}
	c.counted("unmapped", "nihaopay: code "+wire.Clip(code))
	return &provider.Error{Kind: provider.Unknown, Op: op, Code: wire.Clip(code), Message: wire.Clip(message)}
}
