package vrpay

import (
	"fmt"
	"maps"
	"slices"

	"overseaspay/shared/payment"
)

// brands are VR Payment's words for pay methods, as far as they are guessed.
var brands = map[payment.Method]string{
	payment.WeChat: "WECHAT_PAY",
	payment.Alipay: "ALIPAY",
}

// Keys of the settings' "names".
const (
	appID     = "appid"    // form field of a mini-program order
	openID    = "openid"   // the same
	payments  = "payments" // list in the transaction report
	timeStamp = "timeStamp"
	nonceStr  = "nonceStr"
	prepay    = "package"
	signType  = "signType"
	paySign   = "paySign"
)

// names are VR Payment's names as far as they are guessed. The last five are what
// is looked for in an answer's redirect.parameters and resultDetails.
var names = map[string]string{
	appID:     "customParameters[appid]",
	openID:    "customParameters[openid]",
	payments:  "payments",
	timeStamp: "timeStamp",
	nonceStr:  "nonceStr",
	prepay:    "package",
	signType:  "signType",
	paySign:   "paySign",
}

// merged lays an account's own words over the defaults; member is theirs in the settings.
func merged[K ~string](member string, defaults, own map[K]string) (map[K]string, error) {
	all := maps.Clone(defaults)
	for _, key := range slices.Sorted(maps.Keys(own)) {
		if _, known := defaults[key]; !known {
			return nil, fmt.Errorf("%s.%s: no such name", member, key)
		}
		if own[key] == "" {
			return nil, fmt.Errorf("%s.%s: must not be empty", member, key)
		}
		all[key] = own[key]
	}
	return all, nil
}
