package sim

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing/synctest"
	"time"
)

// call is one invocation of a function of ours in a container.
type call struct {
	id    int
	in    *container
	what  string
	steps int
	began time.Time
	ended bool
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// waiter is a goroutine that stopped at a seam until its turn comes.
type waiter struct {
	call   *call // nil: an actor that pauses
	step   string
	ready  time.Time
	fault  Fault
	decide bool // a step that faults may hit
	resume chan Fault
}

// turns lets goroutines go on one at a time, in an order that the seed decides.
type turns struct {
	mu       sync.Mutex
	arrivals []*waiter
	waiting  []*waiter
	agenda   []entry
	entries  int
}

// entry is something that begins at a time.
type entry struct {
	at  time.Time
	seq int
	do  func()
}

// step stops a call at a seam. It returns what is to go wrong, or never if the
// container has died.
func (w *World) step(ctx context.Context, what string) Fault {
	c := callOf(ctx)
	x := &waiter{call: c, step: what, decide: true, resume: make(chan Fault)}
	if c.ended {
		w.violate("I12", "%s goes on after its end: %s", c.what, what)
	}
	w.arrive(x)
	f := <-x.resume
	if w.over || c.in.dead {
		runtime.Goexit()
	}
	return f
}

// land stops a call after the effect of a step, where it may die, too.
func (w *World) land(ctx context.Context, what string, after time.Duration) {
	c := callOf(ctx)
	x := &waiter{call: c, step: what, ready: time.Now().Add(after), resume: make(chan Fault)}
	w.arrive(x)
	<-x.resume
	if w.over || c.in.dead {
		runtime.Goexit()
	}
}

// pause makes an actor wait.
func (w *World) pause(d time.Duration) {
	x := &waiter{step: "pause", ready: time.Now().Add(d), resume: make(chan Fault)}
	w.arrive(x)
	<-x.resume
	w.leave()
}

// leave ends an actor of a world that is being put away.
func (w *World) leave() {
	if w.over {
		runtime.Goexit()
	}
}

func (w *World) arrive(x *waiter) {
	w.turns.mu.Lock()
	w.turns.arrivals = append(w.turns.arrivals, x)
	w.turns.mu.Unlock()
}

// at books something; do runs in a goroutine of its own.
func (w *World) at(t time.Time, do func()) {
	w.turns.mu.Lock()
	defer w.turns.mu.Unlock()
	w.turns.entries++
	w.turns.agenda = append(w.turns.agenda, entry{t, w.turns.entries, do})
}

// after books something by how long it takes from now.
func (w *World) after(d time.Duration, do func()) { w.at(time.Now().Add(d), do) }

// admit takes in those who have stopped since the last turn. Those who did so at
// once are put into an order that does not depend on the machine.
func (w *World) admit() {
	w.turns.mu.Lock()
	fresh := w.turns.arrivals
	w.turns.arrivals = nil
	w.turns.mu.Unlock()
	if len(fresh) > 1 {
		slices.SortStableFunc(fresh, func(a, b *waiter) int {
			switch {
			case a.call == nil || b.call == nil:
				return 0
			case a.call.id != b.call.id:
				return a.call.id - b.call.id
			}
			return compareText(a.step, b.step)
		})
	}
	for _, x := range fresh {
		if x.decide {
			x.call.steps++
			x.fault = w.plan.next(w, x)
			x.ready = time.Now().Add(w.latency(x))
		}
		w.turns.waiting = append(w.turns.waiting, x)
	}
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// run takes turns until nothing is left to do before a time.
func (w *World) run(until time.Time) {
	for {
		synctest.Wait()
		w.admit()
		now := time.Now()
		if w.failed() {
			return
		}
		if x := w.pick(now); x != nil {
			w.go1(x)
			continue
		}
		next := w.nextTime()
		if next.IsZero() || next.After(until) {
			if until.After(now) {
				time.Sleep(until.Sub(now))
			}
			return
		}
		if d := next.Sub(now); d > 0 {
			time.Sleep(d)
			continue
		}
		w.begin(now)
	}
}

// pick takes one of those who are ready, by chance.
func (w *World) pick(now time.Time) *waiter {
	n := 0
	for _, x := range w.turns.waiting {
		if w.isReady(x, now) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	k := 0
	if n > 1 {
		k = w.rng.IntN(n)
	}
	for i, x := range w.turns.waiting {
		if !w.isReady(x, now) {
			continue
		}
		if k == 0 {
			w.turns.waiting = slices.Delete(w.turns.waiting, i, i+1)
			return x
		}
		k--
	}
	return nil
}

func (w *World) isReady(x *waiter, now time.Time) bool {
	return !x.ready.After(now) || x.call != nil && x.call.in.dead
}

// go1 lets one waiter take its step.
func (w *World) go1(x *waiter) {
	w.steps++
	if x.call != nil && !x.call.in.dead {
		if x.fault == KillBefore {
			w.kill(x.call.in)
		}
		w.trace.line("%s #%d %s %d %s%s", w.clock(), x.call.id, x.call.what, x.call.steps, x.step, x.fault.mark())
	}
	x.resume <- x.fault
}

// nextTime is when the next waiter is ready or the next entry begins.
func (w *World) nextTime() time.Time {
	var next time.Time
	soonest := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, x := range w.turns.waiting {
		soonest(x.ready)
	}
	w.turns.mu.Lock()
	defer w.turns.mu.Unlock()
	for _, e := range w.turns.agenda {
		soonest(e.at)
	}
	return next
}

// begin starts the oldest entry that is due.
func (w *World) begin(now time.Time) {
	w.turns.mu.Lock()
	first := -1
	for i, e := range w.turns.agenda {
		if e.at.After(now) {
			continue
		}
		if f := first; f < 0 || e.at.Before(w.turns.agenda[f].at) || e.at.Equal(w.turns.agenda[f].at) && e.seq < w.turns.agenda[f].seq {
			first = i
		}
	}
	if first < 0 {
		w.turns.mu.Unlock()
		return
	}
	do := w.turns.agenda[first].do
	w.turns.agenda = slices.Delete(w.turns.agenda, first, first+1)
	w.turns.mu.Unlock()
	go do()
}

// clock is the world's time as logs show it.
func (w *World) clock() stamp { return stamp(time.Since(w.start).Milliseconds()) }
