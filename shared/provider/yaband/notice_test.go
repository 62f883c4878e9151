package yaband

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// paidVector is the body of the genuine notice among the vectors.
func paidVector(t testing.TB) string {
	t.Helper()
	for _, v := range vectors(t, "yaband.json") {
		if v.ID == "yaband-notify-paid" {
			var body string
			if err := json.Unmarshal(v.Body, &body); err != nil {
				t.Fatal(err)
			}
			return body
		}
	}
	t.Fatal("vector yaband-notify-paid is missing")
	return ""
}

func read(c *client, body string) (provider.Notice, error) {
	return c.Notice(context.Background(), provider.Inbound{Method: http.MethodPost, Body: []byte(body)})
}

// notice signs members as a sender does that signs empty values too.
func notice(data map[string]string) string { return signed(data, nil) }

func signed(data map[string]string, keep func(_, value string) bool) string {
	raw, err := json.Marshal(map[string]any{"data": data, "sign": wire.HMAC(testKey, wire.Pairs(data, keep))})
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func paid(more map[string]string) map[string]string {
	data := map[string]string{"type": "payment", "user": "016683", "order_id": "T1", "trade_id": testTrade,
		"amount": "1.00", "currency": "EUR", "state": "paid"}
	maps.Copy(data, more)
	return data
}

func TestNoticeVectors(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, v := range vectors(t, "yaband.json") {
		if v.Kind != "notify" {
			continue
		}
		seen++
		var body string
		if err := json.Unmarshal(v.Body, &body); err != nil {
			t.Fatal(err)
		}
		n, err := read(plain(t, http.DefaultClient), body)
		if v.Expect == "reject" {
			kindIs(t, err, provider.Forged)
			continue
		}
		total, _ := payment.ParseDecimal(v.Parsed["amount"], v.Parsed["currency"])
		want := payment.Report{State: payment.Paid, Word: v.Parsed["state"], Account: "016683", No: v.Parsed["order_id"], Total: total,
			SpTradeNo: v.Parsed["trade_id"], TransactionID: "4200000298201905227377147799", PaidAt: time.Unix(1558512000, 0).UTC()}
		if d := cmp.Diff(want, n.Payment); err != nil || d != "" || n.Doorbell || n.Probe || n.Refund != nil {
			t.Errorf("%s: %v %s %+v", v.ID, err, d, n)
		}
	}
	if seen != 2 {
		t.Errorf("%d vectors, want 2", seen)
	}
}

// However the genuine notice is changed, it must not be accepted.
func TestNoticeMutations(t *testing.T) {
	t.Parallel()
	c, body := plain(t, http.DefaultClient), paidVector(t)
	before, err := read(c, body)
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(what, mutant string) {
		t.Helper()
		n, err := read(c, mutant)
		if err == nil {
			t.Errorf("%s: accepted: %+v", what, n.Payment)
		}
		if k := provider.KindOf(err); err != nil && k != provider.Forged && k != provider.Malformed {
			t.Errorf("%s: kind %q", what, k)
		}
	}
	for i := range len(body) {
		for bit := range 8 {
			mutant := []byte(body)
			mutant[i] ^= 1 << bit
			refuse(fmt.Sprintf("byte %d bit %d", i, bit), string(mutant))
		}
	}
	var doc struct {
		Sign string
		Data map[string]string
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	write := func(sign string, data any) string {
		raw, err := json.Marshal(map[string]any{"sign": sign, "data": data})
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	for name, value := range doc.Data {
		less := maps.Clone(doc.Data)
		delete(less, name)
		if value != "" { // an empty member may be there or not: it says nothing
			refuse("without "+name, write(doc.Sign, less))
		}
		pair := fmt.Sprintf("%q:%q", name, value)
		refuse("doubled "+name, strings.Replace(body, pair, pair+","+pair, 1))
		refuse("doubled, other value "+name, strings.Replace(body, pair, fmt.Sprintf("%q:%q,", name, "x")+pair, 1))
		refuse("escaped double of "+name, strings.Replace(body, pair, fmt.Sprintf(`"\u%04x%s":%q,`, name[0], name[1:], "x")+pair, 1))
		more := maps.Clone(doc.Data)
		more[name+"2"] = "1"
		refuse("with "+name+"2", write(doc.Sign, more))
		renamed := maps.Clone(less)
		renamed[strings.ToUpper(name)] = value
		if value != "" {
			refuse("renamed "+name, write(doc.Sign, renamed))
		}
	}
	for _, sign := range []string{"", strings.ToUpper(doc.Sign), doc.Sign[:63], doc.Sign + "0", " " + doc.Sign, wire.HMAC("", before.Payment.No)} {
		refuse("sign "+sign, write(sign, doc.Data))
	}
	refuse("no sign", strings.Replace(body, `"sign"`, `"Sign"`, 1))
	refuse("two signs", strings.Replace(body, `{"sign"`, `{"sign":"x","sign"`, 1))
	refuse("two data", strings.Replace(body, `"data"`, `"data":{},"data"`, 1))
	refuse("no data", `{"sign":"`+doc.Sign+`"}`)
	refuse("data after case", strings.Replace(body, `"data"`, `"DATA"`, 1))
	refuse("trailing", body+"{}")

	other := account(t, http.DefaultClient, `{"mchid":"016683","key":"test-secret-key-0002"}`)
	_, err = read(other, body)
	kindIs(t, err, provider.Forged)
	foreign := account(t, http.DefaultClient, `{"mchid":"016684","key":"`+testKey+`"}`)
	_, err = read(foreign, body)
	kindIs(t, err, provider.Forged)
}

// Order, blanks, and JSON's ways to write the same text do not matter.
func TestNoticeSameMeaning(t *testing.T) {
	t.Parallel()
	c := plain(t, http.DefaultClient)
	data := paid(map[string]string{"demo": "", "description": "50% +1 Köln", "tip_amount": "0", "paid_time": "1558512000"})
	sign := wire.HMAC(testKey, wire.Pairs(data, nil))
	want, err := read(c, notice(data))
	if err != nil {
		t.Fatal(err)
	}
	same := func(what, body string) {
		t.Helper()
		got, err := read(c, body)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Error(what, err, d)
		}
	}
	same("empty ones not signed", signed(data, func(_, v string) bool { return v != "" }))
	same("as a form", formField+url.QueryEscape(notice(data)))
	same("as a form, not encoded", formField+notice(data))
	same("blanks around", "\r\n "+notice(data)+"\n")
	same("numbers", strings.NewReplacer(`"1558512000"`, `1558512000`, `"1.00"`, `1.00`, `"0"`, `0`, `"demo":""`, `"demo":null`).Replace(notice(data)))
	rapid.Check(t, func(r *rapid.T) {
		names := rapid.Permutation(slices.Sorted(maps.Keys(data))).Draw(r, "order")
		var b bytes.Buffer
		for i, name := range names {
			if i > 0 {
				b.WriteString(",")
			}
			fmt.Fprintf(&b, "%q:%q", name, data[name])
		}
		same("reordered", `{"data":{`+b.String()+`},"sign":"`+sign+`"}`)
	})
}

func TestNoticeOfACard(t *testing.T) {
	t.Parallel()
	flat := paid(map[string]string{"3ds_status": "Y", "3ds_version": "2.1.0"})
	sign := wire.HMAC(testKey, wire.Pairs(flat, nil))
	shape := func(nested string) string {
		raw, err := json.Marshal(paid(nil))
		if err != nil {
			t.Fatal(err)
		}
		return `{"sign":"` + sign + `","data":{"3ds":` + nested + `,` + string(raw[1:]) + `}`
	}
	plainSign := wire.HMAC(testKey, wire.Pairs(paid(nil), nil))
	for _, tt := range []struct {
		name, body string
		want       provider.Kind // 0, Unknown: accepted
	}{
		{"nested", shape(`{"3ds_status":"Y","3ds_version":"2.1.0"}`), 0},
		{"flat", notice(flat), 0},
		{"empty list", strings.Replace(shape(`[]`), sign, plainSign, 1), 0},
		{"empty text", strings.Replace(shape(`""`), sign, plainSign, 1), 0},
		{"other value", shape(`{"3ds_status":"N","3ds_version":"2.1.0"}`), provider.Forged},
		{"other name", shape(`{"3ds_status":"Y","3ds_Version":"2.1.0"}`), provider.Forged},
		{"list", shape(`[1]`), provider.Forged},
		{"scalar", shape(`7`), provider.Forged},
		{"hides a member", shape(`{"3ds_status":"Y","3ds_version":"2.1.0","state":"paid"}`), provider.Malformed},
		{"doubled inside", shape(`{"3ds_status":"Y","3ds_status":"Y","3ds_version":"2.1.0"}`), provider.Malformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n, err := read(plain(t, http.DefaultClient), tt.body)
			if tt.want != 0 {
				kindIs(t, err, tt.want)
			} else if err != nil || n.Doorbell || n.Payment.State != payment.Paid {
				t.Errorf("%+v, %v", n, err)
			}
		})
	}
}

func TestNoticeBelief(t *testing.T) {
	t.Parallel()
	refund := map[string]string{"type": "refund", "user": "016683", "order_id": "T1", "trade_id": testTrade, "state": "refunded",
		"m_refund_id": "R1", "refund_id": "Y1", "refund_amount": "0.50", "refund_currency": "EUR", "refund_time": "1558512000"}
	without := func(m map[string]string, names ...string) map[string]string {
		m = maps.Clone(m)
		for _, name := range names {
			delete(m, name)
		}
		return m
	}
	with := func(m map[string]string, name, value string) map[string]string {
		m = maps.Clone(m)
		m[name] = value
		return m
	}
	for _, tt := range []struct {
		name     string
		in       map[string]string
		doorbell bool
	}{
		{"payment", paid(nil), false},
		{"payment without order_id", without(paid(nil), "order_id"), true},
		{"payment without amount", without(paid(nil), "amount"), true},
		{"payment without currency", without(paid(nil), "currency"), true},
		{"refund", refund, false},
		{"refund without order_id", without(refund, "order_id"), false},
		{"refund as the sources list it", without(refund, "order_id", "user"), false},
		{"refund without order_id and trade_id", without(refund, "order_id", "trade_id"), true},
		{"payment without user", without(paid(nil), "user"), false},
		{"refund without m_refund_id", without(refund, "m_refund_id"), false},
		{"refund with an empty m_refund_id", with(refund, "m_refund_id", ""), false},
		{"refund without refund_id", without(refund, "refund_id"), false},
		{"refund without either number", without(refund, "m_refund_id", "refund_id"), true},
		{"refund without amount", without(refund, "refund_amount"), true},
		{"refund without m_refund_id and order_id", without(refund, "m_refund_id", "order_id"), false},
		{"refund without m_refund_id and amount", without(refund, "m_refund_id", "refund_amount"), true},
		{"refund without m_refund_id and currency", without(refund, "m_refund_id", "refund_currency"), true},
		{"refund whose m_refund_id hides in a text", with(without(refund, "m_refund_id"), "demo", "x&m_refund_id=R1"), true},
		{"refund whose m_refund_id is beside another in a text", with(refund, "demo", "x&m_refund_id=R2"), true},
		{"payment whose transaction_id hides in a text", paid(map[string]string{"description": "x&transaction_id=42"}), true},
		{"another type", paid(map[string]string{"type": "settlement"}), true},
		{"no type", without(paid(nil), "type"), true},
		{"a text that reads like members", paid(map[string]string{"description": "x&state=paid&user=016683"}), true},
		{"a name that reads like a member", paid(map[string]string{"demo=&state": "paid"}), true},
		{"a text that does not", paid(map[string]string{"description": "Tea & cake, state=fine"}), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n, err := read(plain(t, http.DefaultClient), notice(tt.in))
			if err != nil || n.Doorbell != tt.doorbell || (tt.in["type"] == "refund") != (n.Refund != nil) {
				t.Errorf("%+v, %v; want doorbell %v", n, err, tt.doorbell)
			}
		})
	}
	n, err := read(plain(t, http.DefaultClient), notice(refund))
	want := &payment.RefundReport{Status: payment.RefundSuccess, Word: "refunded", Account: "016683", No: "T1", SpTradeNo: testTrade, OutRefundNo: "R1",
		RefundID: "Y1", Fee: eur(50), SucceededAt: time.Unix(1558512000, 0).UTC()}
	if d := cmp.Diff(want, n.Refund); err != nil || d != "" {
		t.Error(err, d)
	}
}

