package wechatpay

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// maxAge is how far WeChat's clock and ours may be apart; at this it is too far.
const maxAge = 300 * time.Second

// Why a message of WeChat's does not verify.
var (
	errUnsigned = errors.New("no Wechatpay-Signature")
	errHeaders  = errors.New("a Wechatpay header is missing, doubled or not what it should be")
	errScheme   = errors.New("signed by another scheme")
	errAge      = errors.New("its timestamp is 300 seconds or more from our clock")
	errSerial   = errors.New("signed with a key that is not known")
	errSign     = errors.New("its signature does not fit")
	errNotNow   = errors.New("its key cannot be had now")
)

// seal is what the headers of an answer or a notice say about its signature.
type seal struct {
	serial, stamp, nonce, signature string
}

// readSeal reads the headers and checks their form and age. A doubled header is as
// bad as none: nobody can say which one was meant.
func readSeal(h http.Header, now time.Time) (seal, error) {
	one := func(name string) string {
		if v := h.Values(name); len(v) == 1 {
			return v[0]
		}
		return ""
	}
	s := seal{
		serial: one("Wechatpay-Serial"), stamp: one("Wechatpay-Timestamp"),
		nonce: one("Wechatpay-Nonce"), signature: one("Wechatpay-Signature"),
	}
	sent, err := strconv.ParseInt(s.stamp, 10, 64)
	switch {
	case s.signature == "":
		return s, errUnsigned
	case s.serial == "", s.nonce == "", err != nil:
		return s, errHeaders
	case len(h.Values("Wechatpay-Signature-Type")) > 0 && one("Wechatpay-Signature-Type") != v3Scheme:
		return s, errScheme
	}
	// Seconds, not a Duration: a stamp from the far end of time would overflow it.
	limit := int64(maxAge / time.Second)
	if late := now.Unix() - sent; late >= limit || late <= -limit {
		return s, errAge
	}
	return s, nil
}

// text is what was signed, from the headers as they came and the exact body.
func (s seal) text(body []byte) string { return lines(s.stamp, s.nonce, string(body)) }

// verify checks that WeChat sent this answer or notice, just now. The key is the
// one the message names, so that both kinds of keys are accepted while an account
// changes from one to the other.
func (p *v3) verify(ctx context.Context, h http.Header, body []byte) error {
	s, err := readSeal(h, p.now())
	if err != nil {
		return err
	}
	key, err := p.keys.find(ctx, s.serial)
	switch {
	case errors.Is(err, errNotNow):
		p.counted("wechatpay_certificates_failed", p.name)
		return err
	case err != nil:
		p.counted("wechatpay_key_unknown", p.name)
		return err
	}
	if !rsaFits(key, s.text(body), s.signature) {
		return errSign
	}
	return nil
}
