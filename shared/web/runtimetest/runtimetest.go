package runtimetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Timeout is the deadline told to the function when an invocation's context has none.
const Timeout = 30 * time.Second

// Function is one running instance of a function. Like Lambda's it works on one
// event at a time: invocations at once wait for each other.
type Function struct {
	events chan *invocation // taken by next, one at a time
	exited chan struct{}    // closed when the process is gone
	output string           // a file: what was printed before a reply is in it when the reply is read
}

// Error is a failed invocation: what the function posted instead of a reply.
type Error struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

func (e *Error) Error() string { return e.Type + ": " + e.Message }

// ErrExited says that the process ended instead of replying.
var ErrExited = errors.New("the function's process ended")

// Build compiles a main package for this machine, with the flags that functions
// are deployed with, and returns the binary's path.
func Build(t testing.TB, pkg string) string {
	t.Helper()
	bootstrap := filepath.Join(t.TempDir(), "bootstrap")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", bootstrap, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return bootstrap
}

// Start runs a binary until the test ends. Its environment is what Lambda would
// set, with credentials that open nothing, and env ("NAME=value"), which wins;
// nothing of the test's own environment reaches it. What it printed is logged if
// the test fails.
func Start(t testing.TB, bootstrap string, env ...string) *Function {
	t.Helper()
	f := &Function{events: make(chan *invocation), exited: make(chan struct{}), output: filepath.Join(t.TempDir(), "output")}
	printed, err := os.OpenFile(f.output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer printed.Close()
	server := httptest.NewServer(f.api())
	cmd := exec.Command(bootstrap)
	cmd.Dir = filepath.Dir(bootstrap)
	cmd.Env = environment(strings.TrimPrefix(server.URL, "http://"), cmd.Dir, env)
	cmd.Stdout, cmd.Stderr = printed, printed
	if err := cmd.Start(); err != nil {
		server.Close()
		t.Fatalf("start %s: %v", bootstrap, err)
	}
	go func() {
		_ = cmd.Wait() // how it ended is in its output
		close(f.exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		<-f.exited
		server.Close()
		if t.Failed() {
			t.Logf("output of %s:\n%s", bootstrap, f.Output())
		}
	})
	return f
}

// environment is what a process on Lambda finds, later values replacing earlier ones.
func environment(api, root string, env []string) []string {
	all := map[string]string{
		"AWS_LAMBDA_RUNTIME_API": api, "AWS_LAMBDA_FUNCTION_NAME": "test", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AWS_LAMBDA_LOG_FORMAT": "Text",
		"AWS_EXECUTION_ENV": "AWS_Lambda_provided.al2023", "AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": "test",
		"LAMBDA_TASK_ROOT": root, "_HANDLER": "bootstrap", "TZ": ":UTC", "LANG": "en_US.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin",
	}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		all[name] = value
	}
	list := make([]string, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, name+"="+all[name])
	}
	return list
}

// Invoke gives the function an event, JSON, and returns its reply, JSON. The error
// is an [*Error] if the function returned one, [ErrExited] if its process ended,
// or the context's; the function is told the context's deadline, or [Timeout].
func (f *Function) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(Timeout)
	}
	i := &invocation{event: event, deadline: deadline, done: make(chan outcome, 1)}
	select {
	case f.events <- i:
	case <-f.exited:
		return nil, fmt.Errorf("%w: %s", ErrExited, f.Output())
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case o := <-i.done:
		return o.reply, o.err
	case <-f.exited:
		return f.last(i)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// last prefers a reply that was posted just before the process ended.
func (f *Function) last(i *invocation) ([]byte, error) {
	select {
	case o := <-i.done:
		return o.reply, o.err
	default:
		return nil, fmt.Errorf("%w: %s", ErrExited, f.Output())
	}
}

// Output is everything that the process has printed so far.
func (f *Function) Output() string {
	text, err := os.ReadFile(f.output)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// outcomeOf reads what the function posted.
func outcomeOf(r *http.Request, failed bool) outcome {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return outcome{err: fmt.Errorf("reading what the function posted: %w", err)}
	}
	if !failed {
		return outcome{reply: body}
	}
	e := &Error{}
	if err := json.Unmarshal(body, e); err != nil {
		return outcome{err: fmt.Errorf("the function posted an error that is not JSON: %w", err)}
	}
	return outcome{err: e}
}
