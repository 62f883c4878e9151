package reconcile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"overseaspay/functions/reconcile"
	"overseaspay/shared/cashier"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/web"
)

// sweeper is a cashier that is a function.
type sweeper func(context.Context, cashier.Deliverer) (int, error)

func (s sweeper) Sweep(ctx context.Context, d cashier.Deliverer) (int, error) { return s(ctx, d) }

// shop takes every event and remembers it.
type shop struct{ heard []payment.EventType }

func (s *shop) Deliver(_ context.Context, _ *config.Merchant, _ *payment.Order, e payment.Event) (int, error) {
	s.heard = append(s.heard, e.Type)
	return http.StatusNoContent, nil
}

func newFunction(t *testing.T, cfg reconcile.Config) *reconcile.Function {
	t.Helper()
	f, err := reconcile.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, cfg := range []reconcile.Config{{}, {Deliverer: &shop{}}, {Cashier: sweeper(nil)}} {
		if _, err := reconcile.New(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}

// TestDeadline: a sweep ends while there is time to book what it cut off. Without
// a deadline, as in tests, there is none to keep.
func TestDeadline(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		left time.Duration // of the invocation, 0: no deadline
		want time.Duration
	}{
		{"on Lambda", 55 * time.Second, 49 * time.Second},
		{"hardly any time", 2 * time.Second, 0},
		{"no deadline", 0, time.Hour},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if c.left > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.left)
					defer cancel()
				}
				begin := time.Now()
				f := newFunction(t, reconcile.Config{Deliverer: &shop{}, Cashier: sweeper(func(ctx context.Context, _ cashier.Deliverer) (int, error) {
					select {
					case <-ctx.Done():
					case <-time.After(time.Hour):
					}
					return 0, nil
				})})
				if err := f.Handle(ctx); err != nil {
					t.Error(err)
				}
				if took := time.Since(begin); took != c.want {
					t.Errorf("ended after %v, want %v", took, c.want)
				}
			})
		})
	}
}

// TestLine: one line says what a sweep did, and only a fault of our own fails the
// invocation, which an alarm counts.
func TestLine(t *testing.T) {
	t.Parallel()
	down := errors.New("the order store did not answer")
	cases := []struct {
		name  string
		err   error
		level string
	}{
		{"done", nil, "INFO"},
		{"store down", down, "ERROR"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			log := &bytes.Buffer{}
			f := newFunction(t, reconcile.Config{Deliverer: &shop{}, Log: web.NewLog(log, slog.LevelInfo),
				Cashier: sweeper(func(context.Context, cashier.Deliverer) (int, error) { return 42, c.err })})
			ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
			if err := f.Handle(ctx); !errors.Is(err, c.err) {
				t.Errorf("error: %v", err)
			}
			var line map[string]any
			if err := json.Unmarshal(log.Bytes(), &line); err != nil {
				t.Fatalf("not one line of JSON: %s", log)
			}
			if _, ok := line["ms"].(float64); !ok || line["orders"] != 42.0 || line["level"] != c.level || line["request_id"] != "request-1" {
				t.Errorf("line: %s", log)
			}
			if text, _ := line["error"].(string); (c.err != nil) != strings.Contains(text, down.Error()) {
				t.Errorf("line: %s", log)
			}
		})
	}
}

// TestSweep: with the real cashier, a payment that nobody reported is found and
// the shop is told of it.
func TestSweep(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	r.MustPay(t, cashiertest.Order("ORDER-0001"))
	if _, _, err := r.Box.Pay(t.Context(), "ORDER-0001", sandbox.PayOptions{Silent: true}); err != nil {
		t.Fatal(err)
	}
	heard := &shop{}
	f := newFunction(t, reconcile.Config{Cashier: r.Cashier, Deliverer: heard})
	for range 2 {
		r.Clock.Add(time.Minute)
		if err := f.Handle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	o := r.Stored(t, "ORDER-0001")
	if o.TradeState != payment.TradeSuccess || len(heard.heard) != 1 || heard.heard[0] != payment.PaymentSucceeded {
		t.Errorf("%s, and the shop heard %v", o.TradeState, heard.heard)
	}
}
