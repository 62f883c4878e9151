package twopaynow_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/twopaynow"
	"overseaspay/shared/sandbox"
)

// bench is an account at the simulated 2PayNow, which was written apart from this package.
type bench struct {
	provider.Provider
	twin   sandbox.Twin
	ledger *sandbox.Ledger
	now    time.Time
	client *http.Client
}

func setUp(t *testing.T, more map[string]any) *bench {
	t.Helper()
	b := &bench{ledger: &sandbox.Ledger{}, now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return b.now }
	b.twin = sandbox.NewTwoPayNow(sandbox.Env{
		Ledger: b.ledger, Now: clock, Nonce: func() string { return strings.Repeat("n", 32) }, URL: "http://sandbox.test",
	})
	server := httptest.NewServer(b.twin)
	t.Cleanup(server.Close)
	settings := b.twin.Settings()
	settings["base_url"] = server.URL
	for name, value := range more {
		settings[name] = value
	}
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	b.client = server.Client()
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b.Provider, err = twopaynow.New(provider.Config{
		Settings: raw, HTTP: b.client, Now: clock,
		Counted: func(metric, detail string) { t.Errorf("counted %s: %s", metric, detail) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) create(m payment.Method) provider.Create {
	return provider.Create{
		No: "ORDER-0001", Method: m, Total: payment.Money{Amount: 899, Currency: "EUR"}, Body: "茶", Attach: "table 7",
		AppID: "wx1111111111111111", OpenID: "oPayer", NotifyURL: "https://n.example.test/2paynow/default/ORDER-0001",
		TimeCreate: b.now, TimeExpire: b.now.Add(30 * time.Minute),
	}
}

func trade(made provider.Created, m payment.Method) provider.Trade {
	return provider.Trade{No: "ORDER-0001", SpTradeNo: made.SpTradeNo, Method: m, Total: payment.Money{Amount: 899, Currency: "EUR"}}
}

// put sets the state of the only trade, as the payer or 2PayNow would.
func (b *bench) put(t *testing.T, state sandbox.State) sandbox.Trade {
	t.Helper()
	got, err := b.ledger.Update("2paynow", func(sandbox.Trade) bool { return true }, func(o *sandbox.Trade) error {
		o.State, o.TransactionID = state, "4200001"
		o.PaidAt = b.now
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (b *bench) query(t *testing.T, of provider.Trade) payment.Report {
	t.Helper()
	r, err := b.Query(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// open loads a page and returns where it leads, or the status.
func (b *bench) open(t *testing.T, page string) string {
	t.Helper()
	res, err := b.client.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusFound {
		return res.Header.Get("Location")
	}
	return res.Status
}

func TestTwinMini(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	made, err := b.Create(t.Context(), b.create(payment.WeChat))
	if err != nil || made.Payment == nil || made.SpTradeNo == "" {
		t.Fatalf("%+v, %v", made, err)
	}
	if _, err := b.Create(t.Context(), b.create(payment.WeChat)); provider.KindOf(err) != provider.Declined {
		t.Errorf("the same number again: %v", err)
	}
	of := trade(made, payment.WeChat)
	if r := b.query(t, of); r.State != payment.Pending || r.SpTradeNo != made.SpTradeNo {
		t.Errorf("before payment: %+v", r)
	}
	paid := b.put(t, sandbox.Paid)
	lost := of
	lost.SpTradeNo = ""
	for _, asked := range []provider.Trade{of, lost} {
		want := payment.Report{State: payment.Paid, Word: "TRADE_SUCCESS", SpTradeNo: made.SpTradeNo, Total: of.Total}
		if diff := cmp.Diff(want, b.query(t, asked)); diff != "" {
			t.Error(diff)
		}
	}

	req := b.twin.Notice(paid, nil)
	n, err := b.Provider.(provider.Notifier).Notice(t.Context(), provider.Inbound{Method: req.Method, Query: req.URL.RawQuery})
	if err != nil || !n.Doorbell {
		t.Fatalf("%+v, %v", n, err)
	}
	want := payment.Report{State: payment.Paid, Word: "TRADE_SUCCESS", Account: b.Account(), No: "ORDER-0001",
		SpTradeNo: made.SpTradeNo, TransactionID: "4200001", Total: of.Total}
	if diff := cmp.Diff(want, n.Payment); diff != "" || req.URL.Path != "/2paynow/default/ORDER-0001" {
		t.Error(req.URL.Path, diff)
	}
}

func TestTwinPage(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	made, err := b.Create(t.Context(), b.create(payment.Alipay))
	if err != nil {
		t.Fatal(err)
	}
	of := trade(made, payment.Alipay)
	if _, err := b.Query(t.Context(), of); provider.KindOf(err) != provider.NotFound {
		t.Errorf("before it is opened: %v", err)
	}
	to := b.open(t, made.URL)
	if again := b.open(t, made.URL); !strings.HasPrefix(to, "http://sandbox.test/checkout/2paynow/A") || again != to {
		t.Errorf("leads to %q, then %q", to, again)
	}
	for from, to := range map[string]string{
		"amount=8.99": "amount=0.01", "sign=": "sign=0", "type=0": "type=1", "function=wap_precreate": "function=precreate",
		"it_b_pay=30m": "it_b_pay=x", "currency=EUR": "currency=EURO", "subject=": "x=", "mid=": "mid=1",
	} {
		if changed := strings.Replace(made.URL, from, to, 1); b.open(t, changed) != "400 Bad Request" {
			t.Errorf("accepted with %s", to)
		}
	}
	if r := b.query(t, of); r.State != payment.Pending || !strings.HasSuffix(to, r.SpTradeNo) {
		t.Errorf("once opened: %+v", r)
	}
	b.now = b.now.Add(31 * time.Minute)
	if r := b.query(t, of); r.State != payment.Over {
		t.Errorf("after it_b_pay: %+v", r)
	}
	b.put(t, sandbox.Failed)
	if r := b.query(t, of); r.State != payment.Refused {
		t.Errorf("refused: %+v", r)
	}
}

func TestTwinWeChatPage(t *testing.T) {
	t.Parallel()
	b := setUp(t, map[string]any{"names": map[string]string{"mini_precreate": ""}})
	made, err := b.Create(t.Context(), b.create(payment.WeChat))
	if err != nil || !strings.Contains(b.open(t, made.URL), "/checkout/2paynow/A") {
		t.Errorf("%+v, %v", made, err)
	}
}

func TestTwinRefund(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	made, err := b.Create(t.Context(), b.create(payment.WeChat))
	if err != nil {
		t.Fatal(err)
	}
	p := b.Provider.(provider.Refunder)
	r := provider.Refund{Trade: trade(made, payment.WeChat), OutRefundNo: "R-1", Fee: payment.Money{Amount: 500, Currency: "EUR"}}
	if _, err := p.Refund(t.Context(), r); provider.KindOf(err) != provider.Declined {
		t.Errorf("refund of an unpaid trade: %v", err)
	}
	paid := b.put(t, sandbox.Paid)
	if _, err := p.QueryRefund(t.Context(), r); provider.KindOf(err) != provider.NotFound {
		t.Errorf("before it: %v", err)
	}
	for range 2 { // the first is done, the second is over the rest
		_, err = p.Refund(t.Context(), r)
	}
	if provider.KindOf(err) != provider.Declined {
		t.Errorf("more than the rest: %v", err)
	}
	if got, err := p.QueryRefund(t.Context(), r); err != nil || got.Status != payment.RefundSuccess {
		t.Errorf("after it: %+v, %v", got, err)
	}
	report := b.query(t, r.Trade)
	if want := (payment.Money{Amount: 500, Currency: "EUR"}); report.State != payment.Refunded || report.Refunded != want {
		t.Errorf("%+v", report)
	}
	if b.twin.Notice(paid, &sandbox.Refund{}) != nil {
		t.Error("a notice about a refund")
	}
}

func TestTwinRefusesAccount(t *testing.T) {
	t.Parallel()
	for _, wrong := range []map[string]any{{"mchid": "1"}, {"key": "wrong"}} {
		b := setUp(t, wrong)
		if _, err := b.Create(t.Context(), b.create(payment.WeChat)); provider.KindOf(err) != provider.Denied {
			t.Errorf("%v: %v", wrong, err)
		}
	}
}

// TestTwinRaw asks what the processor's package never does.
func TestTwinRaw(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	made, err := b.Create(t.Context(), b.create(payment.Alipay))
	if err != nil {
		t.Fatal(err)
	}
	b.open(t, made.URL)
	sp := b.ledger.Trades()[0].SpTradeNo
	base, _, _ := strings.Cut(made.URL, "/wap/")
	for _, c := range []struct{ name, method, path, body, want string }{
		{"POST", "POST", "/zhifu/mc_itf", "", "method not allowed"},
		{"path", "GET", "/zhifu/other", "", "404"},
		{"mid", "GET", "/zhifu/mc_itf?mid=1", "", `{"error_info":"mid not exist","status":403}`},
		{"seconds", "GET", "/zhifu/mc_itf?mid=541102252&timestamp=1571034662", "", `{"error_info":"timestamp error","status":400}`},
		{"sign", "GET", "/zhifu/mc_itf?mid=541102252&timestamp=1571034662245&sign=x", "", `{"error_info":"sign error","status":403}`},
		{"function", "GET", "/zhifu/mc_itf?" + signed(b.twin, "wap_precreate", nil), "", "function not exist"},
		{"no openid", "GET", "/zhifu/mc_itf?" + signed(b.twin, "mini_precreate", url.Values{"type": {"1"}}), "", "parameter error"},
		{"cancel nothing", "GET", "/zhifu/mc_itf?" + signed(b.twin, "cancel", url.Values{"trade_no": {"A0"}}), "", "no such trade"},
		{"cancel", "GET", "/zhifu/mc_itf?" + signed(b.twin, "cancel", url.Values{"trade_no": {sp}}), "", `"status":200`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, base+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := b.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !strings.Contains(string(body), c.want) {
			t.Errorf("%s: %s, %v", c.name, body, err)
		}
	}
	if states := b.ledger.Trades(); !slices.ContainsFunc(states, func(o sandbox.Trade) bool { return o.State == sandbox.Closed }) {
		t.Errorf("cancelled, and yet %+v", states)
	}
}

// signed is a query with a right signature, which the twin itself gives away in a notice.
func signed(twin sandbox.Twin, function string, more url.Values) string {
	q := twin.Notice(sandbox.Trade{State: sandbox.Closed, Extra: map[string]string{"function": function}}, nil).URL.Query()
	for name := range q {
		if !slices.Contains([]string{"function", "mid", "timestamp", "sign"}, name) {
			q.Del(name)
		}
	}
	for name, values := range more {
		q[name] = values
	}
	return q.Encode()
}
