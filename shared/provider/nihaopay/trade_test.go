package nihaopay

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// paying is the documentation's answer to a mini-program order: timeStamp has 13 digits.
const paying = `{"timeStamp":"1650000000123","nonceStr":"n","wechatPackage":"prepay_id=wx1","signType":"MD5","paySign":"AB"}`

func TestCreateMini(t *testing.T) {
	t.Parallel()
	b := always(t, 200, paying)
	made, err := b.Create(t.Context(), order(payment.WeChat))
	want := provider.Created{Payment: &payment.PayParams{
		TimeStamp: "1650000000123", NonceStr: "n", Package: "prepay_id=wx1", SignType: "MD5", PaySign: "AB"}}
	if diff := cmp.Diff(want, made); err != nil || diff != "" {
		t.Error(err, diff)
	}
	form := url.Values{
		"amount": {"1299"}, "currency": {"USD"}, "reference": {"A1"}, "description": {"Tea & 饼干"}, "timeout": {"30"},
		"ipn_url": {"https://pay.example.com/notify/nihaopay/default/A1"},
		"app_id":  {"wxapp"}, "open_id": {"oPayer"}, "client_ip": {"192.0.2.1"},
	}
	if diff := cmp.Diff(form, b.sent); diff != "" || b.asked[0] != "POST /v1.2/transactions/micropay" {
		t.Error(b.asked, diff)
	}
	for _, member := range []string{"timeStamp", "nonceStr", "wechatPackage", "signType", "paySign"} {
		_, err := always(t, 200, strings.Replace(paying, `"`+member+`"`, `"x"`, 1)).Create(t.Context(), order(payment.WeChat))
		kindIs(t, err, provider.Unknown)
	}
}

func TestCreatePage(t *testing.T) {
	t.Parallel()
	b := with(t, `{"access_token":"`+testToken+`","vendors":{"unionpay":"upop"}}`, map[string]says{"": {200, `{"url":"https://pay.example.com/x?a=1"}`}})
	for m, vendor := range map[payment.Method]string{payment.Alipay: "alipay", payment.PayPal: "PayPal", payment.UnionPay: "upop"} {
		made, err := b.Create(t.Context(), order(m))
		if diff := cmp.Diff(provider.Created{URL: "https://pay.example.com/x?a=1"}, made); err != nil || diff != "" {
			t.Error(err, diff)
		}
		form := url.Values{
			"amount": {"1299"}, "currency": {"USD"}, "reference": {"A1"}, "description": {"Tea & 饼干"}, "timeout": {"30"},
			"ipn_url": {"https://pay.example.com/notify/nihaopay/default/A1"}, "callback_url": {"https://shop.example.com/back?a=1"},
			"vendor": {vendor}, "terminal": {"WAP"}, "response_format": {"JSON"},
		}
		if diff := cmp.Diff(form, b.sent); diff != "" || b.asked[0] != "POST /v1.2/transactions/securepay" {
			t.Error(b.asked, diff)
		}
	}
	for body, want := range map[string]provider.Kind{
		`{"form":{"actionUrl":"https://x.example.com","method":"POST","params":{}}}`: provider.NotSupported,
		`{"url":"javascript:alert(1)"}`:                                              provider.Unknown, `{"url":"https://%"}`: provider.Unknown, `{"url":"/x"}`: provider.Unknown, paying: provider.Unknown,
	} {
		_, err := always(t, 200, body).Create(t.Context(), order(payment.Alipay))
		kindIs(t, err, want)
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	for left, want := range map[time.Duration]string{-time.Hour: "1", 59 * time.Second: "1", 2 * time.Minute: "2", 24 * time.Hour: "1440", 90 * time.Hour: "1440"} {
		b, in := always(t, 200, paying), order(payment.WeChat)
		in.TimeExpire = in.TimeCreate.Add(left)
		if _, err := b.Create(t.Context(), in); err != nil || b.sent.Get("timeout") != want {
			t.Errorf("%v: %s, %v", left, b.sent, err)
		}
	}
}

func TestCreateUnasked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		method payment.Method
		change func(*provider.Create)
		want   provider.Kind
	}{
		{"no such method", payment.Card, func(*provider.Create) {}, provider.NotSupported},
		{"no openid", payment.WeChat, func(c *provider.Create) { c.OpenID = "" }, provider.Declined},
		{"no appid", payment.WeChat, func(c *provider.Create) { c.AppID = "" }, provider.Declined},
		{"nowhere to return", payment.Alipay, func(c *provider.Create) { c.RedirectURL = "" }, provider.Declined},
	} {
		b, in := always(t, 200, paying), order(tt.method)
		tt.change(&in)
		_, err := b.Create(t.Context(), in)
		kindIs(t, err, tt.want)
		if len(b.asked) > 0 {
			t.Errorf("%s: NihaoPay was asked", tt.name)
		}
	}
}

