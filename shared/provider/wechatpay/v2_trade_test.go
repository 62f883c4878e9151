package wechatpay

import (
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// What goes out is what the facts list, and verifies.
func TestV2Create(t *testing.T) {
	t.Parallel()
	common := map[string]string{
		"body": "Tea & gift <茶>", "attach": "a", "out_trade_no": "ORD-20261122_0001", "fee_type": "EUR", "total_fee": "1299",
		"spbill_create_ip": "203.0.113.7", "notify_url": "https://pay.example.test/notify/v3/default/ORD-20261122_0001",
		"trade_type": "JSAPI", "sign_type": "HMAC-SHA256", "version": "1.0",
		"time_start": "20261123011503", "time_expire": "20261123031503",
	}
	tests := []struct {
		name  string
		d     provider.Descriptor
		set   map[string]any
		appID string
		url   string
		want  map[string]string
		payer string
	}{
		{"direct", V2, nil, "", "https://apihk.mch.weixin.qq.com/pay/unifiedorder",
			map[string]string{"appid": "wx2222222222222222", "mch_id": "1900000009", "openid": "oSubOpenIdExample0000000001"}, "wx2222222222222222"},
		{"direct, frozen appid", V2, nil, "wx7777777777777777", "https://apihk.mch.weixin.qq.com/pay/unifiedorder",
			map[string]string{"appid": "wx7777777777777777", "mch_id": "1900000009", "openid": "oSubOpenIdExample0000000001"}, "wx7777777777777777"},
		{"direct, the item's appid", V2, map[string]any{"appid": ""}, "", "https://apihk.mch.weixin.qq.com/pay/unifiedorder",
			map[string]string{"appid": "wx3333333333333333", "mch_id": "1900000009", "openid": "oSubOpenIdExample0000000001"}, "wx3333333333333333"},
		{"mainland", V2, map[string]any{"base_url": "https://api.mch.weixin.qq.com"}, "", "https://api.mch.weixin.qq.com/pay/unifiedorder",
			map[string]string{"appid": "wx2222222222222222", "mch_id": "1900000009", "openid": "oSubOpenIdExample0000000001", "version": ""}, "wx2222222222222222"},
		{"MD5, Americas", V2, map[string]any{"sign_type": "MD5", "base_url": "https://apius.mch.weixin.qq.com/"}, "", "https://apius.mch.weixin.qq.com/pay/unifiedorder",
			map[string]string{"appid": "wx2222222222222222", "mch_id": "1900000009", "openid": "oSubOpenIdExample0000000001", "sign_type": "MD5"}, "wx2222222222222222"},
		{"provider", V2SP, nil, "", "https://apihk.mch.weixin.qq.com/pay/unifiedorder", map[string]string{
			"appid": "wx1111111111111111", "mch_id": "1900000001", "sub_appid": "wx2222222222222222", "sub_mch_id": "1900000002",
			"sub_openid": "oSubOpenIdExample0000000001"}, "wx2222222222222222"},
		{"provider, the item's appid", V2SP, map[string]any{"sub_appid": ""}, "", "https://apihk.mch.weixin.qq.com/pay/unifiedorder", map[string]string{
			"appid": "wx1111111111111111", "mch_id": "1900000001", "sub_appid": "wx3333333333333333", "sub_mch_id": "1900000002",
			"sub_openid": "oSubOpenIdExample0000000001"}, "wx3333333333333333"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := answering(map[string]string{"prepay_id": "wx42", "trade_type": "JSAPI"})
			set := v2Test(tt.set)
			if tt.d.Name == "v2sp" {
				set = v2SPTest(tt.set)
			}
			p := f.open(t, tt.d, set)
			c := testCreate("EUR")
			c.AppID, c.TimeCreate = tt.appID, testNow
			made, err := p.Create(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Create(t.Context(), c); err != nil || f.raw[0] != f.raw[1] {
				t.Errorf("a repeated create is not the same to the byte: %v", err)
			}
			sent := f.sent[0]
			want := maps.Clone(common)
			maps.Copy(want, tt.want)
			want["nonce_str"] = sent["nonce_str"]
			want["sign"] = v2Sign(v2Key, want["sign_type"], want)
			maps.DeleteFunc(want, func(_, value string) bool { return value == "" })
			if d := cmp.Diff(want, sent); d != "" || f.urls[0] != tt.url || len(sent["nonce_str"]) != 32 {
				t.Errorf("%s: %s", f.urls[0], d)
			}
			pay := *made.Payment
			if pay.Package != "prepay_id=wx42" || pay.SignType != want["sign_type"] || pay.TimeStamp != "1795367703" ||
				pay.PaySign != v2PaySign(v2Key, tt.payer, pay) {
				t.Errorf("%+v", pay)
			}
			c.Total.Amount++
			if _, err := p.Create(t.Context(), c); err != nil || f.sent[2]["nonce_str"] == sent["nonce_str"] {
				t.Errorf("another create has the same nonce_str: %v", err)
			}
		})
	}
}

// What XML cannot carry is dropped before it is signed, so that both sides sign the same.
func TestV2CreateOddText(t *testing.T) {
	t.Parallel()
	f := answering(map[string]string{"prepay_id": "wx42"})
	p := f.open(t, V2, v2Test(nil))
	c := testCreate("EUR")
	c.Body, c.Attach = "a\x00b\r\nc\xff]]>\uFFFE", "\x01"
	if _, err := p.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	sent := f.sent[0]
	if _, has := sent["attach"]; has || sent["body"] != "ab\nc]]>" || sent["sign"] != v2Sign(v2Key, hmacSHA256, sent) {
		t.Errorf("sent %q", sent)
	}
}

func TestV2CreateRefuses(t *testing.T) {
	t.Parallel()
	f := answering(map[string]string{"prepay_id": "wx42"})
	p := f.open(t, V2, v2Test(nil))
	c := testCreate("EUR")
	c.Method = payment.Alipay
	_, err := p.Create(t.Context(), c)
	is(t, "alipay", err, provider.NotSupported)
	c = testCreate("EUR")
	c.OpenID = ""
	_, err = p.Create(t.Context(), c)
	is(t, "no openid", err, provider.NotSupported)
	if len(f.sent) > 0 {
		t.Error("WeChat was asked")
	}
	for what, said := range map[string]map[string]string{
		"no prepay_id":      {},
		"another appid":     {"prepay_id": "wx42", "appid": "wx9"},
		"another sub_appid": {"prepay_id": "wx42", "sub_appid": "wx9"},
	} {
		_, err := answering(said).open(t, V2, v2Test(nil)).Create(t.Context(), testCreate("EUR"))
		is(t, what, err, provider.Unknown)
	}
	// The payer's empty purse is a no, not the shop's balance.
	_, err = answering(map[string]string{"result_code": "FAIL", "err_code": "NOTENOUGH"}).open(t, V2, v2Test(nil)).Create(t.Context(), testCreate("EUR"))
	is(t, "NOTENOUGH", err, provider.Declined)
}

func TestV2Query(t *testing.T) {
	t.Parallel()
	paidAt := time.Date(2026, 11, 22, 9, 15, 0, 0, time.UTC)
	full := map[string]string{
		"out_trade_no": "ORD-20261122_0001", "transaction_id": "4200", "total_fee": "1299", "fee_type": "EUR", "time_end": "20261122171500",
		"cash_fee": "10132", "cash_fee_type": "CNY", "settlement_total_fee": "1200", "rate": "778900000", "mch_id": "1900000009",
		"trade_state": "SUCCESS",
	}
	with := func(change map[string]string) map[string]string {
		m := maps.Clone(full)
		maps.Copy(m, change)
		return m
	}
	report := func(state payment.ReportState, word string, amount int64, currency string) payment.Report {
		return payment.Report{
			State: state, Word: word, Account: "1900000009", No: "ORD-20261122_0001", SpTradeNo: "4200", TransactionID: "4200",
			Total: payment.Money{Amount: amount, Currency: currency}, PaidAt: paidAt,
		}
	}
	tests := []struct {
		name    string
		said    map[string]string
		want    payment.Report
		counted int
	}{
		{"paid", full, report(payment.Paid, "SUCCESS", 1299, "EUR"), 0},
		{"yuan go without saying", with(map[string]string{"fee_type": ""}), report(payment.Paid, "SUCCESS", 1299, "CNY"), 0},
		{"the other spelling", with(map[string]string{"mch_id": "", "mchid": "1900000009"}), report(payment.Paid, "SUCCESS", 1299, "EUR"), 0},
		{"unreadable amount", with(map[string]string{"total_fee": "12.99"}), report(payment.Paid, "SUCCESS", 0, ""), 0},
		{"signed amount", with(map[string]string{"total_fee": "+1299"}), report(payment.Paid, "SUCCESS", 0, ""), 0},
		{"not paid", with(map[string]string{"trade_state": "NOTPAY"}), report(payment.Pending, "NOTPAY", 0, ""), 0},
		{"being paid", with(map[string]string{"trade_state": "USERPAYING"}), report(payment.Pending, "USERPAYING", 0, ""), 0},
		{"deduction", with(map[string]string{"trade_state": "ACCEPT"}), report(payment.Pending, "ACCEPT", 0, ""), 0},
		{"failed", with(map[string]string{"trade_state": "PAYERROR"}), report(payment.Pending, "PAYERROR", 0, ""), 0},
		{"closed", with(map[string]string{"trade_state": "CLOSED"}), report(payment.Over, "CLOSED", 0, ""), 0},
		{"revoked", with(map[string]string{"trade_state": "REVOKED"}), report(payment.Over, "REVOKED", 0, ""), 0},
		{"new word", with(map[string]string{"trade_state": "FROZEN"}), report(payment.Unmapped, "FROZEN", 0, ""), 1},
		{"no word", with(map[string]string{"trade_state": ""}), report(payment.Unmapped, "", 0, ""), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := answering(tt.said)
			p := f.open(t, V2, v2Test(nil))
			counted := 0
			p.counted = func(string, string) { counted++ }
			for _, id := range []string{"", "4200"} {
				trade := testTrade
				trade.TransactionID = id
				got, err := p.Query(t.Context(), trade)
				if d := cmp.Diff(tt.want, got); err != nil || d != "" {
					t.Errorf("Query = %v %s", err, d)
				}
			}
			if counted != 2*tt.counted {
				t.Errorf("counted %d times", counted)
			}
			if f.sent[0]["out_trade_no"] != testTrade.No || f.sent[0]["transaction_id"] != "" || f.sent[1]["transaction_id"] != "4200" || f.sent[1]["out_trade_no"] != "" {
				t.Errorf("asked %v", f.sent)
			}
		})
	}
}

