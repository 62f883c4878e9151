package sim

import (
	"math/rand/v2"
	"strings"
	"time"
)

// Fault is what goes wrong at one step.
type Fault string

// Faults of every step, of HTTP, of the store. "" is none.
const (
	None       Fault = ""
	KillBefore Fault = "kill-before"
	KillAfter  Fault = "kill-after"

	Before    Fault = "before"    // no connection
	Reset     Fault = "reset"     // not processed, and nobody knows
	Lost      Fault = "lost"      // processed, the answer is lost
	Truncated Fault = "truncated" // processed, half an answer
	HTML      Fault = "html"      // processed, some proxy's page
	Garbled   Fault = "garbled"   // processed, signature wrong
	Late      Fault = "late"      // processed, the answer comes too late
	Stalled   Fault = "stalled"   // not processed, no answer ever
	Delayed   Fault = "delayed"   // no answer, and processed when nobody waits any more
	Status400 Fault = "status:400"
	Status401 Fault = "status:401"
	Status403 Fault = "status:403"
	Status404 Fault = "status:404"
	Status429 Fault = "status:429"
	Status500 Fault = "status:500"
	Status503 Fault = "status:503"

	Conflict Fault = "conflict" // somebody else saves first
	Throttle Fault = "throttle" // refused
	Unacked  Fault = "unacked"  // committed, the answer is lost
	Slow     Fault = "slow"     // late, beyond the caller's patience
)

// HTTPFaults and the others list what can go wrong at a kind of step.
var (
	HTTPFaults = []Fault{Before, Reset, Lost, Truncated, HTML, Garbled, Late, Stalled, Delayed, Status400, Status401, Status403, Status404,
		Status429, Status500, Status503, KillBefore, KillAfter}
	ShopFaults  = []Fault{Before, Lost, Stalled, Status400, Status429, Status500, KillBefore, KillAfter}
	ReadFaults  = []Fault{Throttle, Slow, KillBefore, KillAfter}
	WriteFaults = []Fault{Conflict, Throttle, Unacked, Slow, KillBefore, KillAfter}
)

// faultsOf are the faults that a step can meet.
func faultsOf(step string) []Fault {
	kind, _, _ := strings.Cut(step, " ")
	switch kind {
	case "http":
		return HTTPFaults
	case "shop":
		return ShopFaults
	case "save", "keep":
		return WriteFaults
	}
	return ReadFaults
}

func (f Fault) mark() string {
	if f == None {
		return ""
	}
	return " !" + string(f)
}

// plan decides what goes wrong.
type plan interface {
	next(w *World, x *waiter) Fault
}

// calm is a world without faults.
type calm struct{}

func (calm) next(*World, *waiter) Fault { return None }

// chances lets each step fail with a probability, in permille.
type chances struct {
	rng                     *rand.Rand
	http, shop, read, write int
}

func newChances(rng *rand.Rand) *chances {
	level := func(most int) int {
		if rng.IntN(3) == 0 {
			return 0
		}
		return rng.IntN(most)
	}
	return &chances{rng, level(300), level(400), level(60), level(150)}
}

func (c *chances) next(_ *World, x *waiter) Fault {
	kind, _, _ := strings.Cut(x.step, " ")
	p := c.read
	switch kind {
	case "http":
		p = c.http
	case "shop":
		p = c.shop
	case "save", "keep":
		p = c.write
	}
	if p == 0 || c.rng.IntN(1000) >= p {
		return None
	}
	list := faultsOf(x.step)
	return list[c.rng.IntN(len(list))]
}

// latency is how long a step takes until its effect.
func (w *World) latency(x *waiter) time.Duration {
	if strings.HasPrefix(x.step, "http ") || strings.HasPrefix(x.step, "shop ") {
		return time.Duration(5+w.rng.IntN(200)) * time.Millisecond
	}
	return time.Duration(1+w.rng.IntN(8)) * time.Millisecond
}
