package yaband

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

func refundOf(fee payment.Money) provider.Refund {
	return provider.Refund{Trade: provider.Trade{No: "T1", SpTradeNo: testTrade, Total: eur(100)}, OutRefundNo: "R0001", Fee: fee,
		NotifyURL: "https://example.com/refund-notify"}
}

func TestRefund(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in string
		want     payment.RefundReport
	}{
		{"only the number", `"refund_id":"Y1"`,
			payment.RefundReport{Status: payment.RefundProcessing, Word: "refund processing", RefundID: "Y1"}},
		{"done", `"refund_id":"Y1","m_refund_id":"R0001","trade_id":"` + testTrade + `","refund_amount":"0.10","refund_currency":"EUR","state":"refunded","refund_time":"1558512000"`,
			payment.RefundReport{Status: payment.RefundSuccess, Word: "refunded", RefundID: "Y1", SpTradeNo: testTrade, OutRefundNo: "R0001", Fee: eur(10), SucceededAt: time.Unix(1558512000, 0).UTC()}},
		{"balance too low", `"refund_id":"Y1","state":"refund pending"`,
			payment.RefundReport{Status: payment.RefundProcessing, Word: "refund pending", RefundID: "Y1"}},
		{"unknown word", `"refund_id":"Y1","state":"26"`, payment.RefundReport{Word: "26", RefundID: "Y1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var sent request
			got, err := plain(t, saying(200, `{"status":true,"data":{`+tt.in+`}}`, &sent)).Refund(context.Background(), refundOf(eur(10)))
			if d := cmp.Diff(tt.want, got); err != nil || d != "" {
				t.Error(err, d)
			}
			if d := cmp.Diff(map[string]string{"trade_id": testTrade, "m_refund_id": "R0001", "refund_amount": "0.10", "refund_currency": "EUR",
				"refund_description": "refund R0001", "notify_url": "https://example.com/refund-notify"}, sent.Data); d != "" || sent.Method != "v3.CreateRefund" {
				t.Error(sent.Method, d)
			}
		})
	}
}

func TestRefundAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		do, ask    provider.Kind
	}{
		{"no refund_id", `{"status":true,"data":{"state":"refunded"}}`, provider.Unknown, provider.Unknown},
		{"other refund", `{"status":true,"data":{"refund_id":"Y1","m_refund_id":"R2"}}`, provider.Unknown, provider.Unknown},
		{"other trade", `{"status":true,"data":{"refund_id":"Y1","trade_id":"x"}}`, provider.Unknown, provider.Unknown},
		{"other amount", `{"status":true,"data":{"refund_id":"Y1","refund_amount":"0.11","refund_currency":"EUR"}}`, provider.Unknown, provider.Unknown},
		{"other currency", `{"status":true,"data":{"refund_id":"Y1","refund_amount":"0.10","refund_currency":"CNY"}}`, provider.Unknown, provider.Unknown},
		{"amount unreadable", `{"status":true,"data":{"refund_id":"Y1","refund_amount":"-0.10","refund_currency":"EUR"}}`, provider.Unknown, provider.Unknown},
		{"not known", `{"status":false,"message":"refund not found"}`, provider.Declined, provider.NotFound},
		{"refused", `{"status":false,"message":"over the rest"}`, provider.Declined, provider.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, r := plain(t, saying(200, tt.body, nil)), refundOf(eur(10))
			_, err := c.Refund(context.Background(), r)
			kindIs(t, err, tt.do)
			r.RefundID = "Y1"
			_, err = c.QueryRefund(context.Background(), r)
			kindIs(t, err, tt.ask)
		})
	}
}
