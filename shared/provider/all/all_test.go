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
