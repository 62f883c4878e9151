package cashier_test

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"testing"
	"time"

	"overseaspay/shared/cashier"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
)

// yuan makes an order of 12.99 yuan at yaband, whose account gives money back in
// euros. It is not paid yet.
func yuan(t *testing.T, no string) *cashiertest.Rig {
	t.Helper()
	r := cashiertest.New(t)
	r.Provider("yaband")["refund_currency"] = "EUR"
	r.Put(t, "payment", r.Item)
	in := cashiertest.Order(no)
	in.FeeType = "CNY"
	r.MustPay(t, in)
	return r
}

// The local-currency rule: an order in yuan is given back in the currency that the
// account settles in, up to the amount that the processor says it settled. The twin
// answers refunds of these three in its three ways.
func TestRefundsOfTheSettlement(t *testing.T) {
	t.Parallel()
	for _, no := range []string{"ORDER-0001", "ORDER-0002", "ORDER-0003"} {
		t.Run(no, func(t *testing.T) {
			t.Parallel()
			refundSettlement(t, yuan(t, no), no)
		})
	}
}

func refundSettlement(t *testing.T, r *cashiertest.Rig, no string) {
	if _, _, err := r.Box.Pay(t.Context(), no, sandbox.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	v := r.Stored(t, no).View()
	if v.TradeState != payment.TradeSuccess || v.SettlementFee != 162 || v.SettlementFeeType != "EUR" || v.RefundedFeeType != "" {
		t.Fatalf("order %+v", v)
	}
	given := func(state payment.TradeState, cents, ledger int64) {
		t.Helper()
		v := r.Stored(t, no).View()
		if v.TradeState != state || v.RefundedFee != cents || v.RefundedFeeType != "EUR" || len(v.Flags) > 0 {
			t.Errorf("order %+v, want %d given back", v, cents)
		}
		if n := atProcessor(t, r, no); n != ledger {
			t.Errorf("the processor gave back %d of the order's currency, want %d", n, ledger)
		}
	}
	give := func(refundNo string, cents int64) {
		t.Helper()
		out, err := refund(r, t, no, refundNo, cents)
		if err != nil || out.Refund.Fee != (payment.Money{Amount: cents, Currency: "EUR"}) {
			t.Fatalf("%s: %+v, %v", refundNo, out.Refund, err)
		}
		if f := settle(t, r, no, refundNo); f.Status != payment.RefundSuccess || f.RefundID == "" {
			t.Fatalf("%s is %s %s", refundNo, f.Status, f.Reason)
		}
	}
	give("R-1", 62)
	given(payment.TradeRefund, 62, 62*8)
	_, err := refund(r, t, no, "R-2", 101)
	want(t, err, payment.Conflict, "1.00 EUR left")
	give("R-1", 62) // the same refund
	given(payment.TradeRefund, 62, 62*8)
	fee := int64(500)
	_, err = r.Cashier.Refund(t.Context(), r.Server(t), cashier.RefundOrder{OutTradeNo: no, OutRefundNo: "R-2", RefundFee: &fee, RefundFeeType: "CNY"})
	want(t, err, payment.Unsupported, "EUR")
	give("R-3", 100)
	given(payment.TradeRefund, 162, 1299)
	_, err = refund(r, t, no, "R-4", 1)
	want(t, err, payment.Conflict, "left")
	given(payment.TradeRefund, 162, 1299)
}

// A processor that has not said what it settled: there is no cap to keep to.
func TestRefundWithoutAKnownSettlement(t *testing.T) {
	t.Parallel()
	const no = "ORDER-0001"
	r := yuan(t, no)
	settlement := regexp.MustCompile(`"settlement_(amount|currency)":"[^"]*",`)
	sent := 0
	r.Intercept = func(req *http.Request) *http.Response {
		body, err := io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte("v3.CreateRefund")) {
			sent++
		}
		if err != nil || !bytes.Contains(body, []byte("v3.QueryOrder")) {
			return nil
		}
		res, err := r.Box.Transport().RoundTrip(req)
		if err != nil {
			t.Error(err)
			return nil
		}
		said, err := io.ReadAll(res.Body)
		if err != nil {
			t.Error(err)
		}
		return cashiertest.Answer(res.StatusCode, settlement.ReplaceAllString(string(said), ""))
	}
	if _, _, err := r.Box.Pay(t.Context(), no, sandbox.PayOptions{Silent: true}); err != nil {
		t.Fatal(err)
	}
	r.Clock.Add(3 * time.Second)
	if o := r.Query(t, no); o.TradeState != payment.TradeSuccess || o.View().SettlementFee != 0 {
		t.Fatalf("order %+v", o.View())
	}
	_, err := refund(r, t, no, "R-1", 1)
	want(t, err, payment.Unsupported, "has not reported what it settled")
	if o := r.Stored(t, no); len(o.Refunds) != 0 || sent != 0 {
		t.Errorf("%d refunds booked, %d sent", len(o.Refunds), sent)
	}
}
