package wechatpay

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

func post(p *v2, t testing.TB, body string) (provider.Notice, error) {
	return p.Notice(t.Context(), provider.Inbound{Method: "POST", Body: []byte(body)})
}

// v2Paid are the members of a notice for the direct test account.
func v2Paid(change map[string]string) map[string]string {
	m := map[string]string{
		"appid": "wx2222222222222222", "mch_id": "1900000009", "openid": "oSecretPayer", "out_trade_no": "ORD-20261122_0001",
		"transaction_id": "4200", "total_fee": "1299", "fee_type": "EUR", "time_end": "20261122171500", "attach": "table 7",
	}
	maps.Copy(m, change)
	return m
}

func TestV2Notices(t *testing.T) {
	t.Parallel()
	paid := payment.Report{
		State: payment.Paid, Word: "SUCCESS", Account: "1900000009", No: "ORD-20261122_0001", SpTradeNo: "4200", TransactionID: "4200",
		Total: payment.Money{Amount: 1299, Currency: "EUR"}, PaidAt: v2Moment(v2Time, "20261122171500"),
	}
	with := func(change func(*payment.Report)) payment.Report {
		r := paid
		change(&r)
		return r
	}
	unpaid := func(state payment.ReportState, word string) payment.Report {
		return with(func(r *payment.Report) { r.State, r.Word, r.Total = state, word, payment.Money{} })
	}
	tests := []struct {
		name     string
		said     map[string]string
		want     payment.Report
		doorbell bool
	}{
		{"paid", nil, paid, false},
		{"by the item's appid", map[string]string{"appid": "wx3333333333333333"}, paid, false},
		{"yuan go without saying", map[string]string{"fee_type": ""}, with(func(r *payment.Report) { r.Total.Currency = "CNY" }), false},
		{"failed", map[string]string{"result_code": "FAIL"}, unpaid(payment.Pending, "PAYERROR"), false},
		{"new word", map[string]string{"result_code": "HALF"}, unpaid(payment.Unmapped, "HALF"), false},
		{"another merchant's, for the cashier to see", map[string]string{"mch_id": "1900000008"}, with(func(r *payment.Report) { r.Account = "1900000008" }), false},
		{"a shop's, for the cashier to see", map[string]string{"sub_mch_id": "1"}, with(func(r *payment.Report) { r.Account = "1900000009/1" }), false},
		{"another appid", map[string]string{"appid": "wx9"}, paid, true},
		{"another sub_appid", map[string]string{"sub_appid": "wx9"}, paid, true},
		{"no merchant", map[string]string{"mch_id": ""}, with(func(r *payment.Report) { r.Account = "" }), true},
		{"no number", map[string]string{"out_trade_no": ""}, with(func(r *payment.Report) { r.No = "" }), true},
		{"no number of WeChat's", map[string]string{"transaction_id": ""}, with(func(r *payment.Report) { r.SpTradeNo, r.TransactionID = "", "" }), true},
		{"no amount", map[string]string{"total_fee": ""}, with(func(r *payment.Report) { r.Total = payment.Money{} }), true},
		{"failed in transport", map[string]string{"return_code": "FAIL"}, paid, true},
		{"an attach that reads like an amount", map[string]string{"attach": "x&total_fee=1&zz="}, paid, true},
		{"an attach that reads like nothing", map[string]string{"attach": "a&b=c&total=1"}, paid, false},
	}
	for _, tt := range tests {
		for _, signType := range []string{hmacSHA256, md5Type} {
			t.Run(tt.name+" "+signType, func(t *testing.T) {
				t.Parallel()
				p := new(v2Fake).open(t, V2, v2Test(map[string]any{"sign_type": signType}))
				n, err := post(p, t, v2Signed(signType, v2Paid(tt.said)))
				if d := cmp.Diff(tt.want, n.Payment); err != nil || d != "" || n.Doorbell != tt.doorbell || n.Refund != nil || n.Probe {
					t.Errorf("Notice = %+v, %v %s", n, err, d)
				}
			})
		}
	}
}

// The text that is signed can be cut into other members: what a shopper writes into
// attach must not become an order number or an amount.
func TestV2NoticeRecut(t *testing.T) {
	t.Parallel()
	p := new(v2Fake).open(t, V2, v2Test(nil))
	attach := "x&mch_id=1900000009&out_trade_no=VICTIM&result_code=SUCCESS&return_code=SUCCESS&total_fee=99999&transaction_id=1&zz="
	genuine := v2Paid(map[string]string{"attach": attach, "return_code": "SUCCESS", "result_code": "SUCCESS"})
	sign := v2Sign(v2Key, hmacSHA256, genuine)
	before, rest, _ := strings.Cut(v2Canonical(genuine), "&zz=")
	recut := map[string]string{"zz": rest}
	for pair := range strings.SplitSeq(before, "&") {
		name, value, _ := strings.Cut(pair, "=")
		recut[name] = value
	}
	if v2Sign(v2Key, hmacSHA256, recut) != sign {
		t.Fatal("this is not the attack")
	}
	recut["sign"] = sign
	n, err := post(p, t, string(v2Write(recut)))
	if err != nil || !n.Doorbell || n.Payment.No != "VICTIM" {
		t.Errorf("Notice = %+v, %v, want no more than a doorbell", n, err)
	}
}

