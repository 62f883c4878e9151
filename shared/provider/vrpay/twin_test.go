package vrpay_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/vrpay"
	"overseaspay/shared/sandbox"
)

// bench is an account at the simulated VR Payment, which was written apart from this package.
type bench struct {
	provider.Provider
	provider.Refunder
	twin   sandbox.Twin
	ledger *sandbox.Ledger
	now    time.Time
	server *httptest.Server
}

func setUp(t *testing.T) *bench {
	t.Helper()
	b := &bench{ledger: &sandbox.Ledger{}, now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	nonce := byte('a')
	b.twin = sandbox.NewVRPay(sandbox.Env{
		Ledger: b.ledger, Now: func() time.Time { return b.now }, URL: "http://sandbox.test",
		Nonce: func() string { nonce++; return strings.Repeat(string(nonce), 32) },
	})
	b.server = httptest.NewServer(b.twin)
	t.Cleanup(b.server.Close)
	settings := b.twin.Settings()
	settings["base_url"] = b.server.URL
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	b.Provider, err = vrpay.New(provider.Config{
		Settings: raw, HTTP: b.server.Client(),
		Counted: func(metric, detail string) { t.Errorf("counted %s: %s", metric, detail) },
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Refunder = b.Provider.(provider.Refunder)
	return b
}

func order(m payment.Method, currency string) provider.Create {
	return provider.Create{
		No: "ORDER-0001", Method: m, Total: payment.Money{Amount: 899, Currency: currency}, Body: "茶", Attach: "table 7",
		AppID: "wx1111111111111111", OpenID: "oPayer", NotifyURL: "https://n.example.test/vr/default/ORDER-0001",
	}
}

// made makes a payment and returns it as a trade to ask about.
func (b *bench) made(t *testing.T, in provider.Create) provider.Trade {
	t.Helper()
	c, err := b.Create(t.Context(), in)
	if err != nil || (c.Payment == nil) == (c.URL == "") || len(c.SpTradeNo) != 32 {
		t.Fatalf("%+v, %v", c, err)
	}
	return provider.Trade{No: in.No, SpTradeNo: c.SpTradeNo, Method: in.Method, Total: in.Total}
}

// put changes one trade, as the payer, the bank or VR Payment would.
func (b *bench) put(t *testing.T, sp string, change func(*sandbox.Trade)) {
	t.Helper()
	fits := func(o sandbox.Trade) bool { return o.SpTradeNo == sp }
	if _, err := b.ledger.Update("vr", fits, func(o *sandbox.Trade) error { change(o); return nil }); err != nil {
		t.Fatal(err)
	}
}

func paid(o *sandbox.Trade) { o.State = sandbox.Paid }

func (b *bench) query(t *testing.T, of provider.Trade) payment.Report {
	t.Helper()
	r, err := b.Query(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTwinStates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*bench, *sandbox.Trade)
		want   payment.Report
	}{
		{"waiting", func(*bench, *sandbox.Trade) {}, payment.Report{Word: "000.200.000"}},
		{"paid", func(_ *bench, o *sandbox.Trade) { paid(o) }, payment.Report{State: payment.Paid, Word: "000.100.110"}},
		{"cancelled", func(_ *bench, o *sandbox.Trade) { o.State = sandbox.Closed }, payment.Report{State: payment.Refused, Word: "100.396.101"}},
		{"declined", func(_ *bench, o *sandbox.Trade) { o.State = sandbox.Failed }, payment.Report{State: payment.Refused, Word: "800.100.153"}},
		{"timed out", func(b *bench, o *sandbox.Trade) { b.now = o.Expires.Add(time.Second) }, payment.Report{State: payment.Refused, Word: "100.396.103"}},
		{"charged back", func(_ *bench, o *sandbox.Trade) { paid(o); o.ChargedBack = true },
			payment.Report{State: payment.Paid, Word: "000.100.220", ChargedBack: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setUp(t)
			of := b.made(t, order(payment.WeChat, "JPY"))
			b.put(t, of.SpTradeNo, func(o *sandbox.Trade) { c.change(b, o) })
			c.want.No, c.want.SpTradeNo = of.No, of.SpTradeNo
			if c.want.State == payment.Paid {
				c.want.Total = of.Total
			}
			lost := of
			lost.SpTradeNo = ""
			for _, asked := range []provider.Trade{of, lost} {
				if diff := cmp.Diff(c.want, b.query(t, asked)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// TestTwinTwice: a number is not known again, and whichever payment was paid is found.
func TestTwinTwice(t *testing.T) {
	t.Parallel()
	b := setUp(t)
	first, second := b.made(t, order(payment.Alipay, "EUR")), b.made(t, order(payment.Alipay, "EUR"))
	if first.SpTradeNo == second.SpTradeNo || len(b.ledger.Trades()) != 2 {
		t.Fatalf("%d trades", len(b.ledger.Trades()))
	}
	lost := provider.Trade{No: first.No, Total: first.Total}
	if r := b.query(t, lost); r.State != payment.Pending || r.SpTradeNo != "" {
		t.Errorf("both open: %+v", r)
	}
	b.put(t, second.SpTradeNo, paid)
	if r := b.query(t, lost); r.State != payment.Paid || r.SpTradeNo != second.SpTradeNo {
		t.Errorf("the second paid: %+v", r)
	}
}

func TestTwinRefunds(t *testing.T) {
	t.Parallel()
	b := setUp(t)
	of := b.made(t, order(payment.WeChat, "EUR"))
	in := provider.Refund{Trade: of, OutRefundNo: "R-1", Fee: payment.Money{Amount: 300, Currency: "EUR"}}
	refuse := func(what string, in provider.Refund) {
		t.Helper()
		if _, err := b.Refund(t.Context(), in); provider.KindOf(err) != provider.Declined {
			t.Errorf("%s: %v", what, err)
		}
	}
	refuse("unpaid", in)
	b.put(t, of.SpTradeNo, paid)
	said, err := b.Refund(t.Context(), in)
	if err != nil || said.Status != payment.RefundSuccess || len(said.RefundID) != 32 {
		t.Fatalf("%+v, %v", said, err)
	}
	in.RefundID = said.RefundID
	again, err := b.QueryRefund(t.Context(), in)
	if diff := cmp.Diff(said, again); diff != "" || err != nil {
		t.Error(diff, err)
	}
	lost := of
	lost.SpTradeNo = ""
	if r := b.query(t, lost); r.State != payment.Refunded || r.Refunded != in.Fee {
		t.Errorf("%+v", r)
	}

	b.put(t, of.SpTradeNo, func(o *sandbox.Trade) { o.Refunds[0].Status = "PROCESSING" })
	if waits, err := b.QueryRefund(t.Context(), in); err != nil || waits.Status != payment.RefundProcessing {
		t.Errorf("%+v, %v", waits, err)
	}
	in.RefundID = "0"
	if _, err := b.QueryRefund(t.Context(), in); provider.KindOf(err) != provider.NotFound {
		t.Errorf("unknown refund: %v", err)
	}
	in.Fee.Amount = 600
	refuse("too much", in)
	in.Fee = payment.Money{Amount: 1, Currency: "USD"}
	refuse("another currency", in)
	in.Fee.Currency, in.SpTradeNo = "EUR", "0"
	refuse("unknown payment", in)
	in.SpTradeNo = of.SpTradeNo
	b.put(t, of.SpTradeNo, func(o *sandbox.Trade) { o.ChargedBack = true })
	refuse("charged back", in)
}

// TestTwinRefuses sends the twin requests that this package would not.
func TestTwinRefuses(t *testing.T) {
	t.Parallel()
	b := setUp(t)
	s := b.twin.Settings()
	good := url.Values{
		"entityId": {s["entity_id"].(string)}, "amount": {"8.99"}, "currency": {"EUR"}, "paymentType": {"DB"}, "paymentBrand": {"WECHAT_PAY"},
		"merchantTransactionId": {"ORDER-0001"}, "shopperResultUrl": {"https://shop.example.test"},
		"customParameters[appid]": {"wx1"}, "customParameters[openid]": {"o1"},
	}
	for _, c := range []struct{ name, member, value, want string }{
		{"good", "descriptor", "tea", "200 000.200.000"},
		{"entity", "entityId", "x", "401 800.900.300"},
		{"one decimal", "amount", "8.9", "400 100.550.303"},
		{"no decimals", "amount", "8", "400 100.550.303"},
		{"eleven digits", "amount", "12345678901.00", "400 100.550.303"},
		{"nothing", "amount", "0.00", "400 100.550.303"},
		{"half a yen", "currency", "JPY", "400 100.550.303"},
		{"currency", "currency", "euro", "400 100.550.303"},
		{"type", "paymentType", "PA", "400 200.300.404"},
		{"brand", "paymentBrand", "VISA", "400 200.300.404"},
		{"short number", "merchantTransactionId", "ORDER-1", "400 200.300.404"},
		{"long number", "merchantTransactionId", strings.Repeat("1", 256), "400 200.300.404"},
		{"no way back", "shopperResultUrl", "", "400 200.300.404"},
		{"no payer", "customParameters[openid]", "", "400 200.300.404"},
		{"no mini-program", "customParameters[appid]", "", "400 200.300.404"},
		{"long descriptor", "descriptor", strings.Repeat("茶", 128), "400 200.300.404"},
		{"no form", "", "%zz", "400 200.300.404"},
	} {
		form := url.Values{}
		for name, values := range good {
			form[name] = values
		}
		form.Set(c.member, c.value)
		body := form.Encode()
		if c.member == "" {
			body = c.value
		}
		if got := b.post(t, "/v1/payments", body, s["access_token"].(string)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if got := b.post(t, "/v1/payments", good.Encode(), "x"); got != "401 800.900.300" {
		t.Errorf("wrong token: %s", got)
	}
	if got := b.post(t, "/v1/payments?"+good.Encode(), "", s["access_token"].(string)); got != "401 800.900.300" {
		t.Errorf("form in the URL: %s", got)
	}
	id := "/v1/payments/" + b.ledger.Trades()[0].SpTradeNo
	for kind, want := range map[string]string{"RV": "400 200.300.404", "RF": "400 100.550.303"} {
		form := url.Values{"entityId": good["entityId"], "paymentType": {kind}, "amount": {"1"}, "currency": {"EUR"}}
		if got := b.post(t, id, form.Encode(), s["access_token"].(string)); got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
	if n := len(b.ledger.Trades()); n != 1 {
		t.Errorf("%d trades", n)
	}
	if b.twin.Notice(b.ledger.Trades()[0], nil) != nil {
		t.Error("VR Payment never posts")
	}
}

// post sends a form and returns HTTP status and result code.
func (b *bench) post(t *testing.T, path, body, token string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := b.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Result struct{ Code string } }
	if err := json.Unmarshal(raw, &answer); err != nil {
		t.Fatal(err)
	}
	return res.Status[:3] + " " + answer.Result.Code
}
