package latipay

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// paying is the answer to a mini-program order, as a public integration has it.
const paying = `{"code":0,"message":"SUCCESS","payment":{"timeStamp":"1650000000","nonceStr":"n","packageStr":"prepay_id=wx1","signType":"MD5","paySign":"ab"},` +
	`"paydata":PAYDATA,"gatewaydata":{"trade_type":"JSAPI"}}`

func TestCreateMini(t *testing.T) {
	t.Parallel()
	want := &payment.PayParams{TimeStamp: "1650000000", NonceStr: "n", Package: "prepay_id=wx1", SignType: "MD5", PaySign: "ab"}
	signed := map[string]string{"order_id": "2022", "merchant_reference": "Order898237426347832", "amount": "120.00", "currency": "NZD", "qr_code": ""}
	signature := wire.HMAC(testKey, "amount=120.00&currency=NZD&merchant_reference=Order898237426347832&order_id=2022"+testKey)
	for _, tt := range []struct {
		name, paydata string
		sp            string
		counts        int
		fails         bool
	}{
		{"signed", `{"order_id":"2022","merchant_reference":"Order898237426347832","amount":120.00,"currency":"NZD","qr_code":null,"signature":"` + signature + `"}`, "2022", 0, false},
		{"signed otherwise", `{"order_id":"2022","signature":"` + signature + `"}`, "2022", 1, false},
		{"only the number", `{"order_id":"2022"}`, "2022", 0, false},
		{"none", `null`, "", 0, false},
		{"another order", `{"order_id":"2022","merchant_reference":"Order8"}`, "", 0, true},
		{"another amount", `{"order_id":"2022","amount":12}`, "", 0, true},
		{"another currency", `{"order_id":"2022","currency":"AUD"}`, "", 0, true},
		{"no amount", `{"order_id":"2022","amount":"1,00"}`, "", 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := saying(t, 200, strings.Replace(paying, "PAYDATA", tt.paydata, 1))
			made, err := b.Create(t.Context(), order(payment.WeChat))
			if tt.fails {
				kindIs(t, err, provider.Unknown)
				return
			}
			if diff := cmp.Diff(provider.Created{SpTradeNo: tt.sp, Payment: want}, made); err != nil || diff != "" || len(b.counts) != tt.counts {
				t.Error(err, b.counts, diff)
			}
		})
	}
	b := saying(t, 200, strings.Replace(paying, "PAYDATA", "{}", 1))
	if got := b.sign(signed); got != signature {
		t.Errorf("paydata is signed %s", got)
	}
	if _, err := b.Create(t.Context(), order(payment.WeChat)); err != nil {
		t.Fatal(err)
	}
	body := map[string]string{
		"user_id": "U000334333", "wallet_id": "W00000001", "amount": "120.00", "merchant_reference": "Order898237426347832",
		"product_name": "Tea & 饼干 <2>", "app_id": "wx721398712681232", "open_id": "obRdo5H",
		"notify_url": "https://pay.example.com/notify/latipay/default/Order898237426347832",
	}
	body["signature"] = b.sign(body)
	if diff := cmp.Diff(body, b.sent); diff != "" || b.asked.URL.String() != "https://api.latipay.net/v2/miniapppay" || b.asked.Method != http.MethodPost {
		t.Error(b.asked.URL, diff)
	}
	for _, member := range []string{"timeStamp", "nonceStr", "packageStr", "signType", "paySign"} {
		b := saying(t, 200, strings.Replace(paying, `"`+member+`"`, `"x"`, 1))
		_, err := b.Create(t.Context(), order(payment.WeChat))
		kindIs(t, err, provider.Unknown)
	}
}

func TestCreateUnasked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*provider.Create)
		want   provider.Kind
	}{
		{"no wallet", func(c *provider.Create) { c.Total.Currency = "AUD" }, provider.NotSupported},
		{"no such currency", func(c *provider.Create) { c.Total.Currency = "EUR" }, provider.NotSupported},
		{"no such method", func(c *provider.Create) { c.Method = payment.Card }, provider.NotSupported},
		{"no openid", func(c *provider.Create) { c.OpenID = "" }, provider.Declined},
		{"no appid", func(c *provider.Create) { c.AppID = "" }, provider.Declined},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, in := saying(t, 200, `{"code":0}`), order(payment.WeChat)
			tt.change(&in)
			_, err := b.Create(t.Context(), in)
			kindIs(t, err, tt.want)
			if b.asked != nil {
				t.Error("Latipay was asked")
			}
		})
	}
}

