// Package twopaynow speaks with 2PayNow (Sepay B.V., Netherlands). It translates,
// and must not know the cashier or a store.
//
//	providers: {"2paynow": {"mchid": "541102252", "key": "..."}}
//
// There is no public documentation: support mails a PDF. What follows is known
// from one public SDK; what the SDK lacks is a guess, listed in [Descriptor], and
// can be mended without code through the settings' "names" (see names.go):
//
//	"names": {"mini_precreate": "the PDF's function", "refund_reason": ""}
//
// Endpoint: GET https://www.2paynow.com/zhifu/mc_itf, everything in the query, the
// answer is JSON with an integer status, 200 for ok. A page (wap_precreate) is not
// called by us: its signed URL is opened by the shopper's browser, and only then
// does the trade exist. The SDK has the pages on plain http; https is used here.
//
// Signature: md5 hex of function + mid + timestamp + key. It covers neither the
// order nor the amount, so whoever saw one signed URL can send it again with other
// values, and every shopper sees that of a page. Hence a notice, even a genuine
// one, is only a reason to ask, and only the answer's amount counts. The signature
// of answers is presumably the same; one that does not fit is counted, no more.
//
// Questions: a page's trade is asked about by the merchant's number (wap_query,
// which carries it in trade_no), because a page that is opened twice may have made
// two trades under it; others by 2PayNow's own number once that is known.
// trans_time has no documented form and is not read.
//
// Not closed: there is a function "cancel", but nothing says that it spares a trade
// which was paid a moment ago, so it is never sent. A page's trade ends by it_b_pay,
// one inside WeChat by itself.
//
// Refunds: the guessed function "refund"; afterwards the refunded total of the
// trade is looked up. In local currency only, never CNY. They are not notified.
package twopaynow

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// Descriptor declares 2PayNow.
var Descriptor = provider.Descriptor{
	Name:   "2paynow",
	Title:  "2PayNow",
	Source: "github.com/Huozhangqi/omnipay-2paynow, the only public integration; no public documentation",

	Methods:    []payment.Method{payment.WeChat, payment.Alipay},
	Currencies: []string{"EUR", "CNY"},

	PrepayLife: prepayLife,
	Poll:       provider.SteadyPoll,

	QueryByNumber: true,
	RefundAgain:   provider.ByLookup,
	PartialRefund: true,
	Notices:       provider.Doorbell,
	RefundNotices: provider.Silent,
	DeskRefunds:   provider.DeskByQuery,

	Unverified: []string{
		"mini program order: the function mini_precreate, its parameters sub_appid and sub_openid and the form of its answer are guesses",
		"refund: the function refund, its parameters refund_amount, refund_currency and reason, and that a part can be refunded",
		"query: that wap_query is served at /zhifu/mc_itf, and that query also finds mini program orders",
		"query: the words for a trade that 2PayNow does not know",
		"answers: that they are signed like requests; a signature that does not fit is only counted",
		"pages: that they are served by https, and what opening one twice does",
		"currencies: only EUR and CNY are known",
		"prepay life of two hours; how often notices are repeated",
	},

	New: New,
}

var (
	_ provider.Provider = (*Processor)(nil)
	_ provider.Refunder = (*Processor)(nil)
	_ provider.Notifier = (*Processor)(nil)
)

const (
	host       = "https://www.2paynow.com"
	alipayHost = "https://2paynow.com" // the SDK has the Alipay page without www

	typeAlipay = "0"
	typeWeChat = "1"

	prepayLife = 2 * time.Hour
)

// settings is the account's object in the config item.
type settings struct {
	provider.Common
	MchID string            `json:"mchid"` // decimal digits
	Key   string            `json:"key"`
	Names map[string]string `json:"names"` // overrides of names.go
}

// Processor is one merchant account at 2PayNow.
type Processor struct {
	mid, key string
	names    map[string]string
	api      string
	pages    map[string]string // by type
	http     *http.Client
	now      func() time.Time
	counted  func(metric, detail string)
}

