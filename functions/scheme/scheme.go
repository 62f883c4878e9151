// Package scheme is the function that brings shoppers into the mini-program, from
// an SMS, a poster or a browser: schemes, short links with their pages and QR
// codes, payment pages, and what pages inside WeChat sign themselves with.
//
//	POST {scheme}             scheme, link, jssdk, stats
//	GET  {scheme}/{id}        a link's landing page, or its order's payment page
//	POST {scheme}/{id}        a button of a payment page
//	GET  {scheme}/{id}/state  where the order stands, for a payment page that waits
//	GET  {scheme}/{id}.svg    QR code of the link's URL; .png too
//	GET  {scheme}/{file}      scheme.verify_files of the default merchant
//
// Mount it with its prefix stripped. It must not know processors.
//
//	handler, err := scheme.New(scheme.Config{Cashier: c, Orders: store, Links: store, Merchants: cache, HTTP: client})
package scheme

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"overseaspay/functions/internal/caller"
	"overseaspay/shared/cashier"
	"overseaspay/shared/config"
	"overseaspay/shared/link"
	"overseaspay/shared/payment"
	"overseaspay/shared/store"
	"overseaspay/shared/web"
)

// callTime bounds one call; a payment page's button asks a processor within it.
const callTime = 20 * time.Second

// Orders loads orders; every store does.
type Orders interface {
	Get(ctx context.Context, merchant, outTradeNo string) (*payment.Order, error)
}

// Config is what the function is made from.
type Config struct {
	Cashier   *cashier.Cashier  // required
	Orders    Orders            // required
	Links     store.LinkStore   // required
	Merchants cashier.Merchants // required
	HTTP      *http.Client      // to WeChat's servers; required
	URL       string            // where this is served, without a trailing slash; "": https and the host that was called
	Now       func() time.Time
	Log       *slog.Logger
}

type function struct {
	Config
	proof   caller.Proof
	api     web.API
	weixin  weixins
	refused refusals
	flights flights
}

// New makes the handler.
func New(cfg Config) (http.Handler, error) {
	if cfg.Cashier == nil || cfg.Orders == nil || cfg.Links == nil || cfg.Merchants == nil || cfg.HTTP == nil {
		return nil, errors.New("scheme: Cashier, Orders, Links, Merchants and HTTP are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.URL = strings.TrimSuffix(cfg.URL, "/")
	f := &function{Config: cfg, proof: caller.Proof{Merchants: cfg.Merchants, Now: cfg.Now}, weixin: weixins{http: cfg.HTTP, now: cfg.Now}}
	f.api = web.API{Auth: f.proof.Auth("jssdk"), Actions: web.Actions{
		"scheme": web.Handle(f.scheme),
		"link":   web.Handle(f.link, web.User, web.Server),
		"jssdk":  web.Handle(f.jssdk),
		"stats":  web.Handle(f.stats, web.Server),
	}}
	return f, nil
}

// ServeHTTP tells the few paths apart. What is no link's id never gets further.
func (f *function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), callTime)
	defer cancel()
	r = r.WithContext(ctx)
	path := strings.TrimPrefix(r.URL.Path, "/")
	id, state := strings.CutSuffix(path, "/state")
	name, kind, picture := strings.Cut(path, ".")
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case path == "":
		f.root(w, r)
	case !state && read && f.verifyFile(w, r, path):
	case state && read && link.IsID(id):
		f.state(w, r, id)
	case picture && read && link.IsID(name) && (kind == "svg" || kind == "png"):
		f.picture(w, r, name, kind)
	case read && link.IsID(path):
		f.open(w, r, path)
	case r.Method == http.MethodPost && link.IsID(path):
		f.press(w, r, path)
	default:
		gone(w)
	}
}

// gone is the answer to every id that is unknown, expired or forged.
func gone(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "404 not found", http.StatusNotFound)
}

// base is where this function is served.
func (f *function) base(host string) string {
	if f.URL != "" {
		return f.URL
	}
	return "https://" + host
}

// publicHost is the host of base, as scheme.hosts has it: browsers see no other.
func (f *function) publicHost(host string) string {
	if u, err := url.Parse(f.base(host)); err == nil {
		host = u.Host
	}
	return strings.ToLower(host)
}

// verifyFile serves WeChat's proof that a domain is ours, from the item of the
// default merchant: the domain belongs to the stack, not to one merchant.
func (f *function) verifyFile(w http.ResponseWriter, r *http.Request, name string) bool {
	if link.IsID(name) || strings.Contains(name, "/") {
		return false
	}
	m, err := f.Merchants.Merchant(r.Context(), config.DefaultMerchant)
	if err != nil {
		return false
	}
	content, ok := m.Item.Scheme.VerifyFiles[name]
	if ok {
		h := w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write([]byte(content))
	}
	return ok
}

// find loads a living link and its merchant. What is wrong is answered already
// where ok is false.
func (f *function) find(w http.ResponseWriter, r *http.Request, load func() (*link.Link, error)) (l *link.Link, m *config.Merchant, ok bool) {
	l, err := load()
	if err == nil && l.Expired(f.Now()) {
		err = store.ErrNotFound
	}
	if err == nil {
		web.Note(r.Context(), slog.String("merchant", l.Merchant), slog.String("channel", l.Channel))
		m, err = f.Merchants.Merchant(r.Context(), l.Merchant)
	}
	switch {
	case err == nil:
		return l, m, true
	case errors.Is(err, store.ErrNotFound), errors.Is(err, config.ErrNoMerchant):
		gone(w)
	default:
		f.notNow(w, r, err)
	}
	return nil, nil, false
}

// notNow answers a browser when something of ours is out.
func (f *function) notNow(w http.ResponseWriter, r *http.Request, err error) {
	web.Note(r.Context(), slog.String("error", err.Error()))
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "not now, try again in a moment / 请稍后再试", http.StatusServiceUnavailable)
}

// get is a link without counting it as opened.
func (f *function) get(ctx context.Context, id string) func() (*link.Link, error) {
	return func() (*link.Link, error) {
		l, _, err := f.Links.GetLink(ctx, id)
		return l, err
	}
}
