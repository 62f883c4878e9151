// Package reconcile is the function that a schedule calls every minute: it looks
// at every order whose moment has come. It asks processors that keep silent, closes
// what has expired, goes on with refunds and repeats events to shops. What one
// call does not reach, the next one does. All decisions are the cashier's.
//
//	f, err := reconcile.New(reconcile.Config{Cashier: c, Deliverer: sender, Log: log})
//	lambda.Start(f.Handle)
package reconcile

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"overseaspay/shared/cashier"
	"overseaspay/shared/web"
)

// reserve is kept back from an invocation's time: a call to a processor that is
// cut off at the end of a sweep is still booked, which takes 5 s at most.
const reserve = 6 * time.Second

// Sweeper looks once at all orders that are due, within the context, and returns
// how many. A *cashier.Cashier is one.
type Sweeper interface {
	Sweep(ctx context.Context, d cashier.Deliverer) (int, error)
}

var _ Sweeper = (*cashier.Cashier)(nil)

// Config is what the function is made from; Cashier and Deliverer are required.
type Config struct {
	Cashier   Sweeper
	Deliverer cashier.Deliverer
	Log       *slog.Logger // says nothing
}

// Function is the handler. It is safe for concurrent use, as two sweeps are.
type Function struct{ Config }

// New makes the handler.
func New(cfg Config) (*Function, error) {
	if cfg.Cashier == nil || cfg.Deliverer == nil {
		return nil, errors.New("reconcile: Cashier and Deliverer are required")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Function{cfg}, nil
}

// Handle sweeps once and ends 6 s before the invocation does. The schedule's event
// says nothing that it needs. The error is for faults of our own, such as a store
// that is down: an alarm counts failed invocations. A processor or a shop that
// does not answer is not one.
func (f *Function) Handle(ctx context.Context) error {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-reserve))
		defer cancel()
	}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		ctx = web.WithRequestID(ctx, lc.AwsRequestID)
	}
	begin := time.Now()
	n, err := f.Cashier.Sweep(ctx, f.Deliverer)
	level, args := slog.LevelInfo, []any{"orders", n, "ms", time.Since(begin).Milliseconds()}
	if err != nil {
		level, args = slog.LevelError, append(args, "error", err.Error())
	}
	f.Log.Log(ctx, level, "sweep", args...)
	return err
}
