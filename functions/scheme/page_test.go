package scheme_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"html"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"overseaspay/functions/scheme"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/web"
)

// evil closes whatever it is put into.
const evil = `"><script>alert(1)</script>'</script><img src=x onerror=alert(1)>{{.}}`

func TestLandingPage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.box.Weixin().Entitle(true)
	l := r.mustLink(`{"action":"link","path":"pages/index/index","query":` + quoted(evil) + `,"title":` + quoted(`</title>`+evil[:40]) + `}`)
	for name, c := range map[string]struct {
		header []string
		has    []string
		hasNot []string
	}{
		"a browser": {nil, []string{`lang="en"`, "Open in WeChat", `href="weixin://dl/business/?t=`, l.ID + ".svg", "Copy the link"}, []string{"res.wx.qq.com", "<wx-open"}},
		"Chinese":   {[]string{"Accept-Language", "zh-CN,zh;q=0.9,en;q=0.8"}, []string{`lang="zh"`, "在微信中打开"}, nil},
		"neither":   {[]string{"Accept-Language", "fr-FR,de;q=0.5,zh;q=0"}, []string{`lang="en"`}, nil},
		"English":   {[]string{"Accept-Language", "zh;q=0.4, en-GB;q=0.5"}, []string{`lang="en"`}, nil},
		"nonsense":  {[]string{"Accept-Language", ";;q=,zh;q=x,,en;q=9999999999999999999"}, []string{`lang="en"`}, nil},
		"in WeChat": {[]string{"User-Agent", wechatUA}, []string{"wx-open-launch-weapp", `username="gh_0123456789ab"`, `path="pages/index/index.html?`, "https://res.wx.qq.com/open/js/jweixin-1.6.0.js"}, []string{"weixin://", "location.href=s"}},
	} {
		got := r.get(l.ID, c.header...)
		if got.Status != 200 || len(got.Body) > 10_000 {
			t.Errorf("%s: %d, %d bytes", name, got.Status, len(got.Body))
		}
		for _, part := range c.has {
			if !strings.Contains(got.Body, part) {
				t.Errorf("%s: no %q in\n%s", name, part, got.Body)
			}
		}
		for _, part := range append(c.hasNot, "<script>alert", "onerror=alert(1)>", "<img src=x", "{{", "ZgotmplZ") {
			if strings.Contains(got.Body, part) {
				t.Errorf("%s: %q in\n%s", name, part, got.Body)
			}
		}
		wantHeaders(t, got)
	}
	if a, b := r.get(l.ID), r.get(l.ID); nonce(a) == nonce(b) || nonce(a) == "" {
		t.Error("nonces repeat")
	}
}

func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

func nonce(a answer) string {
	m := regexp.MustCompile(`script-src 'nonce-([^']+)'`).FindStringSubmatch(a.Header.Get("Content-Security-Policy"))
	if m == nil {
		return ""
	}
	return m[1]
}

// wantHeaders: nothing is allowed that does not carry the page's nonce.
func wantHeaders(t *testing.T, got answer) {
	t.Helper()
	csp := got.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(csp, part) {
			t.Errorf("no %s in %s", part, csp)
		}
	}
	if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*;") {
		t.Error(csp)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
		"X-Content-Type-Options": "nosniff", "Content-Type": "text/html; charset=utf-8", "X-Robots-Tag": "noindex"} {
		if got.Header.Get(name) != want {
			t.Errorf("%s: %q", name, got.Header.Get(name))
		}
	}
	for _, tag := range regexp.MustCompile(`<(script|style)[^>]*>`).FindAllString(got.Body, -1) {
		if !strings.Contains(tag, `nonce="`+nonce(got)+`"`) && tag != `<script type="text/wxtag-template">` && !strings.Contains(got.Body, `template">`+tag) {
			t.Errorf("%s has no nonce", tag)
		}
	}
}

// Without a scheme the page still leads on: by the code, and by copying the link.
func TestLandingPageWithoutScheme(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := r.mustLink(`{"action":"link","path":"pages/goods/goods"}`)
	if got := r.get(l.ID); strings.Contains(got.Body, "weixin:") || !strings.Contains(got.Body, l.ID+".svg") || !strings.Contains(got.Body, "Demo shop") {
		t.Error(got.Body)
	}
	plain := r.mustLink(`{"action":"link","path":"pages/index/index","query":"a=<b>"}`)
	if got := r.get(plain.ID); !strings.Contains(html.UnescapeString(got.Body), "weixin://dl/business/?appid=wx5a17d0e4b2c3f691&path=pages/index/index&query=a%3D%253Cb%253E") {
		t.Error(got.Body)
	}
	// In WeChat, on a host that its JS-SDK is not for, there is no tag.
	r.set(map[string]any{"hosts": []string{"shop.example"}})
	if got := r.get(l.ID, "User-Agent", wechatUA); strings.Contains(got.Body, "<wx-open") || !strings.Contains(got.Body, "Tap ···") || strings.Contains(got.Header.Get("Content-Security-Policy"), "qq.com") {
		t.Error(got.Body)
	}
}

