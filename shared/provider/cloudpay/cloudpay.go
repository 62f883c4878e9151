// Package cloudpay pays through WeChat's own cloudPay, for mini-programs that may
// still use a cloud-development environment: Tencent is the service provider,
// signs everything and keeps the keys, the shop is its sub-merchant. cloudPay can
// be called inside a cloud function only, so the small function in bridge/ runs
// there and does what this package asks. It must not know the cashier, a store or
// another processor.
//
//	p, err := cloudpay.New(provider.Config{
//		Settings: json.RawMessage(`{"env":"shop-1a2b","function":"pay","sub_mchid":"1900000002","key":"..."}`),
//		AppID:    "wx0000000000000000", AppSecret: "...", HTTP: client,
//	})
//
// # Settings
//
//	env        cloud environment that the bridge lives in
//	function   the bridge's name there
//	callback   function that WeChat tells of payments; default: function
//	sub_mchid  the shop's merchant number, and the account's name here and in reports
//	key        secret shared with the bridge (its environment variable KEY)
//	appid      mini-program that owns env; default: the item's
//	appsecret  its secret, for the access token; default: the item's, if appid is the item's
//	base_url   replaces https://api.weixin.qq.com; default: the item's weixin_base_url
//
// # The way of a call
//
// POST /tcb/invokecloudfunction with an access token of the environment's owner.
// The body {op, params, time, nonce, sign} is the function's event; sign is the hex
// HMAC-SHA256 with key over op, time, nonce and params, a line each, params as
// JSON.stringify writes them. Members of params are sent sorted by name, so that
// servers on the way that sort them change nothing. A function that is called this
// way has 5 seconds. A refused access token proves that it was not run: the call
// is then made once more with a new one.
//
// In an environment shared by another mini-program's owner, params hold one member
// more, subAppid, the payer's mini-program: the bridge takes it out and calls
// cloud.cloudPay({appid}). It is WeChat's own name for it, so a bridge that passes
// it on says nothing wrong. Where the owner pays itself it is never sent.
//
// # Quirks
//
//   - WeChat's number exists once a trade is paid, and is both sp_trade_no and
//     transaction_id. The identical create is the same trade, and out_refund_no the
//     same refund, as in WeChat Pay's APIv2, whose names are used in camelCase.
//   - "The same refund failed" is to be repeated with its number: a balance that is
//     too low is routine, as only the same day's takings fund refunds.
//   - A refund is PROCESSING when it is accepted; nobody tells of its end, it is asked.
//     What a refunded order has given back in all, queryRefund says by outTradeNo.
//   - Only successful payments are told. The bridge signs the raw event, which names
//     order and amount; it is not older than 300 s and is confirmed by a query before
//     it is posted. WeChat tells for two days until the bridge has heard a 2xx.
//   - The bridge posts to {notify}/cloudpay/{merchant}: it knows no order number but
//     the attempt's.
//   - PAYERROR is not final: the shopper of a mini-program may try again.
package cloudpay

import (
	"cmp"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
	"overseaspay/shared/weixin"
)

const host = "https://api.weixin.qq.com"

// Descriptor declares what cloudPay can do.
var Descriptor = provider.Descriptor{
	Name:          "cloudpay",
	Title:         "WeChat cloudPay",
	Source:        "developers.weixin.qq.com: CloudPay.unifiedOrder, paymentCallback, invokeCloudFunction; WeChat Pay APIv2",
	Methods:       []payment.Method{payment.WeChat},
	PrepayLife:    2 * time.Hour,
	Poll:          provider.SteadyPoll,
	QueryByNumber: true,
	RepeatCreate:  true,
	RefundAgain:   provider.ByNumber,
	PartialRefund: true,
	Notices:       provider.Signed,
	RefundNotices: provider.Silent,
	DeskRefunds:   provider.DeskByQuery,
	Unverified: []string{
		"answers and their error codes are taken to be APIv2's, in camelCase",
		"members of an answer to queryRefund: read as refundStatus_0, refundStatus0, refundStatus or in refundList",
		"that queryRefund takes outTradeNo, as in APIv2: else a refund made at WeChat's desk is flagged, but not counted",
		"a shared environment: subAppid is sent in params, for the bridge to call cloud.cloudPay({appid}), in queries and refunds too",
		"a returnCode FAIL, and an error of the SDK, leave open what happened, unless they speak of merchant, mini-program or permission",
		"PAYERROR is taken to be pending, as the shopper of a mini-program may try again",
		"WeChat lets overseas-registered mini-programs use cloud development only in an environment shared by the same owner",
	},
	New: New,
}

// settings are the account's object in the config item.
type settings struct {
	provider.Common
	Env       string `json:"env"`
	Function  string `json:"function"`
	Callback  string `json:"callback"`
	SubMchID  string `json:"sub_mchid"`
	Key       string `json:"key"`
	AppID     string `json:"appid"`
	AppSecret string `json:"appsecret"`
}

// client is one account. It is safe for concurrent use.
type client struct {
	set      settings
	shopper  string // the item's mini-program, which payers come from
	endpoint string
	weixin   *weixin.Client
	http     http.Client
	now      func() time.Time
	nonce    func() string
	counted  func(metric, detail string)
}

var (
	_ provider.Provider = (*client)(nil)
	_ provider.Closer   = (*client)(nil)
	_ provider.Refunder = (*client)(nil)
	_ provider.Notifier = (*client)(nil)
)

// New makes an account; base_url, callback and, with an item that has them, appid
// and appsecret are optional.
func New(cfg provider.Config) (provider.Provider, error) {
	s, err := wire.Settings(cfg, func(s *settings) map[string]string {
		s.AppID, s.Callback = cmp.Or(s.AppID, cfg.AppID), cmp.Or(s.Callback, s.Function)
		if s.AppID == cfg.AppID {
			s.AppSecret = cmp.Or(s.AppSecret, cfg.AppSecret)
		}
		return map[string]string{
			"env": s.Env, "function": s.Function, "sub_mchid": s.SubMchID, "key": s.Key,
			"appid": s.AppID, "appsecret": s.AppSecret,
		}
	})
	if err != nil {
		return nil, err
	}
	base, err := wire.Base(cmp.Or(s.BaseURL, cfg.WeixinURL), host)
	if err != nil {
		return nil, err
	}
	if cfg.HTTP == nil {
		return nil, errors.New("an HTTP client is required")
	}
	c := &client{
		set: s, shopper: cmp.Or(cfg.AppID, s.AppID), endpoint: base + "/tcb/invokecloudfunction",
		http: *cfg.HTTP, now: cfg.Now, nonce: cfg.Nonce, counted: cfg.Counted,
	}
	// A redirect would carry the access token on, as Referer.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if c.now == nil {
		c.now = time.Now
	}
	if c.nonce == nil {
		c.nonce = rand.Text
	}
	if c.counted == nil {
		c.counted = func(string, string) {}
	}
	c.weixin, err = weixin.New(weixin.Config{BaseURL: base, HTTP: cfg.HTTP, Now: c.now})
	return c, err
}

// Account returns sub_mchid.
func (c *client) Account() string { return c.set.SubMchID }
