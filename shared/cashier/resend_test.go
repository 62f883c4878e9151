package cashier_test

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"overseaspay/shared/cashier"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/all"
	"overseaspay/shared/sandbox"
)

// hit breaks the next refund call; where the total is asked for first, the second call.
func hit(t *testing.T, r *cashiertest.Rig, sp, kind string) {
	t.Helper()
	r.Box.ClearFaults()
	kinds := []string{kind}
	if all.Registry()[sp].RefundAgain == provider.ByLookup {
		kinds = []string{"slow:1ms", kind}
	}
	for _, kind := range kinds {
		if err := r.Box.Fault(sandbox.Fault{Provider: sp, Kind: kind}); err != nil {
			t.Fatal(err)
		}
	}
}

// unsent leaves a refund of 500 that certainly did not go out.
func unsent(t *testing.T, r *cashiertest.Rig, sp string) string {
	t.Helper()
	no := paid(t, r, sp)
	hit(t, r, sp, sandbox.FaultBefore)
	_, _ = refund(r, t, no, "R-1", 500)
	if f := r.Stored(t, no).Refund("R-1"); !f.Unsent || f.Status != payment.RefundProcessing {
		t.Fatalf("refund is %s, unsent %v", f.Status, f.Unsent)
	}
	r.Box.ClearFaults()
	r.Clock.Add(10 * time.Second)
	return no
}

// What one caller found to be unsent, another may have sent before the first one's
// lease is stored: it is not sent again, whether its answer came or not.
func TestR12ARefundThatWentOutMeanwhileIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for _, lost := range []string{"answered", sandbox.FaultLost} {
		t.Run(lost, func(t *testing.T) {
			t.Parallel()
			each(t, refundable(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
				no := unsent(t, r, sp)
				before := 1 // saves until the lease
				if all.Registry()[sp].RefundAgain == provider.ByLookup {
					before = 2
				}
				r.Store.OnSave = func() error {
					if before--; before > 0 {
						return nil
					}
					r.Store.OnSave = nil
					if lost == sandbox.FaultLost {
						hit(t, r, sp, lost)
					}
					_, _ = refund(r, t, no, "R-1", 500)
					r.Box.ClearFaults()
					return nil
				}
				sweep(t, r, gone{})
				if n := atProcessor(t, r, no); n != 500 || before > 0 {
					t.Errorf("%d given back", n)
				}
			})
		})
	}
}

// The same while the question about the total is under way.
func TestR12ARefundThatWentOutDuringTheBaselinesQuestion(t *testing.T) {
	t.Parallel()
	each(t, []string{"2paynow", "nihaopay"}, func(t *testing.T, r *cashiertest.Rig, sp string) {
		no := unsent(t, r, sp)
		r.Intercept = func(req *http.Request) *http.Response {
			r.Intercept = nil
			res, err := r.Box.Transport().RoundTrip(req)
			if err != nil {
				t.Error(err)
			}
			hit(t, r, sp, sandbox.FaultLost)
			_, _ = refund(r, t, no, "R-1", 500)
			r.Box.ClearFaults()
			return res
		}
		sweep(t, r, gone{})
		hours(t, r, 30)
		if n := atProcessor(t, r, no); n != 500 {
			t.Errorf("%d given back", n)
		}
		state(t, r, no, payment.TradeRefund, 500)
	})
}

// The end of the 48 hours ends nothing that another caller sent in the last moment.
func TestTheTimeLimitEndsNoRefundThatWentOut(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := unsent(t, r, "yaband")
	r.Clock.Add(payment.NotEnoughFor)
	r.Store.OnSave = func() error {
		r.Store.OnSave = nil
		r.Clock.Add(-time.Minute) // another container, whose clock is behind
		hit(t, r, "yaband", sandbox.FaultLost)
		_, _ = refund(r, t, no, "R-1", 500)
		r.Clock.Add(time.Minute)
		return nil
	}
	out, err := r.Cashier.QueryRefund(t.Context(), r.Server(t), cashier.RefundOrder{OutTradeNo: no, OutRefundNo: "R-1"})
	if err != nil || out.Refund.Status != payment.RefundProcessing || atProcessor(t, r, no) != 500 {
		t.Errorf("refund is %s, %v; %d given back", out.Refund.Status, err, atProcessor(t, r, no))
	}
}