// The open tag goes by the host that people see, not by the one behind it.
func TestOpenTagBehindAnotherHost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.set(map[string]any{"hosts": []string{"go.shop.example", "dev.shop.example:8443"}})
	l := r.mustLink(`{"action":"link","path":"pages/index/index"}`)
	for _, c := range []struct {
		url, host string
		tag       bool
	}{
		{"https://Go.shop.example/s/", "abc.lambda-url.eu-central-1.on.aws", true},
		{"https://dev.shop.example:8443", "abc.lambda-url.eu-central-1.on.aws", true},
		{"https://other.example", "go.shop.example", false},
		{"", "GO.shop.example", true},
		{"", "abc.lambda-url.eu-central-1.on.aws", false},
	} {
		cfg := r.cfg
		cfg.URL = c.url
		links, err := scheme.New(cfg)
		r.check(err)
		req := httptest.NewRequest("GET", "/"+l.ID, nil)
		req.Host = c.host
		req.Header.Set("User-Agent", wechatUA)
		w := httptest.NewRecorder()
		links.ServeHTTP(w, req)
		if got := strings.Contains(w.Body.String(), "<wx-open-launch-weapp"); w.Code != 200 || got != c.tag {
			t.Errorf("%q at %s: %d, the tag is there: %v", c.url, c.host, w.Code, got)
		}
	}
}

func TestQRCodes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.order("ORDER-0001", "")
	for body, cache := range map[string]string{
		`{"action":"link","path":"pages/index/index"}`:  "public, max-age=3600",
		`{"action":"link","out_trade_no":"ORDER-0001"}`: "no-store",
	} {
		l := r.mustLink(body)
		svg, picture := r.get(r.path(l.QRURL)), r.get(l.ID+".png")
		if svg.Header.Get("Content-Type") != "image/svg+xml" || picture.Header.Get("Content-Type") != "image/png" || svg.Header.Get("Cache-Control") != cache || picture.Header.Get("Cache-Control") != cache {
			t.Errorf("%v %v", svg.Header, picture.Header)
		}
		if err := xml.Unmarshal([]byte(svg.Body), new(struct{})); err != nil {
			t.Error(err)
		}
		img, err := png.Decode(bytes.NewReader([]byte(picture.Body)))
		if err != nil {
			t.Fatal(err)
		}
		// Both show the same: a dark run in one is dark in the other.
		runs := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1`).FindAllStringSubmatch(svg.Body, -1)
		dark := 0
		for _, run := range runs {
			x, y, n := number(run[1]), number(run[2]), number(run[3])
			for i := range n {
				if red, _, _, _ := img.At((x+i)*10+5, y*10+5).RGBA(); red != 0 {
					t.Fatalf("module %d,%d is light in PNG", x+i, y)
				}
			}
			dark += n
		}
		side, seen := img.Bounds().Dx()/10, 0
		for y := range side {
			for x := range side {
				if red, _, _, _ := img.At(x*10+5, y*10+5).RGBA(); red == 0 {
					seen++
				}
			}
		}
		if dark != seen || dark < 200 || (side-8-17)%4 != 0 {
			t.Errorf("%d dark modules in SVG, %d in PNG, side %d", dark, seen, side)
		}
	}
	l := r.mustLink(`{"action":"link","path":"pages/index/index"}`)
	r.get(l.ID + ".svg")
	if s := r.server(`{"action":"stats","id":"` + l.ID + `"}`); s.Opens != 0 {
		t.Error("a picture is no visit")
	}
}

func number(text string) (n int) {
	for _, c := range text {
		n = 10*n + int(c-'0')
	}
	return n
}

// payLink makes an order and the link of its payment page.
func (r *rig) payLink(no, more string) (claim string, l answer) {
	r.Helper()
	made := r.order(no, more)
	l = r.mustLink(`{"action":"link","out_trade_no":"` + no + `"}`)
	if !regexp.MustCompile(`^[0-9A-Za-z]{22}$`).MatchString(l.ID) {
		r.Error(l.ID)
	}
	m := regexp.MustCompile(`"claim":"([^"]+)"`).FindStringSubmatch(made.Body)
	if m != nil {
		claim = m[1]
	}
	return claim, l
}

