package template

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// paths are the requests that each public function serves.
var paths = map[string]*regexp.Regexp{
	"pay":    regexp.MustCompile(`^/$`),
	"notify": regexp.MustCompile(`^/[a-z0-9]+/[a-z0-9-]{1,32}/[0-9A-Za-z_-]{6,32}$`),
	"scheme": regexp.MustCompile(`^/$`),
}

// TestSampleEvents: event.json is what a function URL, the stream or the schedule
// sends, for sam local invoke.
func TestSampleEvents(t *testing.T) {
	t.Parallel()
	for _, name := range folders(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(filepath.Join(root, "functions", name, "event.json"))
			if err != nil {
				t.Fatal(err)
			}
			if !json.Valid(raw) {
				t.Fatal("not JSON")
			}
			switch {
			case paths[name] != nil:
				checkURLEvent(t, raw, paths[name])
			case name == "deliver":
				checkStreamEvent(t, raw)
			case name == "reconcile":
				checkScheduledEvent(t, raw)
			default:
				t.Error("this test does not know what its event looks like")
			}
		})
	}
}

func checkURLEvent(t *testing.T, raw []byte, path *regexp.Regexp) {
	t.Helper()
	var e events.LambdaFunctionURLRequest
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	if e.Version != "2.0" || e.RequestContext.HTTP.Method != "POST" {
		t.Errorf("version %q, method %q", e.Version, e.RequestContext.HTTP.Method)
	}
	if !path.MatchString(e.RawPath) || e.RawPath != e.RequestContext.HTTP.Path {
		t.Errorf("path %q, in the context %q", e.RawPath, e.RequestContext.HTTP.Path)
	}
	for name := range e.Headers {
		if name != strings.ToLower(name) {
			t.Errorf("header %s is not lower-case", name)
		}
	}
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			t.Fatal(err)
		}
	}
	if got := e.Headers["content-length"]; got != strconv.Itoa(len(body)) {
		t.Errorf("content-length %s of %d bytes", got, len(body))
	}
	if !json.Valid(bytes.TrimSpace(body)) {
		t.Error("the body is not JSON")
	}
}
