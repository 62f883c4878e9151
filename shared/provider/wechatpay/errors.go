package wechatpay

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// codeKinds says what WeChat's error codes mean, in the spellings of APIv2 and
// APIv3. A code that is not here is a definite no.
var codeKinds = map[string]provider.Kind{
	"ORDERPAID":           provider.AlreadyPaid,
	"ORDER_PAID":          provider.AlreadyPaid,
	"ORDERNOTEXIST":       provider.NotFound,
	"ORDER_NOT_EXIST":     provider.NotFound,
	"REFUNDNOTEXIST":      provider.NotFound,
	"RESOURCE_NOT_EXISTS": provider.NotFound,
	"NOTENOUGH":           provider.NotEnough,
	"NOT_ENOUGH":          provider.NotEnough,

	"SIGNERROR":             provider.Denied,
	"SIGN_ERROR":            provider.Denied,
	"NOAUTH":                provider.Denied,
	"NO_AUTH":               provider.Denied,
	"APPID_NOT_EXIST":       provider.Denied,
	"APPID_MCHID_NOT_MATCH": provider.Denied,
	"MCHID_NOT_EXIST":       provider.Denied,
	"MCH_NOT_EXISTS":        provider.Denied,
	"CERT_ERROR":            provider.Denied,

	"FREQUENCY_LIMITED":  provider.Busy,
	"RATE_LIMITED":       provider.Busy,
	"RATELIMIT_EXCEEDED": provider.Busy,

	"SYSTEMERROR":       provider.Unknown,
	"SYSTEM_ERROR":      provider.Unknown,
	"BIZERR_NEED_RETRY": provider.Unknown,
}

// tailKinds says what the number at the end of Request-ID means, for answers whose
// code says less.
var tailKinds = map[string]provider.Kind{
	"268512771": provider.NotFound,
	"268447840": provider.Busy,
	"268449538": provider.AlreadyPaid,
	"268498689": provider.AlreadyPaid,
	"268445527": provider.Denied,
	"268443701": provider.Denied,
	"268443704": provider.Denied,
	"268443699": provider.Denied,
	"270283348": provider.Denied,
	"268501838": provider.Denied,
}

// advice names the settings to look at when WeChat refuses an account, by code or tail.
var advice = map[string]string{
	"SIGN_ERROR":            adviceSign,
	"SIGNERROR":             adviceSign,
	"268443699":             adviceSign,
	"270283348":             adviceSign,
	"NO_AUTH":               "this account may not do that; check mchid, sub_mchid and prefix",
	"NOAUTH":                "this account may not do that; check mchid, sub_mchid and prefix",
	"268443701":             "sub_mchid is not a merchant of mchid",
	"268443704":             "sub_mchid is missing; an institution is v3sp, not v3",
	"APPID_MCHID_NOT_MATCH": "appid and mchid are not bound to each other in the merchant console (v3sp: sub_appid and sub_mchid)",
	"268445527":             "appid and mchid are not bound to each other in the merchant console (v3sp: sub_appid and sub_mchid)",
	"APPID_NOT_EXIST":       "no such appid; check appid and sub_appid",
	"MCHID_NOT_EXIST":       "no such merchant; check mchid, sub_mchid and prefix",
	"MCH_NOT_EXISTS":        "no such merchant; check mchid, sub_mchid and prefix",
	"CERT_ERROR":            "the client certificate was refused; check cert and cert_key",
	"268501838":             "this is an overseas merchant; prefix must be /v3/global or /hk/v3",
}

const adviceSign = "the signature was refused; mchid, serial_no and private_key must belong together, prefix be the account's own, the clock right"

// fault is the body of an APIv3 error.
type fault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	tail    string
}

// readFault reads an error, which is empty if the body is not one of WeChat's.
func readFault(reply wire.Reply) fault {
	var f fault
	if json.Unmarshal(reply.Body, &f) != nil {
		f = fault{}
	}
	id := reply.Header.Get("Request-ID")
	tail := id[strings.LastIndexByte(id, '-')+1:]
	if tail != id && tail != "0" && len(tail) <= 12 && strings.Trim(tail, "0123456789") == "" {
		f.tail = tail
	}
	f.Code, f.Message = wire.Clip(f.Code), wire.Clip(f.Message)
	return f
}

// kind is what an answer below 500 means. What cannot be read did not come from
// WeChat Pay, but from something before it: nobody knows.
func (f fault) kind(status int) provider.Kind {
	if k, ok := codeKinds[f.Code]; ok {
		return k
	}
	if k, ok := tailKinds[f.tail]; ok {
		return k
	}
	switch {
	case status == http.StatusUnauthorized:
		return provider.Denied
	case f.Code == "" || status < 400:
		return provider.Unknown
	}
	return provider.Declined
}

// refusal is an answer that is not a success, as an error. Its Code is WeChat's,
// with the fine-grained number after a dash where there is one.
func refusal(op string, reply wire.Reply) *provider.Error {
	f := readFault(reply)
	e := &provider.Error{Kind: provider.Unknown, Op: op, Code: f.Code, Message: f.Message}
	if reply.Status < 500 {
		e.Kind = f.kind(reply.Status)
	}
	if f.tail != "" {
		e.Code = strings.TrimPrefix(f.Code+"-"+f.tail, "-")
	}
	if e.Message == "" {
		e.Message = "HTTP " + strconv.Itoa(reply.Status)
	}
	if e.Kind == provider.Denied {
		e.Message = mend(op, cmp.Or(advice[f.Code], advice[f.tail], adviceSign), e.Message)
	}
	return e
}

// mend is the sentence for an operator whose settings WeChat refuses.
func mend(op, advice, said string) string {
	name, _, _ := strings.Cut(op, ":")
	return "mend providers." + name + ": " + advice + " (WeChat: " + said + ")"
}

// isCode reports that an error holds one of WeChat's codes, whatever its tail.
func isCode(err *provider.Error, codes ...string) bool {
	code, _, _ := strings.Cut(err.Code, "-")
	for _, c := range codes {
		if c == code {
			return true
		}
	}
	return false
}
