package twopaynow

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

func TestCreateMini(t *testing.T) {
	t.Parallel()
	pay := `{"timeStamp":1571034662,"nonceStr":"n","package":"prepay_id=1","signType":"MD5","paySign":"S"}`
	want := &payment.PayParams{TimeStamp: "1571034662", NonceStr: "n", Package: "prepay_id=1", SignType: "MD5", PaySign: "S"}
	text, _ := json.Marshal(pay)
	for _, c := range []struct{ name, body string }{
		{"object", `{"status":200,"trade_no":"A1","a":{"paySign":"half"},"zz":` + pay + `}`},
		{"text", `{"status":200,"trade_no":"A1","zz":` + string(text) + `}`},
		{"top", `{"status":200,"trade_no":"A1","timestamp":1,` + pay[1:]},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := with(t, nil, says(c.body))
			got, err := h.Create(t.Context(), create(payment.WeChat))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(provider.Created{SpTradeNo: "A1", Payment: want}, got); diff != "" {
				t.Error(diff)
			}
		})
	}

	h := with(t, nil, says(c200))
	_, err := h.Create(t.Context(), create(payment.WeChat))
	wantKind(t, err, provider.Unknown)
	if r := h.asked[0]; r.Method != http.MethodGet || r.URL.Path != "/zhifu/mc_itf" {
		t.Errorf("%s %s", r.Method, r.URL.Path)
	}
	if diff := cmp.Diff(url.Values{
		"function": {"mini_precreate"}, "mid": {testMid}, "timestamp": {"1571034662245"},
		"sign": {sign("mini_precreate", testMid, "1571034662245", testKey)},
		"type": {"1"}, "subject": {"茶 & cake"}, "amount": {"8.99"}, "currency": {"EUR"},
		"merchant_trade_no": {"ORDER-0001"}, "notify_url": {create("").NotifyURL},
		"sub_appid": {"wx1111111111111111"}, "sub_openid": {"oPayer"}, "passback_parameters": {"table 7"},
	}, h.last(t)); diff != "" {
		t.Error(diff)
	}
}

const c200 = `{"status":200}`

func TestCreatePage(t *testing.T) {
	t.Parallel()
	common := func(kind string) url.Values {
		return url.Values{
			"function": {"wap_precreate"}, "mid": {testMid}, "timestamp": {"1571034662245"},
			"sign": {"4576c2ea2077ae7c02b8418b8c5ab5ba"},
			"type": {kind}, "subject": {"茶 & cake"}, "amount": {"8.99"}, "currency": {"EUR"},
			"merchant_trade_no": {"ORDER-0001"}, "notify_url": {create("").NotifyURL}, "passback_parameters": {"ORDER-0001"},
		}
	}
	for _, c := range []struct {
		name   string
		method payment.Method
		change func(*provider.Create)
		path   string
		want   func(url.Values)
	}{
		{"alipay", payment.Alipay, func(*provider.Create) {}, "/wap/wappay/pay.html", func(v url.Values) {
			v.Set("type", "0")
			v.Set("it_b_pay", "30m")
			v.Set("return_url", "https://shop.example.test/back?a=1")
		}},
		{"nowhere to return", payment.Alipay, func(c *provider.Create) { c.RedirectURL = "" }, "/wap/wappay/pay.html", func(v url.Values) {
			v.Set("type", "0")
			v.Set("it_b_pay", "30m")
		}},
		{"late", payment.Alipay, func(c *provider.Create) { c.RedirectURL, c.TimeExpire = "", testNow.Add(-time.Hour) }, "/wap/wappay/pay.html", func(v url.Values) {
			v.Set("type", "0")
			v.Set("it_b_pay", "1m")
		}},
		{"long", payment.Alipay, func(c *provider.Create) { c.RedirectURL, c.TimeExpire = "", testNow.Add(50*time.Hour) }, "/wap/wappay/pay.html", func(v url.Values) {
			v.Set("type", "0")
			v.Set("it_b_pay", "120m")
		}},
		{"WeChat without the mini program", payment.WeChat, func(*provider.Create) {}, "/wap/WxpayAPI/jsapi.php", func(v url.Values) {
			v.Set("return_url", "https://shop.example.test/back?a=1")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := with(t, map[string]any{"names": map[string]string{"mini_precreate": ""}}, says(c200))
			in := create(c.method)
			c.change(&in)
			made, err := h.Create(t.Context(), in)
			if err != nil || made.Payment != nil || made.SpTradeNo != "" {
				t.Fatalf("made %+v, %v", made, err)
			}
			u, err := url.Parse(made.URL)
			if err != nil {
				t.Fatal(err)
			}
			want := common("1")
			c.want(want)
			if diff := cmp.Diff(want, u.Query()); diff != "" || u.Path != c.path {
				t.Errorf("%s %s", u.Path, diff)
			}
			if h.calls() != 0 {
				t.Error("a page was called by the server")
			}
		})
	}
	h := with(t, nil, says(c200))
	_, err := h.Create(t.Context(), create(payment.PayPal))
	wantKind(t, err, provider.NotSupported)
}
