package twopaynow

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

func TestQuery(t *testing.T) {
	t.Parallel()
	eur := func(n int64) payment.Money { return payment.Money{Amount: n, Currency: "EUR"} }
	alipay, lost := trade1, trade1
	alipay.Method, lost.SpTradeNo = payment.Alipay, ""
	for _, c := range []struct {
		name  string
		trade provider.Trade
		asks  string // function/trade_no
		body  string
		want  payment.Report
		kind  provider.Kind // of the error, if want.Word is ""
	}{
		{"paid", trade1, "query/A1", `"trade_no":"A1","trans_status":"TRADE_SUCCESS","amount":8.99,"currency":"EUR"`,
			payment.Report{State: payment.Paid, Word: "TRADE_SUCCESS", SpTradeNo: "A1", Total: eur(899)}, 0},
		{"everything", lost, "wap_query/ORDER-0001", `"mid":4002563369,"merchant_trade_no":"ORDER-0001","trade_no":"A9","original_trade_no":"4200","trans_status":"TRADE_SUCCESS","amount":"8.990","currency":"EUR","refund_amount":"0.00"`,
			payment.Report{State: payment.Paid, Word: "TRADE_SUCCESS", Account: testMid, No: "ORDER-0001", SpTradeNo: "A9", TransactionID: "4200", Total: eur(899)}, 0},
		{"echoed number", lost, "wap_query/ORDER-0001", `"trade_no":"ORDER-0001","trans_status":"UNKNOWN"`,
			payment.Report{Word: "UNKNOWN", No: "ORDER-0001"}, 0},
		{"page", alipay, "wap_query/ORDER-0001", `"trade_no":"A2","trans_status":"UNKNOWN"`,
			payment.Report{Word: "UNKNOWN", SpTradeNo: "A2"}, 0},
		{"partly refunded", trade1, "query/A1", `"trans_status":"TRADE_SUCCESS","amount":8.99,"currency":"EUR","refund_amount":1.00`,
			payment.Report{State: payment.Refunded, Word: "TRADE_SUCCESS", Total: eur(899), Refunded: eur(100)}, 0},
		{"refunded and closed", trade1, "query/A1", `"trans_status":"TRADE_CLOSED","amount":8.99,"currency":"EUR","refund_amount":"8.99"`,
			payment.Report{State: payment.Refunded, Word: "TRADE_CLOSED", Total: eur(899), Refunded: eur(899)}, 0},
		{"failed", trade1, "query/A1", `"trans_status":"TRADE_FAILED","amount":8.99,"currency":"EUR"`,
			payment.Report{State: payment.Refused, Word: "TRADE_FAILED"}, 0},
		{"closed", trade1, "query/A1", `"trans_status":"TRADE_CLOSED","refund_amount":null`,
			payment.Report{State: payment.Over, Word: "TRADE_CLOSED"}, 0},
		{"new word", trade1, "query/A1", `"trans_status":"TRADE_DREAMING"`,
			payment.Report{State: payment.Unmapped, Word: "TRADE_DREAMING"}, 0},

		{"no word", trade1, "query/A1", `"trade_no":"A1"`, payment.Report{}, provider.Unknown},
		{"another trade_no", trade1, "query/A1", `"trade_no":"A2","trans_status":"UNKNOWN"`, payment.Report{}, provider.Unknown},
		{"another number", trade1, "query/A1", `"merchant_trade_no":"ORDER-0002","trans_status":"UNKNOWN"`, payment.Report{}, provider.Unknown},
		{"another mid", trade1, "query/A1", `"mid":1,"trans_status":"UNKNOWN"`, payment.Report{}, provider.Unknown},
		{"another function", trade1, "query/A1", `"function":"cancel","trans_status":"UNKNOWN"`, payment.Report{}, provider.Unknown},
		{"no amount", trade1, "query/A1", `"trans_status":"TRADE_SUCCESS","currency":"EUR"`, payment.Report{}, provider.Unknown},
		{"no currency", trade1, "query/A1", `"trans_status":"TRADE_SUCCESS","amount":8.99`, payment.Report{}, provider.Unknown},
		{"exponent", trade1, "query/A1", `"trans_status":"TRADE_SUCCESS","amount":899e-2,"currency":"EUR"`, payment.Report{}, provider.Unknown},
		{"fractions", trade1, "query/A1", `"trans_status":"TRADE_SUCCESS","amount":8.995,"currency":"EUR"`, payment.Report{}, provider.Unknown},
		{"negative refund", trade1, "query/A1", `"trans_status":"TRADE_SUCCESS","amount":8.99,"currency":"EUR","refund_amount":-1`, payment.Report{}, provider.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := with(t, nil, says(`{"status":200,`+c.body+`}`))
			got, err := h.Query(t.Context(), c.trade)
			q := h.last(t)
			if asked := q.Get("function") + "/" + q.Get("trade_no"); asked != c.asks {
				t.Errorf("asked %s, want %s", asked, c.asks)
			}
			if c.want.Word == "" {
				wantKind(t, err, c.kind)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if unmapped := slices.Contains(h.counts, "unmapped: 2paynow: trade status"); unmapped != (c.want.State == payment.Unmapped) {
				t.Errorf("counted %v", h.counts)
			}
		})
	}
}

func TestQueryByNumberOnly(t *testing.T) {
	t.Parallel()
	h := with(t, map[string]any{"names": map[string]string{"query": "", "wap_query": "w"}}, says(`{"status":200,"trans_status":"UNKNOWN"}`))
	if _, err := h.Query(t.Context(), trade1); err != nil {
		t.Fatal(err)
	}
	if q := h.last(t); q.Get("function") != "w" || q.Get("trade_no") != "ORDER-0001" {
		t.Errorf("asked %v", q)
	}
}

func TestAnswerSignature(t *testing.T) {
	t.Parallel()
	good := sign("query", testMid, "17", testKey)
	for _, c := range []struct {
		name, more string
		want       []string
	}{
		{"fits", `"function":"query","timestamp":17,"sign":"` + good + `"`, nil},
		{"none", `"function":"query","timestamp":17`, nil},
		{"not checkable", `"sign":"x"`, nil},
		{"does not fit", `"function":"query","timestamp":18,"sign":"` + good + `"`, []string{"answer_signature: 2paynow: query"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := with(t, nil, says(`{"status":200,"trans_status":"UNKNOWN",`+c.more+`}`))
			if _, err := h.Query(t.Context(), trade1); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(c.want, h.counts); diff != "" {
				t.Error(diff)
			}
		})
	}
}
