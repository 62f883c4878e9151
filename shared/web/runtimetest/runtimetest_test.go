package runtimetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/web/runtimetest"
)

type reply struct {
	Text      string `json:"text"`
	RequestID string `json:"request_id"`
	Seconds   int    `json:"seconds"`
	Given     string `json:"given"`
	Home      string `json:"home"`
}

// TestFunction walks one built function through everything that can become of an
// event. The binary is built once, so its cases share this test.
func TestFunction(t *testing.T) {
	t.Parallel()
	bootstrap := runtimetest.Build(t, "./testdata/echo")

	t.Run("replies, with what Lambda tells a function", func(t *testing.T) {
		t.Parallel()
		f := runtimetest.Start(t, bootstrap, "GIVEN=first", "GIVEN=a=b")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		raw, err := f.Invoke(ctx, []byte(`{"text":"茶"}`))
		if err != nil {
			t.Fatal(err)
		}
		var got reply
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		if got.Seconds < 1 || got.Seconds > 20 {
			t.Errorf("deadline in %d s, want the context's 20 s", got.Seconds)
		}
		want := reply{Text: "茶", RequestID: "00000000-0000-4000-8000-000000000001", Seconds: got.Seconds, Given: "a=b"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})

	t.Run("an error is not the end", func(t *testing.T) {
		t.Parallel()
		f := runtimetest.Start(t, bootstrap)
		_, err := f.Invoke(t.Context(), []byte(`{"do":"fail"}`))
		var failed *runtimetest.Error
		if !errors.As(err, &failed) || failed.Message != "as asked" {
			t.Fatalf("got %v, want the function's own error", err)
		}
		if _, err := f.Invoke(t.Context(), []byte(`{}`)); err != nil {
			t.Errorf("the instance is gone: %v", err)
		}
	})

	t.Run("invocations at once take turns", func(t *testing.T) {
		t.Parallel()
		f := runtimetest.Start(t, bootstrap)
		var wg sync.WaitGroup
		for n := range 8 {
			wg.Go(func() {
				text := fmt.Sprint("n", n)
				raw, err := f.Invoke(t.Context(), fmt.Appendf(nil, `{"text":%q}`, text))
				if err != nil || !strings.Contains(string(raw), `"text":"`+text+`"`) {
					t.Errorf("%s: got %s, %v", text, raw, err)
				}
			})
		}
		wg.Wait()
		if n := strings.Count(f.Output(), "did"); n != 8 {
			t.Errorf("%d lines printed, want 8", n)
		}
	})

	for _, do := range []string{"exit", "panic"} {
		t.Run(do+" ends the process", func(t *testing.T) {
			t.Parallel()
			f := runtimetest.Start(t, bootstrap)
			first := invoke(t, f, do)
			var failed *runtimetest.Error
			if !errors.Is(first, runtimetest.ErrExited) && !errors.As(first, &failed) {
				t.Errorf("got %v, want an error", first)
			}
			if err := invoke(t, f, ""); !errors.Is(err, runtimetest.ErrExited) {
				t.Errorf("afterwards: got %v, want ErrExited", err)
			}
		})
	}

	t.Run("nobody waits for a function that hangs", func(t *testing.T) {
		t.Parallel()
		f := runtimetest.Start(t, bootstrap)
		if err := invoke(t, f, ""); err != nil { // it is up
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		for range 2 { // while it hangs, and while waiting for a turn
			if _, err := f.Invoke(ctx, []byte(`{"do":"hang"}`)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want the deadline", err)
			}
		}
	})
}

func invoke(t *testing.T, f *runtimetest.Function, do string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := f.Invoke(ctx, fmt.Appendf(nil, `{"do":%q}`, do))
	return err
}
