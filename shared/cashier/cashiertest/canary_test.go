package cashiertest

import (
	"strings"
	"testing"

	"overseaspay/shared/sandbox"
)

// TestR20TheSearchSees: what is searched for secrets is really what was written.
func TestR20TheSearchSees(t *testing.T) {
	t.Parallel()
	r := New(t)
	began := r.Clock.Now()
	in := Order("ORDER-0001")
	r.MustPay(t, in)
	if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	for place, text := range map[string]string{"the log": r.Logged(), "the orders table": r.table(t, began)} {
		if !strings.Contains(text, in.OutTradeNo) {
			t.Errorf("%s does not name the order", place)
		}
	}
	for _, secret := range []string{Secret, Key} {
		found := false
		for _, s := range Canaries(r.Item) {
			found = found || s == secret
		}
		if !found {
			t.Errorf("%.4s... is not searched for", secret)
		}
	}
}
