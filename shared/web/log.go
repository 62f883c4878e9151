package web

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
)

// NewLog is the functions' logger: JSON lines, each with the context's request id,
// secrets redacted. A nil level is Info.
func NewLog(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(traced{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: Redact})})
}

// secretWords in an attribute's name make its value unprintable.
var secretWords = []string{"openid", "session", "secret", "token", "key", "claim", "authorization", "cookie", "password"}

// Redact replaces the values of attributes whose names, or whose groups' names,
// speak of secrets or persons. It is for slog.HandlerOptions and only a second
// net: nobody should log such a thing in the first place.
func Redact(groups []string, a slog.Attr) slog.Attr {
	if sensitive(a.Key) || slices.ContainsFunc(groups, sensitive) {
		return slog.String(a.Key, "[redacted]")
	}
	return a
}

func sensitive(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(secretWords, func(w string) bool { return strings.Contains(name, w) })
}

// traced adds the request id to every line.
type traced struct{ slog.Handler }

func (t traced) Handle(ctx context.Context, line slog.Record) error {
	if id := RequestID(ctx); id != "" {
		line = line.Clone()
		line.AddAttrs(slog.String("request_id", id))
	}
	return t.Handler.Handle(ctx, line)
}

func (t traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{t.Handler.WithAttrs(attrs)} }
func (t traced) WithGroup(name string) slog.Handler       { return traced{t.Handler.WithGroup(name)} }

type requestIDKey struct{}

// WithRequestID names the request, or the sweep, that is being worked on.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID is the name given with [WithRequestID], or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}