func page(host, nonce, signature string) string {
	raw, _ := json.Marshal(map[string]any{"code": 0, "host_url": host, "nonce": nonce, "signature": signature})
	return string(raw)
}

func TestCreatePage(t *testing.T) {
	t.Parallel()
	const host = "https://pay.latipay.net/pay"
	for _, tt := range []struct{ name, body, want string }{
		{"good", page(host, "2017n", wire.HMAC(testKey, "2017n"+host)), host + "/2017n"},
		{"slash", page(host+"/", "a b", wire.HMAC(testKey, "a b"+host+"/")), host + "/a%20b"},
		{"signed the other way", page(host, "2017n", wire.HMAC(testKey, host+"2017n")), ""},
		{"another key", page(host, "2017n", wire.HMAC("x", "2017n"+host)), ""},
		{"unsigned", page(host, "2017n", ""), ""},
		{"no nonce", page(host, "", wire.HMAC(testKey, host)), ""},
		{"no page", page("", "2017n", wire.HMAC(testKey, "2017n")), ""},
		{"a script", page("javascript://x", "2017n", wire.HMAC(testKey, "2017njavascript://x")), ""},
		{"no URL", page("https://%", "2017n", wire.HMAC(testKey, "2017nhttps://%")), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			made, err := saying(t, 200, tt.body).Create(t.Context(), order(payment.Alipay))
			if tt.want == "" {
				kindIs(t, err, provider.Unknown)
			} else if err != nil || made.URL != tt.want || made.Payment != nil {
				t.Errorf("%+v, %v, want %s", made, err, tt.want)
			}
		})
	}
}

