package wechatpay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// Every way in which an answer does not verify is an unknown outcome, also for an
// answer without a body.
func TestAnswersMustVerify(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		bend func(h http.Header)
	}{
		{"no signature", func(h http.Header) { h.Del("Wechatpay-Signature") }},
		{"no timestamp", func(h http.Header) { h.Del("Wechatpay-Timestamp") }},
		{"no nonce", func(h http.Header) { h.Del("Wechatpay-Nonce") }},
		{"no serial", func(h http.Header) { h.Del("Wechatpay-Serial") }},
		{"doubled signature", func(h http.Header) { h.Add("Wechatpay-Signature", h.Get("Wechatpay-Signature")) }},
		{"300 s old", func(h http.Header) { h.Set("Wechatpay-Timestamp", "1795367403") }},
		{"300 s ahead", func(h http.Header) { h.Set("Wechatpay-Timestamp", "1795368003") }},
		{"end of time", func(h http.Header) { h.Set("Wechatpay-Timestamp", "-9223372036854775808") }},
		{"not a time", func(h http.Header) { h.Set("Wechatpay-Timestamp", "now") }},
		{"other nonce", func(h http.Header) { h.Set("Wechatpay-Nonce", "other") }},
		{"other public key", func(h http.Header) { h.Set("Wechatpay-Serial", "PUB_KEY_ID_1") }},
		{"other scheme", func(h http.Header) { h.Set("Wechatpay-Signature-Type", "WECHATPAY2-SM2-WITH-SM3") }},
		{"no base64", func(h http.Header) { h.Set("Wechatpay-Signature", "WECHATPAY/SIGNTEST/?") }},
		{"line break", func(h http.Header) { h.Set("Wechatpay-Signature", h.Get("Wechatpay-Signature")+"\n") }},
		{"trailing bits", func(h http.Header) {
			s := h.Get("Wechatpay-Signature") // 256 bytes: the last letter holds 4 bits more than needed
			next := map[byte]string{'A': "B", 'Q': "R", 'g': "h", 'w': "x"}[s[len(s)-3]]
			h.Set("Wechatpay-Signature", s[:len(s)-3]+next+"==")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(204, "")
			p := f.open(t, V3, settings(nil))
			if err := p.Close(t.Context(), testTrade); err != nil {
				t.Fatalf("an answer that verifies: %v", err)
			}
			f.bend = tt.bend
			if err := p.Close(t.Context(), testTrade); err == nil || provider.KindOf(err) != provider.Unknown {
				t.Errorf("Close = %v, want an unknown outcome", err)
			}
			f.answer = func(*http.Request) (int, string) { return 200, `{"trade_state":"SUCCESS","amount":{"total":1299}}` }
			r, err := p.Query(t.Context(), testTrade)
			if err == nil || provider.KindOf(err) != provider.Unknown || r != (payment.Report{}) {
				t.Errorf("Query = %+v, %v, want an unknown outcome", r, err)
			}
		})
	}
}

// withCertificates lets the fake answer a download with these certificates.
func (f *fake) withCertificates(t *testing.T, list func() map[string][]byte) {
	next := f.answer
	f.answer = func(r *http.Request) (int, string) {
		if strings.HasSuffix(r.URL.Path, "/certificates") {
			return 200, download(t, list())
		}
		return next(r)
	}
}

func TestR15KeysInOverlap(t *testing.T) {
	t.Parallel()
	for prefix, path := range map[string]string{
		"/v3": "/v3/certificates", "/v3/global": "/v3/global/certificates", "/hk/v3": "/hk/v3/certificates",
	} {
		t.Run(prefix, func(t *testing.T) {
			t.Parallel()
			f := newFake(204, "")
			f.withCertificates(t, func() map[string][]byte {
				return map[string][]byte{testCert: certificatePEM(t, testKeys().second, testCert, testNow.Add(time.Hour))}
			})
			p := f.open(t, V3, settings(map[string]any{"prefix": prefix}))
			for i, serial := range []string{testKeyID, testCert, testKeyID, testCert} {
				f.serial = serial
				if err := p.Close(t.Context(), testTrade); err != nil {
					t.Errorf("signed with %s: %v", serial, err)
				}
				if n := f.calls(path); n != min(i, 1) { // none for the configured public key
					t.Errorf("%d downloads after %d answers", n, i+1)
				}
			}
			f.now = func() time.Time { return testNow.Add(2 * time.Hour) }
			p.now, p.keys.now = f.now, f.now
			if err := p.Close(t.Context(), testTrade); err == nil || provider.KindOf(err) != provider.Unknown {
				t.Errorf("signed with an expired certificate: %v", err)
			}
		})
	}
}

