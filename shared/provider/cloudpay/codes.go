package cloudpay

import (
	"cmp"
	"errors"
	"regexp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// meaning is what a code amounts to. A Denied one names the settings to mend.
type meaning struct {
	kind    provider.Kind
	message string
}

const (
	refusedToken = "WeChat refuses the access token; providers.cloudpay.appid must own env, base_url be WeChat's"
	changedCall  = "WeChat could not read the request; something behind providers.cloudpay.base_url changes it"
	refusedShop  = "WeChat refuses the merchant; check providers.cloudpay.sub_mchid and appid, and that the merchant is bound to the environment"
	refusedKey   = "the bridge refuses our signature; providers.cloudpay.key must be the bridge's KEY, both clocks right"
)

// errcodes are what WeChat says instead of running the function. Negative ones
// beyond these are the cloud's own and leave open how far the function came.
var errcodes = map[int]meaning{
	-1:    {provider.Unknown, "WeChat's system failed"},
	-1000: {provider.Unknown, "WeChat's system failed"},
	40001: {provider.Denied, refusedToken},
	40014: {provider.Denied, refusedToken},
	42001: {provider.Denied, refusedToken},
	41001: {provider.Denied, refusedToken},
	40101: {provider.Denied, "WeChat misses a parameter; check providers.cloudpay.env and function"},
	43002: {provider.Denied, changedCall},
	44002: {provider.Denied, changedCall},
	47001: {provider.Denied, changedCall},
	45009: {provider.Busy, "WeChat's quota of calls for this mini-program is used up"},
	48001: {provider.Denied, "the mini-program providers.cloudpay.appid may not call cloud functions"},
	85088: {provider.Denied, "cloud development is not enabled for the mini-program providers.cloudpay.appid"},
}

// errCodes are WeChat Pay's own, of all ops.
var errCodes = map[string]provider.Kind{
	"ORDERPAID":      provider.AlreadyPaid,
	"ORDERNOTEXIST":  provider.NotFound,
	"REFUNDNOTEXIST": provider.NotFound,
	"NOTENOUGH":      provider.NotEnough,

	"SYSTEMERROR":       provider.Unknown,
	"BIZERR_NEED_RETRY": provider.Unknown,

	"FREQUENCY_LIMITED":    provider.Busy,
	"INVALID_REQ_TOO_MUCH": provider.Busy,

	"NOAUTH":                provider.Denied,
	"APPID_NOT_EXIST":       provider.Denied,
	"MCHID_NOT_EXIST":       provider.Denied,
	"APPID_MCHID_NOT_MATCH": provider.Denied,
	"SIGNERROR":             provider.Denied,
	"CERT_ERROR":            provider.Denied,

	"ORDERCLOSED":           provider.Declined,
	"INVALID_REQUEST":       provider.Declined, // create: the same number with other parameters
	"OUT_TRADE_NO_USED":     provider.Declined,
	"OUT_REFUND_NO_USED":    provider.Declined,
	"LACK_PARAMS":           provider.Declined,
	"PARAM_ERROR":           provider.Declined,
	"XML_FORMAT_ERROR":      provider.Declined,
	"REQUIRE_POST_METHOD":   provider.Declined,
	"POST_DATA_EMPTY":       provider.Declined,
	"NOT_UTF8":              provider.Declined,
	"TRADE_OVERDUE":         provider.Declined,
	"USER_ACCOUNT_ABNORMAL": provider.Declined,
	"INVALID_TRANSACTIONID": provider.Declined,
	"REFUND_FEE_MISMATCH":   provider.Declined,
}

// tradeStates are the states of a trade.
var tradeStates = map[string]payment.ReportState{
	"SUCCESS":    payment.Paid,
	"REFUND":     payment.Refunded,
	"NOTPAY":     payment.Pending,
	"USERPAYING": payment.Pending,
	"PAYERROR":   payment.Pending,
	"ACCEPT":     payment.Pending,
	"CLOSED":     payment.Over,
	"REVOKED":    payment.Over,
}

// refundStates are the states of a refund. CHANGE: the money could not reach the payer.
var refundStates = map[string]payment.RefundStatus{
	"SUCCESS":     payment.RefundSuccess,
	"PROCESSING":  payment.RefundProcessing,
	"REFUNDCLOSE": payment.RefundClosed,
	"CHANGE":      payment.RefundAbnormal,
}

// Words by which refusals without a code are told apart: of a bridge (ours says
// errcode 401), and of WeChat Pay before it looked at the order.
var (
	speaksOfKey  = regexp.MustCompile(`(?i)\bsign(ature)?\b|unauthori[sz]ed|forbidden|签名`)
	speaksOfShop = regexp.MustCompile(`(?i)\bsign(ature)?\b|mch_?id|appid|permission|不匹配|权限|未授权|签名`)
)

// refusal is a result that is no success, as an error. Without a code that is
// known to mean something definite, nobody knows what happened.
func (c *client) refusal(op string, m map[string]string) error {
	words := cmp.Or(m["errCodeDes"], m["returnMsg"], m["errmsg"], m["errMsg"], m["message"], m["error"], "the bridge's answer is not the SDK's result")
	e := &provider.Error{Kind: provider.Unknown, Op: op, Code: wire.Clip(cmp.Or(m["errcode"], m["errCode"])), Message: wire.Clip(words)}
	kind, known := errCodes[e.Code]
	switch {
	case known:
		e.Kind = kind
	case m["returnCode"] == "SUCCESS":
		c.counted("unmapped", "cloudpay: errCode "+e.Code)
	case m["returnCode"] != "" && speaksOfShop.MatchString(words):
		e.Kind = provider.Denied
	case m["returnCode"] == "" && (e.Code == "401" || speaksOfKey.MatchString(words)):
		e.Kind, e.Message = provider.Denied, refusedKey // its own words may quote what was signed
		return e
	}
	if e.Kind == provider.Denied {
		e.Message = refusedShop + " (WeChat: " + e.Message + ")"
	}
	return e
}

// unanswered turns a definite no to a question into what it says of the trade: nothing.
func unanswered(err error) error {
	var e *provider.Error
	if errors.As(err, &e) && e.Kind == provider.Declined {
		e.Kind = provider.Unknown
	}
	return err
}
