package supay

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

func TestRefundGateway(t *testing.T) {
	t.Parallel()
	for answer, id := range map[string]string{
		`{"status":"T","data":{"result":true}}`:                       "R1", // ours stands in
		`{"status":"T","data":{"result":true,"inner_trade_no":"S9"}}`: "S9",
	} {
		c, d := says(t, answer, nil)
		got, err := c.Refund(t.Context(), refund(payment.Card))
		want := payment.RefundReport{Status: payment.RefundProcessing, Word: "T", Account: "100001", No: "T20200101001", OutRefundNo: "R1", RefundID: id, Fee: cents(40)}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Error(err, diff)
		}
		for _, part := range []string{`"service":"create_refund"`, `"mch_order_no":"R1"`, `"orig_mch_order_no":"T20200101001"`, `"refund_amount":"0.40"`,
			`"call_back_url":"https://example.com/notify"`, `"refund_note":"cold"`} {
			if !strings.Contains(d.bodies[0], part) {
				t.Errorf("%s is not in %s", part, d.bodies[0])
			}
		}
	}
}

// An answer that only says T leaves open whether money went back.
func TestRefundGatewayUnclear(t *testing.T) {
	t.Parallel()
	c, _ := says(t, `{"status":"T","data":{"inner_trade_no":"S9"}}`, nil)
	_, err := c.Refund(t.Context(), refund(payment.WeChat))
	kindIs(t, err, provider.Unknown)
}

func TestRefundBridge(t *testing.T) {
	t.Parallel()
	c, d := says(t, `{"result":"SUCCESS"}`, nil)
	r := refund(payment.Alipay)
	r.No, r.Fee = "88888888", cents(100)
	got, err := c.Refund(t.Context(), r)
	want := payment.RefundReport{Status: payment.RefundSuccess, Word: "SUCCESS", No: "88888888", OutRefundNo: "R1", Fee: cents(100)}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if diff := cmp.Diff(url.Values{
		"merchant_id": {"10088"}, "merchant_trade_no": {"R1"}, "org_merchant_trade_no": {"88888888"}, "total_amount": {"1.00"},
		"token": {"6e30731aa5c5ed997fa10db0accd5186"},
	}, d.asked[0].URL.Query()); diff != "" {
		t.Error(diff)
	}
	if d.asked[0].URL.Path != "/payment/bridge/refund" || d.asked[0].Body == nil || d.asked[0].GetBody != nil {
		t.Error("asked elsewhere, or so that it may be repeated")
	}
}

// What the bridge's refund answers is not known: the settings' words come before ours.
func TestRefundBridgeWords(t *testing.T) {
	t.Parallel()
	const done = provider.Kind(-1)
	own := map[string]payment.RefundStatus{"T": payment.RefundSuccess, "FAILED": payment.RefundSuccess, "F": payment.RefundClosed, "ODD": payment.RefundAbnormal, "SUCCESS": payment.RefundProcessing}
	for word, want := range map[string]provider.Kind{
		"T": done, "FAILED": done, "REFUND_SUCCESS": done, "F": provider.Declined, "ODD": provider.Declined, "FAIL": provider.Declined,
		"SUCCESS": provider.Unknown, "REFUND_PROCESSING": provider.Unknown, "t": provider.Unknown, "": provider.Unknown,
	} {
		c, _ := says(t, `{"done":"`+word+`"}`, map[string]any{"refund_states": own, "names": map[string]string{"bridge_refund_result": "done"}})
		got, err := c.Refund(t.Context(), refund(payment.Alipay))
		if want != done {
			kindIs(t, err, want)
		} else if err != nil || got.Status != payment.RefundSuccess || got.Word != word {
			t.Errorf("%s: %+v, %v", word, got, err)
		}
	}
}

func TestRefundRefused(t *testing.T) {
	t.Parallel()
	c, d := says(t, `{"status":"T","data":{"result":true}}`, nil)
	yuan, same := refund(payment.WeChat), refund(payment.WeChat)
	yuan.Fee.Currency, same.OutRefundNo = "CNY", same.No
	for _, r := range []provider.Refund{yuan, same} {
		_, err := c.Refund(t.Context(), r)
		kindIs(t, err, provider.NotSupported)
	}
	known := refund(payment.Alipay)
	known.RefundID = "R9"
	for _, r := range []provider.Refund{known, refund(payment.WeChat)} { // the second one's answer was lost
		_, err := c.QueryRefund(t.Context(), r)
		kindIs(t, err, provider.NotSupported)
	}
	if len(d.asked) > 0 {
		t.Errorf("%d calls", len(d.asked))
	}
}

func TestQueryRefund(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, members string
		id            string
		want          payment.RefundStatus
		bad           bool
		counted       int
	}{
		{"done", `"inner_trade_no":"S9","outer_trade_no":"R1","orig_mch_order_no":"T20200101001","refund_status":"REFUND_SUCCESS","refund_amount":"0.40"`, "S9", payment.RefundSuccess, false, 0},
		{"small letters", `"currency":"aud","refund_status":"REFUND_SUCCESS"`, "S9", payment.RefundSuccess, false, 0},
		{"under way", `"refund_status":"REFUND_PROCESSING"`, "S9", payment.RefundProcessing, false, 0},
		{"our number stood in", `"inner_trade_no":"S9","refund_status":"REFUND_SUCCESS"`, "R1", payment.RefundSuccess, false, 0},
		{"a word for failure is not guessed", `"refund_status":"REFUND_FAILED"`, "S9", "", false, 1},
		{"no word", `"trade_status":"TRADE_SUCCESS","trade_amount":"1.00"`, "S9", "", false, 1},
		{"another refund", `"inner_trade_no":"S8","refund_status":"REFUND_SUCCESS"`, "S9", "", true, 0},
		{"another number", `"outer_trade_no":"R2","refund_status":"REFUND_SUCCESS"`, "S9", "", true, 0},
		{"another order's", `"orig_mch_order_no":"X","refund_status":"REFUND_SUCCESS"`, "S9", "", true, 0},
		{"another amount", `"refund_amount":"0.41","refund_status":"REFUND_SUCCESS"`, "S9", "", true, 0},
		{"another currency", `"currency":"CNY","refund_status":"REFUND_SUCCESS"`, "S9", "", true, 0},
		{"no amount", `"refund_amount":"x","refund_status":"REFUND_SUCCESS"`, "S9", "", true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, d := says(t, `{"status":"T","data":{`+tt.members+`}}`, nil)
			r := refund(payment.WeChat)
			r.RefundID = tt.id
			got, err := c.QueryRefund(t.Context(), r)
			if tt.bad {
				kindIs(t, err, provider.Unknown)
				return
			}
			want := payment.RefundReport{Status: tt.want, Word: got.Word, Account: "100001", No: r.No, OutRefundNo: "R1", RefundID: tt.id, Fee: r.Fee}
			if diff := cmp.Diff(want, got); err != nil || diff != "" || len(d.counts) != tt.counted {
				t.Error(err, diff, d.counts)
			}
			if !strings.Contains(d.bodies[0], `"mch_order_no":"R1"`) || !strings.Contains(d.bodies[0], `"trade_type":"REFUND"`) {
				t.Error(d.bodies[0])
			}
		})
	}
}