// answers is what a processor's refund calls and questions about refunds are answered.
func answers(r *cashiertest.Rig, sp, call, question string) (calls *int) {
	calls = new(int)
	r.Intercept = func(req *http.Request) *http.Response {
		body := []byte{}
		if req.Body != nil {
			body, _ = io.ReadAll(req.Body)
			req.Body = io.NopCloser(bytes.NewReader(body))
		}
		asks := sp == "v3" && req.Method == http.MethodGet || bytes.Contains(body, []byte("queryRefund"))
		said := call
		if asks {
			said = question
		}
		switch *calls++; {
		case sp == "v3" && strings.Contains(said, "code"):
			return cashiertest.Answer(http.StatusNotFound, said)
		case said == "":
			return nil
		}
		return cashiertest.Answer(http.StatusOK, `{"errcode":0,"errmsg":"ok","resp_data":`+strconv.Quote(said)+`}`)
	}
	return calls
}

var missing = map[string]string{
	"v3":       `{"code":"RESOURCE_NOT_EXISTS","message":"no"}`,
	"cloudpay": `{"returnCode":"SUCCESS","resultCode":"FAIL","errCode":"REFUNDNOTEXIST"}`,
}

// A refund that was taken, and has its number there, is made: a question that lags
// behind does not change that.
func TestAnAcceptedRefundIsNotSentAgain(t *testing.T) {
	t.Parallel()
	each(t, []string{"v3", "cloudpay"}, func(t *testing.T, r *cashiertest.Rig, sp string) {
		no := paid(t, r, sp)
		out, err := refund(r, t, no, "R-1", 500)
		if err != nil || out.Refund.RefundID == "" {
			t.Fatal(err)
		}
		calls := answers(r, sp, "", missing[sp])
		r.Clock.Add(6 * time.Second)
		sweep(t, r, gone{})
		if f := r.Stored(t, no).Refund("R-1"); f.Status != payment.RefundProcessing || f.Unsent || *calls != 1 {
			t.Errorf("refund is %s, unsent %v, after %d calls", f.Status, f.Unsent, *calls)
		}
		o := r.Stored(t, no)
		if last := o.Calls[len(o.Calls)-1]; last.Op != "queryrefund" || last.Outcome != "not found" {
			t.Errorf("%+v", last)
		}
	})
}

// A repetition of what was taken without a number may be refused: that proves nothing.
func TestARefusedRepetitionOfWhatWasTaken(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "cloudpay")
	answers(r, "cloudpay", `{"returnCode":"SUCCESS","resultCode":"SUCCESS"}`, "")
	if out, err := refund(r, t, no, "R-1", 500); err != nil || out.Refund.RefundID != "" {
		t.Fatal(out.Refund, err)
	}
	calls := answers(r, "cloudpay", `{"returnCode":"SUCCESS","resultCode":"FAIL","errCode":"INVALID_REQUEST"}`, missing["cloudpay"])
	r.Clock.Add(6 * time.Second)
	sweep(t, r, gone{})
	if f := r.Stored(t, no).Refund("R-1"); f.Status != payment.RefundProcessing || *calls != 2 {
		t.Errorf("refund is %s after %d calls: %s", f.Status, *calls, f.Reason)
	}
}

