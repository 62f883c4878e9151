package wire

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
)

func TestPayParams(t *testing.T) {
	t.Parallel()
	whole := map[string]string{"timeStamp": "1763884800", "nonceStr": "n", "package": "prepay_id=wx1", "pay_package": "prepay_id=wx2",
		"signType": "RSA", "paySign": "s", "appId": "wx", "more": "x"}
	want := &payment.PayParams{TimeStamp: "1763884800", NonceStr: "n", Package: "prepay_id=wx1", SignType: "RSA", PaySign: "s"}
	if diff := cmp.Diff(want, PayParams(whole, "package")); diff != "" {
		t.Error(diff)
	}
	if got := PayParams(whole, "pay_package"); got == nil || got.Package != "prepay_id=wx2" {
		t.Errorf("a renamed package gave %+v", got)
	}
	for _, name := range []string{"timeStamp", "nonceStr", "package", "signType", "paySign"} {
		part := maps.Clone(whole)
		part[name] = ""
		if got := PayParams(part, "package"); got != nil {
			t.Errorf("empty %s: %+v", name, got)
		}
		delete(part, name)
		if got := PayParams(part, "package"); got != nil {
			t.Errorf("without %s: %+v", name, got)
		}
	}
}

func TestPayParamsIn(t *testing.T) {
	t.Parallel()
	want := &payment.PayParams{TimeStamp: "1763884800", NonceStr: "n", Package: "prepay_id=wx1", SignType: "MD5", PaySign: "s"}
	got := PayParamsIn(`{"timeStamp":1763884800,"nonceStr":"n","package":"prepay_id=wx1","signType":"MD5","paySign":"s"}`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, raw := range []string{"", "null", "{}", "[]", `"x"`, `{"timeStamp":`, `{"timeStamp":"1"}`} {
		if got := PayParamsIn(raw); got != nil {
			t.Errorf("%q: %+v", raw, got)
		}
	}
}

func TestIsURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"https://pay.test/x?a=1": true, "http://127.0.0.1:3000": true, "https://pay.test": true,
		"": false, "pay.test/x": false, "//pay.test": false, "/x": false, "weixin://wxpay/x": false, "javascript:alert(1)": false,
		"https:///x": false, "https://": false, "data:text/html,x": false, "http://[::1": false,
	} {
		if got := IsURL(in); got != want {
			t.Errorf("IsURL(%q) = %t", in, got)
		}
	}
}
