package cashier_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"overseaspay/shared/cashier"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store"
)

func containsText(s, part string) bool { return strings.Contains(s, part) }

// gone is a shop that wants no events.
type gone struct{}

func (gone) Deliver(context.Context, *config.Merchant, *payment.Order, payment.Event) (int, error) {
	return http.StatusGone, nil
}

// shop is a shop that answers as it is told, and remembers what it heard.
type shop struct {
	mu     sync.Mutex
	status int
	heard  []string
}

func (s *shop) Deliver(_ context.Context, _ *config.Merchant, o *payment.Order, e payment.Event) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, string(e.Type)+" "+o.OutTradeNo+" "+e.ID)
	return s.status, nil
}

func sweep(t *testing.T, r *cashiertest.Rig, d cashier.Deliverer) int {
	t.Helper()
	n, err := r.Cashier.Sweep(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestR5SilentProcessorsAreAsked(t *testing.T) {
	t.Parallel()
	each(t, processors(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		in := order(sp)
		r.MustPay(t, in)
		if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{Silent: true}); err != nil {
			t.Fatal(err)
		}
		for range 60 {
			r.Clock.Add(time.Second)
			sweep(t, r, gone{})
		}
		if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess {
			t.Errorf("a minute later the order is %s", o.TradeState)
		}
	})
}

func TestR8ExpiredOrdersAreClosed(t *testing.T) {
	t.Parallel()
	each(t, processors(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		in := order(sp)
		r.MustPay(t, in)
		slipped := cashiertest.Order("SLIP-" + sp + "-1")
		r.MustPay(t, slipped)
		bare := cashiertest.Order("BARE-" + sp + "-1")
		if _, err := r.Cashier.CreateOrder(t.Context(), r.Server(t), bare.CreateOrder); err != nil {
			t.Fatal(err)
		}
		r.Clock.Add(2*time.Hour - 90*time.Second)
		if _, _, err := r.Box.Pay(t.Context(), slipped.OutTradeNo, sandbox.PayOptions{Silent: true, Late: true}); err != nil {
			t.Fatal(err)
		}
		r.Clock.Add(2 * time.Minute)
		for range 3 {
			sweep(t, r, gone{})
			r.Clock.Add(10 * time.Minute)
		}
		for no, state := range map[string]payment.TradeState{
			in.OutTradeNo: payment.TradeClosed, slipped.OutTradeNo: payment.TradeSuccess, bare.OutTradeNo: payment.TradeClosed,
		} {
			if o := r.Stored(t, no); o.TradeState != state {
				t.Errorf("%s is %s, want %s", no, o.TradeState, state)
			}
		}
	})
}

// Nobody who watches an order does so for ever: after the processor's final word,
// or a week, nothing is due any more.
func TestNothingIsDueForEver(t *testing.T) {
	t.Parallel()
	each(t, processors(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		in := order(sp)
		r.MustPay(t, in)
		looks := 0
		for range 24 * 9 {
			r.Clock.Add(time.Hour)
			looks += sweep(t, r, gone{})
		}
		if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeClosed || !o.Due().IsZero() || !o.Settled() {
			t.Errorf("%s, due %s", o.TradeState, o.Due())
		}
		if looks > 24*9 {
			t.Errorf("%d looks", looks)
		}
	})
}

func TestEventsAreRepeatedUntilTheShopTakesThem(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	s := &shop{status: http.StatusInternalServerError}
	no := paid(t, r, "yaband")
	for range 4 {
		r.Clock.Add(time.Hour)
		sweep(t, r, s)
	}
	if len(s.heard) != 3 { // after an hour, then 5 and 30 minutes on; the next is 2 hours on
		t.Fatalf("told %d times: %v", len(s.heard), s.heard)
	}
	s.status = http.StatusOK
	for range 30 {
		r.Clock.Add(3 * time.Hour)
		sweep(t, r, s)
	}
	if len(s.heard) != 4 {
		t.Errorf("told %d times: %v", len(s.heard), s.heard)
	}
	for _, h := range s.heard {
		if h != s.heard[0] {
			t.Errorf("%s differs from %s", h, s.heard[0])
		}
	}
	if e := r.Stored(t, no).Events[0]; e.Delivered.IsZero() || e.Status != http.StatusOK {
		t.Errorf("event %+v", e)
	}
}

func TestAShopThatNeverAnswersIsGivenUp(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	s := &shop{}
	no := paid(t, r, "yaband")
	for range 24 * 8 {
		r.Clock.Add(30 * time.Minute)
		sweep(t, r, s)
	}
	if e := r.Stored(t, no).Events[0]; !e.DueAt.IsZero() || len(s.heard) != len(payment.Redeliver) {
		t.Errorf("told %d times, due %s", len(s.heard), e.DueAt)
	}
}

func TestTwoSweepsShareTheWork(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	const orders = 40
	for i := range orders {
		r.MustPay(t, cashiertest.Order(fmt.Sprintf("ORDER-%04d", i)))
	}
	r.Clock.Add(time.Minute)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { sweep(t, r, gone{}) })
	}
	wg.Wait()
	for i := range orders {
		if n := r.Stored(t, fmt.Sprintf("ORDER-%04d", i)).Attempts[0].Asked; n != 1 {
			t.Errorf("order %d was asked about %d times", i, n)
		}
	}
}

