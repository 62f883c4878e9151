// Package supay translates between the cashier and SuperPay (Supay Technology,
// Australia): WeChat Pay inside the mini-program and cards by its gateway, Alipay
// pages by its bridge. It stores nothing, decides nothing and must not know other
// processors.
//
//	providers: {"supay": {"mchid": "100001", "key": "...", "bridge_id": "10088", "bridge_key": "..."}}
//
// # The processor's manual, in short
//
// No documentation is public; what follows is what merchants' code shows. Supay has
// two interfaces with separate accounts, and a trade's pay method says which one
// it was made by. All money is in AUD.
//
// The gateway (wechat, card) is one POST of flat JSON; "service" routes it. The
// signature is the upper-case hex MD5 over all members but sign and sign_type that
// are not empty, sorted by name, values raw, and "&key=" with the key. Answers are
// not signed: they rest on TLS and the checks here. Its form-posted payment notices
// are signed alike, over order number and amount, and are believed. Card has no
// interface of its own: it opens the gateway's cashier page without a channel.
//
// The bridge (alipay; needs bridge_id and bridge_key) is GETs with a lower-case
// hex MD5 token over some parameters and the secret, which is itself never sent. A
// page is not called by us: the shopper's browser opens its URL, and only then
// does the trade exist: query_success "F", unless its reason speaks of credentials or
// of trouble, is read as "there is none". The token covers number and amount, so a
// shopper cannot change either. A bridge notice has no amount and only rings.
//
// What Supay answers to questions is known by neither name nor word, except that a
// bridge question went well. The names and words that are read are in names.go and
// can be mended without code, by the settings "names", "states" and "refund_states":
//
//	"names": {"bridge_status": "pay_status"}, "states": {"PAY_OK": "paid"}
//
// An answer without a known word, or that says paid without an amount, leaves the
// trade pending and is counted.
//
//   - There is no Close: no such call is known. timeout_express, at most a day, ends
//     a gateway trade.
//   - A refund has a number of its own among all order numbers of the account, so it
//     must be new there, not only in its order. That a repeated number is the same
//     refund, is not known; and as another order's refund may have the number, asking
//     by it settles nothing of a refund whose first answer was lost: that needs a
//     person.
//   - The gateway takes a refund first and reports it done later; the bridge's refund
//     cannot be asked about, and its "SUCCESS" is taken as done, "FAIL" and "FAILED" as
//     refused. A word in "refund_states" comes first: SUCCESS there is done, CLOSED and
//     ABNORMAL are refused, PROCESSING leaves it to a person.
//   - A refund notice does not say whose number outer_trade_no is: it only rings. As no
//     answer is known to state what has gone back of a trade either, a refund made at
//     Supay's own desk is not seen.
//   - Old trades find their account by mchid, also those of the bridge: a new
//     bridge_id under the same mchid loses the bridge's old trades.
//   - One acknowledgement serves both: "success" with status 200. Merchants of the
//     bridge answer 200 with an empty body, so the status is what counts there.
package supay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

const (
	gatewayHost = "https://gate.supaytechnology.com"
	bridgeHost  = "https://api.superpayglobal.com"

	aud = "AUD"

	maxOpen = 24 * time.Hour
)

// Descriptor declares what Supay can do.
var Descriptor = provider.Descriptor{
	Name:   "supay",
	Title:  "Supay (SuperPay)",
	Source: "public merchant integrations, among them JiangweiCheung/superpay and shop-r1/superpay-h5; no public documentation",

	Methods:    []payment.Method{payment.WeChat, payment.Alipay, payment.Card},
	Currencies: []string{aud},

	PrepayLife: 2 * time.Hour,
	MaxOpen:    maxOpen,
	Poll:       provider.SteadyPoll,

	QueryByNumber: true,
	RefundAgain:   provider.ByNone,
	PartialRefund: true,
	Notices:       provider.Signed,
	RefundNotices: provider.Doorbell,
	DeskRefunds:   provider.DeskUnseen,

	Unverified: []string{
		"card: the gateway's cashier page (pay_way H5 without pay_channel); the shopper may choose another channel there and is not sent back",
		"query: trade_type TRADE and REFUND, and all members of the gateway's answer; set names",
		"query of alipay: all members of the bridge's get_payment_detail but query_success; set names. Until they fit, an alipay payment stays pending",
		"trade states other than TRADE_SUCCESS, refund states other than REFUND_SUCCESS; set states and refund_states",
		"refund: that a part can be refunded; Supay's number in the answer, our own stands in",
		"refund of alipay: that the bridge answers result SUCCESS, and that the refund is done then",
		"error messages: a refused signature, an unknown trade and trouble at Supay are told by their words",
		"acknowledgement: success, and how often notices are repeated",
		"prepay life of two hours",
	},

	New: New,
}

// settings are the account's object in the config item.
type settings struct {
	provider.Common
	MchID         string                          `json:"mchid"`           // of the gateway
	Key           string                          `json:"key"`             // of the gateway
	ReceviceID    string                          `json:"recevice_id"`     // who is paid, spelt as Supay does; default mchid
	StoreName     string                          `json:"store_name"`      // what the gateway shows; default "shop"
	BridgeID      string                          `json:"bridge_id"`       // merchant_id; with bridge_key, or neither
	BridgeKey     string                          `json:"bridge_key"`      // authentication_code
	BridgeBaseURL string                          `json:"bridge_base_url"` // as base_url, for the bridge
	Names         map[string]string               `json:"names"`           // overrides of defaults in names.go
	States        map[string]string               `json:"states"`          // Supay's word: paid, pending, over or refused
	RefundStates  map[string]payment.RefundStatus `json:"refund_states"`   // Supay's word: SUCCESS, PROCESSING, CLOSED or ABNORMAL
}

