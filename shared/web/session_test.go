package web

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"overseaspay/shared/payment"
)

var (
	loginTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	alice     = Session{Merchant: "default", AppID: "wx1", OpenID: "o-alice"}
	oldSecret = strings.Repeat("o", 32)
	newSecret = strings.Repeat("n", 40)
)

func issue(t testing.TB, secrets ...string) string {
	t.Helper()
	token, expiresIn, err := IssueSession(alice, secrets, loginTime)
	if err != nil || expiresIn != 7200 {
		t.Fatalf("IssueSession: %d, %v", expiresIn, err)
	}
	return token
}

func known(secrets ...string) func(string) ([]string, error) {
	return func(merchant string) ([]string, error) {
		if merchant != "default" {
			return nil, nil
		}
		return secrets, nil
	}
}

// forge signs claims as a forger, or another service, would; change edits them.
func forge(t testing.TB, method jwt.SigningMethod, key any, change func(jwt.MapClaims)) string {
	t.Helper()
	c := jwt.MapClaims{
		"iss": issuer, "aud": audience, "sub": "o-alice", "merchant": "default", "appid": "wx1",
		"iat": loginTime.Unix(), "exp": loginTime.Add(time.Hour).Unix(),
	}
	if change != nil {
		change(c)
	}
	token, err := jwt.NewWithClaims(method, c).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestSessionRotation(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		token string
		have  []string
		after time.Duration
	}{
		{"at once", issue(t, newSecret), []string{newSecret}, 0},
		{"just before the end", issue(t, newSecret), []string{newSecret}, SessionLife - time.Second},
		{"the first signs", issue(t, newSecret, oldSecret), []string{newSecret}, time.Minute},
		{"the old one verifies", issue(t, oldSecret), []string{newSecret, oldSecret}, time.Minute},
		{"another container's clock is behind", issue(t, newSecret), []string{newSecret}, -20 * time.Second},
		{"what the negative cases vary", forge(t, jwt.SigningMethodHS256, []byte(newSecret), nil), []string{newSecret}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := VerifySession(tt.token, known(tt.have...), loginTime.Add(tt.after))
			if err != nil || got != alice {
				t.Errorf("session = %+v, %v", got, err)
			}
		})
	}
}

func TestBadSessions(t *testing.T) {
	t.Parallel()
	const invalid, expired = "the session is not valid; call login again", "the session has expired; call login again"
	good := issue(t, newSecret)
	parts := strings.Split(good, ".")
	hs := func(change func(jwt.MapClaims)) string {
		return forge(t, jwt.SigningMethodHS256, []byte(newSecret), change)
	}
	set := func(name string, value any) func(jwt.MapClaims) {
		return func(c jwt.MapClaims) { c[name] = value }
	}
	unset := func(name string) func(jwt.MapClaims) { return func(c jwt.MapClaims) { delete(c, name) } }
	tests := []struct {
		name, token string
		after       time.Duration
		want        string
	}{
		{"expired", good, SessionLife + time.Minute, expired},
		{"beyond the leeway", good, SessionLife + 61*time.Second, expired},
		{"from the future", good, -2 * time.Minute, invalid},
		{"empty", "", 0, invalid},
		{"a merchant key", "sk_default_abc", 0, invalid},
		{"no signature", parts[0] + "." + parts[1] + ".", 0, invalid},
		{"another payload", parts[0] + "." + strings.Split(hs(set("sub", "o-bob")), ".")[1] + "." + parts[2], 0, invalid},
		{"another spelling of the signature", good[:len(good)-1] + unused(good[len(good)-1]), 0, invalid},
		{"another secret", issue(t, oldSecret), 0, invalid},
		{"none", forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil), 0, invalid},
		{"HS512 with our secret", forge(t, jwt.SigningMethodHS512, []byte(newSecret), nil), 0, invalid},
		{"empty secret", forge(t, jwt.SigningMethodHS256, []byte(""), nil), 0, invalid},
		{"another issuer", hs(set("iss", "x")), 0, invalid},
		{"another audience", hs(set("aud", "x")), 0, invalid},
		{"no audience", hs(unset("aud")), 0, invalid},
		{"never expires", hs(unset("exp")), 0, invalid},
		{"nobody", hs(unset("sub")), 0, invalid},
		{"no merchant", hs(unset("merchant")), 0, invalid},
		{"odd merchant", hs(set("merchant", "../x")), 0, invalid},
		{"unknown merchant", hs(set("merchant", "other")), 0, invalid},
		{"wrong type", hs(set("merchant", 5)), 0, invalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// "" stands for a merchant whose secret was never set.
			got, err := VerifySession(tt.token, known(newSecret, ""), loginTime.Add(tt.after))
			if e := payment.AsError(err); got != (Session{}) || e.Code != payment.Unauthenticated || e.Message != tt.want {
				t.Errorf("session = %+v, error = %v, want %q", got, err, tt.want)
			}
		})
	}
}

