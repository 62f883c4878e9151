package runtimetest

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// invocation is one event on its way through the function.
type invocation struct {
	event    []byte
	deadline time.Time
	done     chan outcome // holds one, so that nobody waits for a caller who left
}

// outcome is what the function posted for an invocation.
type outcome struct {
	reply []byte
	err   error
}

// api serves the Runtime API to one process.
func (f *Function) api() http.Handler {
	var (
		mu      sync.Mutex
		working = map[string]*invocation{}
		count   int
	)
	take := func(id string) *invocation {
		mu.Lock()
		defer mu.Unlock()
		i := working[id]
		delete(working, id)
		return i
	}
	finish := func(failed bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			i := take(r.PathValue("id"))
			if i == nil {
				http.Error(w, `{"errorType":"InvalidRequestID"}`, http.StatusBadRequest)
				return
			}
			i.done <- outcomeOf(r, failed)
			w.WriteHeader(http.StatusAccepted)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case i := <-f.events:
			mu.Lock()
			count++
			id := fmt.Sprintf("00000000-0000-4000-8000-%012d", count)
			working[id] = i
			mu.Unlock()
			hand(w, id, i)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", finish(false))
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", finish(true))
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted) // the process ends by itself now, and its output says why
	})
	return mux
}

// hand gives the process an event under an id.
func hand(w http.ResponseWriter, id string, i *invocation) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:123456789012:function:test")
	h.Set("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0")
	_, _ = w.Write(i.event) // a process that is gone is noticed by its exit
}
