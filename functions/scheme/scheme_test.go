package scheme_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"overseaspay/shared/cashier/cashiertest"
)

const toIndex = `{"action":"scheme","path":"/pages/index/index","query":"id=7&name=茶 x"}`

// The sandbox's mini-program begins as an overseas one.
func TestAutoDoesTheBestThatTheAccountAllows(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	got := r.server(toIndex)
	want := "weixin://dl/business/?appid=wx5a17d0e4b2c3f691&path=pages/index/index&query=id%3D7%26name%3D%25E8%258C%25B6%2520x"
	if got.Status != 200 || got.Kind != "plain" || got.OpenLink != want || got.ExpiresAt != "" || got.Reused {
		t.Errorf("%s", got.Body)
	}
	r.want(r.server(`{"action":"scheme","path":"pages/goods/goods"}`), 422, "unsupported", "40002")
	r.want(r.server(`{"action":"scheme","path":"pages/goods/goods"}`), 422, "unsupported", "a link still works")
	r.want(r.server(`{"action":"scheme","path":"pages/index/index","kind":"encrypted"}`), 422, "unsupported", "40002")
	r.want(r.server(`{"action":"scheme","path":"pages/goods/goods","kind":"plain"}`), 422, "unsupported", "plain_pages")

	r.box.Weixin().Entitle(true)
	r.want(r.server(`{"action":"scheme","path":"pages/goods/goods"}`), 422, "unsupported", "40002") // remembered
	r.clock.Add(24*time.Hour + time.Second)
	got = r.server(`{"action":"scheme","path":"pages/goods/goods","query":"a=1","env_version":"trial"}`)
	if got.Status != 200 || got.Kind != "encrypted" || !strings.HasPrefix(got.OpenLink, "weixin://dl/business/?t=") {
		t.Fatal(got.Body)
	}
	made := r.box.Weixin().Schemes()
	if at, err := time.Parse(time.RFC3339, got.ExpiresAt); err != nil || !at.Equal(r.clock.Now().Add(30*24*time.Hour)) ||
		len(made) != 1 || !made[0].Expires.Equal(at) || made[0].Path != "pages/goods/goods" || made[0].Query != "a=1" || made[0].EnvVersion != "trial" {
		t.Errorf("%s, %+v", got.Body, made)
	}
	if got := r.server(`{"action":"scheme","path":"pages/index/index","kind":"plain","env_version":"develop"}`); got.Kind != "plain" ||
		got.OpenLink != "weixin://dl/business/?appid=wx5a17d0e4b2c3f691&path=pages/index/index&env_version=develop" {
		t.Error(got.Body)
	}
}

func TestWithoutAppSecretAutoIsPlain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	delete(r.item, "appsecret")
	r.put("payment", r.item)
	if got := r.server(toIndex); got.Kind != "plain" {
		t.Error(got.Body)
	}
	r.want(r.server(`{"action":"scheme","path":"pages/index/index","kind":"encrypted"}`), 500, "config_invalid", "appsecret")
	delete(r.item, "appid")
	r.put("payment", r.item)
	r.want(r.server(`{"action":"scheme","path":"pages/pay/pay"}`), 500, "config_invalid", "appid")
}

