package vrpay

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// TestVectors classifies the result codes of the vectors. The webhook and the other
// platform's token in the file are not of this package.
func TestVectors(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/vrpay.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			ID, Kind, Code, Expect string
			TestMode               bool `json:"test_mode"`
			ManualReview           bool `json:"manual_review"`
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, v := range file.Vectors {
		if v.Kind != "result-code" {
			continue
		}
		seen++
		want := outcome(v.Expect)
		switch {
		case v.TestMode:
			want = testMode
		case v.ManualReview:
			want = review
		}
		if got := classOf(v.Code).means; got != want {
			t.Errorf("%s: %s, want %s", v.ID, got, want)
		}
	}
	if seen != 13 {
		t.Errorf("%d vectors of result codes", seen)
	}
}

// TestClasses walks through every expression of the facts, its limits and overlaps.
func TestClasses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		codes []string
		name  string
		means outcome
		kind  provider.Kind
	}{
		{[]string{"000.000.000", "000.000.100", "000.100.105", "000.100.190", "000.300.000", "000.310.100", "000.600.000", "000.400.110", "000.400.120"}, "success", success, 0},
		{[]string{"000.100.110", "000.100.111", "000.100.112"}, "success of a test mode", testMode, 0},
		{[]string{"000.400.000", "000.400.010", "000.400.020", "000.400.040", "000.400.060", "000.400.090", "000.400.100"}, "manual review", review, 0},
		{[]string{"000.200.000", "000.200.100", "000.200.200"}, "pending", pending, 0},
		{[]string{"800.400.500", "800.400.501", "100.400.500"}, "pending for days", pending, 0},
		{[]string{"000.100.200", "000.100.220", "000.100.299"}, "chargeback", chargeback, 0},
		{[]string{"900.100.100", "900.100.300", "900.200.100", "900.300.600", "900.400.100", "000.400.030"}, "uncertain", uncertain, 0},
		{[]string{"800.120.100"}, "throttled", rejected, provider.Busy},
		{[]string{"800.900.300", "800.900.303"}, "authentication", rejected, provider.Denied},
		{[]string{"600.200.500", "600.200.701", "600.300.101", "500.100.201", "500.200.101", "800.121.100"}, "configuration", rejected, provider.Denied},
		{[]string{"700.100.100", "700.400.580"}, "no such payment", rejected, provider.NotFound},
		{[]string{"000.400.101", "000.400.103", "000.400.108", "000.400.200"}, "3-D Secure or risk", rejected, provider.Declined},
		{[]string{"800.100.153", "800.700.100", "800.800.102", "800.800.202", "800.800.302"}, "bank", rejected, provider.Declined},
		{[]string{"800.500.100", "800.600.100", "999.999.999", "600.100.100", "800.800.800", "800.800.400"}, "system", rejected, provider.Declined},
		{[]string{"100.395.501", "100.396.101", "100.396.103", "100.397.101"}, "asynchronous", rejected, provider.Declined},
		{[]string{"700.100.200", "700.300.100", "700.400.200", "700.500.001"}, "reference", rejected, provider.Declined},
		{[]string{"200.100.101", "200.300.404", "100.500.101", "100.370.100", "800.900.100", "800.900.450", "100.600.500", "100.900.500"}, "format", rejected, provider.Declined},
		{[]string{"100.550.300", "100.550.303"}, "amount", rejected, provider.Declined},
		{[]string{"100.100.700", "000.400.031", "100.400.000", "000.500.000", "000.100.300", "900.500.000", "800.120.101", "123.456.789"}, "rejected", rejected, provider.Declined},
		{[]string{"", "ok", "12.345.678", "123.456.7890", "x123.456.789", "123,456,789"}, "unreadable", unreadable, 0},
	} {
		for _, code := range c.codes {
			if got := classOf(code); got.name != c.name || got.means != c.means || got.kind != c.kind {
				t.Errorf("%q: %s, %s, %s; want %s, %s, %s", code, got.name, got.means, got.kind, c.name, c.means, c.kind)
			}
		}
	}
}

// TestOrder breaks the order of the table: what comes first must be able to win.
func TestOrder(t *testing.T) {
	t.Parallel()
	at := func(name string) int {
		return slices.IndexFunc(classes, func(c class) bool { return c.name == name })
	}
	for _, pair := range [][2]string{
		{"success of a test mode", "success"}, {"authentication", "format"},
		{"no such payment", "reference"}, {"format", "rejected"},
	} {
		if at(pair[0]) < 0 || at(pair[0]) > at(pair[1]) {
			t.Errorf("%s must come before %s", pair[0], pair[1])
		}
	}
}

// TestStates says what every outcome makes of a payment and of a refund.
func TestStates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		means  outcome
		trade  payment.ReportState
		refund payment.RefundStatus
	}{
		{success, payment.Paid, payment.RefundSuccess},
		{review, payment.Paid, payment.RefundSuccess},
		{pending, payment.Pending, payment.RefundProcessing},
		{uncertain, payment.Pending, payment.RefundProcessing},
		{chargeback, payment.Paid, ""},
		{rejected, payment.Refused, payment.RefundClosed},
		{unreadable, payment.Unmapped, ""},
	} {
		if tradeStates[c.means] != c.trade || refundStates[c.means] != c.refund {
			t.Errorf("%s: %q and %q", c.means, tradeStates[c.means], refundStates[c.means])
		}
		if _, known := tradeStates[c.means]; !known {
			t.Errorf("%s is nothing", c.means)
		}
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code  string
		live  bool
		means outcome
		kind  provider.Kind
		count string
	}{
		{"000.100.110", false, success, 0, ""},
		{"000.100.112", true, rejected, provider.Denied, "test_mode: vr: success of a test mode on the live host"},
		{"000.000.000", true, success, 0, ""},
		{"000.400.000", true, review, 0, "manual_review: vr: 000.400.000"},
		{"what?", true, unreadable, 0, "unmapped: vr: result code"},
		{"800.100.153", true, rejected, provider.Declined, ""},
	} {
		var counted string
		p := &Processor{live: c.live, counted: func(metric, detail string) { counted += metric + ": " + detail }}
		if got := p.classify(c.code); got.means != c.means || got.kind != c.kind || counted != c.count {
			t.Errorf("%s, live %v: %s, %s, counted %q", c.code, c.live, got.means, got.kind, counted)
		}
	}
}
