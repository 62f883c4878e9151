package storetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/store"
)

func configItems(t *testing.T, s Store) {
	if _, err := s.GetConfig(t.Context(), "payment"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("GetConfig before any: %v, want ErrNotFound", err)
	}
	for _, c := range []struct{ name, id, put, want string }{
		{"empty", "payment", `{}`, `{"id":"payment"}`},
		{"own id", "payment", `{"id":"payment"}`, `{"id":"payment"}`},
		{"replaced whole", "payment", `{"pay_sp":"yaband"}`, `{"id":"payment","pay_sp":"yaband"}`},
		{"all types", "payment:shop",
			`{"s":"x","empty":"","yes":true,"no":false,"none":null,"list":[1,"two",[],{}],"map":{"a":{"b":{"c":[{"d":"e"}]}},"":"k"}}`,
			`{"id":"payment:shop","s":"x","empty":"","yes":true,"no":false,"none":null,"list":[1,"two",[],{}],"map":{"a":{"b":{"c":[{"d":"e"}]}},"":"k"}}`},
		{"numbers", "payment:shop",
			`{"big":98765432109876543210987654321098765432,"int64":9223372036854775807,"neg":-7,"zero":0,"dec":12.345678901234567890123456789,"exp":1e3}`,
			`{"id":"payment:shop","big":98765432109876543210987654321098765432,"int64":9223372036854775807,"neg":-7,"zero":0,"dec":12.345678901234567890123456789,"exp":1000}`},
		{"unicode", "payment:shop", `{"title":"世界 caf\u00e9 \ud83c\udf75 <&> \u2028 \u0000 \"\\/"}`,
			`{"id":"payment:shop","title":"世界 café 🍵 <&> \u2028 \u0000 \"\\/"}`},
	} {
		if err := s.PutConfig(t.Context(), c.id, json.RawMessage(c.put)); err != nil {
			t.Errorf("%s: PutConfig: %v", c.name, err)
			continue
		}
		got, err := s.GetConfig(t.Context(), c.id)
		if err != nil {
			t.Errorf("%s: GetConfig: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(decode(t, []byte(c.want)), decode(t, got), cmp.Comparer(sameNumber)); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", c.name, diff)
		}
	}
	got, err := s.GetConfig(t.Context(), "payment")
	if diff := cmp.Diff(decode(t, []byte(`{"id":"payment","pay_sp":"yaband"}`)), decode(t, got)); err != nil || diff != "" {
		t.Errorf("another merchant's item changed this one: %v\n%s", err, diff)
	}
}

func configRefused(t *testing.T, s Store) {
	for _, c := range []struct {
		name, put string
		want      error
	}{
		{"nothing", ``, store.ErrNotObject},
		{"null", `null`, store.ErrNotObject},
		{"list", `[]`, store.ErrNotObject},
		{"broken", `{"a":`, store.ErrNotObject},
		{"two", `{} {}`, store.ErrNotObject},
		{"another id", `{"id":"payment:shop"}`, store.ErrOtherID},
		{"id not text", `{"id":1}`, store.ErrOtherID},
	} {
		if err := s.PutConfig(t.Context(), "payment", json.RawMessage(c.put)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := s.GetConfig(t.Context(), "payment"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("GetConfig after refusals: %v, want ErrNotFound", err)
	}
}

func decode(t *testing.T, raw []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("not JSON: %v", err)
	}
	return v
}

// sameNumber compares values exactly: a store may spell a number in another way.
func sameNumber(a, b json.Number) bool {
	x, okX := new(big.Rat).SetString(a.String())
	y, okY := new(big.Rat).SetString(b.String())
	return okX && okY && x.Cmp(y) == 0
}
