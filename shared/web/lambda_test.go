package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

var silent = slog.New(slog.DiscardHandler)

// event is a function URL event; change edits it.
func event(t testing.TB, change func(*events.LambdaFunctionURLRequest)) []byte {
	t.Helper()
	e := events.LambdaFunctionURLRequest{
		Version: "2.0", RawPath: "/", Headers: map[string]string{"content-type": "application/json"},
		RequestContext: events.LambdaFunctionURLRequestContext{
			RequestID: "req-1", DomainName: "abc.lambda-url.eu-central-1.on.aws",
			HTTP: events.LambdaFunctionURLRequestContextHTTPDescription{Method: "POST", Path: "/", SourceIP: "203.0.113.7"},
		},
	}
	if change != nil {
		change(&e)
	}
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// invoke runs a handler on an event as Lambda would.
func invoke(t testing.TB, h http.HandlerFunc, payload []byte) events.LambdaFunctionURLResponse {
	t.Helper()
	raw, err := Lambda(silent, h).Invoke(t.Context(), payload)
	if err != nil {
		t.Fatalf("Invoke returned an error, which becomes 502: %v", err)
	}
	var out events.LambdaFunctionURLResponse
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRequest(t *testing.T) {
	t.Parallel()
	type seen struct {
		Method, Path, Escaped, Query, URI, Remote, IP, Host, ID, Body string
		Length                                                        int64
		Header                                                        http.Header
	}
	base := seen{
		Method: "POST", Path: "/", Escaped: "/", URI: "/", Remote: "203.0.113.7:0", IP: "203.0.113.7",
		Host: "abc.lambda-url.eu-central-1.on.aws", ID: "req-1", Header: http.Header{"Content-Type": {"application/json"}},
	}
	tests := []struct {
		name   string
		change func(*events.LambdaFunctionURLRequest)
		want   func(*seen)
	}{
		{"plain", nil, func(*seen) {}},
		{"text body", func(e *events.LambdaFunctionURLRequest) { e.Body = `{"a":"é"}` }, func(s *seen) { s.Body, s.Length = `{"a":"é"}`, 10 }},
		{"binary body", func(e *events.LambdaFunctionURLRequest) {
			e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte{0, 0xff, 0xfe}), true
		}, func(s *seen) { s.Body, s.Length = "\x00\xff\xfe", 3 }},
		{"escaped path and odd query", func(e *events.LambdaFunctionURLRequest) {
			e.RawPath, e.RawQueryString = "/yaband/de%2Ffault/N%201", "b=2&a=%E4%BD%A0+x&a=;%zz"
		}, func(s *seen) {
			s.Path, s.Escaped = "/yaband/de/fault/N 1", "/yaband/de%2Ffault/N%201"
			s.Query, s.URI = "b=2&a=%E4%BD%A0+x&a=;%zz", "/yaband/de%2Ffault/N%201?b=2&a=%E4%BD%A0+x&a=;%zz"
		}},
		{"a path that looks like a host", func(e *events.LambdaFunctionURLRequest) { e.RawPath = "//evil/x" },
			func(s *seen) { s.Path, s.Escaped, s.URI = "//evil/x", "//evil/x", "//evil/x" }},
		{"no path", func(e *events.LambdaFunctionURLRequest) { e.RawPath = "" }, func(*seen) {}},
		{"headers and cookies", func(e *events.LambdaFunctionURLRequest) {
			e.Headers = map[string]string{"x-bridge-signature": "ab", "host": "ignored.example", "x-forwarded-for": "9.9.9.9"}
			e.Cookies = []string{"a=1", "b=2"}
		}, func(s *seen) {
			s.Header = http.Header{"X-Bridge-Signature": {"ab"}, "X-Forwarded-For": {"9.9.9.9"}, "Cookie": {"a=1; b=2"}}
		}},
		{"host from the header", func(e *events.LambdaFunctionURLRequest) {
			e.RequestContext.DomainName, e.Headers["host"] = "", "pay.example.com"
		}, func(s *seen) { s.Host = "pay.example.com" }},
		{"IPv6", func(e *events.LambdaFunctionURLRequest) { e.RequestContext.HTTP.SourceIP = "2001:db8::1" },
			func(s *seen) { s.Remote, s.IP = "[2001:db8::1]:0", "2001:db8::1" }},
		{"no address", func(e *events.LambdaFunctionURLRequest) { e.RequestContext.HTTP.SourceIP = "" },
			func(s *seen) { s.Remote, s.IP = ":0", "127.0.0.1" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got seen
			invoke(t, func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got = seen{
					r.Method, r.URL.Path, r.URL.EscapedPath(), r.URL.RawQuery, r.RequestURI, r.RemoteAddr, ClientIP(r), r.Host,
					RequestID(r.Context()), string(body), r.ContentLength, r.Header,
				}
			}, event(t, tt.change))
			want := base
			tt.want(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusedEvents(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		in     []byte
		status int
		code   string
	}{
		{"empty", nil, 400, "invalid_argument"},
		{"null", []byte("null"), 400, "invalid_argument"},
		{"not JSON", []byte("{"), 400, "invalid_argument"},
		{"another event", []byte(`{"Records":[]}`), 400, "invalid_argument"},
		{"wrong types", []byte(`{"rawPath":7}`), 400, "invalid_argument"},
		{"bad escape", event(t, func(e *events.LambdaFunctionURLRequest) { e.RawPath = "/%zz" }), 400, "invalid_argument"},
		{"no path at all", event(t, func(e *events.LambdaFunctionURLRequest) { e.RawPath = "*" }), 400, "invalid_argument"},
		{"not base64", event(t, func(e *events.LambdaFunctionURLRequest) { e.Body, e.IsBase64Encoded = "?", true }), 400, "invalid_argument"},
		{"a byte too many", event(t, func(e *events.LambdaFunctionURLRequest) { e.Body = strings.Repeat("x", MaxBody+1) }), 413, "too_large"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := invoke(t, func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") }, tt.in)
			if out.StatusCode != tt.status || !strings.Contains(out.Body, `"code":"`+tt.code+`"`) {
				t.Errorf("answered %d %s, want %d %s", out.StatusCode, out.Body, tt.status, tt.code)
			}
		})
	}
}

func TestLargestBody(t *testing.T) {
	t.Parallel()
	n := 0
	out := invoke(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := Body(w, r)
		if err != nil {
			t.Error(err)
		}
		n = len(body)
	}, event(t, func(e *events.LambdaFunctionURLRequest) { e.Body = strings.Repeat("x", MaxBody) }))
	if out.StatusCode != 200 || n != MaxBody {
		t.Errorf("status %d after %d bytes", out.StatusCode, n)
	}
}

func TestReply(t *testing.T) {
	t.Parallel()
	png := []byte("\x89PNG\r\n\x1a\n\x00\xff")
	type resp = events.LambdaFunctionURLResponse
	tests := []struct {
		name    string
		method  string
		handler http.HandlerFunc
		want    resp
	}{
		{"nothing written", "POST", func(http.ResponseWriter, *http.Request) {}, resp{StatusCode: 200}},
		{"text", "POST", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			io.WriteString(w, "success <&> 成功")
		}, resp{StatusCode: 200, Headers: map[string]string{"Content-Type": "text/plain"}, Body: "success <&> 成功"}},
		{"guessed type", "GET", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<!doctype html><p>hi") },
			resp{StatusCode: 200, Headers: map[string]string{"Content-Type": "text/html; charset=utf-8"}, Body: "<!doctype html><p>hi"}},
		{"binary", "GET", func(w http.ResponseWriter, _ *http.Request) { w.Write(png) }, resp{
			StatusCode: 200, Headers: map[string]string{"Content-Type": "image/png"},
			Body: base64.StdEncoding.EncodeToString(png), IsBase64Encoded: true,
		}},
		{"cookies and many values", "POST", func(w http.ResponseWriter, _ *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
			http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
			w.Header()["Vary"] = []string{"Origin", "Accept"}
			w.Header().Set("X-Split", "a\r\nSet-Cookie: x=1")
			w.WriteHeader(303)
			w.Header().Set("Too-Late", "1")
			w.WriteHeader(500)
		}, resp{
			StatusCode: 303, Cookies: []string{"a=1", "b=2"},
			Headers: map[string]string{"Vary": "Origin, Accept", "X-Split": "a  Set-Cookie: x=1"},
		}},
		{"no content", "POST", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(204)
			if _, err := io.WriteString(w, "x"); err == nil {
				t.Error("a 204 took a body")
			}
		}, resp{StatusCode: 204}},
		{"HEAD", "HEAD", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") },
			resp{StatusCode: 200, Headers: map[string]string{"Content-Type": "text/plain; charset=utf-8"}}},
		{"panic", "POST", func(http.ResponseWriter, *http.Request) { panic("boom") }, bland},
		{"panic in mid-reply", "POST", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Half", "1")
			io.WriteString(w, `{"order":`)
			panic("boom")
		}, bland},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := invoke(t, tt.handler, event(t, func(e *events.LambdaFunctionURLRequest) { e.RequestContext.HTTP.Method = tt.method }))
			if tt.want.Headers == nil {
				tt.want.Headers = map[string]string{}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("reply (-want +got):\n%s", diff)
			}
		})
	}
}