func TestASweepStopsBeforeItsTimeIsOver(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	r.MustPay(t, cashiertest.Order("ORDER-0001"))
	r.Clock.Add(time.Minute)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if n, err := r.Cashier.Sweep(ctx, gone{}); n != 0 || err != nil {
		t.Errorf("%d orders in the last second, %v", n, err)
	}
	if n := sweep(t, r, gone{}); n != 1 {
		t.Errorf("%d orders in the next sweep", n)
	}
}

// poison is a shop whose deliverer breaks on one order.
type poison struct{ shop }

func (p *poison) Deliver(ctx context.Context, m *config.Merchant, o *payment.Order, e payment.Event) (int, error) {
	if o.OutTradeNo == "ORDER-0001" {
		panic("broken")
	}
	return p.shop.Deliver(ctx, m, o, e)
}

func TestOneOrdersPanicDoesNotEndTheSweep(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	for _, no := range []string{"ORDER-0001", "ORDER-0002"} {
		r.MustPay(t, cashiertest.Order(no))
		if _, _, err := r.Box.Pay(t.Context(), no, sandbox.PayOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	r.Clock.Add(time.Minute)
	p := &poison{shop{status: http.StatusOK}}
	sweep(t, r, p)
	if len(p.heard) != 1 || !strings.Contains(r.Logged(), `"metric":"panic"`) {
		t.Errorf("heard %v", p.heard)
	}
}

// meanwhile is a shop that takes so long to answer that another sweep comes by.
type meanwhile struct {
	r     *cashiertest.Rig
	t     *testing.T
	heard int
}

func (m *meanwhile) Deliver(context.Context, *config.Merchant, *payment.Order, payment.Event) (int, error) {
	if m.heard++; m.heard == 1 {
		sweep(m.t, m.r, m)
	}
	return http.StatusOK, nil
}

func TestTwoSweepsTellTheShopOnce(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	paid(t, r, "yaband")
	r.Clock.Add(time.Minute)
	m := &meanwhile{r: r, t: t}
	if sweep(t, r, m); m.heard != 1 {
		t.Errorf("the shop heard of it %d times", m.heard)
	}
}

// Of two that found the event due at the same moment the slower tells nothing.
func TestTheSlowerSweepTellsNothing(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	paid(t, r, "yaband")
	r.Clock.Add(time.Minute)
	s := &shop{status: http.StatusOK}
	r.Store.OnSave = func() error { // the first is about to book that it tells the shop
		r.Store.OnSave = nil
		sweep(t, r, s)
		return nil
	}
	if sweep(t, r, s); len(s.heard) != 1 {
		t.Errorf("the shop heard %v", s.heard)
	}
}

// An expired order whose processor did not answer waits for its next question,
// however often the index, which lags, still names it.
func TestWhatIsNotDueIsLeftAlone(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	o := r.MustPay(t, in).Order
	r.Clock.Add(o.TimeExpire.Sub(r.Clock.Now()) + time.Second)
	asked := 0
	r.Intercept = func(*http.Request) *http.Response { asked++; return cashiertest.Answer(http.StatusBadGateway, "") }
	for range 3 {
		_ = r.Cashier.Tend(t.Context(), gone{}, store.Key{Merchant: "default", OutTradeNo: in.OutTradeNo})
	}
	if o := r.Stored(t, in.OutTradeNo); asked == 0 || asked > 2 || !o.Due().After(r.Clock.Now()) {
		t.Errorf("asked %d times, due %s", asked, o.Due())
	}
}

// A store that is read but not written is a fault of our own, whatever is due: the
// sweep says so, in one line however many orders there are.
func TestASweepThatCannotBookSaysSo(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T, r *cashiertest.Rig){
		"questions": func(t *testing.T, r *cashiertest.Rig) {
			for i := range 3 {
				r.MustPay(t, cashiertest.Order(fmt.Sprintf("ORDER-%04d", i)))
			}
		},
		"expiries": func(t *testing.T, r *cashiertest.Rig) {
			for i := range 3 {
				r.MustPay(t, cashiertest.Order(fmt.Sprintf("ORDER-%04d", i)))
			}
			r.Clock.Add(2 * time.Hour)
		},
		"a refund": func(t *testing.T, r *cashiertest.Rig) {
			if _, err := refund(r, t, paid(t, r, "v3"), "R-1", 500); err != nil {
				t.Fatal(err)
			}
		},
		"an event": func(t *testing.T, r *cashiertest.Rig) { paid(t, r, "yaband") },
		"an order of nobody": func(t *testing.T, r *cashiertest.Rig) {
			r.MustPay(t, cashiertest.Order("ORDER-0001"))
			r.Drop("default")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			prepare(t, r)
			r.Clock.Add(time.Minute)
			r.Store.OnSave = func() error { return errKilled }
			n, err := r.Cashier.Sweep(t.Context(), gone{})
			if n == 0 || code(err) != payment.Internal || !errors.Is(err, errKilled) {
				t.Fatalf("%d orders, %v", n, err)
			}
			if want := fmt.Sprintf("looks that could not be booked: %d; the first: internal: the order store did not answer; repeat the call", n); err.Error() != want {
				t.Errorf("%q, want %q", err, want)
			}
			r.Store.OnSave = nil
			sweep(t, r, gone{})
		})
	}
}

