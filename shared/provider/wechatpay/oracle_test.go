package wechatpay

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"overseaspay/shared/provider"

	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/signers"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/verifiers"
	"github.com/wechatpay-apiv3/wechatpay-go/core/notify"
	"github.com/wechatpay-apiv3/wechatpay-go/utils"
	"pgregory.net/rapid"
)

// Tencent's own SDK is the independent oracle. It is imported by tests only.

func TestOracleRequestSign(t *testing.T) {
	t.Parallel()
	p := newFake(200, "").open(t, V3, settings(nil))
	theirs := &signers.SHA256WithRSASigner{MchID: "1900000009", CertificateSerialNo: testSerial, PrivateKey: p.key}
	rapid.Check(t, func(r *rapid.T) {
		method := rapid.SampledFrom([]string{"GET", "POST"}).Draw(r, "method")
		uri := "/v3/" + rapid.StringMatching(`[a-z0-9%/?=&-]{0,40}`).Draw(r, "uri")
		body := rapid.String().Draw(r, "body")
		want, err := theirs.Sign(t.Context(), fmt.Sprintf("%s\n%s\n%d\n%s\n%s\n", method, uri, testNow.Unix(), p.nonce(), body))
		if err != nil {
			r.Fatal(err)
		}
		got, err := p.authorization(method, uri, []byte(body))
		if err != nil || !strings.Contains(got, `signature="`+want.Signature+`"`) || !strings.Contains(got, `mchid="`+want.MchID+`"`) {
			r.Errorf("authorization = %s, %v, want %s", got, err, want.Signature)
		}
	})
}

func TestOracleVerify(t *testing.T) {
	t.Parallel()
	key := testKeys().platform
	theirs := verifiers.NewSHA256WithRSAPubkeyVerifier(testKeyID, key.PublicKey)
	rapid.Check(t, func(r *rapid.T) {
		text, other := rapid.String().Draw(r, "text"), rapid.String().Draw(r, "other")
		signature, err := utils.SignSHA256WithRSA(text, key)
		if err != nil {
			r.Fatal(err)
		}
		for _, candidate := range []string{text, other} {
			want := theirs.Verify(t.Context(), testKeyID, candidate, signature) == nil
			if got := rsaFits(&key.PublicKey, candidate, signature); got != want {
				r.Errorf("rsaFits(%q) = %t, theirs %t", candidate, got, want)
			}
		}
		if ours, err := rsaSign(key, text); err != nil || ours != signature {
			r.Errorf("rsaSign = %s, %v", ours, err)
		}
	})
}

func TestOracleDecrypt(t *testing.T) {
	t.Parallel()
	aead, err := newAEAD(testAPIKey)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		s := seal12(aead, []byte(rapid.String().Draw(r, "plain")), rapid.String().Draw(r, "associated"))
		if rapid.Bool().Draw(r, "spoiled") {
			s.AssociatedData += "x"
		}
		want, wantErr := utils.DecryptAES256GCM(testAPIKey, s.AssociatedData, s.Nonce, s.Ciphertext)
		got, err := s.open(aead)
		if string(got) != want || (err == nil) != (wantErr == nil) {
			r.Errorf("open = %q, %v; theirs %q, %v", got, err, want, wantErr)
		}
	})
}

// Their notice handler and ours agree on the same posts, genuine and spoiled. It
// reads the machine's clock, so both do.
func TestOracleNotice(t *testing.T) {
	t.Parallel()
	f := newFake(404, `{"code":"RESOURCE_NOT_EXISTS"}`)
	f.now = time.Now
	p := f.open(t, V3, settings(nil))
	theirs, err := notify.NewRSANotifyHandler(testAPIKey, verifiers.NewSHA256WithRSAPubkeyVerifier(testKeyID, testKeys().platform.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		no := rapid.StringMatching(`[0-9A-Za-z_-]{6,32}`).Draw(r, "no")
		in := f.post(t, p, "TRANSACTION.SUCCESS", `{"mchid":"1900000009","out_trade_no":"`+no+`","trade_state":"SUCCESS","transaction_id":"42","amount":{"total":5,"currency":"CNY"}}`)
		if at := rapid.IntRange(0, 2*len(in.Body)).Draw(r, "at"); at < len(in.Body) {
			in.Body[at] ^= 1
		}
		req := &http.Request{Header: in.Header, Body: io.NopCloser(bytes.NewReader(in.Body))}
		said := map[string]any{}
		_, wantErr := theirs.ParseNotifyRequest(t.Context(), req, &said)
		got, err := p.Notice(t.Context(), in)
		if (err == nil) != (wantErr == nil) {
			r.Errorf("Notice = %v, theirs %v", err, wantErr)
		}
		if err == nil && (got.Payment.No != said["out_trade_no"] || got.Payment.State != "paid") {
			r.Errorf("%+v, theirs %v", got.Payment, said)
		}
		if err != nil && provider.KindOf(err) != provider.Forged {
			r.Errorf("Notice = %v", err)
		}
	})
}

// The SDKs are in no binary: only tests of this package import it.
func TestOracleStaysOutside(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, file := range files {
		name := file.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range parsed.Imports {
			if strings.Contains(path.Path.Value, "wechatpay-apiv3") || strings.Contains(path.Path.Value, "go-pay") {
				t.Errorf("%s imports %s", name, path.Path.Value)
			}
		}
		checked++
	}
	if checked < 5 {
		t.Errorf("only %d files were looked at", checked)
	}
}
