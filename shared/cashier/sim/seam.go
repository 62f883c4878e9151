package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store"
)

// clientTimeout is when a client gives up by itself, whatever its context allows.
const clientTimeout = 15 * time.Second

var errOutage = errors.New("throttled")

// wait waits until a call's patience is over and returns the reason.
func (w *World) wait(ctx context.Context) error {
	patience := clientTimeout
	if end, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(end))
	}
	w.land(ctx, "timeout", max(patience, 0))
	if err := ctx.Err(); err != nil {
		return err
	}
	return context.DeadlineExceeded
}

// orders is the store as containers reach it.
type orders struct {
	*Memory
	w *World
}

// read takes a step that changes nothing.
func (s orders) read(ctx context.Context, what string) error {
	switch s.w.step(ctx, what) {
	case Throttle:
		return errOutage
	case Slow:
		return s.w.wait(ctx)
	case KillAfter:
		s.w.kill(callOf(ctx).in)
		s.w.land(ctx, what, 0)
	}
	return nil
}

func (s orders) Get(ctx context.Context, merchant, no string) (*payment.Order, error) {
	if err := s.read(ctx, "get "+no); err != nil {
		return nil, err
	}
	return s.Memory.Get(ctx, merchant, no)
}

func (s orders) Find(ctx context.Context, index store.Index, merchant, number string) ([]string, error) {
	if err := s.read(ctx, "find "+number); err != nil {
		return nil, err
	}
	return s.Memory.Find(ctx, index, merchant, number)
}

func (s orders) Due(ctx context.Context, shard int, until time.Time, cursor string, limit int) ([]store.Key, string, error) {
	if !s.Memory.anyDue(shard, until) {
		return nil, "", nil // the eight steps of every idle tick would be most of a run
	}
	if err := s.read(ctx, fmt.Sprint("due ", shard)); err != nil {
		return nil, "", err
	}
	return s.Memory.Due(ctx, shard, until, cursor, limit)
}

func (s orders) GetConfig(ctx context.Context, id string) (json.RawMessage, error) {
	if err := s.read(ctx, "config"); err != nil {
		return nil, err
	}
	return s.Memory.GetConfig(ctx, id)
}

// write takes a step that changes something; commit is called if it arrives.
func (s orders) write(ctx context.Context, what string, commit func(Fault) error) error {
	f := s.w.step(ctx, what)
	switch f {
	case Throttle:
		return errOutage
	case Slow:
		return s.w.wait(ctx)
	}
	err := commit(f)
	switch {
	case f == KillAfter:
		s.w.kill(callOf(ctx).in)
		s.w.land(ctx, what, 0)
	case f == Unacked && err == nil:
		return context.DeadlineExceeded
	}
	return err
}

// Save keeps the order's version as it was when the answer of a save is lost: its
// caller knows nothing of it.
func (s orders) Save(ctx context.Context, o *payment.Order) error {
	key := store.Key{Merchant: o.Merchant, OutTradeNo: o.OutTradeNo}
	version := o.Version
	err := s.write(ctx, "save "+o.OutTradeNo, func(f Fault) error {
		if f == Conflict {
			s.Memory.touch(key)
		}
		err := s.Memory.Save(ctx, o)
		if err == nil {
			s.w.saved(key, callOf(ctx))
		}
		return err
	})
	if err != nil {
		o.Version = version
	}
	return err
}

func (s orders) Keep(ctx context.Context, key store.Key, n store.Notice) (fresh bool, err error) {
	err = s.write(ctx, "keep "+key.OutTradeNo, func(Fault) error {
		fresh, err = s.Memory.Keep(ctx, key, n)
		return err
	})
	return fresh, err
}

// wire carries requests to the processors.
type wire struct{ w *World }

func (t wire) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	name := t.w.processorOf(req)
	f := t.w.step(ctx, "http "+name+" "+req.Method+" "+t.w.brief(req))
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	switch f {
	case Before:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("refused")}
	case Reset:
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: errors.New("reset")}
	case Stalled:
		return nil, t.w.wait(ctx)
	case Delayed:
		return nil, t.delay(req)
	case Lost, Truncated, HTML, Garbled, Status400, Status401, Status403, Status404, Status429, Status500, Status503:
		if err := t.w.Box.Fault(sandbox.Fault{Kind: string(f)}); err != nil {
			panic(err)
		}
	}
	res, err := t.w.Box.Transport().RoundTrip(req)
	t.w.ledger = nil
	t.w.checkLedger()
	switch f {
	case Late:
		return nil, t.w.wait(ctx)
	case KillAfter:
		t.w.kill(callOf(ctx).in)
	}
	t.w.land(ctx, "reply "+name, time.Millisecond)
	if err == nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return res, err
}

// delay has a request worked off when its caller, who is told of a broken connection
// or of nothing, has long given it up.
func (t wire) delay(req *http.Request) error {
	w, late := t.w, req.Clone(context.WithoutCancel(req.Context()))
	if req.Body != nil {
		raw, _ := io.ReadAll(req.Body) // of memory
		late.Body = io.NopCloser(bytes.NewReader(raw))
	}
	w.after(time.Duration(20+w.rng.IntN(71))*time.Second, func() {
		w.trace.line("%s #%d worked off: %s %s", w.clock(), callOf(late.Context()).id, w.processorOf(late), w.brief(late))
		_, _ = w.Box.Transport().RoundTrip(late)
		w.ledger = nil
		w.checkLedger()
	})
	if w.rng.IntN(2) == 0 {
		return &net.OpError{Op: "read", Net: "tcp", Err: errors.New("reset")}
	}
	return w.wait(req.Context())
}

// shopWire carries events to the shop.
type shopWire struct{ w *World }

func (t shopWire) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, w := req.Context(), t.w
	id := req.Header.Get("Webhook-Id")
	f := w.step(ctx, "shop "+id)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	status := w.Shop.answer(w)
	switch f {
	case Before:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("refused")}
	case Stalled:
		return nil, w.wait(ctx)
	case Status400, Status429, Status500:
		_, _ = fmt.Sscanf(string(f), "status:%d", &status)
	}
	w.heard(id, status, req)
	switch f {
	case Lost:
		return nil, io.ErrUnexpectedEOF
	case KillAfter:
		w.kill(callOf(ctx).in)
	}
	w.land(ctx, "shop answers", time.Millisecond+w.Shop.slow)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(&bytes.Buffer{}), Request: req}, nil
}

// processorOf names the processor that a request goes to.
func (w *World) processorOf(req *http.Request) string {
	path := strings.TrimPrefix(req.URL.Path, "/sandbox/")
	name, _, _ := strings.Cut(path, "/")
	return name
}

// orderNo is a number of an order or of one of its refunds.
var orderNo = regexp.MustCompile(`SIM-[0-9]+-[0-9]+[0-9a-z]*`)

// brief is what a request asks for, without what differs from run to run. The order's
// number puts requests that set out at the same moment in an order.
func (w *World) brief(req *http.Request) string {
	_, path, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/sandbox/"), "/")
	if req.GetBody == nil {
		return path
	}
	body, err := req.GetBody()
	if err != nil {
		return path
	}
	raw, _ := io.ReadAll(body) // of memory
	return path + " " + string(orderNo.Find(raw))
}
