package scheme_test

import (
	"context"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/fetch"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience bounds one test in the browser.
const patience = 60 * time.Second

// browser is a tab of a headless Chromium with what happened in it.
type browser struct {
	*testing.T
	ctx context.Context

	mu         sync.Mutex
	jumps      []string // to weixin://
	violations []string // of the content security policy, and what scripts threw
	asked      []string // every request
}

// chromium finds the program. A machine without it skips, loudly, except in CI.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const why = "PAGES NOT TESTED IN A BROWSER: install chromium"
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	_, _ = os.Stderr.WriteString("\n*** " + t.Name() + ": " + why + "\n\n")
	t.Skip(why)
	return ""
}

// observe notes, before any script of the page runs, what the policy forbids.
const observe = `window.__violations=[];
document.addEventListener('securitypolicyviolation',function(e){__violations.push(e.violatedDirective+' '+e.blockedURI)});
window.alert=function(m){__violations.push('alert '+m)};`

// newBrowser opens a tab. device is "desktop" or "phone"; ua "" is Chromium's own.
func newBrowser(t *testing.T, device, ua, theme string) *browser {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(chromium(t)), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en"))
	if device == "desktop" { // headless Chromium has no mouse of its own
		options = append(options, chromedp.Flag("blink-settings", "primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	b := &browser{T: t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.event); err != nil {
		t.Fatal(err)
	}
	size := chromedp.EmulateViewport(1200, 800)
	if device == "phone" {
		size = chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	b.run(size)
	b.send("Network.enable", nil)
	b.send("Log.enable", nil)
	b.send("Fetch.enable", object{"patterns": []object{{"urlPattern": "https://*"}}})
	b.send("Emulation.setEmulatedMedia", object{"features": []object{{"name": "prefers-color-scheme", "value": theme}}})
	b.send("Page.addScriptToEvaluateOnNewDocument", object{"source": observe})
	if ua != "" {
		b.send("Emulation.setUserAgentOverride", object{"userAgent": ua})
	}
	return b
}

// object is the parameters of one of the browser's own commands.
type object map[string]any

// send gives the browser a command of its protocol.
func (b *browser) send(method string, params object) {
	b.Helper()
	if params == nil {
		params = object{}
	}
	b.run(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		var reply map[string]any
		return t.Call(ctx, method, params, &reply)
	}))
}

func (b *browser) event(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *page.EventFrameRequestedNavigation:
		if strings.HasPrefix(e.URL, "weixin:") {
			b.jumps = append(b.jumps, e.URL)
		}
	case *cdplog.EventEntryAdded:
		if text := e.Entry.Text; strings.Contains(text, "Content Security Policy") {
			b.violations = append(b.violations, text)
		}
	case *cdpruntime.EventExceptionThrown:
		b.violations = append(b.violations, e.ExceptionDetails.Text)
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	case *fetch.EventRequestPaused:
		go b.answer(e)
	}
}

// jweixin stands in for WeChat's script: it tells what it was configured with.
const jweixin = `window.wx={config:function(c){window.__wx=c},error:function(){},ready:function(f){f()}};`

// answer plays the internet, of which only WeChat's script exists.
func (b *browser) answer(e *fetch.EventRequestPaused) {
	reply := object{"requestId": e.RequestID, "responseCode": 404}
	if e.Request.URL == "https://res.wx.qq.com/open/js/jweixin-1.6.0.js" {
		reply = object{"requestId": e.RequestID, "responseCode": 200, "body": base64.StdEncoding.EncodeToString([]byte(jweixin)),
			"responseHeaders": []object{{"name": "Content-Type", "value": "text/javascript"}}}
	}
	_ = chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		var done map[string]any
		return t.Call(ctx, "Fetch.fulfillRequest", reply, &done) // a tab that is gone needs no answer
	}))
}

