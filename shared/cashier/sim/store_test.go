package sim

import (
	"testing"

	"overseaspay/shared/store/storetest"
)

func TestMemoryIsAStore(t *testing.T) {
	t.Parallel()
	for name, codec := range map[string]bool{"copies": false, "codec": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(*testing.T) storetest.Store { return NewMemory(codec) })
		})
	}
}
