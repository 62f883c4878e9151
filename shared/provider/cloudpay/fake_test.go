package cloudpay

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

const testKey = "the-key-of-the-bridge"

var noon = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// desk is api.weixin.qq.com and the bridge behind it, as a transport. It gives out
// the tokens "token1", "token2" and so on.
type desk struct {
	token  string                                      // answer to token calls; "": a token
	answer func(n int, q url.Values, e event) string   // to the nth invocation, as WeChat's whole answer
	broken func(*http.Request) (*http.Response, error) // instead of answer

	mu      sync.Mutex
	tokens  int
	strays  int // requests that WeChat has no call for
	queries []url.Values
	events  []event
	counts  []string
}

func (d *desk) RoundTrip(r *http.Request) (*http.Response, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	say := func(status int, text string) (*http.Response, error) {
		return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(text)), Header: http.Header{}, Request: r}, nil
	}
	switch {
	case r.URL.Path == "/cgi-bin/stable_token" && d.token != "":
		return say(200, d.token)
	case r.URL.Path == "/cgi-bin/stable_token":
		d.tokens++
		return say(200, fmt.Sprintf(`{"access_token":"token%d","expires_in":7200}`, d.tokens))
	case r.URL.Path != "/tcb/invokecloudfunction" || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json":
		d.strays++
		return say(404, "not found")
	case d.broken != nil:
		return d.broken(r)
	}
	var e event
	raw, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(raw, &e)
	}
	if err != nil {
		return nil, err
	}
	d.queries, d.events = append(d.queries, r.URL.Query()), append(d.events, e)
	return say(200, d.answer(len(d.events), r.URL.Query(), e))
}

func (d *desk) config(settings string) provider.Config {
	return provider.Config{
		Settings: json.RawMessage(settings), AppID: "wxitem", AppSecret: "secret of the item", HTTP: &http.Client{Transport: d},
		Now: func() time.Time { return noon }, Nonce: func() string { return "nonce" },
		Counted: func(metric, detail string) { d.counts = append(d.counts, metric+" "+detail) },
	}
}

const plain = `{"env":"shop-1a","function":"pay","sub_mchid":"1900000002","key":"` + testKey + `"}`

func account(t testing.TB, d *desk, settings string) *client {
	t.Helper()
	p, err := New(d.config(settings))
	if err != nil {
		t.Fatal(err)
	}
	return p.(*client)
}

// returning is a bridge that always returns this.
func returning(data string) *desk {
	return &desk{answer: func(int, url.Values, event) string { return invoked(data) }}
}

// invoked is WeChat's answer around what a function returned.
func invoked(data string) string {
	raw, _ := json.Marshal(data)
	return `{"errcode":0,"errmsg":"ok","resp_data":` + string(raw) + `}`
}

// fixture is a member of the fixtures that the facts hold.
func fixture(t testing.TB, name string) string {
	t.Helper()
	raw, err := os.ReadFile("testdata/cloudpay-fixtures.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil || all[name] == nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(all[name])
}

func order() provider.Create {
	return provider.Create{
		No: "ORD-20261122_0001", Method: payment.WeChat, Total: cny(1299), Body: "Tea", AppID: "wxitem", OpenID: "oPayer",
		ClientIP: "203.0.113.7", NotifyURL: "https://n.test/notify/cloudpay/default/ORD-20261122_0001",
		TimeCreate: noon, TimeExpire: noon.Add(time.Hour),
	}
}

func cny(amount int64) payment.Money { return payment.Money{Amount: amount, Currency: "CNY"} }

func trade() provider.Trade {
	return provider.Trade{No: "ORD-20261122_0001", Method: payment.WeChat, Total: cny(1299)}
}

func refund() provider.Refund {
	return provider.Refund{Trade: trade(), OutRefundNo: "RF-1", Fee: cny(500), Desc: "cold"}
}

func kindIs(t testing.TB, err error, want provider.Kind) {
	t.Helper()
	if err == nil || provider.KindOf(err) != want || !strings.HasPrefix(err.Error(), "cloudpay: ") {
		t.Errorf("%v, want kind %v", err, want)
	}
	if text := fmt.Sprintf("%+v", err); strings.Contains(text, testKey) || strings.Contains(text, "secret of the item") || strings.Contains(text, "token1") {
		t.Errorf("a secret is shown: %s", text)
	}
}
