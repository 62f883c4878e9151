package config_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/store"
)

// items is a store of config items.
type items struct {
	mu    sync.Mutex
	items map[string]string
	err   error
	hold  func(context.Context) error // called on every read
	reads []string
}

func (s *items) GetConfig(ctx context.Context, id string) (json.RawMessage, error) {
	s.mu.Lock()
	s.reads = append(s.reads, id)
	item, ok := s.items[id]
	err, hold := s.err, s.hold
	s.mu.Unlock()
	if hold != nil {
		if err := hold(ctx); err != nil {
			return nil, err
		}
	}
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, fmt.Errorf("config %s: %w", id, store.ErrNotFound)
	}
	return json.RawMessage(item), nil
}

func (s *items) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *items) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.reads)
}

// rig is a cache with everything around it under control.
type rig struct {
	*config.Cache
	*items
	log  bytes.Buffer
	now  time.Time
	keys *resolver
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{items: &items{items: map[string]string{"payment": full}}, now: time.Unix(1_700_000_000, 0), keys: &resolver{}}
	e := env()
	e.Secrets = r.keys
	c, err := config.NewCache(config.CacheConfig{
		Store: r.items, Env: e, Life: time.Minute, Log: slog.New(slog.NewJSONHandler(&r.log, nil)),
		Now: func() time.Time { return r.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Cache = c
	return r
}

func (r *rig) get(t *testing.T, name string) *config.Merchant {
	t.Helper()
	m, err := r.Merchant(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// fails checks the code and the retryability that callers see.
func (r *rig) fails(t *testing.T, name string, code payment.Code, retryable bool) error {
	t.Helper()
	m, err := r.Merchant(t.Context(), name)
	var e *payment.Error
	if m != nil || !errors.As(err, &e) || e.Code != code || e.Retryable != retryable {
		t.Fatalf("Merchant(%q) = %v, %v; want %s, retryable %v", name, m, err, code, retryable)
	}
	return err
}

func changed(title string) string { return string(with(map[string]any{"scheme.title": title})) }

func TestCacheServesFresh(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.items.items["payment:shop-2"] = strings.Replace(full, plainKey, "sk_shop-2_0123456789abcdef", 1)
	first := r.get(t, "default")
	if second := r.get(t, "shop-2"); second.Name != "shop-2" || second == first {
		t.Errorf("shop-2 is %v", second)
	}
	r.now = r.now.Add(59 * time.Second)
	if r.get(t, "default") != first || r.count() != 2 {
		t.Errorf("read %v within its life", r.reads)
	}
	r.now = r.now.Add(time.Hour)
	if r.get(t, "default") != first || r.count() != 3 {
		t.Errorf("an unchanged item was built again, or not asked for: %v", r.reads)
	}
	r.items.items["payment"] = changed("New")
	r.now = r.now.Add(time.Minute)
	if got := r.get(t, "default"); got.Item.Scheme.Title != "New" {
		t.Errorf("title %q after a change", got.Item.Scheme.Title)
	}
	if want := []string{"payment", "payment:shop-2", "payment", "payment"}; fmt.Sprint(r.reads) != fmt.Sprint(want) {
		t.Errorf("read %v", r.reads)
	}
}

func TestCacheServesLastGood(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		spoil  func(*items)
		metric string
		says   string
	}{
		{"invalid", func(s *items) { s.items["payment"] = `{"pay_sp":"acne","key":"canary-secret"}` }, "config_invalid", "pay_sp: unknown processor"},
		{"outage", func(s *items) { s.err = errors.New("throttled") }, "config_unavailable", "throttled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			good := r.get(t, "default")
			tt.spoil(r.items)
			r.now = r.now.Add(time.Minute)
			first := r.get(t, "default")
			r.now = r.now.Add(59 * time.Second)
			if first != good || r.get(t, "default") != good || r.count() != 2 {
				t.Errorf("the last good one is not served for a life: %d reads", r.count())
			}
			var line struct {
				Level, Metric, Merchant string
				Problems                []string
				Serves                  bool `json:"last_good_serves"`
			}
			if err := json.Unmarshal(r.log.Bytes(), &line); err != nil {
				t.Fatalf("not one log line: %v: %s", err, &r.log)
			}
			if line.Level != "ERROR" || line.Metric != tt.metric || line.Merchant != "default" || !line.Serves ||
				!strings.Contains(fmt.Sprint(line.Problems), tt.says) || strings.Contains(r.log.String(), "canary") {
				t.Errorf("log %s", &r.log)
			}
			r.items.err, r.items.items["payment"] = nil, changed("Mended")
			r.now = r.now.Add(time.Second)
			if got := r.get(t, "default"); got.Item.Scheme.Title != "Mended" {
				t.Error("a mended item is not picked up")
			}
		})
	}
}

func TestCacheWithNothingGood(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.items.err = errors.New("throttled")
	r.fails(t, "default", payment.ConfigInvalid, true)
	r.fails(t, "default", payment.ConfigInvalid, true)
	if r.count() != 1 {
		t.Errorf("%d reads within a second of an outage", r.count())
	}
	r.now = r.now.Add(time.Second)
	r.items.err, r.items.items["payment"] = nil, `{"key":"canary-secret"}`
	err := r.fails(t, "default", payment.ConfigInvalid, false)
	var problems config.Problems
	if !errors.As(err, &problems) || strings.Contains(err.Error(), "pay_sp") {
		t.Errorf("error %v, cause %v: callers see no detail, logs do", err, errors.Unwrap(err))
	}
	r.now = r.now.Add(59 * time.Second)
	r.fails(t, "default", payment.ConfigInvalid, false)
	if r.count() != 2 {
		t.Errorf("%d reads of an invalid item within its life", r.count())
	}
	r.now, r.items.items["payment"] = r.now.Add(time.Second), full
	r.get(t, "default")
}

func TestCacheNoMerchant(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, name := range []string{"", "Shop", "a/b", "a_b", strings.Repeat("a", 33), "ä"} {
		if err := r.fails(t, name, payment.NotFound, false); !errors.Is(err, config.ErrNoMerchant) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if r.count() != 0 {
		t.Fatalf("the store was asked for %v", r.reads)
	}
	for range 3 {
		if err := r.fails(t, "nobody", payment.NotFound, false); !errors.Is(err, config.ErrNoMerchant) {
			t.Error(err)
		}
	}
	if r.count() != 1 {
		t.Errorf("%d reads for a name that is not there", r.count())
	}
	r.items.items["payment:nobody"] = strings.Replace(full, plainKey, "sk_nobody_0123456789abcdef", 1)
	r.now = r.now.Add(time.Minute)
	r.get(t, "nobody")
	delete(r.items.items, "payment:nobody")
	r.now = r.now.Add(time.Minute)
	r.fails(t, "nobody", payment.NotFound, false)
}

func TestCacheFloodOfNames(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.items.items["payment:known"] = strings.Replace(full, plainKey, "sk_known_0123456789abcdef", 1)
	known := r.get(t, "known")
	for i := range 1000 {
		r.fails(t, fmt.Sprintf("n%d", i), payment.NotFound, false)
	}
	for i := range 1000 {
		r.fails(t, fmt.Sprintf("m%d", i), payment.TooManyRequests, true)
	}
	if r.count() != 1001 {
		t.Errorf("%d reads in a flood", r.count())
	}
	if r.get(t, "known") != known {
		t.Error("a known merchant suffers from the flood")
	}
	r.get(t, "default")
	r.now = r.now.Add(time.Minute)
	r.fails(t, "m0", payment.NotFound, false)
}

func TestCacheReloadsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		gate := make(chan struct{})
		r.hold = func(context.Context) error { <-gate; return nil }
		var wg sync.WaitGroup
		got := make([]*config.Merchant, 20)
		for i := range got {
			wg.Go(func() { got[i], _ = r.Merchant(t.Context(), "default") })
		}
		synctest.Wait()
		if r.count() != 1 {
			t.Errorf("%d reads at once of a new merchant", r.count())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Merchant(ctx, "default"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waited beyond its deadline: %v", err)
		}
		close(gate)
		wg.Wait()
		for _, m := range got {
			if m == nil || m != got[0] {
				t.Fatal("a waiter got something else")
			}
		}

		gate = make(chan struct{})
		r.set(func() { r.items.items["payment"] = changed("New") })
		r.now = r.now.Add(time.Minute)
		wg.Go(func() { got[1], _ = r.Merchant(t.Context(), "default") })
		synctest.Wait()
		if m := r.get(t, "default"); m != got[0] || r.count() != 2 {
			t.Errorf("during a reload %v is served after %d reads, want the old one", m, r.count())
		}
		close(gate)
		wg.Wait()
		if got[1].Item.Scheme.Title != "New" {
			t.Error("who reloads gets the old one")
		}
	})
}

func TestCacheHangingStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		good := r.get(t, "default")
		r.hold = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		r.now = r.now.Add(time.Minute)
		began := time.Now()
		if r.get(t, "default") != good || time.Since(began) != 3*time.Second {
			t.Errorf("the last good one came after %v", time.Since(began))
		}
	})
}