// client is one account. It is safe for concurrent use.
type client struct {
	endpoint, mchid, key  string
	receviceID, storeName string
	bridge                *bridge // nil: no account there
	names                 map[string]string
	states                map[string]payment.ReportState
	refundStates          map[string]payment.RefundStatus
	http                  *http.Client
	now                   func() time.Time
	counted               func(metric, detail string)
}

var (
	_ provider.Provider = (*client)(nil)
	_ provider.Refunder = (*client)(nil)
	_ provider.Notifier = (*client)(nil)
)

// New makes an account; mchid and key are required, and for alipay bridge_id and
// bridge_key. Errors name the member.
func New(cfg provider.Config) (provider.Provider, error) {
	s, err := wire.Settings(cfg, func(s *settings) map[string]string {
		need := map[string]string{"mchid": s.MchID, "key": s.Key}
		if s.BridgeID != "" || s.BridgeKey != "" {
			need["bridge_id"], need["bridge_key"] = s.BridgeID, s.BridgeKey
		}
		return need
	})
	if err != nil {
		return nil, err
	}
	if cfg.HTTP == nil {
		return nil, errors.New("an HTTP client is required")
	}
	base, err := wire.Base(s.BaseURL, gatewayHost)
	if err != nil {
		return nil, err
	}
	c := &client{
		endpoint: base + "/api/gateway/merchant/order", mchid: s.MchID, key: s.Key,
		receviceID: cmp.Or(s.ReceviceID, s.MchID), storeName: cmp.Or(s.StoreName, "shop"),
		http: cfg.HTTP, now: cfg.Now, counted: cfg.Counted,
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.counted == nil {
		c.counted = func(string, string) {}
	}
	if err := errors.Join(c.words(s), c.cross(s)); err != nil {
		return nil, err
	}
	return c, nil
}

// cross makes the bridge's account, if there is one.
func (c *client) cross(s settings) error {
	base, err := wire.Base(s.BridgeBaseURL, bridgeHost)
	if err != nil {
		return fmt.Errorf("bridge_%w", err)
	}
	if s.BridgeID != "" {
		c.bridge = &bridge{base: base + "/payment/bridge/", id: s.BridgeID, key: s.BridgeKey}
	}
	return nil
}

// Account is the mch_id at the gateway, also of trades by the bridge.
func (c *client) Account() string { return c.mchid }

// Create makes a trade at the gateway, which must not be repeated under the same
// number, or the URL of a bridge page, for which nothing is called.
func (c *client) Create(ctx context.Context, in provider.Create) (provider.Created, error) {
	const op = "supay: create"
	if in.Total.Currency != aud {
		return provider.Created{}, provider.Errorf(provider.NotSupported, op, "no currency %q", in.Total.Currency)
	}
	switch in.Method {
	case payment.WeChat, payment.Card:
		return c.trade(ctx, op, in)
	case payment.Alipay:
		return c.page(op, in)
	}
	return provider.Created{}, provider.Errorf(provider.NotSupported, op, "no pay method %q", in.Method)
}

// Query asks by the merchant's number, where the trade was made.
func (c *client) Query(ctx context.Context, t provider.Trade) (payment.Report, error) {
	const op = "supay: query"
	if t.Method == payment.Alipay {
		return c.queryBridge(ctx, op, t)
	}
	return c.queryGateway(ctx, op, t)
}

// Refund gives money back, where it was paid. It must not be repeated after an
// unknown outcome.
func (c *client) Refund(ctx context.Context, r provider.Refund) (payment.RefundReport, error) {
	const op = "supay: refund"
	switch {
	case r.Fee.Currency != aud:
		return payment.RefundReport{}, provider.Errorf(provider.NotSupported, op, "Supay refunds in AUD, not in %q; leave out providers.supay.refund_currency", r.Fee.Currency)
	case r.OutRefundNo == r.No:
		return payment.RefundReport{}, provider.Errorf(provider.NotSupported, op, "out_refund_no must differ from the order's number: Supay keeps both in one list")
	case r.Method == payment.Alipay:
		return c.refundBridge(ctx, op, r)
	}
	return c.refundGateway(ctx, op, r)
}

// QueryRefund asks the gateway about a refund that it has taken: one without a
// RefundID it may never have heard of, and is [provider.NotSupported], like every
// refund of the bridge.
func (c *client) QueryRefund(ctx context.Context, r provider.Refund) (payment.RefundReport, error) {
	const op = "supay: query refund"
	switch {
	case r.Method == payment.Alipay:
		return payment.RefundReport{}, provider.Errorf(provider.NotSupported, op, "Supay's bridge cannot be asked about refunds; look at Supay's desk")
	case r.RefundID == "":
		return payment.RefundReport{}, provider.Errorf(provider.NotSupported, op, "a refund that Supay has not confirmed cannot be asked about; look at Supay's desk")
	}
	return c.queryRefundGateway(ctx, op, r)
}
