package wechatpay

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"

	"github.com/google/go-cmp/cmp"
)

func TestVectorsRequestSign(t *testing.T) {
	t.Parallel()
	file := load[struct {
		Key     string `json:"private_key_pkcs8_base64"`
		Vectors []struct {
			ID, Method, URL, Timestamp, Nonce, Body string
			Signature                               string `json:"expected_signature"`
			Authorization                           string `json:"expected_authorization"`
		}
	}](t, "v3-request-sign.json")
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			key, err := privateKey(file.Key)
			if err != nil {
				t.Fatal(err)
			}
			_, mchid, _ := strings.Cut(v.Authorization, `mchid="`)
			mchid, _, _ = strings.Cut(mchid, `"`)
			seconds, _ := strconv.ParseInt(v.Timestamp, 10, 64)
			p := &v3{
				key: key, set: v3Settings{MchID: mchid, SerialNo: testSerial},
				account: account{now: func() time.Time { return time.Unix(seconds, 0) }, nonce: func() string { return v.Nonce }},
			}
			got, err := p.authorization(v.Method, v.URL, []byte(v.Body))
			if err != nil || got != v.Authorization {
				t.Errorf("authorization = %s, %v\nwant %s", got, err, v.Authorization)
			}
		})
	}
}

func TestVectorsPaySign(t *testing.T) {
	t.Parallel()
	file := load[struct {
		Vectors []struct {
			ID, TimeStamp, NonceStr, Package string
			AppID                            string `json:"app_id"`
			PrepayID                         string `json:"prepay_id"`
			Signature                        string `json:"expected_signature"`
		}
	}](t, "v3-paysign.json")
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			p := newFake(200, "").open(t, V3, settings(nil))
			seconds, _ := strconv.ParseInt(v.TimeStamp, 10, 64)
			p.now = func() time.Time { return time.Unix(seconds, 0) }
			pkg, negative := v.Package, v.Package == ""
			if negative {
				pkg = prepay + v.PrepayID
			}
			got, err := p.payParams(v.AppID, pkg)
			if err != nil {
				t.Fatal(err)
			}
			want := payment.PayParams{TimeStamp: v.TimeStamp, NonceStr: v.NonceStr, Package: pkg, SignType: "RSA", PaySign: v.Signature}
			if same := got == want; same == negative {
				t.Errorf("payParams = %+v, want (%t) %+v", got, !negative, want)
			}
		})
	}
}

func TestVectorsResponseVerify(t *testing.T) {
	t.Parallel()
	file := load[struct {
		Vectors []struct {
			ID, Body, Expect string
			Headers          map[string]string
			PublicKey        string `json:"public_key_pem"`
		}
	}](t, "v3-response-verify.json")
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			p := newFake(200, "").open(t, V3, settings(map[string]any{"public_key": v.PublicKey}))
			h := make(http.Header)
			for name, value := range v.Headers {
				h.Set(name, value)
			}
			h.Set("Wechatpay-Serial", testKeyID)
			seconds, _ := strconv.ParseInt(h.Get("Wechatpay-Timestamp"), 10, 64)
			p.now = func() time.Time { return time.Unix(seconds, 0) } // the vector is not about age
			err := p.verify(t.Context(), h, []byte(v.Body))
			if accepted := err == nil; accepted != strings.HasPrefix(v.Expect, "accept") {
				t.Errorf("verify = %v, want %s", err, v.Expect)
			}
		})
	}
}

