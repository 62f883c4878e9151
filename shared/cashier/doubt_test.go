package cashier_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"overseaspay/shared/cashier"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
)

// hours lets time pass with an hourly sweep.
func hours(t *testing.T, r *cashiertest.Rig, n int) {
	for range n {
		r.Clock.Add(time.Hour)
		sweep(t, r, gone{})
	}
}

// state is how an order's money stands, with its flags.
func state(t *testing.T, r *cashiertest.Rig, no string, trade payment.TradeState, refunded int64, flags ...payment.Flag) {
	t.Helper()
	v := r.Stored(t, no).View()
	if v.TradeState != trade || v.RefundedFee != refunded || !slices.Equal(v.Flags, append([]payment.Flag{}, flags...)) {
		t.Errorf("order is %s, %d given back, flags %v; want %s, %d, %v", v.TradeState, v.RefundedFee, v.Flags, trade, refunded, flags)
	}
}

// A refund's answer was lost, a question lags, and the repetition is refused: that
// says nothing of the first call, and its amount is not free.
func TestARefusedRepetitionFreesNothing(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "v3")
	if err := r.Box.Fault(sandbox.Fault{Provider: "v3", Op: "POST", Kind: sandbox.FaultLost}); err != nil {
		t.Fatal(err)
	}
	_, err := refund(r, t, no, "R-1", 500)
	want(t, err, payment.OutcomeUnknown, "")
	r.Intercept = func(req *http.Request) *http.Response {
		if req.Method == http.MethodGet {
			return cashiertest.Answer(http.StatusNotFound, `{"code":"RESOURCE_NOT_EXISTS","message":"no"}`)
		}
		return cashiertest.Answer(http.StatusBadRequest, `{"code":"INVALID_REQUEST","message":"re-entry with different parameters"}`)
	}
	r.Clock.Add(3 * time.Second)
	_, err = refund(r, t, no, "R-1", 500)
	want(t, err, payment.OutcomeUnknown, "out_refund_no")
	_, err = refund(r, t, no, "R-2", 1000)
	want(t, err, payment.Conflict, "left")
	r.Intercept = nil
	if f := settle(t, r, no, "R-1"); f.Status != payment.RefundSuccess {
		t.Errorf("refund is %s", f.Status)
	}
	state(t, r, no, payment.TradeRefund, 500)
}

// The same with a repetition that never leaves, and credentials that are refused for
// two days: the refund is not given up as if it had never gone out.
func TestADoubtedRefundIsNotGivenUp(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "v3")
	if err := r.Box.Fault(sandbox.Fault{Provider: "v3", Op: "POST", Kind: sandbox.FaultLost}); err != nil {
		t.Fatal(err)
	}
	_, _ = refund(r, t, no, "R-1", 500)
	r.Intercept = func(req *http.Request) *http.Response {
		if strings.Contains(req.URL.Path, "refunds") && req.Method == http.MethodGet {
			return cashiertest.Answer(http.StatusNotFound, `{"code":"RESOURCE_NOT_EXISTS","message":"no"}`)
		}
		return cashiertest.Answer(http.StatusUnauthorized, `{"code":"SIGN_ERROR","message":"no"}`)
	}
	hours(t, r, 60)
	if f := r.Stored(t, no).Refund("R-1"); f.Status != payment.RefundProcessing || f.DueAt.IsZero() {
		t.Errorf("refund is %s, due %s", f.Status, f.DueAt)
	}
	r.Intercept = nil
	hours(t, r, 2)
	r.Box.Settle()
	if hours(t, r, 2); r.Stored(t, no).Refund("R-1").Status != payment.RefundSuccess || atProcessor(t, r, no) != 500 {
		t.Errorf("refund is %s, %d given back", r.Stored(t, no).Refund("R-1").Status, atProcessor(t, r, no))
	}
}

