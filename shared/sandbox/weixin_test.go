package sandbox_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"overseaspay/shared/sandbox"
)

type weixinAnswer struct {
	OpenID      string `json:"openid"`
	SessionKey  string `json:"session_key"`
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"`
	ErrCode     int    `json:"errcode"`
	ErrMsg      string `json:"errmsg"`
}

func (r rig) weixin(method, path, body string) weixinAnswer {
	r.t.Helper()
	status, text, err := r.do(method, "weixin/"+path, body)
	var a weixinAnswer
	if err != nil || status != 200 || json.Unmarshal([]byte(text), &a) != nil {
		r.t.Fatalf("HTTP %d %s, %v", status, text, err)
	}
	return a
}

func (r rig) login(code string) weixinAnswer {
	return r.weixin("GET", fmt.Sprintf("sns/jscode2session?appid=%s&secret=%s&js_code=%s&grant_type=authorization_code",
		sandbox.DemoAppID, sandbox.DemoAppSecret, code), "")
}

func TestLoginCodesAreSingleUse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.login("code-alice")
	if len(first.OpenID) != 28 || first.OpenID != r.Weixin().OpenID("code-alice") || len(first.SessionKey) != 24 {
		t.Errorf("%+v", first)
	}
	if again := r.login("code-alice"); again.ErrCode != 40163 || again.OpenID != "" {
		t.Errorf("%+v", again)
	}
	if more := r.login("code-alice-2"); more.OpenID != first.OpenID || more.SessionKey == first.SessionKey {
		t.Errorf("%+v", more)
	}
	if bob := r.login("code-bob"); bob.OpenID == first.OpenID {
		t.Errorf("%+v", bob)
	}
}

func TestLoginRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	good := "appid=" + sandbox.DemoAppID + "&secret=" + sandbox.DemoAppSecret + "&grant_type=authorization_code"
	for _, tt := range []struct {
		query string
		want  int
	}{
		{good, 40029},
		{good + "&js_code=bad", 40029},
		{strings.Replace(good, "authorization_code", "x", 1) + "&js_code=c", 40029},
		{"appid=wx1&js_code=c", 40013},
		{"appid=" + sandbox.DemoAppID + "&secret=x&js_code=c", 40125},
	} {
		got := r.weixin("GET", "sns/jscode2session?"+tt.query, "")
		if got.ErrCode != tt.want || got.OpenID != "" || !strings.Contains(got.ErrMsg, "rid: ") {
			t.Errorf("%+v, want %d", got, tt.want)
		}
	}
}

func (r rig) fetchToken(force bool) weixinAnswer {
	return r.weixin("POST", "cgi-bin/stable_token", fmt.Sprintf(
		`{"grant_type":"client_credential","appid":%q,"secret":%q,"force_refresh":%t}`, sandbox.DemoAppID, sandbox.DemoAppSecret, force))
}

func TestStableTokenLife(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	accepts := func(token string, want bool) {
		t.Helper()
		if got := r.Weixin().Accepts(token); got != want {
			t.Errorf("token accepted: %v, want %v", got, want)
		}
	}
	accepts("", false)
	first := r.fetchToken(false)
	if first.ExpiresIn != 7200 || first.AccessToken == "" {
		t.Fatalf("%+v", first)
	}
	r.clock.t = r.clock.t.Add(115*time.Minute - time.Second)
	if same := r.fetchToken(false); same.AccessToken != first.AccessToken || same.ExpiresIn != 301 {
		t.Errorf("%+v", same)
	}
	r.clock.t = r.clock.t.Add(time.Second) // the last five minutes
	second := r.fetchToken(false)
	if second.AccessToken == first.AccessToken || second.ExpiresIn != 7200 {
		t.Errorf("%+v", second)
	}
	accepts(first.AccessToken, true)
	r.clock.t = r.clock.t.Add(5 * time.Minute)
	accepts(first.AccessToken, false)
	accepts(second.AccessToken, true)

	third := r.fetchToken(true)
	accepts(second.AccessToken, false)
	if again := r.fetchToken(true); again.AccessToken != third.AccessToken {
		t.Error("force_refresh was heeded twice within 30 seconds")
	}
}

func TestStableTokenRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for body, want := range map[string]int{
		`{`:             47001,
		`{"appid":"x"}`: 40013,
		`{"appid":"` + sandbox.DemoAppID + `","secret":"x"}`:                             40125,
		`{"appid":"` + sandbox.DemoAppID + `","secret":"` + sandbox.DemoAppSecret + `"}`: 40002,
	} {
		if got := r.weixin("POST", "cgi-bin/stable_token", body); got.ErrCode != want {
			t.Errorf("%+v, want %d", got, want)
		}
	}
}
