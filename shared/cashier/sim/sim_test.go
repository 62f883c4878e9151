package sim

import (
	"bufio"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"overseaspay/shared/provider/all"
)

// make sim sets these; make test takes their defaults.
var (
	seeds = flag.Int("seeds", 500, "random seeds of TestR2")
	goal  = flag.Int64("orders", 0, "TestR2 goes on until that many orders were simulated")
	seed  = flag.Uint64("seed", 0, "TestR2 replays this one seed")
	first = flag.Uint64("first", 1, "first seed of TestR2")
	jobs  = flag.Int("jobs", 2, "worlds at once")
	world = flag.Int("world", 10, "orders in each world of TestR2")
)

func names() []string { return slices.Sorted(maps.Keys(all.Registry())) }

// regressions are seeds that once broke a promise.
func regressions(t *testing.T) (list []uint64) {
	t.Helper()
	f, err := os.Open("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		text, _, _ := strings.Cut(lines.Text(), " ")
		if text == "" || text == "#" {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, n)
	}
	return list
}

// tally is what many worlds came to.
type tally struct{ worlds, orders, paid, refunds, steps, deaths, broken atomic.Int64 }

func (c *tally) add(t *testing.T, r Report) {
	c.worlds.Add(1)
	c.orders.Add(int64(r.Orders))
	c.paid.Add(int64(r.Paid))
	c.refunds.Add(int64(r.Refunds))
	c.steps.Add(int64(r.Steps))
	c.deaths.Add(int64(r.Deaths))
	if len(r.Violations) > 0 {
		c.broken.Add(int64(len(r.Violations)))
		t.Error(r)
	}
}

func (c *tally) String() string {
	return fmt.Sprintf("%d seeds, %d orders, %d captures, %d refunds, %d I/O steps, %d containers killed, %d violations",
		c.worlds.Load(), c.orders.Load(), c.paid.Load(), c.refunds.Load(), c.steps.Load(), c.deaths.Load(), c.broken.Load())
}

// TestR2RandomSeeds runs worlds of all kinds, known bad seeds first. It stops at
// the first broken promise of each worker.
func TestR2RandomSeeds(t *testing.T) {
	t.Parallel()
	if *seed != 0 {
		opt := Seeded(*seed, *world, names())
		opt.Log, opt.keepTail = kept, true
		t.Log(Run(t, opt))
		return
	}
	var sum tally
	begin := time.Now()
	t.Cleanup(func() {
		took := time.Since(begin)
		t.Logf("R2: %s, %s, %d seeds a second", &sum, took.Round(time.Second), sum.worlds.Load()*int64(time.Second)/max(int64(took), 1))
	})
	for _, n := range regressions(t) {
		sum.add(t, Run(t, Seeded(n, 10, names())))
	}
	var next atomic.Uint64
	for range *jobs {
		t.Run("worlds", func(t *testing.T) {
			t.Parallel()
			for !t.Failed() {
				n := next.Add(1) - 1
				if *goal == 0 && n >= uint64(*seeds) || *goal > 0 && sum.orders.Load() >= *goal {
					return
				}
				sum.add(t, Run(t, Seeded(*first+n, *world, names())))
				if n%5000 == 4999 {
					fmt.Printf("R2 so far: %s, %s\n", &sum, time.Since(begin).Round(time.Second))
				}
			}
		})
	}
}
