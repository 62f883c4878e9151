package sim

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"
)

// post carries the processors' notices.
type post struct{ w *World }

// RoundTrip gives the notice to a container, unless it is lost on its way. A
// processor waits for the answer as long as its context says, and a container may
// go on after that.
func (p post) RoundTrip(req *http.Request) (*http.Response, error) {
	w := p.w
	raw := []byte(nil)
	if req.Body != nil {
		raw, _ = io.ReadAll(req.Body)
	}
	if w.faulty() && w.rng.IntN(1000) < w.opt.dropNotices {
		w.trace.line("%s notice %s dropped", w.clock(), req.URL.Path)
		return nil, io.ErrUnexpectedEOF
	}
	if w.faulty() && w.opt.dayLate && w.rng.IntN(4) == 0 {
		w.trace.line("%s notice %s comes a day late", w.clock(), req.URL.Path)
		w.tomorrow = append(w.tomorrow, func() { w.notify(req, raw) })
		return nil, io.ErrUnexpectedEOF
	}
	answer := make(chan *http.Response, 1)
	w.ledger = nil // the processor has just booked what it tells of
	if w.faulty() && w.rng.IntN(20) == 0 {
		w.after(time.Duration(w.rng.IntN(90))*time.Second, func() { w.notify(req, raw) }) // once more, later
	}
	go func() {
		defer close(answer)
		if rec, ok := w.notify(req, raw); ok {
			answer <- rec.response(req)
		}
	}()
	res := <-answer
	if res == nil {
		return nil, io.ErrUnexpectedEOF
	}
	return res, nil
}

// notify has a container take one notice.
func (w *World) notify(req *http.Request, raw []byte) (*recorder, bool) {
	rec := &recorder{header: http.Header{}}
	began := time.Now()
	lived := w.invoke("notify", "notify", 15*time.Second+grace, func(ctx context.Context, c *container) {
		in := req.Clone(ctx)
		in.Body = io.NopCloser(strings.NewReader(string(raw)))
		in.URL.Path = strings.TrimPrefix(in.URL.Path, "/notify")
		c.serve.ServeHTTP(rec, in)
	})
	if lived {
		w.checkAck(req, rec, began)
	}
	return rec, lived
}

// recorder is an answer of a function of ours.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (r *recorder) Header() http.Header { return r.header }
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}
func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	r.body = append(r.body, p...)
	return len(p), nil
}

func (r *recorder) response(req *http.Request) *http.Response {
	r.WriteHeader(http.StatusOK)
	return &http.Response{StatusCode: r.status, Header: r.header, Body: io.NopCloser(strings.NewReader(string(r.body))), Request: req}
}

// shop is the merchant's server that hears events.
type shop struct {
	slow  time.Duration   // until it answers
	mood  []int           // answers to choose from
	told  map[string]int  // how often it heard an event
	taken map[string]bool // events it answered with 2xx or 410
}

func (s *shop) answer(w *World) int {
	if len(s.mood) == 0 {
		return http.StatusOK
	}
	return s.mood[w.rng.IntN(len(s.mood))]
}

// heard books an event that reached the shop.
func (w *World) heard(id string, status int, req *http.Request) {
	w.Shop.told[id]++
	if w.opt.Canaries && req.Body != nil {
		_, _ = io.Copy(w.logged, req.Body)
	}
	if status/100 == 2 || status == http.StatusGone {
		w.Shop.taken[id] = true
	}
}
