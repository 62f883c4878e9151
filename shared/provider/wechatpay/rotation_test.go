package wechatpay

import (
	"crypto/rsa"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// testNext is a platform certificate that comes after testCert.
const testNext = "6268F09EFDC096DE15EBE81A47057A7232F1B8E2"

// certified lets the fake list certificates, and sign with their keys.
func (f *fake) certified(t *testing.T, keys map[string]*rsa.PrivateKey) {
	t.Helper()
	list := make(map[string][]byte, len(keys))
	for serial, key := range keys {
		f.keys[serial], list[serial] = key, certificatePEM(t, key, serial, testNow.Add(24*time.Hour))
	}
	f.answer = func(*http.Request) (int, string) { return 200, download(t, list) }
}

// paidNotice is a genuine notice that a trade is paid, signed with a serial's key.
func (f *fake) paidNotice(t *testing.T, p *v3, serial string) provider.Inbound {
	t.Helper()
	was := f.serial
	f.serial = serial
	defer func() { f.serial = was }()
	return f.post(t, p, "TRANSACTION.SUCCESS", `{"mchid":"1900000009","out_trade_no":"ORD-20261122_0001","transaction_id":"42",`+
		`"trade_state":"SUCCESS","amount":{"total":1299,"currency":"CNY"}}`)
}

func heard(t *testing.T, p *v3, in provider.Inbound) error {
	t.Helper()
	n, err := p.Notice(t.Context(), in)
	if err == nil && (n.Payment.State != payment.Paid || n.Doorbell) {
		t.Errorf("%+v", n)
	}
	return err
}

// Notices in every stage of a change of keys: the public key of the settings and the
// certificates are good beside each other, and so are an old and a new certificate
// while WeChat lists both.
func TestR15NoticesInOverlap(t *testing.T) {
	t.Parallel()
	now := testNow
	f := newFake(200, "")
	f.now = func() time.Time { return now }
	old, next := testKeys().second, testKeys().platform
	f.certified(t, map[string]*rsa.PrivateKey{testCert: old})
	f.serial = testCert // downloads, too
	p := f.open(t, V3, settings(nil))
	for _, step := range []struct {
		what      string
		before    func()
		serial    string
		want      provider.Kind // 0: accepted
		downloads int
	}{
		{"the public key", nil, testKeyID, 0, 0},
		{"a certificate beside it", nil, testCert, 0, 1},
		{"the public key again", nil, testKeyID, 0, 1},
		{"a new certificate, within the minute", func() {
			f.certified(t, map[string]*rsa.PrivateKey{testCert: old, testNext: next})
		}, testNext, provider.Forged, 1},
		{"and after it", func() { now = now.Add(time.Minute) }, testNext, 0, 2},
		{"the old one beside it", nil, testCert, 0, 2},
		{"the public key beside both", nil, testKeyID, 0, 2},
		{"the old one, no longer listed but not asked about", func() {
			f.certified(t, map[string]*rsa.PrivateKey{testNext: next})
			f.serial = testNext
			now = now.Add(time.Hour)
		}, testCert, 0, 2},
		{"an unknown one", func() { f.keys["77"] = old }, "77", provider.Forged, 3},
		{"the old one, once the list is known", nil, testCert, provider.Forged, 3},
		{"the new one alone", nil, testNext, 0, 3},
	} {
		if step.before != nil {
			step.before()
		}
		err := heard(t, p, f.paidNotice(t, p, step.serial))
		if step.want == 0 && err != nil || step.want != 0 && (err == nil || provider.KindOf(err) != step.want) {
			t.Errorf("%s: %v, want kind %v", step.what, err, step.want)
		}
		if n := f.calls("/certificates"); n != step.downloads {
			t.Errorf("%s: %d downloads, want %d", step.what, n, step.downloads)
		}
	}
}

// Many unknown serials at once share one download, whoever is first.
func TestR15UnknownSerialsAtOnce(t *testing.T) {
	t.Parallel()
	f := newFake(200, "")
	f.certified(t, map[string]*rsa.PrivateKey{testCert: testKeys().second})
	f.serial = testCert
	p := f.open(t, V3, settings(map[string]any{"public_key_id": "", "public_key": ""}))
	genuine := f.paidNotice(t, p, testCert)
	var wg sync.WaitGroup
	var accepted atomic.Int32
	for i := range 64 {
		wg.Go(func() {
			in := provider.Inbound{Method: genuine.Method, Header: genuine.Header.Clone(), Body: genuine.Body}
			if i%4 != 0 {
				in.Header.Set("Wechatpay-Serial", fmt.Sprintf("%040X", i))
			}
			_, err := p.Notice(t.Context(), in)
			switch {
			case err == nil:
				accepted.Add(1)
			case provider.KindOf(err) != provider.Forged:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := f.calls("/certificates"); n != 1 || accepted.Load() != 16 {
		t.Errorf("%d downloads, %d of 16 genuine notices accepted", n, accepted.Load())
	}
}

// A download whose own answer is signed with an unknown key asks for no other one.
func TestR15NoRecursion(t *testing.T) {
	t.Parallel()
	f := newFake(200, "")
	f.certified(t, map[string]*rsa.PrivateKey{testCert: testKeys().second})
	f.keys[testNext] = testKeys().platform
	f.serial = testNext // in no list
	p := f.open(t, V3, settings(nil))
	in := f.paidNotice(t, p, testCert)
	done := make(chan error, 1)
	go func() {
		_, err := p.Notice(t.Context(), in)
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil || provider.KindOf(err) != provider.Unknown {
			t.Errorf("Notice = %v, want kind unknown", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for itself")
	}
	if n := f.calls("/certificates"); n != 1 {
		t.Errorf("%d downloads, want 1", n)
	}
}

// A merchant with a public key who is refused the certificates has none, whatever the
// words: a random serial is forged. Without a public key, or where the refusal is of
// the signature or the rate, nobody knows.
func TestRefusedCertificatesAreNone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body   string
		status       int
		public, none provider.Kind // with a public key, and without
	}{
		{"no such resource", `{"code":"RESOURCE_NOT_EXISTS"}`, 404, provider.Forged, provider.Forged},
		{"404 of another code", `{"code":"SYSTEM_ERROR"}`, 404, provider.Forged, provider.Unknown},
		{"404 with a page", `<html>`, 404, provider.Forged, provider.Unknown},
		{"404 with nothing", ``, 404, provider.Forged, provider.Unknown},
		{"declined", `{"code":"INVALID_REQUEST"}`, 400, provider.Forged, provider.Unknown},
		{"no permission", `{"code":"NO_AUTH"}`, 403, provider.Forged, provider.Unknown},
		{"403 with a page", `<html>`, 403, provider.Unknown, provider.Unknown},
		{"403 of the signature", `{"code":"SIGN_ERROR"}`, 403, provider.Unknown, provider.Unknown},
		{"401 with NO_AUTH", `{"code":"NO_AUTH"}`, 401, provider.Unknown, provider.Unknown},
		{"429 of an unknown code", `{"code":"SLOWLY"}`, 429, provider.Unknown, provider.Unknown},
		{"500 with a code", `{"code":"INVALID_REQUEST"}`, 500, provider.Unknown, provider.Unknown},
	} {
		for mode, set := range map[string]map[string]any{
			"public": nil, "certificates": {"public_key_id": "", "public_key": ""},
		} {
			t.Run(tt.name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				f := newFake(tt.status, tt.body)
				p := f.open(t, V3, settings(set))
				in := f.paidNotice(t, p, testCert)
				in.Header.Set("Wechatpay-Serial", testNext)
				want := map[string]provider.Kind{"public": tt.public, "certificates": tt.none}[mode]
				if err := heard(t, p, in); err == nil || provider.KindOf(err) != want {
					t.Errorf("%v, want kind %v", err, want)
				}
			})
		}
	}
}

// While the certificates cannot be downloaded a genuine notice is not forged: it is
// to come again, and is good once they can.
func TestOutageIsNoForgery(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(f *fake){
		"500":           func(f *fake) { f.answer = func(*http.Request) (int, string) { return 500, "" } },
		"429":           func(f *fake) { f.answer = func(*http.Request) (int, string) { return 429, "" } },
		"a page":        func(f *fake) { f.answer = func(*http.Request) (int, string) { return 200, "<html>" } },
		"refused":       func(f *fake) { f.answer = func(*http.Request) (int, string) { return 401, `{"code":"SIGN_ERROR"}` } },
		"unsigned":      func(f *fake) { f.bend = func(h http.Header) { h.Del("Wechatpay-Signature") } },
		"an empty list": func(f *fake) { f.answer = func(*http.Request) (int, string) { return 200, `{"data":[]}` } },
	} {
		for mode, set := range map[string]map[string]any{
			"certificates": {"public_key_id": "", "public_key": ""}, "both": nil,
		} {
			t.Run(name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				now := testNow
				f := newFake(200, "")
				f.now = func() time.Time { return now }
				f.certified(t, map[string]*rsa.PrivateKey{testCert: testKeys().second})
				f.serial = testCert
				counts := []string{}
				p := f.open(t, V3, settings(set))
				p.counted = func(metric, detail string) { counts = append(counts, metric+" "+detail) }
				good, bend := f.answer, f.bend
				spoil(f)
				for i := range 3 {
					in := f.paidNotice(t, p, testCert)
					if err := heard(t, p, in); err == nil || provider.KindOf(err) != provider.Unknown {
						t.Fatalf("notice %d: %v, want kind unknown", i, err)
					} else if strings.Contains(fmt.Sprintf("%+v", err), testAPIKey) {
						t.Error("a secret is shown")
					}
				}
				forged := f.paidNotice(t, p, testCert)
				forged.Header.Set("Wechatpay-Serial", "PUB_KEY_ID_9")
				if err := heard(t, p, forged); err == nil || provider.KindOf(err) != provider.Forged {
					t.Errorf("a serial that no download could tell: %v", err)
				}
				f.answer, f.bend = good, bend
				now = now.Add(59 * time.Second)
				if err := heard(t, p, f.paidNotice(t, p, testCert)); err == nil || f.calls("/certificates") != 1 {
					t.Errorf("within the minute: %v, %d downloads", err, f.calls("/certificates"))
				}
				now = now.Add(time.Second)
				if err := heard(t, p, f.paidNotice(t, p, testCert)); err != nil || f.calls("/certificates") != 2 {
					t.Errorf("after the minute: %v, %d downloads", err, f.calls("/certificates"))
				}
				if len(counts) != 5 || counts[0] != "wechatpay_certificates_failed v3" {
					t.Errorf("counted %q", counts)
				}
			})
		}
	}
}
