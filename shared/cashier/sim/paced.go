package sim

import (
	"context"
	"log/slog"
	"time"
)

// Sweeps put at most so many questions about one attempt or refund in any such time:
// two by the timetable; a doorbell and an expiry add one each. Containers whose clocks
// differ have each a timetable of their own.
const (
	mostAsked = 4
	askedIn   = 10 * time.Second
)

// paced hears of every question that was put to a processor, as the log does: what the
// order says of it does not count, for a loop may well not write there.
type paced struct {
	slog.Handler
	w *World
}

// Enabled implements [slog.Handler].
func (p paced) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (p paced) Handle(ctx context.Context, line slog.Record) error {
	if c := callOf(ctx); c != nil && c.what == "sweep" && line.Message == "processor" {
		said := map[string]string{}
		line.Attrs(func(a slog.Attr) bool { said[a.Key] = a.Value.String(); return len(said) < 20 })
		if op := said["op"]; op == "query" || op == "queryrefund" {
			p.w.asked(op + " " + said["no"] + " " + said["out_refund_no"])
		}
	}
	if p.Handler.Enabled(ctx, line.Level) {
		return p.Handler.Handle(ctx, line)
	}
	return nil
}

// asked: I12. Nothing is asked about in a hot loop.
func (w *World) asked(what string) {
	list := append(w.truth.asked[what], time.Now())
	for time.Since(list[0]) >= askedIn {
		list = list[1:]
	}
	most := mostAsked
	if w.skew > 0 {
		most *= 2
	}
	if w.truth.asked[what] = list; len(list) > most {
		w.violate("I12", "sweeps put %d questions in %s: %s", len(list), askedIn, what)
	}
}
