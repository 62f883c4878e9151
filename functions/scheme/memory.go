package scheme

import (
	"context"
	"net/http"
	"sync"
	"time"

	"overseaspay/shared/weixin"
)

// weixins are the clients of this process, one per address of WeChat's servers,
// which keep the access tokens.
type weixins struct {
	http *http.Client
	now  func() time.Time
	mu   sync.Mutex
	by   map[string]*weixin.Client
}

func (x *weixins) at(baseURL string) (*weixin.Client, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if c := x.by[baseURL]; c != nil {
		return c, nil
	}
	c, err := weixin.New(weixin.Config{BaseURL: baseURL, HTTP: x.http, Now: x.now})
	if err != nil {
		return nil, err
	}
	if x.by == nil {
		x.by = make(map[string]*weixin.Client)
	}
	x.by[baseURL] = c
	return c, nil
}

// forget is how long a lasting refusal is believed.
const forget = 24 * time.Hour

// refusals are the mini-programs that may not generate schemes, as WeChat said
// within the last day. Each process finds out by itself.
type refusals struct {
	mu sync.Mutex
	by map[string]refusal // by appid and address of WeChat's servers
}

type refusal struct {
	err   error
	until time.Time
}

func (x *refusals) of(account string, now time.Time) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if r := x.by[account]; now.Before(r.until) {
		return r.err
	}
	return nil
}

func (x *refusals) add(account string, err error, now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.by == nil {
		x.by = make(map[string]refusal)
	}
	x.by[account] = refusal{err, now.Add(forget)}
}

// flights let callers who want the same scheme at the same time share one.
type flights struct {
	mu sync.Mutex
	by map[string]*flight
}

type flight struct {
	done   chan struct{}
	scheme made
	err    error
}

// do runs make, or waits for whoever is running it. A leader that was cut short
// says nothing about the others: one of them takes over.
func (x *flights) do(ctx context.Context, key string, make func() (made, error)) (s made, shared bool, err error) {
	for {
		fl, lead := x.join(key)
		if lead {
			defer x.leave(key, fl)
			fl.err = context.Canceled // what the others see if make panics
			fl.scheme, fl.err = make()
			return fl.scheme, false, fl.err
		}
		select {
		case <-ctx.Done():
			return made{}, false, ctx.Err()
		case <-fl.done:
		}
		if fl.err == nil || !cutShort(fl.err) {
			return fl.scheme, true, fl.err
		}
	}
}

func (x *flights) join(key string) (fl *flight, lead bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if fl := x.by[key]; fl != nil {
		return fl, false
	}
	if x.by == nil {
		x.by = make(map[string]*flight)
	}
	fl = &flight{done: make(chan struct{})}
	x.by[key] = fl
	return fl, true
}

func (x *flights) leave(key string, fl *flight) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.by, key)
	close(fl.done)
}
