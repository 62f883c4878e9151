package sim

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
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

// newRig is a rig whose store is plain memory: figures take thousands of orders.
func newRig(t *testing.T) *cashiertest.Rig {
	r := cashiertest.New(t)
	r.Store.Store = NewMemory(false)
	return r
}

// TestR9SwitchInFlight: a thousand orders are under way when pay_sp is switched.
// Each ends, and is refunded, at the processor it began at.
func TestR9SwitchInFlight(t *testing.T) {
	t.Parallel()
	const inFlight = 1000
	r := newRig(t)
	began := map[string]string{}
	for i, sp := range names() {
		if !r.Env.Registry[sp].Supports(payment.WeChat) || r.Env.Registry[sp].RefundAgain == "" {
			continue
		}
		r.Switch(t, sp)
		for j := range inFlight / len(names()) {
			in := cashiertest.Order(fmt.Sprintf("SWITCH-%d-%03d", i, j))
			r.MustPay(t, in)
			began[in.OutTradeNo] = sp
			r.Clock.Add(time.Second) // NihaoPay's twin counts its trades anew each second, by chance
		}
	}
	r.Switch(t, "yaband")
	for j := len(began); j < inFlight; j++ {
		in := cashiertest.Order(fmt.Sprintf("SWITCH-X-%04d", j))
		r.MustPay(t, in)
		began[in.OutTradeNo] = "yaband"
	}
	r.Switch(t, "v3")
	for no := range began {
		if _, _, err := r.Box.Pay(t.Context(), no, sandbox.PayOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	r.Clock.Add(3 * time.Second)
	for no, sp := range began {
		if o := r.Query(t, no); o.TradeState != payment.TradeSuccess || o.Lead().Provider != sp {
			t.Fatalf("%s, begun at %s: %s at %s", no, sp, o.TradeState, o.Lead().Provider)
		}
		fee := int64(1299)
		_, err := r.Cashier.Refund(t.Context(), r.Server(t), cashier.RefundOrder{OutTradeNo: no, OutRefundNo: "R-" + no, RefundFee: &fee})
		if err != nil {
			t.Fatalf("%s: refund: %v", sp, err)
		}
	}
	back := 0
	for _, trade := range r.Box.Trades() {
		if began[trade.No] != trade.Processor || trade.Refunded() != trade.Amount {
			t.Errorf("%s: %d of %d given back at %s, begun at %s", trade.No, trade.Refunded(), trade.Amount, trade.Processor, began[trade.No])
		}
		back++
	}
	if back != inFlight {
		t.Errorf("%d orders, want %d", back, inFlight)
	}
}

// TestR14Doorbells: ten thousand doorbells about an order in 200 s cause a question
// every two seconds at most.
func TestR14Doorbells(t *testing.T) {
	t.Parallel()
	const rings, gap = 10_000, 20 * time.Millisecond
	r := newRig(t)
	r.Switch(t, "2paynow")
	in := cashiertest.Order("DOORBELL-1")
	r.MustPay(t, in)
	var asked []time.Time
	r.Intercept = func(*http.Request) *http.Response {
		asked = append(asked, r.Clock.Now())
		return nil
	}
	if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	for range rings {
		r.Clock.Add(gap)
		if _, d, err := r.Box.Notify(t.Context(), in.OutTradeNo, "2paynow"); err != nil || !d.Acknowledged() {
			t.Fatalf("%+v, %v", d, err)
		}
	}
	for i := range asked[1:] {
		if wait := asked[i+1].Sub(asked[i]); wait < cashier.AskEvery {
			t.Errorf("two questions within %s", wait)
		}
	}
	if most := rings * int(gap) / int(cashier.AskEvery); len(asked) < 2 || len(asked) > most+1 {
		t.Errorf("%d questions, want at most %d", len(asked), most+1)
	}
	if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess || len(o.Events) != 1 {
		t.Errorf("order is %s with %d events", o.TradeState, len(o.Events))
	}
}

// TestR14RefundDoorbells: the same of a refund that is under way at WeChat Pay v2,
// whose refund notices are not signed.
func TestR14RefundDoorbells(t *testing.T) {
	t.Parallel()
	const rings, gap = 10_000, 20 * time.Millisecond
	r := newRig(t)
	r.Switch(t, "v2")
	in, fee := cashiertest.Order("DOORBELL-2"), int64(500)
	r.MustPay(t, in)
	if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Cashier.Refund(t.Context(), r.Server(t), cashier.RefundOrder{OutTradeNo: in.OutTradeNo, OutRefundNo: "R-1", RefundFee: &fee}); err != nil {
		t.Fatal(err)
	}
	trade := r.Box.Trades()[0]
	twin := r.Box.Twins()[slices.IndexFunc(r.Box.Twins(), func(x sandbox.Twin) bool { return x.Name() == "v2" })]
	done := trade.Refunds[0]
	done.Status = "SUCCESS" // it says; a question will tell that it is not
	var asked []time.Time
	r.Intercept = func(*http.Request) *http.Response {
		asked = append(asked, r.Clock.Now())
		return nil
	}
	for range rings {
		r.Clock.Add(gap)
		if w := r.Post(twin.Notice(trade, &done)); w.Code != http.StatusOK {
			t.Fatalf("HTTP %d", w.Code)
		}
	}
	for i := range asked[1:] {
		if wait := asked[i+1].Sub(asked[i]); wait < cashier.AskEvery {
			t.Errorf("two questions within %s", wait)
		}
	}
	if most := rings * int(gap) / int(cashier.AskEvery); len(asked) < 2 || len(asked) > most+1 {
		t.Errorf("%d questions, want at most %d", len(asked), most+1)
	}
}

// TestR20Canaries: worlds in which everything that is written is searched for every
// secret of the config item.
func TestR20Canaries(t *testing.T) {
	t.Parallel()
	for seed := uint64(1); seed <= 12; seed++ {
		opt := Seeded(seed, 10, names())
		opt.Processors, opt.Canaries = nil, true
		if r := Run(t, opt); len(r.Violations) > 0 {
			t.Error(r)
		}
	}
}

// together measures how many calls are under way at once.
type together struct {
	mu        sync.Mutex
	now, most int
}

func (c *together) during(f func()) {
	c.mu.Lock()
	c.now++
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	for range 50 {
		runtime.Gosched() // others may come
	}
	f()
	c.mu.Lock()
	c.now--
	c.mu.Unlock()
}

// crowd is a shop that counts its callers.
type crowd struct{ *together }

func (c crowd) Deliver(context.Context, *config.Merchant, *payment.Order, payment.Event) (int, error) {
	c.during(func() {})
	return http.StatusOK, nil
}

// deaf is a shop that wants nothing.
type deaf struct{}

func (deaf) Deliver(context.Context, *config.Merchant, *payment.Order, payment.Event) (int, error) {
	return http.StatusGone, nil
}

// pages is a store that remembers the largest page asked for, and how many orders
// were loaded at once.
type pages struct {
	*Memory
	mu      sync.Mutex
	largest int
	loads   together
}

func (p *pages) Get(ctx context.Context, merchant, no string) (o *payment.Order, err error) {
	p.loads.during(func() { o, err = p.Memory.Get(ctx, merchant, no) })
	return o, err
}

func (p *pages) Due(ctx context.Context, shard int, until time.Time, cursor string, limit int) ([]store.Key, string, error) {
	p.mu.Lock()
	p.largest = max(p.largest, limit)
	p.mu.Unlock()
	return p.Memory.Due(ctx, shard, until, cursor, limit)
}

// TestR21Sweep: ten thousand orders are due, every fourth with an event. A sweep is
// cut off half-way, two more run at once: each order is asked about exactly once and
// each event told at most twice, a few at a time.
func TestR21Sweep(t *testing.T) {
	t.Parallel()
	const due, most, narrow = 10_000, 8, 3 // most: orders that one sweep works on at once, and at one account or shop
	r := newRig(t)
	s := &pages{Memory: NewMemory(false)}
	r.Store.Store = s
	fill(t, r, s, due)
	r.Clock.Add(10 * time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	questions, calls, shop := 0, &together{}, crowd{&together{}}
	r.Intercept = func(*http.Request) *http.Response {
		calls.during(func() {
			mu.Lock()
			defer mu.Unlock()
			if questions++; questions == due/2 {
				cancel()
			}
		})
		return cashiertest.Answer(http.StatusInternalServerError, "not now")
	}
	_, _ = r.Cashier.Sweep(ctx, shop)
	if questions < due/2 || questions > due/2+100 {
		t.Errorf("the sweep that was cut off asked %d times", questions)
	}
	if s.loads.most > most || calls.most > narrow || shop.most > narrow {
		t.Errorf("%d orders, %d questions and %d deliveries at once, want at most %d, %d, %d", s.loads.most, calls.most, shop.most, most, narrow, narrow)
	}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if _, err := r.Cashier.Sweep(t.Context(), shop); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if s.loads.most > 2*most || calls.most > 2*narrow || shop.most > 2*narrow {
		t.Errorf("%d orders, %d questions and %d deliveries at once by two sweeps", s.loads.most, calls.most, shop.most)
	}
	allServed(t, r, s, due, questions)
}

// fill stores orders that are under way; every fourth has an event that the shop has
// not heard.
func fill(t *testing.T, r *cashiertest.Rig, s *pages, due int) {
	t.Helper()
	o := r.MustPay(t, cashiertest.Order("SWEEP-00000")).Order
	for i := 1; i < due; i++ {
		n := o.Clone()
		n.OutTradeNo, n.Version = fmt.Sprintf("SWEEP-%05d", i), 0
		n.Attempts[0].No, n.Attempts[0].SpTradeNo = n.OutTradeNo, fmt.Sprintf("SP-%05d", i)
		if i%4 == 0 {
			n.Flag(payment.AmountMismatch, r.Clock.Now())
		}
		if err := s.Save(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
}

// allServed: nothing is due any more, and nothing was done twice.
func allServed(t *testing.T, r *cashiertest.Rig, s *pages, due, questions int) {
	t.Helper()
	asked := 0
	for _, key := range s.keys {
		o := s.orders[key]
		if n := o.Attempts[0].Asked; n != 1 {
			t.Fatalf("%s was asked about %d times", key.OutTradeNo, n)
		}
		if len(o.Undelivered()) > 0 {
			t.Fatalf("the shop has not heard of %s", key.OutTradeNo)
		}
		asked++
	}
	// Of those that were cut off, the question is booked and may not have gone out.
	if asked != due || questions < due-16 || questions > due {
		t.Errorf("%d orders, %d questions", asked, questions)
	}
	if s.largest > 100 {
		t.Errorf("a page of %d orders", s.largest)
	}
	if keys, _, _ := s.Due(t.Context(), 0, r.Clock.Now(), "", 1); len(keys) > 0 {
		t.Error("something is still due")
	}
}
