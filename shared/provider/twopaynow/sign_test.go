package twopaynow

import (
	"encoding/json"
	"os"
	"testing"
)

// vector is one entry of the test vectors.
type vector struct {
	ID, Kind, Function, Mid, Timestamp, Key, Canonical string

	ExpectedSign   string            `json:"expected_sign"`
	QueryString    string            `json:"query_string"`
	SignatureValid bool              `json:"signature_valid"`
	Parsed         map[string]string `json:"parsed"`
}

func vectors(t testing.TB, file string) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Vectors []json.RawMessage }
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	var all []vector
	for _, raw := range doc.Vectors {
		var of struct{ Function, Kind string }
		if err := json.Unmarshal(raw, &of); err != nil {
			t.Fatal(err)
		}
		if of.Function == "" && of.Kind != "notify" { // another processor's
			continue
		}
		var v vector
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func TestSignVectors(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, file := range []string{"twopaynow.json", "article-psp.json"} {
		for _, v := range vectors(t, file) {
			if v.Kind == "notify" {
				continue
			}
			seen++
			if got := v.Function + v.Mid + v.Timestamp + v.Key; got != v.Canonical {
				t.Errorf("%s: canonical %q, want %q", v.ID, got, v.Canonical)
			}
			if got := sign(v.Function, v.Mid, v.Timestamp, v.Key); got != v.ExpectedSign {
				t.Errorf("%s: sign %s, want %s", v.ID, got, v.ExpectedSign)
			}
		}
	}
	if seen != 5 {
		t.Errorf("%d vectors were checked, want 5", seen)
	}
}
