package yaband

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
	"overseaspay/shared/provider/providertest"
	"overseaspay/shared/sandbox"
)

var clock = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	testKey   = "test-secret-key-0001"
	testTrade = "a8d9be05-8b39-a766-dad0-553b0640d06a"
)

// over is a RoundTripper made of a function.
type over func(*http.Request) (*http.Response, error)

func (f over) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// saying answers every request the same and keeps the last one.
func saying(status int, body string, last *request) *http.Client {
	return &http.Client{Transport: over(func(r *http.Request) (*http.Response, error) {
		raw, err := io.ReadAll(r.Body)
		if last != nil && err == nil {
			err = json.Unmarshal(raw, last)
		}
		return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Request: r}, err
	})}
}

func account(t testing.TB, h *http.Client, settings string) *client {
	t.Helper()
	p, err := New(provider.Config{Settings: json.RawMessage(settings), AppID: "wxitem", HTTP: h, Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	return p.(*client)
}

func plain(t testing.TB, h *http.Client) *client {
	return account(t, h, `{"mchid":"016683","key":"`+testKey+`"}`)
}

func kindIs(t *testing.T, err error, want provider.Kind) {
	t.Helper()
	if err == nil || provider.KindOf(err) != want {
		t.Errorf("error %v, want kind %q", err, want)
	}
}

func eur(amount int64) payment.Money { return payment.Money{Amount: amount, Currency: "EUR"} }

func order(m payment.Method) provider.Create {
	return provider.Create{No: "T20260301001", Method: m, Total: eur(1299), Body: "Fish & chips <2>", Attach: "table 5",
		AppID: "wxapp", OpenID: "oPayer", ClientIP: "192.0.2.1", NotifyURL: "https://pay.example.com/notify/yaband/default/T20260301001",
		RedirectURL: "https://shop.example.com/back?a=1", TimeCreate: clock, TimeExpire: clock.Add(30*time.Minute + 59*time.Second)}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want string }{
		{"no mchid", `{"key":"k"}`, "mchid: required"},
		{"no key", `{"mchid":"1"}`, "key: required"},
		{"no object", `7`, "not a JSON object"},
		{"mchid is a number", `{"mchid":16683,"key":"k"}`, "mchid: must be a string"},
		{"base_url", `{"mchid":"1","key":"k","base_url":"ftp://x"}`, "base_url"},
		{"unknown method", `{"mchid":"1","key":"k","sub_pay_methods":{"cash":"Cash"}}`, "sub_pay_methods.cash"},
		{"empty word", `{"mchid":"1","key":"k","sub_pay_methods":{"card":""}}`, "sub_pay_methods.card"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Descriptor.New(provider.Config{Settings: json.RawMessage(tt.in), HTTP: http.DefaultClient})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := New(provider.Config{Settings: json.RawMessage(`{"mchid":"1","key":"k"}`)}); err == nil {
		t.Error("no HTTP client was accepted")
	}
	p, err := New(provider.Config{Settings: json.RawMessage(`{"mchid":"1","key":"k"}`), HTTP: http.DefaultClient})
	if err != nil || p.Account() != "1" || p.(*client).endpoint != "https://mapi.yabandpay.com/Payments" || p.(*client).now().IsZero() {
		t.Errorf("defaults: %+v, %v", p, err)
	}
}

func TestOverridesStayWithTheirAccount(t *testing.T) {
	t.Parallel()
	a := account(t, http.DefaultClient, `{"mchid":"1","key":"k","sub_pay_methods":{"ideal":"iDEAL"}}`)
	if b := plain(t, http.DefaultClient); a.methods[payment.IDEAL] != "iDEAL" || b.methods[payment.IDEAL] != "iDeal" {
		t.Errorf("%q and %q", a.methods[payment.IDEAL], b.methods[payment.IDEAL])
	}
}

// A UID cannot be compared with an e-mail address, but with another UID.
func TestSpeaker(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ mchid, said, want string }{
		{"016683", "016683", "016683"}, {"016683", "016684", "016684"}, {"016683", "", ""},
		{"016683", "a@shop.example", ""}, {"a@shop.example", "016683", ""}, {"a@shop.example", "b@shop.example", "b@shop.example"},
	} {
		if got := (&client{mchid: tt.mchid}).speaker(tt.said); got != tt.want {
			t.Errorf("%s hears %q: %q, want %q", tt.mchid, tt.said, got, tt.want)
		}
	}
}

func TestNoCloser(t *testing.T) {
	t.Parallel()
	if _, ok := any(&client{}).(provider.Closer); ok {
		t.Error("yaband's cancel voids paid orders and must not be offered")
	}
}

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Harness{
		Descriptor: Descriptor, Twin: sandbox.NewYaband, WrongSecret: map[string]any{"key": "not-the-key-of-the-twin"},
	})
}

func Example() {
	p, err := New(provider.Config{Settings: json.RawMessage(`{"mchid":"016683","key":"secret"}`), HTTP: http.DefaultClient})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(Descriptor.Title, p.Account())
	// Output: YabandPay 016683
}
