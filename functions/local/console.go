package main

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"time"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store"
)

//go:embed console.html
var consoleHTML string

var consolePages = template.Must(template.New("").Funcs(template.FuncMap{
	"money": func(amount int64, currency string) string {
		return payment.Money{Amount: amount, Currency: currency}.String()
	},
}).Parse(consoleHTML))

// console is the page at /: today's orders, the processors' ledger, and buttons
// to pay as the shopper would. It needs no script and asks no other host.
func (s *server) console() http.HandlerFunc {
	type page struct {
		URL, PaySP, Problem string
		Demo                bool
		Orders              []payment.View
		Trades              []sandbox.Trade
	}
	return func(w http.ResponseWriter, r *http.Request) {
		p := page{URL: s.url, Demo: s.key != ""}
		m, err := s.merchants.Merchant(r.Context(), config.DefaultMerchant)
		if err != nil {
			p.Problem = err.Error()
		} else {
			p.PaySP = m.Item.PaySP
		}
		keys, _, err := s.store.Day(r.Context(), config.DefaultMerchant, time.Now().UTC().Format(time.DateOnly), "", 200)
		for _, k := range keys {
			if o, err := s.store.Get(r.Context(), k.Merchant, k.OutTradeNo); err == nil {
				p.Orders = append([]payment.View{o.View()}, p.Orders...)
			}
		}
		if err != nil {
			p.Problem = "the store does not answer"
		}
		if s.sandbox != nil {
			for _, t := range s.sandbox.Trades() {
				p.Trades = append([]sandbox.Trade{t}, p.Trades...)
			}
		}
		showPage(w, "console", p)
	}
}

func showPage(w http.ResponseWriter, name string, data any) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'")
	_ = consolePages.ExecuteTemplate(w, name, data)
}

// showOrder is what order show prints, a click away from the console.
func (s *server) showOrder(w http.ResponseWriter, r *http.Request) {
	o, err := s.store.Get(r.Context(), config.DefaultMerchant, r.PathValue("no"))
	if errors.Is(err, store.ErrNotFound) {
		http.Error(w, "404 there is no such order", http.StatusNotFound)
		return
	}
	text := ""
	if err == nil {
		text, err = s.desk().sight(r.Context(), o)
	}
	if err != nil {
		http.Error(w, "503 the store does not answer", http.StatusServiceUnavailable)
		return
	}
	showPage(w, "order", struct{ No, Text string }{o.OutTradeNo, text})
}

// newLink makes a link as the demo shop's server would, and opens it: to a page of
// the mini-program, or to the payment page of the order named.
func (s *server) newLink(w http.ResponseWriter, r *http.Request) {
	if !s.own(r) {
		http.Error(w, "only from the console", http.StatusForbidden)
		return
	}
	body := map[string]string{"action": "link", "title": "Tea", "path": demoPage}
	if no := r.FormValue("out_trade_no"); no != "" {
		body = map[string]string{"action": "link", "title": "Tea", "out_trade_no": no}
	}
	to, err := s.ask(r.Context(), "/scheme", body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// own reports that a form was sent from this server's own page, whatever name of
// this machine the browser knows it by.
func (s *server) own(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	host, _, err := net.SplitHostPort(r.Host)
	local := err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
	return origin == s.url || local && origin == "http://"+r.Host
}

// demoPage is a page of the mini-program that the demo item lets links lead to.
const demoPage = "pages/index/index"

// ask calls one of the functions on this port with the demo shop's key, and returns
// the url in its answer.
func (s *server) ask(ctx context.Context, path string, body map[string]string) (string, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, bytes.NewReader(raw))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	res, err := s.env.HTTP.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var out struct {
		URL   string
		Error struct{ Message string }
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&out); err != nil || out.URL == "" {
		return "", fmt.Errorf("no link was made: %s", cmp.Or(out.Error.Message, res.Status))
	}
	return out.URL, nil
}
