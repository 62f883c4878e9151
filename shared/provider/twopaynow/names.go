package twopaynow

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"overseaspay/shared/payment"
)

// Keys of the settings' "names".
const (
	apiPath        = "api_path"
	alipayPath     = "wap_alipay_path"
	wechatPath     = "wap_wechat_path"
	miniPrecreate  = "mini_precreate" // function; "" hands out the WeChat page instead, which the SDK has
	query          = "query"          // function; "" asks by the merchant's number only
	wapQuery       = "wap_query"      // function
	refund         = "refund"         // function
	subAppID       = "sub_appid"      // this and all below: parameters
	subOpenID      = "sub_openid"
	refundAmount   = "refund_amount"
	refundCurrency = "refund_currency"
	refundReason   = "refund_reason"
)

// defaults are 2PayNow's names as far as they are guessed, or may move.
var defaults = map[string]string{
	apiPath:        "/zhifu/mc_itf",
	alipayPath:     "/wap/wappay/pay.html",
	wechatPath:     "/wap/WxpayAPI/jsapi.php",
	miniPrecreate:  "mini_precreate",
	query:          "query",
	wapQuery:       "wap_query",
	refund:         "refund",
	subAppID:       "sub_appid",
	subOpenID:      "sub_openid",
	refundAmount:   "refund_amount",
	refundCurrency: "refund_currency",
	refundReason:   "reason",
}

// optional are the names that may be "": that parameter is not sent, that function not used.
var optional = []string{miniPrecreate, query, subAppID, refundCurrency, refundReason}

// letters are what a name is made of.
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."

// merged lays an account's own names over the defaults.
func merged(own map[string]string) (map[string]string, error) {
	names := maps.Clone(defaults)
	for _, key := range slices.Sorted(maps.Keys(own)) {
		value, path := own[key], strings.HasSuffix(key, "_path")
		_, known := defaults[key]
		switch {
		case !known:
			return nil, fmt.Errorf("names.%s: no such name", key)
		case value == "" && !slices.Contains(optional, key):
			return nil, fmt.Errorf("names.%s: must not be empty", key)
		case path && !strings.HasPrefix(value, "/"):
			return nil, fmt.Errorf("names.%s: must begin with /", key)
		case path && strings.Trim(value, letters+"/") != "", !path && strings.Trim(value, letters) != "":
			return nil, fmt.Errorf("names.%s: must be letters, digits, dots, _ and -", key)
		}
		names[key] = value
	}
	return names, nil
}

// states are 2PayNow's words for where a trade stands. UNKNOWN is its word for pending.
var states = map[string]payment.ReportState{
	"TRADE_SUCCESS": payment.Paid,
	"TRADE_FAILED":  payment.Refused,
	"TRADE_CLOSED":  payment.Over,
	"UNKNOWN":       payment.Pending,
}

// state translates a word; one that is not in the table is pending, and counted.
func (p *Processor) state(word string) payment.ReportState {
	s, known := states[word]
	if !known {
		p.counted("unmapped", "2paynow: trade status")
		return payment.Unmapped
	}
	return s
}

// unknownTrade recognises an error text about a trade that 2PayNow does not have,
// modelled on its "mid not exist".
func unknownTrade(said string) bool {
	said = strings.ToLower(strings.ReplaceAll(said, "_", " "))
	about := strings.Contains(said, "trade") || strings.Contains(said, "order")
	return about && (strings.Contains(said, "not exist") || strings.Contains(said, "not found") || strings.Contains(said, "no such"))
}
