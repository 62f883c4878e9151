package supay

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// TestAnswers sends every kind of bad answer to every call.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const u, n, d, x = provider.Unknown, provider.NotFound, provider.Declined, provider.Denied
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   [6]provider.Kind // gateway: create, query, refund, query refund; bridge: query, refund
	}{
		{"sign", 200, `{"status":"F","message":"sign error","query_success":"F","result":"FAIL","reason":"token error"}`, [6]provider.Kind{x, x, x, x, x, x}},
		{"credentials in data", 200, `{"status":"F","message":"fail","data":"签名错误"}`, [6]provider.Kind{x, x, x, x, u, u}},
		{"absent", 200, `{"status":"F","message":"Trade does not exist","query_success":"F","result":"FAIL","reason":"no such trade"}`, [6]provider.Kind{d, n, d, n, n, d}},
		{"a plain no", 200, `{"status":"F","message":"amount error","data":[],"query_success":"F","result":"FAILED","reason":"amount error"}`, [6]provider.Kind{d, u, d, u, n, d}},
		{"a bare no", 200, `{"status":"F","query_success":"F","result":"FAIL"}`, [6]provider.Kind{d, u, d, u, n, d}},
		{"another word", 200, `{"status":"F","query_success":"true","result":"FAIL"}`, [6]provider.Kind{d, u, d, u, u, d}},
		{"no reason", 200, `{"status":"E","query_success":"","result":"FAIL"}`, [6]provider.Kind{d, u, d, u, u, d}},
		{"trouble", 200, `{"status":"F","message":"System busy","query_success":"F","result":"FAIL","reason":"系统繁忙"}`, [6]provider.Kind{u, u, u, u, u, u}},
		{"no status", 200, `{"message":"ok","data":{"result":true}}`, [6]provider.Kind{}},
		{"no data", 200, `{"status":"T","message":"ok"}`, [6]provider.Kind{}},
		{"result false", 200, `{"status":"T","data":{"result":false},"result":false}`, [6]provider.Kind{}},
		{"odd result", 200, `{"status":"T","data":{"result":"maybe"},"result":"PROCESSING"}`, [6]provider.Kind{}},
		{"null", 200, `null`, [6]provider.Kind{}},
		{"array", 200, `[1]`, [6]provider.Kind{}},
		{"HTML", 200, `<!doctype html><p>later`, [6]provider.Kind{}},
		{"empty", 200, ``, [6]provider.Kind{}},
		{"404", 404, `{"status":"F","message":"not found","result":"FAIL"}`, [6]provider.Kind{}},
		{"302", 302, `{"status":"F","result":"FAIL"}`, [6]provider.Kind{}},
		{"500", 500, `{"status":"F","result":"FAIL"}`, [6]provider.Kind{}},
		{"429", 429, ``, [6]provider.Kind{provider.Busy, provider.Busy, provider.Busy, provider.Busy, provider.Busy, provider.Busy}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, desk := says(t, tt.body, nil)
			desk.status = tt.status
			known := refund(payment.WeChat)
			known.RefundID = "R9"
			var errs [6]error
			_, errs[0] = c.Create(t.Context(), order(payment.WeChat))
			_, errs[1] = c.Query(t.Context(), trade(payment.Card))
			_, errs[2] = c.Refund(t.Context(), refund(payment.WeChat))
			_, errs[3] = c.QueryRefund(t.Context(), known)
			_, errs[4] = c.Query(t.Context(), trade(payment.Alipay))
			_, errs[5] = c.Refund(t.Context(), refund(payment.Alipay))
			for i, err := range errs {
				kindIs(t, err, tt.want[i])
				if tt.want[i] == x && err != nil && !strings.Contains(err.Error(), [...]string{"providers.supay.mchid and key", "providers.supay.bridge_id and bridge_key"}[i/4]) {
					t.Errorf("%v: does not name the settings", err)
				}
			}
			if len(desk.asked) != 6 {
				t.Errorf("%d calls, want 6: nothing is repeated", len(desk.asked))
			}
		})
	}
}

