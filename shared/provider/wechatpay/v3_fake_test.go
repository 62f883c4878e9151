package wechatpay

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

const (
	testSerial = "408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB"
	testKeyID  = "PUB_KEY_ID_0000000000000000000000000001"
	testCert   = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
	testAPIKey = "ApiV3KeyForTestsOnly_32bytes_xx1"
)

var testNow = time.Unix(1795367703, 0)

// load reads a file of vectors.
func load[T any](t testing.TB, name string) T {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var into T
	if err := json.Unmarshal(raw, &into); err != nil {
		t.Fatal(err)
	}
	return into
}

// testKeys are the pairs of the vectors: a merchant's and the platform's, and a
// second platform pair for the certificate.
var testKeys = sync.OnceValue(func() (k struct {
	merchantPEM, platformPEM string
	platform, second         *rsa.PrivateKey
}) {
	read := func(name string) (f map[string]any) {
		raw, err := os.ReadFile("testdata/" + name)
		if err == nil {
			err = json.Unmarshal(raw, &f)
		}
		if err != nil {
			panic(err)
		}
		return f
	}
	notify := read("v3-notify.json")
	k.merchantPEM = read("v3-request-sign.json")["private_key_pkcs8_base64"].(string)
	k.platformPEM = notify["platform_public_key_pem"].(string)
	var err error
	if k.platform, err = privateKey(notify["platform_private_key_pkcs8_base64"].(string)); err != nil {
		panic(err)
	}
	if k.second, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		panic(err)
	}
	return k
})

// settings are those of a mainland account in public-key mode; change may be nil.
func settings(change map[string]any) json.RawMessage {
	set := map[string]any{
		"mchid": "1900000009", "serial_no": testSerial, "private_key": testKeys().merchantPEM, "apiv3_key": testAPIKey,
		"public_key_id": testKeyID, "public_key": testKeys().platformPEM, "appid": "wx2222222222222222",
	}
	for name, value := range change {
		set[name] = value
	}
	raw, err := json.Marshal(set)
	if err != nil {
		panic(err)
	}
	return raw
}

// spSettings are those of an institution.
func spSettings(change map[string]any) json.RawMessage {
	all := map[string]any{
		"mchid": "1900000001", "appid": "wx1111111111111111", "sub_mchid": "1900000002", "sub_appid": "wx2222222222222222",
	}
	for name, value := range change {
		all[name] = value
	}
	return settings(all)
}

// fake is WeChat Pay: it keeps what it is sent and answers what it is told to,
// signed with the key of serial.
type fake struct {
	mu     sync.Mutex
	sent   []*http.Request
	bodies []string
	answer func(r *http.Request) (status int, body string)
	keys   map[string]*rsa.PrivateKey
	serial string              // signs with this one
	bend   func(h http.Header) // changes the headers of an answer; may be nil
	now    func() time.Time
}

func newFake(status int, body string) *fake {
	return &fake{
		keys:   map[string]*rsa.PrivateKey{testKeyID: testKeys().platform, testCert: testKeys().second},
		serial: testKeyID, now: func() time.Time { return testNow },
		answer: func(*http.Request) (int, string) { return status, body },
	}
}

func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	f.mu.Lock()
	f.sent, f.bodies = append(f.sent, r), append(f.bodies, string(body))
	f.mu.Unlock()
	status, said := f.answer(r)
	h := make(http.Header)
	f.seal(h, said)
	if f.bend != nil {
		f.bend(h)
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(said)), Request: r}, nil
}

func (f *fake) seal(h http.Header, body string) {
	stamp := strconv.FormatInt(f.now().Unix(), 10)
	sig, err := rsaSign(f.keys[f.serial], stamp+"\nAnswerNonce\n"+body+"\n")
	if err != nil {
		panic(err)
	}
	h.Set("Wechatpay-Timestamp", stamp)
	h.Set("Wechatpay-Nonce", "AnswerNonce")
	h.Set("Wechatpay-Serial", f.serial)
	h.Set("Wechatpay-Signature", sig)
}

func (f *fake) calls(path string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.sent {
		if strings.HasSuffix(r.URL.Path, path) {
			n++
		}
	}
	return n
}

// open makes an account that talks to the fake.
func (f *fake) open(t testing.TB, d provider.Descriptor, set json.RawMessage) *v3 {
	t.Helper()
	p, err := d.New(provider.Config{
		Settings: set, HTTP: &http.Client{Transport: f}, Now: f.now, AppID: "wx3333333333333333",
		Nonce: func() string { return "593BEC0C930BF1AFEB40B4A08C8FB242" },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p.(*v3)
}

// certificatePEM makes a platform certificate for a key.
func certificatePEM(t testing.TB, key *rsa.PrivateKey, serial string, till time.Time) []byte {
	t.Helper()
	number, _ := new(big.Int).SetString(serial, 16)
	c := &x509.Certificate{
		SerialNumber: number, Subject: pkix.Name{CommonName: "platform"},
		NotBefore: testNow.Add(-time.Hour), NotAfter: till,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// seal12 encrypts under a nonce.
func seal12(aead cipher.AEAD, plain []byte, associated string) sealed {
	return sealed{
		Algorithm: v3Cipher, Nonce: "0123456789ab", AssociatedData: associated,
		Ciphertext: base64.StdEncoding.EncodeToString(aead.Seal(nil, []byte("0123456789ab"), plain, []byte(associated))),
	}
}

// download is the answer that lists certificates.
func download(t testing.TB, list map[string][]byte) string {
	t.Helper()
	aead, err := newAEAD(testAPIKey)
	if err != nil {
		t.Fatal(err)
	}
	var data []map[string]any
	for serial, plain := range list {
		data = append(data, map[string]any{"serial_no": serial, "encrypt_certificate": seal12(aead, plain, "certificate")})
	}
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(map[string]any{"data": data}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// trade and create are what the tests speak of.
func testCreate(currency string) provider.Create {
	return provider.Create{
		No: "ORD-20261122_0001", Method: payment.WeChat, Total: payment.Money{Amount: 1299, Currency: currency},
		Body: "Tea & gift <茶>", Attach: "a", OpenID: "oSubOpenIdExample0000000001", ClientIP: "203.0.113.7",
		NotifyURL: "https://pay.example.test/notify/v3/default/ORD-20261122_0001", TimeExpire: testNow.Add(2 * time.Hour),
	}
}

var testTrade = provider.Trade{No: "ORD-20261122_0001", Total: payment.Money{Amount: 1299, Currency: "CNY"}}
