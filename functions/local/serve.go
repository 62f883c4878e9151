package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"overseaspay/functions/deliver"
	"overseaspay/functions/internal/wiring"
	"overseaspay/functions/notify"
	"overseaspay/functions/pay"
	"overseaspay/functions/scheme"
	"overseaspay/shared/cashier"
	"overseaspay/shared/config"
	"overseaspay/shared/provider/all"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store"
	"overseaspay/shared/web"
	"overseaspay/shared/webhook"
)

const configLife = time.Second // a changed item serves a second later

// server is everything that one port serves.
type server struct {
	options
	url       string
	log       *slog.Logger
	store     *stream
	env       config.Env
	merchants *config.Cache
	cashier   *cashier.Cashier
	webhook   *webhook.Sender
	deliver   *deliver.Function
	sandbox   *sandbox.Sandbox // nil with -sandbox=false
	key       string           // the demo item's merchant key, "" for any other item
	empty     bool             // there is neither a config file nor a stored item
	moved     string           // the address that the demo item was written for, where it is another
}

// serve runs until the context ends, then lets open requests finish.
func serve(ctx context.Context, o options, out, logs io.Writer) error {
	log := web.NewLog(logs, slog.LevelInfo)
	l, err := net.Listen("tcp", o.addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w; is a server running already? another -addr, with another -data, starts one beside it", err)
	}
	if err != nil {
		return err
	}
	defer l.Close()
	b, closeStore, err := o.open(ctx, true)
	if err != nil {
		return err
	}
	defer closeStore()
	s := &server{options: o, url: "http://" + reachable(l.Addr().String()), log: log, store: newStream(b)}
	if err := s.build(ctx); err != nil {
		return err
	}
	w := &watcher{path: o.config, id: configID(), env: s.env, to: b, log: log, sandbox: s.sandboxURL()}
	if s.key, err = s.firstConfig(ctx, w); err != nil {
		return err
	}
	door, err := s.openDoor()
	if err != nil {
		return err
	}
	defer door.close()
	h, err := s.handler(door)
	if err != nil {
		return err
	}
	s.greet(out)
	return s.loop(ctx, l, h, w)
}

func configID() string {
	return cmp.Or(os.Getenv("CONFIG_ID"), "payment")
}

func (s *server) build(ctx context.Context) error {
	client := wiring.Client()
	s.env = config.Env{Registry: all.Registry(), HTTP: client, Counted: wiring.Counted(s.log), Secrets: secrets(ctx, client)}
	var err error
	s.merchants, err = config.NewCache(config.CacheConfig{Store: s.store, ID: configID(), Life: configLife, Log: s.log, Env: s.env})
	if err != nil {
		return err
	}
	notifyURL := cmp.Or(os.Getenv("NOTIFY_URL"), s.url+"/notify")
	if s.cashier, err = cashier.New(cashier.Config{Store: s.store, Merchants: s.merchants, NotifyURL: notifyURL, Log: s.log}); err != nil {
		return err
	}
	if s.webhook, err = webhook.New(webhook.Config{Loopback: true, Log: s.log}); err != nil {
		return err
	}
	s.deliver, err = deliver.New(deliver.Config{Cashier: s.cashier, Orders: s.store, Merchants: s.merchants, Deliverer: s.webhook, Log: s.log})
	if url := s.sandboxURL(); err == nil && url != "" {
		s.sandbox, err = sandbox.New(sandbox.Config{URL: url, Twins: sandbox.All, Log: s.log})
	}
	return err
}

// sandboxURL is where the simulated processors are, "" without them.
func (s *server) sandboxURL() string {
	if !s.options.sandbox {
		return ""
	}
	return s.url + "/sandbox"
}

// firstConfig makes sure that there is a valid config item before anything is
// served. It returns the key of the demo item, if that is what serves.
func (s *server) firstConfig(ctx context.Context, w *watcher) (key string, err error) {
	if s.demo && s.sandbox != nil {
		if key, err = writeDemo(s.config, w.id, w.sandbox, s.sandbox.Twins()); err != nil {
			return "", err
		}
	}
	_, err = w.load(ctx)
	s.moved = w.moved
	switch {
	case s.demo && s.sandbox == nil && errors.Is(err, fs.ErrNotExist): // the store may hold an item already
		_, err = s.store.GetConfig(ctx, w.id)
		if s.empty = errors.Is(err, store.ErrNotFound); s.empty {
			return "", nil
		}
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("-config %s: there is no such file; write a config item into it, or leave -config out: a demo item is then written to %s", s.config, defaultConfig)
	}
	return key, err
}

