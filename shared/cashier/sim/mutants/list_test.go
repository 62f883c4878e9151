package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheListIsUpToDate: every bug can still be planted, in exactly one place.
func TestTheListIsUpToDate(t *testing.T) {
	t.Parallel()
	if len(Mutants) < 25 {
		t.Errorf("%d bugs, want 25 or more", len(Mutants))
	}
	for _, m := range Mutants {
		raw, err := os.ReadFile(filepath.Join("..", "..", "..", m.File))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(raw), m.Old); n != 1 {
			t.Errorf("%q: %s has the old text %d times", m.Name, m.File, n)
		}
		if m.Old == m.New {
			t.Errorf("%q changes nothing", m.Name)
		}
	}
}