func (b *browser) run(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

func (b *browser) open(url string)     { b.Helper(); b.run(chromedp.Navigate(url)) }
func (b *browser) click(button string) { b.Helper(); b.run(chromedp.Click(chromedp.CSS(button))) }
func (b *browser) wait(selector string) {
	b.Helper()
	b.run(chromedp.WaitVisible(chromedp.CSS(selector)))
}

// eval runs a script in the page and decodes its value.
func eval[T any](b *browser, script string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("%s: %v", script, err)
	}
	return v
}

// until waits for a script to be true, across pages.
func (b *browser) until(script string) {
	b.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		if ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](script)); err == nil && ok {
			return
		}
		select {
		case <-again.C:
		case <-b.ctx.Done():
			b.Fatalf("never so: %s", script)
		}
	}
}

// quiet wants nothing forbidden to have been tried, and nobody else to have been asked.
func (b *browser) quiet(own ...string) {
	b.Helper()
	seen := eval[[]string](b, `window.__violations||[]`)
	b.mu.Lock()
	defer b.mu.Unlock()
	if all := append(seen, b.violations...); len(all) > 0 {
		b.Errorf("violations: %q", all)
	}
	for _, url := range b.asked {
		if !slices.ContainsFunc(own, func(prefix string) bool { return strings.HasPrefix(url, prefix) }) {
			b.Errorf("asked %s", url)
		}
	}
}

func (b *browser) jumped() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.jumps)
}

// shot keeps a picture where SCREENSHOTS says.
func (b *browser) shot(name string) {
	b.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600)
	}
	if err != nil {
		b.Fatal(err)
	}
}

const visible = `(function(id){var e=document.getElementById(id);return !!e&&e.getClientRects().length>0})`

func (b *browser) shows(id string, want bool) {
	b.Helper()
	if got := eval[bool](b, visible+`("`+id+`")`); got != want {
		b.Errorf("#%s shows: %v", id, got)
	}
}

// shifted is how much of the page moved by itself while it loaded.
const shifted = `new Promise(function(ok){var s=0;new PerformanceObserver(function(l){l.getEntries().forEach(function(e){s+=e.value})}).observe({type:'layout-shift',buffered:true});setTimeout(function(){ok(String(s))},100)})`

func TestBrowserOpensTheMiniProgramOnce(t *testing.T) {
	chromium(t)
	t.Parallel()
	r := newRig(t)
	r.box.Weixin().Entitle(true)
	l := r.mustLink(`{"action":"link","path":"pages/index/index","query":` + quoted(evil) + `,"title":"Spring tea, first flush"}`)
	for _, c := range []struct{ device, theme, lang string }{{"desktop", "light", "en"}, {"phone", "dark", "zh"}} {
		t.Run(c.device, func(t *testing.T) {
			b := newBrowser(t, c.device, "", c.theme)
			b.send("Network.setExtraHTTPHeaders", object{"headers": object{"Accept-Language": c.lang}})
			b.open(l.URL)
			b.shows("go", true)
			b.shot("landing-" + c.device + "-" + c.theme + "-first")
			b.until(visible + `("more")`) // nothing opened here
			if got := b.jumped(); len(got) != 1 || !strings.HasPrefix(got[0], "weixin://dl/business/?t=") {
				t.Errorf("jumped to %q", got)
			}
			b.shows("copy", true)
			b.shows("qr", c.device == "desktop")
			if c.device == "desktop" {
				b.until(`document.images[0].complete&&document.images[0].naturalWidth>0`)
			}
			b.shot("landing-" + c.device + "-" + c.theme)
			if shift := eval[string](b, shifted); shift != "0" {
				t.Errorf("the layout shifted by %s", shift)
			}
			b.run(chromedp.Reload())
			b.shows("more", true)
			if got := b.jumped(); len(got) != 1 {
				t.Errorf("jumped again, after a reload: %q", got)
			}
			b.click("#go")
			b.quiet(r.url, "weixin://")
		})
	}
}