func (s *server) handler(d *door) (http.Handler, error) {
	payments, err := pay.New(pay.Config{Cashier: s.cashier, Merchants: s.merchants, Login: wiring.Login(s.env.HTTP)})
	if err != nil {
		return nil, err
	}
	notices, err := notify.New(s.cashier)
	if err != nil {
		return nil, err
	}
	links, err := scheme.New(scheme.Config{Cashier: s.cashier, Orders: s.store, Links: s.store, Merchants: s.merchants,
		HTTP: s.env.HTTP, URL: s.schemeURL(), Log: s.log})
	if err != nil {
		return nil, err
	}
	links = web.Logged(s.log, http.StripPrefix("/scheme", links))
	mux := http.NewServeMux()
	mux.Handle("/scheme", links)
	mux.Handle("/scheme/", links)
	mux.Handle("/{file}", s.rootFile(links))
	mux.Handle("/pay", web.Logged(s.log, payments))
	mux.Handle("/notify/", web.Logged(s.log, http.StripPrefix("/notify", notices)))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.Handle("GET /{$}", s.console())
	mux.HandleFunc("GET /orders/{no}", s.showOrder)
	mux.HandleFunc("POST /-/link", s.newLink)
	mux.Handle("POST "+doorPath, d)
	if s.sandbox != nil {
		mux.Handle("/sandbox/", s.sandbox)
	}
	return mux, nil
}

// rootFile serves scheme.verify_files where WeChat looks for them, at the root; on
// AWS that is where scheme has a domain of its own.
func (s *server) rootFile(links http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		m, err := s.merchants.Merchant(r.Context(), config.DefaultMerchant)
		if err == nil {
			if _, ok := m.Item.Scheme.VerifyFiles[r.PathValue("file")]; ok {
				r.URL.Path = "/scheme" + r.URL.Path
				links.ServeHTTP(w, r)
				return
			}
		}
		http.NotFound(w, r)
	}
}

func (s *server) schemeURL() string { return cmp.Or(os.Getenv("SCHEME_URL"), s.url+"/scheme") }

// loop serves, watches the config file, and does every few moments what AWS's
// schedule and stream do there.
func (s *server) loop(ctx context.Context, l net.Listener, h http.Handler, w *watcher) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var background sync.WaitGroup
	background.Go(func() { w.watch(ctx) })
	background.Go(func() { s.sweeps(ctx) })
	background.Go(func() { s.store.run(ctx, s.deliver) })
	web := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	background.Go(func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = web.Shutdown(grace)
	})
	err := web.Serve(l)
	stop()
	background.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *server) sweeps(ctx context.Context) {
	tick := time.NewTicker(s.sweep)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if s.sandbox != nil {
			s.sandbox.Settle()
			s.sandbox.Resend(ctx)
		}
		if _, err := s.cashier.Sweep(ctx, s.webhook); err != nil && ctx.Err() == nil {
			s.log.Error("sweep", "error", err.Error())
		}
	}
}

// greet says where everything is and how to take a first payment.
func (s *server) greet(out io.Writer) {
	p := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	p("\nOverseas Pay is running on this machine.\n")
	for _, line := range [][2]string{{"console", "/"}, {"pay", "/pay"}, {"notify", "/notify/{provider}/{merchant}/{out_trade_no}"}, {"scheme", "/scheme"}} {
		p("  %-8s %s%s", line[0], s.url, line[1])
	}
	if s.sandbox != nil {
		p("  %-8s %s/sandbox/", "sandbox", s.url)
	}
	path := s.config
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	p("  %-8s %s (read again whenever it changes; try another pay_sp)", "config", path)
	if s.empty {
		p("           there is no config item yet, and nobody can pay: write one to that file, or to the store by config put FILE")
	}
	if s.moved != "" {
		p("           it was written for %s; its simulated processors are taken to be at %s", s.moved, s.sandboxURL())
	}
	if s.key == "" {
		return
	}
	no := "DEMO-" + time.Now().UTC().Format("20060102-150405")
	curl := func(body string) string {
		return strings.Join([]string{"curl -s", s.url + "/pay", "-H 'Authorization: Bearer " + s.key + "'", "-d '" + body + "'"}, " ")
	}
	p("\n  merchant key of the demo shop: %s\n", s.key)
	p("Create an order and get what wx.requestPayment takes:\n\n  %s\n",
		curl(`{"action":"unifiedorder","out_trade_no":"`+no+`","total_fee":1299,"body":"Tea","openid":"o-demo"}`))
	p("Pay it, as the shopper would; the processor then posts its notice:\n\n  curl -s -X POST %s/sandbox/pay/%s\n", s.url, no)
	p("See what became of it:\n\n  %s\n", curl(`{"action":"queryorder","out_trade_no":"`+no+`"}`))
}
