package web

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"overseaspay/shared/payment"
)

// Logged serves h and writes one line per request: method, the path's first
// segment, status, duration in milliseconds, code and whatever was noted with
// [Note]. A panic becomes a logged 500; if part of a reply had been written, the
// reply is aborted as net/http does it.
func Logged(log *slog.Logger, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := WithRequestID(r.Context(), cmp.Or(RequestID(r.Context()), rand.Text()))
		notes, tap, begin := &notes{}, &tap{ResponseWriter: w}, time.Now()
		r = r.WithContext(context.WithValue(ctx, notesKey{}, notes))
		abort := contain(tap, r, h)
		status := cmp.Or(tap.status, http.StatusOK)
		if abort {
			status = http.StatusInternalServerError
		}
		attrs := append([]slog.Attr{
			slog.String("method", r.Method), slog.String("path", firstSegment(r.URL.Path)),
			slog.Int("status", status), slog.Int64("ms", time.Since(begin).Milliseconds()),
		}, notes.all()...)
		log.LogAttrs(ctx, level(status), "request", attrs...)
		if abort {
			panic(http.ErrAbortHandler)
		}
	})
}

// contain runs the handler. A panic is noted and answered; abort says that it came
// too late for an answer.
func contain(w *tap, r *http.Request, h http.Handler) (abort bool) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		Note(r.Context(), slog.String("metric", "panic"), slog.String("stack", string(debug.Stack())))
		err := payment.AsError(fmt.Errorf("panic: %v", p))
		if abort = w.status != 0; abort {
			noteError(r.Context(), err)
			return
		}
		clear(w.Header())
		Error(w, r, err)
	}()
	h.ServeHTTP(w, r)
	return false
}

func level(status int) slog.Level {
	switch {
	case status == http.StatusServiceUnavailable, status == http.StatusAccepted, status >= 400 && status < 500:
		return slog.LevelWarn
	case status >= 500:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// firstSegment is all that is logged of a path: further ones are orders. A long
// one is a link's id, and who knows that may open it.
func firstSegment(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if len(first) > 16 {
		return "/..."
	}
	return "/" + first
}

// tap remembers the status that went out.
type tap struct {
	http.ResponseWriter
	status int
}

func (t *tap) WriteHeader(status int) {
	if t.status == 0 && status >= 200 {
		t.status = status
	}
	t.ResponseWriter.WriteHeader(status)
}

func (t *tap) Write(p []byte) (int, error) {
	t.status = cmp.Or(t.status, http.StatusOK)
	return t.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (t *tap) Unwrap() http.ResponseWriter { return t.ResponseWriter }

type notesKey struct{}

// notes are the attributes gathered for a request's one log line.
type notes struct {
	mu    sync.Mutex
	attrs []slog.Attr
}

func (n *notes) all() []slog.Attr {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.attrs)
}

// Note attaches attributes to the request's log line, such as out_trade_no,
// provider and merchant. A later value of a name replaces the earlier one. Without
// [Logged] around it does nothing.
func Note(ctx context.Context, attrs ...slog.Attr) {
	n, ok := ctx.Value(notesKey{}).(*notes)
	if !ok {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.attrs = merge(n.attrs, attrs)
}

func merge(have, more []slog.Attr) []slog.Attr {
	for _, a := range more {
		if i := slices.IndexFunc(have, func(h slog.Attr) bool { return h.Key == a.Key }); i >= 0 {
			have[i] = a
		} else {
			have = append(have, a)
		}
	}
	return have
}

// noteError keeps what the caller was told and, for us alone, why.
func noteError(ctx context.Context, e *payment.Error) {
	Note(ctx, slog.String("code", string(e.Code)), slog.String("error", e.Message))
	if cause := e.Unwrap(); cause != nil {
		Note(ctx, slog.String("cause", cause.Error()))
	}
}

// Count writes a line for a metric filter on $.metric, at level Warn: something
// that an operator should see although the call went on. It carries what has been
// noted about the request so far.
func Count(ctx context.Context, log *slog.Logger, metric string, attrs ...slog.Attr) {
	var all []slog.Attr
	if n, ok := ctx.Value(notesKey{}).(*notes); ok {
		all = n.all()
	}
	all = merge(all, attrs)
	log.LogAttrs(ctx, slog.LevelWarn, "count", merge(all, []slog.Attr{slog.String("metric", metric)})...)
}