// An answer that is for somebody else, or cannot be believed, leaves everything open.
func TestV2AnswersNotBelieved(t *testing.T) {
	t.Parallel()
	genuine := map[string]string{"out_trade_no": testTrade.No, "mch_id": "1900000009", "trade_state": "SUCCESS", "total_fee": "1299"}
	signed := func(key, signType string, change map[string]string) string {
		m := map[string]string{"return_code": "SUCCESS", "result_code": "SUCCESS"}
		maps.Copy(m, genuine)
		maps.Copy(m, change)
		m["sign"] = v2Sign(key, signType, m)
		return string(v2Write(m))
	}
	right := signed(v2Key, hmacSHA256, nil)
	tests := map[string]string{
		"another order":      signed(v2Key, hmacSHA256, map[string]string{"out_trade_no": "ORD-20261122_0002"}),
		"no order":           signed(v2Key, hmacSHA256, map[string]string{"out_trade_no": ""}),
		"another merchant":   signed(v2Key, hmacSHA256, map[string]string{"mch_id": "1900000008"}),
		"a shop's":           signed(v2Key, hmacSHA256, map[string]string{"sub_mch_id": "1900000008"}),
		"another key":        signed("00000000000000000000000000000000", hmacSHA256, nil),
		"the weaker type":    signed(v2Key, md5Type, nil),
		"no sign":            v2Unsign(right),
		"lower-case sign":    strings.ToLower(right),
		"no return_code":     signed(v2Key, hmacSHA256, map[string]string{"return_code": ""}),
		"odd return_code":    signed(v2Key, hmacSHA256, map[string]string{"return_code": "OK"}),
		"no result_code":     signed(v2Key, hmacSHA256, map[string]string{"result_code": ""}),
		"odd result_code":    signed(v2Key, hmacSHA256, map[string]string{"result_code": "OK"}),
		"half of it":         right[:len(right)/2],
		"something after it": right + "<xml></xml>",
		"HTML":               "<!doctype html><p>502",
		"nothing":            " ",
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := (&v2Fake{body: body}).open(t, V2, v2Test(nil))
			if r, err := p.Query(t.Context(), testTrade); err == nil || provider.KindOf(err) != provider.Unknown {
				t.Errorf("Query = %+v, %v, want an unknown outcome", r, err)
			}
		})
	}
	p := (&v2Fake{body: right}).open(t, V2, v2Test(nil))
	if _, err := p.Query(t.Context(), testTrade); err != nil {
		t.Errorf("the genuine one: %v", err)
	}
	p = (&v2Fake{body: right, status: 404}).open(t, V2, v2Test(nil))
	_, err := p.Query(t.Context(), testTrade)
	is(t, "HTTP 404", err, provider.Unknown)
	p = (&v2Fake{body: right, status: 503}).open(t, V2, v2Test(nil))
	_, err = p.Query(t.Context(), testTrade)
	is(t, "HTTP 503", err, provider.Unknown)
	p.base = "http://[::1"
	_, err = p.Query(t.Context(), testTrade)
	is(t, "no URL", err, provider.NotSent)
}

