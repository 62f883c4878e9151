// Package wechatpay talks to WeChat Pay itself, through APIv3 or APIv2, for
// merchants and institutions that have an account there. It must not know the
// cashier, a store or another processor.
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
// that does not fit. A notice of an unknown kind, or under another appid, only rings.
//
// # APIv2 (XML): v2 for a direct merchant, v2sp for a service provider
//
// base_url also says which merchant system the account is in. The default is
// https://apihk.mch.weixin.qq.com, for merchants outside mainland China; apius and
// apieu are its regional twins. api.mch and api2.mch are the mainland's, and the
// only hosts that are sent no version=1.0, which the overseas pages require.
//
// Everything is signed with the API key, in the account's sign_type: HMAC-SHA256,
// or MD5 where an account must. Answers and notices come in the type of the request
// or of the original order, so only that one type is taken; an account that changes
// its type keeps the old one under former until its last MD5 order is done. An
// answer that says return_code SUCCESS and does not verify is an unknown outcome,
// whatever else it says. One that says FAIL is never signed: it is an unknown
// outcome too, unless it speaks of a signature, merchant, appid or certificate,
// which is how WeChat refuses an account. A business code that the facts do not
// hold is an unknown outcome and counted.
//
// Messages are one level of <xml>, and are read strictly: no document type, no
// entity but the five, no comment, attribute or namespace, no element twice. Every
// element that is not empty takes part in the signature, also one nobody knows.
// Because values are signed raw, a shopper's text could be cut into other members
// under the same signature; a notice that could be read in two ways only rings.
//
// Refunds, and nothing else, show WeChat the merchant's client certificate (cert,
// cert_key: apiclient_cert.pem and apiclient_key.pem). Without them everything else
// works. A refund's notice is encrypted with a mode that vouches for nothing, and
// not signed, so it only rings. Its amount has no currency and is not reported.
//
// A service provider's appid is its own, and the payer's openid always goes as
// sub_openid with the mini-program it belongs to: the frozen AppID of the create,
// else sub_appid, else the shop's. wx.requestPayment is signed for that one with the
// provider's key.
//
// Quirks: creates and refunds derive nonce_str from their content, so that a
// repeated one is the same to the byte. An amount without fee_type is in CNY, in an
// answer about a refunded order in the order's currency. A refunded order's answer
// may hold no amounts, so its refunds are asked about too, ten at a time: they state
// how much went back. settlement_total_fee has no currency and is not reported.
// NOTENOUGH on a refund means that the day's takings are used up: the same
// out_refund_no works later. On a create it is the payer's balance, and a no. WeChat
// wants five minutes between a create and its close.
package wechatpay
