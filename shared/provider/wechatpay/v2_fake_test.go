package wechatpay

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/sandbox"
)

const v2Key = "0123456789abcdefFEDCBA9876543210"

// v2Test are the settings of a direct merchant; change may be nil, "" removes.
func v2Test(change map[string]any) json.RawMessage {
	set := map[string]any{"mchid": "1900000009", "key": v2Key, "appid": "wx2222222222222222"}
	twin := sandbox.NewWeChatV2(sandbox.Env{}).Settings()
	set["cert"], set["cert_key"] = twin["cert"], twin["cert_key"]
	maps.Copy(set, change)
	raw, err := json.Marshal(set)
	if err != nil {
		panic(err)
	}
	return raw
}

// v2SPTest are those of an institution, as in the vectors.
func v2SPTest(change map[string]any) json.RawMessage {
	all := map[string]any{
		"mchid": "1900000001", "appid": "wx1111111111111111", "sub_mchid": "1900000002", "sub_appid": "wx2222222222222222",
	}
	maps.Copy(all, change)
	return v2Test(all)
}

// v2Fake is WeChat Pay: it keeps what it is sent, and answers what it is told to
// for a path, signed in the type of the request.
type v2Fake struct {
	mu      sync.Mutex
	sent    []map[string]string
	raw     []string
	urls    []string
	answers map[string]map[string]string // by the end of the path, with an offset after it
	body    string                       // answered as it is, if not ""
	status  int
	err     error
}

func (f *v2Fake) RoundTrip(r *http.Request) (*http.Response, error) {
	raw, _ := io.ReadAll(r.Body)
	asked, err := v2Read(raw, "xml")
	if err != nil {
		panic("a request cannot be read: " + string(raw))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent, f.raw, f.urls = append(f.sent, asked), append(f.raw, string(raw)), append(f.urls, r.URL.String())
	if f.err != nil {
		return nil, f.err
	}
	body := f.body
	if body == "" {
		said := maps.Clone(f.answers[r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]+asked["offset"]])
		body = v2Signed(asked["sign_type"], said)
	}
	return &http.Response{
		StatusCode: max(f.status, 200), Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}, nil
}

// v2Signed is a signed message that says SUCCESS unless told otherwise.
func v2Signed(signType string, said map[string]string) string {
	all := map[string]string{"return_code": "SUCCESS", "return_msg": "OK", "result_code": "SUCCESS", "nonce_str": "answer"}
	maps.Copy(all, said)
	if _, told := all["sign"]; !told {
		all["sign"] = v2Sign(v2Key, signType, all)
	}
	return string(v2Write(all))
}

// answering is a fake that says the same to every path.
func answering(said map[string]string) *v2Fake {
	f := &v2Fake{answers: map[string]map[string]string{}}
	for _, path := range []string{"unifiedorder", "orderquery", "closeorder", "refund", "refundquery"} {
		f.answers[path] = said
	}
	return f
}

// open makes an account that talks to the fake.
func (f *v2Fake) open(t testing.TB, d provider.Descriptor, set json.RawMessage) *v2 {
	t.Helper()
	p, err := d.New(provider.Config{
		Settings: set, HTTP: &http.Client{Transport: f}, Now: func() time.Time { return testNow }, AppID: "wx3333333333333333",
		Nonce: func() string { return "593BEC0C930BF1AFEB40B4A08C8FB242" },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p.(*v2)
}

var v2TestRefund = provider.Refund{
	Trade: testTrade, OutRefundNo: "RF-0001", Fee: payment.Money{Amount: 500, Currency: "CNY"},
	Desc: "returned goods", NotifyURL: "https://pay.example.test/notify/v2/default/ORD-20261122_0001",
}

// is fails unless an error has a kind.
func is(t *testing.T, what string, err error, want provider.Kind) {
	t.Helper()
	if err == nil || provider.KindOf(err) != want {
		t.Errorf("%s: %v, want kind %v", what, err, want)
	}
}
