package nihaopay

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

const testToken = "secret-token"

var clock = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// over is a RoundTripper made of a function.
type over func(*http.Request) (*http.Response, error)

func (f over) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// bench is an account whose NihaoPay answers by path: the longest that fits.
type bench struct {
	*client
	asked  []string   // method and path of every call
	sent   url.Values // the last form
	counts []string
}

// says is an answer; a status of 0 is 200.
type says struct {
	status int
	body   string
}

func with(t testing.TB, settings string, answers map[string]says) *bench {
	t.Helper()
	b := &bench{}
	p, err := New(provider.Config{
		Settings: json.RawMessage(settings),
		HTTP: &http.Client{Transport: over(func(r *http.Request) (*http.Response, error) {
			b.asked = append(b.asked, r.Method+" "+r.URL.Path)
			raw, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			if b.sent, err = url.ParseQuery(string(raw)); err != nil || r.Header.Get("Authorization") != "Bearer "+testToken {
				t.Errorf("%s, Authorization %q, %v", r.URL, r.Header.Get("Authorization"), err)
			}
			a, best := answers[""], ""
			for path, answer := range answers {
				if strings.HasPrefix(r.URL.Path, "/v1.2/transactions/"+path) && len(path) > len(best) {
					a, best = answer, path
				}
			}
			return &http.Response{StatusCode: max(a.status, 200), Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
		})},
		Counted: func(metric, detail string) { b.counts = append(b.counts, metric+" "+detail) },
	})
	if err != nil {
		t.Fatal(err)
	}
	b.client = p.(*client)
	return b
}

func plain(t testing.TB, answers map[string]says) *bench {
	return with(t, `{"access_token":"`+testToken+`"}`, answers)
}

// always answers every call the same.
func always(t testing.TB, status int, body string) *bench {
	return plain(t, map[string]says{"": {status, body}})
}

func kindIs(t *testing.T, err error, want provider.Kind) {
	t.Helper()
	if err == nil || provider.KindOf(err) != want {
		t.Errorf("error %v, want kind %q", err, want)
	}
	if err != nil && strings.Contains(err.Error(), testToken) {
		t.Errorf("the error shows the token: %v", err)
	}
}

func usd(amount int64) payment.Money { return payment.Money{Amount: amount, Currency: "USD"} }

func order(m payment.Method) provider.Create {
	return provider.Create{No: "A1", Method: m, Total: usd(1299), Body: "Tea & 饼干", Attach: "&status=success",
		AppID: "wxapp", OpenID: "oPayer", ClientIP: "192.0.2.1", NotifyURL: "https://pay.example.com/notify/nihaopay/default/A1",
		RedirectURL: "https://shop.example.com/back?a=1", TimeCreate: clock, TimeExpire: clock.Add(30*time.Minute + 59*time.Second)}
}

var (
	trade1  = provider.Trade{No: "A1", SpTradeNo: "2017", Total: usd(1299)}
	refund1 = provider.Refund{Trade: trade1, OutRefundNo: "R-1", Fee: usd(300), Baseline: 100}
)

func TestNew(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want string }{
		{"good", `{"access_token":"t"}`, ""},
		{"all", `{"access_token":"t","mchid":"nihaopay","refund_path":"/v1.2/transactions/{id}/refund","vendors":{"paypal":"paypal"}}`, ""},
		{"no token", `{}`, "access_token: required"},
		{"token is a number", `{"access_token":1}`, "access_token: must be a string"},
		{"base_url", `{"access_token":"t","base_url":"x"}`, "base_url: "},
		{"refund path without id", `{"access_token":"t","refund_path":"/refund"}`, "refund_path: "},
		{"refund path", `{"access_token":"t","refund_path":"{id}"}`, "refund_path: "},
		{"no page", `{"access_token":"t","vendors":{"wechat":"wechatpay"}}`, "vendors.wechat: "},
		{"empty word", `{"access_token":"t","vendors":{"alipay":""}}`, "vendors.alipay: "},
		{"no object", `[]`, "not a JSON object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := Descriptor.New(provider.Config{Settings: json.RawMessage(tt.in), HTTP: http.DefaultClient})
			switch {
			case tt.want == "" && (err != nil || p.(*client).base != "https://api.nihaopay.com" || p.Account() != "nihaopay"):
				t.Errorf("%+v, %v", p, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := New(provider.Config{Settings: json.RawMessage(`{"access_token":"t"}`)}); err == nil {
		t.Error("made without an HTTP client")
	}
}

func TestNoCloser(t *testing.T) {
	t.Parallel()
	if _, ok := any(&client{}).(provider.Closer); ok {
		t.Error("NihaoPay documents no close")
	}
}

// TestCodes has the documentation's whole list.
func TestCodes(t *testing.T) {
	t.Parallel()
	want := map[provider.Kind][]string{
		provider.Denied:   {"400-32", "401-301", "500-81", "500-82", "500-84", "500-91"},
		provider.NotFound: {"402-61"},
		provider.Busy:     {"429-39"},
		provider.Unknown:  {"500-96", "500-97", "500-98", "500-99", "400-99", "402-1", "402-061", "599-01"},
		provider.Declined: {"400-31", "400-90", "402-01", "402-02", "402-03", "402-06", "402-11", "402-14", "402-15", "402-21", "402-22",
			"402-30", "402-36", "402-56", "402-57", "402-62", "402-63", "402-67", "402-68", "402-69", "402-70", "402-71", "402-72", "402-86",
			"402-87", "402-88", "404-59", "404-60", "404-93", "409-33", "409-64", "409-65", "409-66", "500-83", "500-92", "402-100", "402-101",
			"402-102", "402-103", "402-104", "402-105", "402-106", "402-107", "402-108", "402-109"},
	}
	tested := 0
	for kind, list := range want {
		for _, said := range list {
			code, label, _ := strings.Cut(said, "-")
			status := 0
			_, _ = fmt.Sscan(code, &status)
			b := always(t, status, `{"code":`+code+`,"label":"`+label+`","message":"it said no"}`)
			_, create := b.Create(t.Context(), order(payment.WeChat))
			_, page := b.Create(t.Context(), order(payment.PayPal))
			_, query := b.Query(t.Context(), provider.Trade{No: "A1"})
			_, given := b.Refund(t.Context(), refund1)
			for _, err := range []error{create, page, query, given} {
				kindIs(t, err, kind)
				if kind == provider.Denied != strings.Contains(err.Error(), "providers.nihaopay.access_token") {
					t.Errorf("%s: %v", said, err)
				}
				if kind != provider.Busy && !strings.Contains(err.Error(), said) {
					t.Errorf("%s: %v: does not tell the code", said, err)
				}
			}
			known := strings.Contains(" "+codes[kind]+" ", said) || kind != provider.Unknown
			if known == (len(b.counts) > 0) {
				t.Errorf("%s: counted %v", said, b.counts)
			}
			if known {
				tested++
			}
		}
	}
	all := 0
	for _, list := range codes {
		all += len(strings.Fields(list))
	}
	if tested != all {
		t.Errorf("%d codes are tested, of %d", tested, all)
	}
}

func TestAnswersThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		said says
	}{
		{"HTML", says{200, "<!doctype html>"}}, {"null", says{200, "null"}}, {"list", says{200, "[]"}}, {"nothing", says{200, ""}},
		{"an empty object", says{200, "{}"}}, {"404", says{404, "{}"}}, {"301", says{301, "{}"}}, {"500", says{500, "oops"}}, {"501", says{501, "{}"}},
		{"a success that is none", says{200, `{"code":200,"label":"00"}`}}, {"an error with 200", says{200, `{"code":500,"label":"99"}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := always(t, tt.said.status, tt.said.body)
			_, create := b.Create(t.Context(), order(payment.WeChat))
			_, page := b.Create(t.Context(), order(payment.UnionPay))
			_, query := b.Query(t.Context(), trade1)
			_, refund := b.Refund(t.Context(), refund1)
			_, look := b.QueryRefund(t.Context(), refund1)
			for _, err := range []error{create, page, query, refund, look} {
				kindIs(t, err, provider.Unknown)
			}
		})
	}
	b := always(t, 200, `{}`)
	b.base = ":"
	_, err := b.Query(t.Context(), trade1)
	kindIs(t, err, provider.NotSent)
}

func Example() {
	p, err := New(provider.Config{Settings: json.RawMessage(`{"access_token":"secret","mchid":"boutique"}`), HTTP: http.DefaultClient})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(Descriptor.Title, p.Account())
	// Output: NihaoPay boutique
}