func TestSchemesAreReused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.box.Weixin().Entitle(true)
	alice, bob := r.login("code-alice"), r.login("code-bob")
	first := r.server(toIndex)
	for name, c := range map[string]struct {
		got  answer
		same bool
	}{
		"again":              {r.server(toIndex), true},
		"without the slash":  {r.server(strings.Replace(toIndex, "/pages", "pages", 1)), true},
		"encoded by hand":    {r.server(strings.Replace(toIndex, "茶 x", "%E8%8C%B6%20x", 1)), true},
		"shorter":            {r.server(strings.Replace(toIndex, "}", `,"expire_seconds":120}`, 1)), true},
		"another query":      {r.server(strings.Replace(toIndex, "7", "8", 1)), false},
		"another version":    {r.server(strings.Replace(toIndex, "}", `,"env_version":"trial"}`, 1)), false},
		"another kind":       {r.server(strings.Replace(toIndex, "}", `,"kind":"encrypted"}`, 1)), false},
		"nobody":             {r.call("", toIndex), false},
		"a user":             {r.call(alice, toIndex), false},
		"another user's own": {r.call(bob, toIndex), false},
	} {
		if c.got.Status != 200 || (c.got.OpenLink == first.OpenLink) != c.same || c.got.Reused != c.same {
			t.Errorf("%s: %s", name, c.got.Body)
		}
	}
	if a, b := r.call(alice, toIndex), r.call(bob, toIndex); !a.Reused || !b.Reused || a.OpenLink == b.OpenLink {
		t.Errorf("%s %s", a.Body, b.Body)
	}
	r.clock.Add(time.Hour + time.Second)
	if again := r.server(toIndex); again.Reused || again.OpenLink == first.OpenLink {
		t.Error(again.Body)
	}
	r.set(map[string]any{"reuse_seconds": 0})
	if a, b := r.server(toIndex), r.server(toIndex); a.OpenLink == b.OpenLink || b.Reused {
		t.Error("reuse_seconds 0 reuses")
	}
}

// A scheme that ends soon is not given again, whatever reuse_seconds says.
func TestNothingIsReusedNearItsEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.box.Weixin().Entitle(true)
	body := strings.Replace(toIndex, "}", `,"expire_seconds":120}`, 1)
	first := r.server(body)
	r.clock.Add(61 * time.Second)
	if again := r.server(body); again.Reused || again.OpenLink == first.OpenLink {
		t.Errorf("%s after %s", again.Body, first.Body)
	}
}

func TestHundredAtOnceAreOneGeneration(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.box.Weixin().Entitle(true)
	got := make([]answer, 100)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() { got[i] = r.server(toIndex) })
	}
	all.Wait()
	reused := 0
	for _, g := range got {
		if g.OpenLink != got[0].OpenLink || g.OpenLink == "" {
			t.Fatal(g.Body)
		}
		if g.Reused {
			reused++
		}
	}
	if n := len(r.box.Weixin().Schemes()); n != 1 || reused != 99 {
		t.Errorf("%d generations, %d reused", n, reused)
	}
}

// A campaign's link, opened by a hundred at once, costs one generation too.
func TestHundredVisitorsAreOneGeneration(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.box.Weixin().Entitle(true)
	l := r.mustLink(`{"action":"link","path":"pages/index/index"}`)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if got := r.get(l.ID); got.Status != 200 || !strings.Contains(got.Body, "weixin://dl/business/?t=") {
				t.Error(got.Status, got.Body)
			}
		})
	}
	all.Wait()
	if n := len(r.box.Weixin().Schemes()); n != 1 {
		t.Errorf("%d generations", n)
	}
	if s := r.server(`{"action":"stats","id":"` + l.ID + `"}`); s.Opens != 100 || s.ByEnv["browser"] != 100 || s.ByEnv["wechat"] != 0 {
		t.Error(s.Body)
	}
}

func TestAnonymousSchemesAreCapped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.set(map[string]any{"public_daily": 3})
	ask := func(n int) answer { return r.call("", strings.Replace(toIndex, "7", fmt.Sprint(n), 1)) }
	for i := range 3 {
		if got := ask(i); got.Status != 200 {
			t.Error(got.Body)
		}
	}
	got := ask(4)
	r.want(got, 429, "too_many_requests", "scheme.public_daily")
	if !got.Error.Retryable || !strings.Contains(r.log.String(), `"metric":"scheme_public_daily"`) {
		t.Error("not retryable, or not counted")
	}
	if got := ask(0); !got.Reused {
		t.Error("a scheme that is there costs nothing:", got.Body)
	}
	if got := r.server(toIndex); got.Status != 200 {
		t.Error("the server is not capped:", got.Body)
	}
	r.clock.Add(24 * time.Hour)
	if got := ask(5); got.Status != 200 {
		t.Error("a new day:", got.Body)
	}
}

func TestSchemeRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.box.Weixin().Entitle(true)
	r.set(map[string]any{"pages": []string{"pages/index/index", "pages/missing/it"}})
	with := func(member string) string { return `{"action":"scheme","path":"pages/index/index",` + member + `}` }
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
		part   string
	}{
		"no path":             {`{"action":"scheme"}`, 400, "invalid_argument", "path"},
		"a query in the path": {`{"action":"scheme","path":"pages/index/index?a=1"}`, 400, "invalid_argument", "query"},
		"an odd path":         {`{"action":"scheme","path":"pages/index/index\u0000"}`, 400, "invalid_argument", "path"},
		"a page of others":    {`{"action":"scheme","path":"pages/admin/admin"}`, 403, "forbidden", "scheme.pages"},
		"an unpublished page": {`{"action":"scheme","path":"pages/missing/it"}`, 400, "invalid_argument", "40165"},
		"kind":                {with(`"kind":"short"`), 400, "invalid_argument", "kind"},
		"env_version":         {with(`"env_version":"beta"`), 400, "invalid_argument", "env_version"},
		"too short a life":    {with(`"expire_seconds":119`), 400, "invalid_argument", "expire_seconds"},
		"too long a life":     {with(`"expire_seconds":2592001`), 400, "invalid_argument", "expire_seconds"},
		"a life as text":      {with(`"expire_seconds":"300"`), 400, "invalid_argument", "expire_seconds"},
		"a long query":        {with(`"query":"` + strings.Repeat("a", 1025) + `"`), 400, "invalid_argument", "query"},
		"long once encoded":   {with(`"query":"` + strings.Repeat("茶", 114) + `"`), 400, "invalid_argument", "query"},
		"a control character": {with(`"query":"a\nb"`), 400, "invalid_argument", "query"},
		"long for plain":      {with(`"kind":"plain","query":"` + strings.Repeat("a", 513) + `"`), 400, "invalid_argument", "512"},
		"no such merchant":    {`{"action":"scheme","path":"pages/index/index","merchant":"nobody"}`, 404, "not_found", "merchant"},
		"no such action":      {`{"action":"schemes"}`, 400, "wrong_action", "scheme"},
	} {
		got := r.call("", c.body)
		if got.Status != c.status || got.Error.Code != c.code || !strings.Contains(got.Error.Message, c.part) {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	if n := len(r.box.Weixin().Schemes()); n != 0 {
		t.Errorf("%d schemes were made", n)
	}
	r.set(map[string]any{"public": false})
	r.want(r.call("", toIndex), 401, "unauthenticated", "merchant key")
	r.want(r.call(r.login("code-alice"), toIndex), 403, "forbidden", "server")
	r.want(r.call("sk_default_wrongwrongwrongwrong", toIndex), 401, "unauthenticated", "key")
	if got := r.do("GET", "/scheme/", ""); got.Status != 405 || got.Header.Get("Allow") != "POST" {
		t.Error(got.Status)
	}
}

func TestLinksAndStats(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := r.mustLink(`{"action":"link","path":"/pages/index/index","query":"c=1","title":"Tea","channel":"poster 7","expire_seconds":7200}`)
	if !regexp.MustCompile(`^[0-9A-Za-z]{8}$`).MatchString(l.ID) || l.URL != r.url+"/scheme/"+l.ID || l.QRURL != l.URL+".svg" {
		t.Error(l.Body)
	}
	r.get(l.ID)
	r.get(l.ID, "User-Agent", wechatUA)
	if got := r.do("HEAD", "/scheme/"+l.ID, ""); got.Status != 200 || got.Body != "" {
		t.Error(got)
	}
	today := r.clock.Now().Format(time.DateOnly)
	if s := r.server(`{"action":"stats","id":"` + l.ID + `"}`); s.Opens != 2 || s.ByDay[today] != 2 || s.ByEnv["wechat"] != 1 || s.ByEnv["browser"] != 1 {
		t.Error(s.Body)
	}
	if !strings.Contains(r.log.String(), "poster 7") || strings.Contains(r.log.String(), l.URL) {
		t.Error("the log has no channel, or the link")
	}
	other := cashiertest.Key[:3] + "other" + cashiertest.Key[10:]
	r.put("payment:other", map[string]any{"pay_sp": "yaband", "merchant_keys": []string{other},
		"providers": map[string]any{"yaband": r.item["providers"].(map[string]any)["yaband"]}})
	r.want(r.call(other, `{"action":"stats","id":"`+l.ID+`"}`), 404, "not_found", "id")
	r.want(r.server(`{"action":"stats","id":"AAAAAAAA"}`), 404, "not_found", "id")
	r.want(r.server(`{"action":"stats","id":"../config"}`), 404, "not_found", "id")
	r.want(r.call("", `{"action":"stats","id":"`+l.ID+`"}`), 401, "unauthenticated", "")
	user := r.login("code-alice")
	r.want(r.call(user, `{"action":"stats","id":"`+l.ID+`"}`), 403, "forbidden", "")
	r.want(r.call(user, `{"action":"link","path":"pages/index/index"}`), 403, "forbidden", "out_trade_no")
	r.want(r.call("", `{"action":"link","path":"pages/index/index"}`), 401, "unauthenticated", "")
	r.want(r.server(`{"action":"link","path":"pages/admin/admin"}`), 403, "forbidden", "scheme.pages")
	r.want(r.server(`{"action":"link"}`), 400, "invalid_argument", "path")
	r.want(r.server(`{"action":"link","path":"pages/index/index","title":"`+strings.Repeat("x", 65)+`"}`), 400, "invalid_argument", "title")
	r.want(r.server(`{"action":"link","path":"pages/index/index","expire_seconds":1}`), 400, "invalid_argument", "expire_seconds")

	r.clock.Add(2*time.Hour + time.Second)
	r.gone(l.ID)
	r.gone(l.ID + ".svg")
	if s := r.server(`{"action":"stats","id":"` + l.ID + `"}`); s.Opens != 2 {
		t.Error("counts outlive the link:", s.Body)
	}
}

// gone wants the plain 404 that every wrong id gets.
func (r *rig) gone(path string) {
	r.Helper()
	got := r.get(path)
	if got.Status != 404 || got.Body != "404 not found\n" || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/plain") {
		r.Errorf("%s: %d %s %q", path, got.Status, got.Header.Get("Content-Type"), got.Body)
	}
}

