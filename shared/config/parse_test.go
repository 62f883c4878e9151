package config_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
)

func TestParseFull(t *testing.T) {
	t.Parallel()
	m, warnings, err := config.Parse("default", json.RawMessage(full), env())
	if err != nil {
		t.Fatal(err)
	}
	want := []config.Warning{{Path: "providers.zeta", Reason: "zeta rests on an assumption: the name of the appid member", Assumes: "zeta"}}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	scheme := config.Scheme{
		Pages: []string{"pages/index", "pages/pay"}, PlainPages: []string{"pages/index"}, PayPage: "pages/pay", Public: true,
		ReuseSeconds: 600, Hosts: []string{"shop.example", "localhost:3000"}, VerifyFiles: map[string]string{"MP_verify_abc.txt": "abc"},
		PublicDaily: 10000, OAAppID: "wx0123456789abcde0", OAAppSecret: "oa-secret-value", OriginalID: "gh_0123456789ab", Title: "Shop",
	}
	if diff := cmp.Diff(scheme, m.Item.Scheme); diff != "" {
		t.Errorf("scheme (-want +got):\n%s", diff)
	}
	got := m.Item
	got.Scheme, got.Providers = config.Scheme{}, nil
	item := config.Item{
		PaySP: "acme", Currency: "EUR", Methods: map[payment.Method]string{payment.PayPal: "zeta"}, AppID: "wx0123456789abcdef",
		AppSecret: "app-secret-value", SessionSecret: config.Secrets{"session-secret-session-secret-01", "session-secret-session-secret-02"},
		MerchantKeys: []config.Secret{plainKey}, AllowClientAmount: true, WeixinBaseURL: "http://127.0.0.1:3000/sandbox",
		Webhook: config.Webhook{URL: "https://shop.example/hook?a=1", Secrets: []config.Secret{"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"}},
	}
	if diff := cmp.Diff(item, got); diff != "" {
		t.Errorf("item (-want +got):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 2000)
	tests := []struct {
		name string
		in   map[string]any
		want []string
	}{
		{"no pay_sp", map[string]any{"pay_sp": nil}, []string{"pay_sp: required"}},
		{"mistyped pay_sp", map[string]any{"pay_sp": "acne"}, []string{"pay_sp: unknown processor; is it acme?"}},
		{"pay_sp not configured", map[string]any{"pay_sp": "spare"}, []string{"pay_sp: spare is not among providers"}},
		{"unknown provider", map[string]any{"providers.zetta": map[string]any{}}, []string{"providers.zetta: unknown processor; is it zeta?"}},
		{"provider is no object", map[string]any{"providers.acme": "x"}, []string{"providers.acme: must be an object"}},
		{"providers is no object", map[string]any{"providers": []string{}}, []string{"methods.paypal: must name one of this item's providers",
			"pay_sp: acme is not among providers", "providers: must be an object"}},
		{"several required", map[string]any{"providers.acme": map[string]any{}, "providers.zeta.key": ""},
			[]string{"providers.acme.key: required", "providers.acme.mchid: required", "providers.zeta.key: required"}},
		{"wrong type in a provider", map[string]any{"providers.zeta.mchid": 5}, []string{"providers.zeta: not a JSON object of texts"}},
		{"secret quoted by the processor", map[string]any{"providers.zeta.key": "quoted-secret"},
			[]string{"providers.zeta.key: cannot use [redacted] for signing"}},
		{"former account is checked", map[string]any{"providers.acme.former": []any{map[string]any{"key": ""}, "x"}},
			[]string{"providers.acme.former[0].key: required", "providers.acme.former[1]: must be an object"}},
		{"former is no list", map[string]any{"providers.acme.former": 1}, []string{"providers.acme.former: must be a list"}},
		{"poll", map[string]any{"providers.acme.poll": []string{"5s", "soon", "999ms", "25h"}},
			[]string{"providers.acme.poll[1]: must be a duration", "providers.acme.poll[2]: must be", "providers.acme.poll[3]: must be"}},
		{"provider's currencies", map[string]any{"providers.acme.currency": "eur", "providers.acme.refund_currency": "EUX"},
			[]string{"providers.acme.currency: must be in upper case", "providers.acme.refund_currency: not a currency of ISO 4217"}},
		{"provider's base_url", map[string]any{"providers.acme.base_url": "ftp://acme.example", "providers.zeta.base_url": "https://u:p@zeta.example"},
			[]string{"providers.acme.base_url: must be an http(s) URL", "providers.zeta.base_url: must not hold a user name or password"}},
		{"methods", map[string]any{"methods": map[string]any{"card": "acme", "paypall": "zeta", "wechat": "spare", "alipay": ""}}, []string{
			"methods.alipay: must name one", "methods.card: acme does not offer it", "methods.paypall: unknown pay_method", "methods.wechat: must name one"}},
		{"currency", map[string]any{"currency": "Euro"}, []string{"currency: not a currency of ISO 4217"}},
		{"types", map[string]any{"currency": 5, "allow_client_amount": "yes", "merchant_keys": "sk", "session_secret": 7, "scheme.reuse_seconds": 1.5, "scheme.hosts": []any{1}},
			[]string{"allow_client_amount: must be true or false", "currency: must be a text", "merchant_keys: must be a list",
				"scheme.hosts[0]: must be a text", "scheme.reuse_seconds: must be a whole number", "session_secret: must be a text or a list of texts"}},
		{"scheme is no object", map[string]any{"scheme": "x"}, []string{"scheme: must be an object"}},
		{"short session secrets", map[string]any{"session_secret": []string{strings.Repeat("s", 32), strings.Repeat("s", 31)}},
			[]string{"session_secret[1]: must be at least 32 bytes"}},
		{"short session secret", map[string]any{"session_secret": "short"}, []string{"session_secret: must be at least 32 bytes"}},
		{"merchant keys", map[string]any{"merchant_keys": []string{plainKey, "sk_other_0123456789abcdef", "sk_default_%", "sha256:00", "", "sk_default_0123456789 abcdef"}}, []string{
			"merchant_keys[1]: must read sk_default_<random>", "merchant_keys[2]: must read sk_default_<random>", "merchant_keys[3]: must be sha256: and 64 hex digits",
			"merchant_keys[4]: must read sk_default_<random>", "merchant_keys[5]: must read sk_default_<random>"}},
		{"webhook", map[string]any{"webhook.url": "shop.example", "webhook.secrets": []string{"whsec_", "whsec_%%%", "AAECAwQF"}}, []string{
			"webhook.secrets[0]: must be whsec_", "webhook.secrets[1]: must be", "webhook.secrets[2]: must be", "webhook.url: must be an http(s) URL"}},
		{"webhook by plain http", map[string]any{"webhook.url": "http://shop.example/hook"}, []string{"webhook.url: must be https; only functions/local"}},
		{"webhook without secrets", map[string]any{"webhook.secrets": nil}, []string{"webhook.secrets: required with a url"}},
		{"weixin_base_url", map[string]any{"weixin_base_url": "https://a.example/#x"}, []string{"weixin_base_url: must not have a fragment"}},
		{"base with query", map[string]any{"weixin_base_url": "https://a.example/?x=1"}, []string{"weixin_base_url: must not have a query"}},
		{"pages", map[string]any{"scheme.pages": []string{"pages/a?b=1"}, "scheme.plain_pages": []string{"/"}, "scheme.pay_page": "//x"},
			[]string{"scheme.pages[0]: must be the path of a page", "scheme.pay_page: must be", "scheme.plain_pages[0]: must be"}},
		{"ranges", map[string]any{"scheme.reuse_seconds": -1, "scheme.public_daily": 1000001},
			[]string{"scheme.public_daily: must be 0 to 1000000", "scheme.reuse_seconds: must be 0 to 2592000"}},
		{"hosts", map[string]any{"scheme.hosts": []string{"https://a.example", "*.a.example", "A.example"}},
			[]string{"scheme.hosts[0]: must be", "scheme.hosts[1]: must be", "scheme.hosts[2]: must be an exact host name in lower case"}},
		{"verify_files", map[string]any{"scheme.verify_files": map[string]any{"../a": "x", "b.txt": long}},
			[]string{"scheme.verify_files.../a: must be named like a file", "scheme.verify_files.b.txt: must not be over 1024 bytes"}},
		{"original_id and title", map[string]any{"scheme.original_id": "abc", "scheme.title": strings.Repeat("好", 65)},
			[]string{"scheme.original_id: must read gh_", "scheme.title: must not be over 64 characters"}},
		{"reference without a resolver", map[string]any{"appsecret": "ssm:/pay/appsecret"}, []string{"appsecret: parameter /pay/appsecret cannot be read here"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, _, err := config.Parse("default", with(tt.in), env())
			var problems config.Problems
			if !errors.As(err, &problems) || m != nil {
				t.Fatalf("Parse = %v, %v; want Problems", m, err)
			}
			got := make([]string, len(problems))
			for i, p := range problems {
				got[i] = p.String()
			}
			if !slices.EqualFunc(got, tt.want, strings.HasPrefix) {
				t.Errorf("problems:\n%s\nwant, to begin with:\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if !strings.HasPrefix(err.Error(), "config item: "+tt.want[0]) {
				t.Errorf("Error() = %q", err)
			}
			for _, secret := range config.SecretValues(with(tt.in)) {
				if len(secret) > 6 && strings.Contains(err.Error(), secret) {
					t.Errorf("the error quotes a secret: %v", err)
				}
			}
		})
	}
}

func TestParseRefusesWhole(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, merchant, in, want string }{
		{"not JSON", "default", `{"key":"secret-value`, "config item: not JSON"},
		{"two values", "default", `{} {}`, "config item: not JSON"},
		{"a list", "default", `[]`, "config item: must be a JSON object"},
		{"empty", "default", `{}`, "config item: pay_sp: required"},
		{"name", "Default", full, "config item: the merchant's name must be 1 to 32 of a-z, 0-9 and -"},
		{"flat, unknown processor", "default", `{"pay_sp":"acmee","mchid":"1"}`, "config item: pay_sp: unknown processor; is it acme?"},
		{"flat, half the letters differ", "default", `{"pay_sp":"ze","mchid":"1"}`, "config item: pay_sp: unknown processor"},
		{"flat, paths are as written", "default", `{"pay_sp":"acme","mchid":"1","poll":["x"]}`,
			`config item: key: required; poll[0]: must be a duration from 1s to 24h, like "15s"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := config.Parse(tt.merchant, json.RawMessage(tt.in), env())
			if err == nil || err.Error() != tt.want {
				t.Errorf("Parse: %v\nwant: %s", err, tt.want)
			}
		})
	}
	if _, _, err := config.Parse("default", json.RawMessage(full), config.Env{}); err == nil {
		t.Error("Parse without a registry succeeds")
	}
}

func TestParseWarns(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   map[string]any
		want string
	}{
		{"typo", map[string]any{"curency": "EUR"}, "curency: unknown member; is it currency?"},
		{"short slip", map[string]any{"webhook.ur": 1}, "webhook.ur: unknown member; is it url?"},
		{"typo inside", map[string]any{"scheme.pagess": 1}, "scheme.pagess: unknown member; is it pages?"},
		{"unknown", map[string]any{"webhook.retry_policy": 1}, "webhook.retry_policy: unknown member"},
		{"typo in a provider", map[string]any{"providers.acme.base_ulr": "x"}, "providers.acme.base_ulr: is it base_url?"},
		{"plain http", map[string]any{"providers.acme.base_url": "http://acme.example"}, "providers.acme.base_url: plain http"},
		{"notify_url beside providers", map[string]any{"notify_url": "https://a.example"}, "notify_url: read in a flat item only"},
		{"no appid", map[string]any{"appid": nil}, "appid: not set: users cannot log in"},
		{"odd appid", map[string]any{"appid": "wx1"}, "appid: does not look like one"},
		{"no appsecret", map[string]any{"appsecret": nil}, "appsecret: not set: users cannot log in"},
		{"webhook to this machine", map[string]any{"webhook.url": "http://127.0.0.1:8080/hook"}, "webhook.url: only functions/local delivers to this machine"},
		{"webhook to this machine by name", map[string]any{"webhook.url": "http://LocalHost:8080/hook"}, "webhook.url: only functions/local delivers to this machine"},
		{"webhook into a private network", map[string]any{"webhook.url": "https://10.1.2.3/hook"}, "webhook.url: only functions/local delivers to this machine or a private network"},
		{"weak webhook secret", map[string]any{"webhook.secrets": []string{"whsec_AAECAwQF"}}, "webhook.secrets[0]: shorter than"},
		{"plain page out of reach", map[string]any{"scheme.plain_pages": []string{"pages/x"}}, "scheme.plain_pages[0]: not among"},
		{"public without pages", map[string]any{"scheme.pages": nil, "scheme.plain_pages": nil}, "scheme.pages: empty"},
		{"half an official account", map[string]any{"scheme.oa_appsecret": nil}, "scheme.oa_appid: needs"},
		{"currency not taken", map[string]any{"currency": "AUD"}, "providers.acme.currency: acme does not take AUD"},
		{"own currency not taken", map[string]any{"providers.acme.currency": "AUD"}, "providers.acme.currency: acme does not take AUD"},
		{"no way for wechat", map[string]any{"pay_sp": "zeta"}, "methods.wechat: zeta does not offer it"},
		{"no keys", map[string]any{"merchant_keys": nil, "allow_client_amount": false}, "merchant_keys: none"},
		{"a key that can be guessed", map[string]any{"merchant_keys": []string{"sk_default_0123456789abcde"}}, "merchant_keys[0]: can be guessed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, warnings, err := config.Parse("default", with(tt.in), env())
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(warnings, func(w config.Warning) bool { return strings.HasPrefix(w.String(), tt.want) }) || len(warnings) != 2 {
				t.Errorf("warnings %v, want %q and the assumption", warnings, tt.want)
			}
		})
	}
}

func TestParseFlat(t *testing.T) {
	t.Parallel()
	const flat = `{"_id":"payment","pay_sp":"acme","mchid":"M1","key":"acme-key-1","currency":"CNY","refund_currency":"EUR",
		"notify_url":"https://old.example/notify/","appid":"wx0123456789abcdef","mrchant_keys":[]}`
	m, warnings, err := config.Parse("shop-2", json.RawMessage(flat), env())
	if err != nil {
		t.Fatal(err)
	}
	_, p, err := m.Route(payment.WeChat, "")
	if err != nil || p.Account() != "M1" {
		t.Fatalf("Route = %v, %v", p, err)
	}
	if got := p.(*account).cfg; got.AppID != "wx0123456789abcdef" || got.Currency != "CNY" {
		t.Errorf("appid and currency passed on: %q %q", got.AppID, got.Currency)
	}
	if got := m.RefundCurrency("acme"); got != "EUR" {
		t.Errorf("RefundCurrency = %q", got)
	}
	if got := m.NotifyBase("https://new.example"); got != "https://old.example/notify" {
		t.Errorf("NotifyBase = %q", got)
	}
	if len(warnings) != 2 || warnings[0].String() != "merchant_keys: none, and allow_client_amount is not true: nobody can make an order" ||
		warnings[1].String() != "mrchant_keys: taken for a setting of acme; is it merchant_keys?" {
		t.Errorf("warnings %v", warnings)
	}
}

func TestParseResolves(t *testing.T) {
	t.Parallel()
	item := with(map[string]any{
		"appsecret": "ssm:/pay/appsecret", "session_secret": "ssm:/pay/session",
		"merchant_keys": []string{"ssm:/pay/key", "ssm:/pay/key"}, "providers.zeta.key": "ssm:/pay/zeta",
	})
	e := env()
	values := map[string]string{"/pay/appsecret": "resolved", "/pay/session": strings.Repeat("s", 32), "/pay/key": plainKey, "/pay/zeta": "zeta-secret"}
	r := &resolver{values: values}
	e.Secrets = r
	m, _, err := config.Parse("default", item, e)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"/pay/appsecret", "/pay/key", "/pay/session", "/pay/zeta"}}, r.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	_, zeta := m.Accounts("zeta")
	if m.Item.AppSecret.Reveal() != "resolved" || !m.CheckKey(plainKey) || zeta[0].(*account).Key != "zeta-secret" {
		t.Error("a parameter's value has not arrived")
	}

	e.Secrets = &resolver{values: map[string]string{"/pay/session": "too-short-secret", "/pay/key": plainKey, "/pay/zeta": "quoted-by-acme"}}
	_, _, err = config.Parse("default", item, e)
	want := "config item: appsecret: parameter /pay/appsecret does not exist; " +
		"providers.zeta.key: cannot use [redacted] for signing; session_secret: must be at least 32 bytes"
	if err == nil || err.Error() != want {
		t.Errorf("Parse: %v\nwant: %s", err, want)
	}

	e.Secrets = &resolver{values: values}
	_, _, err = config.Parse("default", with(map[string]any{"appsecret": "ssm:/pay/a b"}), e)
	if err == nil || err.Error() != "config item: appsecret: not the name of a parameter" {
		t.Errorf("Parse: %v", err)
	}

	outage := errors.New("timeout")
	e.Secrets = &resolver{err: outage}
	_, _, err = config.Parse("default", item, e)
	var problems config.Problems
	if !errors.Is(err, outage) || errors.As(err, &problems) {
		t.Errorf("an outage is %v, want no Problems", err)
	}
}

// A reference is looked up by its own text, also where two paths read the same.
func TestParseResolvesLikePaths(t *testing.T) {
	t.Parallel()
	e := env()
	e.Secrets = &resolver{values: map[string]string{"/a": "aaaaaa", "/b": "bbbbbb"}}
	m, _, err := config.Parse("default", with(map[string]any{"appsecret": "ssm:/a", "webhook.url": nil, "providers.acme.key": "ssm:/b", "providers.acme": map[string]any{
		"mchid": "M", "key": "ssm:/b", "x.y": "ssm:/a", "x": map[string]any{"y": "plain"}}}), e)
	if err != nil {
		t.Fatal(err)
	}
	_, p := m.Accounts("acme")
	if got := string(p[0].(*account).cfg.Settings); got != `{"key":"bbbbbb","mchid":"M","x":{"y":"plain"},"x.y":"aaaaaa"}` {
		t.Errorf("settings %s", got)
	}
}

func TestEnvReachesAccounts(t *testing.T) {
	t.Parallel()
	var counted []string
	e := env()
	e.Counted = func(sp, metric, detail string) { counted = append(counted, sp, metric, detail) }
	m, _, err := config.Parse("default", json.RawMessage(full), e)
	if err != nil {
		t.Fatal(err)
	}
	_, accounts := m.Accounts("zeta")
	cfg := accounts[0].(*account).cfg
	cfg.Counted("unmapped", "word")
	if diff := cmp.Diff([]string{"zeta", "unmapped", "word"}, counted); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
	if nonce := cfg.Nonce(); len(nonce) != 32 || nonce == cfg.Nonce() {
		t.Errorf("default nonce %q", nonce)
	}
	if cfg.HTTP == nil || time.Since(cfg.Now()) > time.Minute {
		t.Error("default client or clock is missing")
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{full, `{}`, `[]`, `{"pay_sp":"acme","mchid":"1","key":"k"}`, `{"pay_sp":"acme","providers":{"acme":{"former":[{}]}}}`,
		`{"pay_sp":"acme","providers":{"acme":null},"methods":{"wechat":"acme"}}`, `{"merchant_keys":["ssm:/a"],"session_secret":[""],"scheme":{"pages":["/"]}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		e := env()
		e.Secrets = &resolver{values: map[string]string{"/a": "value"}}
		m, _, err := config.Parse("default", json.RawMessage(raw), e)
		if (m == nil) == (err == nil) {
			t.Fatalf("Parse = %v, %v", m, err)
		}
		if m != nil {
			for _, method := range m.Offered() {
				if _, p, err := m.Route(method, ""); err != nil || p == nil {
					t.Fatalf("offered, but Route(%s) = %v, %v", method, p, err)
				}
			}
		}
		if !json.Valid(config.Redact(json.RawMessage(raw))) {
			t.Fatal("Redact returned no JSON")
		}
	})
}