// v2Canonical is the text that is signed, without the key.
func v2Canonical(m map[string]string) string {
	var pairs []string
	for _, name := range sorted(m) {
		pairs = append(pairs, name+"="+m[name])
	}
	return strings.Join(pairs, "&")
}

func TestV2NoticePublic(t *testing.T) {
	t.Parallel()
	p := new(v2Fake).open(t, V2, v2Test(nil))
	n, err := post(p, t, v2Signed(hmacSHA256, v2Paid(map[string]string{"sub_openid": "oOther", "extra": "kept", "empty": ""})))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"return_code": "SUCCESS", "return_msg": "OK", "result_code": "SUCCESS", "appid": "wx2222222222222222", "mch_id": "1900000009",
		"out_trade_no": "ORD-20261122_0001", "transaction_id": "4200", "total_fee": "1299", "fee_type": "EUR",
		"time_end": "20261122171500", "attach": "table 7", "extra": "kept",
	}
	var got map[string]string
	if err := json.Unmarshal(n.Public, &got); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v %s", err, cmp.Diff(want, got))
	}
	n, err = post(p, t, refundBody(v2Key, "<root><out_trade_no>T1</out_trade_no><refund_recv_accout>招商银行 1234</refund_recv_accout></root>"))
	if err != nil || string(n.Public) != `{"appid":"wx2222222222222222","mch_id":"1900000009","out_trade_no":"T1"}` {
		t.Errorf("%s, %v", n.Public, err)
	}
}

func refundBody(key, root string) string {
	return string(v2Write(map[string]string{
		"return_code": "SUCCESS", "appid": "wx2222222222222222", "mch_id": "1900000009", "nonce_str": "n", "req_info": v2Seal(key, root),
	}))
}

func TestV2RefundNotices(t *testing.T) {
	t.Parallel()
	p := new(v2Fake).open(t, V2, v2Test(nil))
	counted := 0
	p.counted = func(string, string) { counted++ }
	for word, want := range map[string]payment.RefundStatus{
		"SUCCESS": payment.RefundSuccess, "CHANGE": payment.RefundAbnormal, "REFUNDCLOSE": payment.RefundClosed,
		"PROCESSING": payment.RefundProcessing, "NEW": "",
	} {
		n, err := post(p, t, refundBody(v2Key, "<root><out_refund_no>RF</out_refund_no><out_trade_no>T1</out_trade_no><refund_fee>5</refund_fee><refund_status>"+word+"</refund_status></root>"))
		if err != nil || !n.Doorbell || n.Payment != (payment.Report{No: "T1"}) || n.Refund.Status != want || n.Refund.Word != word ||
			n.Refund.No != "T1" || n.Refund.OutRefundNo != "RF" || !n.Refund.Fee.IsZero() {
			t.Errorf("%s: %+v %+v, %v", word, n, n.Refund, err)
		}
	}
	if counted != 1 {
		t.Errorf("counted %d times", counted)
	}
	good := "<root><out_trade_no>T1</out_trade_no></root>"
	raw, err := base64.StdEncoding.DecodeString(v2Seal(v2Key, good))
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)-1] ^= 1
	for name, body := range map[string]string{
		"another key":       refundBody("00000000000000000000000000000000", good),
		"not encrypted":     strings.Replace(refundBody(v2Key, good), v2Seal(v2Key, good), base64.StdEncoding.EncodeToString([]byte(good)), 1),
		"not base64":        strings.Replace(refundBody(v2Key, good), v2Seal(v2Key, good), "???", 1),
		"nothing in it":     strings.Replace(refundBody(v2Key, good), v2Seal(v2Key, good), "=", 1),
		"half a block":      strings.Replace(refundBody(v2Key, good), v2Seal(v2Key, good), v2Seal(v2Key, good)[:20], 1),
		"spoiled":           strings.Replace(refundBody(v2Key, good), v2Seal(v2Key, good), base64.StdEncoding.EncodeToString(raw), 1),
		"padded with zeros": strings.Replace(refundBody(v2Key, good), v2Seal(v2Key, good), padded(t, good+strings.Repeat("\x00", 16-len(good)%16)), 1),
		"padded unevenly":   strings.Replace(refundBody(v2Key, good), v2Seal(v2Key, good), padded(t, strings.Repeat("x", 29)+"\x02\x03\x03"), 1),
		"another root":      refundBody(v2Key, "<xml><out_trade_no>T1</out_trade_no></xml>"),
		"not XML":           refundBody(v2Key, "out_trade_no=T1"),
	} {
		_, err := post(p, t, body)
		is(t, name, err, provider.Forged)
	}
	if plain, err := v2Decrypt(v2Key, padded(t, strings.Repeat("x", 15)+"\x00")); err == nil {
		t.Errorf("a padding of nothing was taken: %q", plain)
	}
}

