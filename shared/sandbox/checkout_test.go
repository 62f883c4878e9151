package sandbox_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"overseaspay/shared/sandbox"
)

func TestCheckoutShowsAndPays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.book("ORDER-1")
	_, page, _ := r.do("GET", "checkout/plain/sp-ORDER-1", "")
	for _, want := range []string{"12.99 EUR", "&lt;tea&gt;", `value="pay"`, `value="cancel"`, `lang="en"`} {
		if !strings.Contains(page, want) {
			t.Errorf("page lacks %s: %s", want, page)
		}
	}
	if strings.Contains(page, "http") {
		t.Error("the page asks for something elsewhere")
	}
	if status, _, _ := r.do("POST", "checkout/plain/sp-ORDER-1?do=pay", ""); status != http.StatusSeeOther {
		t.Errorf("HTTP %d", status)
	}
	if got := r.shop.said(); got != "paid 1299" {
		t.Errorf("posted %q", got)
	}
	if _, page, _ = r.do("GET", "checkout/plain/sp-ORDER-1", ""); strings.Contains(page, "<button") || !strings.Contains(page, "Paid") {
		t.Errorf("page of a paid trade: %s", page)
	}
	if status, _, _ := r.do("GET", "checkout/plain/sp-NOBODY", ""); status != 404 {
		t.Errorf("unknown trade: HTTP %d", status)
	}
	if status, _, _ := r.do("POST", "checkout/plain/sp-NOBODY", ""); status != 404 {
		t.Errorf("unknown trade: HTTP %d", status)
	}
}

func TestCheckoutSpeaksChinese(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.book("ORDER-1")
	req, _ := http.NewRequest("GET", "http://127.0.0.1:3000/sandbox/checkout/plain/sp-ORDER-1", http.NoBody)
	req.Header.Set("Accept-Language", "zh-CN,zh;q=0.9")
	res, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page := make([]byte, 8192)
	n, _ := res.Body.Read(page)
	if !strings.Contains(string(page[:n]), "等待支付") {
		t.Errorf("page: %s", page[:n])
	}
}

func TestCheckoutGoesBackToTheShop(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ back, do, want string }{
		{"https://shop.example/done?x=1", "pay", "https://shop.example/done?x=1"},
		{"https://shop.example/done", "cancel", "https://shop.example/done"},
		{"javascript:alert(1)", "pay", "http://127.0.0.1:3000/sandbox/checkout/plain/sp-ORDER-1"},
		{"", "pay", "http://127.0.0.1:3000/sandbox/checkout/plain/sp-ORDER-1"},
	} {
		r := newRig(t)
		r.book("ORDER-1&back=" + url.QueryEscape(tt.back))
		res, err := r.http.PostForm("http://127.0.0.1:3000/sandbox/checkout/plain/sp-ORDER-1", url.Values{"do": {tt.do}})
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Location"); got != tt.want {
			t.Errorf("%s: back to %q, want %q", tt.do, got, tt.want)
		}
		if got, want := r.Trades()[0].State == sandbox.Paid, tt.do == "pay"; got != want {
			t.Errorf("%s: paid %v", tt.do, got)
		}
	}
}
