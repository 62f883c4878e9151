package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
)

// stamp is milliseconds since a world began.
type stamp int64

func (s stamp) String() string { return fmt.Sprintf("%d.%03d", int64(s)/1000, int64(s)%1000) }

// kept is how many lines of its log a world remembers.
const kept = 3000

// trace is a world's log: all of it as a hash, the end of it as text.
type trace struct {
	sum  hash.Hash
	ring [kept][]byte
	n    int
}

func newTrace() *trace { return &trace{sum: sha256.New()} }

func (t *trace) line(format string, args ...any) {
	slot := &t.ring[t.n%kept]
	*slot = append(fmt.Appendf((*slot)[:0], format, args...), '\n')
	t.sum.Write(*slot)
	t.n++
}

// hash names the whole log.
func (t *trace) hash() string { return hex.EncodeToString(t.sum.Sum(nil)) }

// tail is the end of the log, up to a number of lines.
func (t *trace) tail(lines int) string {
	var text []byte
	for i := max(0, t.n-min(kept, lines)); i < t.n; i++ {
		text = append(text, t.ring[i%kept]...)
	}
	return string(text)
}