func token(a answer) string {
	m := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(a.Body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

func (r *rig) press(id, token, method string) answer {
	r.Helper()
	return r.do("POST", "/scheme/"+id, url.Values{"token": {token}, "pay_method": {method}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

func (r *rig) stateOf(no string) string {
	r.Helper()
	o, err := r.db.Get(r.Context(), "default", no)
	r.check(err)
	return string(o.TradeState)
}

func TestPaymentPage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	claim, l := r.payLink("ORDER-0001", "")
	page := r.get(l.ID)
	wantHeaders(t, page)
	for _, part := range []string{"12.99 EUR", "Green tea &lt;b&gt;&amp;amp;", "not paid yet", `value="paypal"`, `value="ideal"`, "Pay with PayPal"} {
		if !strings.Contains(page.Body, part) {
			t.Errorf("no %q in\n%s", part, page.Body)
		}
	}
	want := "path=pages/pay/pay&query=out_trade_no%3DORDER-0001%26claim%3D" + claim
	if text := html.UnescapeString(page.Body); claim == "" || !strings.Contains(text, want) || strings.Contains(page.Body, `value="wechat"`) {
		t.Errorf("no %s in\n%s", want, page.Body)
	}
	if !strings.Contains(page.Header.Get("Content-Security-Policy"), "form-action 'self' https:") || len(page.Body) > 10_000 {
		t.Error(page.Header)
	}
	pressed := r.press(l.ID, token(page), "paypal")
	target := pressed.Header.Get("Location")
	if pressed.Status != 303 || !strings.HasPrefix(target, r.url+"/sandbox/checkout/yaband/") {
		t.Fatalf("%d %s %s", pressed.Status, target, pressed.Body)
	}
	if s := r.get(l.ID + "/state"); s.Status != 200 || s.State != "NOTPAY" || s.Final || s.Header.Get("Cache-Control") != "no-store" {
		t.Error(s.Body)
	}
	if waiting := r.get(l.ID + "?back=1"); !strings.Contains(waiting.Body, "Waiting for your payment") || token(waiting) != "" {
		t.Error(waiting.Body)
	}
	paid := r.do("POST", strings.TrimPrefix(target, r.url), "do=pay", "Content-Type", "application/x-www-form-urlencoded")
	if paid.Header.Get("Location") != l.URL+"?back=1" {
		t.Errorf("the processor sends back to %q", paid.Header.Get("Location"))
	}
	if got := r.get(l.ID + "?back=1"); !strings.Contains(got.Body, "Paid. Thank you!") || strings.Contains(got.Body, "<form") || strings.Contains(got.Body, "/state") {
		t.Error(got.Body)
	}
	if s := r.get(l.ID + "/state"); s.State != "SUCCESS" || !s.Final {
		t.Error(s.Body)
	}
	o := r.do("POST", "/pay", `{"action":"queryorder","out_trade_no":"ORDER-0001"}`, "Authorization", "Bearer sk_default_0123456789abcdefghij").Order
	if o.TradeState != "SUCCESS" || o.OutTradeNo == "" || o.SpTradeNo == "" || o.PayMethod != "paypal" {
		t.Errorf("%+v", o)
	}
	if again := r.press(l.ID, token(page), "paypal"); again.Status != 303 || again.Header.Get("Location") != l.ID {
		t.Error("a paid order is paid again:", again.Status, again.Header)
	}
	if s := r.server(`{"action":"stats","id":"` + l.ID + `"}`); s.Opens != 3 {
		t.Error("every GET of the page is an open, coming back too; asking for the state is none:", s.Body)
	}
}

func TestButtonsAreDoubleClickSafe(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, l := r.payLink("ORDER-0001", "")
	key := token(r.get(l.ID))
	got := make([]answer, 20)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() { got[i] = r.press(l.ID, key, "paypal") })
	}
	all.Wait()
	for _, g := range got {
		if g.Status != 303 || g.Header.Get("Location") != got[0].Header.Get("Location") || g.Header.Get("Location") == l.ID {
			t.Fatal(g.Status, g.Header, g.Body)
		}
	}
	if n := len(r.box.Trades()); n != 1 {
		t.Errorf("%d trades", n)
	}
	if other := r.press(l.ID, key, "ideal"); other.Status != 303 || other.Header.Get("Location") != l.ID || len(r.box.Trades()) != 1 {
		t.Error("a used form begins another method:", other.Status, other.Header)
	}
	if other := r.press(l.ID, token(r.get(l.ID)), "ideal"); other.Status != 303 || !strings.Contains(other.Header.Get("Location"), "/checkout/") || len(r.box.Trades()) != 2 {
		t.Error("a fresh form does not:", other.Status, other.Header)
	}
}

func TestForgedForms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, l := r.payLink("ORDER-0001", "")
	_, other := r.payLink("ORDER-0002", "")
	good, theirs := token(r.get(l.ID)), token(r.get(other.ID))
	end, rest, _ := strings.Cut(good, ".")
	for name, c := range map[string]struct {
		token, method string
		status        int
	}{
		"nothing":            {"", "paypal", 400},
		"nonsense":           {"a.b.c", "paypal", 400},
		"another page's":     {theirs, "paypal", 400},
		"a longer life":      {"9" + end + "." + rest, "paypal", 400},
		"wechat":             {good, "wechat", 400},
		"a method of nobody": {good, "cash", 400},
		"no method":          {good, "", 400},
		"an address":         {good, "https://evil.example", 400},
		"the real one":       {good, "paypal", 303},
	} {
		got := r.press(l.ID, c.token, c.method)
		if got.Status != c.status || strings.Contains(got.Header.Get("Location")+got.Body, "evil") {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	got := r.do("POST", "/scheme/"+l.ID+"?redirect=https://evil.example&url=https://evil.example", url.Values{"token": {good}, "pay_method": {"paypal"},
		"redirect_url": {"https://evil.example"}}.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Host", "evil.example")
	if !strings.HasPrefix(got.Header.Get("Location"), r.url+"/sandbox/checkout/") {
		t.Error(got.Header)
	}
	for _, trade := range r.box.Trades() {
		if strings.Contains(trade.RedirectURL, "evil") {
			t.Error(trade.RedirectURL)
		}
	}
	if big := r.do("POST", "/scheme/"+l.ID, "x="+strings.Repeat("a", 8000)+"&token="+good, "Content-Type", "application/x-www-form-urlencoded"); big.Status != 400 {
		t.Error(big.Status)
	}
	r.clock.Add(31 * time.Minute)
	if late := r.press(l.ID, good, "paypal"); late.Status != 303 || late.Header.Get("Location") != l.ID {
		t.Error("a form that lay about:", late.Status, late.Header)
	}
}

func TestPaymentPageOfOrdersThatCannotBePaid(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, l := r.payLink("ORDER-0001", "")
	good := token(r.get(l.ID))
	r.clock.Add(2*time.Hour + time.Minute)
	if got := r.get(l.ID); !strings.Contains(got.Body, "The time to pay this order is over") || strings.Contains(got.Body, "<form") {
		t.Error(got.Body)
	}
	if s := r.get(l.ID + "/state"); !s.Final {
		t.Error(s.Body)
	}
	if got := r.press(l.ID, good, "paypal"); got.Status != 303 || got.Header.Get("Location") != l.ID || len(r.box.Trades()) != 0 {
		t.Error(got.Status)
	}
	r.do("POST", "/pay", `{"action":"closeorder","out_trade_no":"ORDER-0001"}`, "Authorization", "Bearer sk_default_0123456789abcdefghij")
	if got := r.get(l.ID, "Accept-Language", "zh"); !strings.Contains(got.Body, "订单已关闭") || strings.Contains(got.Body, "<form") {
		t.Error(got.Body)
	}
}

// A shopper who turned back at the processor is offered the buttons again at once.
func TestTurningBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, l := r.payLink("ORDER-0001", "")
	target := r.press(l.ID, token(r.get(l.ID)), "paypal").Header.Get("Location")
	r.do("POST", strings.TrimPrefix(target, r.url), "do=cancel", "Content-Type", "application/x-www-form-urlencoded")
	r.clock.Add(3 * time.Second)
	if got := r.get(l.ID + "?back=1"); !strings.Contains(got.Body, "not paid yet") || token(got) == "" {
		t.Error(got.Body)
	}
	if s := r.get(l.ID + "/state"); !s.Final || s.State != "NOTPAY" {
		t.Error(s.Body)
	}
}

func TestProcessorOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, l := r.payLink("ORDER-0001", "")
	r.check(r.box.Fault(sandbox.Fault{Provider: "yaband", Kind: "status:503", Times: 5}))
	got := r.press(l.ID, token(r.get(l.ID)), "paypal")
	if got.Status != 503 || !strings.Contains(got.Body, "nothing was taken") || token(got) == "" {
		t.Error(got.Status, got.Body)
	}
	r.box.ClearFaults()
	r.clock.Add(time.Minute)
	if got := r.press(l.ID, token(got), "paypal"); got.Status != 303 || !strings.Contains(got.Header.Get("Location"), "/checkout/") {
		t.Error(got.Status, got.Body)
	}
}

func TestWhoMayLinkAnOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	alice, bob := r.login("code-alice"), r.login("code-bob")
	r.order("ORDER-0001", `,"openid":"`+r.box.Weixin().OpenID("code-alice")+`"`)
	r.order("ORDER-0002", "")
	mine := `{"action":"link","out_trade_no":"ORDER-0001"}`
	if got := r.call(alice, mine); got.Status != 200 || len(got.ID) != 22 {
		t.Error(got.Body)
	}
	r.want(r.call(bob, mine), 404, "not_found", "no such order")
	r.want(r.call(alice, strings.Replace(mine, "0001", "0002", 1)), 404, "not_found", "no such order")
	r.want(r.call(alice, strings.Replace(mine, "0001", "0003", 1)), 404, "not_found", "no such order")
	r.want(r.call("", mine), 401, "unauthenticated", "")
	r.want(r.server(`{"action":"link","out_trade_no":"ORDER-0001","path":"pages/index/index"}`), 400, "invalid_argument", "path")
	r.want(r.server(`{"action":"link","out_trade_no":"../../etc"}`), 404, "not_found", "")
	// An order that is claimed shows no claim.
	l := r.call(alice, mine)
	if got := r.get(l.ID); strings.Contains(got.Body, "claim") || !strings.Contains(got.Body, "out_trade_no%3DORDER-0001") {
		t.Error(got.Body)
	}
	if got := r.get(l.ID, "User-Agent", wechatUA); !strings.Contains(got.Body, `path="pages/pay/pay.html?out_trade_no=ORDER-0001"`) || token(got) == "" {
		t.Error(got.Body)
	}
}

// noOrders is a store that is asked nothing: what is no key is a fault to some.
type noOrders struct{}

func (noOrders) Get(context.Context, string, string) (*payment.Order, error) { return nil, errOut }

func TestLinkOfWhatIsNoNumber(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.cfg
	cfg.Orders = noOrders{}
	links, err := scheme.New(cfg)
	r.check(err)
	for _, no := range []string{strings.Repeat("N", 3000), "../../etc", "SHORT", "ORDER-0001\\n"} {
		req := httptest.NewRequest("POST", "/", strings.NewReader(`{"action":"link","out_trade_no":"`+no+`"}`))
		req.Header.Set("Authorization", "Bearer "+cashiertest.Key)
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		web.Logged(cfg.Log, links).ServeHTTP(w, req)
		if w.Code != 404 || !strings.Contains(w.Body.String(), `"not_found"`) || !strings.Contains(w.Body.String(), "no such order") {
			t.Errorf("%.20s: %d %.200s", no, w.Code, w.Body)
		}
	}
	if log := r.log.String(); strings.Contains(log, "NNNN") || !strings.Contains(log, `"not_found"`) {
		t.Errorf("logged %.500s", log)
	}
}

// Only methods that take the order's currency have a button.
func TestButtonsFitTheOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, l := r.payLink("ORDER-0001", `,"fee_type":"JPY"`)
	got := r.get(l.ID)
	if strings.Contains(got.Body, `value="paypal"`) || !strings.Contains(got.Body, "1299 JPY") {
		t.Error(got.Body)
	}
	if p := r.press(l.ID, token(got), "paypal"); p.Status != 400 {
		t.Error(p.Status)
	}
}

func TestTablesOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, l := r.payLink("ORDER-0001", "")
	key := token(r.get(l.ID))
	r.links.out.Store(true)
	for _, path := range []string{l.ID, l.ID + "/state", l.ID + ".svg"} {
		if got := r.get(path); got.Status != 503 || strings.Contains(got.Body, "the table is out") {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
	if got := r.press(l.ID, key, "paypal"); got.Status != 503 {
		t.Error(got.Status)
	}
	for _, body := range []string{toIndex, `{"action":"link","path":"pages/index/index"}`, `{"action":"stats","id":"` + l.ID + `"}`} {
		got := r.server(body)
		r.want(got, 500, "internal", "links table")
		if !got.Error.Retryable {
			t.Error(got.Body)
		}
	}
	r.want(r.call("", toIndex), 500, "internal", "links table")
	if !strings.Contains(r.log.String(), "the table is out") {
		t.Error("nobody logs why")
	}
	r.links.out.Store(false)
	if got := r.get(l.ID); got.Status != http.StatusOK {
		t.Error(got.Status)
	}
}
