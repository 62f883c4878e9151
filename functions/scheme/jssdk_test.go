package scheme_test

import (
	"maps"
	"strings"
	"testing"

	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/weixin"
)

const wechatUA = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126 Mobile MicroMessenger/8.0.49 NetType/WIFI Language/zh_CN"

func TestJSSDK(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.set(map[string]any{"hosts": []string{"shop.example", "shop.example:8443"}})
	ask := func(url string) answer { return r.call("", `{"action":"jssdk","url":"`+url+`"}`) }
	got := ask("https://shop.example/a?b=%20c#/route")
	client, err := weixin.New(weixin.Config{BaseURL: r.url + "/sandbox/weixin", Now: r.clock.Now})
	r.check(err)
	ticket, err := client.Ticket(t.Context(), sandbox.DemoOAAppID, sandbox.DemoOAAppSecret)
	r.check(err)
	if got.AppID != sandbox.DemoOAAppID || got.Timestamp != r.clock.Now().Unix() || len(got.NonceStr) < 16 ||
		got.Signature != weixin.SignPage(ticket, got.NonceStr, got.Timestamp, "https://shop.example/a?b=%20c") {
		t.Errorf("%s", got.Body)
	}
	for url, status := range map[string]int{
		"https://shop.example:8443/": 200, "https://SHOP.example/": 200, "http://shop.example?params=value": 200,
		"https://evil.example/": 403, "https://shop.example.evil.example/": 403, "https://evil.example/?shop.example": 403,
		"https://evil.example#@shop.example": 403, "https://shop.example@evil.example/": 400, "https://evil@shop.example/": 400,
		`https://evil.example\\@shop.example/`: 400, "https://shop.example:444/": 403, "https://sub.shop.example/": 403, "//shop.example/": 400,
		"javascript://shop.example/%0aalert(1)": 400, "": 400, "https://": 400, "https://shop.example/" + strings.Repeat("a", 2048): 400,
	} {
		if got := ask(url); got.Status != status {
			t.Errorf("%.60s: %d %s, want %d", url, got.Status, got.Body, status)
		}
	}
	r.want(r.call("an.expired.session", `{"action":"jssdk","url":"https://evil.example"}`), 403, "forbidden", "scheme.hosts")
	r.set(map[string]any{"oa_appsecret": ""})
	r.want(ask("https://shop.example/"), 500, "config_invalid", "oa_appsecret")
	r.set(map[string]any{"oa_appid": sandbox.DemoAppID, "oa_appsecret": sandbox.DemoAppSecret})
	r.want(ask("https://shop.example/"), 500, "config_invalid", "service account")
}

func TestCORS(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.set(map[string]any{"hosts": []string{"shop.example"}})
	other := maps.Clone(r.item)
	other["merchant_keys"] = []string{strings.Replace(cashiertest.Key, "default", "other", 1)}
	other["scheme"] = maps.Clone(r.item["scheme"].(map[string]any))
	other["scheme"].(map[string]any)["hosts"] = []string{"other.example"}
	r.put("payment:other", other)
	jssdk, scheme, stats := `{"action":"jssdk","url":"https://shop.example/"}`, toIndex, `{"action":"stats","id":"AAAAAAAA"}`
	for name, c := range map[string]struct {
		method, body, origin, token string
		status                      int
		shared                      bool
	}{
		"preflight":           {"OPTIONS", "", "https://shop.example", "", 204, true},
		"preflight of others": {"OPTIONS", "", "https://other.example:8443", "", 204, true}, // the body will say whose it is
		"preflight by nobody": {"OPTIONS", "", "", "", 403, false},
		"preflight of null":   {"OPTIONS", "", "null", "", 403, false},
		"preflight of a URL":  {"OPTIONS", "", "https://shop.example/", "", 403, false},
		"jssdk":               {"POST", jssdk, "https://shop.example", "", 200, true},
		"jssdk of others":     {"POST", jssdk, "https://evil.example", "", 200, false},
		"jssdk, no origin":    {"POST", jssdk, "", "", 200, false},
		"scheme":              {"POST", scheme, "https://shop.example", "", 200, true},
		"scheme of a server":  {"POST", scheme, "https://shop.example", cashiertest.Key, 200, false},
		"jssdk of another":    {"POST", `{"action":"jssdk","merchant":"other","url":"https://other.example/"}`, "https://other.example", "", 200, true},
		"another's jssdk":     {"POST", `{"action":"jssdk","merchant":"other","url":"https://other.example/"}`, "https://shop.example", "", 200, false},
		"another's, doubled":  {"POST", `{"action":"jssdk","merchant":"other","Merchant":"default","url":"https://other.example/"}`, "https://shop.example", "", 200, false},
		"an error":            {"POST", `{"action":"scheme"}`, "https://shop.example", "", 400, true},
		"another's error":     {"POST", `{"action":"scheme","merchant":"other"}`, "https://shop.example", "", 400, false},
		"nobody's error":      {"POST", `{"action":"jssdk","merchant":"nobody"}`, "https://shop.example", "", 404, false},
		"not JSON":            {"POST", `{`, "https://shop.example", "", 400, false},
		"stats":               {"POST", stats, "https://shop.example", "", 401, false},
	} {
		header := []string{}
		if c.origin != "" {
			header = append(header, "Origin", c.origin)
		}
		if c.token != "" {
			header = append(header, "Authorization", "Bearer "+c.token)
		}
		got := r.do(c.method, "/scheme/", c.body, header...)
		want := map[bool]string{true: c.origin}[c.shared]
		if got.Status != c.status || got.Header.Get("Access-Control-Allow-Origin") != want || got.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %d %v %s", name, got.Status, got.Header, got.Body)
		}
	}
	if h := r.do("OPTIONS", "/scheme/", "", "Origin", "https://shop.example").Header; h.Get("Access-Control-Allow-Methods") != "POST" ||
		h.Get("Access-Control-Allow-Headers") != "Content-Type" || h.Get("Vary") != "Origin" {
		t.Error(h)
	}
	// A merchant in the URL decides the preflight, and never the reply.
	for query, status := range map[string]int{"?merchant=": 204, "?merchant=default": 204, "?merchant=other": 403, "?merchant=nobody": 403} {
		got := r.do("OPTIONS", "/scheme/"+query, "", "Origin", "https://shop.example")
		if shared := got.Header.Get("Access-Control-Allow-Origin") != ""; got.Status != status || shared != (status == 204) || got.Header.Get("Vary") != "Origin" {
			t.Errorf("%s: %d %v", query, got.Status, got.Header)
		}
	}
	if got := r.do("POST", "/scheme/?merchant=other", jssdk, "Origin", "https://other.example"); got.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error(got.Header)
	}
}
