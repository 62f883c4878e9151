package scheme_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"overseaspay/functions/internal/wiring"
	"overseaspay/functions/notify"
	"overseaspay/functions/pay"
	"overseaspay/functions/scheme"
	"overseaspay/shared/cashier"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/config"
	"overseaspay/shared/link"
	"overseaspay/shared/payment"
	"overseaspay/shared/provider/all"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store"
	"overseaspay/shared/store/embedded"
	"overseaspay/shared/web"
)

// rig is everything on one real port, as make run has it, with a clock of its own.
type rig struct {
	*testing.T
	url   string
	clock *clock
	db    *embedded.Store
	links *brokenLinks
	box   *sandbox.Sandbox
	item  map[string]any
	log   *lockedBuffer
	aws   *web.Function // the same function behind its own URL
	cfg   scheme.Config // what that one is made from
}

// clock starts now and moves when it is told to.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time      { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) Add(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.t = c.t.Add(d) }

// brokenLinks is a store that can be out.
type brokenLinks struct {
	store.LinkStore
	out atomic.Bool
}

var errOut = errors.New("the table is out")

func (b *brokenLinks) err() error {
	if b.out.Load() {
		return errOut
	}
	return nil
}

func (b *brokenLinks) PutLink(ctx context.Context, l *link.Link) error {
	if err := b.err(); err != nil {
		return err
	}
	return b.LinkStore.PutLink(ctx, l)
}

func (b *brokenLinks) GetLink(ctx context.Context, id string) (*link.Link, link.Opens, error) {
	if err := b.err(); err != nil {
		return nil, link.Opens{}, err
	}
	return b.LinkStore.GetLink(ctx, id)
}

func (b *brokenLinks) OpenLink(ctx context.Context, id string, env link.Env, now time.Time) (*link.Link, error) {
	if err := b.err(); err != nil {
		return nil, err
	}
	return b.LinkStore.OpenLink(ctx, id, env, now)
}

func (b *brokenLinks) Recall(ctx context.Context, key string, now time.Time) (string, error) {
	if err := b.err(); err != nil {
		return "", err
	}
	return b.LinkStore.Recall(ctx, key, now)
}

func (b *brokenLinks) Remember(ctx context.Context, key, value string, now, until time.Time) (string, error) {
	if err := b.err(); err != nil {
		return "", err
	}
	return b.LinkStore.Remember(ctx, key, value, now, until)
}

func (b *brokenLinks) Take(ctx context.Context, key string, limit int64, until time.Time) (bool, error) {
	if err := b.err(); err != nil {
		return false, err
	}
	return b.LinkStore.Take(ctx, key, limit, until)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
func (l *lockedBuffer) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, clock: &clock{t: time.Now().UTC().Truncate(time.Second)}, log: &lockedBuffer{}}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	r.url = server.URL
	var err error
	r.db, err = embedded.Open("")
	r.check(err)
	t.Cleanup(func() { _ = r.db.Close() })
	r.links = &brokenLinks{LinkStore: r.db}
	log := web.NewLog(r.log, slog.LevelInfo)
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r.box, err = sandbox.New(sandbox.Config{URL: r.url + "/sandbox", Twins: sandbox.All, HTTP: client, Now: r.clock.Now, Log: log})
	r.check(err)
	r.item = sandbox.DemoItem(r.url+"/sandbox", r.box.Twins(), cashiertest.Secret, cashiertest.Key)
	r.put("payment", r.item)
	cache, err := config.NewCache(config.CacheConfig{Store: r.db, Life: time.Second, Now: r.clock.Now, Log: log,
		Env: config.Env{Registry: all.Registry(), HTTP: client, Now: r.clock.Now}})
	r.check(err)
	c, err := cashier.New(cashier.Config{Store: r.db, Merchants: cache, NotifyURL: r.url + "/notify", Now: r.clock.Now, Log: log})
	r.check(err)
	r.cfg = scheme.Config{Cashier: c, Orders: r.db, Links: r.links, Merchants: cache, HTTP: client, Now: r.clock.Now, Log: log}
	onItsOwn, err := scheme.New(r.cfg)
	r.check(err)
	r.aws = web.Lambda(log, onItsOwn)
	cfg := r.cfg
	cfg.URL = r.url + "/scheme/"
	links, err := scheme.New(cfg)
	r.check(err)
	payments, err := pay.New(pay.Config{Cashier: c, Merchants: cache, Login: wiring.Login(client), Now: r.clock.Now})
	r.check(err)
	notices, err := notify.New(c)
	r.check(err)
	mux.Handle("/scheme/", web.Logged(log, http.StripPrefix("/scheme", links)))
	mux.Handle("/pay", web.Logged(log, payments))
	mux.Handle("/notify/", http.StripPrefix("/notify", notices))
	mux.Handle("/sandbox/", r.box)
	return r
}