func TestVectorsAEAD(t *testing.T) {
	t.Parallel()
	file := load[struct {
		Vectors []struct {
			ID, Key, Nonce, Ciphertext string
			AAD                        string `json:"associated_data"`
			Plain                      string `json:"expected_plaintext"`
		}
	}](t, "v3-aes-gcm.json")
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			aead, err := newAEAD(v.Key)
			if err != nil {
				t.Fatal(err)
			}
			s := sealed{Algorithm: v3Cipher, Ciphertext: v.Ciphertext, AssociatedData: v.AAD, Nonce: v.Nonce}
			got, err := s.open(aead)
			if err != nil || string(got) != v.Plain {
				t.Errorf("open = %q, %v, want %q", got, err, v.Plain)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	aead, err := newAEAD(testAPIKey)
	if err != nil {
		t.Fatal(err)
	}
	good := seal12(aead, []byte("x"), "a")
	tests := []struct {
		name   string
		change func(*sealed)
		want   error
	}{
		{"algorithm", func(s *sealed) { s.Algorithm = "AEAD_SM4_GCM" }, errCipher},
		{"no nonce", func(s *sealed) { s.Nonce = "" }, errCipher},
		{"long nonce", func(s *sealed) { s.Nonce += "c" }, errCipher},
		{"not base64", func(s *sealed) { s.Ciphertext = "?" }, errDecrypt},
		{"empty", func(s *sealed) { s.Ciphertext = "" }, errDecrypt},
		{"other data", func(s *sealed) { s.AssociatedData = "b" }, errDecrypt},
		{"other nonce", func(s *sealed) { s.Nonce = "1123456789ab" }, errDecrypt},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := good
			tt.change(&s)
			if _, err := s.open(aead); !errors.Is(err, tt.want) {
				t.Errorf("open = %v, want %v", err, tt.want)
			}
		})
	}
}

// noticeFile is v3-notify.json.
type noticeFile struct {
	Vectors []struct {
		ID, Body, Expect string
		Now              int64
		Headers          map[string]string
		Plain            string `json:"expected_plaintext"`
	}
}

// inbound is vector i as it comes in, and the account that receives it.
func (f noticeFile) inbound(t testing.TB, i int) (provider.Inbound, *v3) {
	t.Helper()
	v := f.Vectors[i]
	in := provider.Inbound{Method: http.MethodPost, Header: make(http.Header), Body: []byte(v.Body)}
	for name, value := range v.Headers {
		in.Header.Set(name, value)
	}
	d, set := V3, settings(nil)
	if strings.Contains(v.Plain, "sp_mchid") {
		d, set = V3SP, spSettings(map[string]any{"prefix": "/v3/global"})
	}
	p := newFake(404, `{"code":"RESOURCE_NOT_EXISTS"}`).open(t, d, set)
	p.now = func() time.Time { return time.Unix(v.Now, 0) }
	return in, p
}

func TestVectorsNotify(t *testing.T) {
	t.Parallel()
	paid := payment.Report{
		State: payment.Paid, Word: "SUCCESS", Account: "1900000009", No: "ORD-20261122_0001",
		Total:     payment.Money{Amount: 1299, Currency: "CNY"},
		SpTradeNo: "4200000000202611220000000001", TransactionID: "4200000000202611220000000001",
		PaidAt: time.Date(2026, 11, 22, 9, 14, 58, 0, time.UTC),
	}
	global := paid
	global.Account, global.Total.Currency = "1900000001/1900000002", "EUR"
	want := map[string]provider.Notice{
		"v3-notify-direct": {Payment: paid}, "v3-notify-pretty-body": {Payment: paid}, "v3-notify-skew+299": {Payment: paid},
		"v3-notify-global": {Payment: global},
		"v3-notify-refund": {Refund: &payment.RefundReport{
			Status: payment.RefundSuccess, Word: "SUCCESS", Account: "1900000009", No: "ORD-20261122_0001",
			OutRefundNo: "RF-0001", RefundID: "50000000000000000000000000001", Fee: payment.Money{Amount: 500, Currency: "CNY"},
			SucceededAt: time.Date(2026, 11, 22, 9, 20, 0, 0, time.UTC),
		}},
	}
	file := load[noticeFile](t, "v3-notify.json")
	for i, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			in, p := file.inbound(t, i)
			got, err := p.Notice(context.Background(), in)
			if v.Expect != "accept" {
				if provider.KindOf(err) != provider.Forged || err == nil {
					t.Errorf("Notice = %v, want it forged", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(got.Public), "openid") || !strings.Contains(string(got.Public), "ORD-20261122_0001") {
				t.Errorf("Public = %s", got.Public)
			}
			got.Public = nil
			if diff := cmp.Diff(want[v.ID], got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
