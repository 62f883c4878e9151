package provider

import (
	"slices"
	"testing"

	"overseaspay/shared/payment"
)

func TestSupports(t *testing.T) {
	t.Parallel()
	d := Descriptor{Methods: []payment.Method{payment.WeChat, payment.PayPal}}
	for _, m := range append(slices.Clone(payment.Methods), "", "WECHAT") {
		if got, want := d.Supports(m), m == payment.WeChat || m == payment.PayPal; got != want {
			t.Errorf("Supports(%q) = %t", m, got)
		}
	}
	if new(Descriptor).Supports(payment.WeChat) {
		t.Error("a processor without methods offers one")
	}
}

func TestTakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		list []string
		in   string
		want bool
	}{
		{"listed", []string{"EUR", "CNY"}, "CNY", true},
		{"not listed", []string{"EUR", "CNY"}, "USD", false},
		{"lower-case", []string{"EUR"}, "eur", false},
		{"none stated", []string{"EUR"}, "", false},
		{"no list: any", nil, "USD", true},
		{"empty list: any", []string{}, "JPY", true},
	} {
		if got := (&Descriptor{Currencies: c.list}).Takes(c.in); got != c.want {
			t.Errorf("%s: Takes(%q) = %t", c.name, c.in, got)
		}
	}
}

func TestNewRegistry(t *testing.T) {
	t.Parallel()
	list := []Descriptor{{Name: "yaband", Title: "YabandPay"}, {Name: "v3", Title: "WeChat Pay"}}
	r := NewRegistry(list...)
	if len(r) != 2 || r["yaband"].Title != "YabandPay" || r["v3"].Title != "WeChat Pay" || r["v2"] != nil {
		t.Errorf("registry = %v", r)
	}
	list[0].Title = "changed"
	if r["yaband"].Title != "YabandPay" {
		t.Error("the registry shares the caller's list")
	}
	if got := NewRegistry(); got == nil || len(got) != 0 {
		t.Errorf("an empty registry = %v", got)
	}
}
