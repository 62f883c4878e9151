package wechatpay

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

func TestV2Refund(t *testing.T) {
	t.Parallel()
	f := answering(map[string]string{
		"out_trade_no": testTrade.No, "out_refund_no": "RF-0001", "refund_id": "5030", "refund_fee": "500", "fee_type": "CNY",
		"mch_id": "1900000001", "sub_mch_id": "1900000002", "cash_refund_fee": "499",
	})
	p := f.open(t, V2SP, v2SPTest(nil))
	r := v2TestRefund
	got, err := p.Refund(t.Context(), r)
	want := payment.RefundReport{
		Status: payment.RefundProcessing, Word: "SUCCESS", Account: "1900000001/1900000002", No: testTrade.No,
		OutRefundNo: "RF-0001", RefundID: "5030", Fee: r.Fee,
	}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("Refund = %v %s", err, d)
	}
	r.TransactionID = "4200" // learnt meanwhile
	if _, err := p.Refund(t.Context(), r); err != nil || f.raw[0] != f.raw[1] {
		t.Errorf("a repeated refund is not the same to the byte: %v", err)
	}
	sent := map[string]string{
		"appid": "wx1111111111111111", "mch_id": "1900000001", "sub_mch_id": "1900000002", "sign_type": "HMAC-SHA256",
		"out_trade_no": testTrade.No, "out_refund_no": "RF-0001", "total_fee": "1299", "refund_fee": "500", "refund_fee_type": "CNY",
		"refund_desc": "returned goods", "notify_url": r.NotifyURL, "nonce_str": f.sent[0]["nonce_str"],
	}
	sent["sign"] = v2Sign(v2Key, hmacSHA256, sent)
	if d := cmp.Diff(sent, f.sent[0]); d != "" || f.urls[0] != "https://apihk.mch.weixin.qq.com/secapi/pay/refund" {
		t.Errorf("%s: %s", f.urls[0], d)
	}
	r.Desc = strings.Repeat("茶", 100)
	if _, err := p.Refund(t.Context(), r); err != nil || f.sent[2]["refund_desc"] != strings.Repeat("茶", 80) {
		t.Errorf("a long description: %q, %v", f.sent[2]["refund_desc"], err)
	}
}

func TestV2RefundRefuses(t *testing.T) {
	t.Parallel()
	f := answering(map[string]string{"out_refund_no": "RF-0001"})
	r := v2TestRefund
	r.Fee.Currency = "EUR"
	_, err := f.open(t, V2, v2Test(nil)).Refund(t.Context(), r)
	is(t, "another currency", err, provider.NotSupported)
	_, err = f.open(t, V2SP, v2SPTest(map[string]any{"cert": "", "cert_key": ""})).Refund(t.Context(), v2TestRefund)
	is(t, "no certificate", err, provider.NotSupported)
	if !strings.Contains(err.Error(), "providers.v2sp.cert") {
		t.Error(err)
	}
	p := f.open(t, V2, v2Test(nil))
	p.now = func() time.Time { return time.Date(2061, 1, 1, 0, 0, 0, 0, time.UTC) }
	_, err = p.Refund(t.Context(), v2TestRefund)
	is(t, "an expired certificate", err, provider.Denied)
	if !strings.Contains(err.Error(), "mend providers.v2: cert expired on 2060-01-01") {
		t.Error(err)
	}
	if len(f.sent) > 0 {
		t.Error("WeChat was asked")
	}
	_, err = answering(map[string]string{"out_refund_no": "RF-0002"}).open(t, V2, v2Test(nil)).Refund(t.Context(), v2TestRefund)
	is(t, "another refund", err, provider.Unknown)
}

