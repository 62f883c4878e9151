package cashier_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/all"
	"overseaspay/shared/sandbox"
)

// What a processor's own desk gives back appears by itself, counted and flagged,
// where its descriptor says so; elsewhere the order stays as it is.
func TestDeskRefundsAppear(t *testing.T) {
	t.Parallel()
	each(t, processors(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		no := paid(t, r, sp)
		seen := all.Registry()[sp].DeskRefunds != provider.DeskUnseen
		for _, step := range []struct {
			fee, given int64
			wait       time.Duration // until the order is looked at after its payment
		}{{300, 300, 61 * time.Minute}, {999, 1299, 6 * time.Hour}} {
			if _, _, err := r.Box.Refund(t.Context(), no, sp, step.fee); err != nil {
				t.Fatal(err)
			}
			r.Clock.Add(step.wait)
			sweep(t, r, gone{})
			state, given := payment.TradeSuccess, int64(0)
			if seen {
				state, given = payment.TradeRefund, step.given
			}
			v := r.Stored(t, no).View()
			if v.TradeState != state || v.RefundedFee != given || slices.Contains(v.Flags, payment.ExternalRefund) != seen {
				t.Errorf("with %d given back at the desk: %+v", step.given, v)
			}
		}
		if seen {
			_, err := refund(r, t, no, "R-1", 1)
			want(t, err, payment.Conflict, "left")
		}
	})
}

// yabandNotice is one as YabandPay posts it, of the members given.
func yabandNotice(t *testing.T, r *cashiertest.Rig, no string, data map[string]string) int {
	t.Helper()
	names := slices.Sorted(maps.Keys(data))
	for i, name := range names {
		names[i] = name + "=" + data[name]
	}
	key, _ := r.Provider("yaband")["key"].(string)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(strings.Join(names, "&")))
	body, err := json.Marshal(map[string]any{"sign": hex.EncodeToString(mac.Sum(nil)), "data": data})
	if err != nil {
		t.Fatal(err)
	}
	return r.Post(httptest.NewRequest(http.MethodPost, "https://pay.test/notify/yaband/default/"+no, bytes.NewReader(body))).Code
}

// YabandPay's refund notices name the trade by YabandPay's number. Beside another
// attempt they are booked on the right one; of a trade that is not known there they
// cause a question.
func TestARefundNoticeNamesItsTradeByTheProcessorsNumber(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "yaband")
	trade := r.Stored(t, no).Attempts[0].SpTradeNo
	data := map[string]string{"type": "refund", "state": "refunded", "trade_id": trade, "refund_id": "D1", "refund_amount": "3.00", "refund_currency": "EUR"}
	if code := yabandNotice(t, r, no, data); code != http.StatusOK {
		t.Fatal(code)
	}
	state(t, r, no, payment.TradeRefund, 300, payment.ExternalRefund)
	data["trade_id"], data["refund_id"] = "another-trade", "D2"
	if code := yabandNotice(t, r, no, data); code != http.StatusUnauthorized {
		t.Error(code)
	}
	state(t, r, no, payment.TradeRefund, 300, payment.ExternalRefund)

	two := cashiertest.Order("ORDER-TWO-1")
	r.MustPay(t, two)
	two.PayMethod = payment.PayPal
	r.MustPay(t, two)
	o := r.Stored(t, two.OutTradeNo)
	if _, _, err := r.Box.Pay(t.Context(), o.Attempts[0].No, sandbox.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	data["trade_id"] = o.Attempts[0].SpTradeNo
	if code := yabandNotice(t, r, two.OutTradeNo, data); code != http.StatusOK {
		t.Fatal(code)
	}
	if o = r.Stored(t, two.OutTradeNo); o.TradeState != payment.TradeRefund || len(o.Refunds) != 1 || o.Refunds[0].AttemptNo != o.Attempts[0].No {
		t.Errorf("%s, %+v", o.TradeState, o.Refunds)
	}
}

// A trade that was cancelled after its payment has been given back: its notice is
// asked about, for an old one of an attempt that was paid in the end says the same.
func TestACancelAfterThePayment(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "yaband")
	a := r.Stored(t, no).Attempts[0]
	data := map[string]string{"type": "payment", "state": "cancelled", "user": "016683", "order_id": a.No, "trade_id": a.SpTradeNo, "amount": "12.99", "currency": "EUR"}
	r.Clock.Add(3 * time.Second)
	if code := yabandNotice(t, r, no, data); code != http.StatusOK {
		t.Fatal(code)
	}
	state(t, r, no, payment.TradeSuccess, 0) // so says the question
	r.Intercept = func(*http.Request) *http.Response {
		return cashiertest.Answer(http.StatusOK, `{"status":true,"data":{"transaction_info":{"trade_id":"`+a.SpTradeNo+`","order_id":"`+a.No+`","amount":"12.99","currency":"EUR","state":"cancelled"}}}`)
	}
	r.Clock.Add(3 * time.Second)
	if code := yabandNotice(t, r, no, data); code != http.StatusOK {
		t.Fatal(code)
	}
	state(t, r, no, payment.TradeRefund, 1299, payment.ExternalRefund)
}
