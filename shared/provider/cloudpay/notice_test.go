package cloudpay

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// posted is what a bridge with this key posts.
func posted(body, key string, at time.Time) provider.Inbound {
	stamp := strconv.FormatInt(at.Unix(), 10)
	h := http.Header{}
	h.Set("X-Bridge-Timestamp", stamp)
	h.Set("X-Bridge-Signature", wire.HMAC(key, stamp+"."+body))
	return provider.Inbound{Method: http.MethodPost, Header: h, Body: []byte(body)}
}

func TestNotice(t *testing.T) {
	t.Parallel()
	c := account(t, returning(`{}`), plain)
	n, err := c.Notice(t.Context(), posted(fixture(t, "callback_event"), testKey, noon))
	want := payment.Report{
		State: payment.Paid, Word: "SUCCESS", Account: "1900000002", No: "ORD-20261122_0001", Total: cny(1299),
		SpTradeNo: "4200000000202611220000000001", TransactionID: "4200000000202611220000000001",
		PaidAt: time.Date(2026, 11, 22, 9, 15, 0, 0, time.UTC),
	}
	if df := cmp.Diff(want, n.Payment); err != nil || df != "" || n.Doorbell || n.Refund != nil || n.Probe {
		t.Fatal(err, df, n)
	}
	kept, err := wire.Flat(n.Public)
	if err != nil || kept["subOpenid"] != "[removed]" || kept["openid"] != "[removed]" || kept["nonceStr"] != "[removed]" || kept["totalFee"] != "1299" {
		t.Errorf("%s, %v", n.Public, err)
	}
	var ack, required any
	if json.Unmarshal([]byte(c.Ack().Body), &ack) != nil || json.Unmarshal([]byte(fixture(t, "required_ack")), &required) != nil || !cmp.Equal(ack, required) || c.Ack().Status != 200 {
		t.Errorf("%+v", c.Ack())
	}
}

func TestNoticesRefused(t *testing.T) {
	t.Parallel()
	event := fixture(t, "callback_event")
	edit := func(old, new string) string { return strings.Replace(event, old, new, 1) }
	header := func(name, value string) provider.Inbound {
		in := posted(event, testKey, noon)
		in.Header.Set(name, value)
		return in
	}
	for _, tt := range []struct {
		name string
		in   provider.Inbound
		want provider.Kind
	}{
		{"other key", posted(event, "other", noon), provider.Forged},
		{"no key", posted(event, "", noon), provider.Forged},
		{"no signature", header("X-Bridge-Signature", ""), provider.Forged},
		{"no time", header("X-Bridge-Timestamp", ""), provider.Forged},
		{"other time", header("X-Bridge-Timestamp", strconv.FormatInt(noon.Unix()+1, 10)), provider.Forged},
		{"time is a word", func() provider.Inbound {
			in := posted(event, testKey, noon)
			in.Header.Set("X-Bridge-Timestamp", "now")
			in.Header.Set("X-Bridge-Signature", wire.HMAC(testKey, "now."+event))
			return in
		}(), provider.Forged},
		{"no headers", provider.Inbound{Body: []byte(event)}, provider.Forged},
		{"old", posted(event, testKey, noon.Add(-301*time.Second)), provider.Forged},
		{"from the future", posted(event, testKey, noon.Add(301*time.Second)), provider.Forged},
		{"other merchant", posted(edit("1900000002", "1900000003"), testKey, noon), provider.Forged},
		{"no merchant", posted(edit(`"subMchId"`, `"x"`), testKey, noon), provider.Forged},
		{"not JSON", posted("<xml>", testKey, noon), provider.Malformed},
		{"list", posted("[]", testKey, noon), provider.Malformed},
		{"null", posted("null", testKey, noon), provider.Malformed},
		{"two amounts", posted(edit(`"feeType"`, `"totalFee": 1, "feeType"`), testKey, noon), provider.Malformed},
		{"decimal amount", posted(edit(`"totalFee": 1299`, `"totalFee": 12.99`), testKey, noon), provider.Malformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n, err := account(t, returning(`{}`), plain).Notice(t.Context(), tt.in)
			kindIs(t, err, tt.want)
			if df := cmp.Diff(provider.Notice{}, n); df != "" {
				t.Error(df)
			}
		})
	}
	for _, edge := range []time.Duration{-300 * time.Second, 300 * time.Second} {
		if _, err := account(t, returning(`{}`), plain).Notice(t.Context(), posted(event, testKey, noon.Add(edge))); err != nil {
			t.Error(edge, err)
		}
	}
}

// A genuine event that proves no payment only rings.
func TestNoticesThatRing(t *testing.T) {
	t.Parallel()
	event := fixture(t, "callback_event")
	for name, body := range map[string]string{
		"failed":    strings.Replace(event, `"resultCode": "SUCCESS"`, `"resultCode": "FAIL"`, 1),
		"transport": strings.Replace(event, `"returnCode": "SUCCESS"`, `"returnCode": "FAIL"`, 1),
		"no amount": strings.Replace(event, `"totalFee"`, `"x"`, 1),
		"no number": strings.Replace(event, `"transactionId"`, `"x"`, 1),
		"no order":  strings.Replace(event, `"outTradeNo"`, `"x"`, 1),
		"refund":    `{"subMchId":"1900000002","outTradeNo":"ORD-20261122_0001","outRefundNo":"RF-1","refundStatus":"SUCCESS"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, err := account(t, returning(`{}`), plain).Notice(t.Context(), posted(body, testKey, noon))
			if err != nil || !n.Doorbell || n.Payment.State != payment.Pending || !n.Payment.Total.IsZero() || n.Payment.TransactionID != "" || len(n.Public) == 0 {
				t.Errorf("%+v, %v", n, err)
			}
			if name != "no order" && n.Payment.No != "ORD-20261122_0001" {
				t.Errorf("it rings for %q", n.Payment.No)
			}
		})
	}
}