// look is an answer about trade1; more are further members.
func look(status, kind, more string) string {
	return `{"id":"2017","status":"` + status + `","type":"` + kind + `","vendor":"wechatpay","vendor_id":"4200","amount":1299,"currency":"USD",` +
		`"time":"2017-05-19T10:36:32Z","reference":"A1","note":null` + more + `}`
}

const none = `{"code":402,"label":"61","message":"not found"}`

var paid1 = payment.Report{State: payment.Paid, Word: "success charge", No: "A1", SpTradeNo: "2017", TransactionID: "4200",
	Total: usd(1299), PaidAt: time.Date(2017, 5, 19, 10, 36, 32, 0, time.UTC)}

func TestQuery(t *testing.T) {
	t.Parallel()
	refunded := paid1
	refunded.State, refunded.Refunded = payment.Refunded, usd(500)
	list := look("success", "charge", `,"refunded_amount":500,"refunds":[{"refund_id":"r3","refunded_amount":200,"status":"success"},`+
		`{"refund_id":"r2","refunded_amount":700,"status":"failure"},{"refund_id":"r1","refunded_amount":"300","status":"success"}]`)
	shown, gone := says{200, look("success", "charge", "")}, says{402, none}
	for _, tt := range []struct {
		name                string
		sp, transaction     string
		lookUp, refundsList says
		want                payment.Report
		kind                provider.Kind
		asked               int
	}{
		{"first time", "", "", shown, says{500, ""}, paid1, 0, 1},
		{"number known, not yet paid", "2017", "", shown, says{500, ""}, paid1, 0, 1},
		{"vanished", "2017", "", gone, says{200, list}, refunded, 0, 2},
		{"known to be paid", "2017", "4200", says{500, ""}, says{200, list}, refunded, 0, 1},
		{"known to be paid, without WeChat's number", "2017", "paid", shown, says{200, list}, refunded, 0, 1},
		{"no list", "2017", "4200", shown, gone, paid1, 0, 2},
		{"the list is down", "2017", "4200", shown, says{500, ""}, payment.Report{}, provider.Unknown, 1},
		{"vanished everywhere", "2017", "4200", gone, gone, payment.Report{}, provider.NotFound, 3},
		{"never made", "", "", gone, says{200, list}, payment.Report{}, provider.NotFound, 1},
		{"the look-up is down", "2017", "", says{500, ""}, says{200, list}, payment.Report{}, provider.Unknown, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := plain(t, map[string]says{"merchant/A1": tt.lookUp, "refunds/2017/": tt.refundsList})
			trade := provider.Trade{No: "A1", SpTradeNo: tt.sp, TransactionID: tt.transaction, Total: usd(1299)}
			if tt.transaction == "paid" {
				trade.TransactionID, trade.Paid = "", true
			}
			r, err := b.Query(t.Context(), trade)
			if tt.kind != 0 || tt.want.State == "" {
				kindIs(t, err, tt.kind)
			} else if diff := cmp.Diff(tt.want, r); err != nil || diff != "" {
				t.Error(err, diff)
			}
			if len(b.asked) != tt.asked {
				t.Errorf("asked %v", b.asked)
			}
		})
	}
}

