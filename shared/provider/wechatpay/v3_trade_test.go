package wechatpay

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"

	"github.com/google/go-cmp/cmp"
)

func TestCreateSends(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		d        provider.Descriptor
		set      json.RawMessage
		currency string
		appID    string
		url      string
		want     string
		signed   string // appid of paySign
	}{
		{
			name: "mainland direct", d: V3, set: settings(nil), currency: "CNY",
			url:    "https://api.mch.weixin.qq.com/v3/pay/transactions/jsapi",
			want:   `{"appid":"wx2222222222222222","mchid":"1900000009","description":"Tea & gift <茶>","out_trade_no":"ORD-20261122_0001","time_expire":"2026-11-23T03:15:03+08:00","attach":"a","notify_url":"https://pay.example.test/notify/v3/default/ORD-20261122_0001","amount":{"total":1299,"currency":"CNY"},"payer":{"openid":"oSubOpenIdExample0000000001"},"scene_info":{"payer_client_ip":"203.0.113.7"}}`,
			signed: "wx2222222222222222",
		},
		{
			name: "mainland direct, frozen appid", d: V3, set: settings(nil), currency: "CNY", appID: "wx9",
			url:    "https://api.mch.weixin.qq.com/v3/pay/transactions/jsapi",
			want:   `{"appid":"wx9","mchid":"1900000009","description":"Tea & gift <茶>","out_trade_no":"ORD-20261122_0001","time_expire":"2026-11-23T03:15:03+08:00","attach":"a","notify_url":"https://pay.example.test/notify/v3/default/ORD-20261122_0001","amount":{"total":1299,"currency":"CNY"},"payer":{"openid":"oSubOpenIdExample0000000001"},"scene_info":{"payer_client_ip":"203.0.113.7"}}`,
			signed: "wx9",
		},
		{
			name: "mainland partner", d: V3SP, set: spSettings(nil), currency: "CNY",
			url:    "https://api.mch.weixin.qq.com/v3/pay/partner/transactions/jsapi",
			want:   `{"sp_appid":"wx1111111111111111","sp_mchid":"1900000001","sub_appid":"wx2222222222222222","sub_mchid":"1900000002","description":"Tea & gift <茶>","out_trade_no":"ORD-20261122_0001","time_expire":"2026-11-23T03:15:03+08:00","attach":"a","notify_url":"https://pay.example.test/notify/v3/default/ORD-20261122_0001","amount":{"total":1299,"currency":"CNY"},"payer":{"sub_openid":"oSubOpenIdExample0000000001"},"scene_info":{"payer_client_ip":"203.0.113.7"}}`,
			signed: "wx2222222222222222",
		},
		{
			name: "partner with the provider's own mini-program", d: V3SP, set: spSettings(nil), currency: "CNY", appID: "wx1111111111111111",
			url:    "https://api.mch.weixin.qq.com/v3/pay/partner/transactions/jsapi",
			want:   `{"sp_appid":"wx1111111111111111","sp_mchid":"1900000001","sub_mchid":"1900000002","description":"Tea & gift <茶>","out_trade_no":"ORD-20261122_0001","time_expire":"2026-11-23T03:15:03+08:00","attach":"a","notify_url":"https://pay.example.test/notify/v3/default/ORD-20261122_0001","amount":{"total":1299,"currency":"CNY"},"payer":{"sp_openid":"oSubOpenIdExample0000000001"},"scene_info":{"payer_client_ip":"203.0.113.7"}}`,
			signed: "wx1111111111111111",
		},
		{
			name: "partner without sub_appid: the item's mini-program", d: V3SP, set: spSettings(map[string]any{"sub_appid": ""}), currency: "CNY",
			url:    "https://api.mch.weixin.qq.com/v3/pay/partner/transactions/jsapi",
			want:   `{"sp_appid":"wx1111111111111111","sp_mchid":"1900000001","sub_appid":"wx3333333333333333","sub_mchid":"1900000002","description":"Tea & gift <茶>","out_trade_no":"ORD-20261122_0001","time_expire":"2026-11-23T03:15:03+08:00","attach":"a","notify_url":"https://pay.example.test/notify/v3/default/ORD-20261122_0001","amount":{"total":1299,"currency":"CNY"},"payer":{"sub_openid":"oSubOpenIdExample0000000001"},"scene_info":{"payer_client_ip":"203.0.113.7"}}`,
			signed: "wx3333333333333333",
		},
		{
			name: "overseas institution", d: V3SP, set: spSettings(map[string]any{"prefix": "/v3/global", "mcc": "4111"}), currency: "EUR",
			url:    "https://apihk.mch.weixin.qq.com/v3/global/transactions/jsapi",
			want:   `{"sp_appid":"wx1111111111111111","sp_mchid":"1900000001","sub_appid":"wx2222222222222222","sub_mchid":"1900000002","description":"Tea & gift <茶>","out_trade_no":"ORD-20261122_0001","trade_type":"JSAPI","merchant_category_code":"4111","time_expire":"2026-11-23T03:15:03+08:00","attach":"a","notify_url":"https://pay.example.test/notify/v3/default/ORD-20261122_0001","amount":{"total":1299,"currency":"EUR"},"payer":{"sub_openid":"oSubOpenIdExample0000000001"},"scene_info":{"payer_client_ip":"203.0.113.7"}}`,
			signed: "wx2222222222222222",
		},
		{
			name: "Hong Kong direct behind another host", d: V3, currency: "HKD",
			set:    settings(map[string]any{"prefix": "/hk/v3", "base_url": "http://127.0.0.1:3000/sandbox/v3/"}),
			url:    "http://127.0.0.1:3000/sandbox/v3/hk/v3/transactions/jsapi",
			want:   `{"appid":"wx2222222222222222","mchid":"1900000009","description":"Tea & gift <茶>","out_trade_no":"ORD-20261122_0001","trade_type":"JSAPI","time_expire":"2026-11-23T03:15:03+08:00","attach":"a","notify_url":"https://pay.example.test/notify/v3/default/ORD-20261122_0001","amount":{"total":1299,"currency":"HKD"},"payer":{"openid":"oSubOpenIdExample0000000001"},"scene_info":{"payer_client_ip":"203.0.113.7"}}`,
			signed: "wx2222222222222222",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(200, `{"prepay_id":"wx201410272009395522657a690389285100"}`)
			p := f.open(t, tt.d, tt.set)
			c := testCreate(tt.currency)
			c.AppID = tt.appID
			for range 2 { // the second is the identical create again
				got, err := p.Create(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				pay := *got.Payment
				if pay.Package != "prepay_id=wx201410272009395522657a690389285100" || pay.SignType != "RSA" || pay.TimeStamp != "1795367703" {
					t.Errorf("payment = %+v", pay)
				}
				if !rsaFits(&p.key.PublicKey, tt.signed+"\n"+pay.TimeStamp+"\n"+pay.NonceStr+"\n"+pay.Package+"\n", pay.PaySign) {
					t.Errorf("paySign is not for %s", tt.signed)
				}
			}
			if got := f.sent[0].URL.String(); got != tt.url {
				t.Errorf("url = %s, want %s", got, tt.url)
			}
			if diff := cmp.Diff([]string{tt.want, tt.want}, f.bodies); diff != "" {
				t.Error(diff)
			}
			checkHeaders(t, p, f.sent[0], tt.want)
		})
	}
}

