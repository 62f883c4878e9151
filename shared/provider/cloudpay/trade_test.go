package cloudpay

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

const ok = `"returnCode":"SUCCESS","resultCode":"SUCCESS","subMchId":"1900000002"`

func TestCreate(t *testing.T) {
	t.Parallel()
	d := returning(fixture(t, "unified_order_result"))
	got, err := account(t, d, plain).Create(t.Context(), order())
	want := provider.Created{Payment: &payment.PayParams{
		TimeStamp: "1795367700", NonceStr: "goJo1XyhvJA7R1tV", Package: "prepay_id=wx22170000000000000000000000000001",
		SignType: "MD5", PaySign: "00000000000000000000000000000000",
	}}
	if df := cmp.Diff(want, got); err != nil || df != "" {
		t.Error(err, df)
	}
}

func TestCreateRefusedBeforeSending(t *testing.T) {
	t.Parallel()
	d := returning(`{}`)
	c := account(t, d, plain)
	in := order()
	in.Method = payment.Alipay
	_, err := c.Create(t.Context(), in)
	kindIs(t, err, provider.NotSupported)
	in = order()
	in.OpenID = ""
	_, err = c.Create(t.Context(), in)
	kindIs(t, err, provider.NotSupported)
	r := refund()
	r.Fee.Currency = "EUR"
	_, err = c.Refund(t.Context(), r)
	kindIs(t, err, provider.NotSupported)
	if d.tokens != 0 || len(d.events) != 0 {
		t.Error("something was sent")
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	base := payment.Report{Account: "1900000002", No: "N"}
	with := func(change func(*payment.Report)) payment.Report { r := base; change(&r); return r }
	for _, tt := range []struct {
		name, in string
		want     payment.Report
	}{
		{"paid", `"tradeState":"SUCCESS","totalFee":1299,"feeType":"NZD","cashFee":6000,"transactionId":"42","timeEnd":"20261122171500"`,
			with(func(r *payment.Report) {
				r.State, r.Word, r.Total = payment.Paid, "SUCCESS", payment.Money{Amount: 1299, Currency: "NZD"}
				r.SpTradeNo, r.TransactionID, r.PaidAt = "42", "42", time.Date(2026, 11, 22, 9, 15, 0, 0, time.UTC)
			})},
		{"paid, amount as text, no currency", `"tradeState":"SUCCESS","totalFee":"1299","transactionId":"42","timeEnd":"soon"`,
			with(func(r *payment.Report) {
				r.State, r.Word, r.Total, r.SpTradeNo, r.TransactionID = payment.Paid, "SUCCESS", cny(1299), "42", "42"
			})},
		{"paid, no amount", `"tradeState":"SUCCESS"`, with(func(r *payment.Report) { r.State, r.Word = payment.Paid, "SUCCESS" })},
		{"waiting", `"tradeState":"NOTPAY","totalFee":"?"`, with(func(r *payment.Report) { r.Word = "NOTPAY" })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := returning(`{` + ok + `,"outTradeNo":"N",` + tt.in + `}`)
			got, err := account(t, d, plain).Query(t.Context(), trade())
			if df := cmp.Diff(tt.want, got); err != nil || df != "" {
				t.Error(err, df)
			}
			p, err := wire.Flat(d.events[0].Params)
			if err != nil || d.events[0].Op != "queryOrder" || p["outTradeNo"] != trade().No || p["subMchId"] != "1900000002" || len(p["nonceStr"]) != 32 || len(p) != 3 {
				t.Errorf("%v, %v", p, err)
			}
		})
	}
	for _, amount := range []string{`"1e2"`, `12.5`, `-1`, `"99999999999999999999"`, `{}`} {
		_, err := account(t, returning(`{`+ok+`,"tradeState":"SUCCESS","totalFee":`+amount+`}`), plain).Query(t.Context(), trade())
		kindIs(t, err, provider.Unknown)
	}
}

