package cashier_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"overseaspay/shared/cashier"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
)

// A lease outlives the call that it is for, with a save before and after it.
func TestALeaseOutlivesItsCall(t *testing.T) {
	t.Parallel()
	if saving := 5 * time.Second; cashier.Lease < cashier.CallTime+2*saving {
		t.Errorf("a lease of %s for calls of %s", cashier.Lease, cashier.CallTime)
	}
}

// The caller hangs up while the processor works: what came of it is booked.
func TestACallerWhoHungUp(t *testing.T) {
	t.Parallel()
	each(t, refundable(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		in, who := order(sp), r.Server(t)
		var hangUp context.CancelFunc
		caller := func() (ctx context.Context) {
			ctx, hangUp = context.WithCancel(t.Context())
			t.Cleanup(hangUp)
			return ctx
		}
		r.Intercept = func(req *http.Request) *http.Response {
			res, err := r.Box.Transport().RoundTrip(req)
			if err != nil {
				t.Error(err)
			}
			if !strings.Contains(req.URL.Path, "token") { // which is asked for first
				hangUp()
			}
			return res
		}
		_, _ = r.Cashier.UnifiedOrder(caller(), who, in)
		if a := r.Stored(t, in.OutTradeNo).Attempts[0]; a.State != payment.Open {
			t.Fatalf("the attempt is %s (%s)", a.State, a.Reason)
		}
		if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{Silent: true}); err != nil {
			t.Fatal(err)
		}
		r.Clock.Add(3 * time.Second)
		_, _ = r.Cashier.QueryOrder(caller(), who, cashier.Which{OutTradeNo: in.OutTradeNo})
		if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess {
			t.Errorf("the order is %s", o.TradeState)
		}
	})
}

// The question that a refund's doorbell causes cannot be stored: the processor must
// ring again.
func TestARefundsDoorbellWithTheStoreDown(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "v2")
	if _, err := refund(r, t, no, "R-1", 500); err != nil {
		t.Fatal(err)
	}
	r.Box.Settle()
	trade := trades(t, r, no)[0]
	r.Clock.Add(3 * time.Second)
	r.Store.OnSave = func() error { return errors.New("down") }
	if w := r.Post(twin(t, r, "v2").Notice(trade, &trade.Refunds[0])); w.Code != http.StatusServiceUnavailable {
		t.Errorf("HTTP %d", w.Code)
	}
	r.Store.OnSave = nil
	r.Clock.Add(3 * time.Second)
	if w := r.Post(twin(t, r, "v2").Notice(trade, &trade.Refunds[0])); w.Code != http.StatusOK || r.Stored(t, no).Refund("R-1").Status != payment.RefundSuccess {
		t.Errorf("HTTP %d, the refund is %s", w.Code, r.Stored(t, no).Refund("R-1").Status)
	}
}

// A create takes longer than its lease. Meanwhile another caller repaired the
// attempt; what the first one hears, a refusal, is not about that one's work.
func TestALateCreateDoesNotOverruleANewerOne(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	r.Switch(t, "v3")
	in, calls := cashiertest.Order("ORDER-0001"), 0
	r.Intercept = func(req *http.Request) *http.Response {
		if calls++; calls > 1 || !strings.HasSuffix(req.URL.Path, "jsapi") {
			return nil
		}
		r.Clock.Add(cashier.Lease + time.Second)
		r.MustPay(t, in)
		return cashiertest.Answer(http.StatusBadRequest, `{"code":"PARAM_ERROR","message":"no"}`)
	}
	_, _ = r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
	if a := r.Stored(t, in.OutTradeNo).Attempts[0]; a.State != payment.Open || calls < 2 {
		t.Errorf("after %d calls the attempt is %s (%s)", calls, a.State, a.Reason)
	}
}

// The same of a refund: the refusal that a late caller hears neither ends the refund
// that another caller is sending, nor lets a third one send it meanwhile.
func TestALateRefundDoesNotOverruleANewerOne(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no, calls := paid(t, r, "v3"), atomic.Int32{}
	sending, answer, newer := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	r.Intercept = func(req *http.Request) *http.Response {
		if !strings.HasSuffix(req.URL.Path, "/refunds") {
			return nil
		}
		if calls.Add(1) == 2 {
			close(sending)
			<-answer
			return nil
		}
		r.Clock.Add(cashier.Lease + time.Second)
		go func() {
			_, err := refund(r, t, no, "R-1", 500)
			newer <- err
		}()
		<-sending
		return cashiertest.Answer(http.StatusBadRequest, `{"code":"PARAM_ERROR","message":"no"}`)
	}
	_, _ = refund(r, t, no, "R-1", 500)
	if f := r.Stored(t, no).Refund("R-1"); f.Status != payment.RefundProcessing || f.Lease == "" {
		t.Errorf("while it is being sent the refund is %s, leased %t", f.Status, f.Lease != "")
	}
	close(answer)
	if err := <-newer; err != nil || atProcessor(t, r, no) != 500 {
		t.Errorf("%v; %d given back", err, atProcessor(t, r, no))
	}
}

// A refund of a second capture whose answer was lost is asked about, and sent again,
// at the processor of that capture, not at the one that paid the order.
func TestARepeatedRefundGoesWhereItWent(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	r.MustPay(t, in)
	in.Provider = "v3"
	second := r.MustPay(t, in).Order.Lead().No
	for _, no := range []string{in.OutTradeNo, second} {
		if _, _, err := r.Box.Pay(t.Context(), no, sandbox.PayOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Box.Fault(sandbox.Fault{Provider: "v3", Op: "refunds", Kind: sandbox.FaultReset}); err != nil {
		t.Fatal(err)
	}
	if _, err := refund(r, t, in.OutTradeNo, "R-1", 1299); err == nil {
		t.Fatal("the refund was to fail")
	}
	r.Clock.Add(30 * time.Second)
	r.Intercept = func(req *http.Request) *http.Response {
		if !strings.HasPrefix(req.URL.Path, "/sandbox/v3/") {
			t.Errorf("%s %s goes elsewhere", req.Method, req.URL.Path)
		}
		return nil
	}
	out, err := refund(r, t, in.OutTradeNo, "R-1", 1299)
	if back := atProcessor(t, r, in.OutTradeNo); err != nil || out.Refund.AttemptNo != second || back != 1299 {
		t.Errorf("%v; %d given back of %s", err, back, second)
	}
}
