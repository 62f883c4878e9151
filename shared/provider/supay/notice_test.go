package supay

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
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

func post(body string) provider.Inbound {
	return provider.Inbound{Method: http.MethodPost, Body: []byte(body)}
}

func paid(more map[string]string) map[string]string {
	members := map[string]string{"notify_type": "trade_status_sync", "inner_trade_no": "P1", "outer_trade_no": "T20200101001",
		"trade_status": "TRADE_SUCCESS", "trade_amount": "1.00", "sign_type": "MD5"}
	maps.Copy(members, more)
	return members
}

// posting signs members and writes them as a form.
func posting(c *client, members map[string]string) provider.Inbound {
	v := url.Values{"sign": {c.sign(members)}}
	for name, value := range members {
		v.Set(name, value)
	}
	return post(v.Encode())
}

func TestNoticeVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t, 2, "a-notify") {
		c, _ := says(t, ``, map[string]any{"key": v.Key})
		var body string
		if err := json.Unmarshal(v.Body, &body); err != nil {
			t.Fatal(err)
		}
		n, err := c.Notice(t.Context(), post(body))
		if v.Expect == "reject" {
			kindIs(t, err, provider.Forged)
			continue
		}
		r := n.Payment
		told := map[string]string{"inner_trade_no": r.SpTradeNo, "outer_trade_no": r.No, "trade_status": r.Word, "trade_amount": r.Total.Decimal()}
		if diff := cmp.Diff(v.Parsed, told); err != nil || diff != "" || n.Doorbell || n.Probe || n.Refund != nil ||
			r.State != payment.Paid || r.Account != "100001" || r.Total.Currency != "AUD" {
			t.Errorf("%s: %v %s %+v", v.ID, err, diff, n)
		}
		if got := string(n.Public); strings.Contains(got, "sign") || !strings.Contains(got, "trade_amount=1.00") {
			t.Errorf("kept %s", got)
		}
	}
}

// TestNoticeKinds reads genuine notices of the gateway: those that say too little,
// or could be read in two ways, only ring.
func TestNoticeKinds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		members map[string]string
		state   payment.ReportState
		bell    bool
		kind    provider.Kind // of an error
	}{
		{"paid", paid(nil), payment.Paid, false, 0},
		{"without sign_type", paid(map[string]string{"sign_type": ""}), payment.Paid, false, 0},
		{"with an empty member", paid(map[string]string{"memo": ""}), payment.Paid, false, 0},
		{"closed", paid(map[string]string{"trade_status": "TRADE_CLOSED"}), payment.Over, false, 0},
		{"new word", paid(map[string]string{"trade_status": "X"}), payment.Unmapped, false, 0},
		{"no amount", paid(map[string]string{"trade_amount": ""}), payment.Paid, true, 0},
		{"no number", paid(map[string]string{"outer_trade_no": ""}), payment.Paid, true, 0},
		{"no type", paid(map[string]string{"notify_type": ""}), "", true, 0},
		{"new type", paid(map[string]string{"notify_type": "coupon_sync"}), "", true, 0},
		{"a separator inside", paid(map[string]string{"body": "a&trade_amount=9.00"}), payment.Paid, true, 0},
		{"odd amount", paid(map[string]string{"trade_amount": "1,00"}), "", false, provider.Malformed},
		{"small letters", paid(map[string]string{"currency": "aud"}), payment.Paid, false, 0},
		{"odd currency", paid(map[string]string{"currency": "dollars"}), "", false, provider.Malformed},
		{"another algorithm", paid(map[string]string{"sign_type": "NONE"}), "", false, provider.Forged},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, d := says(t, ``, nil)
			n, err := c.Notice(t.Context(), posting(c, tt.members))
			switch {
			case tt.kind != 0:
				kindIs(t, err, tt.kind)
			case err != nil || n.Doorbell != tt.bell || n.Payment.State != tt.state || n.Refund != nil || !n.Payment.Total.IsZero() && n.Payment.Total != cents(100):
				t.Errorf("%+v, %v", n, err)
			}
			if unmapped := len(d.counts) == 1; unmapped != (tt.state == payment.Unmapped) || len(d.asked) > 0 {
				t.Errorf("counted %v, asked %d times", d.counts, len(d.asked))
			}
		})
	}
}