// v2Unsign takes the sign out of a message.
func v2Unsign(body string) string {
	before, rest, _ := strings.Cut(body, "<sign>")
	_, after, _ := strings.Cut(rest, "</sign>")
	return before + after
}

// An answer to a provider may leave out the shop that was asked about, but name no
// other one. A notice stays as it is: the cashier compares its account.
func TestV2AnswersWithoutShop(t *testing.T) {
	t.Parallel()
	for ids, believed := range map[[2]string]bool{
		{"1900000001", ""}: true, {"1900000001", "1900000002"}: true, {"", ""}: true,
		{"1900000001", "1900000008"}: false, {"1900000008", ""}: false, {"", "1900000002"}: false,
	} {
		said := map[string]string{
			"mch_id": ids[0], "sub_mch_id": ids[1], "out_trade_no": testTrade.No, "trade_state": "SUCCESS", "total_fee": "1299",
		}
		r, err := answering(said).open(t, V2SP, v2SPTest(nil)).Query(t.Context(), testTrade)
		if !believed {
			is(t, strings.Join(ids[:], "/"), err, provider.Unknown)
		} else if err != nil || ids[0] != "" && r.Account != "1900000001/1900000002" {
			t.Errorf("%q: %+v, %v", ids, r, err)
		}
	}
	n, err := post(new(v2Fake).open(t, V2SP, v2SPTest(nil)), t, v2Signed(hmacSHA256, v2Paid(map[string]string{"appid": "", "mch_id": "1900000001"})))
	if err != nil || n.Payment.Account != "1900000001" {
		t.Errorf("a notice without its shop: %+v, %v", n, err)
	}
}

