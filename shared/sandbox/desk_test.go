package sandbox_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"overseaspay/shared/sandbox"
)

func TestPayBooksAndPosts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.book("ORDER-1")
	trade, d, err := r.Pay(t.Context(), "ORDER-1", sandbox.PayOptions{})
	if err != nil || d == nil || d.Status != 200 || d.Body != "ok" {
		t.Fatalf("%+v, %v", d, err)
	}
	if trade.State != sandbox.Paid || !trade.PaidAt.Equal(r.clock.t) {
		t.Errorf("%+v", trade)
	}
	if !regexp.MustCompile(`^4200\d{6}20260301\d{10}$`).MatchString(trade.TransactionID) {
		t.Errorf("transaction id %q", trade.TransactionID)
	}
	if got := r.shop.said(); got != "paid 1299" {
		t.Errorf("posted: %s", got)
	}
	if _, _, err := r.Pay(t.Context(), "sp-ORDER-1", sandbox.PayOptions{}); !errors.Is(err, sandbox.ErrNotWaiting) {
		t.Errorf("paid twice: %v", err)
	}
}

func TestPayOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ query, posted, body string }{
		{"", "paid 1299", `"status": 200`},
		{"?notify=0", "", `"notice": null`},
		{"?notify=2", "paid 1299, paid 1299", `"status": 200`},
		{"?amount=1", "paid 1", `"amount": 1299`},
		{"?provider=plain", "paid 1299", `"state": "paid"`},
		{"?later=30s", "", `"notice": null`},
		{"?provider=other", "", "see http://127.0.0.1:3000/sandbox/trades"},
		{"?amount=1.5", "", "amount: must be a whole number"},
		{"?notify=x", "", "notify: must be"},
		{"?later=soon", "", "later: must be"},
	} {
		t.Run(tt.query, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.book("ORDER-1")
			_, body, err := r.do("POST", "pay/ORDER-1"+tt.query, "")
			if err != nil || !strings.Contains(body, tt.body) {
				t.Errorf("%s, %v", body, err)
			}
			if got := r.shop.said(); got != tt.posted {
				t.Errorf("posted %q, want %q", got, tt.posted)
			}
		})
	}
}

func TestDeskRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.book("WAITING")
	r.book("CLOSED")
	r.book("PAID")
	for _, step := range []struct {
		path   string
		status int
	}{
		{"close/CLOSED", 200}, {"pay/CLOSED", 409}, {"close/CLOSED", 409}, {"fail/CLOSED", 409},
		{"refund/WAITING", 409}, {"chargeback/WAITING", 409},
		{"pay/PAID", 200}, {"pay/PAID", 409}, {"pay/PAID?late=1", 409}, {"refund/PAID?amount=1300", 409},
		{"refund/PAID?amount=1", 200}, {"refund/PAID", 200}, {"refund/PAID", 409}, {"refund/PAID?amount=-1", 400},
		{"chargeback/PAID", 200}, {"notify/PAID", 200}, {"pay/NOBODY", 404}, {"notify/NOBODY", 404},
		{"pay/CLOSED?late=1", 200}, {"fail/WAITING", 200},
	} {
		if status, body, _ := r.do("POST", step.path, ""); status != step.status {
			t.Errorf("%s: HTTP %d %s, want %d", step.path, status, body, step.status)
		}
	}
	if status, _, _ := r.do("GET", "pay/PAID", ""); status != 405 {
		t.Errorf("GET pays: HTTP %d", status)
	}
	want := "closed 1299, paid 1299, refund 1, refund 1298, paid 1299, paid 1299"
	if got := r.shop.said(); got != want {
		t.Errorf("posted %q, want %q", got, want)
	}
}

func TestExpiredTradeIsPaidOnlyLate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.book("ORDER-1")
	r.clock.t = r.clock.t.Add(2 * time.Hour)
	if _, _, err := r.Pay(t.Context(), "ORDER-1", sandbox.PayOptions{}); !errors.Is(err, sandbox.ErrNotWaiting) {
		t.Errorf("paid after its end: %v", err)
	}
	if _, _, err := r.Pay(t.Context(), "ORDER-1", sandbox.PayOptions{Late: true}); err != nil {
		t.Error(err)
	}
}

func TestUnacknowledgedNoticeComesAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.book("ORDER-1")
	r.shop.answers(503)
	if _, d, _ := r.Pay(t.Context(), "ORDER-1", sandbox.PayOptions{Amount: 7}); d == nil || d.Status != 503 || r.Pending() != 1 {
		t.Fatalf("%+v, %d pending", d, r.Pending())
	}
	r.shop.answers(0) // no connection at all
	if n := r.Resend(t.Context()); n != 0 || r.Pending() != 1 {
		t.Errorf("%d acknowledged, %d pending", n, r.Pending())
	}
	r.shop.answers(204)
	if n := r.Resend(t.Context()); n != 1 || r.Pending() != 0 {
		t.Errorf("%d acknowledged, %d pending", n, r.Pending())
	}
	if got := r.shop.said(); got != "paid 7, paid 7" {
		t.Errorf("posted %q", got)
	}
}

func TestNoticeIsGivenUpAfterFifteenTries(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.book("ORDER-1")
	r.shop.answers(500)
	if _, _, err := r.Pay(t.Context(), "ORDER-1", sandbox.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		r.Resend(t.Context())
	}
	if n := strings.Count(r.shop.said(), "paid"); n != 15 || r.Pending() != 0 {
		t.Errorf("posted %d times, %d pending", n, r.Pending())
	}
}

func TestLaterNoticeWaitsForItsTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.book("ORDER-1")
	if _, _, err := r.Pay(t.Context(), "ORDER-1", sandbox.PayOptions{Later: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if n := r.Resend(t.Context()); n != 0 || r.Pending() != 1 {
		t.Errorf("%d acknowledged at once", n)
	}
	r.clock.t = r.clock.t.Add(time.Minute)
	if n := r.Resend(t.Context()); n != 1 {
		t.Errorf("%d acknowledged in time", n)
	}
}

func TestRefundNoticesFollowTheRefund(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.book("ORDER-1")
	if _, _, err := r.Pay(t.Context(), "ORDER-1", sandbox.PayOptions{Silent: true}); err != nil {
		t.Fatal(err)
	}
	for _, status := range []string{"SUCCESS", "PROCESSING"} {
		if _, _, err := r.do("POST", "plain/refunds?no=ORDER-1&status="+status, ""); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.Resend(t.Context()); n != 1 {
		t.Errorf("%d notices of done refunds", n)
	}
	if n := r.Settle(); n != 1 || r.Resend(t.Context()) != 1 || r.Settle() != 0 {
		t.Errorf("%d refunds settled", n)
	}
	for _, f := range r.Trades()[0].Refunds {
		if f.Status != "SUCCESS" {
			t.Errorf("%+v", f)
		}
	}
	if got := r.shop.said(); got != "refund 100, refund 100" {
		t.Errorf("posted %q", got)
	}
}

func TestProcessorThatPostsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.book("ORDER-1")
	trade, d, err := r.Fail(t.Context(), "ORDER-1", "")
	if err != nil || d != nil || trade.State != sandbox.Failed || r.shop.said() != "" {
		t.Errorf("%+v, %v, posted %q", d, err, r.shop.said())
	}
}
