package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kinds of faults. Two more carry an argument: "status:503" answers that status
// without processing the request, "slow:2s" processes it and answers late.
const (
	FaultBefore    = "before"    // never arrived; in process, the connection could not even be made
	FaultReset     = "reset"     // never processed, but the caller cannot know: the connection broke
	FaultLost      = "lost"      // processed, then the connection broke without an answer
	FaultTruncated = "truncated" // processed, and the answer broke off half-way
	FaultHTML      = "html"      // processed, and some proxy's HTML page came back with 200
	FaultGarbled   = "garbled"   // processed, and the answer's signature does not fit its content
)

// Fault makes the next requests to a twin go wrong.
type Fault struct {
	Provider string `json:"provider"` // twin's name, or "weixin"; "" any
	Op       string `json:"op"`       // part of "METHOD request-uri body", any case, e.g. "v3.CreateRefund"; "" any
	Kind     string `json:"kind"`
	Times    int    `json:"times"` // requests it hits; 0: one
}

// Fault books a fault. Faults hit in the order they were booked, one per request.
func (s *Sandbox) Fault(f Fault) error {
	if err := f.check(); err != nil {
		return err
	}
	f.Times = max(f.Times, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f)
	return nil
}

// ClearFaults forgets the faults that have not hit yet.
func (s *Sandbox) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (f Fault) check() error {
	kind, arg, _ := strings.Cut(f.Kind, ":")
	switch kind {
	case FaultBefore, FaultReset, FaultLost, FaultTruncated, FaultHTML, FaultGarbled:
		return nil
	case "status":
		if n, err := strconv.Atoi(arg); err == nil && n >= 200 && n <= 599 {
			return nil
		}
	case "slow":
		if d, err := time.ParseDuration(arg); err == nil && d > 0 {
			return nil
		}
	}
	return fmt.Errorf("sandbox: kind %q: must be before, reset, lost, truncated, html, garbled, status:CODE or slow:DURATION", f.Kind)
}

// take returns the first booked fault that fits a request, and uses it up once.
func (s *Sandbox) take(name string, r *http.Request, body []byte) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		return Fault{}
	}
	said := strings.ToLower(r.Method + " " + r.RequestURI + " " + string(body))
	for i := range s.faults {
		f := &s.faults[i]
		if f.Provider != "" && f.Provider != name || !strings.Contains(said, strings.ToLower(f.Op)) {
			continue
		}
		hit := *f
		if f.Times--; f.Times == 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return hit
	}
	return Fault{}
}

const maxBody = 1 << 20

// serveAPI lets a twin answer, unless a fault was booked for the request.
func (s *Sandbox) serveAPI(w http.ResponseWriter, r *http.Request, name string, api http.Handler) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "body too large or broken off", http.StatusRequestEntityTooLarge)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	defer s.queueRefunds()
	f := s.take(name, r, body)
	if f.Kind == "" {
		api.ServeHTTP(w, r)
		return
	}
	f.serve(w, r, api)
}

func (f Fault) serve(w http.ResponseWriter, r *http.Request, api http.Handler) {
	kind, arg, _ := strings.Cut(f.Kind, ":")
	switch kind {
	case FaultBefore:
		cut(r, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused by a booked fault")})
	case FaultReset:
		cut(r, &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by a booked fault")})
	case "status":
		code, _ := strconv.Atoi(arg)
		http.Error(w, "a booked fault", code)
		return
	}
	answer := newRecorder()
	api.ServeHTTP(answer, r)
	switch kind {
	case FaultLost:
		cut(r, io.ErrUnexpectedEOF)
	case FaultTruncated:
		answer.sendHalf(w, r)
	case FaultHTML:
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>Service</title><p>Please come back later.")
		return
	case FaultGarbled:
		answer.garble()
	case "slow":
		wait, _ := time.ParseDuration(arg)
		pause(r.Context(), wait)
	}
	answer.sendTo(w)
}

func pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// signMember finds where the value of a "sign" member begins, in JSON and XML.
var signMember = regexp.MustCompile(`"sign"\s*:\s*"|<sign>(?:<!\[CDATA\[)?`)

// garble changes one character of the signature: of a header's if there is one,
// else of the member "sign", else the last byte of the answer.
func (a *recorder) garble() {
	for name, values := range a.header {
		if strings.HasSuffix(strings.ToLower(name), "signature") && values[0] != "" {
			values[0] = string(other(values[0][0])) + values[0][1:]
			return
		}
	}
	body := a.body.Bytes()
	at := len(body) - 1
	if found := signMember.FindIndex(body); found != nil && found[1] < len(body) {
		at = found[1]
	}
	if at >= 0 {
		body[at] = other(body[at])
	}
}

// other is a letter that is not c.
func other(c byte) byte {
	if c == 'a' {
		return 'b'
	}
	return 'a'
}

func (s *Sandbox) postFault(w http.ResponseWriter, r *http.Request) {
	var f Fault
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&f)
	if err == nil {
		err = s.Fault(f)
	}
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, f)
}