func (r *rig) check(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// put stores a config item and lets the cache notice.
func (r *rig) put(id string, item map[string]any) {
	r.Helper()
	raw, err := json.Marshal(item)
	r.check(err)
	r.check(r.db.PutConfig(r.Context(), id, raw))
	r.clock.Add(2 * time.Second)
}

// set changes members of the item's scheme object.
func (r *rig) set(members map[string]any) {
	r.Helper()
	s := r.item["scheme"].(map[string]any)
	for name, value := range members {
		s[name] = value
	}
	r.put("payment", r.item)
}

// answer is a reply taken apart.
type answer struct {
	Status int
	Header http.Header
	Body   string

	OpenLink  string `json:"openlink"`
	Kind      string
	ExpiresAt string `json:"expires_at"`
	Reused    bool
	ID, URL   string
	QRURL     string `json:"qr_url"`
	AppID     string `json:"appId"`
	Timestamp int64
	NonceStr  string
	Signature string
	Opens     int64
	ByDay     map[string]int64 `json:"by_day"`
	ByEnv     map[string]int64 `json:"by_env"`
	Session   string
	Order     payment.View
	State     string `json:"trade_state"`
	Final     bool
	Error     struct {
		Code, Message string
		Retryable     bool
	}
}

func (r *rig) do(method, path, body string, header ...string) answer {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), method, r.url+path, strings.NewReader(body))
	r.check(err)
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	r.check(err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	r.check(err)
	out := answer{Status: res.StatusCode, Header: res.Header, Body: string(raw)}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		r.check(json.Unmarshal(raw, &out))
	}
	return out
}

func (r *rig) get(path string, header ...string) answer {
	r.Helper()
	return r.do("GET", "/scheme/"+path, "", header...)
}

// call posts an action; token "" is nobody.
func (r *rig) call(token, body string, header ...string) answer {
	r.Helper()
	if token != "" {
		header = append(header, "Authorization", "Bearer "+token)
	}
	return r.do("POST", "/scheme/", body, header...)
}

func (r *rig) server(body string) answer { r.Helper(); return r.call(cashiertest.Key, body) }

func (r *rig) want(got answer, status int, code, part string) {
	r.Helper()
	if got.Status != status || got.Error.Code != code || !strings.Contains(got.Error.Message, part) {
		r.Errorf("%d %s, want %d %s with %q", got.Status, got.Body, status, code, part)
	}
}

func (r *rig) login(code string) string {
	r.Helper()
	return r.do("POST", "/pay", `{"action":"login","code":"`+code+`"}`).Session
}

func (r *rig) order(no, more string) answer {
	r.Helper()
	out := r.do("POST", "/pay", `{"action":"createorder","out_trade_no":"`+no+`","total_fee":1299,"body":"Green tea <b>&amp;"`+more+`}`, "Authorization", "Bearer "+cashiertest.Key)
	if out.Status != http.StatusOK {
		r.Fatal(out.Body)
	}
	return out
}

func (r *rig) mustLink(body string) answer {
	r.Helper()
	out := r.server(body)
	if out.Status != http.StatusOK || out.ID == "" {
		r.Fatal(out.Body)
	}
	return out
}

func (r *rig) path(url string) string { return strings.TrimPrefix(url, r.url+"/scheme/") }