// What went back of a refunded order, its refunds say, asked about by its number.
func TestQueryRefunded(t *testing.T) {
	t.Parallel()
	const bare, whole = `"tradeState":"REFUND"`, `"tradeState":"REFUND","totalFee":1299,"feeType":"CNY","transactionId":"42"`
	const two = `"outRefundNo_0":"R1","refundId_0":"50","refundFee_0":300,"refundStatus_0":"SUCCESS",` +
		`"outRefundNo_1":"51","refundId_1":"51","refundFee_1":200,"refundStatus_1":"SUCCESS"`
	for _, tt := range []struct {
		name, order, refunds string
		total, given         payment.Money
	}{
		{"two", whole, `{` + ok + `,"refundCount":2,"totalRefundCount":2,` + two + `}`, cny(1299), cny(500)},
		{"counts as text", whole, `{` + ok + `,"refundCount":"2",` + two + `}`, cny(1299), cny(500)},
		{"without counts", whole, `{` + ok + `,` + two + `}`, cny(1299), cny(500)},
		{"one under way", whole, `{` + ok + `,"refundCount":2,` + strings.Replace(two, `"refundStatus_1":"SUCCESS"`, `"refundStatus_1":"PROCESSING"`, 1) + `}`, cny(1299), cny(300)},
		{"a plain one", whole, `{` + ok + `,"outRefundNo":"R1","refundId":"50","refundFee":"300","refundStatus":"SUCCESS"}`, cny(1299), cny(300)},
		{"the same plain and in a list", whole, `{` + ok + `,"outRefundNo":"R1","refundId":"50","refundFee":300,"refundStatus":"SUCCESS",` +
			`"refundList":[{"outRefundNo":"R1","refundId":"50","refundFee":300,"refundStatus":"SUCCESS"}]}`, cny(1299), cny(300)},
		{"amounts in the refunds only", bare, `{` + ok + `,"outTradeNo":"ORD-20261122_0001","transactionId":"42","totalFee":1299,"feeType":"CNY","refundCount":2,` + two + `}`, cny(1299), cny(500)},
		{"more than shown", whole, `{` + ok + `,"refundCount":2,"totalRefundCount":3,` + two + `}`, cny(1299), payment.Money{}},
		{"fewer than counted", whole, `{` + ok + `,"refundCount":3,` + two + `}`, cny(1299), payment.Money{}},
		{"no refund", whole, `{` + ok + `}`, cny(1299), payment.Money{}},
		{"an odd amount", whole, `{` + ok + `,` + strings.Replace(two, "200", `"2,00"`, 1) + `}`, cny(1299), payment.Money{}},
		{"another currency", whole, `{` + ok + `,"feeType":"NZD",` + two + `}`, cny(1299), payment.Money{}},
		{"another order", whole, `{` + ok + `,"outTradeNo":"X",` + two + `}`, cny(1299), payment.Money{}},
		{"not known", whole, `{"returnCode":"SUCCESS","resultCode":"FAIL","errCode":"REFUNDNOTEXIST"}`, cny(1299), payment.Money{}},
		{"refused", whole, `{"returnCode":"SUCCESS","resultCode":"FAIL","errCode":"PARAM_ERROR"}`, cny(1299), payment.Money{}},
		{"no amount at all", bare, `{` + ok + `,` + two + `}`, payment.Money{}, payment.Money{}},
		{"no amount, and refused", bare, `{"returnCode":"SUCCESS","resultCode":"FAIL","errCode":"PARAM_ERROR"}`, payment.Money{}, payment.Money{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := &desk{answer: func(n int, _ url.Values, _ event) string {
				return invoked(map[int]string{1: `{` + ok + `,"outTradeNo":"ORD-20261122_0001",` + tt.order + `}`, 2: tt.refunds}[n])
			}}
			got, err := account(t, d, plain).Query(t.Context(), trade())
			p, _ := wire.Flat(d.events[1].Params)
			if len(d.events) != 2 || d.events[1].Op != "queryRefund" || p["outTradeNo"] != trade().No || p["subMchId"] != "1900000002" || p["outRefundNo"] != "" {
				t.Errorf("asked %s %v", d.events[1].Op, p)
			}
			if tt.total.IsZero() {
				kindIs(t, err, provider.Unknown)
				return
			}
			want := payment.Report{State: payment.Refunded, Word: "REFUND", Account: "1900000002", No: trade().No,
				SpTradeNo: "42", TransactionID: "42", Total: tt.total, Refunded: tt.given}
			if df := cmp.Diff(want, got); err != nil || df != "" {
				t.Error(err, df)
			}
		})
	}
}