// padded encrypts whole blocks as they are.
func padded(t *testing.T, text string) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(v2Seal(v2Key, text))
	if err != nil || len(text)%16 != 0 {
		t.Fatal(err, len(text))
	}
	return base64.StdEncoding.EncodeToString(raw[:len(text)])
}

// However the genuine notice is changed, it must not be accepted.
func TestV2NoticeMutations(t *testing.T) {
	t.Parallel()
	v := load[v2NotifyFile](t, "v2-notify.json").Vectors[0]
	p := new(v2Fake).open(t, V2SP, v2SPTest(map[string]any{"sign_type": "MD5"}))
	before, err := post(p, t, v.Body)
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(what, body string) {
		t.Helper()
		n, err := post(p, t, body)
		if err == nil && !cmp.Equal(n, before) {
			t.Errorf("%s: accepted: %+v", what, n.Payment)
		}
		if k := provider.KindOf(err); err != nil && k != provider.Forged && k != provider.Malformed {
			t.Errorf("%s: %v", what, err)
		}
	}
	never := func(what, body string) {
		t.Helper()
		if n, err := post(p, t, body); err == nil {
			t.Errorf("%s: accepted: %+v", what, n.Payment)
		}
	}
	for i := range len(v.Body) {
		for bit := range 8 {
			mutant := []byte(v.Body)
			mutant[i] ^= 1 << bit
			refuse("a bit", string(mutant))
		}
		refuse("cut off", v.Body[:i])
		refuse("a byte less", v.Body[:i]+v.Body[i+1:])
	}
	m, err := v2Read([]byte(v.Body), "xml")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range m {
		less := maps.Clone(m)
		delete(less, name)
		never("without "+name, string(v2Write(less)))
		other := maps.Clone(m)
		other[name] = value + "0"
		never("another "+name, string(v2Write(other)))
		renamed := maps.Clone(less)
		renamed[strings.ToUpper(name)] = value
		never("renamed "+name, string(v2Write(renamed)))
		element := "<" + name + ">1</" + name + ">"
		never("doubled "+name, strings.Replace(v.Body, "</xml>", element+"</xml>", 1))
		never("doubled before "+name, strings.Replace(v.Body, "<xml>", "<xml>"+element, 1))
		never("nested "+name, strings.Replace(v.Body, "</xml>", "<x>"+element+"</x></xml>", 1))
		never("namespaced "+name, strings.Replace(v.Body, "</xml>", strings.ReplaceAll(element, name+">", "n:"+name+">")+"</xml>", 1))
	}
	for _, sign := range []string{"", strings.ToLower(m["sign"]), m["sign"] + "0", " " + m["sign"], v2Sign(v.Key, hmacSHA256, m), v2Sign("", md5Type, m)} {
		m["sign"] = sign
		never("sign "+sign, string(v2Write(m)))
	}
	never("an element more", strings.Replace(v.Body, "</xml>", "<more>1</more></xml>", 1))
	never("req_info", strings.Replace(v.Body, "</xml>", "<req_info>AAAA</req_info></xml>", 1))

	other := new(v2Fake).open(t, V2SP, v2SPTest(map[string]any{"sign_type": "MD5", "key": "00000000000000000000000000000000"}))
	_, err = post(other, t, v.Body)
	is(t, "another key", err, provider.Forged)
	stronger := new(v2Fake).open(t, V2SP, v2SPTest(nil))
	_, err = post(stronger, t, v.Body)
	is(t, "the weaker type", err, provider.Forged)
}

// Order, blanks between elements and XML's ways to write the same text do not matter.
func TestV2NoticeSameMeaning(t *testing.T) {
	t.Parallel()
	p := new(v2Fake).open(t, V2, v2Test(nil))
	m := v2Paid(map[string]string{"attach": "茶 & <b> ]]>", "return_code": "SUCCESS", "result_code": "SUCCESS"})
	m["sign"] = v2Sign(v2Key, hmacSHA256, m)
	want, err := post(p, t, string(v2Write(m)))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		var b bytes.Buffer
		b.WriteString(rapid.SampledFrom([]string{"", `<?xml version="1.0" encoding="UTF-8"?>`, "<?xml version='1.0'?>\n"}).Draw(r, "head") + "<xml>")
		for _, name := range rapid.Permutation(sorted(m)).Draw(r, "order") {
			value := "<![CDATA[" + strings.ReplaceAll(m[name], "]]>", "]]]]><![CDATA[>") + "]]>"
			if rapid.Bool().Draw(r, "escaped") {
				value = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "茶", "&#33590;").Replace(m[name])
			}
			b.WriteString(rapid.SampledFrom([]string{"", " ", "\r\n\t"}).Draw(r, "between") + "<" + name + ">" + value + "</" + name + ">")
		}
		b.WriteString("<empty/></xml>\n")
		got, err := post(p, t, b.String())
		if d := cmp.Diff(want, got); err != nil || d != "" {
			r.Errorf("%v %s: %s", err, d, b.String())
		}
	})
}
