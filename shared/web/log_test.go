package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
)

// lines decodes JSON lines without their time.
func lines(t *testing.T, b *bytes.Buffer) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(b.String()) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		delete(one, "time")
		all = append(all, one)
	}
	return all
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	type attrs = map[string]any
	tests := []struct {
		name, target string
		handler      http.HandlerFunc
		want         attrs
	}{
		{"good", "/pay?session=hush", func(w http.ResponseWriter, r *http.Request) {
			Note(r.Context(), slog.String("out_trade_no", "A1"), slog.String("provider", "vr"))
			Note(r.Context(), slog.String("provider", "supay"))
			JSON(w, 200, nil)
		}, attrs{"level": "INFO", "path": "/pay", "status": 200.0, "out_trade_no": "A1", "provider": "supay"}},
		{"only the first segment", "/notify/yaband/default/A1", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") },
			attrs{"level": "INFO", "path": "/notify", "status": 200.0}},
		{"a link's id", "/3vQB7B6MrGQZaxCuFg4oh1", func(http.ResponseWriter, *http.Request) {},
			attrs{"level": "INFO", "path": "/...", "status": 200.0}},
		{"caller's mistake", "/", func(w http.ResponseWriter, r *http.Request) {
			Error(w, r, fmt.Errorf("cashier: %w", payment.Errorf(payment.NotFound, "no such order")))
		}, attrs{"level": "WARN", "path": "/", "status": 404.0, "code": "not_found", "error": "no such order"}},
		{"processor's outage", "/", func(w http.ResponseWriter, r *http.Request) {
			Error(w, r, payment.Errorf(payment.ProviderUnavailable, "repeat").Because(errors.New("no connection")))
		}, attrs{"level": "WARN", "path": "/", "status": 503.0, "code": "provider_unavailable", "error": "repeat", "cause": "no connection"}},
		{"unknown outcome", "/", func(w http.ResponseWriter, r *http.Request) {
			Error(w, r, payment.Errorf(payment.OutcomeUnknown, "ask"))
		}, attrs{"level": "WARN", "path": "/", "status": 202.0, "code": "outcome_unknown", "error": "ask"}},
		{"ours", "/", func(w http.ResponseWriter, r *http.Request) { Error(w, r, errors.New("table is gone")) },
			attrs{"level": "ERROR", "path": "/", "status": 500.0, "code": "internal", "error": "something failed on our side; repeat the call", "cause": "table is gone"}},
		{"panic", "/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/half")
			panic("boom")
		}, attrs{"level": "ERROR", "path": "/", "status": 500.0, "code": "internal", "metric": "panic",
			"error": "something failed on our side; repeat the call", "cause": "panic: boom"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			r := httptest.NewRequest("POST", tt.target, nil)
			r = r.WithContext(WithRequestID(r.Context(), "req-9"))
			w := httptest.NewRecorder()
			Logged(NewLog(&b, nil), tt.handler).ServeHTTP(w, r)
			got := lines(t, &b)
			if len(got) != 1 {
				t.Fatalf("%d lines, want 1: %s", len(got), &b)
			}
			if _, ok := got[0]["ms"].(float64); !ok {
				t.Errorf("no duration: %v", got[0])
			}
			if stack, _ := got[0]["stack"].(string); (tt.name == "panic") != strings.Contains(stack, "log_test.go") {
				t.Errorf("stack = %q", stack)
			}
			delete(got[0], "ms")
			delete(got[0], "stack")
			tt.want["msg"], tt.want["method"], tt.want["request_id"] = "request", "POST", "req-9"
			if diff := cmp.Diff(tt.want, got[0]); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
			if tt.want["code"] == "internal" && (w.Header().Get("Content-Type") != "application/json; charset=utf-8" || w.Header().Get("Location") != "") {
				t.Errorf("headers %v", w.Header())
			}
		})
	}
}

func TestAbortedReply(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	h := Logged(NewLog(&b, nil), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
		if http.NewResponseController(w).Flush() != nil {
			t.Error("the writer below is out of reach")
		}
		panic("boom")
	}))
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("panic = %v, want an aborted reply", p)
		}
		if got := lines(t, &b); len(got) != 1 || got[0]["status"] != 500.0 || got[0]["code"] != "internal" || got[0]["request_id"] == "" {
			t.Errorf("lines = %v", got)
		}
	}()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil))
}

