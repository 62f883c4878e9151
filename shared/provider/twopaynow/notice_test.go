package twopaynow

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

func get(query string) provider.Inbound {
	return provider.Inbound{Method: http.MethodGet, Query: query}
}

func TestNoticeVectors(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, v := range vectors(t, "twopaynow.json") {
		if v.Kind != "notify" {
			continue
		}
		seen++
		p := &Processor{mid: v.Mid, key: v.Key, counted: func(string, string) {}}
		n, err := p.Notice(t.Context(), get(v.QueryString))
		if !v.SignatureValid {
			wantKind(t, err, provider.Forged)
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", v.ID, err)
		}
		r := n.Payment
		told := map[string]string{
			"trade_no": r.SpTradeNo, "merchant_trade_no": r.No, "trade_status": r.Word,
			"amount": r.Total.Decimal(), "currency": r.Total.Currency,
		}
		if diff := cmp.Diff(v.Parsed, told); diff != "" {
			t.Errorf("%s: %s", v.ID, diff)
		}
		if !n.Doorbell || n.Probe || n.Refund != nil || r.State != payment.Paid || r.Account != v.Mid {
			t.Errorf("%s: %+v", v.ID, n)
		}
	}
	if seen != 2 {
		t.Errorf("%d vectors were checked, want 2", seen)
	}
}

// genuine is a whole notice.
func genuine() url.Values {
	return url.Values{
		"sign": {"4f83e30f527ff4ed0fc9c03185f43f97"}, "timestamp": {"1571034662245"}, "function": {"precreate"}, "mid": {testMid},
		"trade_no": {"A1"}, "merchant_trade_no": {"ORDER-0001"}, "original_trade_no": {"4200001"}, "amount": {"8.99"},
		"amount_cny": {"70.12"}, "currency": {"EUR"}, "trade_status": {"TRADE_SUCCESS"}, "passback_parameters": {"table 7"},
		"buyer": {"somebody"},
	}
}

