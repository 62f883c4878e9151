// Package wechatpay talks to WeChat Pay itself, for merchants and institutions
// that have an account there. It must not know the cashier, a store or another
// processor.
//
//	p, err := wechatpay.V3.New(provider.Config{Settings: settings, HTTP: client})
//	made, err := p.Create(ctx, create) // made.Payment is for wx.requestPayment
//
// # APIv3 (JSON): v3 for a direct merchant, v3sp for a service provider
//
// The setting prefix says which of WeChat's merchant systems the account is in.
// Keys and certificates of one are refused by the others.
//
//	prefix      host                    what differs
//	/v3         api.mch.weixin.qq.com   mainland: CNY only, partner paths of their own, 204 as acknowledgement
//	/v3/global  apihk.mch.weixin.qq.com overseas: trade_type and currency in the body, "id" for transaction_id
//	/hk/v3      apihk.mch.weixin.qq.com the older Hong Kong form of the same
//
// base_url replaces scheme and host, for the regional entries apius and apieu. If
// it holds a path too, that path is sent and therefore signed.
//
// Requests are signed with the merchant's private_key (serial_no is its
// certificate's) over exactly what is sent. Answers and notices are signed by
// WeChat, with the key that their Wechatpay-Serial names: the WeChat Pay public
// key (public_key_id, public_key), or a platform certificate, which is fetched
// when it is first named and then at most once a minute. While an account moves
// from one to the other both come, and both are accepted. An answer that does not
// verify is an unknown outcome, whatever it says; only answers below 300 are
// signed for certain, so refusals are believed as they are.
//
// A service provider signs everything with its own keys and names the shop by
// sub_mchid. Its numbers are unique per shop only, so the account of a v3sp is
// "{mchid}/{sub_mchid}", here and in every report. Its appid is the provider's own;
// the payer's openid belongs to the frozen AppID of the create, else to sub_appid,
// else to the shop's mini-program. wx.requestPayment is signed for that one, as any
// other signs well and fails on the phone.
//
// Quirks: WeChat's own number exists once a trade is paid, and is both sp_trade_no
// and transaction_id. PAYERROR is not final for a mini-program, whose shopper may
// try again; it is pending. A refunded trade does not say how much was refunded.
// An exchange rate is stated, a settled amount is not, and none is computed. Probes
// (signatures that begin WECHATPAY/SIGNTEST/) are refused like every signature
// that does not fit. A notice of an unknown kind only rings.
package wechatpay
