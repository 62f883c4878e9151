package latipay

import (
	"encoding/json"
	"os"
	"testing"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// vector is one entry of the test vectors.
type vector struct {
	ID, Kind, Canonical, Body string

	Key      string            `json:"api_key"`
	Params   map[string]string `json:"params"`
	Expected string            `json:"expected_signature"`
	Valid    bool              `json:"signature_valid"`
	Parsed   map[string]string `json:"parsed"`
	Literal  string            `json:"amount_literal"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/latipay.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Vectors []vector }
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Vectors
}

func TestVectors(t *testing.T) {
	t.Parallel()
	seen := make(map[string]int)
	for _, v := range vectors(t) {
		seen[v.Kind]++
		c := saying(t, 200, v.Body)
		c.Key = v.Key
		switch v.Kind {
		case "request-sign":
			v.Params["signature"] = "is not signed"
			if got := c.sign(v.Params); got != v.Expected {
				t.Errorf("%s: %s, want %s", v.ID, got, v.Expected)
			}
		case "raw-hmac": // a call that is never made
			if got := wire.HMAC(v.Key, v.Canonical); got != v.Expected {
				t.Errorf("%s: %s, want %s", v.ID, got, v.Expected)
			}
		case "notify":
			n, err := c.Notice(t.Context(), provider.Inbound{Method: "POST", Body: []byte(v.Body)})
			if v.Valid != (err == nil) || !v.Valid && provider.KindOf(err) != provider.Forged {
				t.Fatalf("%s: %v", v.ID, err)
			}
			if v.Valid && (!n.Doorbell || n.Payment.No != v.Parsed["merchant_reference"] || n.Payment.Word != v.Parsed["status"] ||
				n.Payment.Total.Decimal() != v.Parsed["amount"] || n.Payment.Total.Currency != v.Parsed["currency"]) {
				t.Errorf("%s: %+v", v.ID, n)
			}
		case "query-answer":
			r, err := c.Query(t.Context(), provider.Trade{No: "6000324"})
			if err != nil || r.State != payment.Paid || r.Total != nzd(12000) || r.Total.Decimal() != v.Literal {
				t.Errorf("%s: %+v, %v", v.ID, r, err)
			}
		default:
			t.Errorf("%s: kind %s is not known", v.ID, v.Kind)
		}
	}
	if seen["request-sign"] != 9 || seen["notify"] != 2 || seen["query-answer"] != 1 || seen["raw-hmac"] != 1 {
		t.Errorf("checked %v", seen)
	}
}