// bland is what is shown of a failure of ours.
var bland = events.LambdaFunctionURLResponse{
	StatusCode: 500,
	Headers:    map[string]string{"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"},
	Body:       `{"error":{"code":"internal","message":"something failed on our side; repeat the call","retryable":true}}` + "\n",
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		begin := time.Now()
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			Error(w, r, r.Context().Err())
		})
		raw, err := Lambda(silent, h).Invoke(ctx, event(t, nil))
		if spent := time.Since(begin); spent != 20*time.Second-300*time.Millisecond {
			t.Errorf("the handler had %v of 20 s", spent)
		}
		if err != nil || ctx.Err() != nil || !bytes.Contains(raw, []byte(`"statusCode":500`)) {
			t.Errorf("no time was left to answer: %s, %v, %v", raw, err, ctx.Err())
		}
	})
}

func TestInvocationsAreLogged(t *testing.T) {
	t.Parallel()
	for name, in := range map[string][]byte{"good": event(t, nil), "refused": event(t, func(e *events.LambdaFunctionURLRequest) { e.RawPath = "/%zz" })} {
		var b bytes.Buffer
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
		if _, err := Lambda(NewLog(&b, nil), h).Invoke(t.Context(), in); err != nil {
			t.Error(err)
		}
		got := lines(t, &b)
		if len(got) != 1 || got[0]["msg"] != "request" || got[0]["request_id"] != "req-1" {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestNoDeadline(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, ok := r.Context().Deadline(); ok {
			t.Error("a deadline out of nowhere")
		}
	})
	if _, err := Lambda(silent, h).Invoke(context.Background(), event(t, nil)); err != nil {
		t.Error(err)
	}
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"rawPath":"/%2f","rawQueryString":"%","requestContext":{"http":{"method":"GET","sourceIp":"::"}},"body":"\ud800"}`))
	f.Add(event(f, func(e *events.LambdaFunctionURLRequest) { e.Body, e.IsBase64Encoded = "AP8=", true }))
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := Body(w, r)
		if err != nil {
			Error(w, r, err)
			return
		}
		w.Header().Set("X-Path", r.URL.Path+ClientIP(r))
		w.Write(body)
	})
	f.Fuzz(func(t *testing.T, payload []byte) {
		raw, err := Lambda(silent, echo).Invoke(t.Context(), payload)
		if err != nil || !utf8.Valid(raw) {
			t.Fatalf("%q: %v", raw, err)
		}
		var out events.LambdaFunctionURLResponse
		if err := json.Unmarshal(raw, &out); err != nil {
			t.Fatal(err)
		}
		if s := out.StatusCode; s != 200 && s != 400 && s != 413 {
			t.Fatalf("status %d: %s", s, out.Body)
		}
		var in events.LambdaFunctionURLRequest
		if out.StatusCode == 200 && json.Unmarshal(payload, &in) == nil && !in.IsBase64Encoded && utf8.ValidString(in.Body) &&
			in.RequestContext.HTTP.Method != http.MethodHead && out.Body != in.Body {
			t.Fatalf("body %q came back as %q", in.Body, out.Body)
		}
	})
}
