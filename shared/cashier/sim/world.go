package sim

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/all"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store"
	"overseaspay/shared/web"
)

// Where everything seems to be.
const (
	boxURL    = "http://sandbox.test/sandbox"
	notifyURL = "https://pay.test/notify"
	shopURL   = "https://shop.test/events"
	shopKey   = "sk_default_canary0shop0key0123456789"
	shopHook  = "whsec_Y2FuYXJ5IHNpbSB3ZWJob29rIHNlY3JldCAwMDAx"
	signing   = "canary-session-secret-of-32-bytes-and-more"
)

// World is one simulated world. It lives in a testing/synctest bubble.
type World struct {
	Box   *sandbox.Sandbox
	Store *Memory
	Shop  *shop

	opt      Options
	rng      *rand.Rand // the world's own decisions: one goroutine at a time draws
	start    time.Time
	turns    turns
	plan     plan
	trace    *trace
	registry provider.Registry
	names    []string // processors of this world, sorted
	item     map[string]any
	skew     time.Duration // most that a container's clock is wrong by
	sweepAt  time.Time     // the next call of reconcile
	tomorrow []func()      // notices that come a day late

	containers []*container
	calls      int
	steps      int
	deaths     int
	drawn      int
	over       bool // the world is being put away
	log        *slog.Logger
	logged     *leakDetector

	truth      truth
	ledger     []sandbox.Trade // see trades
	violations []Violation
}

// newWorld makes a world by its options, with all faults off.
func newWorld(opt Options) (*World, error) {
	w := &World{opt: opt, rng: rand.New(rand.NewPCG(opt.Seed, 1)), start: time.Now(), trace: newTrace(), plan: calm{},
		registry: all.Registry(), Shop: &shop{told: map[string]int{}, taken: map[string]bool{}}}
	w.truth.init()
	w.logged = &leakDetector{}
	log := slog.DiscardHandler
	if opt.Canaries {
		log = web.NewLog(w.logged, slog.LevelDebug).Handler()
	}
	w.log = slog.New(paced{log, w})
	w.Store = NewMemory(opt.Codec)
	var err error
	w.Box, err = sandbox.New(sandbox.Config{URL: boxURL, Twins: w.twins, Now: time.Now, Nonce: w.draw(2), HTTP: &http.Client{Transport: post{w}}})
	if err != nil {
		return nil, err
	}
	w.item = sandbox.DemoItem(boxURL, w.Box.Twins(), signing, shopKey)
	w.item["pay_sp"] = w.names[0]
	w.item["webhook"] = map[string]any{"url": shopURL, "secrets": []string{shopHook}}
	return w, w.putItem()
}

// twins makes the simulated processors of this world.
func (w *World) twins(env sandbox.Env) []sandbox.Twin {
	var list []sandbox.Twin
	for _, t := range sandbox.All(env) {
		if w.registry[t.Name()] != nil && (len(w.opt.Processors) == 0 || slices.Contains(w.opt.Processors, t.Name())) {
			list = append(list, t)
			w.names = append(w.names, t.Name())
		}
	}
	slices.Sort(w.names)
	return list
}

func (w *World) settings(name string) map[string]any {
	return w.item["providers"].(map[string]any)[name].(map[string]any)
}

// putItem stores the config item as it now is.
func (w *World) putItem() error {
	raw, err := json.Marshal(w.item)
	if err != nil {
		return err
	}
	return w.Store.PutConfig(context.Background(), "payment", raw)
}

func (w *World) mustPutItem() {
	if err := w.putItem(); err != nil {
		panic(err)
	}
}

// draw makes a source of 32 letters and digits. No two texts are the same, and
// their first two letters depend on the time alone: a sweep's goroutines may draw
// in any order, and only those letters decide anything.
func (w *World) draw(source uint64) func() string {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	n := uint64(0)
	chance := rand.New(rand.NewPCG(w.opt.Seed, source))
	return func() string {
		w.turns.mu.Lock()
		defer w.turns.mu.Unlock()
		n++
		b := make([]byte, 32)
		at := uint64(time.Since(w.start).Milliseconds())
		b[0], b[1] = letters[at%36], letters[at/36%36]
		for i := 2; i < len(b); i++ {
			b[i] = letters[chance.IntN(len(letters))]
		}
		return string(b)
	}
}

// saved is called after every save that landed: it checks the promises and plays
// the table's stream.
func (w *World) saved(key store.Key, by *call) {
	o := w.Store.peek(key)
	before := w.truth.orders[key]
	w.checkSaved(before, o, by)
	w.truth.orders[key] = o
	w.schedule()
	var fresh []string
	for _, id := range o.Undelivered() {
		if before == nil || !slices.ContainsFunc(before.Events, func(e payment.Event) bool { return e.ID == id }) {
			fresh = append(fresh, id)
		}
	}
	if len(fresh) == 0 || w.faulty() && w.opt.streamDown {
		return
	}
	w.after(200*time.Millisecond, func() {
		w.invoke("deliver", "deliver", 30*time.Second+grace, func(ctx context.Context, c *container) { _ = c.tell.Tell(ctx, key, fresh) })
	})
}

// faulty reports that faults have not stopped yet.
func (w *World) faulty() bool { _, none := w.plan.(calm); return !none }

// schedule books the schedule's next call of reconcile: the first tick at which
// something is due. Ticks before that would change nothing and are passed over.
func (w *World) schedule() {
	due := w.Store.soonest()
	if due.IsZero() {
		return
	}
	now, every := time.Now(), w.opt.every()
	from := due.Add(-w.skew)
	if from.Before(now) {
		from = now
	}
	tick := w.start.Add((from.Sub(w.start)/every + 1) * every)
	if w.sweepAt.After(now) && !tick.Before(w.sweepAt) {
		return
	}
	w.sweepAt = tick
	w.at(tick, func() {
		if !w.sweepAt.Equal(tick) {
			return
		}
		if w.faulty() && w.rng.IntN(10) == 0 {
			w.after(0, w.sweep) // two at once
		}
		w.sweep()
		w.schedule()
	})
}

// sweep runs reconcile once.
func (w *World) sweep() {
	w.invoke("reconcile", "sweep", 55*time.Second+grace, func(ctx context.Context, c *container) {
		_ = c.sweep(ctx) // a fault of ours, of which a next sweep makes up
	})
}