// checkHeaders checks what every request carries, and its signature over what was sent.
func checkHeaders(t *testing.T, p *v3, r *http.Request, body string) {
	t.Helper()
	want := map[string]string{"Accept": "application/json", "User-Agent": "overseaspay/1", "Wechatpay-Serial": testKeyID}
	if r.Method == http.MethodPost {
		want["Content-Type"] = "application/json"
	}
	for name, value := range want {
		if got := r.Header.Get(name); got != value {
			t.Errorf("%s = %q, want %q", name, got, value)
		}
	}
	_, sig, _ := strings.Cut(r.Header.Get("Authorization"), `signature="`)
	sig, _, _ = strings.Cut(sig, `"`)
	text := r.Method + "\n" + r.URL.RequestURI() + "\n1795367703\n593BEC0C930BF1AFEB40B4A08C8FB242\n" + body + "\n"
	if !rsaFits(&p.key.PublicKey, text, sig) {
		t.Errorf("the signature does not fit %q", text)
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	f := newFake(200, `{"prepay_id":"x"}`)
	p := f.open(t, V3, settings(nil))
	tests := []struct {
		name   string
		change func(*provider.Create)
		want   string
	}{
		{"currency", func(c *provider.Create) { c.Total.Currency = "EUR" }, "takes CNY only, not EUR"},
		{"method", func(c *provider.Create) { c.Method = payment.Alipay }, "pay_method"},
		{"openid", func(c *provider.Create) { c.OpenID = "" }, "openid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := testCreate("CNY")
			tt.change(&c)
			_, err := p.Create(t.Context(), c)
			if provider.KindOf(err) != provider.NotSupported || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Create = %v, want it not supported: %s", err, tt.want)
			}
			if len(f.sent) != 0 {
				t.Error("something was sent")
			}
		})
	}
}