// What APIv2 leaves out of a refunded order is taken from the order that we asked
// about: its currency, and its total once it is known to be paid.
func TestQueryRefundedLeftOut(t *testing.T) {
	t.Parallel()
	eur := func(amount int64) payment.Money { return payment.Money{Amount: amount, Currency: "EUR"} }
	const one = `,"outRefundNo_0":"R1","refundId_0":"50","refundFee_0":300,"refundStatus_0":"SUCCESS"`
	for _, tt := range []struct {
		name, order, refunds string
		paid                 bool
		total, back          payment.Money
	}{
		{"paid, nobody states the total", ``, ok + one, true, eur(1299), eur(300)},
		{"paid, another total is stated", ``, ok + one + `,"totalFee":1300`, true, eur(1300), eur(300)},
		{"not known to be paid, nobody states the total", ``, ok + one, false, payment.Money{}, payment.Money{}},
		{"paid, refunds of another order", ``, ok + one + `,"outTradeNo":"X"`, true, payment.Money{}, payment.Money{}},
		{"paid, refunds cannot be asked about", ``, `"returnCode":"SUCCESS","resultCode":"FAIL","errCode":"SYSTEMERROR"`, true, payment.Money{}, payment.Money{}},
		{"no currency with the order", `,"totalFee":1299`, ok + one, false, eur(1299), eur(300)},
		{"no currency with the refunds", ``, ok + one + `,"totalFee":1299`, false, eur(1299), eur(300)},
		{"another currency is stated", `,"totalFee":1299,"feeType":"CNY"`, ok + one, false, cny(1299), cny(300)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := &desk{answer: func(n int, _ url.Values, _ event) string {
				return invoked(map[int]string{1: `{` + ok + `,"tradeState":"REFUND"` + tt.order + `}`, 2: `{` + tt.refunds + `}`}[n])
			}}
			asked := trade()
			asked.Total.Currency, asked.Paid = "EUR", tt.paid
			r, err := account(t, d, plain).Query(t.Context(), asked)
			if tt.total.IsZero() {
				kindIs(t, err, provider.Unknown)
				return
			}
			if err != nil || r.State != payment.Refunded || r.Total != tt.total || r.Refunded != tt.back {
				t.Errorf("Query = %+v, %v", r, err)
			}
		})
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	d := returning(`{` + ok + `}`)
	if err := account(t, d, plain).Close(t.Context(), trade()); err != nil {
		t.Error(err)
	}
	if d.events[0].Op != "closeOrder" || !strings.Contains(string(d.events[0].Params), `"outTradeNo":"ORD-20261122_0001"`) {
		t.Errorf("%+v", d.events[0])
	}
}