// A call that we gave up may be worked off minutes later: until then a total that has
// not moved proves nothing.
func TestAGivenUpRefundIsWorkedOffLater(t *testing.T) {
	t.Parallel()
	each(t, []string{"2paynow", "nihaopay"}, func(t *testing.T, r *cashiertest.Rig, sp string) {
		no := paid(t, r, sp)
		var held *http.Request
		r.Intercept = func(req *http.Request) *http.Response {
			body := []byte{}
			if req.Body != nil {
				body, _ = io.ReadAll(req.Body)
				req.Body = io.NopCloser(bytes.NewReader(body))
			}
			if held != nil || !strings.Contains(req.URL.RawQuery+string(body), "refund_amount") && !(req.Method == http.MethodPost && strings.Contains(req.URL.Path, "refund")) {
				return nil
			}
			held = req.Clone(t.Context())
			held.Body = io.NopCloser(bytes.NewReader(body))
			return cashiertest.Answer(http.StatusGatewayTimeout, "")
		}
		_, err := refund(r, t, no, "R-1", 500)
		want(t, err, payment.OutcomeUnknown, "")
		for range 120 {
			r.Clock.Add(time.Second)
			sweep(t, r, gone{})
		}
		if _, err := r.Box.Transport().RoundTrip(held); err != nil {
			t.Fatal(err)
		}
		if f := settle(t, r, no, "R-1"); f.Status != payment.RefundSuccess || atProcessor(t, r, no) != 500 {
			t.Errorf("refund is %s, %d given back", f.Status, atProcessor(t, r, no))
		}
	})
}

// To WeChat a refund's number is unique for the merchant, to us for the order: what
// has another order's number cannot be made, and is not waited for.
func TestANumberOfAnotherOrdersRefund(t *testing.T) {
	t.Parallel()
	for _, fee := range []int64{500, 600} {
		each(t, []string{"v2", "v2sp", "v3", "v3sp", "cloudpay"}, func(t *testing.T, r *cashiertest.Rig, sp string) {
			if _, err := refund(r, t, paid(t, r, sp), "R-1", 500); err != nil {
				t.Fatal(err)
			}
			in := order(sp)
			in.OutTradeNo += "B"
			r.MustPay(t, in)
			if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{}); err != nil {
				t.Fatal(err)
			}
			r.Clock.Add(3 * time.Second)
			r.Query(t, in.OutTradeNo)
			hit(t, r, sp, sandbox.FaultReset)
			_, err := refund(r, t, in.OutTradeNo, "R-1", fee)
			want(t, err, payment.OutcomeUnknown, "")
			r.Box.ClearFaults()
			if f := settle(t, r, in.OutTradeNo, "R-1"); f.Status != payment.RefundClosed || !strings.Contains(f.Reason, "another order's") {
				t.Errorf("refund is %s: %s", f.Status, f.Reason)
			}
			if _, err := refund(r, t, in.OutTradeNo, "R-2", 1299); err != nil || atProcessor(t, r, in.OutTradeNo) != 1299 {
				t.Errorf("%v, %d given back", err, atProcessor(t, r, in.OutTradeNo))
			}
		})
	}
}

// A baseline that cannot be had is asked for by the timetable.
func TestAFailedBaselineIsAskedForByTheTimetable(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := unsent(t, r, "2paynow")
	asked := 0
	r.Intercept = func(*http.Request) *http.Response {
		asked++
		return cashiertest.Answer(http.StatusInternalServerError, "")
	}
	for range 120 {
		r.Clock.Add(time.Second)
		sweep(t, r, gone{})
	}
	if f := r.Stored(t, no).Refund("R-1"); asked < 3 || asked > 6 || !f.DueAt.After(r.Clock.Now()) {
		t.Errorf("asked %d times in two minutes, next in %s", asked, f.DueAt.Sub(r.Clock.Now()))
	}
}

// A prepay that was renewed has a new life.
func TestARenewedPrepayIsAskedAboutAsOften(t *testing.T) {
	t.Parallel()
	each(t, []string{"v2", "v3", "cloudpay"}, func(t *testing.T, r *cashiertest.Rig, sp string) {
		in := order(sp)
		in.TimeExpire = r.Clock.Now().Add(24 * time.Hour).Format(time.RFC3339)
		r.MustPay(t, in)
		hours(t, r, 5)
		r.MustPay(t, in)
		for range 3 { // the timetable's last wait
			r.Clock.Add(45 * time.Second)
			sweep(t, r, gone{})
		}
		if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{Silent: true}); err != nil {
			t.Fatal(err)
		}
		for range 50 {
			r.Clock.Add(time.Second)
			sweep(t, r, gone{})
		}
		if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess || len(o.Attempts) != 1 {
			t.Errorf("order is %s after %d attempts", o.TradeState, len(o.Attempts))
		}
	})
}
