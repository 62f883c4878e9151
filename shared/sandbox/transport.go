package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Transport answers requests to Config.URL in process, without sockets and in the
// caller's goroutine, faults included: a broken connection is the error that a real
// one would give. Requests to anywhere else fail.
func (s *Sandbox) Transport() http.RoundTripper { return transport{s} }

type transport struct{ s *Sandbox }

// cutKey holds, in a request's context, where a handler leaves the reason for
// cutting the connection: *error.
type cutKey struct{}

// cut ends a request without an answer. Over a socket the server closes the
// connection; in process the caller gets the error.
func cut(r *http.Request, reason error) {
	if leave, ok := r.Context().Value(cutKey{}).(*error); ok {
		*leave = reason
	}
	panic(http.ErrAbortHandler)
}

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	u, base := req.URL, t.s.base
	if u.Scheme != base.Scheme || u.Host != base.Host || !strings.HasPrefix(u.Path, base.Path+"/") {
		return nil, fmt.Errorf("sandbox: %s is not served here", u.Host)
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	answer := newRecorder()
	err := t.s.answer(answer, req)
	if gone := req.Context().Err(); gone != nil {
		return nil, gone
	}
	if err != nil && answer.status == 0 {
		return nil, err
	}
	return answer.response(req, err), nil
}

// answer serves one request; the error is why the connection was cut, if it was.
func (s *Sandbox) answer(w http.ResponseWriter, req *http.Request) (err error) {
	var reason error
	in := req.Clone(context.WithValue(req.Context(), cutKey{}, &reason))
	in.URL = &url.URL{Path: req.URL.Path, RawPath: req.URL.RawPath, RawQuery: req.URL.RawQuery}
	in.RequestURI, in.RemoteAddr = req.URL.RequestURI(), "127.0.0.1:49152"
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	if _, set := in.Header["User-Agent"]; !set {
		in.Header.Set("User-Agent", "Go-http-client/1.1") // as net/http does
	}
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			if err = reason; err == nil {
				err = io.ErrUnexpectedEOF
			}
		default:
			panic(p)
		}
	}()
	s.ServeHTTP(w, in)
	return nil
}

// recorder keeps an answer, so that it can be changed or withheld.
type recorder struct {
	header http.Header
	status int // 0: nothing was answered yet
	body   bytes.Buffer
}

func newRecorder() *recorder { return &recorder{header: make(http.Header)} }

func (a *recorder) Header() http.Header { return a.header }

func (a *recorder) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *recorder) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// Flush implements [http.Flusher].
func (a *recorder) Flush() { a.WriteHeader(http.StatusOK) }

func (a *recorder) sendTo(w http.ResponseWriter) {
	a.head(w)
	_, _ = w.Write(a.body.Bytes())
}

// sendHalf promises the whole answer, sends half of it and cuts the connection.
// An answer without a body is lost as a whole.
func (a *recorder) sendHalf(w http.ResponseWriter, r *http.Request) {
	if a.body.Len() == 0 {
		cut(r, io.ErrUnexpectedEOF)
	}
	w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	a.head(w)
	_, _ = w.Write(a.body.Bytes()[:a.body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	cut(r, io.ErrUnexpectedEOF)
}

func (a *recorder) head(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(max(a.status, http.StatusOK))
}

// response is the answer as a client sees it; after broken, its body ends with that error.
func (a *recorder) response(req *http.Request, broken error) *http.Response {
	var body io.Reader = &a.body
	length := int64(a.body.Len())
	if broken != nil {
		body, length = io.MultiReader(body, failing{broken}), -1
	}
	a.WriteHeader(http.StatusOK)
	return &http.Response{
		Status: strconv.Itoa(a.status) + " " + http.StatusText(a.status), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(body), ContentLength: length, Request: req,
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
