package embedded

import (
	"testing"

	"overseaspay/shared/store/storetest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		path func(*testing.T) string
	}{
		{"memory", func(*testing.T) string { return "" }},
		{"file", func(t *testing.T) string { return t.TempDir() + "/made/too/pay.db" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T) storetest.Store { return open(t, c.path(t)) })
		})
	}
}

func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
