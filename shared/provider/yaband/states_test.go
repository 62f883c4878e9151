package yaband

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
)

func TestTradeStates(t *testing.T) {
	t.Parallel()
	want := map[string]payment.ReportState{
		"00": payment.Paid, "paid": payment.Paid, "01": payment.Pending, "authorized": payment.Pending,
		"02": payment.Pending, "pending": payment.Pending, "03": payment.Pending, "processing": payment.Pending,
		"04": payment.Pending, "verify": payment.Pending, "05": payment.Refused, "declined": payment.Refused,
		"06": payment.Refused, "failed": payment.Refused, "07": payment.Over, "expired": payment.Over,
		"08": payment.Over, "cancelled": payment.Over, "canceled": payment.Over, "23": payment.Refunded, "refunded": payment.Refunded,
		"": payment.Unmapped, "0": payment.Unmapped, "09": payment.Unmapped, "unpaid": payment.Unmapped, "paid?": payment.Unmapped,
	}
	for word, state := range want {
		for _, said := range []string{word, strings.ToUpper(word), " " + word + "\n"} {
			var counted []string
			c := plain(t, http.DefaultClient)
			c.counted = func(metric, _ string) { counted = append(counted, metric) }
			if got := c.tradeState(said); got != state {
				t.Errorf("%q: %q, want %q", said, got, state)
			}
			if (state == payment.Unmapped) != (cmp.Equal(counted, []string{"unmapped"})) {
				t.Errorf("%q: counted %v", said, counted)
			}
		}
	}
	for _, w := range tradeStates {
		if _, tested := want[w.text]; !tested {
			t.Errorf("%q is not tested", w.text)
		}
	}
}

func TestRefundStates(t *testing.T) {
	t.Parallel()
	want := map[string]payment.RefundStatus{
		"20": payment.RefundProcessing, "to-be-approval": payment.RefundProcessing, "21": payment.RefundProcessing,
		"refund pending": payment.RefundProcessing, "22": payment.RefundProcessing, "refund processing": payment.RefundProcessing,
		"23": payment.RefundSuccess, "refunded": payment.RefundSuccess, "24": payment.RefundClosed, "refund failed": payment.RefundClosed,
		"25": payment.RefundAbnormal, "refund error": payment.RefundAbnormal, "26": "", "paid": "", "": "",
	}
	for word, status := range want {
		counted := 0
		c := plain(t, http.DefaultClient)
		c.counted = func(string, string) { counted++ }
		if got := c.refundStatus(strings.ToUpper(word)); got != status || (status == "") != (counted == 1) {
			t.Errorf("%q: %q counted %d, want %q", word, got, counted, status)
		}
	}
	for _, w := range refundStates {
		if _, tested := want[w.text]; !tested {
			t.Errorf("%q is not tested", w.text)
		}
	}
}
