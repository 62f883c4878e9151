package wechatpay

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// v3Scheme is the one signature scheme of APIv3.
const v3Scheme = "WECHATPAY2-SHA256-RSA2048"

// lines is the text that APIv3 signs: every part on its own line, the last one too.
func lines(parts ...string) string { return strings.Join(parts, "\n") + "\n" }

// rsaSign is RSA-SHA256 PKCS#1 v1.5 in base64, which is deterministic.
func rsaSign(key *rsa.PrivateKey, text string) (string, error) {
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	return base64.StdEncoding.EncodeToString(sig), err
}

// rsaFits verifies what rsaSign makes. Only the one canonical base64 of a signature
// is taken, so that no changed byte of it goes unseen.
func rsaFits(key *rsa.PublicKey, text, signature string) bool {
	if strings.ContainsAny(signature, "\r\n") { // which the decoder would skip
		return false
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(signature)
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(text))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig) == nil
}

// authorization is the header of a request. uri is the escaped path with the query
// string, exactly as sent.
func (p *v3) authorization(method, uri string, body []byte) (string, error) {
	stamp, nonce := strconv.FormatInt(p.now().Unix(), 10), p.nonce()
	sig, err := rsaSign(p.key, lines(method, uri, stamp, nonce, string(body)))
	if err != nil {
		return "", err
	}
	return v3Scheme + ` mchid="` + p.set.MchID + `",nonce_str="` + nonce + `",signature="` + sig +
		`",timestamp="` + stamp + `",serial_no="` + p.set.SerialNo + `"`, nil
}

// payParams signs a package for wx.requestPayment, for the mini-program appID.
func (p *v3) payParams(appID, pkg string) (payment.PayParams, error) {
	pay := payment.PayParams{
		TimeStamp: strconv.FormatInt(p.now().Unix(), 10), NonceStr: p.nonce(),
		Package: pkg, SignType: "RSA",
	}
	var err error
	pay.PaySign, err = rsaSign(p.key, payText(appID, pay))
	return pay, err
}

func payText(appID string, pay payment.PayParams) string {
	return lines(appID, pay.TimeStamp, pay.NonceStr, pay.Package)
}

// Sign signs a stored package afresh, for the appid that it was signed for.
func (p *v3) Sign(stored payment.PayParams) (payment.PayParams, error) {
	appID, err := p.signedFor(stored, func(appID string) bool {
		return rsaFits(&p.key.PublicKey, payText(appID, stored), stored.PaySign)
	})
	switch {
	case err != nil:
		return payment.PayParams{}, err
	case appID == "":
		return stored, nil
	}
	pay, err := p.payParams(appID, stored.Package)
	if err != nil {
		return payment.PayParams{}, provider.Errorf(provider.NotSent, p.name+": sign", "signing failed: %w", err)
	}
	return pay, nil
}

// signedFor is the appid that a stored set is to be signed for afresh: the one it
// was signed for before. The set does not name it, but its signature tells. "" is
// a set that fits none of the account's appids, because the settings changed since;
// it stays as it is, still good for the one it was made for. A set without
// signature is for the account's own appid.
func (a *account) signedFor(stored payment.PayParams, fits func(appID string) bool) (string, error) {
	if !strings.HasPrefix(stored.Package, prepay) || len(stored.Package) == len(prepay) {
		return "", provider.Errorf(provider.NotSupported, a.name+": sign", "there is no prepay_id in the stored package")
	}
	if stored.PaySign == "" {
		return a.appIDs[0], nil
	}
	for _, appID := range a.appIDs {
		if fits(appID) {
			return appID, nil
		}
	}
	return "", nil
}

// prepay begins the package of wx.requestPayment.
const prepay = "prepay_id="
