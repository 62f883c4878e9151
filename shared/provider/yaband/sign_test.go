package yaband

import (
	"encoding/json"
	"os"
	"testing"
)

type vector struct {
	ID, Kind, Key  string
	Body           json.RawMessage
	Params         map[string]any
	Canonical      string
	ExpectedSign   string `json:"expected_sign"`
	ExpectedByName string `json:"expected_sign_by_name"`
	Expect         string
	Parsed         map[string]string
}

func vectors(t testing.TB, file string) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Vectors []vector }
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Vectors
}

func TestSignVectors(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, v := range vectors(t, "yaband.json") {
		if v.Kind != "request-sign" {
			continue
		}
		seen++
		var r request
		if err := json.Unmarshal(v.Body, &r); err != nil {
			t.Fatal(err)
		}
		if got := r.sign(v.Key); got != v.ExpectedSign {
			t.Errorf("%s: sign %s, want %s", v.ID, got, v.ExpectedSign)
		}
	}
	if seen != 3 {
		t.Errorf("%d vectors, want 3", seen)
	}
}

func TestSignArticleVector(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t, "article-psp.json") {
		if v.ID != "yaband-generated" {
			continue
		}
		r := request{User: v.Params["user"].(string), Method: v.Params["method"].(string), Time: int64(v.Params["time"].(float64)), Data: map[string]string{}}
		for name, value := range v.Params {
			if s, ok := value.(string); ok && name != "user" && name != "method" {
				r.Data[name] = s
			}
		}
		if got := r.sign(v.Key); got != v.ExpectedSign {
			t.Errorf("sign %s, want %s", got, v.ExpectedSign)
		}
		return
	}
	t.Error("vector yaband-generated is missing")
}

// The article sorts name=value, the documentation sorts names.
func TestSignSortsByName(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t, "article-psp.json") {
		if v.ID == "yaband-generated-prefix-order" {
			data := map[string]string{}
			for name, value := range v.Params {
				data[name] = value.(string)
			}
			if !genuine(v.Key, v.ExpectedByName, data) || genuine(v.Key, v.ExpectedSign, data) {
				t.Error("members are not sorted by name")
			}
			return
		}
	}
	t.Error("vector yaband-generated-prefix-order is missing")
}

func TestSignWithoutData(t *testing.T) {
	t.Parallel()
	if got := (request{User: "u", Method: "m"}).sign("k"); len(got) != 64 {
		t.Errorf("sign %q", got)
	}
}
