package supay

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

const (
	testKey  = "test-key-0001"
	testCode = "c3c5134dea12900d29c5deb2d5775162" // printed in public documentation
)

var clock = time.Date(2026, 3, 1, 20, 30, 0, 0, time.FixedZone("AEDT", 11*60*60))

// desk is Supay as a function, which keeps what it was asked.
type desk struct {
	status int
	body   string
	asked  []*http.Request
	bodies []string
	counts []string
}

func (d *desk) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(raw)
	}
	d.asked, d.bodies = append(d.asked, r), append(d.bodies, body)
	return &http.Response{StatusCode: d.status, Body: io.NopCloser(strings.NewReader(d.body)), Request: r}, nil
}

// says is an account whose Supay answers everything the same; more are members of
// its settings.
func says(t testing.TB, body string, more map[string]any) (*client, *desk) {
	t.Helper()
	d := &desk{status: http.StatusOK, body: body}
	settings := map[string]any{"mchid": "100001", "key": testKey, "bridge_id": "10088", "bridge_key": testCode}
	maps.Copy(settings, more)
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(provider.Config{
		Settings: raw, HTTP: &http.Client{Transport: d}, Now: func() time.Time { return clock },
		Counted: func(metric, detail string) { d.counts = append(d.counts, metric+": "+detail) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p.(*client), d
}

func cents(n int64) payment.Money { return payment.Money{Amount: n, Currency: "AUD"} }

func order(m payment.Method) provider.Create {
	return provider.Create{
		No: "T20200101001", Method: m, Total: cents(100), Body: "goods", Attach: "table 7", OpenID: "oTestOpenId",
		AppID: "wx1111111111111111", ClientIP: "198.51.100.7", NotifyURL: "https://example.com/notify",
		TimeCreate: clock, TimeExpire: clock.Add(30*time.Minute + 59*time.Second),
	}
}

func trade(m payment.Method) provider.Trade {
	return provider.Trade{No: "T20200101001", Method: m, Total: cents(100), TimeBegin: clock}
}

func refund(m payment.Method) provider.Refund {
	return provider.Refund{Trade: trade(m), OutRefundNo: "R1", Fee: cents(40), Desc: "cold", NotifyURL: "https://example.com/notify", TimeCreate: clock}
}

func kindIs(t *testing.T, err error, want provider.Kind) {
	t.Helper()
	if err == nil || provider.KindOf(err) != want {
		t.Errorf("error %v, want kind %q", err, want)
		return
	}
	for _, secret := range []string{testKey, testCode, "oTestOpenId", "token=", "supaytechnology"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error quotes %q: %v", secret, err)
		}
	}
}

// vector is one entry of the test vectors.
type vector struct {
	ID, Kind, Key, Canonical, Expect string

	Body          json.RawMessage
	Params        map[string]string
	Parsed        map[string]string
	ExpectedSign  string `json:"expected_sign"`
	ExpectedToken string `json:"expected_token"`
}

// vectors are those of some kinds; there must be as many as are wanted.
func vectors(t testing.TB, want int, kinds ...string) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/supay.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Vectors []vector }
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	var list []vector
	for _, v := range doc.Vectors {
		if strings.Contains(strings.Join(kinds, " "), v.Kind) {
			list = append(list, v)
		}
	}
	if len(list) != want {
		t.Fatalf("%d vectors of %v, want %d", len(list), kinds, want)
	}
	return list
}

func TestSignVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t, 2, "a-request-sign", "c-sign") {
		members := v.Params
		if members == nil {
			if err := json.Unmarshal(v.Body, &members); err != nil {
				t.Fatal(err)
			}
		}
		members["memo"] = "" // an empty one is not signed
		if got := (&client{key: v.Key}).sign(members); got != v.ExpectedSign {
			t.Errorf("%s: %s, want %s", v.ID, got, v.ExpectedSign)
		}
	}
}

