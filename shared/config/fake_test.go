package config_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// account is an account at a made-up processor.
type account struct {
	MchID   string `json:"mchid"`
	Key     string `json:"key"`
	BaseURL string `json:"base_url"`
	Former  any    `json:"former"`
	cfg     provider.Config
}

func (a *account) Account() string { return a.MchID }

func (a *account) Create(context.Context, provider.Create) (provider.Created, error) {
	return provider.Created{}, errors.New("not called")
}

func (a *account) Query(context.Context, provider.Trade) (payment.Report, error) {
	return payment.Report{}, errors.New("not called")
}

// makes returns a processor's New, with the habits that real ones have.
func makes(name string) func(provider.Config) (provider.Provider, error) {
	return func(cfg provider.Config) (provider.Provider, error) {
		a := &account{cfg: cfg}
		if json.Unmarshal(cfg.Settings, a) != nil {
			return nil, errors.New(name + ": not a JSON object of texts")
		}
		var wrong []error
		if a.MchID == "" {
			wrong = append(wrong, errors.New(name+": mchid: required"))
		}
		if a.Key == "" {
			wrong = append(wrong, errors.New("key: required"))
		}
		if strings.HasPrefix(a.Key, "quoted-") {
			wrong = append(wrong, errors.New("key: cannot use "+a.Key+" for signing"))
		}
		if a.Former != nil {
			wrong = append(wrong, errors.New("former: was passed on"))
		}
		if len(wrong) > 0 {
			return nil, errors.Join(wrong...)
		}
		return a, nil
	}
}

var acmePoll = []time.Duration{5 * time.Second, time.Minute}

func registry() provider.Registry {
	return provider.NewRegistry(
		provider.Descriptor{
			Name: "acme", Methods: []payment.Method{payment.WeChat, payment.PayPal}, Currencies: []string{"EUR", "CNY"},
			Poll: acmePoll, New: makes("acme"),
		},
		provider.Descriptor{
			Name: "zeta", Methods: []payment.Method{payment.PayPal, payment.Card},
			Unverified: []string{"the name of the appid member"}, New: makes("zeta"),
		},
		provider.Descriptor{Name: "spare", Methods: []payment.Method{payment.WeChat}, New: makes("spare")},
	)
}

func env() config.Env { return config.Env{Registry: registry()} }

const (
	plainKey = "sk_default_0123456789abcdef"
	// sha256 of sk_default_fedcba9876543210
	hashedKey = "sk_default_fedcba9876543210"
)

// full is an item that uses every member.
const full = `{
	"id": "payment", "_id": "left by the database",
	"pay_sp": "acme", "currency": "EUR", "methods": {"paypal": "zeta"},
	"appid": "wx0123456789abcdef", "appsecret": "app-secret-value",
	"session_secret": ["session-secret-session-secret-01", "session-secret-session-secret-02"],
	"merchant_keys": ["sk_default_0123456789abcdef"],
	"allow_client_amount": true, "weixin_base_url": "http://127.0.0.1:3000/sandbox",
	"webhook": {"url": "https://shop.example/hook?a=1", "secrets": ["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"]},
	"scheme": {
		"pages": ["/pages/index", "pages/pay"], "plain_pages": ["pages/index"], "pay_page": "/pages/pay", "public": true,
		"reuse_seconds": 600, "hosts": ["shop.example", "localhost:3000"], "verify_files": {"MP_verify_abc.txt": "abc"},
		"oa_appid": "wx0123456789abcde0", "oa_appsecret": "oa-secret-value", "original_id": "gh_0123456789ab", "title": "Shop"
	},
	"providers": {
		"acme": {"mchid": "M2", "key": "acme-key-2", "refund_currency": "EUR", "former": [
			{"key": "acme-key-1"}, {"mchid": "M0", "key": "acme-key-0", "former": []}
		]},
		"zeta": {"mchid": "Z1", "key": "zeta-key-1", "currency": "CNY", "poll": ["2s", "1m"], "base_url": "https://zeta.example"}
	}
}`

// with returns the full item with members replaced (nil: taken away), by their path.
func with(changes map[string]any) json.RawMessage {
	var item map[string]any
	if err := json.Unmarshal([]byte(full), &item); err != nil {
		panic(err)
	}
	for path, value := range changes {
		at, steps := item, strings.Split(path, ".")
		for _, step := range steps[:len(steps)-1] {
			at = at[step].(map[string]any)
		}
		last := steps[len(steps)-1]
		if at[last] = value; value == nil {
			delete(at, last)
		}
	}
	raw, err := json.Marshal(item)
	if err != nil {
		panic(err)
	}
	return raw
}

// resolver answers from a map and remembers what it was asked.
type resolver struct {
	values map[string]string
	err    error
	asked  [][]string
}

func (r *resolver) Resolve(_ context.Context, names []string) (map[string]string, error) {
	r.asked = append(r.asked, names)
	return r.values, r.err
}