// New makes an account from its settings; errors name the member.
func New(cfg provider.Config) (provider.Provider, error) {
	s, err := wire.Settings(cfg, func(s *settings) map[string]string {
		return map[string]string{"mchid": s.MchID, "key": s.Key}
	})
	if err != nil {
		return nil, err
	}
	names, err := merged(s.Names)
	switch {
	case err != nil:
		return nil, err
	case strings.Trim(s.MchID, "0123456789") != "":
		return nil, errors.New("mchid: must be decimal digits")
	case cfg.HTTP == nil:
		return nil, errors.New("an HTTP client is required")
	}
	base, err := wire.Base(s.BaseURL, host)
	if err != nil {
		return nil, err
	}
	alipay := base
	if s.BaseURL == "" {
		alipay = alipayHost
	}
	p := &Processor{
		mid: s.MchID, key: s.Key, names: names, api: base + names[apiPath],
		pages: map[string]string{typeAlipay: alipay + names[alipayPath], typeWeChat: base + names[wechatPath]},
		http:  cfg.HTTP, now: cfg.Now, counted: cfg.Counted,
	}
	if p.now == nil {
		p.now = time.Now
	}
	if p.counted == nil {
		p.counted = func(string, string) {}
	}
	return p, nil
}

// Account is the mid.
func (p *Processor) Account() string { return p.mid }

// Create makes a mini-program order, or the URL of a page, for which nothing is
// called. It is not idempotent.
func (p *Processor) Create(ctx context.Context, c provider.Create) (provider.Created, error) {
	switch {
	case c.Method == payment.Alipay:
		return provider.Created{URL: p.page(typeAlipay, c)}, nil
	case c.Method == payment.WeChat && p.names[miniPrecreate] == "":
		return provider.Created{URL: p.page(typeWeChat, c)}, nil
	case c.Method == payment.WeChat:
		return p.mini(ctx, c)
	}
	return provider.Created{}, provider.Errorf(provider.NotSupported, opCreate, "no pay method %q", c.Method)
}

// mini creates an order that wx.requestPayment pays.
func (p *Processor) mini(ctx context.Context, c provider.Create) (provider.Created, error) {
	v := trade(typeWeChat, c)
	p.set(v, subAppID, c.AppID)
	p.set(v, subOpenID, c.OpenID)
	if c.Attach != "" {
		v.Set("passback_parameters", c.Attach)
	}
	a, err := p.call(ctx, opCreate, p.names[miniPrecreate], v, true)
	if err != nil {
		return provider.Created{}, err
	}
	pay := a.payParams()
	if pay == nil {
		return provider.Created{}, provider.Errorf(provider.Unknown, opCreate, "the answer holds no parameters for wx.requestPayment")
	}
	return provider.Created{SpTradeNo: a["trade_no"], TransactionID: a["original_trade_no"], Payment: pay}, nil
}

// page is the URL that the shopper's browser opens. It shows no more than the
// shopper may know: the shop's attach stays at home.
func (p *Processor) page(kind string, c provider.Create) string {
	v := trade(kind, c)
	if c.RedirectURL != "" {
		v.Set("return_url", c.RedirectURL)
	}
	if kind == typeAlipay { // the SDK drops it for WeChat
		left := min(c.TimeExpire.Sub(p.now()), prepayLife)
		v.Set("it_b_pay", strconv.FormatInt(max(1, int64(left/time.Minute)), 10)+"m")
	}
	return p.pages[kind] + "?" + p.signed("wap_precreate", v).Encode()
}

// trade are the parameters of every create.
func trade(kind string, c provider.Create) url.Values {
	return url.Values{
		"type": {kind}, "subject": {c.Body}, "merchant_trade_no": {c.No}, "notify_url": {c.NotifyURL},
		"amount": {c.Total.Decimal()}, "currency": {c.Total.Currency}, "passback_parameters": {c.No},
	}
}

