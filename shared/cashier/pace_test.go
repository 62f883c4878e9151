package cashier_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"overseaspay/shared/cashier"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
)

// timed runs a test under a clock that moves by itself, while all wait.
func timed(t *testing.T, test func(t *testing.T, r *cashiertest.Rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := cashiertest.New(t)
		time.Sleep(time.Until(r.Clock.Now()))
		var err error
		r.Cashier, err = cashier.New(cashier.Config{Store: r.Store, Merchants: r.Cache, NotifyURL: cashiertest.NotifyURL, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		test(t, r)
	})
}

// questions are the calls to processors, by processor, and of all under "": when each
// began and how many were under way at most.
type questions struct {
	mu     sync.Mutex
	begun  map[string][]time.Duration
	now    map[string]int
	most   map[string]int
	answer func(sp string, req *http.Request) *http.Response
	start  time.Time
}

// watch counts the calls from now on; answer is Intercept with the processor's name.
func watch(r *cashiertest.Rig, answer func(string, *http.Request) *http.Response) *questions {
	q := &questions{begun: map[string][]time.Duration{}, now: map[string]int{}, most: map[string]int{}, answer: answer, start: time.Now()}
	r.Intercept = q.intercept
	return q
}

func (q *questions) intercept(req *http.Request) *http.Response {
	sp, _, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/sandbox/"), "/")
	q.mu.Lock()
	for _, of := range []string{sp, ""} {
		q.begun[of] = append(q.begun[of], time.Since(q.start))
		q.now[of]++
		q.most[of] = max(q.most[of], q.now[of])
	}
	q.mu.Unlock()
	res := q.answer(sp, req)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.now[sp]--
	q.now[""]--
	return res
}

// closest is the shortest time between two calls to a processor.
func (q *questions) closest(sp string) time.Duration {
	least, at := time.Hour, slices.Sorted(slices.Values(q.begun[sp]))
	for i := range len(at) - 1 {
		least = min(least, at[i+1]-at[i])
	}
	return least
}

// last is when the last call to a processor began; an hour if none did.
func (q *questions) last(sp string) time.Duration {
	if len(q.begun[sp]) == 0 {
		return time.Hour
	}
	return slices.Max(q.begun[sp])
}

// silence is a processor that never answers.
func silence(req *http.Request) *http.Response {
	<-req.Context().Done()
	return cashiertest.Answer(http.StatusGatewayTimeout, "")
}

// makeOrders makes orders that wait to be paid, and returns their numbers.
func makeOrders(t *testing.T, r *cashiertest.Rig, sp string, n int) (list []string) {
	t.Helper()
	r.Switch(t, sp)
	for i := range n {
		in := cashiertest.Order(fmt.Sprintf("ORDER-%s-%03d", sp, i))
		r.MustPay(t, in)
		list = append(list, in.OutTradeNo)
	}
	return list
}

// onLambda sweeps as long as reconcile does.
func onLambda(t *testing.T, r *cashiertest.Rig, d cashier.Deliverer) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 49*time.Second)
	defer cancel()
	begin := time.Now()
	if _, err := r.Cashier.Sweep(ctx, d); err != nil {
		t.Fatal(err)
	}
	return time.Since(begin)
}

func askedOf(t *testing.T, r *cashiertest.Rig, list []string) (n int) {
	t.Helper()
	for _, no := range list {
		n += r.Stored(t, no).Attempts[0].Asked
	}
	return n
}

