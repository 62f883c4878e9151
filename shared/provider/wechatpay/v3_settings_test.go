package wechatpay

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"strings"
	"testing"

	"overseaspay/shared/provider"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private := func(key any) string {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	public := func(key any) string {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(der)
	}
	tests := []struct {
		name string
		d    provider.Descriptor
		set  map[string]any
		want string
	}{
		{"no mchid", V3, map[string]any{"mchid": ""}, "mchid: required"},
		{"no serial_no", V3, map[string]any{"serial_no": ""}, "serial_no: required"},
		{"no private_key", V3, map[string]any{"private_key": ""}, "private_key: required"},
		{"no apiv3_key", V3, map[string]any{"apiv3_key": ""}, "apiv3_key: required"},
		{"no sub_mchid", V3SP, map[string]any{"sub_mchid": ""}, "sub_mchid: required"},
		{"odd mchid", V3, map[string]any{"mchid": "1900\""}, "mchid: letters and digits only"},
		{"odd serial_no", V3, map[string]any{"serial_no": "AB CD"}, "serial_no: letters and digits only"},
		{"odd sub_mchid", V3SP, map[string]any{"sub_mchid": "1/2"}, "sub_mchid: letters and digits only"},
		{"odd public_key_id", V3, map[string]any{"public_key_id": "a\nb"}, "public_key_id: letters, digits and _ only"},
		{"short apiv3_key", V3, map[string]any{"apiv3_key": "secret-secret"}, "apiv3_key: must be 32 bytes"},
		{"private_key a word", V3, map[string]any{"private_key": "secret-secret"}, "private_key: not a PEM RSA key"},
		{"private_key of a curve", V3, map[string]any{"private_key": private(curve)}, "private_key: not a PEM RSA key"},
		{"private_key too short", V3, map[string]any{"private_key": private(small)}, "private_key: an RSA key needs at least 2048 bits"},
		{"public_key a word", V3, map[string]any{"public_key": "?"}, "public_key: not a PEM RSA key"},
		{"public_key of a curve", V3, map[string]any{"public_key": public(&curve.PublicKey)}, "public_key: not a PEM RSA key"},
		{"public_key too short", V3, map[string]any{"public_key": public(&small.PublicKey)}, "public_key: an RSA key needs at least 2048 bits"},
		{"public_key alone", V3, map[string]any{"public_key_id": ""}, "public_key_id: required with public_key"},
		{"public_key_id alone", V3, map[string]any{"public_key": ""}, "public_key: required with public_key_id"},
		{"prefix", V3, map[string]any{"prefix": "/v4"}, "prefix: must be /v3, /v3/global or /hk/v3"},
		{"mcc", V3, map[string]any{"mcc": "58a2"}, "mcc: must be 4 digits"},
		{"type", V3, map[string]any{"mchid": 1900000009}, "mchid: must be a string"},
		{"base_url", V3, map[string]any{"base_url": "apihk"}, "base_url: must be an http(s) URL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set := map[string]any{"sub_mchid": "1900000002"}
			maps.Copy(set, tt.set)
			_, err := tt.d.New(provider.Config{Settings: settings(set), HTTP: http.DefaultClient})
			if err == nil || err.Error() != tt.want || strings.Contains(err.Error(), "secret") {
				t.Errorf("New = %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := V3.New(provider.Config{Settings: settings(nil)}); err == nil || !strings.Contains(err.Error(), "HTTP") {
		t.Errorf("New without a client = %v", err)
	}
	if _, err := V3.New(provider.Config{Settings: settings(map[string]any{"appid": ""}), HTTP: http.DefaultClient}); err == nil || err.Error() != "appid: required" {
		t.Errorf("New without any appid = %v", err)
	}
}

func TestKeysInEveryForm(t *testing.T) {
	t.Parallel()
	key := testKeys().platform
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	forms := map[string]string{
		"PEM":                   text,
		"PEM in one line":       strings.ReplaceAll(text, "\n", " "),
		"PEM with escapes":      strings.ReplaceAll(text, "\n", `\n`),
		"base64":                base64.StdEncoding.EncodeToString(pkcs8),
		"PEM of PKCS#1":         string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
		"base64 of PKCS#1":      base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PrivateKey(key)),
		"PEM with DOS newlines": strings.ReplaceAll(text, "\n", "\r\n"),
	}
	for name, form := range forms {
		if got, err := privateKey(form); err != nil || !got.Equal(key) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	p, err := V3.New(provider.Config{Settings: settings(nil), HTTP: http.DefaultClient})
	if err != nil {
		t.Fatal(err)
	}
	a := p.(*v3)
	one, other := a.nonce(), a.nonce()
	if a.now().IsZero() || len(one) < 16 || one == other || a.base != "https://api.mch.weixin.qq.com" {
		t.Error("the defaults are not safe")
	}
	a.counted("x", "y")
}

func TestAccount(t *testing.T) {
	t.Parallel()
	f := newFake(200, "")
	for want, p := range map[string]*v3{
		"1900000009":            f.open(t, V3, settings(nil)),
		"1900000001/1900000002": f.open(t, V3SP, spSettings(nil)),
	} {
		if got := p.Account(); got != want {
			t.Errorf("Account = %s, want %s", got, want)
		}
		ids, _ := json.Marshal(p.mine())
		var said v3IDs
		if err := json.Unmarshal(ids, &said); err != nil || said.account() != want {
			t.Errorf("an answer for %s speaks of %q", ids, said.account())
		}
	}
	if got := (v3IDs{}).account(); got != "" {
		t.Errorf("an answer without ids speaks of %q", got)
	}
}
