package all_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"overseaspay/shared/provider/all"
	"overseaspay/shared/sandbox"
)

// The contract's names, and the two beyond the original; each has its twin.
func TestRegistry(t *testing.T) {
	t.Parallel()
	want := []string{"2paynow", "cloudpay", "latipay", "nihaopay", "supay", "v2", "v2sp", "v3", "v3sp", "vr", "yaband"}
	if got := slices.Sorted(maps.Keys(all.Registry())); !slices.Equal(got, want) {
		t.Errorf("processors %v, want %v", got, want)
	}
	var twins []string
	for _, twin := range sandbox.All(sandbox.Env{Ledger: &sandbox.Ledger{}, Now: time.Now}) {
		twins = append(twins, twin.Name())
	}
	if slices.Sort(twins); !slices.Equal(twins, want) {
		t.Errorf("twins %v, want %v", twins, want)
	}
}

// A payment whose notice is lost is known within a minute, whoever took it.
func TestEveryTimetableIsSteady(t *testing.T) {
	t.Parallel()
	for name, d := range all.Registry() {
		for _, wait := range d.Poll {
			if wait <= 0 || wait > 45*time.Second {
				t.Errorf("%s waits %s between two questions", name, wait)
			}
		}
		if len(d.Poll) == 0 {
			t.Errorf("%s has no timetable", name)
		}
	}
}