// A processor that is dead costs its own orders one sweep, and others nothing.
func TestADeadProcessorStarvesNobody(t *testing.T) {
	t.Parallel()
	timed(t, func(t *testing.T, r *cashiertest.Rig) {
		dead, sound := makeOrders(t, r, "yaband", 60), makeOrders(t, r, "2paynow", 20)
		time.Sleep(time.Minute)
		q := watch(r, func(sp string, req *http.Request) *http.Response {
			if sp == "yaband" {
				return silence(req)
			}
			return nil
		})
		took := onLambda(t, r, gone{})
		if n := askedOf(t, r, sound); n != len(sound) || q.last("2paynow") > 3*time.Second {
			t.Errorf("%d of %d others were asked about, the last after %s", n, len(sound), q.last("2paynow"))
		}
		if n := len(q.begun["yaband"]); n != 3 || took > 11*time.Second {
			t.Errorf("the dead processor was asked %d times, the sweep took %s", n, took)
		}
		left := 0
		for _, no := range dead {
			if o := r.Stored(t, no); o.Attempts[0].Asked == 0 && !o.Due().After(time.Now()) {
				left++
			}
		}
		if left != len(dead)-3 {
			t.Errorf("%d orders are left to the next sweep, want %d", left, len(dead)-3)
		}
		r.Intercept = nil
		time.Sleep(time.Minute)
		if onLambda(t, r, gone{}); askedOf(t, r, dead) != len(dead)+3 {
			t.Errorf("%d questions when it was back, want %d", askedOf(t, r, dead), len(dead)+3)
		}
	})
}

// One that answers, but slowly, is asked on and on, and does not hold others up either.
func TestASlowProcessorStarvesNobody(t *testing.T) {
	t.Parallel()
	timed(t, func(t *testing.T, r *cashiertest.Rig) {
		slow, sound := makeOrders(t, r, "yaband", 120), makeOrders(t, r, "2paynow", 20)
		time.Sleep(time.Minute)
		q := watch(r, func(sp string, _ *http.Request) *http.Response {
			if sp == "yaband" {
				time.Sleep(9 * time.Second)
			}
			return nil
		})
		took := onLambda(t, r, gone{})
		if n := askedOf(t, r, sound); n != len(sound) || q.last("2paynow") > 3*time.Second {
			t.Errorf("%d of %d others were asked about, the last after %s", n, len(sound), q.last("2paynow"))
		}
		if n := askedOf(t, r, slow); n != 12 || q.most["yaband"] != 3 || took > 49*time.Second {
			t.Errorf("%d questions, %d at once, in %s", n, q.most["yaband"], took)
		}
	})
}

// However many accounts there are, a sweep works on a few orders at a time.
func TestASweepWorksOnAFewOrdersAtATime(t *testing.T) {
	t.Parallel()
	timed(t, func(t *testing.T, r *cashiertest.Rig) {
		var list []string
		for _, sp := range []string{"yaband", "2paynow", "supay", "latipay", "cloudpay"} {
			list = append(list, makeOrders(t, r, sp, 12)...)
		}
		time.Sleep(time.Minute)
		q := watch(r, func(string, *http.Request) *http.Response { time.Sleep(time.Second); return nil })
		if onLambda(t, r, gone{}); askedOf(t, r, list) != len(list) || q.most[""] != 8 {
			t.Errorf("%d of %d orders asked about, %d at once", askedOf(t, r, list), len(list), q.most[""])
		}
	})
}

// All orders of an account are asked about, at the rate that it can bear.
func TestASweepKeepsARate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int // 0: an answer that says something
		gap    time.Duration
	}{"answers": {0, 50 * time.Millisecond}, "failures": {http.StatusInternalServerError, time.Second / 6}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			timed(t, func(t *testing.T, r *cashiertest.Rig) {
				list := makeOrders(t, r, "yaband", 150)
				time.Sleep(time.Minute)
				q := watch(r, func(string, *http.Request) *http.Response {
					time.Sleep(100 * time.Millisecond)
					if c.status != 0 {
						return cashiertest.Answer(c.status, "")
					}
					return nil
				})
				onLambda(t, r, gone{})
				if n := askedOf(t, r, list); n != len(list) || len(q.begun["yaband"]) != len(list) {
					t.Errorf("%d of %d orders asked about", n, len(list))
				}
				q.begun["yaband"] = q.begun["yaband"][3:] // until the first has failed
				if least := q.closest("yaband"); least < c.gap || q.most["yaband"] > 3 {
					t.Errorf("%s from call to call, %d at once", least, q.most["yaband"])
				}
			})
		})
	}
}