// A processor that does not answer is no fault of our own.
func TestASweepThatHearsNothingIsNotAtFault(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := abandoned(t, r)
	r.Intercept = func(*http.Request) *http.Response { return cashiertest.Answer(http.StatusBadGateway, "") }
	r.Clock.Add(time.Minute)
	sweep(t, r, gone{})
	r.Clock.Add(2 * time.Hour)
	sweep(t, r, gone{})
	if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeNotPay || o.Attempts[1].Asked != 2 {
		t.Errorf("%s, asked %d times", o.TradeState, o.Attempts[1].Asked)
	}
}

// What could not be booked of one attempt keeps nothing else of its order waiting.
func TestOneFailedSaveHoldsUpNothingElse(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := abandoned(t, r)
	r.Clock.Add(time.Minute)
	o := r.Stored(t, in.OutTradeNo)
	o.Flag(payment.NumberConflict, r.Clock.Now().Add(-time.Minute))
	if err := r.Store.Save(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	r.Store.OnSave = func() error { r.Store.OnSave = nil; return errKilled }
	s := &shop{status: http.StatusOK}
	if _, err := r.Cashier.Sweep(t.Context(), s); !errors.Is(err, errKilled) {
		t.Errorf("the sweep says %v", err)
	}
	if o = r.Stored(t, in.OutTradeNo); o.Attempts[0].Asked != 0 || o.Attempts[1].Asked != 1 || len(s.heard) != 1 {
		t.Errorf("asked %d and %d times, the shop heard %v", o.Attempts[0].Asked, o.Attempts[1].Asked, s.heard)
	}
}

// The live attempt of an expired order waits for its next question: what cannot be
// booked of the watched one is a fault all the same.
func TestAWatchedAttemptThatCannotBeBooked(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := abandoned(t, r)
	r.Clock.Add(2 * time.Hour)
	r.Intercept = func(*http.Request) *http.Response { return cashiertest.Answer(http.StatusBadGateway, "") }
	sweep(t, r, gone{})
	o := r.Stored(t, in.OutTradeNo)
	o.Attempts[0].DueAt = r.Clock.Now()
	if err := r.Store.Save(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if o.TradeState != payment.TradeNotPay || o.Attempts[0].State != payment.Watched || !o.Attempts[1].DueAt.After(r.Clock.Now()) {
		t.Fatalf("%s, attempts %+v", o.TradeState, o.Attempts)
	}
	r.Store.OnSave = func() error { return errKilled }
	if _, err := r.Cashier.Sweep(t.Context(), gone{}); !errors.Is(err, errKilled) {
		t.Errorf("the sweep says %v", err)
	}
}