func TestCreateLacking(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"status":"T","data":{}}`, `{"status":"T","data":{"pay_info":"{}"}}`, `{"status":"T","data":{"pay_info":"https://x.example.test"}}`,
		`{"status":"T","data":{"outer_trade_no":"OTHER","pay_info":{"timeStamp":"1","nonceStr":"n","package":"p","signType":"MD5","paySign":"S"}}}`,
	} {
		c, _ := says(t, body, nil)
		_, err := c.Create(t.Context(), order(payment.WeChat))
		kindIs(t, err, provider.Unknown)
	}
}

func TestQuerySends(t *testing.T) {
	t.Parallel()
	c, d := says(t, `{"status":"T","query_success":"T","data":{"trade_status":"WAIT_BUYER_PAY"},"trade_status":"WAIT_BUYER_PAY"}`, nil)
	b := trade(payment.Alipay)
	b.No = "88888888"
	for _, of := range []provider.Trade{trade(payment.WeChat), b} {
		if _, err := c.Query(t.Context(), of); err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []string{`"service":"query_trade"`, `"mch_order_no":"T20200101001"`, `"trade_type":"TRADE"`, `"recevice_id":"100001"`, `"mch_id":"100001"`} {
		if !strings.Contains(d.bodies[0], part) {
			t.Errorf("%s is not in %s", part, d.bodies[0])
		}
	}
	want := bridgeHost + "/payment/bridge/get_payment_detail?merchant_id=10088&merchant_trade_no=88888888&token=5c0c6296b1734f63fce08f283918888d"
	if got := d.asked[1].URL.String(); got != want || d.asked[1].Method != http.MethodGet {
		t.Errorf("asked %s", got)
	}
}

// TestQuery reads answers of both sides. A known word decides, an amount is needed
// to believe a payment, and what contradicts the question is not believed at all.
func TestQuery(t *testing.T) {
	t.Parallel()
	const no = "T20200101001"
	paid := payment.Report{State: payment.Paid, Word: "TRADE_SUCCESS", No: no, SpTradeNo: "P1", Total: cents(100)}
	lacking := payment.Report{State: payment.Unmapped, Word: "TRADE_SUCCESS"}
	for _, tt := range []struct {
		name, members string // of the gateway
		bridge        string
		want          payment.Report
		counted       int
	}{
		{"paid", `"outer_trade_no":"` + no + `","inner_trade_no":"P1","trade_status":"TRADE_SUCCESS","trade_amount":"1.00"`,
			`"merchant_trade_no":"` + no + `","trade_no":"P1","trade_status":"TRADE_SUCCESS","total_amount":1.00,"currency":"AUD","merchant_id":10088`, paid, 0},
		{"small letters", `"trade_status":"TRADE_SUCCESS","trade_amount":"1.00","currency":"aud"`, `"trade_status":"TRADE_SUCCESS","total_amount":"1.00","currency":"Aud"`,
			payment.Report{State: payment.Paid, Word: "TRADE_SUCCESS", Total: cents(100)}, 0},
		{"another amount", `"trade_status":"TRADE_SUCCESS","trade_amount":1.5`, `"trade_status":"TRADE_SUCCESS","total_amount":"1.50"`,
			payment.Report{State: payment.Paid, Word: "TRADE_SUCCESS", Total: cents(150)}, 0},
		{"another currency", `"trade_status":"TRADE_SUCCESS","trade_amount":"1.00","currency":"CNY"`, `"trade_status":"TRADE_SUCCESS","total_amount":"1.00","currency":"CNY"`,
			payment.Report{State: payment.Paid, Word: "TRADE_SUCCESS", Total: payment.Money{Amount: 100, Currency: "CNY"}}, 0},
		{"no amount", `"trade_status":"TRADE_SUCCESS"`, `"trade_status":"TRADE_SUCCESS"`, lacking, 1},
		{"no number", `"trade_status":"TRADE_SUCCESS","trade_amount":"1,00"`, `"trade_status":"TRADE_SUCCESS","total_amount":"-1.00"`, lacking, 1},
		{"fractions", `"trade_status":"TRADE_SUCCESS","trade_amount":"1.001"`, `"trade_status":"TRADE_SUCCESS","total_amount":100e-2`, lacking, 1},
		{"waiting", `"trade_status":"WAIT_BUYER_PAY"`, `"trade_status":"WAIT_BUYER_PAY"`, payment.Report{Word: "WAIT_BUYER_PAY"}, 0},
		{"closed", `"trade_status":"TRADE_CLOSED"`, `"trade_status":"TRADE_CLOSED"`, payment.Report{State: payment.Over, Word: "TRADE_CLOSED"}, 0},
		{"failed", `"trade_status":"TRADE_FAILED"`, `"trade_status":"TRADE_FAILED"`, payment.Report{State: payment.Refused, Word: "TRADE_FAILED"}, 0},
		{"new word", `"trade_status":"TRADE_DREAMING"`, `"trade_status":"TRADE_DREAMING"`, payment.Report{State: payment.Unmapped, Word: "TRADE_DREAMING"}, 1},
		{"known word in another case", `"trade_status":"trade_success"`, `"trade_status":"trade_success"`, payment.Report{State: payment.Unmapped, Word: "trade_success"}, 1},
		{"no word", `"inner_trade_no":"P1"`, `"trade_no":"P1"`, payment.Report{State: payment.Unmapped, SpTradeNo: "P1"}, 1},
		{"another order", `"outer_trade_no":"X","trade_status":"WAIT_BUYER_PAY"`, `"merchant_trade_no":"X","trade_status":"WAIT_BUYER_PAY"`, payment.Report{}, -1},
	} {
		for m, body := range map[payment.Method]string{
			payment.WeChat: `{"status":"T","data":{` + tt.members + `}}`, payment.Alipay: `{"query_success":"T",` + tt.bridge + `}`,
		} {
			t.Run(tt.name+" "+string(m), func(t *testing.T) {
				t.Parallel()
				c, d := says(t, body, nil)
				got, err := c.Query(t.Context(), trade(m))
				if tt.counted < 0 {
					kindIs(t, err, provider.Unknown)
					return
				}
				if diff := cmp.Diff(tt.want, got); err != nil || diff != "" || len(d.counts) != tt.counted {
					t.Error(err, diff, d.counts)
				}
			})
		}
	}
	c, _ := says(t, `{"query_success":"T","merchant_id":"1","trade_status":"WAIT_BUYER_PAY"}`, nil)
	_, err := c.Query(t.Context(), trade(payment.Alipay))
	kindIs(t, err, provider.Unknown)
}

// What is assumed can be mended in the settings, each side by itself.
func TestNamesAndWords(t *testing.T) {
	t.Parallel()
	mended := map[string]any{
		"names":  map[string]string{"bridge_query": "get_payment_result", "bridge_status": "pay_status", "bridge_amount": "money", "trade_type": "1", "refund_trade_type": "2", "refund_status": "state"},
		"states": map[string]string{"PAY_OK": "paid", "TRADE_CLOSED": "pending"}, "refund_states": map[string]string{"GONE": "CLOSED"},
	}
	c, d := says(t, `{"query_success":"T","pay_status":"PAY_OK","money":"1.00","status":"T","data":{"trade_status":"TRADE_CLOSED","state":"GONE"}}`, mended)
	got, err := c.Query(t.Context(), trade(payment.Alipay))
	if err != nil || got.State != payment.Paid || got.Total != cents(100) || !strings.HasSuffix(d.asked[0].URL.Path, "/get_payment_result") {
		t.Errorf("%+v, %v, asked %s", got, err, d.asked[0].URL)
	}
	if got, err := c.Query(t.Context(), trade(payment.WeChat)); err != nil || got.State != payment.Pending || !strings.Contains(d.bodies[1], `"trade_type":"1"`) {
		t.Errorf("%+v, %v", got, err)
	}
	r := refund(payment.WeChat)
	r.RefundID = "R9"
	if got, err := c.QueryRefund(t.Context(), r); err != nil || got.Status != payment.RefundClosed || !strings.Contains(d.bodies[2], `"trade_type":"2"`) {
		t.Errorf("%+v, %v", got, err)
	}
	if other, _ := says(t, ``, nil); other.states["PAY_OK"] != "" || other.names["bridge_status"] != "trade_status" || other.refundStates["GONE"] != "" {
		t.Error("one account's words are another's")
	}
}

func TestNotSent(t *testing.T) {
	t.Parallel()
	c, d := says(t, ``, nil)
	var none context.Context // what net/http refuses to make a request of
	for _, m := range []payment.Method{payment.WeChat, payment.Alipay} {
		_, err := c.Query(none, trade(m))
		kindIs(t, err, provider.NotSent)
	}
	if len(d.asked) > 0 {
		t.Errorf("%d calls", len(d.asked))
	}
}
