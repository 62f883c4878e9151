// Package cashiertest is a whole cashier in memory, for tests: a store, every
// processor simulated, and one clock that only moves when it is told to. Nothing
// opens a socket. It must not be imported by product code.
//
//	r := cashiertest.New(t)
//	p := r.MustPay(t, "ORDER-0001", cashier.UnifiedOrder{})
//	r.Box.Pay(ctx, "ORDER-0001", sandbox.PayOptions{})
package cashiertest

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"overseaspay/functions/notify"
	"overseaspay/shared/cashier"
	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/provider/all"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store"
	"overseaspay/shared/store/embedded"
	"overseaspay/shared/web"
)

// Where everything seems to be.
const (
	SandboxURL = "http://sandbox.test/sandbox"
	NotifyURL  = "https://pay.test/notify"
	Key        = "sk_default_0123456789abcdefghij"
	Secret     = "a session secret of at least 32 bytes"
)

// Clock is a clock that moves when it is told to.
type Clock struct {
	mu sync.Mutex
	t  time.Time
}

// Now is the time it shows.
func (c *Clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

// Add moves it.
func (c *Clock) Add(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.t = c.t.Add(d) }

// Store is a store whose saves a test can make fail.
type Store struct {
	store.Store
	mu sync.Mutex
	// OnSave and OnGet are called first, if set; an error is returned instead of
	// doing anything. They are the test's to guard.
	OnSave func() error
	OnGet  func() error
	Saves  int
	Gets   int
}

// Save counts, and fails when the test says so.
func (s *Store) Save(ctx context.Context, o *payment.Order) error {
	s.mu.Lock()
	s.Saves++
	on := s.OnSave
	s.mu.Unlock()
	if on != nil {
		if err := on(); err != nil {
			return err
		}
	}
	return s.Store.Save(ctx, o)
}

// Get counts.
func (s *Store) Get(ctx context.Context, merchant, no string) (*payment.Order, error) {
	s.mu.Lock()
	s.Gets++
	on := s.OnGet
	s.mu.Unlock()
	if on != nil {
		if err := on(); err != nil {
			return nil, err
		}
	}
	return s.Store.Get(ctx, merchant, no)
}

// Rig is a cashier with all around it.
type Rig struct {
	Clock   *Clock
	Store   *Store
	Config  *embedded.Store
	Box     *sandbox.Sandbox
	Cache   *config.Cache
	Cashier *cashier.Cashier
	Item    map[string]any // the config item; change it and call Put
	Log     *bytes.Buffer  // everything that was logged, as JSON lines
	Env     config.Env
	// Intercept sees every request to a processor first, if set, and may answer it.
	Intercept func(*http.Request) *http.Response
	logMu     sync.Mutex
	dropped   map[string]bool
}

// Drop makes the cashier find no config item of a merchant any more.
func (r *Rig) Drop(merchant string) { r.dropped = map[string]bool{merchant: true} }

type merchants struct{ r *Rig }

func (m merchants) Merchant(ctx context.Context, name string) (*config.Merchant, error) {
	if m.r.dropped[name] {
		return nil, config.ErrNoMerchant
	}
	return m.r.Cache.Merchant(ctx, name)
}

// New makes a rig whose demo shop has an account at every processor.
func New(t testing.TB) *Rig {
	t.Helper()
	r := &Rig{Clock: &Clock{t: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}, Log: &bytes.Buffer{}}
	db, err := embedded.Open("")
	fatal(t, err)
	t.Cleanup(func() { _ = db.Close() })
	r.Config, r.Store = db, &Store{Store: db}
	log := web.NewLog(r, slog.LevelDebug)
	r.Box, err = sandbox.New(sandbox.Config{URL: SandboxURL, Twins: sandbox.All, Now: r.Clock.Now,
		HTTP: &http.Client{Transport: poster{r}}, Log: log})
	fatal(t, err)
	r.Item = sandbox.DemoItem(SandboxURL, r.Box.Twins(), Secret, Key)
	r.watch(t)
	r.Put(t, "payment", r.Item)
	r.Env = config.Env{Registry: all.Registry(), HTTP: &http.Client{Transport: wire{r}}, Now: r.Clock.Now}
	r.Cache, err = config.NewCache(config.CacheConfig{Store: db, Life: time.Second, Now: r.Clock.Now, Log: log, Env: r.Env})
	fatal(t, err)
	r.Cashier, err = cashier.New(cashier.Config{Store: r.Store, Merchants: merchants{r}, NotifyURL: NotifyURL,
		Now: r.Clock.Now, Wait: yield, Log: log})
	fatal(t, err)
	return r
}

// yield lets other goroutines go on, whatever the wait; the clock does not move.
func yield(ctx context.Context, _ time.Duration) error {
	select {
	case <-time.After(time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Write is the logger's.
func (r *Rig) Write(p []byte) (int, error) {
	r.logMu.Lock()
	defer r.logMu.Unlock()
	return r.Log.Write(p)
}

// Logged returns all that was logged so far.
func (r *Rig) Logged() string { r.logMu.Lock(); defer r.logMu.Unlock(); return r.Log.String() }

// Put stores a config item and lets caches notice.
func (r *Rig) Put(t testing.TB, id string, item map[string]any) {
	t.Helper()
	raw, err := json.Marshal(item)
	fatal(t, err)
	fatal(t, r.Config.PutConfig(t.Context(), id, raw))
	r.Clock.Add(2 * time.Second)
}

// Switch sends new orders to another processor.
func (r *Rig) Switch(t testing.TB, paySP string) {
	t.Helper()
	r.Item["pay_sp"] = paySP
	r.Put(t, "payment", r.Item)
}

// Provider is a processor's settings in the demo item, to be changed before Put.
func (r *Rig) Provider(name string) map[string]any {
	return r.Item["providers"].(map[string]any)[name].(map[string]any)
}

// Server is the demo shop's own server as a caller.
func (r *Rig) Server(t testing.TB) cashier.Caller {
	t.Helper()
	m, err := r.Cache.Merchant(t.Context(), "default")
	fatal(t, err)
	return cashier.Caller{Merchant: m, ClientIP: "192.0.2.7"}
}

// User is a logged-in user of the demo shop as a caller.
func (r *Rig) User(t testing.TB, openid string) cashier.Caller {
	t.Helper()
	who := r.Server(t)
	who.OpenID, who.AppID = openid, who.Merchant.Item.AppID
	return who
}

// Order is what a server sends for a new order of 12.99 of the route's currency.
func Order(no string) cashier.UnifiedOrder {
	fee := int64(1299)
	return cashier.UnifiedOrder{CreateOrder: cashier.CreateOrder{OutTradeNo: no, TotalFee: &fee, Body: "Tea", OpenID: "o-shopper"}}
}

// MustPay makes an order and gets what it is paid with.
func (r *Rig) MustPay(t testing.TB, in cashier.UnifiedOrder) cashier.Paying {
	t.Helper()
	p, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
	fatal(t, err)
	return p
}

// Query is the server's queryorder.
func (r *Rig) Query(t testing.TB, no string) *payment.Order {
	t.Helper()
	o, err := r.Cashier.QueryOrder(t.Context(), r.Server(t), cashier.Which{OutTradeNo: no})
	fatal(t, err)
	return o
}

// Stored is the order as the store has it.
func (r *Rig) Stored(t testing.TB, no string) *payment.Order {
	t.Helper()
	o, err := r.Store.Store.Get(t.Context(), "default", no)
	fatal(t, err)
	return o
}

// Post delivers a notice to the notify function, as a processor would.
func (r *Rig) Post(req *http.Request) *httptest.ResponseRecorder {
	h, err := notify.New(r.Cashier)
	if err != nil {
		panic(err)
	}
	if req.Body == nil {
		req.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	req.URL.Path = strings.TrimPrefix(req.URL.Path, "/notify")
	h.ServeHTTP(w, req)
	return w
}

// wire carries requests to the processors.
type wire struct{ r *Rig }

func (w wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if w.r.Intercept != nil {
		if res := w.r.Intercept(req); res != nil {
			return res, nil
		}
	}
	return w.r.Box.Transport().RoundTrip(req)
}

// Answer is an answer of a processor for Intercept to give.
func Answer(status int, body string) *http.Response {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.WriteString(body)
	return w.Result()
}

// poster carries the sandbox's notices to the notify function.
type poster struct{ r *Rig }

func (p poster) RoundTrip(req *http.Request) (*http.Response, error) {
	return p.r.Post(req.Clone(req.Context())).Result(), nil
}

// Conflict is what a save meets when somebody else was faster.
var Conflict = store.ErrConflict