// What is refused long after, and is not known to questions either, did not happen.
func TestALateRefusalIsConclusive(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "v3")
	if err := r.Box.Fault(sandbox.Fault{Provider: "v3", Op: "POST", Kind: sandbox.FaultReset}); err != nil {
		t.Fatal(err)
	}
	_, _ = refund(r, t, no, "R-1", 500)
	r.Intercept = func(req *http.Request) *http.Response {
		if req.Method == http.MethodPost {
			return cashiertest.Answer(http.StatusBadRequest, `{"code":"INVALID_REQUEST","message":"no"}`)
		}
		return nil
	}
	r.Clock.Add(10 * time.Minute)
	if sweep(t, r, gone{}); r.Stored(t, no).Refund("R-1").Status != payment.RefundProcessing {
		t.Error("given up too early")
	}
	if hours(t, r, 2); r.Stored(t, no).Refund("R-1").Status != payment.RefundClosed {
		t.Errorf("refund is %s", r.Stored(t, no).Refund("R-1").Status)
	}
}

// Somebody gives the money back at the desk because our refund does not get through.
func TestADeskRefundBesideOneThatWaits(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "v3")
	r.Intercept = func(req *http.Request) *http.Response {
		if req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "refunds") {
			return cashiertest.Answer(http.StatusForbidden, `{"code":"NOT_ENOUGH","message":"no"}`)
		}
		return nil
	}
	_, err := refund(r, t, no, "R-1", 1299)
	want(t, err, payment.Conflict, "48 h")
	r.Clock.Add(3 * time.Second)
	if _, d, err := r.Box.Refund(t.Context(), no, "v3", 1299); err != nil || !d.Acknowledged() {
		t.Fatal(d, err)
	}
	state(t, r, no, payment.TradeRefund, 1299, payment.ExternalRefund)
	if f := r.Stored(t, no).Refund("R-1"); f.Status != payment.RefundClosed {
		t.Errorf("the refund that no longer fits is %s", f.Status)
	}
}

// A refund of which nobody knows what became is settled by the total that the
// processor reports later, whether it went through or was done at the desk instead.
func TestATotalSettlesAnUncertainRefund(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{sandbox.FaultLost, sandbox.FaultReset} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			no := paid(t, r, "vr")
			if err := r.Box.Fault(sandbox.Fault{Provider: "vr", Op: "paymentType=RF", Kind: kind}); err != nil {
				t.Fatal(err)
			}
			_, _ = refund(r, t, no, "R-1", 500)
			state(t, r, no, payment.TradeSuccess, 0, payment.RefundUncertain)
			_, err := refund(r, t, no, "R-2", 100)
			want(t, err, payment.Conflict, "desk")
			if payment.AsError(err).Retryable {
				t.Error("to be repeated, it says, and nothing would change")
			}
			if kind == sandbox.FaultReset {
				r.Clock.Add(5 * time.Minute)
				if _, _, err := r.Box.Refund(t.Context(), no, "vr", 500); err != nil {
					t.Fatal(err)
				}
			}
			hours(t, r, 2)
			state(t, r, no, payment.TradeRefund, 500, payment.RefundUncertain)
			if f := r.Stored(t, no).Refund("R-1"); f.Status != payment.RefundSuccess || atProcessor(t, r, no) != 500 {
				t.Errorf("refund is %s", f.Status)
			}
		})
	}
}

// A question that fails says nothing of the refund: the shop hears that it is open.
func TestAFailedQuestionIsNoRefusal(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "2paynow")
	if err := r.Box.Fault(sandbox.Fault{Provider: "2paynow", Op: "refund", Kind: sandbox.FaultReset}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		out, err := refund(r, t, no, "R-1", 500)
		if want(t, err, payment.OutcomeUnknown, "out_refund_no"); !payment.AsError(err).Retryable || out.Refund.Status != payment.RefundProcessing {
			t.Errorf("%v, refund is %s", err, out.Refund.Status)
		}
		r.Clock.Add(3 * time.Second)
	}
	if f := settle(t, r, no, "R-1"); f.Status != payment.RefundSuccess || atProcessor(t, r, no) != 500 {
		t.Errorf("refund is %s, %d given back", f.Status, atProcessor(t, r, no))
	}
}