func TestV2QueryRefunded(t *testing.T) {
	t.Parallel()
	order := map[string]string{"out_trade_no": testTrade.No, "trade_state": "REFUND"}
	refunds := map[string]string{
		"out_trade_no": testTrade.No, "transaction_id": "4200", "total_fee": "1299", "fee_type": "EUR",
		"refund_count": "3", "total_refund_count": "3",
		"out_refund_no_0": "RF-0", "refund_fee_0": "300", "refund_status_0": "SUCCESS",
		"out_refund_no_1": "RF-1", "refund_fee_1": "99", "refund_status_1": "PROCESSING",
		"refund_id_2": "5030", "refund_fee_2": "1", "refund_status_2": "SUCCESS",
	}
	with := func(m map[string]string, change map[string]string) map[string]string {
		m = maps.Clone(m)
		maps.Copy(m, change)
		return m
	}
	eur := func(amount int64) payment.Money { return payment.Money{Amount: amount, Currency: "EUR"} }
	failed := map[string]string{"result_code": "FAIL", "err_code": "REFUNDNOTEXIST"}
	stated := map[string]string{"total_fee": "1299", "fee_type": "EUR", "transaction_id": "4200"}
	tests := []struct {
		name           string
		order, refunds map[string]string
		total, back    payment.Money
		kind           provider.Kind
	}{
		{"amounts only with the refunds", order, refunds, eur(1299), eur(301), 0},
		{"amounts with both", with(order, stated), refunds, eur(1299), eur(301), 0},
		{"refunds cannot be asked about", with(order, stated), failed, eur(1299), payment.Money{}, 0},
		{"refunds of another order", with(order, stated), with(refunds, map[string]string{"out_trade_no": "X"}), eur(1299), payment.Money{}, 0},
		{"no count", order, with(refunds, map[string]string{"refund_count": ""}), eur(1299), payment.Money{}, 0},
		{"more than fit", order, with(refunds, map[string]string{"total_refund_count": "13"}), eur(1299), payment.Money{}, 0},
		{"fewer than counted", order, with(refunds, map[string]string{"refund_count": "4", "total_refund_count": "4"}), eur(1299), payment.Money{}, 0},
		{"nobody states the amount", order, with(refunds, map[string]string{"total_fee": ""}), payment.Money{}, payment.Money{}, provider.Unknown},
		{"neither can be asked about", order, failed, payment.Money{}, payment.Money{}, provider.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &v2Fake{answers: map[string]map[string]string{"orderquery": tt.order, "refundquery": tt.refunds}}
			r, err := f.open(t, V2, v2Test(nil)).Query(t.Context(), testTrade)
			if tt.total.IsZero() {
				is(t, "Query", err, tt.kind)
				return
			}
			if err != nil || r.State != payment.Refunded || r.Total != tt.total || r.Refunded != tt.back || r.TransactionID != "4200" || r.SpTradeNo != "4200" {
				t.Errorf("Query = %+v, %v", r, err)
			}
			if f.sent[1]["out_trade_no"] != testTrade.No {
				t.Errorf("asked %v", f.sent[1])
			}
		})
	}
}

