package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// README holds what the command prints, in both languages; UPDATE=1 writes it there.
func TestReadmeHoldsTheCapabilityMatrix(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := providersCommand(&out); err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- providers -->\n", "<!-- /providers -->"
	for _, path := range []string{"../../README.md"} {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, ok := strings.Cut(string(raw), begin)
		have, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s has no %s...%s", path, strings.TrimSpace(begin), end)
		}
		if have == out.String() {
			continue
		}
		if os.Getenv("UPDATE") == "" {
			t.Errorf("%s is stale; run UPDATE=1 go test ./functions/local -run Matrix", path)
		} else if err := os.WriteFile(path, []byte(before+begin+out.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
