package twopaynow

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

func TestRefund(t *testing.T) {
	t.Parallel()
	h := with(t, nil, says(`{"status":200,"function":"refund","trade_no":"A1"}`))
	got, err := h.Refund(t.Context(), refund1)
	if err != nil {
		t.Fatal(err)
	}
	want := payment.RefundReport{Status: payment.RefundSuccess, Word: "200", No: "ORDER-0001", OutRefundNo: "R-1", Fee: refund1.Fee}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(url.Values{
		"function": {"refund"}, "mid": {testMid}, "timestamp": {"1571034662245"}, "sign": {"8d4ebf3bcf36f0c0886bc4b5974031ca"},
		"trade_no": {"A1"}, "refund_amount": {"3.00"}, "refund_currency": {"EUR"}, "reason": {"broken"},
	}, h.last(t)); diff != "" {
		t.Error(diff)
	}

	named := with(t, map[string]any{"names": map[string]string{
		"refund": "tuikuan", "refund_amount": "fee", "refund_currency": "", "refund_reason": "",
	}}, says(`{"status":200,"function":"tuikuan"}`))
	if _, err := named.Refund(t.Context(), refund1); err != nil {
		t.Fatal(err)
	}
	q := named.last(t)
	if q.Get("function") != "tuikuan" || q.Get("fee") != "3.00" || q.Has("refund_currency") || q.Has("reason") || len(q) != 6 {
		t.Errorf("asked %v", q)
	}
}

func TestRefundRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body string
		change     func(*provider.Refund)
		want       provider.Kind
		calls      int
	}{
		{"CNY", c200, func(r *provider.Refund) { r.Fee.Currency = "CNY" }, provider.NotSupported, 0},
		{"no number", c200, func(r *provider.Refund) { r.SpTradeNo = "" }, provider.NotSupported, 0},
		{"no function", c200, func(*provider.Refund) {}, provider.Unknown, 1},
		{"another trade", `{"status":200,"function":"refund","trade_no":"A2"}`, func(*provider.Refund) {}, provider.Unknown, 1},
		{"a no", `{"status":400,"error_info":"too much"}`, func(*provider.Refund) {}, provider.Declined, 1},
		{"no such trade", `{"status":404,"error_info":"trade not exist"}`, func(*provider.Refund) {}, provider.Declined, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := with(t, nil, says(c.body))
			r := refund1
			c.change(&r)
			_, err := h.Refund(t.Context(), r)
			wantKind(t, err, c.want)
			if h.calls() != c.calls {
				t.Errorf("%d calls, want %d", h.calls(), c.calls)
			}
		})
	}
}

func TestQueryRefund(t *testing.T) {
	t.Parallel()
	page := refund1
	page.Method = payment.Alipay
	unnumbered := refund1
	unnumbered.SpTradeNo = ""
	paid := func(given string) string {
		return `"trade_no":"A1","trans_status":"TRADE_SUCCESS","amount":8.99,"currency":"EUR","refund_amount":` + given
	}
	for _, c := range []struct {
		name   string
		refund provider.Refund
		body   string
		want   payment.RefundStatus
		kind   provider.Kind
	}{
		{"done", refund1, paid("4.00"), payment.RefundSuccess, 0},
		{"done, and more", refund1, paid("4.01"), payment.RefundSuccess, 0},
		{"page", page, paid("4.00"), payment.RefundSuccess, 0},
		{"unnumbered", unnumbered, paid("4.00"), payment.RefundSuccess, 0},
		{"part of it", refund1, paid("3.99"), payment.RefundProcessing, 0},
		{"less than before", refund1, paid("0.50"), payment.RefundProcessing, 0},
		{"not yet", refund1, paid("1.00"), "", provider.NotFound},
		{"not paid", refund1, `"trade_no":"A1","trans_status":"UNKNOWN"`, "", provider.Unknown},
		{"another currency", refund1, strings.Replace(paid("4.00"), "EUR", "CNY", 1), "", provider.Unknown},
		{"another trade", refund1, strings.Replace(paid("4.00"), "A1", "A2", 1), "", provider.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := with(t, nil, says(`{"status":200,`+c.body+`}`))
			got, err := h.QueryRefund(t.Context(), c.refund)
			if wantFunction := map[bool]string{true: "query", false: "wap_query"}[c.refund.SpTradeNo != ""]; h.last(t).Get("function") != wantFunction {
				t.Errorf("asked %v", h.last(t))
			}
			if c.want == "" {
				wantKind(t, err, c.kind)
				return
			}
			want := payment.RefundReport{Status: c.want, Word: "TRADE_SUCCESS", No: "ORDER-0001", OutRefundNo: "R-1", Fee: refund1.Fee}
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
		})
	}
}

func TestQueryRefundOtherTrade(t *testing.T) {
	t.Parallel()
	h := with(t, map[string]any{"names": map[string]string{"query": ""}},
		says(`{"status":200,"trade_no":"A2","trans_status":"TRADE_SUCCESS","amount":8.99,"currency":"EUR","refund_amount":1}`))
	_, err := h.QueryRefund(t.Context(), refund1)
	wantKind(t, err, provider.Unknown) // a second trade under our number says nothing about the first
}