func TestPageRequest(t *testing.T) {
	t.Parallel()
	const host = "https://pay.latipay.net/pay"
	b := saying(t, 200, page(host, "n", wire.HMAC(testKey, "n"+host)))
	b.Words = map[payment.Method]string{payment.UnionPay: "unionpay2"}
	in := order(payment.UnionPay)
	in.RedirectURL, in.ClientIP, in.Total.Currency = "", "2001:db8::1", "CNY"
	if _, err := b.Create(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	body := map[string]string{
		"user_id": "U000334333", "wallet_id": "W00000003", "amount": "120.00", "merchant_reference": "Order898237426347832",
		"product_name": "Tea & 饼干 <2>", "payment_method": "unionpay2", "version": "2.0", "ip": "0.0.0.0",
		"callback_url": "https://pay.example.com/notify/latipay/default/Order898237426347832",
	}
	body["signature"] = b.sign(body)
	if diff := cmp.Diff(body, b.sent); diff != "" || b.asked.URL.Path != "/v2/transaction" {
		t.Error(b.asked.URL, diff)
	}
	in.RedirectURL, in.ClientIP, in.Method = "https://shop.example.com/back?a=1", "::ffff:192.0.2.7", payment.Alipay
	if _, err := b.Create(t.Context(), in); err != nil || b.sent["return_url"] != in.RedirectURL || b.sent["ip"] != "192.0.2.7" || b.sent["payment_method"] != "alipay" {
		t.Error(b.sent, err)
	}
}

// answer is a signed answer to a query; amount stands in the JSON, signed in the signature.
func answer(no, method, status, currency, amount, signed string) string {
	return `{"merchant_reference":"` + no + `","payment_method":"` + method + `","status":"` + status + `","currency":"` + currency +
		`","amount":` + amount + `,"order_id":"2022","pay_time":"2022-01-01 10:00:00","signature":"` +
		wire.HMAC(testKey, no+method+status+currency+signed) + `"}`
}

func TestQuery(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		want       payment.Money
	}{
		{"literal", answer("A-1", "wechat", "paid", "NZD", "120.00", "120.00"), nzd(12000)},
		{"short literal", answer("A-1", "wechat", "paid", "NZD", "0.1", "0.1"), nzd(10)},
		{"short, signed with two places", answer("A-1", "wechat", "paid", "NZD", "0.1", "0.10"), nzd(10)},
		{"text", answer("A-1", "wechat", "paid", "NZD", `"120.00"`, "120.00"), nzd(12000)},
		{"another amount signed", answer("A-1", "wechat", "paid", "NZD", "0.1", "0.2"), payment.Money{}},
		{"another order", answer("A-2", "wechat", "paid", "NZD", "120.00", "120.00"), payment.Money{}},
		{"not in cents", answer("A-1", "wechat", "paid", "NZD", "0.001", "0.001"), payment.Money{}},
		{"an exponent", answer("A-1", "wechat", "paid", "NZD", "1e2", "1e2"), payment.Money{}},
		{"no currency", answer("A-1", "wechat", "paid", "XXX", "1.00", "1.00"), payment.Money{}},
		{"unsigned", `{"merchant_reference":"A-1","status":"paid","currency":"NZD","amount":1.00}`, payment.Money{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := saying(t, 200, tt.body)
			r, err := b.Query(t.Context(), provider.Trade{No: "A-1"})
			if tt.want.IsZero() {
				kindIs(t, err, provider.Unknown)
				return
			}
			want := payment.Report{State: payment.Paid, Word: "paid", No: "A-1", SpTradeNo: "2022", Total: tt.want}
			if diff := cmp.Diff(want, r); err != nil || diff != "" {
				t.Error(err, diff)
			}
			q := b.asked.URL.Query()
			if b.asked.Method != http.MethodGet || b.asked.URL.Path != "/v2/transaction/A-1" || q.Get("user_id") != "U000334333" ||
				q.Get("signature") != wire.HMAC(testKey, "merchant_reference=A-1&user_id=U000334333"+testKey) {
				t.Error(b.asked.URL)
			}
		})
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	want := map[string]payment.ReportState{
		"pending": payment.Pending, "paid": payment.Paid, "failed": payment.Refused, "canceled": payment.Over,
		"rejected": payment.Refused, "cancel_or_fail": payment.Pending, "Paid": payment.Unmapped, "refunded": payment.Unmapped, "paid2": payment.Unmapped,
	}
	for word, state := range want {
		b := saying(t, 200, answer("A-1", "wechat", word, "NZD", "1.00", "1.00"))
		r, err := b.Query(t.Context(), provider.Trade{No: "A-1"})
		if err != nil || r.State != state || r.Word != word || (len(b.counts) == 1) != (state == payment.Unmapped) {
			t.Errorf("%s: %+v, %v, counted %v", word, r, err, b.counts)
		}
	}
	for word := range states {
		if _, tested := want[word]; !tested {
			t.Errorf("%q is not tested", word)
		}
	}
}

func TestRefund(t *testing.T) {
	t.Parallel()
	in := provider.Refund{Trade: provider.Trade{No: "A-1", SpTradeNo: "2022", Total: nzd(12000)}, OutRefundNo: "R-1", Fee: nzd(500), Desc: "broken"}
	b := saying(t, 200, `{"code":"0","message":"SUCCESS"}`)
	got, err := b.Refund(t.Context(), in)
	want := payment.RefundReport{Status: payment.RefundSuccess, Word: "0", No: "A-1", OutRefundNo: "R-1", RefundID: "R-1", Fee: nzd(500)}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	body := map[string]string{"user_id": "U000334333", "order_id": "2022", "refund_amount": "5.00", "reference": "R-1"}
	body["signature"] = b.sign(body)
	if diff := cmp.Diff(body, b.sent); diff != "" || b.asked.URL.Path != "/refund" {
		t.Error(b.asked.URL, diff)
	}
	b.asked = nil
	if _, err := b.QueryRefund(t.Context(), in); provider.KindOf(err) != provider.NotSupported {
		t.Errorf("without a number: %v", err)
	}
	in.RefundID = "R-1"
	if got, err := b.QueryRefund(t.Context(), in); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, change := range []func(*provider.Refund){
		func(r *provider.Refund) { r.SpTradeNo = "" }, func(r *provider.Refund) { r.Fee.Currency = "CNY" },
	} {
		in := in
		change(&in)
		_, err := b.Refund(t.Context(), in)
		kindIs(t, err, provider.NotSupported)
	}
	if b.asked != nil {
		t.Error("Latipay was asked")
	}
}
