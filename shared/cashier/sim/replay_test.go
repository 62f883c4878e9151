package sim

import "testing"

// TestR3SameSeedSameLog runs seeds twice: their logs must be the same to the byte.
func TestR3SameSeedSameLog(t *testing.T) {
	t.Parallel()
	same := 0
	t.Cleanup(func() { t.Logf("R3: %d seeds ran twice with the same log, to the byte", same) })
	for seed := uint64(1); seed <= 60; seed++ {
		opt := Seeded(seed, 10, names())
		opt.Log = kept
		opt.keepTail = true
		one, two := Run(t, opt), Run(t, opt)
		if one.Hash == two.Hash {
			same++
		} else {
			t.Errorf("seed %d: %s and %s; %s", seed, one.Hash, two.Hash, difference(one.Tail, two.Tail))
		}
	}
}

// difference shows where two logs part.
func difference(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	from := max(0, i-1500)
	return "first\n" + a[from:min(len(a), i+300)] + "\nsecond\n" + b[from:min(len(b), i+300)]
}
