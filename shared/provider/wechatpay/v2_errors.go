package wechatpay

import (
	"cmp"
	"regexp"

	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// v2Kinds says what those err_codes of APIv2 mean that codeKinds does not hold.
// A code that is in neither leaves the outcome open: asking again is safe for
// every call here, while a refund that is thought declined could be made twice.
var v2Kinds = map[string]provider.Kind{
	"INVALID_REQUEST":       provider.Declined, // the number is known, with other parameters
	"ORDERCLOSED":           provider.Declined,
	"ORDER_CLOSED":          provider.Declined,
	"OUT_TRADE_NO_USED":     provider.Declined,
	"OUT_REFUND_NO_USED":    provider.Declined,
	"LACK_PARAMS":           provider.Declined,
	"PARAM_ERROR":           provider.Declined,
	"XML_FORMAT_ERROR":      provider.Declined,
	"REQUIRE_POST_METHOD":   provider.Declined,
	"POST_DATA_EMPTY":       provider.Declined,
	"NOT_UTF8":              provider.Declined,
	"TRADE_OVERDUE":         provider.Declined, // refunds end after a year
	"USER_ACCOUNT_ABNORMAL": provider.Declined,
	"INVALID_TRANSACTIONID": provider.Declined,
	"REFUND_FEE_MISMATCH":   provider.Declined,

	"INVALID_REQ_TOO_MUCH": provider.Busy, // too many failing calls
}

// v2Advice names the settings to look at when WeChat refuses an account.
var v2Advice = map[string]string{
	"NOAUTH":                "this account may not do that; check mchid, sub_mchid and base_url",
	"APPID_NOT_EXIST":       advice["APPID_NOT_EXIST"],
	"APPID_MCHID_NOT_MATCH": "appid and mchid are not bound to each other in the merchant console (v2sp: sub_appid and sub_mchid)",
	"MCHID_NOT_EXIST":       "no such merchant; check mchid and sub_mchid, and whether base_url is the account's own system",
	"CERT_ERROR":            advice["CERT_ERROR"],
}

const v2AdviceSign = "the signature was refused; mchid, key and sign_type must belong together, base_url be of the account's own system"

// refusal is a signed answer that says no, as an error.
func (p *v2) refusal(op, code, said string) *provider.Error {
	kind, known := codeKinds[code]
	if !known {
		kind, known = v2Kinds[code]
	}
	if !known {
		kind = provider.Unknown
		p.counted("wechatpay_unmapped", "err_code "+wire.Clip(code))
	}
	e := &provider.Error{Kind: kind, Op: op, Code: wire.Clip(code), Message: cmp.Or(wire.Clip(said), "no reason was given")}
	if kind == provider.Denied {
		e.Message = mend(op, cmp.Or(v2Advice[code], v2AdviceSign), e.Message)
	}
	return e
}

// credentials finds the words by which WeChat refuses an account before it looks at
// the order.
var (
	credentials = regexp.MustCompile(`(?i)签名|商户号|\bsign(ature|error)?\b|mch_?id|appid`)
	certificate = regexp.MustCompile(`(?i)证书|certificate`)
)

// unsigned is an answer that failed on the level of transport. It carries no
// signature, so it is believed only where it says what a wrong setting would cause.
func (p *v2) unsigned(op, said string) *provider.Error {
	said = cmp.Or(wire.Clip(said), "no reason was given")
	e := &provider.Error{Kind: provider.Unknown, Op: op, Code: "FAIL", Message: said}
	switch {
	case certificate.MatchString(said):
		e.Kind, e.Message = provider.Denied, mend(op, v2Advice["CERT_ERROR"], said)
	case credentials.MatchString(said):
		e.Kind, e.Message = provider.Denied, mend(op, v2AdviceSign, said)
	}
	return e
}
