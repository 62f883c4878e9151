package sim

import (
	"flag"
	"sync"
	"testing"
)

var every = flag.Int("every", 10, "TestR1 runs every so many cells of the matrix; 1 is all")

// TestR1Matrix runs every operation of every processor with every fault at every
// I/O step, each once. make test takes a tenth of the cells.
func TestR1Matrix(t *testing.T) {
	t.Parallel()
	var cells []Cell
	for _, sp := range names() {
		for _, op := range Operations {
			if op.Call == "notify" && len(Steps(t, sp, op)) == 0 {
				continue // a silent processor
			}
			for k, step := range Steps(t, sp, op) {
				for _, f := range faultsOf(step) {
					cells = append(cells, Cell{sp, op, k + 1, f})
				}
			}
		}
	}
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
