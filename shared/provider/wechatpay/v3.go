package wechatpay

import (
	"crypto/cipher"
	"crypto/rsa"
	"errors"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// V3 is WeChat Pay APIv3 for a direct merchant.
var V3 = v3Descriptor("v3", "WeChat Pay APIv3", newV3(false))

// V3SP is WeChat Pay APIv3 for a service provider or institution, which collects
// for the shop sub_mchid.
var V3SP = v3Descriptor("v3sp", "WeChat Pay APIv3, service provider", newV3(true))

func v3Descriptor(name, title string, open func(provider.Config) (provider.Provider, error)) provider.Descriptor {
	return provider.Descriptor{
		Name: name, Title: title,
		Source:        "pay.weixin.qq.com/doc/v3, pay.weixin.qq.com/doc/global/v3, wechatpay-go, wechatpay-skills, wechatpay-global-skills",
		Methods:       []payment.Method{payment.WeChat},
		PrepayLife:    2 * time.Hour,
		MaxOpen:       7 * 24 * time.Hour,
		Poll:          provider.SteadyPoll,
		QueryByNumber: true, RepeatCreate: true,
		RefundAgain: provider.ByNumber, PartialRefund: true,
		Notices: provider.Signed, RefundNotices: provider.Signed, DeskRefunds: provider.DeskByNotice,
		Unverified: []string{
			"overseas: WeChat's number is read from id or transaction_id, a refund's from id or refund_id; the sources differ",
			"overseas: merchant_category_code is sent only if mcc is set; SDKs require it, Tencent's sample leaves it out",
			"/hk/v3: taken to have the paths and bodies of /v3/global, its certificates at /hk/v3/certificates included",
			"PAYERROR is taken to be pending, as the shopper of a mini-program may try again",
		},
		New: open,
	}
}

// v3System is one of WeChat's merchant systems: what differs by prefix.
type v3System struct {
	host            string
	trades, partner string // paths of trades, of a direct merchant and of a provider
	refunds         string
	refundByNo      string // path before an out_refund_no
	certificates    string
	overseas        bool
}

var v3Systems = map[string]v3System{
	"/v3": {
		host:   "https://api.mch.weixin.qq.com",
		trades: "/v3/pay/transactions", partner: "/v3/pay/partner/transactions",
		refunds: "/v3/refund/domestic/refunds", refundByNo: "/v3/refund/domestic/refunds/",
		certificates: "/v3/certificates",
	},
	"/v3/global": v3Overseas("/v3/global"),
	"/hk/v3":     v3Overseas("/hk/v3"),
}

func v3Overseas(prefix string) v3System {
	return v3System{
		host:   "https://apihk.mch.weixin.qq.com",
		trades: prefix + "/transactions", partner: prefix + "/transactions",
		refunds: prefix + "/refunds", refundByNo: prefix + "/refunds/out-refund-no/",
		certificates: prefix + "/certificates",
		overseas:     true,
	}
}

// v3 is one account. It is safe for concurrent use.
type v3 struct {
	account
	set    v3Settings
	sp     bool
	system v3System
	trades string
	key    *rsa.PrivateKey
	aead   cipher.AEAD
	keys   *keyring
}

var (
	_ provider.Provider = (*v3)(nil)
	_ provider.Closer   = (*v3)(nil)
	_ provider.Refunder = (*v3)(nil)
	_ provider.Notifier = (*v3)(nil)
	_ provider.Signer   = (*v3)(nil)
	_ provider.Taker    = (*v3)(nil)
)

func newV3(sp bool) func(provider.Config) (provider.Provider, error) {
	return func(cfg provider.Config) (provider.Provider, error) {
		set, err := v3Check(cfg, sp)
		if err != nil {
			return nil, err
		}
		p := &v3{account: newAccount("v3", cfg), set: set, sp: sp, system: v3Systems[set.Prefix]}
		p.trades, p.appIDs = p.system.trades, distinct(set.AppID, cfg.AppID)
		if sp {
			p.name, p.trades = "v3sp", p.system.partner
			p.appIDs = distinct(set.SubAppID, cfg.AppID, set.AppID)
		}
		if p.base, err = wire.Base(set.BaseURL, p.system.host); err != nil {
			return nil, err
		}
		if err := p.loadKeys(); err != nil {
			return nil, err
		}
		return p, nil
	}
}

// loadKeys reads all keys of the settings.
func (p *v3) loadKeys() (err error) {
	if p.key, err = privateKey(p.set.PrivateKey); err != nil {
		return errors.New("private_key: " + err.Error())
	}
	if p.aead, err = newAEAD(p.set.APIv3Key); err != nil {
		return errors.New("apiv3_key: " + err.Error())
	}
	p.keys = newKeyring(p.now, p.certificates)
	if p.set.PublicKeyID != "" {
		public, err := publicKey(p.set.PublicKey)
		if err != nil {
			return errors.New("public_key: " + err.Error())
		}
		p.keys.fixed[p.set.PublicKeyID] = public
	}
	return nil
}

// Account is mchid, or with a provider "{mchid}/{sub_mchid}".
func (p *v3) Account() string {
	if p.sp {
		return p.set.MchID + "/" + p.set.SubMchID
	}
	return p.set.MchID
}
