package wechatpay

import (
	"crypto/aes"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider/internal/wire"
)

// The signature types of APIv2.
const (
	hmacSHA256 = "HMAC-SHA256"
	md5Type    = "MD5"
)

// v2Sign signs all members that are not empty, but sign itself, in upper-case hex.
func v2Sign(key, signType string, members map[string]string) string {
	text := wire.Pairs(members, func(name, value string) bool { return value != "" && name != "sign" }) + "&key=" + key
	if signType == md5Type {
		return strings.ToUpper(wire.MD5(text))
	}
	return strings.ToUpper(wire.HMAC(key, text))
}

// genuine reports that WeChat signed these members, with the account's own type:
// the type of the request, or of the original order. A weaker type in its place
// would let a forger choose.
func (p *v2) genuine(members map[string]string) bool {
	return wire.Equal(v2Sign(p.set.Key, p.set.SignType, members), members["sign"])
}

// v2Decisive are the members that notices are believed in.
var v2Decisive = []string{
	"return_code", "result_code", "appid", "mch_id", "sub_appid", "sub_mch_id",
	"out_trade_no", "transaction_id", "total_fee", "fee_type", "time_end",
}

// ambiguous reports that the signed text could be cut into other members with the
// same signature: values are signed raw, so an attach that holds "&total_fee=1"
// reads like a member. Such a notice must not move money.
func ambiguous(members map[string]string) bool {
	text := "&" + wire.Pairs(members, nil)
	for _, name := range v2Decisive {
		if strings.Count(text, "&"+name+"=") > 1 {
			return true
		}
	}
	return false
}

// steady is a nonce_str that is the same for the same request, so that one that is
// repeated is the same to the byte. Nobody without the key can foretell it.
func (p *v2) steady(request map[string]string) string {
	return wire.HMAC(p.set.Key, "nonce\n"+wire.Pairs(request, nil))[:32]
}

// payParams signs a package for wx.requestPayment, for the mini-program appID and
// in the type of its order.
func (p *v2) payParams(appID, pkg, signType string) payment.PayParams {
	pay := payment.PayParams{
		TimeStamp: strconv.FormatInt(p.now().Unix(), 10), NonceStr: p.nonce(), Package: pkg, SignType: signType,
	}
	pay.PaySign = v2PaySign(p.set.Key, appID, pay)
	return pay
}

// v2PaySign signs what wx.requestPayment takes. Its names are not those of the XML.
func v2PaySign(key, appID string, pay payment.PayParams) string {
	return v2Sign(key, pay.SignType, map[string]string{
		"appId": appID, "nonceStr": pay.NonceStr, "package": pay.Package, "signType": pay.SignType, "timeStamp": pay.TimeStamp,
	})
}

// Sign signs a stored package afresh, for the appid and in the type that it was
// signed in.
func (p *v2) Sign(stored payment.PayParams) (payment.PayParams, error) {
	appID, err := p.signedFor(stored, func(appID string) bool {
		return wire.Equal(v2PaySign(p.set.Key, appID, stored), stored.PaySign)
	})
	switch {
	case err != nil:
		return payment.PayParams{}, err
	case appID == "":
		return stored, nil
	}
	signType := p.set.SignType
	if stored.PaySign != "" {
		signType = stored.SignType
	}
	return p.payParams(appID, stored.Package, signType), nil
}

var errReqInfo = errors.New("req_info is not encrypted with this account's key")

// v2Decrypt reads req_info: base64 of AES-256-ECB with PKCS#7, its key the lower-case
// hex of the API key's MD5, as text. ECB vouches for nothing but that whoever wrote
// it had the key, or pieces of what was written with it.
func v2Decrypt(key, reqInfo string) ([]byte, error) {
	text, err := base64.StdEncoding.DecodeString(reqInfo)
	if err != nil || len(text) == 0 || len(text)%aes.BlockSize != 0 {
		return nil, errReqInfo
	}
	block, err := aes.NewCipher([]byte(wire.MD5(key)))
	if err != nil {
		return nil, errReqInfo
	}
	for at := 0; at < len(text); at += aes.BlockSize {
		block.Decrypt(text[at:at+aes.BlockSize], text[at:at+aes.BlockSize])
	}
	pad := int(text[len(text)-1])
	if pad == 0 || pad > aes.BlockSize {
		return nil, errReqInfo
	}
	for _, b := range text[len(text)-pad:] {
		if int(b) != pad {
			return nil, errReqInfo
		}
	}
	return text[:len(text)-pad], nil
}