// An account with platform certificates only: many first calls share one download.
func TestCertificatesOnly(t *testing.T) {
	t.Parallel()
	f := newFake(204, "")
	f.serial = testCert
	f.withCertificates(t, func() map[string][]byte {
		return map[string][]byte{testCert: certificatePEM(t, testKeys().second, testCert, testNow.Add(time.Hour))}
	})
	p := f.open(t, V3, settings(map[string]any{"public_key_id": "", "public_key": ""}))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := p.Close(t.Context(), testTrade); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := f.calls("/certificates"); n != 1 {
		t.Errorf("%d downloads, want 1", n)
	}
	if got := f.sent[0].Header.Get("Wechatpay-Serial"); got != "" {
		t.Errorf("Wechatpay-Serial = %q without a public key", got)
	}
}

// Random serials cause one download a minute, whatever comes of it. They are forged,
// unless WeChat has not said which serials there are.
func TestR15UnknownSerials(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"served": 200, "refused": 404, "failing": 500} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := testNow
			f := newFake(status, `{"code":"RESOURCE_NOT_EXISTS","message":"无可用的平台证书"}`)
			if status == 200 {
				f.withCertificates(t, func() map[string][]byte {
					return map[string][]byte{testCert: certificatePEM(t, testKeys().second, testCert, testNow.Add(time.Hour))}
				})
			}
			f.now = func() time.Time { return now }
			p := f.open(t, V3, settings(nil))
			want := map[string]provider.Kind{"served": provider.Forged, "refused": provider.Forged, "failing": provider.Unknown}[name]
			in := provider.Inbound{Header: http.Header{}, Body: []byte("{}")}
			for minute := range 3 {
				now = testNow.Add(time.Duration(minute) * time.Minute)
				for i := range 50 {
					f.seal(in.Header, "{}")
					in.Header.Set("Wechatpay-Serial", fmt.Sprintf("%040X", 1000*minute+i))
					if _, err := p.Notice(t.Context(), in); err == nil || provider.KindOf(err) != want {
						t.Fatalf("Notice = %v, want kind %v", err, want)
					}
				}
				if n := f.calls("/certificates"); n != minute+1 {
					t.Fatalf("%d downloads in %d minutes", n, minute+1)
				}
			}
			for _, serial := range []string{"PUB_KEY_ID_2", "no serial", strings.Repeat("A", 41)} {
				now = now.Add(time.Hour)
				f.seal(in.Header, "{}")
				in.Header.Set("Wechatpay-Serial", serial)
				if _, err := p.Notice(t.Context(), in); provider.KindOf(err) != provider.Forged || f.calls("/certificates") != 3 {
					t.Errorf("%s: %v, %d downloads", serial, err, f.calls("/certificates"))
				}
			}
		})
	}
}

// A download that cannot be trusted changes nothing.
func TestBadDownloads(t *testing.T) {
	t.Parallel()
	good := func() []byte { return certificatePEM(t, testKeys().second, testCert, testNow.Add(time.Hour)) }
	tests := []struct {
		name string
		set  map[string]any
		list map[string][]byte
		bend func(http.Header)
		as   string // serial that the answers are signed under; "": testCert
	}{
		{name: "another APIv3 key", set: map[string]any{"apiv3_key": "0123456789abcdef0123456789abcdef"}, list: map[string][]byte{testCert: good()}},
		{name: "another serial", list: map[string][]byte{"77": good()}, as: "77"},
		{name: "serial not hexadecimal", list: map[string][]byte{"x": good()}},
		{name: "not PEM", list: map[string][]byte{testCert: []byte("x")}},
		{name: "not a certificate", list: map[string][]byte{testCert: []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")}},
		{name: "signed by another", list: map[string][]byte{testCert: certificatePEM(t, testKeys().platform, testCert, testNow.Add(time.Hour))}},
		{name: "expired", list: map[string][]byte{testCert: certificatePEM(t, testKeys().second, testCert, testNow.Add(-time.Minute))}},
		{name: "none", list: nil},
		{name: "unsigned", list: map[string][]byte{testCert: good()}, bend: func(h http.Header) { h.Del("Wechatpay-Signature") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(204, "")
			f.keys["77"] = testKeys().second
			f.serial, f.bend = cmp.Or(tt.as, testCert), tt.bend
			f.withCertificates(t, func() map[string][]byte { return tt.list })
			set := map[string]any{"public_key_id": "", "public_key": ""}
			for name, value := range tt.set {
				set[name] = value
			}
			p := f.open(t, V3, settings(set))
			if _, err := p.certificates(t.Context()); err == nil {
				t.Error("the download was believed")
			}
			if err := p.Close(t.Context(), testTrade); err == nil || provider.KindOf(err) != provider.Unknown {
				t.Errorf("Close = %v, want an unknown outcome", err)
			}
		})
	}
	f := newFake(200, "<html>")
	if _, err := f.open(t, V3, settings(nil)).certificates(t.Context()); err == nil {
		t.Error("a page was believed")
	}
}

// Whoever waits for another's download gives up with its context.
func TestFindGivesUp(t *testing.T) {
	t.Parallel()
	p := newFake(204, "").open(t, V3, settings(nil))
	p.keys.turn <- struct{}{} // somebody downloads
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.keys.find(ctx, testCert); !errors.Is(err, errNotNow) || !errors.Is(err, context.Canceled) {
		t.Errorf("find = %v", err)
	}
}
