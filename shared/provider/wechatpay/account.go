package wechatpay

import (
	"crypto/rand"
	"net/http"
	"slices"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// account is what an account of any API version is made of.
type account struct {
	name    string // as in pay_sp, and in errors
	base    string
	appIDs  []string // that a payer's openid may belong to, the likeliest first
	http    *http.Client
	now     func() time.Time
	nonce   func() string
	counted func(metric, detail string)
}

func newAccount(name string, cfg provider.Config) account {
	a := account{name: name, http: cfg.HTTP, now: cfg.Now, nonce: cfg.Nonce, counted: cfg.Counted}
	if a.now == nil {
		a.now = time.Now
	}
	if a.nonce == nil {
		a.nonce = rand.Text
	}
	if a.counted == nil {
		a.counted = func(string, string) {}
	}
	return a
}

// refuses says what no account here can do, before WeChat hears of it.
func (a *account) refuses(op string, c provider.Create) error {
	switch {
	case c.Method != payment.WeChat:
		return provider.Errorf(provider.NotSupported, op, "WeChat Pay takes pay_method wechat only")
	case c.OpenID == "":
		return provider.Errorf(provider.NotSupported, op, "WeChat Pay takes orders with an openid only, from inside the mini-program")
	}
	return nil
}

// owns reports that a message may name these appids; one that names none may. An order
// keeps the appid it was made under, so another one proves nothing: it is asked about.
func (a *account) owns(own string, said ...string) bool {
	return !slices.ContainsFunc(said, func(appID string) bool {
		return appID != "" && appID != own && !slices.Contains(a.appIDs, appID)
	})
}

// otherCurrency refuses a refund that is not in its order's currency.
func (a *account) otherCurrency(op string, r provider.Refund) error {
	if r.Fee.Currency == r.Total.Currency {
		return nil
	}
	return provider.Errorf(provider.NotSupported, op,
		"WeChat Pay refunds in the order's currency %s only, not in %s; leave out providers.%s.refund_currency", r.Total.Currency, r.Fee.Currency, a.name)
}

// tradeState translates trade_state by a table, and counts a word that is not in it.
func (a *account) tradeState(table map[string]payment.ReportState, word string) payment.ReportState {
	state, ok := table[word]
	if !ok {
		a.counted("wechatpay_unmapped", "trade_state "+wire.Clip(word))
		return payment.Unmapped
	}
	return state
}

// refundState does the same for a refund's status.
func (a *account) refundState(table map[string]payment.RefundStatus, word string) payment.RefundStatus {
	state, ok := table[word]
	if !ok {
		a.counted("wechatpay_unmapped", "refund status "+wire.Clip(word))
	}
	return state
}

// reason cuts a refund's description to the 80 characters that WeChat takes.
func reason(desc string) string {
	if r := []rune(desc); len(r) > 80 {
		return string(r[:80])
	}
	return desc
}