// More than ten refunds take several answers, at most five. What they say is summed
// only if they fit each other.
func TestV2QueryRefundedPages(t *testing.T) {
	t.Parallel()
	pages := func(refunds int) map[string]map[string]string {
		answers := map[string]map[string]string{
			"orderquery": {"out_trade_no": testTrade.No, "trade_state": "REFUND", "total_fee": "1299", "transaction_id": "4200"},
		}
		for from := 0; from < refunds; from += 10 {
			n := min(10, refunds-from)
			said := map[string]string{"out_trade_no": testTrade.No, "refund_count": strconv.Itoa(n), "total_refund_count": strconv.Itoa(refunds)}
			for i := range n {
				at := "_" + strconv.Itoa(i)
				said["out_refund_no"+at], said["refund_fee"+at], said["refund_status"+at] = "RF-"+strconv.Itoa(from+i), "2", "SUCCESS"
			}
			answers["refundquery"+strings.TrimPrefix(strconv.Itoa(from), "0")] = said
		}
		return answers
	}
	for _, tt := range []struct {
		name    string
		refunds int
		spoil   func(answers map[string]map[string]string)
		back    int64 // -1: not stated
		calls   int
	}{
		{"ten", 10, nil, 20, 1},
		{"eleven", 11, nil, 22, 2},
		{"thirteen, one under way", 13, func(a map[string]map[string]string) { a["refundquery10"]["refund_status_2"] = "PROCESSING" }, 24, 2},
		{"fifty", 50, nil, 100, 5},
		{"more than there can be", 51, nil, -1, 5},
		{"the offset is not heeded", 20, func(a map[string]map[string]string) { a["refundquery10"] = a["refundquery"] }, -1, 2},
		{"one more meanwhile", 20, func(a map[string]map[string]string) { a["refundquery10"]["total_refund_count"] = "21" }, -1, 2},
		{"the rest is missing", 20, func(a map[string]map[string]string) { a["refundquery10"] = map[string]string{"refund_count": "0"} }, -1, 2},
		{"the rest is another order's", 20, func(a map[string]map[string]string) { a["refundquery10"]["out_trade_no"] = "X" }, -1, 2},
		{"the rest cannot be asked for", 20, func(a map[string]map[string]string) {
			a["refundquery10"] = map[string]string{"result_code": "FAIL", "err_code": "SYSTEMERROR"}
		}, -1, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &v2Fake{answers: pages(tt.refunds)}
			if tt.spoil != nil {
				tt.spoil(f.answers)
			}
			want := payment.Money{Amount: tt.back, Currency: "CNY"}
			if tt.back < 0 {
				want = payment.Money{}
			}
			r, err := f.open(t, V2, v2Test(nil)).Query(t.Context(), testTrade)
			if err != nil || r.Total != testTrade.Total || r.Refunded != want || len(f.sent) != 1+tt.calls {
				t.Errorf("Query = %+v, %v, %d calls", r, err, len(f.sent))
			}
			for i, asked := range f.sent[1:] {
				if asked["out_trade_no"] != testTrade.No || asked["offset"] != []string{"", "10", "20", "30", "40"}[i] {
					t.Errorf("asked %v", asked)
				}
			}
		})
	}
}