func TestOwnRequestID(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	h := Logged(silent, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ids[RequestID(r.Context())] = true }))
	for range 3 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}
	if len(ids) != 3 || ids[""] {
		t.Errorf("ids = %v", ids)
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := NewLog(&b, nil)
	h := Logged(log, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		Note(r.Context(), slog.String("provider", "vr"), slog.String("merchant", "default"))
		Count(r.Context(), log, "unmapped_status", slog.String("merchant", "shop"), slog.String("word", "ODD"))
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(WithRequestID(t.Context(), "q")))
	got := lines(t, &b)
	want := map[string]any{
		"level": "WARN", "msg": "count", "metric": "unmapped_status", "word": "ODD", "provider": "vr", "merchant": "shop", "request_id": "q",
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("count (-want +got):\n%s", diff)
	}
	if len(got) != 2 || got[1]["merchant"] != "default" || got[1]["metric"] != nil {
		t.Errorf("the request's own line changed: %v", got)
	}
	b.Reset()
	Count(context.Background(), log, "due_late")
	if got := lines(t, &b); len(got) != 1 || got[0]["metric"] != "due_late" || got[0]["request_id"] != nil {
		t.Errorf("outside a request: %v", got)
	}
}

func TestNoteOutsideRequest(t *testing.T) {
	t.Parallel()
	Note(t.Context(), slog.String("a", "b")) // must not panic
}

type holder struct{}

func (holder) LogValue() slog.Value {
	return slog.GroupValue(slog.String("appsecret", "hush"), slog.Int("n", 1))
}

func TestRedact(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := NewLog(&b, slog.LevelDebug).With("apiv3_key", "hush").WithGroup("call").With("X-Token", "hush")
	log.Debug("hello", "openid", "hush", "Authorization", []string{"hush"}, "SessionID", 7, "claim", "hush", "out_trade_no", "A1",
		slog.Group("session", "id", "hush"), slog.Group("plain", "password", "hush", "n", 2), "held", holder{}, "cookies", "hush")
	if strings.Contains(b.String(), "hush") {
		t.Errorf("a secret was logged: %s", &b)
	}
	want := map[string]any{"level": "DEBUG", "msg": "hello", "apiv3_key": "[redacted]", "call": map[string]any{
		"X-Token": "[redacted]", "openid": "[redacted]", "Authorization": "[redacted]", "SessionID": "[redacted]", "claim": "[redacted]",
		"out_trade_no": "A1", "session": map[string]any{"id": "[redacted]"}, "cookies": "[redacted]",
		"plain": map[string]any{"password": "[redacted]", "n": 2.0}, "held": map[string]any{"appsecret": "[redacted]", "n": 1.0},
	}}
	if diff := cmp.Diff(want, lines(t, &b)[0]); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
}

// ExampleHandle is a whole function.
func ExampleHandle() {
	type in struct {
		OutTradeNo string `json:"out_trade_no"`
	}
	type out struct {
		State string `json:"trade_state"`
	}
	api := API{Actions: Actions{
		"queryorder": Handle(func(ctx context.Context, _ Caller, in in) (out, error) {
			Note(ctx, slog.String("out_trade_no", in.OutTradeNo))
			return out{State: "NOTPAY"}, nil
		}),
	}}
	event := `{"rawPath":"/","requestContext":{"http":{"method":"POST"}},"body":"{\"action\":\"queryorder\",\"out_trade_no\":\"A-0001\"}"}`
	reply, err := Lambda(NewLog(io.Discard, nil), api).Invoke(context.Background(), []byte(event))
	fmt.Println(string(reply), err)
	// Output: {"statusCode":200,"headers":{"Cache-Control":"no-store","Content-Type":"application/json; charset=utf-8"},"body":"{\"trade_state\":\"NOTPAY\"}\n","isBase64Encoded":false,"cookies":null} <nil>
}
