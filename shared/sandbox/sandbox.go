package sandbox

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Config is what a sandbox is made from.
type Config struct {
	// URL is where the sandbox is served, without a trailing slash, e.g.
	// http://127.0.0.1:3000/sandbox. Its path is the prefix of all others. Required.
	URL string
	// Twins makes the simulated processors. Required.
	Twins func(Env) []Twin
	// HTTP posts the notices; nil: a client of its own. Every notice has 5 seconds.
	HTTP *http.Client
	// Now and Nonce are the only clock and chance; nil: the real ones. A nonce is 32
	// letters and digits.
	Now   func() time.Time
	Nonce func() string
	// Log hears of notices that are given up; nil: nothing is logged.
	Log *slog.Logger
}

// Sandbox is every simulated processor behind one handler, their common ledger,
// and the desk at which a person or a test pays, refunds and causes faults. It is
// safe for concurrent use, and does the same again given the same Now and Nonce.
type Sandbox struct {
	cfg    Config
	base   *url.URL
	ledger *Ledger
	twins  map[string]Twin
	order  []Twin
	weixin *Weixin
	apis   map[string]http.Handler // by first path element
	own    *http.ServeMux          // the desk and the checkout pages

	mu     sync.Mutex
	faults []Fault
	queue  []parcel
}

var _ http.Handler = (*Sandbox)(nil)

// New makes a sandbox. It serves at once; nothing runs in the background.
func New(cfg Config) (*Sandbox, error) {
	base, err := url.Parse(strings.TrimSuffix(cfg.URL, "/"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, errors.New("sandbox: URL: must be an http(s) URL")
	}
	if cfg.Twins == nil {
		return nil, errors.New("sandbox: Twins: required")
	}
	cfg.URL = base.String()
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Nonce == nil {
		cfg.Nonce = func() string { return rand.Text() + rand.Text()[:6] }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Sandbox{cfg: cfg, base: base, ledger: &Ledger{}, twins: make(map[string]Twin), apis: make(map[string]http.Handler)}
	env := Env{Ledger: s.ledger, Now: cfg.Now, Nonce: cfg.Nonce, URL: cfg.URL}
	s.weixin = NewWeixin(env, DemoAppID, DemoAppSecret)
	s.mount("weixin", s.weixin)
	for _, t := range cfg.Twins(env) {
		if _, taken := s.apis[t.Name()]; taken {
			return nil, fmt.Errorf("sandbox: two twins are named %s", t.Name())
		}
		s.twins[t.Name()], s.order = t, append(s.order, t)
		s.mount(t.Name(), t)
	}
	s.own = s.routes()
	return s, nil
}

func (s *Sandbox) mount(name string, api http.Handler) {
	s.apis[name] = http.StripPrefix(s.base.Path+"/"+name, api)
}

// Twins returns the simulated processors in the order they were given.
func (s *Sandbox) Twins() []Twin { return s.order }

// Weixin returns the simulated api.weixin.qq.com.
func (s *Sandbox) Weixin() *Weixin { return s.weixin }

// Trades returns the ledger of all processors, oldest trade first.
func (s *Sandbox) Trades() []Trade { return s.ledger.Trades() }

// ServeHTTP answers everything below the path of Config.URL: a processor's API
// under its name, else the sandbox's own pages.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, below := strings.CutPrefix(r.URL.Path, s.base.Path+"/")
	if !below {
		http.NotFound(w, r)
		return
	}
	name, _, _ := strings.Cut(path, "/")
	if api, ok := s.apis[name]; ok {
		s.serveAPI(w, r, name, api)
		return
	}
	http.StripPrefix(s.base.Path, s.own).ServeHTTP(w, r)
}

func (s *Sandbox) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.index)
	mux.HandleFunc("GET /trades", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Trades()) })
	mux.HandleFunc("POST /fault", s.postFault)
	mux.HandleFunc("GET /checkout/{name}/{sp}", s.showCheckout)
	mux.HandleFunc("POST /checkout/{name}/{sp}", s.postCheckout)
	for verb, do := range s.verbs() {
		mux.HandleFunc("POST /"+verb+"/{no}", deskHandler(do))
	}
	return mux
}

func (s *Sandbox) index(w http.ResponseWriter, _ *http.Request) {
	names := make([]string, 0, len(s.order))
	for _, t := range s.order {
		names = append(names, t.Name())
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"processors": names,
		"trades":     s.cfg.URL + "/trades",
		"desk": []string{
			"POST pay/{no}?provider=&amount=&notify=0|1|2&later=30s&late=1", "POST fail/{no}", "POST close/{no}",
			"POST refund/{no}?amount=", "POST chargeback/{no}", "POST notify/{no}", "POST fault",
		},
		"waiting_notices": s.Pending(),
	})
}

// DemoItem is the config item of a demo shop that has an account at every twin.
// The session secret (at least 32 bytes) and the merchant key are the caller's,
// made afresh for each installation.
func DemoItem(url string, twins []Twin, sessionSecret, merchantKey string) map[string]any {
	providers := make(map[string]any, len(twins))
	for _, t := range twins {
		account := map[string]any{"base_url": url + "/" + t.Name()}
		for member, value := range t.Settings() {
			account[member] = value
		}
		providers[t.Name()] = account
	}
	return map[string]any{
		"pay_sp": "yaband", "currency": "EUR",
		"appid": DemoAppID, "appsecret": DemoAppSecret, "weixin_base_url": url + "/weixin",
		"session_secret": sessionSecret, "merchant_keys": []string{merchantKey},
		"scheme":    DemoScheme(hostOf(url)),
		"providers": providers,
	}
}

// hostOf is the host and port of a URL.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(value) // a client that went away is no concern of ours
}
