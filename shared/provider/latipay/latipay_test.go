package latipay

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

const testKey = "111222333"

var clock = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// over is a RoundTripper made of a function.
type over func(*http.Request) (*http.Response, error)

func (f over) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// bench is an account whose Latipay always says the same.
type bench struct {
	*client
	asked  *http.Request
	sent   map[string]string // the last body
	counts []string
}

func saying(t testing.TB, status int, body string) *bench {
	t.Helper()
	b := &bench{}
	p, err := New(provider.Config{
		Settings: json.RawMessage(`{"user_id":"U000334333","key":"` + testKey + `","wallets":{"NZD":"W00000001","CNY":"W00000003"}}`),
		HTTP: &http.Client{Transport: over(func(r *http.Request) (*http.Response, error) {
			b.asked, b.sent = r, nil
			if r.Method == http.MethodPost {
				if err := json.NewDecoder(r.Body).Decode(&b.sent); err != nil {
					t.Error(err)
				}
			}
			return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		})},
		Counted: func(metric, detail string) { b.counts = append(b.counts, metric+" "+detail) },
	})
	if err != nil {
		t.Fatal(err)
	}
	b.client = p.(*client)
	return b
}

func kindIs(t *testing.T, err error, want provider.Kind) {
	t.Helper()
	if err == nil || provider.KindOf(err) != want {
		t.Errorf("error %v, want kind %q", err, want)
	}
}

func nzd(amount int64) payment.Money { return payment.Money{Amount: amount, Currency: "NZD"} }

