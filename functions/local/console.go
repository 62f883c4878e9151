package main

import (
	_ "embed"
	"html/template"
	"net/http"
	"time"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
)

//go:embed console.html
var consoleHTML string

var consolePage = template.Must(template.New("console").Funcs(template.FuncMap{
	"money": func(amount int64, currency string) string {
		return payment.Money{Amount: amount, Currency: currency}.String()
	},
}).Parse(consoleHTML))

// console is the page at /: today's orders, the processors' ledger, and buttons
// to pay as the shopper would. It needs no script and asks no other host.
func (s *server) console() http.HandlerFunc {
	type page struct {
		URL, PaySP, Problem string
		Orders              []payment.View
		Trades              []sandbox.Trade
	}
	return func(w http.ResponseWriter, r *http.Request) {
		p := page{URL: s.url}
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
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
		_ = consolePage.Execute(w, p)
	}
}