func TestTokenVectors(t *testing.T) {
	t.Parallel()
	b := &bridge{id: "10088", key: testCode}
	for _, v := range vectors(t, 5, "b-token") {
		got := b.noticeToken("N1", "88888888")
		if rest, ok := strings.CutPrefix(v.Canonical, "merchant_id=10088&authentication_code="+testCode+"&"); ok {
			got = b.token(strings.Split(rest, "&")...)
		}
		if got != v.ExpectedToken {
			t.Errorf("%s: %s, want %s", v.ID, got, v.ExpectedToken)
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	const good = `"mchid":"1","key":"k"`
	for _, tt := range []struct{ name, in, want string }{
		{"no mchid", `{"key":"k"}`, "mchid: required"},
		{"no key", `{"mchid":"1"}`, "key: required"},
		{"no object", `7`, "not a JSON object"},
		{"mchid is a number", `{"mchid":1,"key":"k"}`, "mchid: must be a string"},
		{"half a bridge", `{` + good + `,"bridge_id":"2"}`, "bridge_key: required"},
		{"other half", `{` + good + `,"bridge_key":"2"}`, "bridge_id: required"},
		{"base_url", `{` + good + `,"base_url":"ftp://x"}`, "base_url: must be"},
		{"bridge_base_url", `{` + good + `,"bridge_base_url":"x"}`, "bridge_base_url: must be"},
		{"unknown name", `{` + good + `,"names":{"foo":"x"}}`, "names.foo: "},
		{"empty name", `{` + good + `,"names":{"status":""}}`, "names.status: "},
		{"state", `{` + good + `,"states":{"OK":"yes"}}`, "states.OK: must be paid"},
		{"empty word", `{` + good + `,"states":{"":"paid"}}`, "states.: must be paid"},
		{"refund state", `{` + good + `,"refund_states":{"OK":"done"}}`, "refund_states.OK: must be SUCCESS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := Descriptor.New(provider.Config{Settings: json.RawMessage(tt.in), HTTP: http.DefaultClient})
			if err == nil || p != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := New(provider.Config{Settings: json.RawMessage(`{` + good + `}`)}); err == nil {
		t.Error("no HTTP client was accepted")
	}
	p, err := New(provider.Config{Settings: json.RawMessage(`{` + good + `,"bridge_id":"2","bridge_key":"b"}`), HTTP: http.DefaultClient})
	if err != nil {
		t.Fatal(err)
	}
	c := p.(*client)
	c.counted("", "")
	if c.Account() != "1" || c.endpoint != "https://gate.supaytechnology.com/api/gateway/merchant/order" || c.receviceID != "1" ||
		c.bridge.base != "https://api.superpayglobal.com/payment/bridge/" || c.now().IsZero() {
		t.Errorf("defaults: %+v", c)
	}
}

func TestNoCloser(t *testing.T) {
	t.Parallel()
	if _, ok := any(&client{}).(provider.Closer); ok {
		t.Error("no such call of Supay is known")
	}
}

// A mini-program payment is the vector's request, to the letter.
func TestCreateSends(t *testing.T) {
	t.Parallel()
	c, d := says(t, `{"status":"T","data":{"pay_info":"{\"timeStamp\":\"1\",\"nonceStr\":\"n\",\"package\":\"prepay_id=wx1\",\"signType\":\"MD5\",\"paySign\":\"S\"}"}}`, nil)
	made, err := c.Create(t.Context(), order(payment.WeChat))
	if err != nil {
		t.Fatal(err)
	}
	want := provider.Created{Payment: &payment.PayParams{TimeStamp: "1", NonceStr: "n", Package: "prepay_id=wx1", SignType: "MD5", PaySign: "S"}}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Error(diff)
	}
	var got, body map[string]string
	for into, raw := range map[*map[string]string][]byte{&got: []byte(d.bodies[0]), &body: vectors(t, 1, "a-request-sign")[0].Body} {
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(body, got); diff != "" {
		t.Error(diff)
	}
	if r := d.asked[0]; r.Method != http.MethodPost || r.URL.String() != gatewayHost+"/api/gateway/merchant/order" || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("asked %s %s", r.Method, r.URL)
	}
}

func TestCreateCard(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, info, want string }{
		{"plain", `https://cashier.example.test/a?b=1`, "https://cashier.example.test/a?b=1"},
		{"JSON text", `"https:\/\/cashier.example.test\/a"`, "https://cashier.example.test/a"},
		{"object", `{"mweb_url":"https://cashier.example.test/a"}`, "https://cashier.example.test/a"},
		{"another member", `{"url":"https://cashier.example.test/a"}`, ""},
		{"a script", `javascript:alert(1)`, ""},
		{"nothing", ``, ""},
		{"no URL", `:`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			answer, err := json.Marshal(map[string]any{"status": "T", "data": map[string]any{"result": true, "inner_trade_no": "P1", "pay_info": tt.info}})
			if err != nil {
				t.Fatal(err)
			}
			c, d := says(t, string(answer), map[string]any{"recevice_id": "7", "store_name": "Koala"})
			in := order(payment.Card)
			in.OpenID, in.RedirectURL = "", "https://shop.example.test/back"
			made, err := c.Create(t.Context(), in)
			if tt.want == "" {
				kindIs(t, err, provider.Unknown)
			} else if diff := cmp.Diff(provider.Created{SpTradeNo: "P1", URL: tt.want}, made); diff != "" || err != nil {
				t.Error(diff, err)
			}
			var sent map[string]string
			if err := json.Unmarshal([]byte(d.bodies[0]), &sent); err != nil {
				t.Fatal(err)
			}
			if _, channel := sent["pay_channel"]; channel || sent["pay_way"] != "H5" || sent["recevice_id"] != "7" || sent["store_name"] != "Koala" {
				t.Errorf("sent %v", sent)
			}
		})
	}
}

func TestCreatePage(t *testing.T) {
	t.Parallel()
	c, d := says(t, ``, map[string]any{"bridge_base_url": "https://b.example.test/x/"})
	in := order(payment.Alipay)
	in.No, in.Total, in.RedirectURL = "88888888", cents(1500), "https://shop.example.test/back?a=1"
	made, err := c.Create(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Create(t.Context(), in)
	if diff := cmp.Diff(made, again); diff != "" || err != nil {
		t.Error("made again:", diff, err)
	}
	u, err := url.Parse(made.URL)
	if err != nil || made.Payment != nil || made.SpTradeNo != "" || len(d.asked) > 0 {
		t.Errorf("%+v, %v, %d calls", made, err, len(d.asked))
	}
	if got := u.Scheme + "://" + u.Host + u.Path; got != "https://b.example.test/x/payment/bridge/merchant_request" {
		t.Errorf("page at %s", got)
	}
	if diff := cmp.Diff(url.Values{
		"merchant_id": {"10088"}, "merchant_trade_no": {"88888888"}, "product_title": {"goods"}, "currency": {"AUD"}, "total_amount": {"15.00"},
		"create_time": {"2026-03-01 09:30:00"}, "notification_url": {"https://example.com/notify"}, "mobile_flag": {"T"},
		"return_url": {"https://shop.example.test/back?a=1"}, "token": {"e80946b325b63ca63e0b43ac95e8ccde"},
	}, u.Query()); diff != "" {
		t.Error(diff)
	}
	in.Total, in.RedirectURL = cents(999_999_99), ""
	if made, err := c.Create(t.Context(), in); err != nil || strings.Contains(made.URL, "return_url") {
		t.Errorf("%+v, %v", made, err)
	}
}

func TestCreateRefused(t *testing.T) {
	t.Parallel()
	c, d := says(t, ``, nil)
	for _, tt := range []struct {
		name   string
		change func(*provider.Create)
		want   provider.Kind
	}{
		{"currency", func(in *provider.Create) { in.Total.Currency = "CNY" }, provider.NotSupported},
		{"method", func(in *provider.Create) { in.Method = payment.PayPal }, provider.NotSupported},
		{"openid", func(in *provider.Create) { in.OpenID = "" }, provider.Declined},
		{"too much", func(in *provider.Create) { in.Method, in.Total = payment.Alipay, cents(1_000_000_00) }, provider.NotSupported},
	} {
		in := order(payment.WeChat)
		tt.change(&in)
		_, err := c.Create(t.Context(), in)
		kindIs(t, err, tt.want)
	}
	if len(d.asked) > 0 {
		t.Errorf("%d calls", len(d.asked))
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	c, _ := says(t, ``, nil)
	for left, want := range map[time.Duration]string{
		time.Second: "1m", 119 * time.Second: "1m", 90 * time.Minute: "90m", 24*time.Hour - 1: "1439m", 24 * time.Hour: "1d", -time.Hour: "1m",
	} {
		if got := c.timeout(clock.Add(left)); got != want {
			t.Errorf("%v: %s, want %s", left, got, want)
		}
	}
	if got := c.timeout(time.Time{}); got != "1d" {
		t.Errorf("no end: %s", got)
	}
}

// Without its account, nothing of the bridge works, and everybody is told why.
func TestWithoutBridge(t *testing.T) {
	t.Parallel()
	c, d := says(t, ``, map[string]any{"bridge_id": "", "bridge_key": ""})
	_, made := c.Create(t.Context(), order(payment.Alipay))
	_, asked := c.Query(t.Context(), trade(payment.Alipay))
	_, given := c.Refund(t.Context(), refund(payment.Alipay))
	for _, err := range []error{made, asked, given} {
		kindIs(t, err, provider.NotSupported)
		if !strings.Contains(fmt.Sprint(err), "set providers.supay.bridge_id and bridge_key") {
			t.Error(err)
		}
	}
	_, err := c.Notice(t.Context(), get("notice_id=N1&merchant_trade_no=88888888&token=8e0242b80cc5416c67e494ef00956cb1"))
	kindIs(t, err, provider.Forged)
	if len(d.asked) > 0 {
		t.Errorf("%d calls", len(d.asked))
	}
}

func Example() {
	p, err := New(provider.Config{Settings: json.RawMessage(`{"mchid":"100001","key":"secret"}`), HTTP: http.DefaultClient})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(Descriptor.Title, p.Account())
	// Output: Supay (SuperPay) 100001
}