func order(m payment.Method) provider.Create {
	return provider.Create{No: "Order898237426347832", Method: m, Total: nzd(12000), Body: "Tea & 饼干 <2>", Attach: "table 5",
		AppID: "wx721398712681232", OpenID: "obRdo5H", ClientIP: "192.0.2.1", NotifyURL: "https://pay.example.com/notify/latipay/default/Order898237426347832",
		RedirectURL: "https://shop.example.com/back?a=1", TimeCreate: clock, TimeExpire: clock.Add(time.Hour)}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want string }{
		{"good", `{"user_id":"U1","key":"k","wallets":{"NZD":"W1"},"payment_methods":{"alipay":"Alipay"}}`, ""},
		{"no user_id", `{"key":"k","wallets":{"NZD":"W1"}}`, "user_id: required"},
		{"no key", `{"user_id":"U1","wallets":{"NZD":"W1"}}`, "key: required"},
		{"no wallets", `{"user_id":"U1","key":"k"}`, "wallets: required"},
		{"empty wallets", `{"user_id":"U1","key":"k","wallets":{}}`, "wallets: required"},
		{"empty wallet", `{"user_id":"U1","key":"k","wallets":{"NZD":""}}`, "wallets.NZD: "},
		{"wrong currency", `{"user_id":"U1","key":"k","wallets":{"EUR":"W1"}}`, "wallets.EUR: "},
		{"wallets as a text", `{"user_id":"U1","key":"k","wallets":"W1"}`, "wallets: must be"},
		{"base_url", `{"user_id":"U1","key":"k","wallets":{"NZD":"W1"},"base_url":"ftp://x"}`, "base_url: "},
		{"no page", `{"user_id":"U1","key":"k","wallets":{"NZD":"W1"},"payment_methods":{"wechat":"wechat"}}`, "payment_methods.wechat: "},
		{"empty word", `{"user_id":"U1","key":"k","wallets":{"NZD":"W1"},"payment_methods":{"alipay":""}}`, "payment_methods.alipay: "},
		{"no object", `7`, "not a JSON object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := Descriptor.New(provider.Config{Settings: json.RawMessage(tt.in), HTTP: http.DefaultClient})
			switch {
			case tt.want == "" && (err != nil || p.(*client).base != "https://api.latipay.net"):
				t.Errorf("%+v, %v", p, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := New(provider.Config{Settings: json.RawMessage(`{"user_id":"U1","key":"k","wallets":{"NZD":"W1"}}`)}); err == nil {
		t.Error("made without an HTTP client")
	}
}

func TestNoCloser(t *testing.T) {
	t.Parallel()
	if _, ok := any(&client{}).(provider.Closer); ok {
		t.Error("/cancel is documented for another product and must not be offered")
	}
}

func TestCodes(t *testing.T) {
	t.Parallel()
	want := map[string]struct {
		kind provider.Kind
		says string
	}{
		"1": {provider.Unknown, ""}, "3": {provider.Declined, ""}, "110": {provider.Denied, "providers.latipay.user_id"},
		"201": {provider.NotFound, ""}, "204": {provider.Declined, ""}, "205": {provider.Denied, "providers.latipay.user_id"},
		"206": {provider.Denied, "providers.latipay.key"}, "207": {provider.Declined, ""}, "300": {provider.NotSupported, ""},
		"301": {provider.Denied, "providers.latipay.wallets"}, "302": {provider.NotSupported, ""}, "303": {provider.NotSupported, ""},
		"304": {provider.NotSupported, ""}, "305": {provider.Denied, "providers.latipay.user_id"}, "450": {provider.Denied, "providers.latipay.wallets"},
		"454": {provider.Declined, ""}, "550": {provider.Declined, ""}, "551": {provider.NotFound, ""}, "556": {provider.Declined, ""},
		"558": {provider.NotFound, ""}, "559": {provider.NotEnough, ""}, "562": {provider.Unknown, ""}, "900": {provider.AlreadyPaid, ""},
		"901": {provider.Declined, ""},
		"-1":  {provider.Unknown, ""}, "00": {provider.Unknown, ""}, "999": {provider.Unknown, ""}, "": {provider.Unknown, ""},
	}
	refund := provider.Refund{Trade: provider.Trade{No: "A", SpTradeNo: "1", Total: nzd(2)}, OutRefundNo: "R", Fee: nzd(1)}
	for code, w := range want {
		for _, body := range []string{`{"code":"` + code + `","message":"the  words"}`, `{"code":` + code + `,"message":"the  words"}`} {
			if !json.Valid([]byte(body)) {
				continue
			}
			b := saying(t, 200, body)
			_, create := b.Create(t.Context(), order(payment.WeChat))
			_, page := b.Create(t.Context(), order(payment.Alipay))
			_, query := b.Query(t.Context(), provider.Trade{No: "A"})
			_, given := b.Refund(t.Context(), refund)
			for _, err := range []error{create, page, query, given} {
				kindIs(t, err, w.kind)
				says := w.says
				if w.kind != provider.Denied {
					says = "the words"
				}
				if !strings.Contains(err.Error(), says) || w.says != "" && strings.Contains(err.Error(), "the words") {
					t.Errorf("%s: %v", body, err)
				}
			}
			if _, known := codes[code]; known != (len(b.counts) == 0) {
				t.Errorf("%s: counted %v", body, b.counts)
			}
		}
	}
	for code, kind := range codes {
		if _, tested := want[code]; !tested || (kind == provider.Denied) != (blames[code] != "") {
			t.Errorf("%s is not tested, or blames %q", code, blames[code])
		}
	}
}

func TestAnswersThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		body   string
	}{
		{"HTML", 200, "<!doctype html>"}, {"null", 200, "null"}, {"list", 200, "[0]"}, {"nothing", 200, ""},
		{"404", 404, `{"code":0,"status":"paid"}`}, {"500", 500, `{"code":206}`}, {"an empty object", 200, "{}"},
		{"success, and nothing more", 200, `{"code":0}`}, {"success with nulls", 200, `{"code":"0","payment":null,"paydata":null,"signature":null}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := saying(t, tt.status, tt.body)
			_, err := b.Create(t.Context(), order(payment.WeChat))
			kindIs(t, err, provider.Unknown)
			_, err = b.Create(t.Context(), order(payment.UnionPay))
			kindIs(t, err, provider.Unknown)
			_, err = b.Query(t.Context(), provider.Trade{No: "A"})
			kindIs(t, err, provider.Unknown)
		})
	}
	b := saying(t, 200, `{"code":0}`)
	b.base = ":"
	_, err := b.Query(t.Context(), provider.Trade{No: "A"})
	kindIs(t, err, provider.NotSent)
}

func Example() {
	p, err := New(provider.Config{
		Settings: json.RawMessage(`{"user_id":"U000334333","key":"secret","wallets":{"NZD":"W00000001"}}`), HTTP: http.DefaultClient,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(Descriptor.Title, p.Account())
	// Output: Latipay U000334333
}