// What APIv2 leaves out of a refunded order is taken from the order that we asked
// about: its currency, and its total once it is known to be paid.
func TestV2QueryRefundedLeftOut(t *testing.T) {
	t.Parallel()
	eur := func(amount int64) payment.Money { return payment.Money{Amount: amount, Currency: "EUR"} }
	bare := map[string]string{"refund_count": "1", "out_refund_no_0": "RF-0", "refund_fee_0": "300", "refund_status_0": "SUCCESS"}
	total := map[string]string{"total_fee": "1299"}
	with := func(m map[string]string, change map[string]string) map[string]string {
		m = maps.Clone(m)
		maps.Copy(m, change)
		return m
	}
	for _, tt := range []struct {
		name           string
		order, refunds map[string]string
		paid           bool
		total, back    payment.Money
	}{
		{"paid, nobody states the total", nil, bare, true, eur(1299), eur(300)},
		{"paid, another total is stated", nil, with(bare, map[string]string{"total_fee": "1300"}), true, eur(1300), eur(300)},
		{"not known to be paid, nobody states the total", nil, bare, false, payment.Money{}, payment.Money{}},
		{"paid, refunds of another order", nil, with(bare, map[string]string{"out_trade_no": "X"}), true, payment.Money{}, payment.Money{}},
		{"paid, refunds cannot be asked about", nil, map[string]string{"result_code": "FAIL", "err_code": "SYSTEMERROR"}, true, payment.Money{}, payment.Money{}},
		{"no currency with the order", total, bare, false, eur(1299), eur(300)},
		{"no currency with the refunds", nil, with(bare, total), false, eur(1299), eur(300)},
		{"another currency is stated", with(total, map[string]string{"fee_type": "CNY"}), bare, false, payment.Money{Amount: 1299, Currency: "CNY"}, payment.Money{Amount: 300, Currency: "CNY"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			order := with(map[string]string{"out_trade_no": testTrade.No, "trade_state": "REFUND"}, tt.order)
			f := &v2Fake{answers: map[string]map[string]string{"orderquery": order, "refundquery": tt.refunds}}
			trade := testTrade
			trade.Total.Currency, trade.Paid = "EUR", tt.paid
			r, err := f.open(t, V2, v2Test(nil)).Query(t.Context(), trade)
			if tt.total.IsZero() {
				is(t, "Query", err, provider.Unknown)
				return
			}
			if err != nil || r.State != payment.Refunded || r.Total != tt.total || r.Refunded != tt.back {
				t.Errorf("Query = %+v, %v", r, err)
			}
		})
	}
}

