package providertest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"overseaspay/shared/provider"
	"overseaspay/shared/sandbox"
)

// verdicts are what each fault of the transport means for a call. Only what was
// never sent, or was refused for the rate, left nothing behind.
var verdicts = []struct {
	kind string
	want provider.Kind
}{
	{sandbox.FaultBefore, provider.NotSent},
	{sandbox.FaultReset, provider.Unknown},
	{sandbox.FaultLost, provider.Unknown},
	{sandbox.FaultTruncated, provider.Unknown},
	{sandbox.FaultHTML, provider.Unknown},
	{"status:500", provider.Unknown},
	{"status:503", provider.Unknown},
	{"status:408", provider.Unknown},
	{"status:404", provider.Unknown}, // not the processor's own words
	{"status:429", provider.Busy},
}

// operation is a call to the processor; before prepares a world for it.
type operation struct {
	name   string
	before func(*rig) func(context.Context) error
}

// operations are all calls of a processor, on a trade in the right state.
func operations(r *rig) []operation {
	list := []operation{
		{"create", func(r *rig) func(context.Context) error {
			r.made(r.order("WARMUP20260301", r.d.Methods[0], r.price(1299))) // fetches what is fetched once
			in := r.usual()
			return func(ctx context.Context) error { _, err := r.p.Create(ctx, in); return err }
		}},
		{"query", func(r *rig) func(context.Context) error {
			t := r.made(r.usual())
			return func(ctx context.Context) error { _, err := r.p.Query(ctx, t); return err }
		}},
	}
	if _, can := r.p.(provider.Closer); can {
		list = append(list, operation{"close", func(r *rig) func(context.Context) error {
			t := r.made(r.usual())
			return func(ctx context.Context) error { return r.p.(provider.Closer).Close(ctx, t) }
		}})
	}
	if r.d.RefundAgain != "" {
		list = append(list, operation{"refund", func(r *rig) func(context.Context) error {
			in := r.refund(r.paid(r.usual()), refundNo, 1299)
			return func(ctx context.Context) error { _, err := r.p.(provider.Refunder).Refund(ctx, in); return err }
		}}, operation{"query refund", func(r *rig) func(context.Context) error {
			in := r.refund(r.paid(r.usual()), refundNo, 1299)
			in.RefundID = r.refunded(in).RefundID
			return func(ctx context.Context) error { _, err := r.p.(provider.Refunder).QueryRefund(ctx, in); return err }
		}})
	}
	return list
}

// remote reports whether an operation asks the processor at all: a payment page may
// be no more than a URL.
func (o operation) remote(r *rig) bool {
	r = newRig(r.T, r.h)
	call := o.before(r)
	before := r.wire.sent()
	if err := call(r.Context()); err != nil {
		r.fail(o.name, err)
	}
	return r.wire.sent() > before
}

// checkFaults breaks every call in every way.
func checkFaults(r *rig) {
	ops := slices.DeleteFunc(operations(r), func(o operation) bool { return !o.remote(r) })
	for _, op := range ops {
		for _, v := range verdicts {
			r.under(op.name+" "+strings.ReplaceAll(v.kind, ":", " "), func(r *rig) {
				call := op.before(r)
				if err := r.box.Fault(sandbox.Fault{Kind: v.kind, Times: 10}); err != nil {
					r.Fatal(err)
				}
				before := r.wire.sent()
				r.kind(op.name, call(r.Context()), v.want)
				if n := r.wire.sent() - before; n != 1 && v.want == provider.Unknown {
					r.Errorf("%d requests: what may have happened must not be repeated", n)
				}
				r.box.ClearFaults()
			})
		}
		r.under(op.name+" garbled", func(r *rig) {
			call := op.before(r)
			if err := r.box.Fault(sandbox.Fault{Kind: sandbox.FaultGarbled}); err != nil {
				r.Fatal(err)
			}
			// Where the facts leave the answer's signature optional, it is let pass.
			if err := call(r.Context()); err != nil {
				r.kind(op.name, err, provider.Unknown)
			}
		})
	}
}

// checkCancelled makes every call under a context that is over.
func checkCancelled(r *rig) {
	for _, op := range operations(r) {
		if !op.remote(r) {
			continue
		}
		r.under(op.name, func(r *rig) {
			call := op.before(r)
			ctx, cancel := context.WithCancel(r.Context())
			cancel()
			start := time.Now()
			err := call(ctx)
			r.kind(op.name, err, provider.Unknown, provider.NotSent)
			if !errors.Is(err, context.Canceled) {
				r.Errorf("%v: does not say that it was cancelled", err)
			}
			if took := time.Since(start); took > 5*time.Second {
				r.Errorf("it took %v", took)
			}
		})
	}
}
