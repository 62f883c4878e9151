package main

import (
	"encoding/json"
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
	fmt.Fprint(out, "| `pay_sp` | processor | pay methods | currencies | query by | close | refund | known again by | refund query | partial | notices | refund notices |\n"+
		"|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	names := slices.Sorted(maps.Keys(registry))
	for _, name := range names {
		d := registry[name]
		raw, err := json.Marshal(settings[name])
		if err != nil {
			return err
		}
		p, err := d.New(provider.Config{Settings: raw, AppID: sandbox.DemoAppID, AppSecret: sandbox.DemoAppSecret, Currency: "EUR",
			HTTP: &http.Client{}, Now: time.Now, Nonce: func() string { return "" }})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(out, "| %s |\n", strings.Join(row(d, p), " | "))
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

func row(d *provider.Descriptor, p provider.Provider) []string {
	_, closes := p.(provider.Closer)
	refunds := d.RefundAgain != ""
	known := map[provider.Again]string{"": "-", provider.ByNumber: "number", provider.ByLookup: "lookup", provider.ByNone: "none"}
	currencies := strings.Join(d.Currencies, " ")
	if currencies == "" {
		currencies = "any"
	}
	by := "its number"
	if d.QueryByNumber {
		by = "either number"
	}
	return []string{"`" + d.Name + "`", d.Title, join(d.Methods), currencies, by, yes(closes), yes(refunds), known[d.RefundAgain],
		yes(refunds), yes(d.PartialRefund), bell(d.Notices), bell(d.RefundNotices)}
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
