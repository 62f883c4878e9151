package sim

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"overseaspay/shared/cashier"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store"
)

// What the simulator has found, each reduced to its smallest scenario.

// TestARepetitionSaysNothingOfTheFirstCall: a create of unknown outcome is repeated,
// and the repetition does not leave or is refused. The first may have arrived.
func TestARepetitionSaysNothingOfTheFirstCall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer int // to the repetition; 0: it does not leave
		want   payment.AttemptState
	}{"not sent": {0, payment.Lost}, "busy": {http.StatusTooManyRequests, payment.Lost}, "refused": {http.StatusBadRequest, payment.Watched}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			r.Switch(t, "v3")
			in := cashiertest.Order("FOUND-0001")
			if err := r.Box.Fault(sandbox.Fault{Provider: "v3", Op: "jsapi", Kind: sandbox.FaultReset}); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in); err == nil {
				t.Fatal("the create was to fail")
			}
			r.Clock.Add(3 * time.Second)
			if c.answer == 0 {
				if err := r.Box.Fault(sandbox.Fault{Provider: "v3", Op: "jsapi", Kind: sandbox.FaultBefore}); err != nil {
					t.Fatal(err)
				}
			}
			r.Intercept = func(req *http.Request) *http.Response {
				if c.answer != 0 && strings.HasSuffix(req.URL.Path, "jsapi") {
					return cashiertest.Answer(c.answer, `{"code":"PARAM_ERROR","message":"no"}`)
				}
				return nil
			}
			_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
			o := r.Stored(t, in.OutTradeNo)
			if err == nil || o.Attempts[0].State != c.want || o.Attempts[0].DueAt.IsZero() {
				t.Errorf("%v; the attempt is %s, want %s; due %s", err, o.Attempts[0].State, c.want, o.Attempts[0].DueAt)
			}
		})
	}
}

// TestASweepAsksAboutEveryAttempt: with one question per order and sweep, the first
// attempt of an order would be asked about every minute and the others never.
func TestASweepAsksAboutEveryAttempt(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("FOUND-0001")
	r.MustPay(t, in)
	in.PayMethod = payment.Alipay
	second := r.MustPay(t, in).Order.Attempts[1].No
	if _, _, err := r.Box.Pay(t.Context(), second, sandbox.PayOptions{Silent: true}); err != nil {
		t.Fatal(err)
	}
	r.Clock.Add(time.Minute)
	if _, err := r.Cashier.Sweep(t.Context(), deaf{}); err != nil {
		t.Fatal(err)
	}
	if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess || o.PaidBy != second {
		t.Errorf("order is %s, its attempts %s and %s", o.TradeState, o.Attempts[0].State, o.Attempts[1].State)
	}
}

// TestAClockAheadTakesNoRefundOver: while a refund is being sent, a container whose
// clock is nine minutes ahead finds its lease over. It may ask, but not send.
func TestAClockAheadTakesNoRefundOver(t *testing.T) {
	t.Parallel()
	for _, sp := range names() {
		r := cashiertest.New(t)
		if r.Env.Registry[sp].RefundAgain != provider.ByLookup {
			continue
		}
		t.Run(sp, func(t *testing.T) {
			r.Switch(t, sp)
			in := cashiertest.Order("FOUND-0001")
			r.MustPay(t, in)
			if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{}); err != nil {
				t.Fatal(err)
			}
			r.Clock.Add(3 * time.Second)
			r.Query(t, in.OutTradeNo)
			r.Clock.Add(3 * time.Second)
			ahead, err := cashier.New(cashier.Config{Store: r.Store, Merchants: r.Cache, NotifyURL: cashiertest.NotifyURL,
				Now: func() time.Time { return r.Clock.Now().Add(9 * time.Minute) }})
			if err != nil {
				t.Fatal(err)
			}
			fee, inside := int64(400), false
			ask := cashier.RefundOrder{OutTradeNo: in.OutTradeNo, OutRefundNo: "R1", RefundFee: &fee}
			r.Intercept = func(req *http.Request) *http.Response {
				if o := r.Stored(t, in.OutTradeNo); !inside && o.Refund("R1") != nil {
					inside = true // the first call is on its way
					_, _ = ahead.Refund(t.Context(), r.Server(t), ask)
				}
				return nil
			}
			_, _ = r.Cashier.Refund(t.Context(), r.Server(t), ask)
			made := 0
			for _, trade := range r.Box.Trades() {
				made += len(trade.Refunds)
			}
			if !inside || made != 1 {
				t.Errorf("%d refunds at the processor, want 1", made)
			}
		})
	}
}

