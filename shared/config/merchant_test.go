package config_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
)

func parse(t *testing.T, raw json.RawMessage) *config.Merchant {
	t.Helper()
	m, _, err := config.Parse("default", raw, env())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRoute(t *testing.T) {
	t.Parallel()
	m := parse(t, json.RawMessage(full))
	tests := []struct {
		name   string
		method payment.Method
		wish   string
		want   string
		code   payment.Code
		says   string
	}{
		{"pay_sp", payment.WeChat, "", "M2", "", ""},
		{"methods", payment.PayPal, "", "Z1", "", ""},
		{"wish before methods", payment.PayPal, "acme", "M2", "", ""},
		{"wish for an extra", payment.Card, "zeta", "Z1", "", ""},
		{"pay_sp lacks it", payment.Card, "", "", payment.Unsupported, "acme does not offer card; card is offered by zeta"},
		{"wish lacks it", payment.WeChat, "zeta", "", payment.Unsupported, "zeta does not offer wechat; wechat is offered by acme"},
		{"nobody has it", payment.IDEAL, "", "", payment.Unsupported, "acme does not offer ideal; none of this merchant's providers offers ideal"},
		{"wish not configured", payment.PayPal, "spare", "", payment.Unsupported, "spare is not set up for this merchant; paypal is offered by acme, zeta"},
		{"wish unknown", payment.WeChat, "nobody", "", payment.InvalidArgument, "provider: no processor has that name; this merchant has acme, zeta"},
		{"method unknown", "cash", "", "", payment.InvalidArgument, "pay_method: must be one of wechat, alipay"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, p, err := m.Route(tt.method, tt.wish)
			if tt.code == "" {
				if err != nil || p.Account() != tt.want || !d.Supports(tt.method) {
					t.Fatalf("Route = %v, %v, %v", d, p, err)
				}
				return
			}
			var e *payment.Error
			if !errors.As(err, &e) || e.Code != tt.code || e.Retryable || !strings.HasPrefix(e.Message, tt.says) {
				t.Errorf("error %v, want %s: %s", err, tt.code, tt.says)
			}
		})
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	m := parse(t, json.RawMessage(full))
	d, all := m.Accounts("acme")
	if d == nil || d.Name != "acme" {
		t.Fatalf("descriptor %v", d)
	}
	var got []string
	for _, p := range all {
		got = append(got, p.Account()+" "+p.(*account).Key)
	}
	if diff := cmp.Diff([]string{"M2 acme-key-2", "M2 acme-key-1", "M0 acme-key-0"}, got); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
	all[0] = nil // a caller's own copy
	tests := []struct{ sp, account, key string }{
		{"acme", "M2", "acme-key-2"}, {"acme", "M0", "acme-key-0"}, {"zeta", "Z1", "zeta-key-1"},
		{"acme", "M1", ""}, {"spare", "M2", ""}, {"", "", ""},
	}
	for _, tt := range tests {
		d, p, ok := m.Account(tt.sp, tt.account)
		if ok != (tt.key != "") || ok && (p.(*account).Key != tt.key || d.Name != tt.sp) {
			t.Errorf("Account(%q, %q) = %v, %v", tt.sp, tt.account, p, ok)
		}
	}
	if d, all := m.Accounts("spare"); d != nil || all != nil {
		t.Errorf("accounts of an unconfigured processor: %v, %v", d, all)
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	m := parse(t, json.RawMessage(full))
	type facts struct {
		Currency, Refund string
		Poll             []time.Duration
	}
	for sp, want := range map[string]facts{
		"acme":  {"EUR", "EUR", acmePoll},
		"zeta":  {"CNY", "", []time.Duration{2 * time.Second, time.Minute}},
		"spare": {"EUR", "", nil},
	} {
		if diff := cmp.Diff(want, facts{m.Currency(sp), m.RefundCurrency(sp), m.Poll(sp)}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", sp, diff)
		}
	}
	m.Poll("acme")[0], m.SessionSecrets()[0] = 0, "changed"
	if m.Poll("acme")[0] != acmePoll[0] || m.SessionSecrets()[0] == "changed" {
		t.Error("a caller can change the snapshot")
	}
	if diff := cmp.Diff([]payment.Method{payment.WeChat, payment.PayPal}, m.Offered()); diff != "" {
		t.Errorf("offered (-want +got):\n%s", diff)
	}
	if got := m.NotifyBase("https://new.example/n//"); got != "https://new.example/n" {
		t.Errorf("NotifyBase = %q", got)
	}
}

func TestSessionSecrets(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("s", 32)
	for _, tt := range []struct {
		name string
		in   any
		want []config.Secret
	}{
		{"one", long, []config.Secret{config.Secret(long)}},
		{"list", []string{long, long + "2"}, []config.Secret{config.Secret(long), config.Secret(long + "2")}},
		{"none", nil, nil},
		{"empty", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := parse(t, with(map[string]any{"session_secret": tt.in}))
			if diff := cmp.Diff(tt.want, m.SessionSecrets()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckKey(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte(hashedKey))
	foreign := sha256.Sum256([]byte("sk_other_0123456789abcdef"))
	hashed := "sha256:" + hex.EncodeToString(sum[:])
	m := parse(t, with(map[string]any{"merchant_keys": []string{
		plainKey, strings.Replace(hashed, hashed[7:], strings.ToUpper(hashed[7:]), 1), "sha256:" + hex.EncodeToString(foreign[:])}}))
	for key, want := range map[string]bool{
		plainKey: true, hashedKey: true, plainKey + "0": false, plainKey[:len(plainKey)-1]: false, "": false,
		hashed: false, "sk_default_": false, "sk_other_0123456789abcdef": false,
	} {
		if got := m.CheckKey(key); got != want {
			t.Errorf("CheckKey(%q) = %v", key, got)
		}
	}
	if parse(t, with(map[string]any{"merchant_keys": nil})).CheckKey("") {
		t.Error("an empty key fits where there is none")
	}
}

func TestMerchantPrintsNoSecret(t *testing.T) {
	t.Parallel()
	m := parse(t, json.RawMessage(full))
	asJSON, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	shown := []string{string(asJSON)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		shown = append(shown, fmt.Sprintf(verb, m), fmt.Sprintf(verb, *m), fmt.Sprintf(verb, m.Item))
	}
	for _, secret := range config.SecretValues(json.RawMessage(full)) {
		for _, text := range shown {
			if strings.Contains(text, secret) || strings.Contains(text, hex.EncodeToString([]byte(secret))) {
				t.Errorf("%q is seen in %s", secret, text)
			}
		}
	}
	if got := fmt.Sprint(m); got != "merchant default" {
		t.Errorf("prints as %q", got)
	}
}
