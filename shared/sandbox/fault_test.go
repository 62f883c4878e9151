package sandbox_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"overseaspay/shared/sandbox"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	op := func(want string) func(error) bool {
		return func(err error) bool {
			var at *net.OpError
			return errors.As(err, &at) && at.Op == want
		}
	}
	broken := func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }
	for _, tt := range []struct {
		kind      string
		processed bool
		status    int
		fails     func(error) bool
		body      string // part of what is read
	}{
		{"before", false, 0, op("dial"), ""},
		{"reset", false, 0, op("read"), ""},
		{"lost", true, 0, broken, ""},
		{"truncated", true, 200, broken, `"processor"`},
		{"html", true, 200, nil, "<!doctype html>"},
		{"status:503", false, 503, nil, "fault"},
		{"status:429", false, 429, nil, "fault"},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			if err := r.Fault(sandbox.Fault{Provider: "plain", Op: "post /sandbox/plain/TRADES", Kind: tt.kind}); err != nil {
				t.Fatal(err)
			}
			if _, _, err := r.do("GET", "plain/echo", ""); err != nil {
				t.Fatalf("another operation was hit: %v", err)
			}
			status, body, err := r.do("POST", "plain/trades?no=ORDER-1", "")
			if (tt.fails == nil) != (err == nil) || tt.fails != nil && !tt.fails(err) {
				t.Errorf("error %v", err)
			}
			if status != tt.status || !strings.Contains(body, tt.body) {
				t.Errorf("HTTP %d %q", status, body)
			}
			if got := len(r.Trades()) == 1; got != tt.processed {
				t.Errorf("processed %v, want %v", got, tt.processed)
			}
			r.book("ORDER-2") // the fault is used up
		})
	}
}

func TestGarbledChangesTheSignatureElseTheLastByte(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ path, header, body string }{
		{"echo", "azz", "/echo|/sandbox/plain/echo|Go-http-client/1.1"},
		{"sign", "", `{"sign": "azz", "x": 1}`},
		{"bare", "", `{"x": 1a`},
	} {
		r := newRig(t)
		if err := r.Fault(sandbox.Fault{Kind: sandbox.FaultGarbled}); err != nil {
			t.Fatal(err)
		}
		res, err := r.http.Get("http://127.0.0.1:3000/sandbox/plain/" + tt.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if got := res.Header.Get("X-Signature"); err != nil || got != tt.header || string(body) != tt.body {
			t.Errorf("%s: signature %q, body %s, %v", tt.path, got, body, err)
		}
	}
}

func TestFaultTimesAndClear(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, _, err := r.do("POST", "fault", `{"kind":"status:500","times":2}`); err != nil {
		t.Fatal(err)
	}
	got := []int{}
	for range 3 {
		status, _, _ := r.do("GET", "plain/echo", "")
		got = append(got, status)
	}
	if got[0] != 500 || got[1] != 500 || got[2] != 200 {
		t.Errorf("statuses %v", got)
	}
	if err := r.Fault(sandbox.Fault{Kind: "lost", Times: 5}); err != nil {
		t.Fatal(err)
	}
	r.ClearFaults()
	r.book("ORDER-1")
}

func TestUnknownFaultsAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, kind := range []string{"", "explode", "status:9", "status:x", "slow:", "slow:-1s", "lost,html"} {
		if err := r.Fault(sandbox.Fault{Kind: kind}); err == nil {
			t.Errorf("kind %q was taken", kind)
		}
	}
	if status, body, _ := r.do("POST", "fault", `{"kind":"explode"}`); status != 400 || !strings.Contains(body, "slow:DURATION") {
		t.Errorf("HTTP %d %s", status, body)
	}
}

func TestSlowAnswersLateOrNeverMind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		start := time.Now()
		if err := r.Fault(sandbox.Fault{Kind: "slow:3s", Times: 2}); err != nil {
			t.Fatal(err)
		}
		r.book("ORDER-1")
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("answered after %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, "POST", "http://127.0.0.1:3000/sandbox/plain/trades?no=ORDER-2", http.NoBody)
		if _, err := r.http.Do(req); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took != 4*time.Second || len(r.Trades()) != 2 {
			t.Errorf("after %v there are %d trades", took, len(r.Trades()))
		}
	})
}

func TestCancelledRequestNeverArrives(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req, _ := http.NewRequestWithContext(ctx, "POST", "http://127.0.0.1:3000/sandbox/plain/trades?no=ORDER-1", http.NoBody)
	if _, err := r.http.Do(req); !errors.Is(err, context.Canceled) || len(r.Trades()) != 0 {
		t.Errorf("error %v, %d trades", err, len(r.Trades()))
	}
}

func TestHugeBodyIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if status, _, _ := r.do("POST", "plain/trades?no=ORDER-1", strings.Repeat("x", 1<<20+1)); status != 413 || len(r.Trades()) != 0 {
		t.Errorf("HTTP %d", status)
	}
}