func TestBrowserInWeChat(t *testing.T) {
	chromium(t)
	t.Parallel()
	r := newRig(t)
	l := r.mustLink(`{"action":"link","path":"pages/index/index","query":` + quoted(evil) + `}`)
	b := newBrowser(t, "phone", wechatUA, "light")
	b.open(l.URL + "?from=singlemessage#top")
	b.until(`!!window.__wx`)
	type config struct {
		AppID       string   `json:"appId"`
		Signature   string   `json:"signature"`
		OpenTagList []string `json:"openTagList"`
		JsAPIList   []string `json:"jsApiList"`
	}
	got := eval[config](b, `window.__wx`)
	if got.AppID == "" || len(got.Signature) != 40 || !slices.Equal(got.OpenTagList, []string{"wx-open-launch-weapp"}) || len(got.JsAPIList) == 0 {
		t.Errorf("%+v", got)
	}
	path := eval[string](b, `document.getElementById('tag').getAttribute('path')`)
	if !strings.HasPrefix(path, "pages/index/index.html?") || strings.ContainsAny(path, `"<> `) {
		t.Error(path)
	}
	b.shows("dots", false)
	eval[bool](b, `document.dispatchEvent(new Event('WeixinOpenTagsError'))`)
	b.shows("dots", true)
	b.shot("landing-wechat-light")
	if len(b.jumped()) > 0 {
		t.Error("jumps inside WeChat")
	}
	b.quiet(r.url, "https://res.wx.qq.com/")
}

func TestBrowserWithoutScript(t *testing.T) {
	chromium(t)
	t.Parallel()
	r := newRig(t)
	l := r.mustLink(`{"action":"link","path":"pages/index/index"}`)
	_, p := r.payLink("ORDER-0001", "")
	b := newBrowser(t, "desktop", "", "dark")
	b.send("Emulation.setScriptExecutionDisabled", object{"value": true})
	b.open(l.URL)
	b.shows("go", true)
	b.shows("more", true)
	b.shows("copy", false)
	b.shows("qr", true)
	b.shot("landing-noscript-dark")
	b.open(p.URL)
	b.click(`button[value=paypal]`)
	b.click(`button[value=pay]`)
	b.wait(`#state`)
	if got := r.stateOf("ORDER-0001"); got != "SUCCESS" {
		t.Error(got)
	}
}

// A payment page is paid at the sandbox's PayPal of YabandPay, as a shopper does it.
func TestBrowserPays(t *testing.T) {
	chromium(t)
	t.Parallel()
	for _, c := range []struct{ device, theme string }{{"phone", "light"}, {"desktop", "dark"}} {
		t.Run(c.theme, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			_, l := r.payLink("ORDER-0001", "")
			b := newBrowser(t, c.device, "", c.theme)
			b.open(l.URL)
			b.wait(`button[value=paypal]`)
			if len(b.jumped()) > 0 {
				t.Error("a payment page jumps by itself")
			}
			b.shows("go", true)
			b.shot("pay-" + c.theme)
			b.run(chromedp.DoubleClick(chromedp.CSS(`button[value=paypal]`)))
			b.wait(`button[value=pay]`)
			b.until(`location.pathname.startsWith('/sandbox/checkout/yaband/')`)
			// The notice is lost: only asking can tell.
			b.open(l.URL + "?back=1")
			b.until(`document.getElementById('state').textContent.startsWith('Waiting')`)
			b.shot("pay-waiting-" + c.theme)
			trades := r.box.Trades()
			if len(trades) != 1 {
				t.Fatalf("%d trades after a double click", len(trades))
			}
			if res := r.do("POST", "/sandbox/pay/"+trades[0].SpTradeNo+"?provider=yaband&notify=0", ""); res.Status != 200 {
				t.Fatal(res.Body)
			}
			r.clock.Add(5 * time.Second)
			b.until(`document.getElementById('state').textContent.startsWith('Paid')`)
			b.shot("pay-paid-" + c.theme)
			o, err := r.db.Get(t.Context(), "default", "ORDER-0001")
			r.check(err)
			v := o.View()
			if v.TradeState != "SUCCESS" || v.SpTradeNo == "" || v.OutTradeNo == "" || v.PayMethod != "paypal" {
				t.Errorf("%+v", v)
			}
			t.Logf("numbers: %s %s %q", v.OutTradeNo, v.SpTradeNo, v.TransactionID)
			b.quiet(r.url)
		})
	}
}