func TestCreateWithoutPrepay(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, `[]`, `<html>`} {
		p := newFake(200, body).open(t, V3, settings(nil))
		if _, err := p.Create(t.Context(), testCreate("CNY")); err == nil || provider.KindOf(err) != provider.Unknown {
			t.Errorf("Create on %s = %v, want an unknown outcome", body, err)
		}
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	const who = `"mchid":"1900000009","appid":"wx2222222222222222","out_trade_no":"ORD-20261122_0001"`
	base := payment.Report{Account: "1900000009", No: "ORD-20261122_0001"}
	number := "4200000000202611220000000001"
	report := func(change func(*payment.Report)) payment.Report {
		r := base
		change(&r)
		return r
	}
	tests := []struct {
		name, set, body string
		want            payment.Report
	}{
		{"not paid", "/v3", `{` + who + `,"trade_state":"NOTPAY","amount":{"total":1299,"currency":"CNY"}}`,
			report(func(r *payment.Report) { r.Word = "NOTPAY" })},
		{"paying", "/v3", `{` + who + `,"trade_state":"USERPAYING"}`, report(func(r *payment.Report) { r.Word = "USERPAYING" })},
		{"failed once", "/v3", `{` + who + `,"trade_state":"PAYERROR"}`, report(func(r *payment.Report) { r.Word = "PAYERROR" })},
		{"closed", "/v3", `{` + who + `,"trade_state":"CLOSED"}`,
			report(func(r *payment.Report) { r.Word, r.State = "CLOSED", payment.Over })},
		{"revoked", "/v3", `{` + who + `,"trade_state":"REVOKED"}`,
			report(func(r *payment.Report) { r.Word, r.State = "REVOKED", payment.Over })},
		{"new word", "/v3", `{` + who + `,"trade_state":"ACCEPT"}`,
			report(func(r *payment.Report) { r.Word, r.State = "ACCEPT", payment.Unmapped })},
		{"paid without currency", "/v3", `{` + who + `,"trade_state":"SUCCESS","transaction_id":"` + number + `","amount":{"total":1299}}`,
			report(func(r *payment.Report) {
				r.Word, r.State, r.SpTradeNo, r.TransactionID = "SUCCESS", payment.Paid, number, number
				r.Total = payment.Money{Amount: 1299, Currency: "CNY"}
			})},
		{"paid without amount", "/v3", `{` + who + `,"trade_state":"SUCCESS","transaction_id":"` + number + `"}`,
			report(func(r *payment.Report) {
				r.Word, r.State, r.SpTradeNo, r.TransactionID = "SUCCESS", payment.Paid, number, number
			})},
		{"refunded overseas", "/v3/global", `{` + who + `,"trade_state":"REFUND","id":"` + number + `","success_time":"soon","amount":{"total":1299,"currency":"HKD"}}`,
			report(func(r *payment.Report) {
				r.Word, r.State, r.SpTradeNo, r.TransactionID = "REFUND", payment.Refunded, number, number
				r.Total = payment.Money{Amount: 1299, Currency: "HKD"}
			})},
		{"paid overseas without currency", "/hk/v3", `{` + who + `,"trade_state":"SUCCESS","id":"` + number + `","amount":{"total":1299}}`,
			report(func(r *payment.Report) {
				r.Word, r.State, r.SpTradeNo, r.TransactionID = "SUCCESS", payment.Paid, number, number
			})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newFake(200, tt.body).open(t, V3, settings(map[string]any{"prefix": tt.set}))
			got, err := p.Query(t.Context(), testTrade)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	trade, known := testTrade, testTrade
	trade.No, known.TransactionID = "ORD/2026*1", "42 00"
	refund := provider.Refund{Trade: trade, OutRefundNo: "RF|1@", Fee: payment.Money{Amount: 500, Currency: "CNY"}, Desc: strings.Repeat("退", 90), NotifyURL: "https://n.test/r"}
	overseas := map[string]any{"prefix": "/v3/global"}
	reason := strings.Repeat("退", 80)
	tests := []struct {
		name string
		d    provider.Descriptor
		set  json.RawMessage
		do   func(*v3) error
		want string
	}{
		{"query", V3, settings(nil), func(p *v3) error { _, err := p.Query(t.Context(), trade); return err },
			"GET /v3/pay/transactions/out-trade-no/ORD%2F2026%2A1?mchid=1900000009 "},
		{"query by WeChat's number", V3, settings(nil), func(p *v3) error { _, err := p.Query(t.Context(), known); return err },
			"GET /v3/pay/transactions/id/42%2000?mchid=1900000009 "},
		{"query, partner", V3SP, spSettings(nil), func(p *v3) error { _, err := p.Query(t.Context(), trade); return err },
			"GET /v3/pay/partner/transactions/out-trade-no/ORD%2F2026%2A1?sp_mchid=1900000001&sub_mchid=1900000002 "},
		{"query, institution", V3SP, spSettings(overseas), func(p *v3) error { _, err := p.Query(t.Context(), known); return err },
			"GET /v3/global/transactions/id/42%2000?sp_mchid=1900000001&sub_mchid=1900000002 "},
		{"close", V3, settings(nil), func(p *v3) error { return p.Close(t.Context(), trade) },
			`POST /v3/pay/transactions/out-trade-no/ORD%2F2026%2A1/close {"mchid":"1900000009"}`},
		{"close, institution", V3SP, spSettings(overseas), func(p *v3) error { return p.Close(t.Context(), trade) },
			`POST /v3/global/transactions/out-trade-no/ORD%2F2026%2A1/close {"sp_mchid":"1900000001","sub_mchid":"1900000002"}`},
		{"refund", V3, settings(nil), func(p *v3) error { _, err := p.Refund(t.Context(), refund); return err },
			`POST /v3/refund/domestic/refunds {"out_trade_no":"ORD/2026*1","out_refund_no":"RF|1@","reason":"` + reason + `","notify_url":"https://n.test/r","amount":{"refund":500,"total":1299,"currency":"CNY"}}`},
		{"refund, partner", V3SP, spSettings(nil), func(p *v3) error { _, err := p.Refund(t.Context(), refund); return err },
			`POST /v3/refund/domestic/refunds {"sub_mchid":"1900000002","out_trade_no":"ORD/2026*1","out_refund_no":"RF|1@","reason":"` + reason + `","notify_url":"https://n.test/r","amount":{"refund":500,"total":1299,"currency":"CNY"}}`},
		{"refund, overseas", V3, settings(overseas), func(p *v3) error { _, err := p.Refund(t.Context(), refund); return err },
			`POST /v3/global/refunds {"appid":"wx2222222222222222","mchid":"1900000009","out_trade_no":"ORD/2026*1","out_refund_no":"RF|1@","reason":"` + reason + `","notify_url":"https://n.test/r","amount":{"refund":500,"total":1299,"currency":"CNY"}}`},
		{"refund, institution", V3SP, spSettings(overseas), func(p *v3) error { _, err := p.Refund(t.Context(), refund); return err },
			`POST /v3/global/refunds {"sp_appid":"wx1111111111111111","sp_mchid":"1900000001","sub_appid":"wx2222222222222222","sub_mchid":"1900000002","out_trade_no":"ORD/2026*1","out_refund_no":"RF|1@","reason":"` + reason + `","notify_url":"https://n.test/r","amount":{"refund":500,"total":1299,"currency":"CNY"}}`},
		{"query refund", V3, settings(nil), func(p *v3) error { _, err := p.QueryRefund(t.Context(), refund); return err },
			"GET /v3/refund/domestic/refunds/RF%7C1@ "},
		{"query refund, partner", V3SP, spSettings(nil), func(p *v3) error { _, err := p.QueryRefund(t.Context(), refund); return err },
			"GET /v3/refund/domestic/refunds/RF%7C1@?sub_mchid=1900000002 "},
		{"query refund, overseas", V3, settings(overseas), func(p *v3) error { _, err := p.QueryRefund(t.Context(), refund); return err },
			"GET /v3/global/refunds/out-refund-no/RF%7C1@?mchid=1900000009 "},
		{"query refund, institution", V3SP, spSettings(map[string]any{"prefix": "/hk/v3"}), func(p *v3) error { _, err := p.QueryRefund(t.Context(), refund); return err },
			"GET /hk/v3/refunds/out-refund-no/RF%7C1@?sp_mchid=1900000001&sub_mchid=1900000002 "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(200, `{"trade_state":"NOTPAY","status":"PROCESSING"}`)
			p := f.open(t, tt.d, tt.set)
			if err := tt.do(p); err != nil {
				t.Fatal(err)
			}
			if got := f.sent[0].Method + " " + f.sent[0].URL.RequestURI() + " " + f.bodies[0]; got != tt.want {
				t.Errorf("sent\n%s\nwant\n%s", got, tt.want)
			}
			checkHeaders(t, p, f.sent[0], f.bodies[0])
		})
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		status int
		body   string
		want   provider.Kind
		closed bool
	}{
		{"done", 204, "", 0, true},
		{"closed already", 400, `{"code":"ORDER_CLOSED","message":"该订单已关闭"}`, 0, true},
		{"never made", 404, `{"code":"ORDER_NOT_EXIST","message":"订单不存在"}`, 0, true},
		{"paid", 403, `{"code":"ORDERPAID","message":"该订单已支付"}`, provider.AlreadyPaid, false},
		{"a 404 of somebody else's", 404, `<html>`, provider.Unknown, false},
		{"other", 400, `{"code":"PARAM_ERROR"}`, provider.Declined, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := newFake(tt.status, tt.body).open(t, V3, settings(nil)).Close(t.Context(), testTrade)
			if (err == nil) != tt.closed || err != nil && provider.KindOf(err) != tt.want {
				t.Errorf("Close = %v, want closed %t, else %v", err, tt.closed, tt.want)
			}
		})
	}
}

