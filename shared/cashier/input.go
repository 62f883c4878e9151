package cashier

import (
	"net/url"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
)

// Caller is who calls, as the function has proved it.
type Caller struct {
	Merchant *config.Merchant
	OpenID   string // the user of a session; "" is the shop's server
	AppID    string // the mini-program of that session
	ClientIP string
}

// Server reports that the shop's own server calls.
func (w Caller) Server() bool { return w.OpenID == "" }

// CreateOrder is what an order is made of. TotalFee is in minor units.
type CreateOrder struct {
	OutTradeNo string `json:"out_trade_no"`
	TotalFee   *int64 `json:"total_fee"`
	FeeType    string `json:"fee_type"` // default: the provider's or item's currency
	Body       string `json:"body"`
	OpenID     string `json:"openid"`
	Attach     string `json:"attach"`
	TimeExpire string `json:"time_expire"` // RFC 3339; default 2 h ahead
}

// UnifiedOrder asks for something to pay with.
type UnifiedOrder struct {
	CreateOrder
	PayMethod   payment.Method `json:"pay_method"` // default wechat
	RedirectURL string         `json:"redirect_url"`
	Claim       string         `json:"claim"`
	Provider    string         `json:"provider"` // the server's wish
}

// Limits of the contract on what callers send.
const (
	minExpire     = 60 * time.Second
	onTheWay      = 2 * time.Second // what a call takes, and the fraction of a second that callers cut off
	maxExpire     = 7 * 24 * time.Hour
	defaultExpire = 2 * time.Hour
	maxText       = 127 // characters of body and attach
)

var (
	outTradeNo  = regexp.MustCompile(`^[0-9A-Za-z_-]{6,32}$`)
	outRefundNo = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)
)

func invalid(format string, args ...any) error {
	return payment.Errorf(payment.InvalidArgument, format, args...)
}

// IsOutTradeNo reports that a text has the form of an order's number. No other is
// looked up: a store may take what cannot be a key for a fault.
func IsOutTradeNo(text string) bool { return outTradeNo.MatchString(text) }

func checkNumber(no string) error {
	if !IsOutTradeNo(no) {
		return invalid("out_trade_no: must be 6 to 32 letters, digits, _ or -")
	}
	return nil
}

func checkAmount(member string, amount int64) error {
	if amount < 1 || amount > payment.MaxAmount {
		return invalid("%s: must be 1 to %d minor units", member, payment.MaxAmount)
	}
	return nil
}

func checkCurrency(member, currency string) error {
	if _, known := payment.Exponent(currency); !known {
		return invalid("%s: must be an upper-case ISO 4217 currency", member)
	}
	return nil
}

func checkText(member, text string, least int) error {
	if n := utf8.RuneCountInString(text); n < least || n > maxText || !utf8.ValidString(text) {
		return invalid("%s: must be %d to %d characters", member, least, maxText)
	}
	return nil
}

// newOrder checks what an order is made of and makes it, not yet stored. The
// currency's default is that of the provider the order would go to.
func (c *Cashier) newOrder(m *config.Merchant, in CreateOrder, currency string) (*payment.Order, error) {
	now := c.now()
	if in.FeeType == "" {
		in.FeeType = currency
	}
	expire, err := expiry(in.TimeExpire, now)
	for _, err := range []error{in.form(), checkCurrency("fee_type", in.FeeType), checkText("body", in.Body, 1), err} {
		if err != nil {
			return nil, err
		}
	}
	o := &payment.Order{
		Merchant: m.Name, OutTradeNo: in.OutTradeNo, TradeState: payment.TradeNotPay,
		Total: payment.Money{Amount: *in.TotalFee, Currency: in.FeeType},
		Body:  in.Body, Attach: in.Attach, OpenID: in.OpenID, TimeCreate: now, TimeExpire: expire,
	}
	if o.OpenID == "" {
		o.Claim = c.nonce() // over 128 random bits
	}
	return o, nil
}

// form checks what must be right of an order whether it exists or not.
func (in CreateOrder) form() error {
	if in.TotalFee == nil {
		return invalid("total_fee: required, in minor units")
	}
	_, err := parseTime(in.TimeExpire)
	for _, err := range []error{checkNumber(in.OutTradeNo), checkAmount("total_fee", *in.TotalFee),
		checkText("body", in.Body, 0), checkText("attach", in.Attach, 0), checkText("openid", in.OpenID, 0), err} {
		if err != nil {
			return err
		}
	}
	if in.FeeType == "" {
		return nil
	}
	return checkCurrency("fee_type", in.FeeType)
}

func parseTime(text string) (t time.Time, err error) {
	if text == "" {
		return t, nil
	}
	if t, err = time.Parse(time.RFC3339, text); err != nil {
		return t, invalid("time_expire: must be an RFC 3339 time, like 2026-01-02T15:04:05Z")
	}
	return t, nil
}

func expiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return now.Add(defaultExpire).Truncate(time.Second), nil
	}
	t, err := parseTime(text)
	if err != nil {
		return t, err
	}
	if ahead := t.Sub(now); ahead < minExpire-onTheWay || ahead > maxExpire {
		return t, invalid("time_expire: must be 60 seconds to 7 days ahead")
	}
	return t.UTC().Truncate(time.Second), nil
}

func checkMethod(m payment.Method) error {
	if !slices.Contains(payment.Methods, m) {
		return invalid("pay_method: must be one of %v", payment.Methods)
	}
	return nil
}

func checkRedirect(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(text) > 1024 {
		return invalid("redirect_url: must be an http(s) URL of at most 1024 characters")
	}
	return nil
}