// A refund that the processor has given a number is never sent again.
func TestARefundWithANumberIsNotRepeated(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "nihaopay")
	sent := 0
	r.Intercept = func(req *http.Request) *http.Response {
		if req.Method != http.MethodPost {
			return nil
		}
		sent++
		id := req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:]
		return cashiertest.Answer(http.StatusOK, `{"id":"RF1","status":"pending","refunded":true,"transaction_id":"`+id+`"}`)
	}
	if _, err := refund(r, t, no, "R-1", 500); err != nil {
		t.Fatal(err)
	}
	for range 30 {
		r.Clock.Add(time.Minute)
		sweep(t, r, gone{})
	}
	if sent != 1 {
		t.Errorf("sent %d times", sent)
	}
}

// A refund that had to wait gets a new baseline: what the desk gave back meanwhile is
// not taken for it.
func TestABaselineIsTakenWhenItGoesOut(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "2paynow")
	status := http.StatusTooManyRequests
	r.Intercept = func(req *http.Request) *http.Response {
		if strings.Contains(req.URL.RawQuery, "function=refund") && status != 0 {
			return cashiertest.Answer(status, "")
		}
		return nil
	}
	_, err := refund(r, t, no, "R-1", 300)
	want(t, err, payment.ProviderUnavailable, "booked")
	if _, _, err := r.Box.Refund(t.Context(), no, "2paynow", 300); err != nil {
		t.Fatal(err)
	}
	status = http.StatusInternalServerError // not processed
	r.Clock.Add(3 * time.Second)
	_, _ = refund(r, t, no, "R-1", 300)
	state(t, r, no, payment.TradeRefund, 300, payment.ExternalRefund)
	status = 0
	if f := settle(t, r, no, "R-1"); f.Status != payment.RefundSuccess || atProcessor(t, r, no) != 600 {
		t.Errorf("refund is %s, %d given back", f.Status, atProcessor(t, r, no))
	}
	state(t, r, no, payment.TradeRefund, 600, payment.ExternalRefund)
}

// Money that the payer's bank took back is not there to be refunded.
func TestAChargebackIsCounted(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "vr")
	if _, err := r.Box.Chargeback(no, "vr"); err != nil {
		t.Fatal(err)
	}
	hours(t, r, 2)
	state(t, r, no, payment.TradeRefund, 1299, payment.ChargedBack)
	_, err := refund(r, t, no, "R-1", 1)
	want(t, err, payment.Conflict, "left")
}

// The same number and amount is the same refund, whatever the config item says today.
func TestARefundIsTheSameAfterTheConfigChanged(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "yaband")
	if _, err := refund(r, t, no, "R-1", 500); err != nil {
		t.Fatal(err)
	}
	settle(t, r, no, "R-1")
	r.Provider("yaband")["refund_currency"] = "GBP"
	r.Put(t, "payment", r.Item)
	again := func() {
		t.Helper()
		fee := int64(500)
		for _, currency := range []string{"", "EUR"} {
			out, err := r.Cashier.Refund(t.Context(), r.Server(t), cashier.RefundOrder{OutTradeNo: no, OutRefundNo: "R-1", RefundFee: &fee, RefundFeeType: currency})
			if err != nil || out.Refund.Status != payment.RefundSuccess {
				t.Errorf("%v, %v", out.Refund, err)
			}
		}
		_, err := r.Cashier.Refund(t.Context(), r.Server(t), cashier.RefundOrder{OutTradeNo: no, OutRefundNo: "R-1", RefundFee: &fee, RefundFeeType: "GBP"})
		want(t, err, payment.Conflict, "R-1")
	}
	again()
	delete(r.Item["providers"].(map[string]any), "yaband")
	r.Item["pay_sp"] = "v3"
	r.Put(t, "payment", r.Item)
	again()
}

func TestQueryRefundChecksTheNumber(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "v3")
	if _, _, err := r.Box.Refund(t.Context(), no, "v3", 300); err != nil {
		t.Fatal(err)
	}
	for _, number := range []string{"", "R 1", strings.Repeat("r", 65)} {
		_, err := r.Cashier.QueryRefund(t.Context(), r.Server(t), cashier.RefundOrder{OutTradeNo: no, OutRefundNo: number})
		want(t, err, payment.InvalidArgument, "out_refund_no")
	}
}