func TestQueryDisbelieves(t *testing.T) {
	t.Parallel()
	good := look("success", "charge", "")
	for from, to := range map[string]string{
		`"reference":"A1"`: `"reference":"A2"`, `"id":"2017"`: `"id":null`, `"amount":1299`: `"amount":12.99`,
		`"amount":1299,`: `"amount":-1299,`, `"amount":1299,"`: `"`, `"currency":"USD"`: `"currency":"CNY"`, `"reference"`: `"x"`,
	} {
		_, err := always(t, 200, strings.Replace(good, from, to, 1)).Query(t.Context(), provider.Trade{No: "A1"})
		kindIs(t, err, provider.Unknown)
	}
	_, err := always(t, 200, strings.Replace(good, `"reference":"A1"`, `"reference":""`, 1)).Query(t.Context(), provider.Trade{})
	kindIs(t, err, provider.Unknown)
	for _, list := range []string{
		look("success", "charge", `,"refunds":{}`), look("success", "charge", `,"refunds":[7]`),
		look("success", "charge", `,"refunds":[{"refunded_amount":1.5,"status":"success"}]`),
		look("success", "charge", `,"refunds":[{"refunded_amount":1,"status":"started"}]`),
		strings.Replace(good, `"2017"`, `"2018"`, 1),
	} {
		b := always(t, 200, list)
		_, err := b.Query(t.Context(), provider.Trade{No: "A1", SpTradeNo: "2017", TransactionID: "4200"})
		kindIs(t, err, provider.Unknown)
		if counted := strings.Contains(list, "started") || strings.Contains(list, "[7]"); counted != (len(b.counts) == 1) {
			t.Errorf("%s: counted %v", list, b.counts)
		}
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	want := map[[2]string]payment.ReportState{
		{"success", ""}: payment.Paid, {"success", "charge"}: payment.Paid, {"success", "capture"}: payment.Paid,
		{"success", "authorization"}: payment.Pending, {"pending", "charge"}: payment.Pending, {"pending", ""}: payment.Pending,
		{"failure", "charge"}: payment.Refused, {"closed", "charge"}: payment.Over,
		{"success", "reversal"}: payment.Unmapped, {"SUCCESS", "charge"}: payment.Unmapped, {"refunded", ""}: payment.Unmapped, {"", ""}: payment.Unmapped,
	}
	tested := make(map[string]bool)
	for said, state := range want {
		b := always(t, 200, look(said[0], said[1], ""))
		r, err := b.Query(t.Context(), provider.Trade{No: "A1"})
		if err != nil || r.State != state || (len(b.counts) == 1) != (state == payment.Unmapped) {
			t.Errorf("%v: %+v, %v, counted %v", said, r, err, b.counts)
		}
		if (r.TransactionID != "") != (state == payment.Paid) {
			t.Errorf("%v: transaction %q", said, r.TransactionID)
		}
		tested[r.Word] = true
	}
	for word := range states {
		if !tested[word] {
			t.Errorf("%q is not tested", word)
		}
	}
}

func TestRefund(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		want       payment.RefundStatus
		counts     int
		fails      bool
	}{
		{"done", `{"id":"r1","status":"success","refunded":true,"transaction_id":"2017"}`, payment.RefundSuccess, 0, false},
		{"failed", `{"id":"r1","status":"failure","transaction_id":"2017"}`, payment.RefundClosed, 0, false},
		{"started", `{"id":"r1","status":"started"}`, "", 1, false},
		{"another trade", `{"id":"r1","status":"success","transaction_id":"2018"}`, "", 0, true},
		{"no number", `{"status":"success","transaction_id":"2017"}`, "", 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := always(t, 200, tt.body)
			r, err := b.Refund(t.Context(), refund1)
			if tt.fails {
				kindIs(t, err, provider.Unknown)
				return
			}
			if err != nil || r.Status != tt.want || r.RefundID != "r1" || r.OutRefundNo != "R-1" || r.Fee != usd(300) || len(b.counts) != tt.counts {
				t.Errorf("%+v, %v, counted %v", r, err, b.counts)
			}
		})
	}
	b := with(t, `{"access_token":"`+testToken+`","refund_path":"/v1.2/transactions/{id}/refund"}`, map[string]says{"": {200, `{"id":"r1","status":"success"}`}})
	in := refund1
	in.Desc = "broken"
	for range 2 { // once by each path
		if _, err := b.Refund(t.Context(), in); err != nil {
			t.Error(err)
		}
		b.RefundPath, in.Desc = plain(t, nil).RefundPath, ""
	}
	if diff := cmp.Diff([]string{"POST /v1.2/transactions/2017/refund", "POST /v1.2/transactions/refund/2017"}, b.asked); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(url.Values{"currency": {"USD"}, "amount": {"300"}, "reason": {"R-1"}}, b.sent); diff != "" {
		t.Error(diff)
	}
	in.SpTradeNo = ""
	_, err := b.Refund(t.Context(), in)
	kindIs(t, err, provider.NotSupported)
}

func TestQueryRefund(t *testing.T) {
	t.Parallel()
	one := func(amount, status string) string {
		return `{"refund_id":"r","refunded_amount":` + amount + `,"status":"` + status + `"}`
	}
	for _, tt := range []struct {
		name, refunds string
		want          provider.Kind // -1: done
	}{
		{"unchanged", one("100", "success"), provider.NotFound},
		{"failed", one("100", "success") + "," + one("300", "failure"), provider.NotFound},
		{"done", one("300", "success") + "," + one("100", "success"), -1},
		{"done, and another", one("500", "success"), -1},
		{"another amount", one("100", "success") + "," + one("200", "success"), provider.Unknown},
		{"less than before", one("50", "success"), provider.Unknown},
		{"a word nobody knows", one("100", "success") + "," + one("300", "started"), provider.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := plain(t, map[string]says{"refunds/2017/": {200, look("success", "charge", `,"refunds":[`+tt.refunds+`]`)}})
			r, err := b.QueryRefund(t.Context(), refund1)
			if tt.want >= 0 {
				kindIs(t, err, tt.want)
			} else if err != nil || r.Status != payment.RefundSuccess || r.OutRefundNo != "R-1" || r.Fee != usd(300) {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	first := refund1
	first.Baseline = 0
	_, err := always(t, 402, none).QueryRefund(t.Context(), first)
	kindIs(t, err, provider.Unknown) // a refusal must not make anybody repeat a refund
}
