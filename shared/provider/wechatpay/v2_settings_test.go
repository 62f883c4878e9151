package wechatpay

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"overseaspay/shared/provider"
)

// v2Certificate makes a client certificate and its key.
func v2Certificate(t *testing.T, public, private any) string {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: testNow.Add(-time.Hour), NotAfter: testNow.Add(24 * 365 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func v2KeyPEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestNewV2Refuses(t *testing.T) {
	t.Parallel()
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other := testKeys().second
	tests := []struct {
		name string
		d    provider.Descriptor
		set  map[string]any
		want string
	}{
		{"no mchid", V2, map[string]any{"mchid": ""}, "mchid: required"},
		{"no key", V2, map[string]any{"key": ""}, "key: required"},
		{"no appid", V2, map[string]any{"appid": ""}, "appid: required"},
		{"no sub_mchid", V2SP, map[string]any{"sub_mchid": ""}, "sub_mchid: required"},
		{"no sub_appid", V2SP, map[string]any{"sub_appid": ""}, "sub_appid: required"},
		{"no provider's appid", V2SP, map[string]any{"appid": ""}, "appid: required"},
		{"odd mchid", V2, map[string]any{"mchid": "1900/1"}, "mchid: letters and digits only"},
		{"odd sub_mchid", V2SP, map[string]any{"sub_mchid": "1/2"}, "sub_mchid: letters and digits only"},
		{"short key", V2, map[string]any{"key": "secret-secret"}, "key: must be 32 characters"},
		{"sign_type", V2, map[string]any{"sign_type": "md5"}, "sign_type: must be HMAC-SHA256 or MD5"},
		{"type", V2, map[string]any{"mchid": 1900000009}, "mchid: must be a string"},
		{"base_url", V2, map[string]any{"base_url": "apihk"}, "base_url: must be an http(s) URL"},
		{"cert alone", V2, map[string]any{"cert_key": ""}, "cert_key: required with cert"},
		{"cert_key alone", V2, map[string]any{"cert": ""}, "cert: required with cert_key"},
		{"cert a word", V2, map[string]any{"cert": "secret-secret"}, "cert: not a PEM certificate"},
		{"cert a key", V2, map[string]any{"cert": v2KeyPEM(t, other)}, "cert: not a PEM certificate"},
		{"cert_key a word", V2, map[string]any{"cert_key": "secret-secret"}, "cert_key: not a PEM RSA key"},
		{"cert_key of a curve", V2, map[string]any{"cert_key": v2KeyPEM(t, curve)}, "cert_key: not a PEM RSA key"},
		{"cert of a curve", V2, map[string]any{"cert": v2Certificate(t, &curve.PublicKey, curve)}, "cert_key: does not belong to cert"},
		{"cert of another key", V2, map[string]any{"cert": v2Certificate(t, &other.PublicKey, other)}, "cert_key: does not belong to cert"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set := map[string]any{"sub_mchid": "1900000002", "sub_appid": "wx2222222222222222"}
			maps.Copy(set, tt.set)
			_, err := tt.d.New(provider.Config{Settings: v2Test(set), HTTP: http.DefaultClient})
			if err == nil || err.Error() != tt.want {
				t.Errorf("New = %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := V2.New(provider.Config{Settings: v2Test(nil)}); err == nil || !strings.Contains(err.Error(), "HTTP") {
		t.Errorf("New without a client = %v", err)
	}
}

// A provider's appid is never taken from the shop's item, and the client certificate
// may come in every form that people paste.
func TestV2CertificateForms(t *testing.T) {
	t.Parallel()
	key := testKeys().second
	cert := v2Certificate(t, &key.PublicKey, key)
	block, _ := pem.Decode([]byte(cert))
	for name, form := range map[string]string{
		"PEM": cert, "one line": strings.ReplaceAll(cert, "\n", " "), "escapes": strings.ReplaceAll(cert, "\n", `\n`),
		"base64":        base64.StdEncoding.EncodeToString(block.Bytes),
		"names before":  "Bag Attributes\n    friendlyName: Tenpay Certificate\nsubject=CN = 1900000009\n" + cert,
		"chain":         cert + cert,
		"DOS new lines": strings.ReplaceAll(cert, "\n", "\r\n"),
	} {
		for keyName, keyForm := range map[string]string{"PEM": v2KeyPEM(t, key), "names before": "Bag Attributes\n localKeyID: 01\n" + v2KeyPEM(t, key)} {
			c, err := newRefundClient(&http.Client{}, form, keyForm)
			if err != nil || !c.expires.Equal(testNow.Add(24*365*time.Hour).Truncate(time.Second)) {
				t.Errorf("%s, key %s: %v", name, keyName, err)
			}
		}
	}
}

// Refunds show the certificate, and nothing else does.
func TestV2ClientCertificate(t *testing.T) {
	t.Parallel()
	type request struct {
		path  string
		certs int
	}
	shown := make(chan request, 4)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown <- request{r.URL.Path, len(r.TLS.PeerCertificates)}
		_, _ = io.WriteString(w, v2Signed(hmacSHA256, map[string]string{
			"out_trade_no": testTrade.No, "out_refund_no": v2TestRefund.OutRefundNo, "trade_state": "NOTPAY",
		}))
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	defer server.Close()

	key := testKeys().second
	shared := server.Client()
	p, err := V2.New(provider.Config{
		Settings: v2Test(map[string]any{"cert": v2Certificate(t, &key.PublicKey, key), "cert_key": v2KeyPEM(t, key), "base_url": server.URL}),
		HTTP:     shared, Now: func() time.Time { return testNow },
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(want string, n int, call func(context.Context) error) {
		t.Helper()
		if err := call(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := <-shown; got != (request{want, n}) {
			t.Errorf("got %+v, want %s with %d certificates", got, want, n)
		}
	}
	query := func(ctx context.Context) error { _, err := p.Query(ctx, testTrade); return err }
	ask("/pay/orderquery", 0, query)
	ask("/secapi/pay/refund", 1, func(ctx context.Context) error {
		_, err := p.(provider.Refunder).Refund(ctx, v2TestRefund)
		return err
	})
	ask("/pay/orderquery", 0, query)
	if len(shared.Transport.(*http.Transport).TLSClientConfig.Certificates) > 0 {
		t.Error("the shared client has the certificate")
	}
}

// Without a transport of one's own the process's default is copied, not changed.
func TestV2DefaultTransport(t *testing.T) {
	t.Parallel()
	key := testKeys().second
	c, err := newRefundClient(&http.Client{Timeout: time.Second}, v2Certificate(t, &key.PublicKey, key), v2KeyPEM(t, key))
	if err != nil {
		t.Fatal(err)
	}
	own := c.Transport.(*http.Transport)
	if own == http.DefaultTransport || len(own.TLSClientConfig.Certificates) != 1 || c.Timeout != time.Second {
		t.Error("not a copy of the default with the certificate")
	}
	if private, ok := own.TLSClientConfig.Certificates[0].PrivateKey.(*rsa.PrivateKey); !ok || !private.Equal(key) {
		t.Error("the key is not the certificate's")
	}
}
