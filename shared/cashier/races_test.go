package cashier_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/cashier"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store"
)

// create2PayNow is a part of the URL of every create inside the mini-program there.
const create2PayNow = "mini_precreate"

// late lets the first request whose URL holds a part of it be answered, and has
// another caller come and go before the answer arrives. It counts the creates that
// 2PayNow hears.
func late(t *testing.T, r *cashiertest.Rig, part string, other func()) (creates *int) {
	t.Helper()
	came, creates := false, new(int)
	r.Intercept = func(req *http.Request) *http.Response {
		url := req.URL.String()
		if strings.Contains(url, create2PayNow) {
			*creates++
		}
		if came || !strings.Contains(url, part) {
			return nil
		}
		came = true
		res, err := r.Box.Transport().RoundTrip(req)
		if err != nil {
			t.Error(err)
		}
		other()
		return res
	}
	t.Cleanup(func() {
		if !came {
			t.Error("there was no race")
		}
	})
	return creates
}

// lostCreate makes an order whose only create never reached 2PayNow, which nobody
// knows.
func lostCreate(t *testing.T, r *cashiertest.Rig) cashier.UnifiedOrder {
	t.Helper()
	r.Item["methods"] = map[string]any{"wechat": "2paynow", "alipay": "yaband"}
	r.Put(t, "payment", r.Item)
	in := cashiertest.Order("ORDER-0001")
	in.FeeType = "EUR"
	if err := r.Box.Fault(sandbox.Fault{Provider: "2paynow", Kind: sandbox.FaultReset}); err != nil {
		t.Fatal(err)
	}
	_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
	want(t, err, payment.OutcomeUnknown, "")
	return in
}

// retryable checks a conflict that the caller may repeat.
func retryable(t *testing.T, err error) {
	t.Helper()
	if want(t, err, payment.Conflict, "repeat"); !payment.AsError(err).Retryable {
		t.Error("not retryable")
	}
}

// Two callers repair a lost attempt, and both hear that there is no such trade. The
// slower one takes what the faster one made.
func TestTwoRepairsAreOneCreate(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := lostCreate(t, r)
	var first cashier.Paying
	creates := late(t, r, "/2paynow/", func() { first = r.MustPay(t, in) })
	p := r.MustPay(t, in)
	if *creates != 1 || p.Payment == nil || !cmp.Equal(p.Payment, first.Payment) || len(p.Order.Attempts) != 1 {
		t.Errorf("%d creates, %d attempts, %v and %v to pay with", *creates, len(p.Order.Attempts), p.Payment, first.Payment)
	}
}

// Nor does it create anything while the faster one, which holds the lease, is at it.
func TestARepairLeavesARunningLeaseAlone(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := lostCreate(t, r)
	creates := late(t, r, "/2paynow/", func() {
		o := r.Stored(t, in.OutTradeNo)
		a := o.Live()
		a.State, a.Lease, a.LeaseUntil = payment.Creating, "another's", r.Clock.Now().Add(cashier.Lease)
		if err := r.Store.Save(t.Context(), o); err != nil {
			t.Error(err)
		}
	})
	_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
	retryable(t, err)
	if a := r.Stored(t, in.OutTradeNo).Live(); *creates != 0 || a.State != payment.Creating || a.Lease != "another's" {
		t.Errorf("%d creates, the attempt is %s, leased by %q", *creates, a.State, a.Lease)
	}
}

// The faster one's create is lost, too, but its trade was made: the slower one's answer
// is from before it, and nothing is created under that number again.
func TestARepairThatIsLostAgain(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := lostCreate(t, r)
	late(t, r, "/2paynow/", func() {
		if err := r.Box.Fault(sandbox.Fault{Provider: "2paynow", Op: create2PayNow, Kind: sandbox.FaultLost}); err != nil {
			t.Error(err)
		}
		_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
		want(t, err, payment.OutcomeUnknown, "")
	})
	if o := r.MustPay(t, in).Order; len(o.Attempts) != 2 || o.Attempts[0].SpTradeNo == "" || o.Attempts[1].State != payment.Open {
		t.Errorf("attempts %+v", o.Attempts)
	}
}

