package payment

import (
	"slices"
	"time"
)

// Call is one call to a processor about an order and what came of it, kept for
// whoever reads the order's history. Nothing is decided by it.
type Call struct {
	Op      string    `json:"op"` // create, query, close, refund, queryrefund
	No      string    `json:"no"` // the attempt's number, or the merchant's of the refund
	Outcome string    `json:"outcome"`
	Word    string    `json:"word,omitempty"` // the processor's, or the error
	Time    time.Time `json:"time"`           // when it first came to this
}

// MaxCalls bounds the history of one order; the oldest entries are dropped.
const MaxCalls = 60

// Called keeps a call, and reports whether there was something to keep: a question
// that comes to the same as the one before is no news.
func (o *Order) Called(c Call) bool {
	for _, last := range slices.Backward(o.Calls) {
		if last.Op == c.Op && last.No == c.No {
			if last.Outcome == c.Outcome && last.Word == c.Word {
				return false
			}
			break
		}
	}
	if o.Calls = append(o.Calls, c); len(o.Calls) > MaxCalls {
		o.Calls = slices.Delete(o.Calls, 0, len(o.Calls)-MaxCalls)
	}
	return true
}
