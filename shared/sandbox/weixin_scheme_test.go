package sandbox_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"overseaspay/shared/sandbox"
)

// ask calls the simulated WeChat and returns the whole answer.
func (r rig) ask(method, path, body string) (errcode int, value map[string]any) {
	r.t.Helper()
	status, text, err := r.do(method, "weixin/"+path, body)
	if err != nil || status != 200 || json.Unmarshal([]byte(text), &value) != nil {
		r.t.Fatalf("HTTP %d %s, %v", status, text, err)
	}
	code, _ := value["errcode"].(json.Number)
	n, _ := code.Int64()
	if f, ok := value["errcode"].(float64); ok {
		n = int64(f)
	}
	return int(n), value
}

func TestGenerateScheme(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token := r.fetchToken(false).AccessToken
	ask := func(token, path, query, env string, life time.Duration) int {
		t.Helper()
		code, _ := r.ask("POST", "wxa/generatescheme?access_token="+token, fmt.Sprintf(
			`{"jump_wxa":{"path":%q,"query":%q,"env_version":%q},"is_expire":true,"expire_type":0,"expire_time":%d}`, path, query, env, r.clock.t.Add(life).Unix()))
		return code
	}
	if code := ask(token, "pages/a", "", "", time.Hour); code != 40002 {
		t.Errorf("an overseas mini-program: %d", code)
	}
	if code, _ := r.ask("POST", "entitled?on=1", ""); code != 0 {
		t.Error(code)
	}
	for _, c := range []struct {
		name, token, path, query, env string
		life                          time.Duration
		want                          int
	}{
		{"good", token, "pages/a", "a=1", "trial", time.Hour, 0},
		{"as long as can be", token, "pages/a", strings.Repeat("a", 1024), "", 30 * 24 * time.Hour, 0},
		{"token", "x", "pages/a", "", "", time.Hour, 40001},
		{"leading slash", token, "/pages/a", "", "", time.Hour, 40165},
		{"query in the path", token, "pages/a?b=1", "", "", time.Hour, 40165},
		{"no such page", token, "pages/missing/a", "", "", time.Hour, 40165},
		{"bad query", token, "pages/a", "a b", "", time.Hour, 40212},
		{"long query", token, "pages/a", strings.Repeat("a", 1025), "", time.Hour, 40212},
		{"version", token, "pages/a", "", "beta", time.Hour, 85402},
		{"a minute", token, "pages/a", "", "", time.Minute, 85401},
		{"over 30 days", token, "pages/a", "", "", 30*24*time.Hour + time.Second, 85401},
	} {
		if got := ask(c.token, c.path, c.query, c.env, c.life); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if made := r.Weixin().Schemes(); len(made) != 2 || made[0].OpenLink == made[1].OpenLink || made[0].EnvVersion != "trial" {
		t.Errorf("%+v", made)
	}
	if code, _ := r.ask("POST", "wxa/generatescheme?access_token="+token, `{`); code != 47001 {
		t.Error(code)
	}
	r.Weixin().Entitle(false)
	if code := ask(token, "pages/a", "", "", time.Hour); code != 40002 {
		t.Error(code)
	}
}

func TestTicket(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	own := r.fetchToken(false).AccessToken
	oa := r.weixin("POST", "cgi-bin/stable_token", fmt.Sprintf(`{"grant_type":"client_credential","appid":%q,"secret":%q}`, sandbox.DemoOAAppID, sandbox.DemoOAAppSecret)).AccessToken
	if oa == own || oa == "" {
		t.Fatal("two accounts have one token")
	}
	for query, want := range map[string]int{
		"type=jsapi&access_token=" + oa: 0, "type=wx_card&access_token=" + oa: 40097, "type=jsapi&access_token=" + own: 48001, "type=jsapi&access_token=x": 40001,
	} {
		code, value := r.ask("GET", "cgi-bin/ticket/getticket?"+query, "")
		if ticket, _ := value["ticket"].(string); code != want || (ticket != "") != (want == 0) {
			t.Errorf("%.20s: %v, want %d", query, value, want)
		}
	}
}
