package twopaynow

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

const (
	testMid = "4002563369"
	testKey = "zG93Cv85BCCp2h"
)

var testNow = time.UnixMilli(1571034662245).UTC()

// harness is an account whose 2PayNow is a function.
type harness struct {
	*Processor
	mu     sync.Mutex
	asked  []*http.Request
	counts []string
}

// with makes an account; more are members of its settings beside mchid and key.
func with(t testing.TB, more map[string]any, reply http.HandlerFunc) *harness {
	t.Helper()
	h := &harness{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.asked = append(h.asked, r)
		h.mu.Unlock()
		reply(w, r)
	}))
	t.Cleanup(server.Close)
	settings := map[string]any{"mchid": testMid, "key": testKey, "base_url": server.URL}
	for name, value := range more {
		settings[name] = value
	}
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(provider.Config{
		Settings: raw, HTTP: server.Client(), Now: func() time.Time { return testNow },
		Counted: func(metric, detail string) { h.counts = append(h.counts, metric+": "+detail) },
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Processor = p.(*Processor)
	return h
}

// says answers every call with one JSON text.
func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

// last is the query of the last call.
func (h *harness) last(t *testing.T) url.Values {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.asked) == 0 {
		t.Fatal("nothing was asked")
	}
	return h.asked[len(h.asked)-1].URL.Query()
}

func (h *harness) calls() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.asked)
}

func create(m payment.Method) provider.Create {
	return provider.Create{
		No: "ORDER-0001", Method: m, Total: payment.Money{Amount: 899, Currency: "EUR"}, Body: "茶 & cake",
		Attach: "table 7", AppID: "wx1111111111111111", OpenID: "oPayer", ClientIP: "198.51.100.7",
		NotifyURL: "https://n.example.test/2paynow/default/ORDER-0001", RedirectURL: "https://shop.example.test/back?a=1",
		TimeCreate: testNow, TimeExpire: testNow.Add(30*time.Minute + 59*time.Second),
	}
}

var (
	trade1 = provider.Trade{No: "ORDER-0001", SpTradeNo: "A1", Method: payment.WeChat,
		Total: payment.Money{Amount: 899, Currency: "EUR"}, TimeBegin: testNow}
	refund1 = provider.Refund{Trade: trade1, OutRefundNo: "R-1", Desc: "broken",
		Fee: payment.Money{Amount: 300, Currency: "EUR"}, Baseline: 100, TimeCreate: testNow}
)

func wantKind(t *testing.T, err error, want provider.Kind) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", want)
	}
	if got := provider.KindOf(err); got != want {
		t.Errorf("kind %q, want %q (%v)", got, want, err)
	}
	for _, secret := range []string{testKey, "sign=", "127.0.0.1", "oPayer"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error quotes %q: %v", secret, err)
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, settings, want string }{
		{"good", `{"mchid":"541102252","key":"k"}`, ""},
		{"names", `{"mchid":"1","key":"k","names":{"mini_precreate":"","refund":"void.me","api_path":"/x/y"}}`, ""},
		{"no key", `{"mchid":"1"}`, "key: required"},
		{"no mchid", `{"key":"k"}`, "mchid: required"},
		{"number", `{"mchid":1,"key":"k"}`, "mchid: must be a string"},
		{"not digits", `{"mchid":"1a","key":"k"}`, "mchid: must be decimal digits"},
		{"no object", `[]`, "not a JSON object"},
		{"base_url", `{"mchid":"1","key":"k","base_url":"ftp://x"}`, "base_url: must be"},
		{"unknown name", `{"mchid":"1","key":"k","names":{"foo":"x"}}`, "names.foo: no such name"},
		{"empty name", `{"mchid":"1","key":"k","names":{"wap_query":""}}`, "names.wap_query: must not be empty"},
		{"path", `{"mchid":"1","key":"k","names":{"api_path":"x"}}`, "names.api_path: must begin with /"},
		{"path with query", `{"mchid":"1","key":"k","names":{"api_path":"/x?y"}}`, "names.api_path: must be letters"},
		{"odd name", `{"mchid":"1","key":"k","names":{"refund":"a b"}}`, "names.refund: must be letters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, err := Descriptor.New(provider.Config{Settings: json.RawMessage(c.settings), HTTP: http.DefaultClient})
			switch {
			case c.want == "" && (err != nil || p.Account() == ""):
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	if _, err := New(provider.Config{Settings: json.RawMessage(`{"mchid":"1","key":"k"}`)}); err == nil {
		t.Error("made without an HTTP client")
	}
}

func TestNotACloser(t *testing.T) {
	t.Parallel()
	if _, ok := any(&Processor{}).(provider.Closer); ok {
		t.Error("cancel may void a capture: there must be no Close")
	}
}

func TestDefaultHosts(t *testing.T) {
	t.Parallel()
	p, err := New(provider.Config{Settings: json.RawMessage(`{"mchid":"1","key":"k"}`), HTTP: http.DefaultClient})
	if err != nil {
		t.Fatal(err)
	}
	got := p.(*Processor)
	if got.api != "https://www.2paynow.com/zhifu/mc_itf" ||
		got.pages[typeAlipay] != "https://2paynow.com/wap/wappay/pay.html" ||
		got.pages[typeWeChat] != "https://www.2paynow.com/wap/WxpayAPI/jsapi.php" {
		t.Errorf("api %s, pages %v", got.api, got.pages)
	}
	if made, err := p.Create(t.Context(), create(payment.Alipay)); err != nil || !strings.HasPrefix(made.URL, "https://2paynow.com/") {
		t.Errorf("made %v, %v", made, err)
	}
}