// A refund that was made at YabandPay's own desk: m_refund_id is null, and signed
// as empty or not at all.
func TestNoticeOfTheDesk(t *testing.T) {
	t.Parallel()
	data := map[string]string{"type": "refund", "user": "016683", "order_id": "T1", "trade_id": testTrade, "state": "refunded",
		"m_refund_id": "", "refund_id": "Y1", "refund_amount": "0.50", "refund_currency": "EUR", "refund_time": "1558512000"}
	want := &payment.RefundReport{Status: payment.RefundSuccess, Word: "refunded", Account: "016683", No: "T1", SpTradeNo: testTrade,
		RefundID: "Y1", Fee: eur(50), SucceededAt: time.Unix(1558512000, 0).UTC()}
	for name, body := range map[string]string{
		"signed as empty": notice(data), "not signed": signed(data, func(_, v string) bool { return v != "" }),
	} {
		n, err := read(plain(t, http.DefaultClient), strings.Replace(body, `"m_refund_id":""`, `"m_refund_id":null`, 1))
		if d := cmp.Diff(want, n.Refund); err != nil || d != "" || n.Doorbell {
			t.Error(name, err, d, n.Doorbell)
		}
	}
}

// Whoever sees a notice of a refund of ours must not make it one of the desk's, with
// the same signature: it would count a second time.
func TestNoticeFolded(t *testing.T) {
	t.Parallel()
	data := map[string]string{"type": "refund", "user": "016683", "order_id": "T1", "trade_id": testTrade, "state": "refunded", "demo": "x",
		"m_refund_id": "R1", "refund_id": "Y1", "refund_amount": "0.50", "refund_currency": "EUR"}
	sign := wire.HMAC(testKey, wire.Pairs(data, nil))
	names := slices.Sorted(maps.Keys(data))
	for i, name := range names[1:] {
		folded := maps.Clone(data)
		delete(folded, name)
		folded[names[i]] += "&" + name + "=" + data[name]
		raw, err := json.Marshal(map[string]any{"data": folded, "sign": sign})
		if err != nil {
			t.Fatal(err)
		}
		n, err := read(plain(t, http.DefaultClient), string(raw))
		if err == nil && !n.Doorbell {
			t.Errorf("%s inside %s: believed: %+v", name, names[i], n.Refund)
		}
		if k := provider.KindOf(err); err != nil && k != provider.Forged && k != provider.Malformed {
			t.Errorf("%s inside %s: %v", name, names[i], err)
		}
	}
}