// A doorbell about a paid order whose question fails, or comes too soon after another,
// leaves a question due: what happened at the desk is heard of soon.
func TestADoorbellOnAPaidOrderIsKept(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "v2")
	hours(t, r, 30*24)
	r.Intercept = func(*http.Request) *http.Response { return cashiertest.Answer(http.StatusInternalServerError, "") }
	for _, amount := range []int64{100, 200} {
		if _, d, err := r.Box.Refund(t.Context(), no, "v2", amount); err != nil || !d.Acknowledged() {
			t.Fatal(d, err)
		}
		r.Intercept = nil
		r.Clock.Add(time.Second)
	}
	r.Clock.Add(3 * time.Second)
	sweep(t, r, gone{})
	state(t, r, no, payment.TradeRefund, 300, payment.ExternalRefund)
}

// Refund doorbells cause one question about their order in two seconds, and leave
// one due.
func TestRefundDoorbellsAreLimited(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "v2")
	for _, number := range []string{"R-1", "R-2", "R-3"} {
		if _, err := refund(r, t, no, number, 100); err != nil {
			t.Fatal(err)
		}
	}
	r.Clock.Add(3 * time.Second)
	asked := 0
	r.Intercept = func(*http.Request) *http.Response { asked++; return nil }
	r.Box.Settle()
	r.Box.Resend(t.Context())
	if o := r.Stored(t, no); asked != 1 || o.Due().After(r.Clock.Now().Add(2*time.Second)) {
		t.Errorf("%d questions, next %s", asked, o.Due())
	}
}

// The notify function knows no NOTIFY_URL, and never needs one: a refund keeps its own.
func TestARefundKeepsItsNotifyURL(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "v3")
	r.Intercept = func(*http.Request) *http.Response {
		return cashiertest.Answer(http.StatusForbidden, `{"code":"NOT_ENOUGH","message":"no"}`)
	}
	_, _ = refund(r, t, no, "R-1", 500)
	r.Intercept = nil
	other, err := cashier.New(cashier.Config{Store: r.Store, Merchants: r.Cache, Now: r.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	r.Clock.Add(3 * time.Second)
	if _, err := other.QueryRefund(t.Context(), r.Server(t), cashier.RefundOrder{OutTradeNo: no, OutRefundNo: "R-1"}); err != nil {
		t.Fatal(err)
	}
	for _, trade := range trades(t, r, no) {
		if len(trade.Refunds) != 1 || trade.Refunds[0].NotifyURL != cashiertest.NotifyURL+"/v3/default/"+no {
			t.Errorf("%+v", trade.Refunds)
		}
	}
}

// While a refund is being reserved, another call reserves one: the same, which is
// then the other call's to send, or one that leaves too little.
func TestAReservationThatRaces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		no   string
		fee  int64
		want payment.Code
	}{"the same": {"R-1", 500, ""}, "another": {"R-9", 1000, payment.Conflict}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			no := paid(t, r, "v3")
			raced, sent := false, 0
			r.Store.OnSave = func() error {
				if raced {
					return nil
				}
				raced = true
				o, now := r.Stored(t, no), r.Clock.Now()
				_, _, err := o.Reserve(payment.Refund{OutRefundNo: c.no, AttemptNo: no, Fee: payment.Money{Amount: c.fee, Currency: o.Total.Currency},
					Lease: "another", LeaseUntil: now.Add(cashier.Lease)}, false, now)
				if err != nil || r.Store.Store.Save(t.Context(), o) != nil {
					t.Error("the other call failed", err)
				}
				return cashiertest.Conflict
			}
			r.Intercept = func(req *http.Request) *http.Response {
				if req.Method == http.MethodPost {
					sent++
				}
				return nil
			}
			if _, err := refund(r, t, no, "R-1", 500); code(err) != c.want || sent != 0 || len(r.Stored(t, no).Refunds) != 1 {
				t.Errorf("%v, want %q; sent %d times, %d refunds", err, c.want, sent, len(r.Stored(t, no).Refunds))
			}
		})
	}
}
