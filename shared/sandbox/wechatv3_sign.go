package sandbox

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed" // the demo keys
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Keys of the demo accounts. They are public by being here, and open nothing but
// this sandbox.
var (
	//go:embed keys/wechatpay_merchant.pem
	wx3MerchantPEM string
	//go:embed keys/wechatpay_platform.pem
	wx3PlatformPEM string
)

const (
	wx3APIKey      = "sandbox-apiv3-key-of-32-bytes-00"
	wx3Serial      = "3775B6A45ACD588826D15E583A95F5DD00000001" // of the merchant's certificate
	wx3CertSerial  = "5157F09EFDC096DE15EBE81A47057A7200000001" // of the platform's
	wx3PublicKeyID = "PUB_KEY_ID_0110000000002026112200000001"
	wx3Scheme      = "WECHATPAY2-SHA256-RSA2048"
)

// wx3Key reads one of the embedded keys; they are part of the program.
func wx3Key(text string) *rsa.PrivateKey {
	block, _ := pem.Decode([]byte(text))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		panic("sandbox: embedded key: " + err.Error())
	}
	return key.(*rsa.PrivateKey)
}

// wx3PublicPEM is the WeChat Pay public key as the merchant console shows it.
func wx3PublicPEM(key *rsa.PrivateKey) string {
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		panic("sandbox: embedded key: " + err.Error())
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// wx3Certificate is the platform certificate, the same at every start.
func wx3Certificate(key *rsa.PrivateKey) string {
	serial, _ := new(big.Int).SetString(wx3CertSerial, 16)
	cert := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "WeChat Pay platform (simulated)"},
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC),
		SignatureAlgorithm: x509.SHA256WithRSA,
	}
	der, err := x509.CreateCertificate(nil, cert, cert, &key.PublicKey, key)
	if err != nil {
		panic("sandbox: embedded key: " + err.Error())
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// authorize checks who sent a request and that it arrived as it was signed: method,
// the request line's own path and query, timestamp, nonce and body.
func (w *weChatV3) authorize(r *http.Request, body []byte) error {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	said := make(map[string]string)
	for item := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(item, "=")
		said[name] = strings.TrimSuffix(strings.TrimPrefix(value, `"`), `"`)
	}
	sent, err := strconv.ParseInt(said["timestamp"], 10, 64)
	age := w.Now().Unix() - sent
	switch {
	case scheme != wx3Scheme || len(said) != 5 || said["nonce_str"] == "":
		return wx3No{http.StatusUnauthorized, "SIGN_ERROR", "Authorization is not well formed", 0}
	case said["mchid"] != w.mchid || said["serial_no"] != wx3Serial:
		return wx3No{http.StatusUnauthorized, "SIGN_ERROR", "no such merchant or certificate", 0}
	case err != nil || age > 300 || age < -300:
		return wx3No{http.StatusUnauthorized, "SIGN_ERROR", "the timestamp is more than 5 minutes off", 0}
	}
	uri := r.RequestURI
	if uri == "" {
		uri = r.URL.RequestURI()
	}
	signed := fmt.Sprintf("%s\n%s\n%s\n%s\n%s\n", r.Method, uri, said["timestamp"], said["nonce_str"], body)
	digest := sha256.Sum256([]byte(signed))
	signature, err := base64.StdEncoding.DecodeString(said["signature"])
	if err != nil || rsa.VerifyPKCS1v15(&w.merchant.PublicKey, crypto.SHA256, digest[:], signature) != nil {
		return wx3No{http.StatusUnauthorized, "SIGN_ERROR", "wrong signature", 268443699}
	}
	return nil
}

// seal signs an answer or a notice with the platform's key.
func (w *weChatV3) seal(h http.Header, serial string, body []byte) {
	stamp, nonce := strconv.FormatInt(w.Now().Unix(), 10), w.Nonce()
	digest := sha256.Sum256([]byte(stamp + "\n" + nonce + "\n" + string(body) + "\n"))
	signature, err := rsa.SignPKCS1v15(nil, w.platform, crypto.SHA256, digest[:])
	if err != nil {
		panic("sandbox: embedded key: " + err.Error())
	}
	h.Set("Wechatpay-Timestamp", stamp)
	h.Set("Wechatpay-Nonce", nonce)
	h.Set("Wechatpay-Serial", serial)
	h.Set("Wechatpay-Signature", base64.StdEncoding.EncodeToString(signature))
	h.Set("Wechatpay-Signature-Type", wx3Scheme)
}

// encrypt is AEAD_AES_256_GCM as the members of a resource.
func (w *weChatV3) encrypt(plain []byte, associated string) map[string]string {
	block, err := aes.NewCipher([]byte(wx3APIKey))
	if err != nil {
		panic("sandbox: APIv3 key: " + err.Error())
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic("sandbox: APIv3 key: " + err.Error())
	}
	nonce := w.Nonce()[:gcm.NonceSize()]
	return map[string]string{
		"algorithm": "AEAD_AES_256_GCM", "nonce": nonce, "associated_data": associated,
		"ciphertext": base64.StdEncoding.EncodeToString(gcm.Seal(nil, []byte(nonce), plain, []byte(associated))),
	}
}
