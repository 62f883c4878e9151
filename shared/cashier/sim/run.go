package sim

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"overseaspay/shared/sandbox"
)

// Run runs one world to its end.
func Run(t *testing.T, opt Options) (report Report) {
	t.Helper()
	bubble(t, func() {
		w, err := newWorld(opt)
		if err != nil {
			panic(err)
		}
		w.live()
		report = w.report()
	})
	return report
}

// today is when every world begins.
var today = time.Date(2026, 11, 23, 8, 30, 0, 0, time.UTC)

// bubble runs f under a clock of its own. Tests of one package share nothing else.
func bubble(t *testing.T, f func()) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		time.Sleep(time.Until(today)) // a bubble begins in the year 2000
		f()
	})
}

// live runs both parts of a world.
func (w *World) live() {
	rng := rand.New(rand.NewPCG(w.opt.Seed, 4))
	w.plan = newChances(rand.New(rand.NewPCG(w.opt.Seed, 5)))
	if rng.IntN(3) == 0 {
		w.skew = time.Duration(rng.IntN(300)) * time.Second // either way: two clocks are up to ten minutes apart
	}
	w.Shop.mood = [][]int{{200}, {200, 500}, {500}, {200, 503, 410}, {429, 200}}[rng.IntN(5)]
	w.Shop.slow = []time.Duration{0, 0, 4 * time.Second, 9 * time.Second}[rng.IntN(4)]
	for i := range w.opt.Orders {
		w.tell(i, 3*time.Minute)
	}
	w.operate(rng)
	w.processorsWork()
	w.run(w.start.Add(5*time.Minute + time.Duration(rng.IntN(300))*time.Second))
	if !w.failed() {
		w.recover()
	}
	if w.opt.Canaries && !w.failed() {
		w.noSecretEscapes()
	}
	w.stop()
}

// processorsWork lets processors finish refunds and repeat notices, until the end.
func (w *World) processorsWork() {
	w.after(15*time.Second, func() {
		if w.over {
			return
		}
		if slices.ContainsFunc(w.trades(), underWay) {
			w.Box.Settle()
			w.ledger = nil
		}
		if w.Box.Pending() > 0 {
			w.Box.Resend(context.Background())
		}
		w.processorsWork()
	})
}

// underWay reports that a trade has a refund that its processor has not finished.
func underWay(t sandbox.Trade) bool {
	return slices.ContainsFunc(t.Refunds, func(r sandbox.Refund) bool { return r.Status == "PROCESSING" })
}

// recover stops all faults and waits for everything to come right.
func (w *World) recover() {
	w.plan, w.Shop.mood, w.Shop.slow = calm{}, nil, 0
	was := w.skew
	w.skew = 0
	clear(w.truth.asked)
	for _, c := range w.containers {
		w.kill(c) // clocks are right again, calls under way are lost
	}
	w.schedule()
	w.trace.line("%s faults stop", w.clock())
	for _, t := range w.trades() {
		if w.truth.late[t.Processor+" "+t.No] && t.State == sandbox.Paid {
			// It had called the trade over, and may have tired of saying otherwise.
			w.after(time.Second, func() { _, _, _ = w.Box.Notify(context.Background(), t.No, t.Processor) })
		}
	}
	stopped := time.Now()
	// A clock that was ahead has booked questions for later.
	w.run(stopped.Add(w.opt.within() + was + w.opt.every()/60))
	if w.failed() {
		return
	}
	w.noLostPaid(stopped)
	w.run(stopped.Add(w.opt.within() + was + 2*time.Minute))
	if w.deliverAll(); w.failed() {
		return
	}
	w.allAtPeace()
	if len(w.tomorrow) > 0 && !w.failed() {
		w.nextDay()
	}
}

// deliverAll waits until the shop, which takes everything now, has heard it all.
func (w *World) deliverAll() {
	for range 20 {
		last := w.undelivered()
		if last.IsZero() || w.failed() {
			return
		}
		w.run(last.Add(2 * time.Minute))
	}
	if at := w.undelivered(); !at.IsZero() && !w.failed() {
		w.violate("I5", "an event is not delivered although the shop takes them all; next try %s", at)
	}
}

// nextDay lets the notices come that took a day: they change nothing that is not so.
// Nothing runs in between, not even what is under way.
func (w *World) nextDay() {
	for _, c := range w.containers {
		w.kill(c)
	}
	w.run(time.Now()) // the dead take no step
	time.Sleep(24 * time.Hour)
	for _, notify := range w.tomorrow {
		w.after(0, notify)
	}
	w.run(time.Now().Add(2 * time.Minute))
	if w.deliverAll(); !w.failed() {
		w.allAtPeace()
	}
}

// stop ends every goroutine of the world.
func (w *World) stop() {
	w.over = true
	for range 10000 {
		w.turns.mu.Lock()
		w.turns.agenda = nil
		w.turns.mu.Unlock()
		for _, c := range w.containers {
			c.dead = true
		}
		synctest.Wait()
		w.turns.mu.Lock()
		list := append(w.turns.waiting, w.turns.arrivals...)
		w.turns.waiting, w.turns.arrivals = nil, nil
		w.turns.mu.Unlock()
		if len(list) == 0 {
			return
		}
		for _, x := range list {
			x.resume <- None
		}
	}
	panic("sim: a world does not end")
}