func TestRefund(t *testing.T) {
	t.Parallel()
	r := provider.Refund{Trade: testTrade, OutRefundNo: "RF-0001", Fee: payment.Money{Amount: 500, Currency: "CNY"}}
	const mainland = `{"refund_id":"5030","out_refund_no":"RF-0001","transaction_id":"42","out_trade_no":"ORD-20261122_0001","status":"STATUS","success_time":"2026-11-22T17:20:00+08:00","amount":{"total":1299,"refund":500,"currency":"CNY"}}`
	const overseas = `{"id":"5030","out_refund_no":"RF-0001","out_trade_no":"ORD-20261122_0001","status":"STATUS","amount":{"refund":500,"currency":"CNY"}}`
	states := map[string]payment.RefundStatus{
		"SUCCESS": payment.RefundSuccess, "CLOSED": payment.RefundClosed, "PROCESSING": payment.RefundProcessing,
		"ABNORMAL": payment.RefundAbnormal, "REFUNDCLOSE": "",
	}
	for word, status := range states {
		for prefix, body := range map[string]string{"/v3": mainland, "/v3/global": overseas} {
			p := newFake(200, strings.Replace(body, "STATUS", word, 1)).open(t, V3, settings(map[string]any{"prefix": prefix}))
			counted := 0
			p.counted = func(string, string) { counted++ }
			got, err := p.Refund(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			got.SucceededAt = moment("")
			want := payment.RefundReport{
				Status: status, Word: word, No: "ORD-20261122_0001", OutRefundNo: "RF-0001", RefundID: "5030",
				Fee: payment.Money{Amount: 500, Currency: "CNY"},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if (status == "") != (counted == 1) {
				t.Errorf("%s counted %d times", word, counted)
			}
		}
	}
}

func TestRefundRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, prefix, order, fee string
	}{
		{"mainland", "/v3", "CNY", "EUR"},
		{"overseas, not the order's", "/v3/global", "EUR", "CNY"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(200, `{}`)
			p := f.open(t, V3, settings(map[string]any{"prefix": tt.prefix}))
			r := provider.Refund{Trade: testTrade, Fee: payment.Money{Amount: 1, Currency: tt.fee}}
			r.Total.Currency = tt.order
			if _, err := p.Refund(t.Context(), r); provider.KindOf(err) != provider.NotSupported || len(f.sent) != 0 {
				t.Errorf("Refund = %v, want it not supported", err)
			}
		})
	}
}