func TestNotice(t *testing.T) {
	t.Parallel()
	h := with(t, nil, says(""))
	want := provider.Notice{
		Doorbell: true,
		Payment: payment.Report{
			State: payment.Paid, Word: "TRADE_SUCCESS", Account: testMid, No: "ORDER-0001", SpTradeNo: "A1",
			TransactionID: "4200001", Total: payment.Money{Amount: 899, Currency: "EUR"},
		},
		Public: []byte("amount=8.99&amount_cny=70.12&currency=EUR&function=precreate&merchant_trade_no=ORDER-0001&mid=4002563369" +
			"&original_trade_no=4200001&timestamp=1571034662245&trade_no=A1&trade_status=TRADE_SUCCESS"),
	}
	for name, in := range map[string]provider.Inbound{
		"GET":  get(genuine().Encode()),
		"POST": {Method: http.MethodPost, Body: []byte(genuine().Encode())},
	} {
		got, err := h.Notice(t.Context(), in)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if h.calls() != 0 {
		t.Error("reading a notice called 2PayNow")
	}
}

func TestNoticeBad(t *testing.T) {
	t.Parallel()
	h := with(t, nil, says(""))
	change := func(do func(url.Values)) provider.Inbound {
		v := genuine()
		do(v)
		return get(v.Encode())
	}
	for _, c := range []struct {
		name string
		in   provider.Inbound
		want provider.Kind
	}{
		{"empty POST", provider.Inbound{Method: http.MethodPost}, provider.Malformed},
		{"empty PUT", provider.Inbound{Method: http.MethodPut}, provider.Malformed},
		{"GET with a body", provider.Inbound{Method: http.MethodGet, Body: []byte("a=1")}, provider.Malformed},
		{"GET with a blank body", provider.Inbound{Method: http.MethodGet, Body: []byte(" ")}, provider.Malformed},
		{"GET of a genuine form", provider.Inbound{Method: http.MethodGet, Body: []byte(genuine().Encode())}, provider.Malformed},
		{"GET with a query of nothing", get("&"), provider.Malformed},
		{"JSON", provider.Inbound{Method: http.MethodPost, Body: []byte(`{"sign":"x"}`)}, provider.Malformed},
		{"escape", get("sign=%zz"), provider.Malformed},
		{"no function", change(func(v url.Values) { v.Del("function") }), provider.Malformed},
		{"no mid", change(func(v url.Values) { v.Del("mid") }), provider.Malformed},
		{"no timestamp", change(func(v url.Values) { v.Del("timestamp") }), provider.Malformed},
		{"no sign", change(func(v url.Values) { v.Del("sign") }), provider.Forged},
		{"empty sign", change(func(v url.Values) { v.Set("sign", "") }), provider.Forged},
		{"no status", change(func(v url.Values) { v.Del("trade_status") }), provider.Malformed},
		{"no number", change(func(v url.Values) { v.Del("trade_no"); v.Set("merchant_trade_no", "") }), provider.Malformed},
		{"doubled", change(func(v url.Values) { v.Add("amount", "0.01") }), provider.Malformed},
		{"doubled, the same", change(func(v url.Values) { v.Add("sign", v.Get("sign")) }), provider.Malformed},
		{"query and form", provider.Inbound{Method: http.MethodPost, Query: "amount=1", Body: []byte(genuine().Encode())}, provider.Malformed},
		{"another mid", change(func(v url.Values) {
			v.Set("mid", "1")
			v.Set("sign", sign("precreate", "1", "1571034662245", testKey))
		}), provider.Forged},
		{"shifted", change(func(v url.Values) { v.Set("function", "precreat"); v.Set("mid", "e"+testMid) }), provider.Forged},
		{"another key", change(func(v url.Values) { v.Set("sign", sign("precreate", testMid, "1571034662245", "k")) }), provider.Forged},
		{"upper case", change(func(v url.Values) { v.Set("sign", strings.ToUpper(v.Get("sign"))) }), provider.Forged},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := h.Notice(t.Context(), c.in)
			wantKind(t, err, c.want)
			if diff := cmp.Diff(provider.Notice{}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	n, err := h.Notice(t.Context(), get(""))
	if diff := cmp.Diff(provider.Notice{Probe: true}, n); err != nil || diff != "" {
		t.Errorf("an empty GET: %v %s", err, diff)
	}
}

func TestNoticeOddContent(t *testing.T) {
	t.Parallel()
	h := with(t, nil, says(""))
	v := genuine()
	v.Set("amount", "8,99")
	v.Set("trade_status", "TRADE_DREAMING")
	n, err := h.Notice(t.Context(), get(v.Encode()))
	if err != nil || !n.Doorbell || !n.Payment.Total.IsZero() || n.Payment.State != payment.Unmapped {
		t.Errorf("%+v, %v", n, err)
	}
	if diff := cmp.Diff([]string{"unmapped: 2paynow: trade status"}, h.counts); diff != "" {
		t.Error(diff)
	}
}

// TestNoticeMutations changes any one character of what the signature covers.
func TestNoticeMutations(t *testing.T) {
	t.Parallel()
	h := with(t, nil, says(""))
	rapid.Check(t, func(r *rapid.T) {
		v := genuine()
		name := rapid.SampledFrom([]string{"function", "mid", "timestamp", "sign"}).Draw(r, "name")
		was := v.Get(name)
		at := rapid.IntRange(0, len(was)-1).Draw(r, "at")
		c := rapid.ByteRange(0x20, 0x7e).Filter(func(c byte) bool { return c != was[at] }).Draw(r, "c")
		v.Set(name, was[:at]+string(rune(c))+was[at+1:])
		if _, err := h.Notice(t.Context(), get(v.Encode())); provider.KindOf(err) != provider.Forged {
			r.Errorf("%s %q: %v", name, v.Get(name), err)
		}
	})
}

func TestAck(t *testing.T) {
	t.Parallel()
	want := provider.Reply{Status: 200, ContentType: "text/plain", Body: "success"}
	if diff := cmp.Diff(want, (&Processor{}).Ack()); diff != "" {
		t.Error(diff)
	}
}

// FuzzNotice holds that whatever comes in, a notice that is accepted is signed for
// our mid, only rings, and keeps nothing that it should not.
func FuzzNotice(f *testing.F) {
	for _, v := range vectors(f, "twopaynow.json") {
		if v.Kind == "notify" {
			f.Add(false, v.QueryString, "")
			f.Add(true, "", v.QueryString)
		}
	}
	f.Add(false, genuine().Encode(), "")
	f.Add(true, "a=1", genuine().Encode())
	f.Add(false, "", "")
	f.Add(false, "", genuine().Encode())
	p := &Processor{mid: testMid, key: testKey, counted: func(string, string) {}}
	f.Fuzz(func(t *testing.T, post bool, query, body string) {
		in := provider.Inbound{Method: http.MethodGet, Query: query, Body: []byte(body)}
		if post {
			in.Method = http.MethodPost
		}
		n, err := p.Notice(t.Context(), in)
		switch kind := provider.KindOf(err); {
		case err != nil:
			if kind != provider.Forged && kind != provider.Malformed {
				t.Errorf("kind %q", kind)
			}
			return
		case n.Probe:
			if post || query != "" || body != "" {
				t.Error("something was taken for a probe")
			}
			return
		}
		v, err := url.ParseQuery(map[bool]string{false: query, true: query + "&" + body}[post])
		if err != nil || v.Get("sign") != sign(v.Get("function"), testMid, v.Get("timestamp"), testKey) || !n.Doorbell {
			t.Errorf("accepted: %q %q", query, body)
		}
		kept, err := url.ParseQuery(string(n.Public))
		if err != nil || kept.Has("sign") || kept.Has("passback_parameters") {
			t.Errorf("kept: %q", n.Public)
		}
	})
}
