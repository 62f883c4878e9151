package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"overseaspay/shared/sandbox"
)

// Options say what kind of world a seed makes.
type Options struct {
	Seed       uint64
	Orders     int      // default 10
	Processors []string // of the world; empty: chosen by the seed
	AWS        bool     // reconcile once a minute and a cache of a minute, instead of every second
	Codec      bool     // orders go through JSON
	Canaries   bool     // everything that is written is searched for secrets
	Log        int      // lines of log that a failing world shows; default 60

	keepTail    bool // reports show the log in any case
	dropNotices int  // permille
	streamDown  bool // deliver is never called
	dayLate     bool // some notices come a day later
}

func (o Options) every() time.Duration {
	if o.AWS {
		return time.Minute
	}
	return time.Second
}

// lines is how much of the log a failing world shows.
func (o Options) lines() int { return max(o.Log, 60) }

func (o Options) cacheLife() time.Duration { return o.every() }

// within is the time in which a capture must be known once faults have stopped (I2).
func (o Options) within() time.Duration {
	if o.AWS {
		return 130 * time.Second
	}
	return time.Minute
}

// Report is what came of a run.
type Report struct {
	Seed       uint64
	World      int // orders that were to be made
	Orders     int // stored
	Paid       int // captures in the processors' ledgers
	Refunds    int // made at the processors
	Steps      int // I/O steps
	Deaths     int // containers killed
	Hash       string
	Violations []Violation
	Tail       string // the end of the log, if there are violations
}

func (r Report) String() string {
	var b strings.Builder
	b.WriteString(r.Tail)
	if len(r.Violations) == 0 {
		fmt.Fprintf(&b, "seed %d kept all promises\n", r.Seed)
		return b.String()
	}
	fmt.Fprintf(&b, "seed %d broke a promise:\n", r.Seed)
	for _, v := range r.Violations {
		fmt.Fprintf(&b, "  %s\n", v)
	}
	fmt.Fprintf(&b, "replay: make sim SEED=%d WORLD=%d\n", r.Seed, r.World)
	return b.String()
}

// heavy are processors that sign with RSA: they are in fewer worlds.
var heavy = map[string]bool{"v3": true, "v3sp": true}

// Seeded chooses what a seed leaves open.
func Seeded(seed uint64, orders int, names []string) Options {
	rng := rand.New(rand.NewPCG(seed, 3))
	o := Options{Seed: seed, Orders: orders, AWS: rng.IntN(3) == 0, Codec: rng.IntN(16) == 0, streamDown: rng.IntN(5) == 0}
	if rng.IntN(2) == 0 {
		o.dropNotices = rng.IntN(900)
	}
	o.dayLate = rng.IntN(6) == 0
	for _, i := range rng.Perm(len(names)) {
		if len(o.Processors) < 1+rng.IntN(3) && (!heavy[names[i]] || rng.IntN(24) == 0) {
			o.Processors = append(o.Processors, names[i])
		}
	}
	if len(o.Processors) == 0 {
		o.Processors = names[:1]
	}
	return o
}

func (w *World) report() Report {
	r := Report{Seed: w.opt.Seed, World: w.opt.Orders, Orders: len(w.Store.keys), Steps: w.steps, Deaths: w.deaths, Hash: w.trace.hash(), Violations: w.violations}
	for _, t := range w.trades() {
		if t.State == sandbox.Paid {
			r.Paid++
		}
		r.Refunds += len(t.Refunds)
	}
	if len(r.Violations) > 0 || w.opt.keepTail {
		r.Tail = w.trace.tail(w.opt.lines())
	}
	return r
}
