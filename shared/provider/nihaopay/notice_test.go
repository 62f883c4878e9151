package nihaopay

import (
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

func TestVectors(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/nihaopay.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Ack     struct{ Status int }
		Vectors []struct {
			ID, Token, Body, Canonical, Expect string
			Parsed                             map[string]string
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil || len(doc.Vectors) != 3 {
		t.Fatal(len(doc.Vectors), err)
	}
	for _, v := range doc.Vectors {
		b := plain(t, nil)
		b.AccessToken = v.Token
		n, err := b.Notice(t.Context(), provider.Inbound{Method: "POST", Body: []byte(v.Body)})
		if v.Expect != "accept" {
			kindIs(t, err, provider.Forged)
			continue
		}
		if err != nil || n.Doorbell || n.Payment.State != payment.Paid {
			t.Fatalf("%s: %+v, %v", v.ID, n, err)
		}
		said := n.Payment
		if p := v.Parsed; p != nil && (said.SpTradeNo != p["id"] || said.No != p["reference"] || said.TransactionID != p["vendor_id"] || said.Total != usd(2)) {
			t.Errorf("%s: %+v", v.ID, said)
		}
		if !strings.Contains(v.Body, strings.ToUpper(wire.MD5(v.Canonical))) && !strings.Contains(v.Body, wire.MD5(v.Canonical)) {
			t.Errorf("%s: the canonical text is signed otherwise", v.ID)
		}
	}
	if a := plain(t, nil).Ack(); a.Status != doc.Ack.Status || a.Body != "ok" {
		t.Errorf("%+v", a)
	}
}

// posted signs a notice, all fields but those whose value is in unsigned.
func posted(change func(url.Values), unsigned ...string) provider.Inbound {
	form := url.Values{"id": {"2017"}, "status": {"success"}, "amount": {"1299"}, "rmb_amount": {"9000"}, "currency": {"USD"},
		"time": {"2017-05-19T10:36:32Z"}, "reference": {"A1"}, "note": {"null"}, "sys_reserve": {`{"vendor_id":"4200","buyer":"x"}`}}
	if change != nil {
		change(form)
	}
	members := make(map[string]string)
	for name := range form {
		members[name] = form.Get(name)
	}
	for _, value := range unsigned {
		for name := range members {
			if members[name] == value {
				delete(members, name)
			}
		}
	}
	form.Set("verify_sign", wire.MD5(wire.Pairs(members, nil)+"&"+wire.MD5(testToken)))
	return provider.Inbound{Method: "POST", Body: []byte(form.Encode())}
}

func TestNotice(t *testing.T) {
	t.Parallel()
	whole := paid1
	whole.Word = "success"
	public := []byte("amount=1299&currency=USD&id=2017&reference=A1&rmb_amount=9000&status=success&time=2017-05-19T10%3A36%3A32Z")
	for _, tt := range []struct {
		name string
		in   provider.Inbound
		want provider.Notice
	}{
		{"null dropped", posted(nil, "null"), provider.Notice{Payment: whole, Public: public}},
		{"null signed", posted(nil), provider.Notice{Payment: whole, Public: public}},
		{"null and empty dropped", posted(func(f url.Values) { f.Set("x", "") }, "null", ""), provider.Notice{Payment: whole, Public: public}},
		{"empty signed", posted(func(f url.Values) { f.Set("x", "") }, "null"), provider.Notice{Payment: whole, Public: public}},
		{"text as type is null", posted(func(f url.Values) { f.Set("type", "null") }, "null"), provider.Notice{Payment: whole, Public: public}},
		{"a note of two", posted(func(f url.Values) { f.Set("note", "a&status=success") }), provider.Notice{Doorbell: true, Payment: whole, Public: public}},
		{"a name of two", posted(func(f url.Values) { f.Set("note=a&x", "1") }), provider.Notice{Doorbell: true, Payment: whole, Public: public}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n, err := plain(t, nil).Notice(t.Context(), tt.in)
			if diff := cmp.Diff(tt.want, n); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

// A genuine notice whose note held a shopper's text, cut anew into one that speaks
// of another order: the same text is signed.
func TestNoticeCutAnew(t *testing.T) {
	t.Parallel()
	note := "x&reference=B2&status=success&time=2017-05-19T10:36:32Z&z="
	genuine := posted(func(f url.Values) { f.Set("note", note); f.Del("sys_reserve"); f.Del("rmb_amount") })
	form, err := url.ParseQuery(string(genuine.Body))
	if err != nil {
		t.Fatal(err)
	}
	cut := url.Values{"amount": form["amount"], "currency": form["currency"], "id": form["id"], "note": {"x"}, "reference": {"B2"}, "status": {"success"},
		"time": form["time"], "z": {"&reference=A1&status=success&time=" + form.Get("time")}, "verify_sign": form["verify_sign"]}
	n, err := plain(t, nil).Notice(t.Context(), provider.Inbound{Method: "POST", Body: []byte(cut.Encode())})
	if err != nil || n.Payment.No != "B2" || !n.Doorbell {
		t.Errorf("%+v, %v", n, err)
	}
}

func TestNoticeStates(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]payment.ReportState{"success": payment.Paid, "failure": payment.Refused, "pending": payment.Pending, "odd": payment.Unmapped} {
		b := plain(t, nil)
		n, err := b.Notice(t.Context(), posted(func(f url.Values) { f.Set("status", word) }, "null"))
		if err != nil || n.Payment.State != want || (len(b.counts) == 1) != (want == payment.Unmapped) {
			t.Errorf("%s: %+v, %v, counted %v", word, n, err, b.counts)
		}
	}
}

func TestNoticeRefused(t *testing.T) {
	t.Parallel()
	without := func(name string) provider.Inbound { return posted(func(f url.Values) { f.Del(name) }, "null") }
	null := func(name string) provider.Inbound { return posted(func(f url.Values) { f.Set(name, "null") }, "null") }
	change := func(in provider.Inbound, from, to string) provider.Inbound {
		in.Body = []byte(strings.Replace(string(in.Body), from, to, 1))
		return in
	}
	for _, tt := range []struct {
		name string
		in   provider.Inbound
		want provider.Kind
	}{
		{"another amount", change(posted(nil), "amount=1299", "amount=1"), provider.Forged},
		{"another order", change(posted(nil), "reference=A1", "reference=A2"), provider.Forged},
		{"no signature", change(posted(nil), "verify_sign=", "x="), provider.Forged},
		{"a field more", change(posted(nil), "amount=", "a=1&amount="), provider.Forged},
		{"doubled", change(posted(nil), "amount=", "amount=1&amount="), provider.Malformed},
		{"no form", change(posted(nil), "amount=", "%zz="), provider.Malformed},
		{"nothing", provider.Inbound{Method: "POST"}, provider.Forged},
		{"the browser's return", provider.Inbound{Method: "GET", Query: string(posted(nil).Body)}, provider.Forged},
		{"no reference", without("reference"), provider.Malformed}, {"no amount", without("amount"), provider.Malformed},
		{"no currency", without("currency"), provider.Malformed}, {"no id", without("id"), provider.Malformed}, {"no status", without("status"), provider.Malformed},
		{"reference null", null("reference"), provider.Malformed}, {"amount null", null("amount"), provider.Malformed},
		{"currency null", null("currency"), provider.Malformed}, {"status null", null("status"), provider.Malformed},
		{"amount in dollars", posted(func(f url.Values) { f.Set("amount", "12.99") }), provider.Malformed},
	} {
		_, err := plain(t, nil).Notice(t.Context(), tt.in)
		if provider.KindOf(err) != tt.want || err == nil {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func FuzzNotice(f *testing.F) {
	f.Add(string(posted(nil).Body))
	f.Add("a=1&a=2")
	b := plain(f, nil)
	f.Fuzz(func(t *testing.T, body string) {
		n, err := b.Notice(t.Context(), provider.Inbound{Method: "POST", Body: []byte(body)})
		if err == nil && !n.Doorbell && n.Payment.No != "A1" {
			t.Errorf("%+v", n)
		}
	})
}
