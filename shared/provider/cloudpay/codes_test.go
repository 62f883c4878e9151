package cloudpay

import (
	"errors"
	"strings"
	"testing"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// Every error code of the facts, at every op.
func TestErrCodes(t *testing.T) {
	t.Parallel()
	groups := map[provider.Kind]string{
		provider.AlreadyPaid: "ORDERPAID",
		provider.NotFound:    "ORDERNOTEXIST REFUNDNOTEXIST",
		provider.NotEnough:   "NOTENOUGH",
		provider.Unknown:     "SYSTEMERROR BIZERR_NEED_RETRY",
		provider.Busy:        "FREQUENCY_LIMITED INVALID_REQ_TOO_MUCH",
		provider.Denied:      "NOAUTH APPID_NOT_EXIST MCHID_NOT_EXIST APPID_MCHID_NOT_MATCH SIGNERROR CERT_ERROR",
		provider.Declined: "ORDERCLOSED INVALID_REQUEST OUT_TRADE_NO_USED OUT_REFUND_NO_USED LACK_PARAMS PARAM_ERROR XML_FORMAT_ERROR " +
			"REQUIRE_POST_METHOD POST_DATA_EMPTY NOT_UTF8 TRADE_OVERDUE USER_ACCOUNT_ABNORMAL INVALID_TRANSACTIONID REFUND_FEE_MISMATCH",
	}
	tested := 0
	for kind, codes := range groups {
		for code := range strings.FieldsSeq(codes) {
			tested++
			t.Run(code, func(t *testing.T) {
				t.Parallel()
				d := returning(`{"returnCode":"SUCCESS","resultCode":"FAIL","errCode":"` + code + `","errCodeDes":"because"}`)
				c := account(t, d, plain)
				_, err := c.Create(t.Context(), order())
				kindIs(t, err, kind)
				var e *provider.Error
				if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, "because") || kind == provider.Denied && !strings.Contains(e.Message, "providers.cloudpay") {
					t.Errorf("%+v", e)
				}
				_, err = c.Refund(t.Context(), refund())
				kindIs(t, err, kind)
				asked := kind
				if asked == provider.Declined { // a question is never declined
					asked = provider.Unknown
				}
				_, err = c.Query(t.Context(), trade())
				kindIs(t, err, asked)
				_, err = c.QueryRefund(t.Context(), refund())
				kindIs(t, err, asked)
				if err := c.Close(t.Context(), trade()); kind == provider.NotFound || code == "ORDERCLOSED" {
					if err != nil {
						t.Errorf("close: %v", err)
					}
				} else {
					kindIs(t, err, kind)
				}
				if len(d.counts) > 0 {
					t.Errorf("counted %v", d.counts)
				}
			})
		}
	}
	if tested != len(errCodes) {
		t.Errorf("%d codes tested, the table has %d", tested, len(errCodes))
	}
}

// Refusals without a code, of WeChat Pay and of bridges, ours and others.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in string
		want     provider.Kind
		says     string
		counted  bool
	}{
		{"shop", `{"returnCode":"FAIL","returnMsg":"sub_mch_id与sub_appid不匹配"}`, provider.Denied, "providers.cloudpay.sub_mchid", false},
		{"permission", `{"returnCode":"FAIL","returnMsg":"无权限"}`, provider.Denied, "providers.cloudpay.sub_mchid", false},
		{"system", `{"returnCode":"FAIL","returnMsg":"system is down"}`, provider.Unknown, "system is down", false},
		{"code without resultCode", `{"returnCode":"FAIL","errCode":"SYSTEMERROR"}`, provider.Unknown, "SYSTEMERROR", false},
		{"code nobody knows", `{"returnCode":"SUCCESS","resultCode":"FAIL","errCode":"NEW_ONE","errCodeDes":"new"}`, provider.Unknown, "NEW_ONE", true},
		{"no code", `{"returnCode":"SUCCESS","resultCode":"FAIL","errCode":0}`, provider.Unknown, "", true},
		{"SDK", `{"errCode":-1,"errMsg":"cloudPay.unifiedOrder:fail timeout"}`, provider.Unknown, "timeout", false},
		{"our bridge", `{"errcode":401,"errmsg":"the call is more than 300 s away from this clock"}`, provider.Denied, "providers.cloudpay.key", false},
		{"another bridge", `{"error":"bad sign abcdef"}`, provider.Denied, "providers.cloudpay.key", false},
		{"old bridge", `{"errcode":400,"errmsg":"no such op"}`, provider.Unknown, "no such op", false},
		{"nothing", `{}`, provider.Unknown, "not the SDK's result", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := returning(tt.in)
			_, err := account(t, d, plain).Create(t.Context(), order())
			kindIs(t, err, tt.want)
			if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "abcdef") {
				t.Error(err)
			}
			if tt.counted != (len(d.counts) > 0) {
				t.Errorf("counted %v", d.counts)
			}
		})
	}
}

func TestTradeStates(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]payment.ReportState{
		"SUCCESS": payment.Paid, "REFUND": payment.Refunded, "NOTPAY": payment.Pending, "CLOSED": payment.Over, "REVOKED": payment.Over,
		"USERPAYING": payment.Pending, "PAYERROR": payment.Pending, "ACCEPT": payment.Pending, "NEW": payment.Unmapped, "": payment.Unmapped,
	} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			d := returning(`{"returnCode":"SUCCESS","resultCode":"SUCCESS","outTradeNo":"ORD-20261122_0001","totalFee":1299,"tradeState":"` + word + `"}`)
			r, err := account(t, d, plain).Query(t.Context(), trade())
			if err != nil || r.State != want || r.Word != word {
				t.Errorf("%+v, %v", r, err)
			}
			if (want == payment.Unmapped) != (len(d.counts) == 1) {
				t.Errorf("counted %v", d.counts)
			}
		})
	}
}

func TestRefundStates(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]payment.RefundStatus{
		"SUCCESS": payment.RefundSuccess, "PROCESSING": payment.RefundProcessing, "REFUNDCLOSE": payment.RefundClosed,
		"CHANGE": payment.RefundAbnormal, "NEW": "", "": "",
	} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			d := returning(`{"returnCode":"SUCCESS","resultCode":"SUCCESS","outRefundNo_0":"RF-1","refundStatus_0":"` + word + `"}`)
			r, err := account(t, d, plain).QueryRefund(t.Context(), refund())
			if err != nil || r.Status != want || r.Word != word {
				t.Errorf("%+v, %v", r, err)
			}
			if (want == "") != (len(d.counts) == 1) {
				t.Errorf("counted %v", d.counts)
			}
		})
	}
}
