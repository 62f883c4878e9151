package cloudpay

import (
	"net/http"
	"strings"
	"testing"

	"overseaspay/shared/provider"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	set := func(members string) string { return strings.TrimSuffix(plain, "}") + members + "}" }
	for _, tt := range []struct {
		name, in, base, want string
		item                 bool // without appid and appsecret
	}{
		{"usual", plain, "", "https://api.weixin.qq.com", false},
		{"of the item", plain, "http://x.test/weixin/", "http://x.test/weixin", false},
		{"its own", set(`,"base_url":"http://own.test"`), "http://x.test", "http://own.test", false},
		{"no env", `{"function":"pay","sub_mchid":"1","key":"k"}`, "", "!env", false},
		{"no function", `{"env":"e","sub_mchid":"1","key":"k"}`, "", "!function", false},
		{"no sub_mchid", `{"env":"e","function":"pay","key":"k"}`, "", "!sub_mchid", false},
		{"no key", `{"env":"e","function":"pay","sub_mchid":"1"}`, "", "!key", false},
		{"no appid", plain, "", "!appid", true},
		{"another's appid without its secret", set(`,"appid":"wxowner"`), "", "!appsecret", false},
		{"another's appid", set(`,"appid":"wxowner","appsecret":"s"`), "", "https://api.weixin.qq.com", false},
		{"bad base_url", set(`,"base_url":"ftp://x"`), "", "!base_url", false},
		{"a number", `{"env":1}`, "", "!env", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := (&desk{}).config(tt.in)
			cfg.WeixinURL = tt.base
			if tt.item {
				cfg.AppID, cfg.AppSecret = "", ""
			}
			p, err := New(cfg)
			if member, bad := strings.CutPrefix(tt.want, "!"); bad {
				if err == nil || !strings.HasPrefix(err.Error(), member+": ") {
					t.Errorf("%v, want %s named", err, member)
				}
				return
			}
			if err != nil || p.(*client).endpoint != tt.want+"/tcb/invokecloudfunction" || p.Account() != "1900000002" {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	p, err := New(provider.Config{Settings: []byte(plain), AppID: "wx1", AppSecret: "s", HTTP: http.DefaultClient})
	if err != nil {
		t.Fatal(err)
	}
	c := p.(*client)
	first, second := c.nonce(), c.nonce()
	if c.now().IsZero() || first == second || c.set.Callback != "pay" {
		t.Errorf("%+v", c)
	}
	c.counted("nothing", "happens")
	if _, err := New(provider.Config{Settings: []byte(plain), AppID: "wx1", AppSecret: "s"}); err == nil {
		t.Error("no HTTP client, and no error")
	}
}
