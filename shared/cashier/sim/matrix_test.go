package sim

import (
	"flag"
	"sync"
	"testing"

	"overseaspay/shared/provider/all"
)

var every = flag.Int("every", 10, "TestR1 runs every so many cells of the matrix; 1 is all")

// TestR1Matrix runs every operation of every processor with every fault at every
// I/O step, each once. make test takes a tenth of the cells.
func TestR1Matrix(t *testing.T) {
	t.Parallel()
	cells := matrix(t)
	ran := 0
	t.Cleanup(func() { t.Logf("R1: %d cells, %d of them ran", len(cells), ran) })
	var mu sync.Mutex
	for j := range *jobs {
		t.Run("cells", func(t *testing.T) {
			t.Parallel()
			for i := j; i < len(cells); i += *jobs {
				if (i / *jobs)%*every != 0 {
					continue
				}
				if r := RunCell(t, cells[i]); len(r.Violations) > 0 {
					t.Errorf("%s\n%s", cells[i], r)
					if t.Failed() && *every > 1 {
						return
					}
				}
				mu.Lock()
				ran++
				mu.Unlock()
			}
		})
	}
}

// matrix lists all cells. A row whose call never comes, or that fails without any
// fault, is a hole in the matrix.
func matrix(t *testing.T) (cells []Cell) {
	t.Helper()
	registry := all.Registry()
	for _, sp := range names() {
		for _, op := range Operations {
			steps, r := Steps(t, sp, op)
			switch silent := op.Silent != nil && op.Silent(registry[sp]); {
			case len(steps) > 0 && len(r.Violations) > 0:
				t.Errorf("%s, %s, without a fault:\n%s", sp, op.Name, r)
			case (len(steps) == 0) != silent:
				t.Errorf("%s, %s: %d steps, declared as silent: %t\n%s", sp, op.Name, len(steps), silent, r)
			}
			for k, step := range steps {
				for _, f := range faultsOf(step) {
					cells = append(cells, Cell{sp, op, k + 1, f})
				}
			}
		}
	}
	return cells
}
