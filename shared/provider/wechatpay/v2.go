package wechatpay

import (
	"net/http"
	"net/url"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// V2 is WeChat Pay APIv2 for a direct merchant.
var V2 = v2Descriptor("v2", "WeChat Pay APIv2", newV2(false))

// V2SP is WeChat Pay APIv2 for a service provider or institution, which collects
// for the shop sub_mchid.
var V2SP = v2Descriptor("v2sp", "WeChat Pay APIv2, service provider", newV2(true))

func v2Descriptor(name, title string, open func(provider.Config) (provider.Provider, error)) provider.Descriptor {
	return provider.Descriptor{
		Name: name, Title: title,
		Source:        "pay.weixin.qq.com/wiki (APIv2, mainland and overseas), wechatpay-global-skills, WxJava, gopay",
		Methods:       []payment.Method{payment.WeChat},
		PrepayLife:    2 * time.Hour,
		MaxOpen:       7 * 24 * time.Hour,
		Poll:          provider.SteadyPoll,
		QueryByNumber: true, RepeatCreate: true,
		RefundAgain: provider.ByNumber, PartialRefund: true,
		Notices: provider.Signed, RefundNotices: provider.Doorbell, DeskRefunds: provider.DeskByQuery,
		Unverified: []string{
			"an order is taken to stay open for 7 days, as in APIv3; APIv2's own pages name no limit",
			"version=1.0 is sent to every host but api.mch and api2.mch, as only the overseas pages ask for it",
			"the list of refund errors comes from one community source; a code that is not in it leaves the outcome open",
			"a refusal without signature is believed only where it speaks of the account or the signature",
			"PAYERROR is taken to be pending, as the shopper of a mini-program may try again",
		},
		New: open,
	}
}

// v2Host is the entry for merchants outside mainland China.
const v2Host = "https://apihk.mch.weixin.qq.com"

// v2Mainland are the entries that take no version.
var v2Mainland = map[string]bool{"api.mch.weixin.qq.com": true, "api2.mch.weixin.qq.com": true}

// v2 is one account. It is safe for concurrent use.
type v2 struct {
	account
	set     v2Settings
	sp      bool
	version string // sent with orders; "" on the mainland
	refunds *refundClient
}

var (
	_ provider.Provider = (*v2)(nil)
	_ provider.Closer   = (*v2)(nil)
	_ provider.Refunder = (*v2)(nil)
	_ provider.Notifier = (*v2)(nil)
	_ provider.Signer   = (*v2)(nil)
)

func newV2(sp bool) func(provider.Config) (provider.Provider, error) {
	return func(cfg provider.Config) (provider.Provider, error) {
		set, err := v2Check(cfg, sp)
		if err != nil {
			return nil, err
		}
		p := &v2{account: newAccount("v2", cfg), set: set, sp: sp, version: "1.0"}
		p.appIDs = distinct(set.AppID, cfg.AppID)
		if sp {
			p.name, p.appIDs = "v2sp", distinct(set.SubAppID, cfg.AppID)
		}
		if p.base, err = wire.Base(set.BaseURL, v2Host); err != nil {
			return nil, err
		}
		if u, err := url.Parse(p.base); err == nil && v2Mainland[u.Hostname()] {
			p.version = ""
		}
		if p.refunds, err = newRefundClient(cfg.HTTP, set.Cert, set.CertKey); err != nil {
			return nil, err
		}
		return p, nil
	}
}

// Account is mchid, or with a provider "{mchid}/{sub_mchid}".
func (p *v2) Account() string {
	if p.sp {
		return p.set.MchID + "/" + p.set.SubMchID
	}
	return p.set.MchID
}

// Ack is what ends WeChat's repeats.
func (p *v2) Ack() provider.Reply {
	return provider.Reply{
		Status: http.StatusOK, ContentType: "text/xml",
		Body: "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>",
	}
}
