package yaband

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

const miniAnswer = `{"status":true,"code":200,"message":"","data":{"order_id":"T20260301001","trade_id":"` + testTrade + `",
	"amount":"12.99","currency":"EUR","parameters":{"appId":"wxapp","timeStamp":1772366400,"nonceStr":"n","package":"prepay_id=wx1","signType":"HMAC-SHA256","paySign":"P"}}}`

func TestCreateMiniProgram(t *testing.T) {
	t.Parallel()
	var sent request
	c := plain(t, saying(200, miniAnswer, &sent))
	got, err := c.Create(context.Background(), order(payment.WeChat))
	if err != nil {
		t.Fatal(err)
	}
	want := provider.Created{SpTradeNo: testTrade, Payment: &payment.PayParams{TimeStamp: "1772366400", NonceStr: "n",
		Package: "prepay_id=wx1", SignType: "HMAC-SHA256", PaySign: "P"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	body := request{User: "016683", Method: "v3.CreatePaymentsWechatMiniPay", Time: clock.Unix(), Data: map[string]string{
		"pay_method": "online", "sub_pay_method": "WeChat Pay", "order_id": "T20260301001", "amount": "12.99", "currency": "EUR",
		"description": "Fish & chips <2>", "demo": "table 5", "timeout": "30", "sub_app_id": "wxapp", "sub_open_id": "oPayer",
		"notify_url": "https://pay.example.com/notify/yaband/default/T20260301001"}}
	body.Sign = body.sign(testKey)
	if d := cmp.Diff(body, sent); d != "" {
		t.Error(d)
	}
}

func TestCreatePages(t *testing.T) {
	t.Parallel()
	for method, word := range map[payment.Method]string{
		payment.Alipay: "Alipay", payment.PayPal: "PAYPAL/RECURRING", payment.IDEAL: "iDeal", payment.Sofort: "SOFORT/DIGITAL",
		payment.UnionPay: "UnionPayWap", payment.Card: "MasterCard", payment.Bancontact: "Bancontact",
	} {
		t.Run(string(method), func(t *testing.T) {
			t.Parallel()
			var sent request
			c := account(t, saying(200, `{"status":true,"code":"200","data":{"trade_id":"t1","url":"https://y.example/p?x=1"}}`, &sent),
				`{"mchid":"016683","key":"k","sub_pay_methods":{"card":"MasterCard"}}`)
			in := order(method)
			in.AppID, in.OpenID, in.Attach = "", "", ""
			got, err := c.Create(context.Background(), in)
			if d := cmp.Diff(provider.Created{SpTradeNo: "t1", URL: "https://y.example/p?x=1"}, got); err != nil || d != "" {
				t.Error(err, d)
			}
			if sent.Method != "v3.CreatePayments" || sent.Data["sub_pay_method"] != word || sent.Data["redirect_url"] != in.RedirectURL {
				t.Errorf("sent %+v", sent)
			}
			for _, name := range []string{"demo", "sub_app_id", "sub_open_id"} {
				if _, there := sent.Data[name]; there {
					t.Errorf("empty %s was sent", name)
				}
			}
		})
	}
}

func TestCreateRefusedBeforeSending(t *testing.T) {
	t.Parallel()
	c := plain(t, &http.Client{Transport: over(func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, io.EOF
	})})
	in := order("cash")
	_, err := c.Create(context.Background(), in)
	kindIs(t, err, provider.NotSupported)
	in = order(payment.WeChat)
	in.Total.Currency = "ISK"
	_, err = c.Create(context.Background(), in)
	kindIs(t, err, provider.NotSupported)
	in = order(payment.WeChat)
	in.OpenID = ""
	_, err = c.Create(context.Background(), in)
	kindIs(t, err, provider.Declined)
	in = order(payment.WeChat)
	in.AppID, c.appID = "", ""
	_, err = c.Create(context.Background(), in)
	kindIs(t, err, provider.Denied)
	_, err = c.Query(context.Background(), provider.Trade{No: "T1"})
	kindIs(t, err, provider.NotSupported)
	_, err = c.Refund(context.Background(), provider.Refund{})
	kindIs(t, err, provider.NotSupported)
	_, err = c.QueryRefund(context.Background(), provider.Refund{OutRefundNo: "R1"})
	kindIs(t, err, provider.NotSupported)
}

func TestAppID(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, create, settings, want string }{
		{"of the create", "wxapp", `{"mchid":"1","key":"k","appid":"wxacc"}`, "wxapp"},
		{"of the account", "", `{"mchid":"1","key":"k","appid":"wxacc"}`, "wxacc"},
		{"of the item", "", `{"mchid":"1","key":"k"}`, "wxitem"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var sent request
			in := order(payment.WeChat)
			in.AppID = tt.create
			_, err := account(t, saying(200, miniAnswer, &sent), tt.settings).Create(context.Background(), in)
			if err != nil || sent.Data["sub_app_id"] != tt.want {
				t.Errorf("sub_app_id %q, %v, want %q", sent.Data["sub_app_id"], err, tt.want)
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	c := plain(t, http.DefaultClient)
	for _, tt := range []struct {
		left time.Duration
		want string
	}{{time.Second, "1"}, {-time.Hour, "1"}, {119 * time.Second, "1"}, {2 * time.Hour, "120"}, {24 * time.Hour, "1440"}, {48 * time.Hour, "1440"}} {
		if got := c.timeout(clock.Add(tt.left)); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.left, got, tt.want)
		}
	}
	if got := c.timeout(time.Time{}); got != "0" {
		t.Errorf("no limit: %s", got)
	}
}

// What an answer to a create leaves open must never be taken for success.
func TestCreateAnswers(t *testing.T) {
	t.Parallel()
	edit := func(old, new string) string { return strings.Replace(miniAnswer, old, new, 1) }
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   provider.Kind
	}{
		{"other order", 200, edit("T20260301001", "T20260301002"), provider.Unknown},
		{"other amount", 200, edit("12.99", "12.98"), provider.Unknown},
		{"amount unreadable", 200, edit("12.99", "12,99"), provider.Unknown},
		{"other currency", 200, edit("EUR", "CNY"), provider.Unknown},
		{"no trade_id", 200, edit(`"trade_id"`, `"x"`), provider.Unknown},
		{"no package", 200, edit(`"package"`, `"x"`), provider.Unknown},
		{"no parameters", 200, edit(`"parameters"`, `"x"`), provider.Unknown},
		{"no status", 200, `{"code":"200"}`, provider.Unknown},
		{"no data", 200, `{"status":true,"code":"200","data":[]}`, provider.Unknown},
		{"HTML", 200, `<html>`, provider.Unknown},
		{"cut", 200, miniAnswer[:60], provider.Unknown},
		{"500", 500, miniAnswer, provider.Unknown},
		{"404", 404, `{"status":false,"code":"404","message":"no"}`, provider.Unknown},
		{"429", 429, ``, provider.Busy},
		{"declined", 200, `{"status":false,"code":"5001","message":"amount too\nsmall","data":[]}`, provider.Declined},
		{"trouble", 200, `{"status":false,"code":"5000","message":"System busy, please try again"}`, provider.Unknown},
		{"code is a number", 200, `{"status":false,"code":5001,"message":"not assigned"}`, provider.Declined},
		{"sign error", 200, `{"status":false,"code":"401","message":"Sign error: a=1&sub_open_id=oPayer"}`, provider.Denied},
		{"user error", 200, `{"status":false,"message":"User does not exist"}`, provider.Denied},
		{"Chinese", 200, `{"status":false,"message":"签名错误"}`, provider.Denied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := plain(t, saying(tt.status, tt.body, nil)).Create(context.Background(), order(payment.WeChat))
			kindIs(t, err, tt.want)
			if got.Payment != nil || got.SpTradeNo != "" {
				t.Errorf("a trade was returned with an error: %+v", got)
			}
			if s := fmt.Sprint(err); strings.ContainsAny(s, "\n<") || strings.Contains(s, "oPayer") || strings.Contains(s, testKey) {
				t.Errorf("the error says too much: %s", s)
			}
		})
	}
	for _, url := range []string{"", "javascript:alert(1)", "//evil.example", "https:///x", "::"} {
		body := `{"status":true,"data":{"trade_id":"t","url":"` + url + `"}}`
		_, err := plain(t, saying(200, body, nil)).Create(context.Background(), order(payment.IDEAL))
		kindIs(t, err, provider.Unknown)
	}
}