func TestRefundNotice(t *testing.T) {
	t.Parallel()
	c, _ := says(t, ``, nil)
	members := map[string]string{"notify_type": "refund_status_sync", "inner_trade_no": "S9", "outer_trade_no": "R1", "refund_status": "REFUND_SUCCESS", "refund_amount": "0.40", "currency": "aud"}
	n, err := c.Notice(t.Context(), posting(c, members))
	want := payment.RefundReport{Status: payment.RefundSuccess, Word: "REFUND_SUCCESS", Account: "100001", Fee: cents(40)}
	if err != nil || !n.Doorbell || n.Refund == nil || !cmp.Equal(*n.Refund, want) || !cmp.Equal(n.Payment, payment.Report{}) {
		t.Errorf("%+v, %v", n, err)
	}
	members["refund_amount"] = "x"
	_, err = c.Notice(t.Context(), posting(c, members))
	kindIs(t, err, provider.Malformed)
}

// However a genuine notice is changed, it is refused, or says the same, or rings.
func TestNoticeMutations(t *testing.T) {
	t.Parallel()
	c, _ := says(t, ``, nil)
	genuine := posting(c, paid(nil))
	want, err := c.Notice(t.Context(), genuine)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what, body string) {
		t.Helper()
		n, err := c.Notice(t.Context(), post(body))
		if err == nil && !n.Doorbell && !cmp.Equal(n.Payment, want.Payment) {
			t.Errorf("%s: believed: %+v", what, n.Payment)
		}
		if k := provider.KindOf(err); err != nil && k != provider.Forged && k != provider.Malformed {
			t.Errorf("%s: kind %q", what, k)
		}
	}
	for i := range genuine.Body {
		for bit := range 8 {
			mutant := slices.Clone(genuine.Body)
			mutant[i] ^= 1 << bit
			check("a bit", string(mutant))
		}
	}
	fields := strings.Split(string(genuine.Body), "&")
	for i, field := range fields {
		check("without "+field, strings.Join(slices.Delete(slices.Clone(fields), i, i+1), "&"))
		name, _, _ := strings.Cut(field, "=")
		for _, more := range []string{field, name + "=9.00", name + "="} {
			_, err := c.Notice(t.Context(), post(string(genuine.Body)+"&"+more))
			kindIs(t, err, provider.Malformed)
		}
	}
	// The signed text, cut into other members: one that swallows its neighbours.
	v, err := url.ParseQuery(string(genuine.Body))
	if err != nil {
		t.Fatal(err)
	}
	v.Set("outer_trade_no", "T20200101001&trade_amount=1.00")
	v.Del("trade_amount")
	if n, err := c.Notice(t.Context(), post(v.Encode())); err != nil || !n.Doorbell {
		t.Errorf("swallowed: %+v, %v", n, err)
	}
	for _, sign := range []string{"", strings.ToLower(v.Get("sign")), v.Get("sign") + "0"} {
		w := url.Values{"sign": {sign}}
		for name, value := range paid(nil) {
			w.Set(name, value)
		}
		_, err := c.Notice(t.Context(), post(w.Encode()))
		kindIs(t, err, provider.Forged)
	}
}

func TestNoticeMalformed(t *testing.T) {
	t.Parallel()
	c, d := says(t, ``, nil)
	for _, in := range []provider.Inbound{
		post(""), post("%zz"), get(""), get("%zz"), get("notice_id=N1&token=x"), get("merchant_trade_no=1&token=x"),
		get("notice_id=N1&notice_id=N1&merchant_trade_no=88888888&token=8e0242b80cc5416c67e494ef00956cb1"),
	} {
		_, err := c.Notice(t.Context(), in)
		kindIs(t, err, provider.Malformed)
	}
	_, err := c.Notice(t.Context(), post(`{"sign":"x"}`))
	kindIs(t, err, provider.Forged)
	if len(d.asked) > 0 {
		t.Errorf("%d calls", len(d.asked))
	}
}

