package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/config"
)

func TestSecretIsNeverSeen(t *testing.T) {
	t.Parallel()
	const value = "canary"
	s := config.Secret(value)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "list", []config.Secret{s})
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s, "list", map[string]any{"a": s})
	in := struct {
		S    config.Secret
		List config.Secrets
	}{s, config.Secrets{s}}
	asJSON, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{
		"String": s.String(), "GoString": s.GoString(), "json": string(asJSON), "text": string(text), "slog": log.String(),
		"fmt": fmt.Sprintf("%s %v %+v %#v %q %d %T", s, in, in, in, s, s, s), "error": fmt.Errorf("x: %v", s).Error(),
	} {
		if strings.Contains(got, value) || !strings.Contains(got, "[redacted]") {
			t.Errorf("%s shows %s", name, got)
		}
	}
	if got := fmt.Sprintf("%x %X", s, s); strings.Contains(got, fmt.Sprintf("%x", value)) {
		t.Errorf("%%x shows %s", got)
	}
	if s.Reveal() != value {
		t.Errorf("Reveal = %q", s.Reveal())
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"flat", `{"pay_sp":"acme","key":"k","mchid":"1"}`, `{"key":"[redacted]","mchid":"1","pay_sp":"acme"}`},
		{"nested, in former too", `{"providers":{"a":{"former":[{"bridge_key":"k","mchid":"1"}],"access_token":"t","cert":"c"}}}`,
			`{"providers":{"a":{"access_token":"[redacted]","cert":"c","former":[{"bridge_key":"[redacted]","mchid":"1"}]}}}`},
		{"lists", `{"session_secret":["a","b"],"webhook":{"url":"u","secrets":["s"]}}`,
			`{"session_secret":["[redacted]","[redacted]"],"webhook":{"secrets":["[redacted]"],"url":"u"}}`},
		{"whatever type", `{"key":5,"merchant_keys":{"a":"b"},"Private_Key":true,"amount":1.00}`,
			`{"Private_Key":"[redacted]","amount":1.00,"key":"[redacted]","merchant_keys":{"a":"[redacted]"}}`},
		{"references and public keys stay", `{"key":"ssm:/pay/k","public_key":"p","public_key_id":"i"}`,
			`{"key":"ssm:/pay/k","public_key":"p","public_key_id":"i"}`},
		{"not JSON", `{"key":"k"`, `"[redacted]"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := string(config.Redact(json.RawMessage(tt.in))); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestSecretValues(t *testing.T) {
	t.Parallel()
	got := config.SecretValues(json.RawMessage(`{"key":"a","bridge_key":"b","private_key":"c","apiv3_key":"d","cert_key":"e","access_token":"f",
		"appsecret":"g","oa_appsecret":"h","session_secret":["i","j"],"merchant_keys":["k","a"],"webhook":{"secrets":["l"]},
		"former":[{"key":12}],"mchid":"public","appid":"public","token":"","x_key":"ssm:/pay/x","serial_secret":null}`))
	if diff := cmp.Diff([]string{"12", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := config.SecretValues(json.RawMessage(`x`)); got != nil {
		t.Errorf("of no JSON: %v", got)
	}
}