func TestSign(t *testing.T) {
	t.Parallel()
	p := newFake(200, `{"prepay_id":"wx1"}`).open(t, V3SP, spSettings(nil))
	fresh := func(appID string, pay payment.PayParams) bool {
		return pay.NonceStr == "fresh" && pay.SignType == "RSA" && rsaFits(&p.key.PublicKey, payText(appID, pay), pay.PaySign)
	}
	create := func(appID string) payment.PayParams {
		c := testCreate("CNY")
		c.AppID = appID
		made, err := p.Create(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return *made.Payment
	}
	own, providers, foreign := create(""), create("wx1111111111111111"), create("wx9")
	p.nonce = func() string { return "fresh" }
	if got, err := p.Sign(own); err != nil || !fresh("wx2222222222222222", got) {
		t.Errorf("Sign = %+v, %v", got, err)
	}
	if got, err := p.Sign(providers); err != nil || !fresh("wx1111111111111111", got) {
		t.Errorf("Sign = %+v, %v; want the provider's appid", got, err)
	}
	if got, err := p.Sign(foreign); err != nil || got != foreign {
		t.Errorf("Sign = %+v, %v; want it as it was", got, err)
	}
	if got, err := p.Sign(payment.PayParams{Package: own.Package}); err != nil || !fresh("wx2222222222222222", got) {
		t.Errorf("Sign = %+v, %v; want the shop's appid", got, err)
	}
	for _, pkg := range []string{"", "prepay_id=", "wx1"} {
		if _, err := p.Sign(payment.PayParams{Package: pkg}); provider.KindOf(err) != provider.NotSupported {
			t.Errorf("Sign(%q) = %v, want it refused", pkg, err)
		}
	}
}
