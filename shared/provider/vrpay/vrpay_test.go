package vrpay

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

const (
	testEntity = "8a8294174b7ecb28014b9699220015ca"
	testToken  = "OGE4Mjk0MTc0YjdlY2IyODAxNGI5Njk5"
)

// sent is one request as VR Payment gets it.
type sent struct {
	*http.Request
	form url.Values // of the body or of the query
}

// harness is an account whose VR Payment is a function.
type harness struct {
	*Processor
	mu     sync.Mutex
	asked  []sent
	counts []string
}

// with makes an account; more are members of its settings beside its credentials.
func with(t testing.TB, more map[string]any, reply http.HandlerFunc) *harness {
	t.Helper()
	h := &harness{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		form := r.PostForm
		if r.Method == http.MethodGet {
			form = r.URL.Query()
		}
		h.mu.Lock()
		h.asked = append(h.asked, sent{r, form})
		h.mu.Unlock()
		reply(w, r)
	}))
	t.Cleanup(server.Close)
	settings := map[string]any{"entity_id": testEntity, "access_token": testToken, "base_url": server.URL}
	for name, value := range more {
		settings[name] = value
	}
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(provider.Config{
		Settings: raw, HTTP: server.Client(),
		Counted: func(metric, detail string) { h.counts = append(h.counts, metric+": "+detail) },
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Processor = p.(*Processor)
	return h
}

// says answers every call with one text.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func result(code string) string {
	return fmt.Sprintf(`"result":{"code":%q,"description":"words of\n  VR"}`, code)
}

func (h *harness) last(t *testing.T) sent {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.asked) == 0 {
		t.Fatal("nothing was asked")
	}
	return h.asked[len(h.asked)-1]
}

func eur(n int64) payment.Money { return payment.Money{Amount: n, Currency: "EUR"} }

func order(m payment.Method) provider.Create {
	in := provider.Create{
		No: "ORDER-0001", Method: m, Total: eur(9200), Body: "茶 & cake", Attach: "table 7", ClientIP: "198.51.100.7",
		AppID: "wx1111111111111111", OpenID: "oPayer", NotifyURL: "https://n.example.test/vr/default/ORDER-0001",
	}
	if m != payment.WeChat {
		in.RedirectURL = "https://shop.example.test/back?a=1"
	}
	return in
}

var (
	trade1  = provider.Trade{No: "ORDER-0001", SpTradeNo: "P1", Method: payment.WeChat, Total: eur(9200)}
	lost1   = provider.Trade{No: "ORDER-0001", Method: payment.WeChat, Total: eur(9200)}
	refund1 = provider.Refund{Trade: trade1, OutRefundNo: "R-1", RefundID: "F1", Desc: "broken", Fee: eur(300)}
)

func wantKind(t *testing.T, err error, want provider.Kind) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", want)
	}
	if got := provider.KindOf(err); got != want {
		t.Errorf("kind %q, want %q (%v)", got, want, err)
	}
	for _, secret := range []string{testToken, testEntity, "127.0.0.1", "oPayer"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error quotes %q: %v", secret, err)
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, settings, want string }{
		{"good", `{"entity_id":"e","access_token":"t"}`, ""},
		{"overrides", `{"entity_id":"e","access_token":"t","shopper_result_url":"https://x/y","brands":{"wechat":"WX"},"names":{"package":"pkg"}}`, ""},
		{"no entity", `{"access_token":"t"}`, "entity_id: required"},
		{"no token", `{"entity_id":"e"}`, "access_token: required"},
		{"not text", `{"entity_id":1,"access_token":"t"}`, "entity_id: must be a string"},
		{"line end", `{"entity_id":"e","access_token":"t\n"}`, "access_token: must be printable"},
		{"base_url", `{"entity_id":"e","access_token":"t","base_url":"x"}`, "base_url: must be"},
		{"result url", `{"entity_id":"e","access_token":"t","shopper_result_url":"/back"}`, "shopper_result_url: must be"},
		{"brand", `{"entity_id":"e","access_token":"t","brands":{"paypal":"PAYPAL"}}`, "brands.paypal: no such name"},
		{"empty brand", `{"entity_id":"e","access_token":"t","brands":{"wechat":""}}`, "brands.wechat: must not be empty"},
		{"name", `{"entity_id":"e","access_token":"t","names":{"foo":"x"}}`, "names.foo: no such name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, err := Descriptor.New(provider.Config{Settings: json.RawMessage(c.settings), HTTP: http.DefaultClient})
			switch {
			case c.want == "" && (err != nil || p.Account() != "e"):
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	if _, err := New(provider.Config{Settings: json.RawMessage(`{"entity_id":"e","access_token":"t"}`)}); err == nil {
		t.Error("made without an HTTP client")
	}
}

// The tables of one account must not be another's.
func TestOverridesAreOwn(t *testing.T) {
	t.Parallel()
	a := with(t, map[string]any{"brands": map[string]string{"wechat": "WX"}, "names": map[string]string{"openid": "o"}}, says(200, ``))
	b := with(t, nil, says(200, ``))
	if a.brands[payment.WeChat] != "WX" || a.names[openID] != "o" {
		t.Errorf("not taken: %v %v", a.brands, a.names)
	}
	if b.brands[payment.WeChat] != "WECHAT_PAY" || b.names[openID] != "customParameters[openid]" {
		t.Errorf("changed for all: %v %v", b.brands, b.names)
	}
}

func TestLive(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]bool{
		"": true, "https://vr-pay-ecommerce.de": true, "https://VR-Pay-eCommerce.de:443/": true,
		"https://test.vr-pay-ecommerce.de": false, "http://127.0.0.1:3000/sandbox/vr": false,
	} {
		raw, err := json.Marshal(map[string]string{"entity_id": "e", "access_token": "t", "base_url": base})
		if err != nil {
			t.Fatal(err)
		}
		p, err := New(provider.Config{Settings: raw, HTTP: http.DefaultClient})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.(*Processor).live; got != want {
			t.Errorf("%q: live %v, want %v", base, got, want)
		}
	}
}

func TestNeitherCloserNorNotifier(t *testing.T) {
	t.Parallel()
	if _, ok := any(&Processor{}).(provider.Closer); ok {
		t.Error("VR Payment has nothing that closes an unpaid payment without voiding a paid one")
	}
	if _, ok := any(&Processor{}).(provider.Notifier); ok {
		t.Error("declared silent")
	}
}

func Example() {
	p, err := New(provider.Config{
		Settings: json.RawMessage(`{"entity_id":"8a8294174b7ecb28014b9699220015ca","access_token":"secret"}`), HTTP: http.DefaultClient,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(Descriptor.Title, p.Account())
	// Output: VR Payment 8a8294174b7ecb28014b9699220015ca
}