// While one repairs the attempt at 2PayNow, another begins one at YabandPay, which is
// none of 2PayNow's business: the first then begins one of its own.
func TestARepairLeavesAnotherRouteAlone(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := lostCreate(t, r)
	var ali cashier.Paying
	late(t, r, "/2paynow/", func() {
		in := in
		in.PayMethod = payment.Alipay
		ali = r.MustPay(t, in)
	})
	p := r.MustPay(t, in)
	o := r.Stored(t, in.OutTradeNo)
	if len(o.Attempts) != 3 || p.Payment == nil {
		t.Fatalf("%d attempts, %+v", len(o.Attempts), p)
	}
	if a := o.Attempts[1]; a.Provider != "yaband" || a.URL != ali.URL || a.Payment != nil {
		t.Errorf("YabandPay's attempt is %+v, its caller got %s", a, ali.URL)
	}
	for _, s := range r.Box.Trades() {
		if s.Processor == "2paynow" && s.No != o.Attempts[2].No {
			t.Errorf("2PayNow has a trade %s", s.No)
		}
	}
}

// Two callers switch to another method at once: that is one further attempt, whose
// URL both get.
func TestTwoSwitchesAreOneAttempt(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	r.Item["methods"] = map[string]any{"wechat": "v3", "alipay": "yaband"}
	r.Put(t, "payment", r.Item)
	in := cashiertest.Order("ORDER-0001")
	in.FeeType = "EUR"
	r.MustPay(t, in)
	in.PayMethod = payment.Alipay
	var first cashier.Paying
	late(t, r, "/close", func() { first = r.MustPay(t, in) })
	p := r.MustPay(t, in)
	if len(p.Order.Attempts) != 2 || p.URL == "" || p.URL != first.URL || p.Order.Attempts[0].State != payment.Ended {
		t.Errorf("%s and %s, attempts %+v", p.URL, first.URL, p.Order.Attempts)
	}
}

// closing is a store that has another caller come and go just before an order is
// saved as closed, once.
type closing struct {
	store.Store
	other func()
}

func (c *closing) Save(ctx context.Context, o *payment.Order) error {
	if other := c.other; other != nil && o.TradeState == payment.TradeClosed {
		c.other = nil
		other()
	}
	return c.Store.Save(ctx, o)
}

// beginAtLast has another caller begin an attempt just before the order is closed. Its
// clock is a minute behind, so that an order that has expired is still open there.
func beginAtLast(t *testing.T, r *cashiertest.Rig, in cashier.UnifiedOrder) {
	in.Provider = "2paynow"
	r.Store.Store = &closing{r.Store.Store, func() {
		r.Clock.Add(-time.Minute)
		r.MustPay(t, in)
		r.Clock.Add(time.Minute)
	}}
}

// Nobody has been asked about an attempt that is begun between the questions and the
// close: the order stays open, and the next close asks.
func TestNoCloseOverAnAttemptBegunMeanwhile(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, r *cashiertest.Rig, in cashier.UnifiedOrder, end func() *payment.Order) {
		beginAtLast(t, r, in)
		o := end()
		if o.TradeState != payment.TradeNotPay || len(o.Attempts) != 3 || o.Attempts[2].State != payment.Open || o.Due().IsZero() {
			t.Fatalf("%s, due %s, attempts %+v", o.TradeState, o.Due(), o.Attempts)
		}
		if o = end(); o.TradeState != payment.TradeClosed || o.Attempts[2].Asked == 0 {
			t.Errorf("then %s, asked %d times", o.TradeState, o.Attempts[2].Asked)
		}
	})
}

// The shop is told to repeat such a close.
func TestACloseThatCameTooLateMayBeRepeated(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := abandoned(t, r)
	beginAtLast(t, r, in)
	_, err := closeOrder(t, r, in.OutTradeNo)
	retryable(t, err)
}

// The same where the attempt was repaired meanwhile, under the number it has.
func TestNoCloseOverARepair(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := lostCreate(t, r)
	r.Store.Store = &closing{r.Store.Store, func() { r.MustPay(t, in) }}
	_, err := closeOrder(t, r, in.OutTradeNo)
	retryable(t, err)
	if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeNotPay || o.Attempts[0].State != payment.Open {
		t.Errorf("%s, the attempt is %s", o.TradeState, o.Attempts[0].State)
	}
}