// A caller who gives up says nothing about the store: the next one asks at once.
func TestCacheCallerGivesUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	r.hold = func(ctx context.Context) error { cancel(); return ctx.Err() }
	if _, err := r.Merchant(ctx, "default"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	r.hold = nil
	r.get(t, "default")
}

// A processor's check that panics must not lock its merchant up.
func TestCachePanic(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.hold = func(context.Context) error { panic("broken") }
	func() {
		defer func() { _ = recover() }()
		_, _ = r.Merchant(t.Context(), "default")
	}()
	r.hold = nil
	r.get(t, "default")
}

func TestCacheParameters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.items.items["payment"] = string(with(map[string]any{"appsecret": "ssm:/pay/appsecret"}))
	r.keys.values = map[string]string{"/pay/appsecret": "one"}
	first := r.get(t, "default")
	for range 9 {
		r.now = r.now.Add(time.Minute)
		r.get(t, "default")
	}
	if len(r.keys.asked) != 1 || r.get(t, "default") != first {
		t.Errorf("parameters were asked for %d times in 9 minutes", len(r.keys.asked))
	}
	r.keys.values = map[string]string{"/pay/appsecret": "two"}
	r.now = r.now.Add(time.Minute)
	if got := r.get(t, "default").Item.AppSecret.Reveal(); got != "two" {
		t.Errorf("a rotated parameter is %q after ten minutes", got)
	}
	r.keys.err = errors.New("parameter store is out")
	r.now = r.now.Add(10 * time.Minute)
	if got := r.get(t, "default").Item.AppSecret.Reveal(); got != "two" {
		t.Errorf("during an outage it is %q", got)
	}
	if !strings.Contains(r.log.String(), `"config_unavailable"`) {
		t.Errorf("log %s", &r.log)
	}
}

func TestNewCache(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]config.CacheConfig{
		"no store":      {Env: env()},
		"no registry":   {Store: &items{}},
		"negative life": {Store: &items{}, Env: env(), Life: -1},
	} {
		if _, err := config.NewCache(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	s := &items{items: map[string]string{"payment": full}}
	c, err := config.NewCache(config.CacheConfig{Store: s, Env: env()})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := c.Merchant(t.Context(), "default"); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.reads) != 1 {
		t.Errorf("%d reads with the default life", len(s.reads))
	}
}