func TestV2QueryRefund(t *testing.T) {
	t.Parallel()
	base := map[string]string{
		"out_trade_no": testTrade.No, "refund_count": "2", "total_refund_count": "2", "mch_id": "1900000009",
		"out_refund_no_0": "RF-0000", "refund_id_0": "5029", "refund_fee_0": "1", "refund_status_0": "PROCESSING",
		"out_refund_no_1": "RF-0001", "refund_id_1": "5030", "refund_fee_1": "500", "refund_status_1": "SUCCESS",
		"refund_recv_accout_1": "支付用户零钱", "refund_success_time_1": "2026-11-22 17:20:00",
	}
	tests := []struct {
		name    string
		change  map[string]string
		status  payment.RefundStatus
		word    string
		fee     payment.Money
		counted int
	}{
		{"done", nil, payment.RefundSuccess, "SUCCESS", v2TestRefund.Fee, 0},
		{"under way", map[string]string{"refund_status_1": "PROCESSING"}, payment.RefundProcessing, "PROCESSING", v2TestRefund.Fee, 0},
		{"closed", map[string]string{"refund_status_1": "REFUNDCLOSE"}, payment.RefundClosed, "REFUNDCLOSE", v2TestRefund.Fee, 0},
		{"stuck", map[string]string{"refund_status_1": "CHANGE"}, payment.RefundAbnormal, "CHANGE", v2TestRefund.Fee, 0},
		{"new word", map[string]string{"refund_status_1": "ABNORMAL"}, "", "ABNORMAL", v2TestRefund.Fee, 1},
		{"no word", map[string]string{"refund_status_1": ""}, "", "", v2TestRefund.Fee, 1},
		{"currency stated", map[string]string{"fee_type": "EUR"}, payment.RefundSuccess, "SUCCESS", payment.Money{Amount: 500, Currency: "EUR"}, 0},
		{"refund currency stated", map[string]string{"fee_type": "EUR", "refund_fee_type_1": "HKD"}, payment.RefundSuccess, "SUCCESS", payment.Money{Amount: 500, Currency: "HKD"}, 0},
		{"no amount", map[string]string{"refund_fee_1": ""}, payment.RefundSuccess, "SUCCESS", payment.Money{}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			said := maps.Clone(base)
			maps.Copy(said, tt.change)
			f := answering(said)
			p := f.open(t, V2, v2Test(nil))
			counted := 0
			p.counted = func(string, string) { counted++ }
			got, err := p.QueryRefund(t.Context(), v2TestRefund)
			want := payment.RefundReport{
				Status: tt.status, Word: tt.word, Account: "1900000009", No: testTrade.No, OutRefundNo: "RF-0001", RefundID: "5030",
				Fee: tt.fee, SucceededAt: time.Date(2026, 11, 22, 9, 20, 0, 0, time.UTC),
			}
			if d := cmp.Diff(want, got); err != nil || d != "" || counted != tt.counted {
				t.Errorf("QueryRefund = %v, counted %d %s", err, counted, d)
			}
			if f.sent[0]["out_refund_no"] != "RF-0001" || !strings.HasSuffix(f.urls[0], "/pay/refundquery") {
				t.Errorf("sent %v to %s", f.sent[0], f.urls[0])
			}
		})
	}
	for what, said := range map[string]map[string]string{
		"another refund": {"out_refund_no_0": "RF-0000", "refund_status_0": "SUCCESS"}, "no refund": {},
	} {
		_, err := answering(said).open(t, V2, v2Test(nil)).QueryRefund(t.Context(), v2TestRefund)
		is(t, what, err, provider.Unknown)
	}
	_, err := answering(map[string]string{"refund_count": "0"}).open(t, V2, v2Test(nil)).QueryRefund(t.Context(), v2TestRefund)
	is(t, "none counted", err, provider.NotFound)
	_, err = answering(map[string]string{"refund_count": "0", "out_refund_no_0": "RF-0000"}).open(t, V2, v2Test(nil)).QueryRefund(t.Context(), v2TestRefund)
	is(t, "none counted, but one told", err, provider.Unknown)
	_, err = answering(map[string]string{"result_code": "FAIL", "err_code": "REFUNDNOTEXIST"}).open(t, V2, v2Test(nil)).QueryRefund(t.Context(), v2TestRefund)
	is(t, "REFUNDNOTEXIST", err, provider.NotFound)
}