// Query asks where a trade stands.
func (p *Processor) Query(ctx context.Context, t provider.Trade) (payment.Report, error) {
	return p.ask(ctx, opQuery, t, t.Method == payment.WeChat && p.names[miniPrecreate] != "") // pages are asked by ours
}

// ask asks about a trade, by 2PayNow's number if that is wished and known, else by ours.
func (p *Processor) ask(ctx context.Context, op string, t provider.Trade, byTheirs bool) (payment.Report, error) {
	function, number := p.names[wapQuery], t.No
	if byTheirs && t.SpTradeNo != "" && p.names[query] != "" {
		function, number = p.names[query], t.SpTradeNo
	}
	a, err := p.call(ctx, op, function, url.Values{"trade_no": {number}}, false)
	if err != nil {
		return payment.Report{}, err
	}
	return p.report(op, a, t, number)
}

// Refund asks for a refund, once: nothing lets 2PayNow know a second call from a
// second refund. An answer of 200 to it is taken as done, as for "cancel".
func (p *Processor) Refund(ctx context.Context, r provider.Refund) (payment.RefundReport, error) {
	switch {
	case r.Fee.Currency == "CNY":
		return payment.RefundReport{}, provider.Errorf(provider.NotSupported, opRefund,
			"2PayNow refunds in local currency, not in CNY; refund this order at 2PayNow's desk")
	case r.SpTradeNo == "":
		return payment.RefundReport{}, provider.Errorf(provider.NotSupported, opRefund,
			"2PayNow's own number of this trade is not known; refund it at 2PayNow's desk")
	}
	v := url.Values{"trade_no": {r.SpTradeNo}}
	p.set(v, refundAmount, r.Fee.Decimal())
	p.set(v, refundCurrency, r.Fee.Currency)
	p.set(v, refundReason, r.Desc)
	a, err := p.call(ctx, opRefund, p.names[refund], v, true)
	switch {
	case err != nil:
		return payment.RefundReport{}, err
	case a["function"] != p.names[refund], a["trade_no"] != "" && a["trade_no"] != r.SpTradeNo:
		return payment.RefundReport{}, provider.Errorf(provider.Unknown, opRefund, "the answer is not about this refund")
	}
	return payment.RefundReport{
		Status: payment.RefundSuccess, Word: a["status"], Account: a["mid"],
		No: r.No, OutRefundNo: r.OutRefundNo, Fee: r.Fee,
	}, nil
}

// QueryRefund derives what became of a refund from the trade's refunded total.
func (p *Processor) QueryRefund(ctx context.Context, r provider.Refund) (payment.RefundReport, error) {
	t, err := p.ask(ctx, opQueryRefund, r.Trade, true)
	switch {
	case err != nil && provider.KindOf(err) == provider.NotFound:
		return payment.RefundReport{}, provider.Errorf(provider.Unknown, opQueryRefund, "the trade was not found, which says nothing about its refund")
	case err != nil:
		return payment.RefundReport{}, err
	}
	given := t.Refunded.Amount
	switch {
	case t.State != payment.Paid && t.State != payment.Refunded,
		r.SpTradeNo != "" && cmp.Or(t.SpTradeNo, r.SpTradeNo) != r.SpTradeNo,
		t.Total.Currency != r.Fee.Currency:
		return payment.RefundReport{}, provider.Errorf(provider.Unknown, opQueryRefund,
			"the answer is not about a paid trade in the refund's currency")
	case given == r.Baseline:
		return payment.RefundReport{}, provider.Errorf(provider.NotFound, opQueryRefund, "the refunded total has not changed")
	}
	report := payment.RefundReport{
		Status: payment.RefundProcessing, Word: t.Word, Account: t.Account,
		No: r.No, OutRefundNo: r.OutRefundNo, Fee: r.Fee,
	}
	if given >= r.Baseline+r.Fee.Amount {
		report.Status = payment.RefundSuccess
	}
	return report, nil
}
