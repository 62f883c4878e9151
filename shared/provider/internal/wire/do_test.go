package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"overseaspay/shared/provider"
)

// canary stands in every URL, header and body of these tests; no error may show it.
const canary = "canary-5f1c"

// post sends a request with the canary everywhere.
func post(t testing.TB, client *http.Client, url string) (Reply, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/"+canary+"?sign="+canary, strings.NewReader(canary))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", canary)
	reply, err := Do(client, req, "yaband: create")
	if err != nil && (strings.Contains(err.Error(), canary) || !strings.HasPrefix(err.Error(), "yaband: create: ")) {
		t.Errorf("error %q", err)
	}
	return reply, err
}

func TestDoStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]provider.Kind{
		200: -1, 201: -1, 204: -1, 400: -1, 401: -1, 403: -1, 404: -1, 409: -1, 422: -1,
		408: provider.Unknown, 429: provider.Busy, 500: provider.Unknown, 501: provider.Unknown, 502: provider.Unknown,
		503: provider.Unknown, 504: provider.Unknown, 599: provider.Unknown,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Id", "7")
				w.WriteHeader(status)
				if status != 204 {
					io.WriteString(w, `{"a":"`+canary+`"}`)
				}
			}))
			defer server.Close()
			reply, err := post(t, server.Client(), server.URL)
			if (err == nil) != (want < 0) || err != nil && provider.KindOf(err) != want {
				t.Fatalf("error %v, want %d", err, want)
			}
			if status == 429 {
				return
			}
			body := `{"a":"` + canary + `"}`
			if status == 204 {
				body = ""
			}
			if reply.Status != status || string(reply.Body) != body || reply.Header.Get("X-Id") != "7" {
				t.Errorf("reply %d, %q, %v", reply.Status, reply.Body, reply.Header)
			}
		})
	}
}

func TestDoSize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		size int
		ok   bool
	}{{0, true}, {MaxReply - 1, true}, {MaxReply, true}, {MaxReply + 1, false}, {4 * MaxReply, false}} {
		t.Run(fmt.Sprint(c.size), func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, strings.Repeat("x", c.size))
			}))
			defer server.Close()
			reply, err := post(t, server.Client(), server.URL)
			if (err == nil) != c.ok || provider.KindOf(err) != provider.Unknown || c.ok && len(reply.Body) != c.size {
				t.Errorf("%d bytes: %d read, %v", c.size, len(reply.Body), err)
			}
		})
	}
}

// trip is a transport made of one function.
type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// An endless answer is not read to its end, and every body is closed.
func TestDoBoundsAndCloses(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 429, 500} {
		body := &counted{Reader: endless{}}
		client := &http.Client{Transport: trip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: body}, nil
		})}
		if _, err := post(t, client, "https://processor.test"); err == nil || body.read > MaxReply+1<<16 || !body.closed {
			t.Errorf("%d: %v, %d bytes read, closed %t", status, err, body.read, body.closed)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

type counted struct {
	io.Reader
	read   int
	closed bool
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += n
	return n, err
}

func (c *counted) Close() error { c.closed = true; return nil }

func TestDoTruncated(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"less than announced": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"paid":true}`)
		},
		"broken off": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"paid":true}`)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
		"no answer at all": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(handler)
			defer server.Close()
			reply, err := post(t, server.Client(), server.URL)
			if err == nil || provider.KindOf(err) != provider.Unknown || len(reply.Body) != 0 {
				t.Errorf("reply %q, %v", reply.Body, err)
			}
		})
	}
	client := &http.Client{Transport: trip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(iotest.ErrReader(errors.New(canary)))}, nil
	})}
	if _, err := post(t, client, "https://processor.test"); err == nil || provider.KindOf(err) != provider.Unknown {
		t.Errorf("an unreadable answer: %v", err)
	}
}

// closedPort is an address of this machine that nobody listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Only a connection that was never made proves that nothing was sent.
func TestDoNotSent(t *testing.T) {
	t.Parallel()
	dns := &net.DNSError{Err: "no such host", Name: "processor.test", IsNotFound: true}
	fails := func(err error) *http.Client {
		return &http.Client{Transport: trip(func(*http.Request) (*http.Response, error) { return nil, err })}
	}
	stranger := httptest.NewUnstartedServer(http.NotFoundHandler())
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0)
	stranger.StartTLS()
	defer stranger.Close()
	for _, c := range []struct {
		name, url string
		client    *http.Client
		want      provider.Kind
	}{
		{"nobody listens", "http://" + closedPort(t), new(http.Client), provider.NotSent},
		{"no such host", "http://processor.test", fails(&net.OpError{Op: "dial", Net: "tcp", Err: dns}), provider.NotSent},
		{"no such host, wrapped", "http://processor.test", fails(fmt.Errorf("x: %w", &net.OpError{Op: "dial", Err: dns})), provider.NotSent},
		{"reset while reading", "http://processor.test", fails(&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}), provider.Unknown},
		{"broken while writing", "http://processor.test", fails(&net.OpError{Op: "write", Err: errors.New("broken pipe")}), provider.Unknown},
		{"deadline", "http://processor.test", fails(context.DeadlineExceeded), provider.Unknown},
		{"cancelled", "http://processor.test", fails(context.Canceled), provider.Unknown},
		{"closed", "http://processor.test", fails(io.EOF), provider.Unknown},
		{"certificate nobody knows", stranger.URL, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{}}}, provider.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := post(t, c.client, c.url)
			if err == nil || provider.KindOf(err) != c.want {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}

// Why a call failed stays visible to errors.Is.
func TestDoKeepsTheCause(t *testing.T) {
	t.Parallel()
	client := &http.Client{Transport: trip(func(*http.Request) (*http.Response, error) { return nil, context.DeadlineExceeded })}
	if _, err := post(t, client, "https://processor.test"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// A call is made once, although the transport repeats some by itself on a connection
// that was kept: a POST never is one of them, a GET not if it has a body, however
// empty, that cannot be read again.
func TestDoSendsOnce(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				if calls.Add(1) > 1 {
					panic(http.ErrAbortHandler)
				}
			}))
			defer server.Close()
			for i := range 2 {
				req, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Body = io.NopCloser(strings.NewReader(""))
				if _, err = Do(server.Client(), req, "x: create"); (err != nil) != (i == 1) {
					t.Errorf("call %d: %v", i+1, err)
				}
			}
			if got := calls.Load(); got != 2 {
				t.Errorf("two calls were sent %d times", got)
			}
		})
	}
}