func TestV2Close(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]provider.Kind{
		"": 0, "ORDERCLOSED": 0, "ORDERNOTEXIST": 0, "ORDERPAID": provider.AlreadyPaid, "SIGNERROR": provider.Denied,
	} {
		said := map[string]string{}
		if code != "" {
			said = map[string]string{"result_code": "FAIL", "err_code": code}
		}
		f := answering(said)
		err := f.open(t, V2SP, v2SPTest(nil)).Close(t.Context(), testTrade)
		if want == 0 && err != nil || want != 0 && provider.KindOf(err) != want {
			t.Errorf("%s: %v", code, err)
		}
		if got := f.sent[0]; got["out_trade_no"] != testTrade.No || got["sub_mch_id"] != "1900000002" || !strings.HasSuffix(f.urls[0], "/pay/closeorder") {
			t.Errorf("sent %v to %s", got, f.urls[0])
		}
	}
	f := answering(map[string]string{"result_code": "FAIL", "err_code": "SYSTEMERROR"})
	is(t, "SYSTEMERROR", f.open(t, V2, v2Test(nil)).Close(t.Context(), testTrade), provider.Unknown)
}

func TestV2Sign(t *testing.T) {
	t.Parallel()
	p := answering(map[string]string{"prepay_id": "wx42"}).open(t, V2, v2Test(nil))
	fits := func(pay payment.PayParams, appID, signType string) bool {
		return pay.NonceStr == "fresh" && pay.SignType == signType && pay.PaySign == v2PaySign(v2Key, appID, pay)
	}
	make := func(appID, signType string) payment.PayParams {
		pay := payment.PayParams{TimeStamp: "1", NonceStr: "n", Package: "prepay_id=wx42", SignType: signType}
		pay.PaySign = v2PaySign(v2Key, appID, pay)
		return pay
	}
	p.nonce = func() string { return "fresh" }
	for _, appID := range p.appIDs {
		for _, signType := range []string{hmacSHA256, md5Type} { // an order keeps the type it was made in
			if got, err := p.Sign(make(appID, signType)); err != nil || !fits(got, appID, signType) {
				t.Errorf("%s %s: %+v, %v", appID, signType, got, err)
			}
		}
	}
	foreign := make("wx9", hmacSHA256)
	if got, err := p.Sign(foreign); err != nil || got != foreign {
		t.Errorf("a set of another appid: %+v, %v", got, err)
	}
	if got, err := p.Sign(payment.PayParams{Package: "prepay_id=wx42"}); err != nil || !fits(got, "wx2222222222222222", hmacSHA256) {
		t.Errorf("a set without signature: %+v, %v", got, err)
	}
	_, err := p.Sign(payment.PayParams{Package: "prepay_id="})
	is(t, "no prepay_id", err, provider.NotSupported)
}

func TestV2TransportErrors(t *testing.T) {
	t.Parallel()
	p := (&v2Fake{err: errors.New("reset")}).open(t, V2, v2Test(nil))
	for what, call := range map[string]func() error{
		"create": func() error { _, err := p.Create(t.Context(), testCreate("EUR")); return err },
		"query":  func() error { _, err := p.Query(t.Context(), testTrade); return err },
		"close":  func() error { return p.Close(t.Context(), testTrade) },
		"refund": func() error { _, err := p.Refund(t.Context(), v2TestRefund); return err },
	} {
		err := call()
		is(t, what, err, provider.Unknown)
		if strings.Contains(err.Error(), "weixin") {
			t.Errorf("%s shows the URL: %v", what, err)
		}
	}
}

func TestV2Account(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]*v2{
		"1900000009":            new(v2Fake).open(t, V2, v2Test(nil)),
		"1900000001/1900000002": new(v2Fake).open(t, V2SP, v2SPTest(nil)),
	} {
		if p.Account() != want || v2Account(p.ids()) != want {
			t.Errorf("Account = %s, an answer speaks of %s, want %s", p.Account(), v2Account(p.ids()), want)
		}
	}
	if v2Account(nil) != "" {
		t.Error("an answer without ids speaks of somebody")
	}
	p, err := V2.New(provider.Config{Settings: v2Test(nil), HTTP: http.DefaultClient})
	if err != nil {
		t.Fatal(err)
	}
	one, other := p.(*v2).nonce(), p.(*v2).nonce()
	if p.(*v2).now().IsZero() || one == other {
		t.Errorf("the defaults are not safe: %v", err)
	}
}