func TestNoticeMalformed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in string }{
		{"nothing", ""}, {"null", "null"}, {"a list", "[]"}, {"a text", `"x"`}, {"cut", `{"sign":"x","data":{`},
		{"data is null", `{"sign":"x","data":null}`}, {"data is a list", `{"sign":"x","data":[]}`}, {"data is a text", `{"sign":"x","data":"y"}`},
		{"a form of nothing", formField}, {"a form that is not encoded well", formField + "%7B%zz"}, {"another form", "a=b"},
		{"doubled in data that is a text", `{"sign":"x","data":"{\"a\":1,\"a\":2}"}`},
		{"doubled deep inside", `{"sign":"x","data":{"a":[{"b":1,"b":2}]}}`},
		{"payment's amount", notice(paid(map[string]string{"amount": "1,00"}))},
		{"payment's currency", notice(paid(map[string]string{"currency": "EURO"}))},
		{"refund's amount", notice(map[string]string{"type": "refund", "user": "016683", "refund_amount": "-1", "refund_currency": "EUR"})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := read(plain(t, http.DefaultClient), tt.in)
			kindIs(t, err, provider.Malformed)
		})
	}
}

func TestNoticePublic(t *testing.T) {
	t.Parallel()
	body := notice(paid(map[string]string{"demo": "o-openid", "description": "for Li Lei", "buyer_email": "li@example.com", "note": ""}))
	n, err := read(plain(t, http.DefaultClient), body)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"amount":"1.00","buyer_email":"[removed]","currency":"EUR","demo":"[removed]","description":"[removed]","note":"",` +
		`"order_id":"T1","state":"paid","trade_id":"` + testTrade + `","type":"payment","user":"[removed]"}`
	if d := cmp.Diff(want, string(n.Public)); d != "" {
		t.Error(d)
	}
}

func TestAck(t *testing.T) {
	t.Parallel()
	if d := cmp.Diff(provider.Reply{Status: 200, ContentType: "text/plain", Body: "ok"}, plain(t, http.DefaultClient).Ack()); d != "" {
		t.Error(d)
	}
}

func FuzzNotice(f *testing.F) {
	body := paidVector(f)
	f.Add([]byte(body))
	f.Add([]byte(formField + url.QueryEscape(body)))
	f.Add([]byte(notice(paid(map[string]string{"state": "nobody's", "3ds": `{"3ds_status":"Y"}`}))))
	f.Add([]byte(`{"sign":"","data":{"3ds":[],"a":{"b":[null,{}]}}}`))
	c := plain(f, http.DefaultClient)
	genuineReport, err := read(c, body)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		n, err := c.Notice(context.Background(), provider.Inbound{Method: http.MethodPost, Body: in})
		if err != nil {
			if k := provider.KindOf(err); k != provider.Forged && k != provider.Malformed {
				t.Errorf("kind %q", k)
			}
			return
		}
		if !json.Valid(n.Public) {
			t.Errorf("public is not JSON: %s", n.Public)
		}
		if strings.Contains(string(in), genuineReport.Payment.No) && !n.Doorbell && !cmp.Equal(genuineReport.Payment, n.Payment) {
			t.Errorf("the genuine notice was read as %+v", n.Payment)
		}
	})
}