// TestADoorbellAfterTheEndIsNotSwallowed: a shopper pays what the processor has just
// called over. Nobody would ask again, so that the bell may not be acknowledged
// without an answer.
func TestADoorbellAfterTheEndIsNotSwallowed(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	r.Switch(t, "2paynow")
	in := cashiertest.Order("FOUND-0001")
	r.MustPay(t, in)
	r.Clock.Add(3 * time.Second)
	if _, _, err := r.Box.Close(t.Context(), in.OutTradeNo, "2paynow"); err != nil {
		t.Fatal(err)
	}
	r.Clock.Add(time.Second)
	_, d, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{Late: true})
	if err != nil || d.Acknowledged() {
		t.Errorf("the bell was answered %+v, %v", d, err)
	}
	r.Clock.Add(5 * time.Second)
	r.Box.Resend(t.Context())
	if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess {
		t.Errorf("order is %s", o.TradeState)
	}
}

// TestANoticeOfALaterAttemptFindsItsOrder, although only the attempt's number is said.
func TestANoticeOfALaterAttemptFindsItsOrder(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("FOUND-0001")
	r.MustPay(t, in)
	in.PayMethod = payment.Alipay
	r.MustPay(t, in)
	in.PayMethod = payment.PayPal
	a := r.MustPay(t, in).Order.Attempts[1] // the last one's number is in an index
	if _, _, err := r.Box.Pay(t.Context(), a.No, sandbox.PayOptions{Silent: true}); err != nil {
		t.Fatal(err)
	}
	trades := r.Box.Trades()
	i := slices.IndexFunc(trades, func(x sandbox.Trade) bool { return x.No == a.No })
	twin := r.Box.Twins()[slices.IndexFunc(r.Box.Twins(), func(x sandbox.Twin) bool { return x.Name() == a.Provider })]
	// YabandPay's number is in the notice, too, and would lead there: it is another's here.
	o := r.Stored(t, in.OutTradeNo)
	o.Attempts[1].SpTradeNo = ""
	if err := r.Store.Store.Save(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	req := twin.Notice(trades[i], nil)
	req.URL.Path = "/notify/yaband/default"
	if w := r.Post(req); w.Code != http.StatusOK {
		t.Errorf("HTTP %d: %s", w.Code, w.Body)
	}
	if o := r.Stored(t, in.OutTradeNo); o.PaidBy != a.No {
		t.Errorf("paid by %q, want %q", o.PaidBy, a.No)
	}
}

// twoWays makes an order that was begun at 2paynow and then at v3.
func twoWays(t *testing.T) (*cashiertest.Rig, cashier.UnifiedOrder) {
	t.Helper()
	r := cashiertest.New(t)
	r.Switch(t, "2paynow")
	in := cashiertest.Order("FOUND-0001")
	r.MustPay(t, in)
	in.Provider = "v3"
	r.MustPay(t, in)
	return r, in
}

// TestADoorbellBesideAnotherQuestion: while a doorbell about one attempt is booked, a
// sweep books its question about another. The bell was not answered: its own question
// is due as soon as it may be put.
func TestADoorbellBesideAnotherQuestion(t *testing.T) {
	t.Parallel()
	r, in := twoWays(t)
	for range 2 {
		r.Clock.Add(10 * time.Second)
		if _, err := r.Cashier.Sweep(t.Context(), deaf{}); err != nil {
			t.Fatal(err)
		}
	}
	r.Clock.Add(3 * time.Second) // the timetable's next question is twelve more away
	raced := false
	r.Store.OnSave = func() error {
		if raced {
			return nil
		}
		raced = true
		o := r.Stored(t, in.OutTradeNo)
		a := &o.Attempts[1]
		a.AskedAt, a.DueAt = r.Clock.Now(), r.Clock.Now().Add(45*time.Second)
		if err := r.Store.Store.Save(t.Context(), o); err != nil {
			t.Error(err)
		}
		return store.ErrConflict
	}
	_, d, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{Provider: "2paynow"})
	if err != nil || !d.Acknowledged() || !raced {
		t.Fatal(d, err)
	}
	if a, soon := r.Stored(t, in.OutTradeNo).Attempts[0], r.Clock.Now().Add(cashier.AskEvery); a.State != payment.Captured && (a.DueAt.IsZero() || a.DueAt.After(soon)) {
		t.Errorf("acknowledged, and the attempt is %s, asked about in %s", a.State, a.DueAt.Sub(r.Clock.Now()))
	}
}

// TestADoorbellByASlowClock: a container whose clock was ahead has asked about another
// attempt, in our future. The bell's own question is due in two seconds all the same.
func TestADoorbellByASlowClock(t *testing.T) {
	t.Parallel()
	r, in := twoWays(t)
	o := r.Stored(t, in.OutTradeNo)
	o.Attempts[0].DueAt = r.Clock.Now().Add(26 * time.Second)
	o.Attempts[1].AskedAt = r.Clock.Now().Add(40 * time.Second)
	if err := r.Store.Store.Save(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if _, d, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{Provider: "2paynow"}); err != nil || !d.Acknowledged() {
		t.Fatal(d, err)
	}
	if a, soon := r.Stored(t, in.OutTradeNo).Attempts[0], r.Clock.Now().Add(cashier.AskEvery); a.State != payment.Captured && a.DueAt.After(soon) {
		t.Errorf("acknowledged, and asked about in %s", a.DueAt.Sub(r.Clock.Now()))
	}
}
