package link_test

import (
	"strings"
	"testing"
	"time"

	"overseaspay/shared/link"
)

func TestIDs(t *testing.T) {
	t.Parallel()
	seen, letters := map[string]bool{}, map[rune]int{}
	for range 2000 {
		for _, n := range []int{link.Short, link.Long} {
			id := link.NewID(n)
			if len(id) != n || !link.IsID(id) || seen[id] {
				t.Fatalf("id %q", id)
			}
			seen[id] = true
			for _, c := range id {
				letters[c]++
			}
		}
	}
	if len(letters) != 62 {
		t.Errorf("%d different letters, want 62", len(letters))
	}
	for c, n := range letters { // 60000 letters: 968 of each, give or take 31
		if n < 700 || n > 1250 {
			t.Errorf("%c came %d times", c, n)
		}
	}
}

func TestIsID(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"AbCd1234": true, strings.Repeat("a", 22): true,
		"": false, "AbCd123": false, "AbCd12345": false, strings.Repeat("a", 21): false, strings.Repeat("a", 23): false,
		"AbCd/234": false, "../../..": false, "AbCd123\x00": false, "AbCd123 ": false, "<script>": false, "scheme/a": false, "茶茶AB": false,
	} {
		if got := link.IsID(in); got != want {
			t.Errorf("IsID(%q) = %v", in, got)
		}
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)
	l := link.Link{TimeExpire: at}
	if l.Expired(at.Add(-time.Nanosecond)) || !l.Expired(at) || !l.Forgotten().Equal(at.Add(link.Afterlife)) {
		t.Error("a link ends at its TimeExpire, and is kept for its counts after that")
	}
}
