package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/provider/all"
	"overseaspay/shared/store"
)

// at is a moment of the tests' day, after so many seconds.
func at(seconds int) time.Time {
	return time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC).Add(time.Duration(seconds) * time.Second)
}

var eur = func(amount int64) payment.Money { return payment.Money{Amount: amount, Currency: "EUR"} }

func shopWith(t *testing.T, webhook string) *config.Merchant {
	t.Helper()
	m, _, err := config.Parse("default", []byte(`{"pay_sp":"yaband","merchant_keys":["sk_default_0123456789abcdefghij"],`+webhook+
		`"providers":{"yaband":{"mchid":"016683","key":"k"},"2paynow":{"mchid":"541102252","key":"k"}}}`), config.Env{Registry: all.Registry()})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const withWebhook = `"webhook":{"url":"https://shop.example/hook","secrets":["whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"]},`

// Everything that must not be seen holds this word.
const canary = "CANARY"

func order(change func(*payment.Order)) *payment.Order {
	o := &payment.Order{Merchant: "default", OutTradeNo: "ORDER-0001", TradeState: payment.TradeNotPay, Total: eur(1299),
		Body: "Tea " + canary, Attach: canary, OpenID: "o-" + canary, Claim: canary, TimeCreate: at(0), TimeExpire: at(7200)}
	change(o)
	return o
}

func attempt(no, provider, account string, state payment.AttemptState, change func(*payment.Attempt)) payment.Attempt {
	a := payment.Attempt{No: no, Provider: provider, Account: account, Method: payment.WeChat, State: state, TimeBegin: at(1),
		NotifyURL: "https://" + canary, RedirectURL: "https://" + canary, ClientIP: canary, AppID: canary, URL: "https://" + canary, Lease: canary,
		Payment: &payment.PayParams{PaySign: canary, Package: "prepay_id=" + canary}}
	if change != nil {
		change(&a)
	}
	return a
}

// sights are orders as operators meet them.
func sights(t *testing.T) map[string]sight {
	told, silent := shopWith(t, withWebhook), shopWith(t, "")
	fresh := order(func(*payment.Order) {})
	open := order(func(o *payment.Order) {
		o.Attempts = []payment.Attempt{attempt("ORDER-0001", "yaband", "016683", payment.Open, func(a *payment.Attempt) {
			a.SpTradeNo, a.TimeReply, a.AskedAt, a.Asked, a.DueAt = "2026112310000001", at(1), at(36), 3, at(96)
		})}
		o.Calls = []payment.Call{{Op: "create", No: "ORDER-0001", Outcome: "done", Time: at(1)},
			{Op: "query", No: "ORDER-0001", Outcome: "outcome unknown", Word: "yaband: query: outcome unknown: no answer in time", Time: at(16)},
			{Op: "query", No: "ORDER-0001", Outcome: "done", Word: "pending", Time: at(21)}}
	})
	paid := order(func(o *payment.Order) {
		o.TradeState, o.TimePaid, o.PaidBy = payment.TradeSuccess, at(9), "ORDER-0001"
		o.Attempts = []payment.Attempt{attempt("ORDER-0001", "yaband", "016683", payment.Captured, func(a *payment.Attempt) {
			a.SpTradeNo, a.TransactionID, a.TimeReply, a.TimePaid = "2026112310000001", "4200001234202611230000000001", at(1), at(9)
		})}
		o.Calls = []payment.Call{{Op: "create", No: "ORDER-0001", Outcome: "done", Time: at(1)}}
		o.Events = []payment.Event{{ID: "evt_1", Type: payment.PaymentSucceeded, Time: at(10), Delivered: at(11), Status: 200}}
	})
	quick := order(func(o *payment.Order) { // a processor's times have no fractions
		ms := func(n int) time.Time { return at(0).Add(time.Duration(n) * time.Millisecond) }
		o.TradeState, o.TimeCreate, o.TimePaid, o.PaidBy = payment.TradeRefund, ms(100), at(0), "ORDER-0001"
		o.Attempts = []payment.Attempt{attempt("ORDER-0001", "yaband", "016683", payment.Captured, func(a *payment.Attempt) {
			a.TimeBegin, a.TimeReply, a.TimePaid, a.SpTradeNo = ms(101), ms(110), at(0), "2026112310000001"
		})}
		o.Refunds = []payment.Refund{{OutRefundNo: "R-1", AttemptNo: "ORDER-0001", Fee: eur(300), Status: payment.RefundSuccess, NotifyURL: "n", TimeCreate: ms(400), TimeSuccess: at(0)}}
		o.Calls = []payment.Call{{Op: "create", No: "ORDER-0001", Outcome: "done", Time: ms(111)}, {Op: "refund", No: "R-1", Outcome: "done", Word: "refunded", Time: ms(410)}}
		o.Events = []payment.Event{{ID: "evt_1", Type: payment.PaymentSucceeded, Time: ms(200), Delivered: ms(250), Status: 204}}
	})
	notices := []store.Notice{{Provider: "yaband", Time: at(10), Verdict: "applied", Body: canary}, {Provider: "yaband", Time: at(12), Verdict: "duplicate", Body: canary}}
	return map[string]sight{
		"fresh":      {order: fresh, merchant: told, now: at(60)},
		"open":       {order: open, merchant: told, now: at(40)},
		"overdue":    {order: open, merchant: told, now: at(9000)},
		"quick":      {order: quick, merchant: told, now: at(60)},
		"paid":       {order: paid, notices: notices, merchant: told, now: at(60)},
		"no-webhook": {order: closed(), notices: nil, merchant: silent, now: at(7300)},
		"no-item":    {order: closed(), merchant: nil, now: at(7300)},
		"worst":      {order: worst(), notices: worstNotices(), merchant: told, now: at(90000)},
	}
}

// closed is an order that nobody paid, of a shop that is told of nothing.
func closed() *payment.Order {
	return order(func(o *payment.Order) {
		o.TradeState, o.TimeClosed = payment.TradeClosed, at(7201)
		o.Attempts = []payment.Attempt{attempt("ORDER-0001", "2paynow", "541102252", payment.Watched, func(a *payment.Attempt) {
			a.TimeReply, a.AskedAt, a.Asked, a.DueAt = at(1), at(7201), 40, at(10801)
		})}
		o.Calls = []payment.Call{{Op: "query", No: "ORDER-0001", Outcome: "done", Word: "WAIT", Time: at(16)}}
		o.Events = []payment.Event{{ID: "evt_1", Type: payment.PaymentClosed, Time: at(7201), Delivered: at(7202), Status: 410}}
	})
}

// worst is what an operator is woken for: two captures, refunds in every state, all
// flags, an account that is gone, a shop that fails, and words that a processor may
// well choose.
func worst() *payment.Order {
	return order(func(o *payment.Order) {
		o.TradeState, o.TimeClosed, o.TimePaid, o.PaidBy = payment.TradeRefund, at(7201), at(7300), "ORDER-0001"
		o.Flags = []payment.Flag{payment.AmountMismatch, payment.ChargedBack, payment.CurrencyMismatch, payment.ExternalRefund,
			payment.LatePayment, payment.NumberConflict, payment.RefundUncertain, payment.SecondCapture}
		o.Attempts = []payment.Attempt{
			attempt("ORDER-0001", "yaband", "016683", payment.Captured, func(a *payment.Attempt) {
				a.SpTradeNo, a.TransactionID, a.TimePaid, a.Settlement, a.External = "2026112310000001", "4200001234202611230000000001", at(7300), payment.Money{Amount: 10150, Currency: "CNY"}, 100
			}),
			attempt("ORDER-00012abcdefg", "2paynow", "541102252", payment.Captured, func(a *payment.Attempt) {
				a.TimeBegin, a.TimePaid, a.DueAt = at(300), at(7400), at(7400+6*3600)
			}),
			attempt("ORDER-0001hijklmno", "yaband", "016600", payment.Lost, func(a *payment.Attempt) {
				a.TimeBegin, a.DueAt, a.Reason = at(400), at(95000), "yaband: create: outcome unknown: \x1b[2Jno\nanswer"
			}),
		}
		o.Calls = []payment.Call{
			{Op: "create", No: "ORDER-0001", Outcome: "declined", Word: "yaband: create: declined (1001): balance \x1b]0;owned\x07 of\tthe\r\npayer", Time: at(2)},
			{Op: "close", No: "ORDER-0001", Outcome: "done", Time: at(299)},
			{Op: "create", No: "ORDER-00012abcdefg", Outcome: "done", Time: at(301)},
			{Op: "create", No: "ORDER-0001hijklmno", Outcome: "outcome unknown", Word: "context deadline exceeded", Time: at(410)},
			{Op: "refund", No: "R-2", Outcome: "balance too low", Word: "2paynow: refund: balance too low (27): Zu wenig Guthaben", Time: at(8100)},
			{Op: "queryrefund", No: "R-3", Outcome: "done", Word: "退款中", Time: at(8300)},
		}
		o.Refunds = []payment.Refund{
			{OutRefundNo: "R-1", RefundID: "88001", AttemptNo: "ORDER-0001", Fee: eur(200), Desc: canary, Status: payment.RefundSuccess, NotifyURL: "n", TimeCreate: at(8000), TimeSuccess: at(8005), Asked: 1, AskedAt: at(8000)},
			{OutRefundNo: "R-2", AttemptNo: "ORDER-00012abcdefg", Fee: eur(1000), Desc: canary, Status: payment.RefundProcessing, Unsent: true, Reason: "2paynow: refund: balance too low (27): Zu wenig Guthaben", TimeCreate: at(8100), DueAt: at(90100)},
			{OutRefundNo: "R-3", AttemptNo: "ORDER-0001", Fee: eur(1), Status: payment.RefundProcessing, TimeCreate: at(8200), Asked: 9, AskedAt: at(89000), DueAt: at(92600)},
			{OutRefundNo: "R-4", AttemptNo: "ORDER-0001", Fee: eur(2), Status: payment.RefundClosed, Reason: "refund failed", TimeCreate: at(8400)},
			{OutRefundNo: "R-5", AttemptNo: "ORDER-0001", Fee: eur(3), Status: payment.RefundAbnormal, Reason: "refund error", TimeCreate: at(8500)},
			{RefundID: "88002", AttemptNo: "ORDER-0001", Fee: eur(4), Status: payment.RefundSuccess, Desc: "made at the processor", TimeCreate: at(8600), TimeSuccess: at(8550)},
			{OutRefundNo: "R-6", AttemptNo: "ORDER-00012abcdefg", Fee: eur(5), Status: payment.RefundProcessing, Unsent: true, TimeCreate: at(8700 - 48*3600), DueAt: at(90200)},
		}
		o.Events = []payment.Event{
			{ID: "evt_1", Type: payment.PaymentClosed, Time: at(7201), Delivered: at(7202), Status: 410},
			{ID: "evt_2", Type: payment.PaymentSucceeded, Time: at(7301), Tries: 3, Status: 502, DueAt: at(91000)},
			{ID: "evt_3", Type: payment.PaymentFlagged, Time: at(7302), Tries: 9, Status: 500},
			{ID: "evt_4", Type: payment.RefundSucceeded, RefundNo: "R-1", Time: at(8005), DueAt: at(8010), Status: 404},
			{ID: "evt_5", Type: payment.RefundFailed, RefundNo: "R-4", Time: at(8405), DueAt: at(90300)},
			{ID: "evt_6", Type: payment.RefundFailed, RefundNo: "R-5", Time: at(8505), Tries: 9},
		}
	})
}

func worstNotices() []store.Notice {
	return []store.Notice{{Provider: "yaband", Time: at(7301), Verdict: "applied", Body: canary},
		{Provider: "2paynow", Time: at(7401), Verdict: "asked", Body: canary}, {Provider: "2paynow", Time: at(7402), Verdict: "due", Body: canary}}
}

// What order show prints, to the letter; UPDATE=1 writes it anew.
func TestOrderShow(t *testing.T) {
	t.Parallel()
	for name, s := range sights(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, "order-"+name+".txt", s.String())
		})
	}
	rows := [][]string{{"made", "order", "state", "amount", "provider", "flags"}}
	for _, name := range slices.Sorted(maps.Keys(sights(t))) {
		rows = append(rows, listed(sights(t)[name].order))
	}
	var b bytes.Buffer
	table(&b, "", rows)
	golden(t, "order-list.txt", b.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
	if strings.Contains(got, canary) {
		t.Errorf("it shows what is secret or personal:\n%s", got)
	}
	for line := range strings.Lines(got) {
		if text := strings.TrimSuffix(line, "\n"); plain(text) != text || strings.HasSuffix(text, " ") {
			t.Errorf("odd characters in %q", line)
		}
	}
}

