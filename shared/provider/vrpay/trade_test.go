package vrpay

import (
	"encoding/json"
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

const (
	jsapi = `{"name":"appId","value":"wx1"},{"name":"timeStamp","value":1571034662},{"name":"nonceStr","value":"n"},` +
		`{"name":"package","value":"prepay_id=1"},{"name":"signType","value":"MD5"},{"name":"paySign","value":"S"}`
	details = `"timeStamp":"1571034662","nonceStr":"n","package":"prepay_id=1","signType":"MD5","paySign":"S"`
)

var payParams = &payment.PayParams{TimeStamp: "1571034662", NonceStr: "n", Package: "prepay_id=1", SignType: "MD5", PaySign: "S"}

// made is an answer to a create.
func made(code, more string) string {
	return `{"id":"P1","paymentType":"DB","amount":"92.00","currency":"EUR","merchantTransactionId":"ORDER-0001",` + result(code) + more + `}`
}

func TestCreateMini(t *testing.T) {
	t.Parallel()
	named := map[string]any{"names": map[string]string{"timeStamp": "ts", "package": "pkg"}}
	for _, c := range []struct {
		name string
		more map[string]any
		body string
	}{
		{"parameters", nil, made("000.200.000", `,"redirect":{"url":"https://x","parameters":[`+jsapi+`]}`)},
		{"details", nil, made("000.200.000", `,"resultDetails":{`+details+`}`)},
		{"half in the one, whole in the other", nil, made("000.200.000", `,"redirect":{"parameters":[{"name":"paySign","value":"half"},7,null]},"resultDetails":{`+details+`}`)},
		{"other names", named, made("000.200.000", `,"resultDetails":{`+strings.NewReplacer("timeStamp", "ts", "package", "pkg").Replace(details)+`}`)},
		{"success already", nil, made("000.100.110", `,"resultDetails":{`+details+`}`)},
		{"review", nil, made("000.400.000", `,"resultDetails":{`+details+`}`)},
		{"little else", nil, `{"id":"P1",` + result("800.400.500") + `,"resultDetails":{` + details + `}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := with(t, c.more, says(200, c.body)).Create(t.Context(), order(payment.WeChat))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(provider.Created{SpTradeNo: "P1", Payment: payParams}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCreateSends(t *testing.T) {
	t.Parallel()
	mini := url.Values{
		"entityId": {testEntity}, "amount": {"92.00"}, "currency": {"EUR"}, "paymentType": {"DB"}, "paymentBrand": {"WECHAT_PAY"},
		"merchantTransactionId": {"ORDER-0001"}, "descriptor": {"茶 & cake"}, "shopperResultUrl": {order(payment.WeChat).NotifyURL},
		"customParameters[appid]": {"wx1111111111111111"}, "customParameters[openid]": {"oPayer"},
	}
	page := url.Values{
		"entityId": {testEntity}, "amount": {"92.00"}, "currency": {"EUR"}, "paymentType": {"DB"}, "paymentBrand": {"ALIPAY"},
		"merchantTransactionId": {"ORDER-0001"}, "descriptor": {"茶 & cake"}, "shopperResultUrl": {"https://shop.example.test/back?a=1"},
	}
	changed := func(from url.Values, pairs ...string) url.Values {
		v := url.Values{}
		for name, values := range from {
			v[name] = values
		}
		for i := 0; i < len(pairs); i += 2 {
			if v.Del(pairs[i]); pairs[i+1] != "" {
				v.Set(pairs[i], pairs[i+1])
			}
		}
		return v
	}
	for _, c := range []struct {
		name   string
		more   map[string]any
		method payment.Method
		total  payment.Money
		want   url.Values
	}{
		{"mini-program", nil, payment.WeChat, eur(9200), mini},
		{"page", nil, payment.Alipay, eur(9200), page},
		{"yen", nil, payment.Alipay, payment.Money{Amount: 100, Currency: "JPY"}, changed(page, "amount", "100.00", "currency", "JPY")},
		{"dinars", nil, payment.Alipay, payment.Money{Amount: 1230, Currency: "KWD"}, changed(page, "amount", "1.23", "currency", "KWD")},
		{"overrides", map[string]any{
			"brands": map[string]string{"wechat": "WX"}, "shopper_result_url": "https://shop.example.test/done",
			"names": map[string]string{"openid": "customParameters[sub_openid]", "appid": "wechat.appId"},
		}, payment.WeChat, eur(9200), changed(mini, "paymentBrand", "WX", "shopperResultUrl", "https://shop.example.test/done",
			"customParameters[openid]", "", "customParameters[sub_openid]", "oPayer",
			"customParameters[appid]", "", "wechat.appId", "wx1111111111111111")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := with(t, c.more, says(200, made("800.100.153", "")))
			in := order(c.method)
			in.Total = c.total
			_, err := h.Create(t.Context(), in)
			wantKind(t, err, provider.Declined)
			got := h.last(t)
			if diff := cmp.Diff(c.want, got.form); diff != "" {
				t.Error(diff)
			}
			if got.Method != http.MethodPost || got.URL.String() != "/v1/payments" ||
				got.Header.Get("Authorization") != "Bearer "+testToken || got.Header.Get("Accept") != "application/json" ||
				got.Header.Get("Content-Type") != "application/x-www-form-urlencoded; charset=UTF-8" {
				t.Errorf("%s %s %v", got.Method, got.URL, got.Header)
			}
		})
	}
}

func TestCreatePage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, redirect, want string }{
		{"GET", `{"url":"https://pay.example/x?a=1&b","method":"GET","parameters":[]}`, "https://pay.example/x?a=1&b"},
		{"no method", `{"url":"https://pay.example/x"}`, "https://pay.example/x"},
		{"parameters", `{"url":"https://pay.example/x?a=1","method":"GET","parameters":[{"name":"b","value":"& 茶"},{"name":"c","value":7}]}`,
			"https://pay.example/x?a=1&b=%26+%E8%8C%B6&c=7"},
		{"POST", `{"url":"https://pay.example/x","method":"POST","parameters":[{"name":"b","value":"1"}]}`, ""},
		{"parameters, no method", `{"url":"https://pay.example/x","parameters":[{"name":"b","value":"1"}]}`, ""},
		{"no web page", `{"url":"alipays://x","method":"GET"}`, ""},
		{"relative", `{"url":"/x","method":"GET"}`, ""},
		{"no URL", `{"url":"https://pay.example/%zz","method":"GET"}`, ""},
		{"text", `"https://pay.example/x"`, ""},
		{"none", `null`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := with(t, nil, says(200, made("000.200.000", `,"redirect":`+c.redirect))).Create(t.Context(), order(payment.Alipay))
			if c.want == "" {
				wantKind(t, err, provider.NotSupported)
				if !strings.Contains(err.Error(), "providers.vr.brands") {
					t.Error(err)
				}
				return
			}
			if diff := cmp.Diff(provider.Created{SpTradeNo: "P1", URL: c.want}, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
		})
	}
}

func TestCreateRefused(t *testing.T) {
	t.Parallel()
	mini := `,"resultDetails":{` + details + `}`
	for _, c := range []struct {
		name   string
		body   string
		change func(*provider.Create)
		kind   provider.Kind
		says   string
		calls  int
	}{
		{"another method", ``, func(c *provider.Create) { c.Method = payment.Card }, provider.NotSupported, `"card"`, 0},
		{"three decimals", ``, func(c *provider.Create) { c.Total = payment.Money{Amount: 1234, Currency: "KWD"} }, provider.NotSupported, "two decimals", 0},
		{"eleven digits", ``, func(c *provider.Create) { c.Total = payment.Money{Amount: 12345678901, Currency: "JPY"} }, provider.NotSupported, "ten digits", 0},
		{"no id", strings.Replace(made("000.200.000", mini), `"P1"`, `""`, 1), nil, provider.Unknown, "not about this order", 1},
		{"another number", strings.Replace(made("000.200.000", mini), "0001", "0002", 1), nil, provider.Unknown, "not about this order", 1},
		{"another amount", strings.Replace(made("000.200.000", mini), "92.00", "92.01", 1), nil, provider.Unknown, "not about this order", 1},
		{"another currency", strings.Replace(made("000.200.000", mini), "EUR", "USD", 1), nil, provider.Unknown, "not about this order", 1},
		{"nothing to pay with", made("000.200.000", ""), nil, provider.NotSupported, "providers.vr.names", 1},
		{"paid at once", made("000.000.000", ""), nil, provider.AlreadyPaid, "at once", 1},
		{"uncertain", made("900.100.300", mini), nil, provider.Unknown, "(900.100.300): words of VR", 1},
		{"chargeback", made("000.100.220", mini), nil, provider.Unknown, "000.100.220", 1},
		{"unreadable code", made("fine", mini), nil, provider.Unknown, "(fine)", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := with(t, nil, says(200, c.body))
			in := order(payment.WeChat)
			if c.change != nil {
				c.change(&in)
			}
			got, err := h.Create(t.Context(), in)
			wantKind(t, err, c.kind)
			if !strings.Contains(err.Error(), c.says) || len(h.asked) != c.calls || got.Payment != nil || got.URL != "" {
				t.Errorf("%v, %d calls, %+v", err, len(h.asked), got)
			}
		})
	}
}

func TestTestModeOnTheLiveHost(t *testing.T) {
	t.Parallel()
	h := with(t, nil, says(200, made("000.100.110", `,"resultDetails":{`+details+`}`)))
	h.live = true
	_, err := h.Create(t.Context(), order(payment.WeChat))
	wantKind(t, err, provider.Denied)
	if !strings.Contains(err.Error(), "test mode") || !strings.Contains(err.Error(), "providers.vr.entity_id") {
		t.Error(err)
	}
	r, err := h.Query(t.Context(), trade1)
	if err != nil || r.State != payment.Refused || r.Word != "000.100.110" {
		t.Errorf("%+v, %v", r, err)
	}
	if len(h.counts) != 2 {
		t.Errorf("counted %v", h.counts)
	}
}

// entry is one payment, refund or the like in a report.
func entry(id, kind, code, more string) string {
	return `{"id":"` + id + `","paymentType":"` + kind + `","amount":"92.00","currency":"EUR",` + more + result(code) + `}`
}

const ours = `"merchantTransactionId":"ORDER-0001",`

func listed(entries ...string) string {
	return `{` + result("000.000.100") + `,"payments":[` + strings.Join(entries, ",") + `]}`
}

func TestQueryByID(t *testing.T) {
	t.Parallel()
	report := func(s payment.ReportState, word string) payment.Report {
		r := payment.Report{State: s, Word: word, No: "ORDER-0001", SpTradeNo: "P1"}
		if s == payment.Paid {
			r.Total = eur(9200)
		}
		return r
	}
	back := report(payment.Paid, "000.100.220")
	back.ChargedBack = true
	for _, c := range []struct {
		name string
		body string
		want payment.Report
	}{
		{"paid", entry("P1", "DB", "000.000.000", ours), report(payment.Paid, "000.000.000")},
		{"paid in test mode", entry("P1", "DB", "000.100.110", ours), report(payment.Paid, "000.100.110")},
		{"captured", entry("P1", "CP", "000.600.000", ours), report(payment.Paid, "000.600.000")},
		{"to be reviewed", entry("P1", "DB", "000.400.000", ours), report(payment.Paid, "000.400.000")},
		{"pending", entry("P1", "DB", "000.200.000", ours), report(payment.Pending, "000.200.000")},
		{"pending for days", entry("P1", "DB", "800.400.500", ours), report(payment.Pending, "800.400.500")},
		{"uncertain", entry("P1", "DB", "900.200.100", ours), report(payment.Pending, "900.200.100")},
		{"charged back", entry("P1", "DB", "000.100.220", ours), back},
		{"declined", entry("P1", "DB", "800.100.153", ours), report(payment.Refused, "800.100.153")},
		{"cancelled", entry("P1", "DB", "100.396.101", ours), report(payment.Refused, "100.396.101")},
		{"not set up", entry("P1", "DB", "600.200.500", ours), report(payment.Refused, "600.200.500")},
		{"no such reference, of this payment", entry("P1", "DB", "700.100.100", ours), report(payment.Refused, "700.100.100")},
		{"new word", entry("P1", "DB", "maybe", ours), report(payment.Unmapped, "maybe")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := with(t, nil, says(200, c.body))
			got, err := h.Query(t.Context(), trade1)
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
			if unmapped := slices.Contains(h.counts, "unmapped: vr: result code"); unmapped != (c.want.State == payment.Unmapped) {
				t.Errorf("counted %v", h.counts)
			}
			asked := h.last(t)
			if len(h.asked) != 1 || asked.Method != http.MethodGet || asked.URL.String() != "/v1/payments/P1?entityId="+testEntity ||
				asked.Header.Get("Authorization") != "Bearer "+testToken {
				t.Errorf("%d: %s %s", len(h.asked), asked.Method, asked.URL)
			}
		})
	}
}

func TestQueryNotBelieved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body string
		kind       provider.Kind
	}{
		{"another id", entry("P2", "DB", "000.000.000", ours), provider.Unknown},
		{"another number", entry("P1", "DB", "000.000.000", `"merchantTransactionId":"ORDER-0002",`), provider.Unknown},
		{"a refund", entry("P1", "RF", "000.000.000", ours), provider.Unknown},
		{"no amount", `{"id":"P1",` + result("000.000.000") + `}`, provider.Unknown},
		{"odd amount", strings.Replace(entry("P1", "DB", "000.000.000", ours), "92.00", "92,00", 1), provider.Unknown},
		{"no id", `{"amount":"92.00","currency":"EUR",` + result("000.000.000") + `}`, provider.Unknown},
		{"throttled, of this payment", entry("P1", "DB", "800.120.100", ours), provider.Busy},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := with(t, nil, says(200, c.body)).Query(t.Context(), trade1)
			wantKind(t, err, c.kind)
		})
	}
}

func TestQueryByNumber(t *testing.T) {
	t.Parallel()
	paid := payment.Report{State: payment.Paid, Word: "000.000.000", No: "ORDER-0001", SpTradeNo: "P1", Total: eur(9200)}
	db := entry("P1", "DB", "000.000.000", ours)
	given := func(amount int64) payment.Report {
		r := paid
		r.State, r.Refunded = payment.Refunded, eur(amount)
		return r
	}
	back, both := paid, given(9200)
	back.ChargedBack, both.ChargedBack = true, true
	unnamed := paid
	unnamed.SpTradeNo = ""
	rf := func(amount, code, of string) string {
		return strings.Replace(entry("F1", "RF", code, `"referencedId":"`+of+`",`), "92.00", amount, 1)
	}
	for _, c := range []struct {
		name   string
		body   string
		want   payment.Report
		counts int
	}{
		{"paid", listed(db), paid, 0},
		{"not a list", db, paid, 0},
		{"a list alone", `{"payments":[` + db + `]}`, paid, 0},
		{"captured after a try", listed(entry("P0", "DB", "800.100.153", ours), db, entry("P2", "DB", "000.200.000", ours)), paid, 0},
		{"paid twice", listed(db, entry("P2", "DB", "000.000.000", ours)), paid, 1},
		{"two open ones", listed(entry("P1", "DB", "000.200.000", ours), entry("P2", "DB", "000.200.000", ours)),
			payment.Report{Word: "000.200.000", No: "ORDER-0001"}, 0},
		{"one declined, one open", listed(entry("P1", "DB", "800.100.153", ours), entry("P2", "DB", "000.200.000", ours)),
			payment.Report{Word: "000.200.000", No: "ORDER-0001"}, 0},
		{"one declined", listed(`{"id":"P1","paymentType":"DB",` + ours + result("800.100.153") + `}`),
			payment.Report{State: payment.Refused, Word: "800.100.153", No: "ORDER-0001", SpTradeNo: "P1"}, 0},
		{"others' payments", listed(entry("P2", "DB", "000.000.000", `"merchantTransactionId":"ORDER-0002",`), entry("P3", "PA", "000.000.000", ours), db), paid, 0},
		{"without a result", listed(`{"id":"P1","paymentType":"DB"}`), payment.Report{State: payment.Unmapped, SpTradeNo: "P1"}, 1},
		{"partly refunded", listed(rf("1.00", "000.000.000", "P1"), db, rf("2.50", "000.100.110", "P1")), given(350), 0},
		{"refund under review", listed(db, rf("2.50", "000.400.000", "P1")), given(250), 1},
		{"refund pending or refused", listed(db, rf("1.00", "000.200.000", "P1"), rf("2.00", "700.300.100", "P1")), paid, 0},
		{"refund of another", listed(db, rf("1.00", "000.000.000", "P2")), paid, 0},
		{"refund of nothing", listed(strings.Replace(db, `"P1"`, `""`, 1), rf("1.00", "000.000.000", "")), unnamed, 0},
		{"refund of an odd amount", listed(db, rf("x", "000.000.000", "P1")), paid, 1},
		{"reversed", listed(db, entry("V1", "RV", "000.000.000", `"referencedId":"P1",`)), given(9200), 0},
		{"a receipt", listed(db, entry("V1", "RC", "000.000.000", `"referencedId":"P1",`)), paid, 0},
		{"charged back", listed(db, entry("C1", "CB", "000.100.220", `"referencedId":"P1",`)), back, 0},
		{"refunded and charged back", listed(db, rf("92.00", "000.000.000", "P1"), entry("C1", "CB", "000.100.220", `"referencedId":"P1",`)), both, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := with(t, nil, says(200, c.body))
			got, err := h.Query(t.Context(), lost1)
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil || len(h.counts) != c.counts {
				t.Error(diff, err, h.counts)
			}
			if asked := h.last(t); asked.URL.Path != "/v1/query" || asked.form.Get("merchantTransactionId") != "ORDER-0001" ||
				asked.form.Get("entityId") != testEntity || len(asked.form) != 2 {
				t.Errorf("asked %s", asked.URL)
			}
		})
	}
	named := with(t, map[string]any{"names": map[string]string{"payments": "records"}}, says(200, strings.Replace(listed(db), "payments", "records", 1)))
	if got, err := named.Query(t.Context(), lost1); err != nil || got.State != payment.Paid {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestQueryByNumberNotBelieved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		body   string
		kind   provider.Kind
	}{
		{"nothing", 404, `{` + result("700.400.580") + `}`, provider.NotFound},
		{"nothing, said as 400", 400, `{` + result("700.400.580") + `}`, provider.NotFound},
		{"empty list", 200, listed(), provider.NotFound},
		{"empty list alone", 200, `{"payments":[]}`, provider.NotFound},
		{"empty list alone, 404", 404, `{"payments":[]}`, provider.Unknown},
		{"empty list alone, 201", 201, `{"payments":[]}`, provider.Unknown},
		{"no list", 200, `{` + result("000.000.100") + `}`, provider.NotFound},
		{"neither list nor result", 200, `{"payments":null}`, provider.Unknown},
		{"a payment without a result", 200, `{"id":"P1","payments":null}`, provider.Unknown},
		{"list alone is text", 200, `{"payments":"x"}`, provider.Unknown},
		{"no list, pending", 200, `{` + result("000.200.000") + `}`, provider.Unknown},
		{"bad parameter", 400, `{` + result("200.300.404") + `}`, provider.Unknown},
		{"refunds only", 200, listed(entry("F1", "RF", "000.000.000", ours)), provider.Unknown},
		{"no amount", 200, listed(`{"id":"P1",` + result("000.000.000") + `}`), provider.Unknown},
		{"entry is a number", 200, `{` + result("000.000.100") + `,"payments":[1]}`, provider.Unknown},
		{"list is text", 200, `{` + result("000.000.100") + `,"payments":"x"}`, provider.Unknown},
		{"list of texts", 200, `{` + result("000.000.100") + `,"payments":["x"]}`, provider.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := with(t, nil, says(c.status, c.body)).Query(t.Context(), lost1)
			wantKind(t, err, c.kind)
		})
	}
}

// TestQueryAfterTheSession: an id may stop answering, paid or not; the report goes on.
func TestQueryAfterTheSession(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		code   string
		report string
		want   payment.ReportState
		kind   provider.Kind
	}{
		{"paid", 400, "200.300.404", listed(entry("P1", "DB", "000.000.000", ours)), payment.Paid, 0},
		{"paid, 404", 404, "700.400.580", listed(entry("P1", "DB", "000.000.000", ours)), payment.Paid, 0},
		{"another one paid", 400, "200.300.404", listed(entry("P2", "DB", "000.000.000", ours)), "", provider.Unknown},
		{"nowhere", 400, "700.100.100", listed(), "", provider.NotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := with(t, nil, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/v1/query" {
					says(200, c.report)(w, r)
					return
				}
				says(c.status, `{`+result(c.code)+`}`)(w, r)
			})
			got, err := h.Query(t.Context(), trade1)
			if c.want == "" {
				wantKind(t, err, c.kind)
			} else if err != nil || got.State != c.want || got.SpTradeNo != "P1" {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// TestR19Decimal: what is written is read back as the same money, or is not written.
func TestR19Decimal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := payment.Money{
			Amount:   rapid.Int64Range(0, payment.MaxAmount).Draw(t, "amount"),
			Currency: rapid.SampledFrom([]string{"EUR", "CNY", "JPY", "KRW", "KWD"}).Draw(t, "currency"),
		}
		text, ok := decimal(m)
		whole, fraction, _ := strings.Cut(text, ".")
		places, _ := payment.Exponent(m.Currency)
		exact := places < 3 || m.Amount%10 == 0
		if ok != (exact && len(whole) <= 10) || len(fraction) != 2 {
			t.Fatalf("%v: %q, %v", m, text, ok)
		}
		raw, _ := json.Marshal(map[string]string{"amount": text, "currency": m.Currency})
		a, err := read(raw)
		if ok && (err != nil || !a.costs(m)) {
			t.Fatalf("%v is written %q", m, text)
		}
	})
}