func TestForgedIDs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, id := range []string{
		"AAAAAAAA", strings.Repeat("A", 22), "a", "AAAAAAAAA", "%3Cscript%3E", "%3Cb%3Eaaaaa", "AAAA%00AAA", "scheme%2Fabc", "daily%2Fdefault%2F2026-11-23",
		"AAAAAAAA.svg", "AAAAAAAA.png", "AAAAAAAA.gif", "AAAAAAAA/state", strings.Repeat("A", 22) + "/state", "x/state", "AAAAAAAA/", "a/b/c", "state",
		"favicon.ico", "AAAAAAAA?url=https://evil.example", "AAAAAAAA.svg/state", "%2e%2e%2fpay",
	} {
		r.gone(id)
	}
	for _, id := range []string{"AAAAAAAA", strings.Repeat("A", 22)} {
		got := r.do("POST", "/scheme/"+id, "token=x&pay_method=paypal", "Content-Type", "application/x-www-form-urlencoded")
		if got.Status != 404 {
			t.Errorf("POST %s: %d", id, got.Status)
		}
	}
	l := r.mustLink(`{"action":"link","path":"pages/index/index"}`)
	r.gone(l.ID + "/state")
	if got := r.do("POST", "/scheme/"+l.ID, "token=x&pay_method=paypal", "Content-Type", "application/x-www-form-urlencoded"); got.Status != 404 {
		t.Errorf("a campaign takes no payment: %d", got.Status)
	}
	if got := r.do("DELETE", "/scheme/"+l.ID, ""); got.Status != 404 {
		t.Error(got.Status)
	}
	if strings.Contains(r.log.String(), `"level":"ERROR"`) {
		t.Error(r.log.String())
	}
}

func TestVerifyFiles(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.set(map[string]any{"verify_files": map[string]string{"MP_verify_abc.txt": "abc<b>"}})
	got := r.get("MP_verify_abc.txt")
	if got.Status != 200 || got.Body != "abc<b>" || got.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Error(got)
	}
	r.gone("MP_verify_abd.txt")
	if got := r.do("POST", "/scheme/MP_verify_abc.txt", ""); got.Status != http.StatusNotFound {
		t.Error(got.Status)
	}
}
