package wechatpay

import (
	"errors"
	"strings"
	"testing"

	"overseaspay/shared/provider"
)

// Every code of the facts, by what it means for a refund, the call with most to lose.
func TestV2ErrorCodes(t *testing.T) {
	t.Parallel()
	tests := map[provider.Kind]string{
		provider.AlreadyPaid: "ORDERPAID",
		provider.NotFound:    "ORDERNOTEXIST REFUNDNOTEXIST",
		provider.NotEnough:   "NOTENOUGH",
		provider.Busy:        "FREQUENCY_LIMITED INVALID_REQ_TOO_MUCH",
		provider.Denied:      "SIGNERROR NOAUTH APPID_NOT_EXIST MCHID_NOT_EXIST APPID_MCHID_NOT_MATCH CERT_ERROR",
		provider.Unknown:     "SYSTEMERROR BIZERR_NEED_RETRY",
		provider.Declined: "INVALID_REQUEST ORDERCLOSED LACK_PARAMS OUT_TRADE_NO_USED XML_FORMAT_ERROR REQUIRE_POST_METHOD POST_DATA_EMPTY NOT_UTF8 " +
			"TRADE_OVERDUE USER_ACCOUNT_ABNORMAL INVALID_TRANSACTIONID PARAM_ERROR REFUND_FEE_MISMATCH OUT_REFUND_NO_USED",
	}
	for want, codes := range tests {
		for code := range strings.FieldsSeq(codes) {
			t.Run(code, func(t *testing.T) {
				t.Parallel()
				p := answering(map[string]string{
					"result_code": "FAIL", "err_code": code, "err_code_des": "原因\n " + strings.Repeat("long ", 60),
				}).open(t, V2, v2Test(nil))
				p.counted = func(metric, detail string) { t.Errorf("counted as %s: %s", metric, detail) }
				_, err := p.Refund(t.Context(), v2TestRefund)
				var e *provider.Error
				if !errors.As(err, &e) || e.Kind != want || e.Code != code {
					t.Fatalf("Refund = %v, want kind %v", err, want)
				}
				if len(err.Error()) > 500 || !strings.Contains(err.Error(), "原因 long") {
					t.Errorf("message = %q", e.Message)
				}
				if want == provider.Denied && !strings.Contains(e.Message, "mend providers.v2: ") {
					t.Errorf("message = %q, want the settings to look at", e.Message)
				}
			})
		}
	}
}

// A code that nobody knows leaves a refund open, and is counted.
func TestV2UnknownCode(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"A_NEW_ONE", ""} {
		p := answering(map[string]string{"result_code": "FAIL", "err_code": code}).open(t, V2, v2Test(nil))
		var counted []string
		p.counted = func(metric, detail string) { counted = append(counted, metric+" "+detail) }
		_, err := p.Refund(t.Context(), v2TestRefund)
		is(t, code, err, provider.Unknown)
		if len(counted) != 1 || counted[0] != "wechatpay_unmapped err_code "+code {
			t.Errorf("counted %q", counted)
		}
	}
}

// Failures on the level of transport carry no signature.
func TestV2Unsigned(t *testing.T) {
	t.Parallel()
	tests := []struct {
		said string
		want provider.Kind
		name string // of a setting that the sentence must hold
	}{
		{"签名错误，请检查后再试", provider.Denied, "sign_type"},
		{"签名失败", provider.Denied, "key"},
		{"Signature error", provider.Denied, "key"},
		{"sign error", provider.Denied, "key"},
		{"SIGNERROR", provider.Denied, "key"},
		{"商户号mch_id或sub_mch_id不存在", provider.Denied, "mchid"},
		{"mch_id参数格式错误", provider.Denied, "mchid"},
		{"appid不存在", provider.Denied, "mchid"},
		{"证书验证失败", provider.Denied, "cert and cert_key"},
		{"certificate not match", provider.Denied, "cert and cert_key"},
		{"系统繁忙，请稍后再试", provider.Unknown, ""},
		{"参数格式校验错误", provider.Unknown, ""},
		{"SYSTEMERROR", provider.Unknown, ""},
		{"assigned elsewhere", provider.Unknown, ""},
		{"", provider.Unknown, ""},
	}
	for _, tt := range tests {
		body := "<xml><return_code>FAIL</return_code><return_msg><![CDATA[" + tt.said + "]]></return_msg></xml>"
		_, err := (&v2Fake{body: body}).open(t, V2, v2Test(nil)).Refund(t.Context(), v2TestRefund)
		is(t, tt.said, err, tt.want)
		if err != nil && (!strings.Contains(err.Error(), tt.name) || !strings.Contains(err.Error(), tt.said)) {
			t.Errorf("%q: %v", tt.said, err)
		}
	}
}
