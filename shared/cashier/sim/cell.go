package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"overseaspay/shared/store"
)

// Cell is one field of the matrix: the fault at the kth step of an operation.
type Cell struct {
	Processor string
	Operation Operation
	K         int
	Fault     Fault
}

func (c Cell) String() string {
	return fmt.Sprintf("%s, %s, step %d, %s", c.Processor, c.Operation.Name, c.K, c.Fault)
}

// single is a plan with one fault. It remembers the steps of the watched call.
type single struct {
	cell  Cell
	armed bool
	call  *call
	steps []string
}

func (p *single) next(_ *World, x *waiter) Fault {
	if !p.armed || x.call.what != p.cell.Operation.Call {
		return None
	}
	if p.call == nil {
		p.call = x.call
	}
	if x.call != p.call {
		return None
	}
	p.steps = append(p.steps, x.step)
	if len(p.steps) == p.cell.K {
		return p.cell.Fault
	}
	return None
}

// Steps runs an operation without a fault and returns its steps.
func Steps(t *testing.T, processor string, op Operation) ([]string, Report) {
	r, p := runCell(t, Cell{Processor: processor, Operation: op})
	return p.steps, r
}

// RunCell runs one cell.
func RunCell(t *testing.T, c Cell) Report {
	r, _ := runCell(t, c)
	return r
}

func runCell(t *testing.T, c Cell) (report Report, p *single) {
	t.Helper()
	p = &single{cell: c}
	bubble(t, func() {
		w, err := newWorld(Options{Seed: 1, Processors: []string{c.Processor}})
		if err != nil {
			panic(err)
		}
		s := &story{Rand: rand.New(rand.NewPCG(1, 1)), w: w, no: "CELL-0001", sp: c.Processor, fee: 12000, openid: "o-shopper"}
		w.plan = p
		done := false
		w.after(0, func() {
			c.Operation.Prepare(s)
			p.armed = true
			c.Operation.Do(s)
			done = true
		})
		w.processorsWork()
		for range 900 {
			if w.run(time.Now().Add(5 * time.Second)); done && p.call != nil || w.failed() {
				break
			}
		}
		w.run(time.Now().Add(30 * time.Second))
		if !w.failed() {
			w.recover()
			// A refund that only a total tells of is sent again when a dead holder's
			// lease is over by every clock.
			w.run(time.Now().Add(12 * time.Minute))
		}
		o := w.Store.peek(store.Key{Merchant: "default", OutTradeNo: s.no})
		switch {
		case w.failed():
		case o == nil:
			w.violate("R1", "%s: there is no order", c)
		case p.call == nil:
			w.violate("R1", "%s: the call never came", c)
		default:
			if wrong := c.Operation.Want(s, o); wrong != "" {
				w.violate("R1", "%s: %s", c, wrong)
			}
		}
		w.stop()
		report = w.report()
	})
	return report, p
}
