package web

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"overseaspay/shared/payment"
)

// buildTime is kept back from an invocation's time for building the reply.
const buildTime = 300 * time.Millisecond

// Function serves one http.Handler behind a buffered function URL, payload 2.0.
// It satisfies the Lambda runtime's Handler interface. It is safe for concurrent use.
type Function struct {
	log     *slog.Logger
	handler http.Handler
}

// Lambda adapts a handler; give the result to lambda.Start. Requests are logged
// as by [Logged]. The handler's context ends 300 ms before the invocation does.
func Lambda(log *slog.Logger, h http.Handler) *Function { return &Function{log, h} }

// Invoke answers one event. The error is always nil, as Lambda would make an
// opaque 502 of it: an event that cannot be read is answered with 400, a body
// over [MaxBody] with 413, a handler that panics with 500.
func (f *Function) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-buildTime))
		defer cancel()
	}
	r, err := request(ctx, event)
	h := f.handler
	if err != nil {
		h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { Error(w, r, err) })
	}
	return json.Marshal(f.serve(h, r).reply())
}

// serve runs the handler. A panic that comes through [Logged] has been logged; it
// struck in the middle of a reply, of which nothing is sent.
func (f *Function) serve(h http.Handler, r *http.Request) (rec *recorder) {
	defer func() {
		if p := recover(); p != nil {
			rec = newRecorder(r.Method)
			Error(rec, r, payment.AsError(fmt.Errorf("panic: %v", p)))
		}
	}()
	rec = newRecorder(r.Method)
	Logged(f.log, h).ServeHTTP(rec, r)
	return rec
}