func TestRefund(t *testing.T) {
	t.Parallel()
	d := returning(`{` + ok + `,"outTradeNo":"ORD-20261122_0001","outRefundNo":"RF-1","refundId":"50","refundFee":500,"totalFee":1299}`)
	r := refund()
	r.Desc = strings.Repeat("茶", 81)
	got, err := account(t, d, plain).Refund(t.Context(), r)
	want := payment.RefundReport{Status: payment.RefundProcessing, Word: "PROCESSING", Account: "1900000002", No: r.No, OutRefundNo: "RF-1", RefundID: "50", Fee: cny(500)}
	if df := cmp.Diff(want, got); err != nil || df != "" {
		t.Error(err, df)
	}
	params := `{"envId":"shop-1a","functionName":"pay","nonceStr":"` + wire.HMAC(testKey, "nonceStr\nrefund RF-1\nORD-20261122_0001")[:32] +
		`","outRefundNo":"RF-1","outTradeNo":"ORD-20261122_0001","refundDesc":"` + r.Desc[:80*3] + `","refundFee":500,"refundFeeType":"CNY","subMchId":"1900000002","totalFee":1299}`
	if df := cmp.Diff(params, string(d.events[0].Params)); df != "" || d.events[0].Op != "refund" {
		t.Error(df)
	}
}

// However the SDK writes APIv2's numbered members.
func TestQueryRefund(t *testing.T) {
	t.Parallel()
	want := payment.RefundReport{
		Status: payment.RefundSuccess, Word: "SUCCESS", Account: "1900000002", No: trade().No, OutRefundNo: "RF-1", RefundID: "50", Fee: cny(500),
		SucceededAt: time.Date(2026, 11, 22, 9, 15, 0, 0, time.UTC),
	}
	for name, in := range map[string]string{
		"underscore": `"refundCount":1,"outRefundNo_0":"RF-1","refundId_0":"50","refundFee_0":500,"refundStatus_0":"SUCCESS","refundSuccessTime_0":"2026-11-22 17:15:00"`,
		"second":     `"outRefundNo_0":"RF-0","refundStatus_0":"CHANGE","outRefundNo_1":"RF-1","refundId_1":"50","refundFee_1":500,"refundStatus_1":"SUCCESS","refundSuccessTime_1":"2026-11-22 17:15:00"`,
		"no line":    `"outRefundNo0":"RF-1","refundId0":"50","refundFee0":"500","refundStatus0":"SUCCESS","refundSuccessTime0":"2026-11-22 17:15:00"`,
		"plain":      `"outRefundNo":"RF-1","refundId":"50","refundFee":500,"refundStatus":"SUCCESS","refundSuccessTime":"2026-11-22 17:15:00"`,
		"list":       `"refundList":[1,{"outRefundNo":"RF-1","refundId":"50","refundFee":500,"refundStatus":"SUCCESS","refundSuccessTime":"2026-11-22 17:15:00"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := returning(`{` + ok + `,"outTradeNo":"ORD-20261122_0001",` + in + `}`)
			got, err := account(t, d, plain).QueryRefund(t.Context(), refund())
			if df := cmp.Diff(want, got); err != nil || df != "" {
				t.Error(err, df)
			}
			if d.events[0].Op != "queryRefund" || !strings.Contains(string(d.events[0].Params), `"outRefundNo":"RF-1"`) {
				t.Errorf("%+v", d.events[0])
			}
		})
	}
	for name, in := range map[string]string{
		"none":         `"refundCount":0`,
		"other refund": `"outRefundNo_0":"RF-2","refundStatus_0":"SUCCESS"`,
		"other amount": `"outRefundNo_0":"RF-1","refundFee_0":501,"refundStatus_0":"SUCCESS"`,
		"no amount":    `"outRefundNo_0":"RF-1","refundFee_0":"?","refundStatus_0":"SUCCESS"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := account(t, returning(`{`+ok+`,`+in+`}`), plain).QueryRefund(t.Context(), refund())
			kindIs(t, err, provider.Unknown)
		})
	}
	other := returning(`{` + ok + `,"outTradeNo":"X","outRefundNo_0":"RF-1","refundFee_0":7,"refundStatus_0":"SUCCESS"}`)
	if got, err := account(t, other, plain).QueryRefund(t.Context(), refund()); err != nil || got.No != "X" {
		t.Errorf("another order's refund: %+v, %v", got, err)
	}
}