// Each flag of the contract has its hint, and one sentence it is.
func TestEachFlagHasAHint(t *testing.T) {
	t.Parallel()
	for _, f := range worst().Flags {
		if hint := hints[f]; hint == "" || strings.Contains(hint, ". ") || len(hint) > 160 {
			t.Errorf("%s: %q", f, hint)
		}
	}
	if len(hints) != len(worst().Flags) {
		t.Errorf("%d hints", len(hints))
	}
}

// The first thing that comes next comes when the order is due, whatever the order.
func TestNextIsWhenTheOrderIsDue(t *testing.T) {
	t.Parallel()
	m := shopWith(t, withWebhook)
	rapid.Check(t, func(t *rapid.T) {
		moment := func(name string) time.Time {
			if seconds := rapid.IntRange(0, 12).Draw(t, name); seconds > 0 {
				return at(seconds)
			}
			return time.Time{}
		}
		o := order(func(o *payment.Order) {
			o.TradeState = rapid.SampledFrom([]payment.TradeState{payment.TradeNotPay, payment.TradeSuccess, payment.TradeClosed, payment.TradeRefund}).Draw(t, "state")
			o.TimeExpire = at(rapid.IntRange(1, 12).Draw(t, "expire"))
			for i := range rapid.IntRange(0, 3).Draw(t, "attempts") {
				state := rapid.SampledFrom([]payment.AttemptState{payment.Creating, payment.Unsent, payment.Lost, payment.Open, payment.Watched,
					payment.Captured, payment.Ended, payment.Failed}).Draw(t, "attempt")
				a := attempt(fmt.Sprint(i), "yaband", "016683", state, nil)
				a.DueAt, a.AskedAt = moment("due"), moment("asked")
				o.Attempts = append(o.Attempts, a)
			}
			for range rapid.IntRange(0, 2).Draw(t, "refunds") {
				status := rapid.SampledFrom([]payment.RefundStatus{payment.RefundProcessing, payment.RefundSuccess}).Draw(t, "refund")
				o.Refunds = append(o.Refunds, payment.Refund{OutRefundNo: "R", AttemptNo: "0", Fee: eur(1), Status: status, DueAt: moment("refund due")})
			}
			for range rapid.IntRange(0, 2).Draw(t, "events") {
				o.Events = append(o.Events, payment.Event{Type: payment.PaymentClosed, DueAt: moment("event due")})
			}
		})
		first := sight{order: o, merchant: m, now: at(0)}.next()[0][0]
		if due := o.Due(); due.IsZero() && !strings.HasPrefix(first, "nothing") || !due.IsZero() && first != short(due) {
			t.Fatalf("next is %s, due is %s", first, short(due))
		}
	})
}
