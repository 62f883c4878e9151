package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/all"
	"overseaspay/shared/sandbox"
)

// providersCommand prints what each processor can do, as a Markdown table and the
// list of what rests on assumptions. All of it is read from the processors' own
// descriptors and from what their accounts can do.
func providersCommand(out io.Writer) error {
	registry := all.Registry()
	settings := make(map[string]map[string]any)
	for _, twin := range sandbox.All(sandbox.Env{Ledger: &sandbox.Ledger{}, Now: time.Now, URL: "http://127.0.0.1/sandbox"}) {
		settings[twin.Name()] = twin.Settings()
	}
	fmt.Fprint(out, "| `pay_sp` | processor | pay methods | currencies | query by | close | refund | known again by | refund query | partial | refund currency | notices | refund notices | desk refunds by |\n"+
		"|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	names := slices.Sorted(maps.Keys(registry))
	for _, name := range names {
		d := registry[name]
		raw, err := json.Marshal(settings[name])
		if err != nil {
			return err
		}
		network := &nowhere{}
		p, err := d.New(provider.Config{Settings: raw, AppID: sandbox.DemoAppID, AppSecret: sandbox.DemoAppSecret, Currency: "EUR",
			HTTP: &http.Client{Transport: network}, Now: time.Now, Nonce: func() string { return "" }})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(out, "| %s |\n", strings.Join(row(d, p, settings[name], asksRefunds(p, network)), " | "))
	}
	fmt.Fprint(out, "\nUnverified, because no public source says so; confirm with the processor before you go live:\n\n")
	for _, name := range names {
		if len(registry[name].Unverified) == 0 {
			continue
		}
		fmt.Fprintf(out, "- `%s`: %s\n", name, strings.Join(registry[name].Unverified, "; "))
	}
	return nil
}

func row(d *provider.Descriptor, p provider.Provider, settings map[string]any, asks bool) []string {
	_, closes := p.(provider.Closer)
	refunds := d.RefundAgain != ""
	known := map[provider.Again]string{"": "-", provider.ByNumber: "number", provider.ByLookup: "lookup", provider.ByNone: "none"}
	back := "-"
	if refunds {
		if back, _ = settings["refund_currency"].(string); back == "" {
			back = "`refund_currency`, else the order's"
		}
	}
	currencies := strings.Join(d.Currencies, " ")
	if currencies == "" {
		currencies = "any"
	}
	by := "its number"
	if d.QueryByNumber {
		by = "either number"
	}
	return []string{"`" + d.Name + "`", d.Title, join(d.Methods), currencies, by, yes(closes), yes(refunds), known[d.RefundAgain],
		yes(asks), yes(d.PartialRefund), back, bell(d.Notices), bell(d.RefundNotices), cmp.Or(string(d.DeskRefunds), "-")}
}

// nowhere is a network without anything in it, which remembers that it was used.
type nowhere struct{ used bool }

func (n *nowhere) RoundTrip(*http.Request) (*http.Response, error) {
	n.used = true
	return nil, errors.New("nowhere")
}

// asksRefunds reports that an account can ask what became of a refund.
func asksRefunds(p provider.Provider, network *nowhere) bool {
	r, ok := p.(provider.Refunder)
	if !ok {
		return false
	}
	eur := payment.Money{Amount: 100, Currency: "EUR"}
	_, _ = r.QueryRefund(context.Background(), provider.Refund{OutRefundNo: "R-1", RefundID: "R-1", Fee: eur,
		Trade: provider.Trade{No: "ORDER-0001", SpTradeNo: "1", TransactionID: "1", Method: payment.WeChat, Total: eur, Paid: true}})
	return network.used
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "-"
}

func bell(b provider.Bell) string {
	if b == "" {
		return string(provider.Silent)
	}
	return string(b)
}

func join(methods []payment.Method) string {
	text := make([]string, len(methods))
	for i, m := range methods {
		text[i] = string(m)
	}
	return strings.Join(text, " ")
}
