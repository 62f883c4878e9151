package cashier_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store"
)

// A config item that is missing for a moment loses nothing that the shop must hear.
func TestAMerchantThatComesBackHearsEverything(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "yaband")
	r.Clock.Add(time.Minute)
	r.Drop("default")
	s := &shop{status: http.StatusOK}
	sweep(t, r, s)
	r.Drop("nobody")
	sweep(t, r, s)
	if e := r.Stored(t, no).Events[0]; len(s.heard) != 0 || e.Tries != 0 || !e.DueAt.Equal(r.Clock.Now().Add(time.Hour)) {
		t.Errorf("heard %v, event %+v", s.heard, e)
	}
	r.Clock.Add(time.Hour)
	if sweep(t, r, s); len(s.heard) != 1 {
		t.Errorf("heard %v", s.heard)
	}
}

// While it is missing, what is due is put off by an hour, and the rest left alone.
func TestOnlyWhatIsDueIsPutOff(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "v3")
	if _, err := refund(r, t, no, "R-1", 500); err != nil {
		t.Fatal(err)
	}
	open := cashiertest.Order("ORDER-0002")
	r.MustPay(t, open)
	r.Clock.Add(time.Minute)
	before := r.Stored(t, no)
	r.Drop("default")
	for range 50 {
		sweep(t, r, gone{})
		r.Clock.Add(time.Minute)
	}
	after := r.Stored(t, no)
	if a := after.Attempts[0]; a.Asked != before.Attempts[0].Asked || !a.DueAt.Equal(before.Attempts[0].DueAt) {
		t.Errorf("the attempt was asked about %d times, before %d", a.Asked, before.Attempts[0].Asked)
	}
	if f, was := after.Refunds[0], before.Refunds[0]; f.Asked != was.Asked+1 {
		t.Errorf("the refund was looked at %d times, before %d", f.Asked, was.Asked)
	}
	if n := r.Stored(t, open.OutTradeNo).Attempts[0].Asked; n != 1 {
		t.Errorf("the open order was looked at %d times", n)
	}
	key := store.Key{Merchant: "default", OutTradeNo: no}
	if err := r.Cashier.Tend(t.Context(), gone{}, key); err != nil || r.Stored(t, no).Version != after.Version {
		t.Errorf("an order of which nothing is due was changed: %v", err)
	}
}

// An expired order of nobody waits for its live attempt, an hour at a time, and is
// closed where its processor never heard of it.
func TestAnExpiredOrderOfNobody(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	open, unsent := cashiertest.Order("ORDER-0001"), cashiertest.Order("ORDER-0002")
	r.MustPay(t, open)
	if err := r.Box.Fault(sandbox.Fault{Provider: "yaband", Kind: sandbox.FaultBefore}); err != nil {
		t.Fatal(err)
	}
	_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), unsent)
	want(t, err, payment.ProviderUnavailable, "")
	r.Clock.Add(2*time.Hour - time.Minute)
	r.Query(t, open.OutTradeNo)
	r.Drop("default")
	r.Clock.Add(50 * time.Second) // to ten seconds before the expiry
	looks := 0
	for range 120 {
		looks += sweep(t, r, gone{})
		r.Clock.Add(time.Minute)
	}
	if looks > 12 {
		t.Errorf("%d looks in two hours", looks)
	}
	if o := r.Stored(t, open.OutTradeNo); o.TradeState != payment.TradeNotPay || o.Due().IsZero() {
		t.Errorf("%s, due %s", o.TradeState, o.Due())
	}
	if o := r.Stored(t, unsent.OutTradeNo); o.TradeState != payment.TradeClosed {
		t.Errorf("the one that nobody heard of is %s", o.TradeState)
	}
}

// ending is a context whose time a test can cut short.
type ending struct {
	context.Context
	left atomic.Int64
}

func (e *ending) Deadline() (time.Time, bool) {
	return time.Now().Add(time.Duration(e.left.Load())), true
}

// endsAfter is a context that has a minute until the first call to a processor
// begins, and a second from then on.
func endsAfter(t *testing.T, r *cashiertest.Rig) (ctx *ending, calls *int) {
	ctx, calls = &ending{Context: t.Context()}, new(int)
	ctx.left.Store(int64(time.Minute))
	r.Intercept = func(*http.Request) *http.Response {
		*calls++
		ctx.left.Store(int64(time.Second))
		return nil
	}
	return ctx, calls
}

