package wechatpay

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
)

// Errors of the key readers. They never quote a key.
var (
	errNotRSA = errors.New("not a PEM RSA key")
	errShort  = errors.New("an RSA key needs at least 2048 bits")
)

var (
	armour = regexp.MustCompile(`-----[A-Z ]+-----`)
	block  = regexp.MustCompile(`-----BEGIN [A-Z ]+-----([^-]+)-----END [A-Z ]+-----`)
)

// der reads the first block of PEM, or its base64 alone: parameter stores and
// consoles like to lose the line breaks or the first and last line, or to write a
// break as \n, and openssl writes names before a block.
func der(text string) ([]byte, error) {
	text = strings.ReplaceAll(text, `\n`, "\n")
	if whole := block.FindStringSubmatch(text); whole != nil {
		text = whole[1]
	}
	text = armour.ReplaceAllString(text, "")
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, errNotRSA
	}
	return raw, nil
}

// privateKey reads PKCS#8 or PKCS#1.
func privateKey(text string) (*rsa.PrivateKey, error) {
	raw, err := der(text)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS1PrivateKey(raw)
	if err != nil {
		any, _ := x509.ParsePKCS8PrivateKey(raw)
		key, _ = any.(*rsa.PrivateKey)
	}
	switch {
	case key == nil:
		return nil, errNotRSA
	case key.N.BitLen() < 2048:
		return nil, errShort
	}
	return key, nil
}

// publicKey reads PKIX, as the merchant console hands it out.
func publicKey(text string) (*rsa.PublicKey, error) {
	raw, err := der(text)
	if err != nil {
		return nil, err
	}
	any, _ := x509.ParsePKIXPublicKey(raw)
	key, ok := any.(*rsa.PublicKey)
	switch {
	case !ok:
		return nil, errNotRSA
	case key.N.BitLen() < 2048:
		return nil, errShort
	}
	return key, nil
}
