package webhook

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"pgregory.net/rapid"

	"overseaspay/shared/config"
)

// The vector of the libraries of github.com/standard-webhooks/standard-webhooks.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorAt        = "1614265330"
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	otherSecret     = "whsec_c2VjcmV0IG9mIGF0IGxlYXN0IDI0IGJ5dGVz"
)

func TestSign(t *testing.T) {
	t.Parallel()
	other, err := sign([]config.Secret{otherSecret}, vectorID, vectorAt, []byte(vectorBody))
	if err != nil || other == vectorSignature {
		t.Fatal(other, err)
	}
	cases := []struct {
		name    string
		secrets []config.Secret
		want    string
		err     string
	}{
		{"the specification's vector", []config.Secret{vectorSecret}, vectorSignature, ""},
		{"rotation, new one first", []config.Secret{otherSecret, vectorSecret}, other + " " + vectorSignature, ""},
		{"rotation, old one first", []config.Secret{vectorSecret, otherSecret}, vectorSignature + " " + other, ""},
		{"none", nil, "", "webhook.secrets is empty"},
		{"no prefix", []config.Secret{config.Secret(vectorSecret[6:])}, "", "webhook.secrets[0]"},
		{"not base64", []config.Secret{vectorSecret, "whsec_###"}, "", "webhook.secrets[1]"},
		{"empty", []config.Secret{"whsec_"}, "", "webhook.secrets[0]"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := sign(c.secrets, vectorID, vectorAt, []byte(vectorBody))
			if got != c.want || (err == nil) != (c.err == "") {
				t.Fatalf("got %q, %v", got, err)
			}
			if err != nil && (!strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "###")) {
				t.Errorf("error: %v", err)
			}
		})
	}
}

// Whatever is signed, the specification's own library verifies it with each of
// the secrets, and with no other.
func TestR17SignaturesVerify(t *testing.T) {
	t.Parallel()
	stranger := verifier(t, "whsec_"+strings.Repeat("QUJD", 8))
	rapid.Check(t, func(rt *rapid.T) {
		body := rapid.SliceOf(rapid.Byte()).Draw(rt, "body")
		id := rapid.StringMatching(`evt_[0-9a-f]{32}`).Draw(rt, "id")
		at := strconv.FormatInt(time.Now().Unix(), 10)
		signature, err := sign([]config.Secret{vectorSecret, otherSecret}, id, at, body)
		if err != nil {
			rt.Fatal(err)
		}
		h := http.Header{}
		h.Set("webhook-id", id)
		h.Set("webhook-timestamp", at)
		h.Set("webhook-signature", signature)
		for _, secret := range []string{vectorSecret, otherSecret} {
			if err := verifier(t, secret).Verify(body, h); err != nil {
				rt.Error(err)
			}
		}
		if stranger.Verify(body, h) == nil {
			rt.Error("verified with a secret that is not the shop's")
		}
	})
}

func verifier(t *testing.T, secret string) *standardwebhooks.Webhook {
	t.Helper()
	w, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