// A notice of the bridge is held against the bridge: only a plain no refuses it.
func TestBridgeNotice(t *testing.T) {
	t.Parallel()
	const query = "notice_id=N1&merchant_trade_no=88888888&token=8e0242b80cc5416c67e494ef00956cb1"
	for _, tt := range []struct {
		name    string
		status  int
		body    string
		refused bool
	}{
		{"plain", 200, " SUCCESS\n", false}, {"JSON", 200, `{"result":"SUCCESS"}`, false},
		{"plain no", 200, "FAIL", true}, {"JSON no", 200, `{"result":"INVALID_NOTICE"}`, true},
		{"HTML", 200, "<p>later", false}, {"nothing", 200, "", false}, {"another JSON", 200, `{"reason":"x"}`, false},
		{"404", 404, "FAIL", false}, {"500", 500, "FAIL", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, d := says(t, tt.body, nil)
			d.status = tt.status
			n, err := c.Notice(t.Context(), get(query))
			if tt.refused {
				kindIs(t, err, provider.Forged)
			} else {
				want := provider.Notice{Doorbell: true, Payment: payment.Report{No: "88888888"}, Public: []byte("merchant_trade_no=88888888&notice_id=N1")}
				if diff := cmp.Diff(want, n); err != nil || diff != "" {
					t.Error(err, diff)
				}
			}
			if len(d.asked) != 1 || d.asked[0].URL.String() != bridgeHost+"/payment/bridge/notification_verification?merchant_trade_no=88888888&notice_id=N1" {
				t.Errorf("asked %v", d.asked)
			}
		})
	}
}

// A bridge notice with any other character is forged, and the bridge is not asked.
func TestBridgeNoticeMutations(t *testing.T) {
	t.Parallel()
	c, d := says(t, "SUCCESS", nil)
	rapid.Check(t, func(r *rapid.T) {
		v := url.Values{"notice_id": {"N1"}, "merchant_trade_no": {"88888888"}, "token": {"8e0242b80cc5416c67e494ef00956cb1"}}
		name := rapid.SampledFrom(slices.Sorted(maps.Keys(v))).Draw(r, "name")
		was := v.Get(name)
		at := rapid.IntRange(0, len(was)-1).Draw(r, "at")
		char := rapid.ByteRange(0x20, 0x7e).Filter(func(b byte) bool { return b != was[at] }).Draw(r, "char")
		v.Set(name, was[:at]+string(rune(char))+was[at+1:])
		if _, err := c.Notice(t.Context(), get(v.Encode())); provider.KindOf(err) != provider.Forged {
			r.Errorf("%s %q: %v", name, v.Get(name), err)
		}
	})
	if len(d.asked) > 0 {
		t.Errorf("%d calls", len(d.asked))
	}
}

func TestAck(t *testing.T) {
	t.Parallel()
	want := provider.Reply{Status: 200, ContentType: "text/plain", Body: "success"}
	if diff := cmp.Diff(want, (&client{}).Ack()); diff != "" {
		t.Error(diff)
	}
}

// FuzzNotice holds that whatever comes in, what moves money is signed, and what is
// kept holds no signature.
func FuzzNotice(f *testing.F) {
	c, d := says(f, "SUCCESS", nil)
	f.Add(true, string(posting(c, paid(nil)).Body))
	f.Add(false, "notice_id=N1&merchant_trade_no=88888888&token=8e0242b80cc5416c67e494ef00956cb1")
	f.Add(true, "")
	f.Fuzz(func(t *testing.T, posted bool, text string) {
		d.asked, d.bodies, d.counts = nil, nil, nil
		in := get(text)
		if posted {
			in = post(text)
		}
		n, err := c.Notice(t.Context(), in)
		if kind := provider.KindOf(err); err != nil {
			if kind != provider.Forged && kind != provider.Malformed {
				t.Errorf("kind %q", kind)
			}
			return
		}
		v, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal("what cannot be read was accepted")
		}
		members := make(map[string]string, len(v))
		for name := range v {
			members[name] = v.Get(name)
		}
		if !posted && !n.Doorbell || posted && c.sign(members) != v.Get("sign") {
			t.Errorf("accepted: %q", text)
		}
		if kept, err := url.ParseQuery(string(n.Public)); err != nil || kept.Has("sign") || kept.Has("token") {
			t.Errorf("kept: %q", n.Public)
		}
	})
}