func TestRefusalKeepsCodeAndMessage(t *testing.T) {
	t.Parallel()
	_, err := plain(t, saying(200, `{"status":false,"code":5001,"message":"amount  too\nsmall"}`, nil)).Create(context.Background(), order(payment.WeChat))
	var e *provider.Error
	if !errors.As(err, &e) || e.Code != "5001" || e.Message != "amount too small" {
		t.Errorf("%+v", e)
	}
}

func TestTransport(t *testing.T) {
	t.Parallel()
	c := plain(t, &http.Client{Transport: over(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })})
	_, err := c.Create(context.Background(), order(payment.WeChat))
	kindIs(t, err, provider.Unknown)
	c.endpoint = "http://\x7f/Payments"
	_, err = c.Create(context.Background(), order(payment.WeChat))
	kindIs(t, err, provider.NotSent)
}

// What was paid and is cancelled since has been given back, all of it.
func TestQueryCancelledAfterPayment(t *testing.T) {
	t.Parallel()
	c := plain(t, saying(200, `{"status":true,"code":"200","data":{"transaction_info":{"trade_id":"`+testTrade+`","order_id":"T1","amount":"1.00","currency":"EUR","state":"cancelled"}}}`, nil))
	trade := provider.Trade{No: "T1", SpTradeNo: testTrade, Total: eur(100)}
	for paid, want := range map[bool]payment.Report{
		false: {State: payment.Over, Word: "cancelled", No: "T1", SpTradeNo: testTrade, Total: eur(100)},
		true:  {State: payment.Refunded, Word: "cancelled", No: "T1", SpTradeNo: testTrade, Total: eur(100), Refunded: eur(100)},
	} {
		trade.Paid = paid
		got, err := c.Query(t.Context(), trade)
		if df := cmp.Diff(want, got); err != nil || df != "" {
			t.Error(err, df)
		}
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	const head = `{"status":true,"code":"200","data":{"transaction_info":{"trade_id":"` + testTrade + `","user":"016683","order_id":"T1",`
	base := payment.Report{Account: "016683", No: "T1", SpTradeNo: testTrade}
	with := func(change func(*payment.Report)) payment.Report { r := base; change(&r); return r }
	for _, tt := range []struct {
		name, in string
		want     payment.Report
	}{
		{"paid", `"amount":"1.00","currency":"eur","settlement_amount":"1.00","settlement_currency":"EUR","transaction_id":"42","state":"Paid"`,
			with(func(r *payment.Report) {
				r.State, r.Word, r.Total, r.TransactionID = payment.Paid, "Paid", eur(100), "42"
			})},
		{"paid in yuan", `"amount":8.00,"currency":"CNY","settlement_amount":"1.00","settlement_currency":"EUR","transaction_id":42,"state":"paid","paid_time":"1558512000"`,
			with(func(r *payment.Report) {
				r.State, r.Word, r.Total, r.TransactionID = payment.Paid, "paid", payment.Money{Amount: 800, Currency: "CNY"}, "42"
				r.Settlement, r.PaidAt = eur(100), time.Unix(1558512000, 0).UTC()
			})},
		{"settlement unreadable", `"amount":"8.00","currency":"CNY","settlement_amount":"1,00","settlement_currency":"EUR","state":"paid","paid_time":"soon"`,
			with(func(r *payment.Report) {
				r.State, r.Word, r.Total = payment.Paid, "paid", payment.Money{Amount: 800, Currency: "CNY"}
			})},
		{"pending says nothing final", `"amount":"8.00","currency":"CNY","settlement_amount":"1.00","settlement_currency":"EUR","transaction_id":"42","state":"pending"`,
			with(func(r *payment.Report) {
				r.State, r.Word, r.Total = payment.Pending, "pending", payment.Money{Amount: 800, Currency: "CNY"}
			})},
		{"nothing but the state", `"transaction_id":null,"state":"expired"`,
			with(func(r *payment.Report) { r.State, r.Word = payment.Over, "expired" })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var sent request
			got, err := plain(t, saying(200, head+tt.in+`}}}`, &sent)).Query(context.Background(), provider.Trade{No: "T1", SpTradeNo: testTrade})
			if d := cmp.Diff(tt.want, got); err != nil || d != "" {
				t.Error(err, d)
			}
			if d := cmp.Diff(map[string]string{"trade_id": testTrade}, sent.Data); d != "" || sent.Method != "v3.QueryOrder" {
				t.Error(sent.Method, d)
			}
		})
	}
}

func TestQueryAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		want       provider.Kind
	}{
		{"not known", `{"status":false,"code":"404","message":"trade does not exist"}`, provider.NotFound},
		{"refused otherwise", `{"status":false,"code":"500","message":"system busy"}`, provider.Unknown},
		{"credentials", `{"status":false,"code":"401","message":"sign error"}`, provider.Denied},
		{"no transaction_info", `{"status":true,"data":{}}`, provider.Unknown},
		{"other trade", `{"status":true,"data":{"transaction_info":{"trade_id":"x","state":"paid","amount":"1.00","currency":"EUR"}}}`, provider.Unknown},
		{"amount unreadable", `{"status":true,"data":{"transaction_info":{"trade_id":"` + testTrade + `","state":"paid","amount":"1e2","currency":"EUR"}}}`, provider.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := plain(t, saying(200, tt.body, nil)).Query(context.Background(), provider.Trade{SpTradeNo: testTrade})
			kindIs(t, err, tt.want)
			if d := cmp.Diff(payment.Report{}, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestRequestIsOnePost(t *testing.T) {
	t.Parallel()
	c := plain(t, &http.Client{Transport: over(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodPost || r.URL.String() != "https://mapi.yabandpay.com/Payments" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		return &http.Response{StatusCode: 200, Body: io.NopCloser(bytes.NewReader([]byte(miniAnswer))), Request: r}, nil
	})})
	if _, err := c.Create(context.Background(), order(payment.WeChat)); err != nil {
		t.Error(err)
	}
}