// A sweep whose time runs out begins no further call, and what it leaves is due as before.
func TestASweepThatRunsOutOfTimeInsideAnOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(t *testing.T, r *cashiertest.Rig) string
		left    func(o *payment.Order) time.Time // when what is left was and is due
	}{
		"a second attempt": {
			func(t *testing.T, r *cashiertest.Rig) string {
				no := abandoned(t, r).OutTradeNo
				r.Clock.Add(time.Minute)
				return no
			},
			func(o *payment.Order) time.Time { return o.Attempts[1].DueAt },
		},
		"the end of a second attempt": {
			func(t *testing.T, r *cashiertest.Rig) string {
				no := abandoned(t, r).OutTradeNo
				r.Clock.Add(2 * time.Hour)
				return no
			},
			func(o *payment.Order) time.Time { return o.Attempts[1].DueAt },
		},
		"a second refund": {
			func(t *testing.T, r *cashiertest.Rig) string {
				no := paid(t, r, "v3")
				for _, refundNo := range []string{"R-1", "R-2"} {
					if _, err := refund(r, t, no, refundNo, 100); err != nil {
						t.Fatal(err)
					}
				}
				r.Clock.Add(time.Minute)
				return no
			},
			func(o *payment.Order) time.Time { return o.Refunds[1].DueAt },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			no := c.prepare(t, r)
			before := r.Stored(t, no)
			ctx, calls := endsAfter(t, r)
			if _, err := r.Cashier.Sweep(ctx, gone{}); err != nil {
				t.Fatal(err)
			}
			o := r.Stored(t, no)
			if *calls != 1 || !c.left(o).Equal(c.left(before)) || o.TradeState != before.TradeState {
				t.Errorf("%d calls; what is left was due %s and is %s; the order is %s", *calls, c.left(before), c.left(o), o.TradeState)
			}
			r.Intercept = nil
			sweep(t, r, gone{})
			if o := r.Stored(t, no); o.Due().Equal(before.Due()) || c.left(o).Equal(c.left(before)) && o.TradeState == before.TradeState {
				t.Errorf("the next sweep did not make up for it: due %s", o.Due())
			}
		})
	}
}

// At its expiry an order's processor is asked once, and only once its answer is known
// the order is closed.
func TestAnExpiryAsksOnce(t *testing.T) {
	t.Parallel()
	each(t, processors(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		in := order(sp)
		r.MustPay(t, in)
		r.Clock.Add(2 * time.Hour)
		before := r.Stored(t, in.OutTradeNo).Attempts[0].Asked
		sweep(t, r, gone{})
		if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeClosed || o.Attempts[0].Asked != before+1 {
			t.Errorf("%s, asked %d times", o.TradeState, o.Attempts[0].Asked-before)
		}
	})
}

// Without one the close waits for the next question, whatever else is due before.
func TestAnExpiryWithoutAnAnswerWaits(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := abandoned(t, r)
	r.Clock.Add(2 * time.Hour)
	r.Intercept = down("v3")
	sweep(t, r, gone{})
	o := r.Stored(t, in.OutTradeNo)
	o.Flag(payment.NumberConflict, r.Clock.Now().Add(-3*time.Second))
	if err := r.Store.Save(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	s := &shop{status: http.StatusOK}
	for r.Clock.Add(time.Second); o.Attempts[1].DueAt.After(r.Clock.Now()); r.Clock.Add(time.Second) {
		sweep(t, r, s)
	}
	if o = r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeNotPay || len(s.heard) != 1 || o.Attempts[1].Asked != 1 {
		t.Errorf("%s, the shop heard %v, the processor was asked %d times", o.TradeState, s.heard, o.Attempts[1].Asked)
	}
	r.Intercept = nil
	if sweep(t, r, gone{}); r.Stored(t, in.OutTradeNo).TradeState != payment.TradeClosed {
		t.Error("not closed when it answered")
	}
}

// views remembers the orders that the shop was told of.
type views struct{ told []payment.View }

func (v *views) Deliver(_ context.Context, _ *config.Merchant, o *payment.Order, _ payment.Event) (int, error) {
	v.told = append(v.told, o.View())
	return http.StatusOK, nil
}

// lost counts saves that came too late.
type lost struct {
	store.Store
	saves int
}

func (l *lost) Save(ctx context.Context, o *payment.Order) error {
	err := l.Store.Save(ctx, o)
	if errors.Is(err, store.ErrConflict) {
		l.saves++
	}
	return err
}

// The shop is told of the order as a refund's answer has just left it, not of the copy
// from before, whose save could only fail.
func TestEventsAreToldOfTheFreshOrder(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "v3")
	if _, err := refund(r, t, no, "R-1", 500); err != nil {
		t.Fatal(err)
	}
	r.Clock.Add(time.Minute)
	r.Box.Settle()
	late := &lost{Store: r.Store.Store}
	r.Store.Store = late
	v := &views{}
	sweep(t, r, v)
	if len(v.told) != 1 || v.told[0].RefundedFee != 500 || late.saves != 0 {
		t.Errorf("told %+v, %d saves were too late", v.told, late.saves)
	}
}
