package latipay

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// posted is a genuine notice.
func posted(change func(url.Values)) provider.Inbound {
	form := url.Values{"merchant_reference": {"A-1"}, "order_id": {"2022"}, "amount": {"120.00"}, "currency": {"NZD"},
		"payment_method": {"payid"}, "pay_time": {"2022-01-01 10:00:00"}, "status": {"paid"}, "payId": {"payer@example.com"}, "blockData": {"x"},
		"signature": {wire.HMAC(testKey, "A-1payidpaidNZD120.00")}}
	if change != nil {
		change(form)
	}
	return provider.Inbound{Method: "POST", Body: []byte(form.Encode())}
}

func TestNotice(t *testing.T) {
	t.Parallel()
	b := saying(t, 200, "")
	n, err := b.Notice(t.Context(), posted(nil))
	want := provider.Notice{
		Doorbell: true, Payment: payment.Report{State: payment.Paid, Word: "paid", No: "A-1", Total: nzd(12000)},
		Public: []byte("amount=120.00&currency=NZD&merchant_reference=A-1&order_id=2022&pay_time=2022-01-01+10%3A00%3A00&payment_method=payid&status=paid"),
	}
	if diff := cmp.Diff(want, n); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if a := b.Ack(); a.Status != 200 || a.Body != "sent" {
		t.Errorf("%+v", a)
	}
}

// A byte that moves between neighbours is signed the same: it must only ring.
func TestNoticeBorders(t *testing.T) {
	t.Parallel()
	for _, change := range []func(url.Values){
		func(f url.Values) { f.Set("merchant_reference", "A-1p"); f.Set("payment_method", "ayid") },
		func(f url.Values) { f.Set("merchant_reference", "A-"); f.Set("payment_method", "1payid") },
		func(f url.Values) { f.Set("currency", "NZD1"); f.Set("amount", "20.00") },
		func(f url.Values) { f.Set("status", "p"); f.Set("currency", "aidNZD") },
		func(f url.Values) { f.Set("order_id", "another") },
	} {
		b := saying(t, 200, "")
		n, err := b.Notice(t.Context(), posted(change))
		if err != nil || !n.Doorbell || n.Payment.SpTradeNo != "" {
			t.Errorf("%+v, %v", n, err)
		}
	}
}

func TestNoticeRefused(t *testing.T) {
	t.Parallel()
	b := saying(t, 200, "")
	for _, tt := range []struct {
		name string
		in   provider.Inbound
		want provider.Kind
	}{
		{"another amount", posted(func(f url.Values) { f.Set("amount", "1.00") }), provider.Forged},
		{"another order", posted(func(f url.Values) { f.Set("merchant_reference", "A-2") }), provider.Forged},
		{"upper case", posted(func(f url.Values) { f.Set("signature", strings.ToUpper(f.Get("signature"))) }), provider.Forged},
		{"unsigned", posted(func(f url.Values) { f.Del("signature") }), provider.Forged},
		{"no amount", posted(func(f url.Values) { f.Del("amount") }), provider.Malformed},
		{"no status", posted(func(f url.Values) { f.Set("status", "") }), provider.Malformed},
		{"no order", posted(func(f url.Values) { f.Del("merchant_reference") }), provider.Malformed},
		{"doubled", posted(func(f url.Values) { f.Add("amount", "1.00") }), provider.Malformed},
		{"no form", provider.Inbound{Method: "POST", Body: []byte("a=1&b=%zz")}, provider.Malformed},
		{"nothing", provider.Inbound{Method: "POST"}, provider.Malformed},
		{"the browser's return", provider.Inbound{Method: "GET", Query: string(posted(nil).Body)}, provider.Malformed},
	} {
		_, err := b.Notice(t.Context(), tt.in)
		if provider.KindOf(err) != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func FuzzNotice(f *testing.F) {
	f.Add(string(posted(nil).Body))
	f.Add("a=1&a=2")
	b := saying(f, 200, "")
	f.Fuzz(func(t *testing.T, body string) {
		n, err := b.Notice(t.Context(), provider.Inbound{Method: "POST", Body: []byte(body)})
		if err == nil && !n.Doorbell {
			t.Error("believed")
		}
	})
}