// A processor that cannot be reached, or says that it is asked too often, is left alone.
func TestUnreachableIsNotAskedOn(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]string{"no connection": sandbox.FaultBefore, "too often": "status:429"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			timed(t, func(t *testing.T, r *cashiertest.Rig) {
				list := makeOrders(t, r, "yaband", 30)
				time.Sleep(time.Minute)
				if err := r.Box.Fault(sandbox.Fault{Provider: "yaband", Kind: fault, Times: 100}); err != nil {
					t.Fatal(err)
				}
				if onLambda(t, r, gone{}); askedOf(t, r, list) != 3 {
					t.Errorf("asked %d times", askedOf(t, r, list))
				}
				r.Box.ClearFaults()
				if onLambda(t, r, gone{}); askedOf(t, r, list) != len(list) {
					t.Errorf("asked %d times in all", askedOf(t, r, list))
				}
			})
		})
	}
}

// mute is a shop that answers nothing for as long as a delivery waits for it.
type mute struct {
	shop
	wait time.Duration
}

func (m *mute) Deliver(ctx context.Context, at *config.Merchant, o *payment.Order, e payment.Event) (int, error) {
	time.Sleep(m.wait)
	return m.shop.Deliver(ctx, at, o, e)
}

// payAll pays orders so that all of them have an event to tell.
func payAll(t *testing.T, r *cashiertest.Rig, list []string) {
	t.Helper()
	for _, no := range list {
		if _, _, err := r.Box.Pay(t.Context(), no, sandbox.PayOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// A shop that does not answer costs a sweep nine seconds, and no question waits for it.
func TestADeadShopStarvesNobody(t *testing.T) {
	t.Parallel()
	timed(t, func(t *testing.T, r *cashiertest.Rig) {
		sold := makeOrders(t, r, "yaband", 60)
		payAll(t, r, sold)
		open := makeOrders(t, r, "2paynow", 20)
		time.Sleep(time.Minute)
		q := watch(r, func(string, *http.Request) *http.Response { return nil })
		s := &mute{wait: 3 * time.Second}
		took := onLambda(t, r, s)
		if n := askedOf(t, r, open); n != len(open) || q.last("2paynow") > 3*time.Second {
			t.Errorf("%d of %d orders were asked about, the last after %s", n, len(open), q.last("2paynow"))
		}
		if len(s.heard) != 3 || took > 10*time.Second {
			t.Errorf("the shop was told %d times, the sweep took %s", len(s.heard), took)
		}
		left := 0
		for _, no := range sold {
			if e := r.Stored(t, no).Events[0]; e.Tries == 0 && !e.DueAt.After(time.Now()) {
				left++
			}
		}
		if left != len(sold)-3 {
			t.Errorf("%d events are left to the next sweep, want %d", left, len(sold)-3)
		}
		s.wait, s.status = 0, http.StatusOK
		if onLambda(t, r, s); len(s.heard) != len(sold) { // those that failed are due later
			t.Errorf("told %d times in all, want %d", len(s.heard), len(sold))
		}
	})
}

// What is due elsewhere is done although an order's processor is dead.
func TestADeadProcessorHoldsNoEventUp(t *testing.T) {
	t.Parallel()
	timed(t, func(t *testing.T, r *cashiertest.Rig) {
		list := makeOrders(t, r, "yaband", 12)
		r.Switch(t, "2paynow")
		for _, no := range list {
			in := cashiertest.Order(no)
			in.Provider = "2paynow"
			payAll(t, r, []string{r.MustPay(t, in).Order.Lead().No})
		}
		time.Sleep(time.Minute)
		watch(r, func(sp string, req *http.Request) *http.Response {
			if sp == "yaband" {
				return silence(req)
			}
			return nil
		})
		s := &shop{status: http.StatusOK}
		if onLambda(t, r, s); len(s.heard) != len(list) {
			t.Errorf("the shop heard of %d orders, want %d", len(s.heard), len(list))
		}
	})
}
