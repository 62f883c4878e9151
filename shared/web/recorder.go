package web

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// recorder is the http.ResponseWriter of a Lambda invocation: it keeps the whole
// reply, as a buffered function URL wants it.
type recorder struct {
	method string
	header http.Header
	sent   http.Header // as the headers were when the status was written
	status int
	body   bytes.Buffer
}

func newRecorder(method string) *recorder { return &recorder{method: method, header: http.Header{}} }

func (r *recorder) Header() http.Header { return r.header }

// WriteHeader keeps the first final status; informational ones cannot be sent.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status, r.sent = status, r.header.Clone()
	}
}

// Write keeps body bytes, unless the reply can have none.
func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if r.status == http.StatusNoContent || r.status == http.StatusNotModified {
		return 0, http.ErrBodyNotAllowed
	}
	return r.body.Write(p)
}

// reply is the recorded answer. Text goes as it is, anything else as base64. A
// content type that nobody set is guessed as net/http would, since a function
// URL would call it JSON.
func (r *recorder) reply() events.LambdaFunctionURLResponse {
	r.WriteHeader(http.StatusOK)
	body := r.body.Bytes()
	out := events.LambdaFunctionURLResponse{StatusCode: r.status, Headers: map[string]string{}, Cookies: r.sent.Values("Set-Cookie")}
	if len(body) > 0 && len(r.sent.Values("Content-Type")) == 0 {
		r.sent.Set("Content-Type", http.DetectContentType(body))
	}
	for name, values := range r.sent {
		if name != "Set-Cookie" {
			out.Headers[name] = oneLine.Replace(strings.Join(values, ", "))
		}
	}
	switch {
	case r.method == http.MethodHead:
	case utf8.Valid(body):
		out.Body = string(body)
	default:
		out.Body, out.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return out
}

// oneLine keeps a header value from starting another header.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ")
