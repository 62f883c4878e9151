package wire

import (
	"net/url"

	"overseaspay/shared/payment"
)

// PayParams reads what wx.requestPayment takes out of an answer's members, nil if
// any of it is missing. Members have WeChat's names but for the package's, which
// some processors rename.
func PayParams(members map[string]string, pack string) *payment.PayParams {
	p := payment.PayParams{TimeStamp: members["timeStamp"], NonceStr: members["nonceStr"], Package: members[pack],
		SignType: members["signType"], PaySign: members["paySign"]}
	if p.TimeStamp == "" || p.NonceStr == "" || p.Package == "" || p.SignType == "" || p.PaySign == "" {
		return nil
	}
	return &p
}

// PayParamsIn is PayParams of a JSON object's text.
func PayParamsIn(raw string) *payment.PayParams {
	members, _ := Flat([]byte(raw)) // nothing, if it is no object
	return PayParams(members, "package")
}

// IsURL reports that a text is an absolute http(s) URL, which a browser can open.
func IsURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http")
}