// unused flips a bit of a signature's last base64 character that carries no data.
func unused(last byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, last)^1])
}

func TestSessionOutage(t *testing.T) {
	t.Parallel()
	outage := errors.New("no config")
	_, err := VerifySession(issue(t, newSecret), func(string) ([]string, error) { return nil, outage }, loginTime)
	if err != outage {
		t.Errorf("error = %v, want the outage as it is", err)
	}
	_, err = VerifySession(forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
		func(string) ([]string, error) {
			t.Error("asked for secrets of a token that can never fit")
			return nil, outage
		}, loginTime)
	if payment.AsError(err).Code != payment.Unauthenticated {
		t.Errorf("error = %v", err)
	}
}

func TestIssueRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		in      Session
		secrets []string
		want    payment.Code
	}{
		{"no secret", alice, nil, payment.ConfigInvalid},
		{"short secret", alice, []string{strings.Repeat("x", 31), newSecret}, payment.ConfigInvalid},
		{"no openid", Session{Merchant: "default", AppID: "wx1"}, []string{newSecret}, payment.Internal},
		{"no merchant", Session{OpenID: "o", AppID: "wx1"}, []string{newSecret}, payment.Internal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			token, _, err := IssueSession(tt.in, tt.secrets, loginTime)
			if token != "" || err == nil || payment.AsError(err).Code != tt.want {
				t.Errorf("token %q, error %v, want %s", token, err, tt.want)
			}
		})
	}
}

func TestSessionFormat(t *testing.T) {
	t.Parallel()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(issue(t, newSecret), ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if got["iss"] != "overseaspay" || got["merchant"] != "default" || got["exp"].(float64)-got["iat"].(float64) != 7200 {
		t.Errorf("claims = %v", got)
	}
}

func FuzzSession(f *testing.F) {
	good := issue(f, newSecret)
	f.Add(good)
	f.Add(good + ".")
	f.Add(good[:len(good)-1])
	f.Add(forge(f, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil))
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		got, err := VerifySession(token, known(newSecret, oldSecret), loginTime)
		if err == nil && (got != alice || token != good) {
			t.Fatalf("%q is good for %+v", token, got)
		}
		if err != nil && payment.AsError(err).Code != payment.Unauthenticated {
			t.Fatal(err)
		}
	})
}

func TestBearer(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Bearer abc": "abc", "bearer  abc ": "abc", "Basic abc": "", "Bearer": "", "Bearer ": "", "": "", "abc": "",
	} {
		got, ok := Bearer(&http.Request{Header: http.Header{"Authorization": {in}}})
		if ok != (want != "") || ok && got != want {
			t.Errorf("Bearer of %q = %q, %v", in, got, ok)
		}
	}
}

func TestMerchantOfKey(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"sk_default_x": "default", "sk_shop-2_a_b": "shop-2", "sk_" + strings.Repeat("a", 32) + "_x": strings.Repeat("a", 32),
		"sk_" + strings.Repeat("a", 33) + "_x": "", "sk_Shop_x": "", "sk__x": "", "sk_shop_": "", "sk_shop": "", "shop_x_y": "", "": "",
	} {
		if got, ok := MerchantOfKey(in); got != want || ok != (want != "") {
			t.Errorf("MerchantOfKey(%q) = %q, %v, want %q", in, got, ok, want)
		}
	}
}
