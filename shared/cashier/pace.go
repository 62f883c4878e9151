package cashier

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"overseaspay/shared/provider"
	"overseaspay/shared/store"
)

// Bounds of one sweep's calls to one account, or to one shop.
const (
	laneWidth = 3                      // calls at once, of sweepAtOnce
	laneGap   = 50 * time.Millisecond  // from call to call; WeChat Pay documents a limit of 150 a second,
	laneLimp  = 170 * time.Millisecond // and of 6 a second for calls that fail: the gap after one of those
	laneTries = 3                      // calls in a row that nobody answers, until no more are made
	laneSlow  = CallTime / 2           // a call that failed after so long was not answered
)

// Reasons for which a sweep does not make a call. What is due stays due.
var (
	errLater = errors.New("no place or no time for it now")
	errShut  = errors.New("nobody answers there; the next sweep tries again")
)

// pace spreads the calls of one sweep over those who are called. Each account at a
// processor and each shop is a lane: it takes a few calls at once, begun some time
// apart, only one while the last was not answered, and none any more after several
// of those. An order that finds no place waits in the lane's queue; nobody waits with
// it. The zero value is ready. Nothing in it hangs on chance: simulations repeat.
type pace struct {
	mu    sync.Mutex
	lanes []*lane // in the order of their first calls
}

type lane struct {
	name   string
	calls  int           // under way
	silent int           // calls in a row that nobody answered
	from   time.Time     // when the next call may begin
	gap    time.Duration // from that call to the one after it
	queue  []store.Key   // orders that found no place
}

func (l *lane) shut() bool { return l.silent >= laneTries }

func (l *lane) full() bool { return l.calls >= laneWidth || l.calls > 0 && l.silent > 0 }

// visit is one look at one order. Only its own goroutine uses it.
type visit struct {
	*pace
	key  store.Key
	held *lane // where the order has a place that it has not used yet, if anywhere
	full *lane // where it found no place, if anywhere
}

// outcome is what a call came to, as its lane sees it.
type outcome int

const (
	unseen outcome = iota // nobody saw its end
	goodAnswer
	badAnswer
	noAnswer // or one that it is asked too often
)

// heard is the outcome of a call to a processor.
func heard(err error, took time.Duration) outcome {
	kind := provider.KindOf(err)
	switch {
	case err == nil:
		return goodAnswer
	case kind == provider.NotSent, kind == provider.Busy, took >= laneSlow:
		return noAnswer
	}
	return badAnswer
}

// lane is the account's name among a sweep's lanes.
func (acc account) lane() string { return acc.Name + " " + acc.Account() }

// enter takes a place in a lane, and says when the call may begin.
func (v *visit) enter(name string, now time.Time) (*lane, time.Time, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	l := v.lane(name)
	switch {
	case l.shut():
		return l, now, errShut
	case v.held == l:
		v.held = nil
	case l.full():
		if v.full == nil {
			v.full = l
		}
		return l, now, errLater
	default:
		l.calls++
	}
	at := now
	if l.from.After(now) {
		at = l.from
	}
	l.from = at.Add(l.gap)
	return l, at, nil
}

func (p *pace) lane(name string) *lane {
	i := slices.IndexFunc(p.lanes, func(l *lane) bool { return l.name == name })
	if i >= 0 {
		return p.lanes[i]
	}
	l := &lane{name: name, gap: laneGap}
	p.lanes = append(p.lanes, l)
	return l
}

// leave gives a place back, and reports whether the lane was shut by this call.
func (p *pace) leave(l *lane, came outcome) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.calls--
	switch came {
	case goodAnswer:
		l.silent, l.gap = 0, laneGap
	case badAnswer:
		l.silent, l.gap = 0, laneLimp
	case noAnswer:
		l.silent, l.gap = l.silent+1, laneLimp
		return l.silent == laneTries
	}
	return false
}

// end closes a visit: an order that found no place waits for one.
func (v *visit) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.held != nil {
		v.held.calls--
	}
	if v.full != nil {
		v.full.queue = append(v.full.queue, v.key)
	}
}

// waiting is a visit to an order that waits and for which there is a place now, which
// it holds; nil if there is none. Those who wait where a lane was shut need none: there
// may be something else to do about them.
func (p *pace) waiting() *visit {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.lanes {
		if len(l.queue) == 0 || l.full() && !l.shut() {
			continue
		}
		v := &visit{pace: p, key: l.queue[0]}
		if l.queue = l.queue[1:]; !l.shut() {
			l.calls++
			v.held = l
		}
		return v
	}
	return nil
}

// turn makes a call in a lane if there is a place and the sweep lasts long enough for
// it; the error says why it was not made. call may be two calls, one after the other.
func (c *Cashier) turn(ctx context.Context, v *visit, name string, need time.Duration, call func() outcome) error {
	if !timeFor(ctx, need) {
		return errLater
	}
	l, at, err := v.enter(name, c.now())
	if err != nil {
		return err
	}
	came := unseen
	defer func() {
		if v.leave(l, came) {
			c.log.WarnContext(ctx, "sweep", "lane", name, "detail", "not answered several times in a row; the rest waits for the next sweep")
		}
	}()
	if wait := at.Sub(c.now()); wait > 0 && c.wait(ctx, wait) != nil {
		return errLater
	}
	came = call()
	return nil
}
