package config

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// redacted stands wherever a secret would.
const redacted = "[redacted]"

// Secret is a text that must never be seen: it prints, logs and marshals as
// [redacted] under every verb. Compare it in constant time, by way of [Secret.Reveal].
//
// fmt cannot call methods on unexported members, so a type that hides a Secret in
// one needs a Format method of its own, as [Merchant] has.
type Secret string

// Reveal returns the secret itself, for whoever signs with it.
func (s Secret) Reveal() string { return string(s) }

// String returns [redacted].
func (s Secret) String() string { return redacted }

// GoString returns [redacted].
func (s Secret) GoString() string { return redacted }

// Format writes [redacted] whatever the verb, %x and %d included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is [redacted].
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes "[redacted]". An item that is to be stored is never made by
// marshalling an [Item]: what people wrote is kept as they wrote it.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText writes [redacted], for every other encoder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Secrets are one or several, for rotation: a text or a list of texts in JSON.
type Secrets []Secret

// UnmarshalJSON reads a text or a list of texts; null and "" are none.
func (s *Secrets) UnmarshalJSON(raw []byte) error {
	var one *string
	if json.Unmarshal(raw, &one) == nil {
		*s = nil
		if one != nil && *one != "" {
			*s = Secrets{Secret(*one)}
		}
		return nil
	}
	return json.Unmarshal(raw, (*[]Secret)(s))
}

// Settings are the processors' objects of an item, by processor. They hold
// secrets and print, log and marshal without them.
type Settings map[string]json.RawMessage

// MarshalJSON writes the settings with every secret replaced.
func (s Settings) MarshalJSON() ([]byte, error) {
	shown := make(map[string]json.RawMessage, len(s))
	for name, raw := range s {
		shown[name] = Redact(raw)
	}
	return json.Marshal(shown)
}

// Format writes the settings with every secret replaced, whatever the verb.
func (s Settings) Format(f fmt.State, _ rune) {
	text, _ := s.MarshalJSON() // cannot fail: Redact returns valid JSON
	_, _ = f.Write(text)
}
