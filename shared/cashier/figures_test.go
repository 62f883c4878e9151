package cashier_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/cashier"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/all"
	"overseaspay/shared/sandbox"
)

// The figures R6 to R8 of the reliability table, through the whole cashier.

func twin(t *testing.T, r *cashiertest.Rig, sp string) sandbox.Twin {
	t.Helper()
	i := slices.IndexFunc(r.Box.Twins(), func(x sandbox.Twin) bool { return x.Name() == sp })
	if i < 0 {
		t.Fatalf("no twin %s", sp)
	}
	return r.Box.Twins()[i]
}

// TestR6FirstNotice: a fresh order's first notice comes a hundred times at once.
func TestR6FirstNotice(t *testing.T) {
	t.Parallel()
	each(t, notifiers(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		in := order(sp)
		r.MustPay(t, in)
		r.Clock.Add(3 * time.Second)
		post := again(notice(t, r, sp, in.OutTradeNo))
		var wg sync.WaitGroup
		for range 100 {
			req := post()
			wg.Go(func() {
				if status := r.Post(req).Code; status/100 != 2 {
					t.Errorf("answered %d", status)
				}
			})
		}
		wg.Wait()
		o := r.Stored(t, in.OutTradeNo)
		if o.TradeState != payment.TradeSuccess || len(o.Events) != 1 || len(o.Flags) > 0 {
			t.Errorf("%s with events %v, flags %v", o.TradeState, o.Events, o.Flags)
		}
	})
}

// TestR7AllOrders: the notice of a payment, that of a refund at the processor's own
// desk, the payment's once more, and a stale one that the trade was closed or our own
// closeorder end in the same item, in whatever order they come.
func TestR7AllOrders(t *testing.T) {
	t.Parallel()
	for _, sp := range []string{"v2", "v3", "yaband", "supay"} {
		t.Run(sp, func(t *testing.T) {
			t.Parallel()
			var first *payment.Order
			check := func(turns []string) {
				o := afterTurns(t, sp, turns)
				if first == nil {
					first = o
				}
				if diff := cmp.Diff(first, o); diff != "" {
					t.Errorf("%v:\n%s", turns, diff)
				}
			}
			permute([]string{"paid", "refund", "duplicate", "closed"}, check)
			permute([]string{"paid", "refund", "duplicate", "closeorder"}, check)
			silent := sp == "supay" // its notices of what a desk gave back only ring, and no answer says how much
			if !silent && (first.TradeState != payment.TradeRefund || first.RefundedTotal().Amount != 300) {
				t.Errorf("all end as %s, %s given back", first.TradeState, first.RefundedTotal())
			}
		})
	}
}

func permute(list []string, do func([]string)) {
	var from func(int)
	from = func(k int) {
		if k == len(list) {
			do(slices.Clone(list))
		}
		for i := k; i < len(list); i++ {
			list[k], list[i] = list[i], list[k]
			from(k + 1)
			list[k], list[i] = list[i], list[k]
		}
	}
	from(0)
}

// afterTurns is an order without its times after all that came in some order.
func afterTurns(t *testing.T, sp string, turns []string) *payment.Order {
	t.Helper()
	r := cashiertest.New(t)
	r.Switch(t, sp)
	in := order(sp)
	r.MustPay(t, in)
	r.Clock.Add(3 * time.Second)
	paid, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{Silent: true})
	if err != nil {
		t.Fatal(err)
	}
	stale := paid
	stale.State, stale.PaidAt, stale.TransactionID = sandbox.Closed, time.Time{}, ""
	r.Drop("default") // its notice finds nobody
	back, _, err := r.Box.Refund(t.Context(), in.OutTradeNo, sp, 300)
	if err != nil {
		t.Fatal(err)
	}
	r.Drop("")
	notices := map[string]*http.Request{"paid": twin(t, r, sp).Notice(paid, nil), "duplicate": twin(t, r, sp).Notice(paid, nil),
		"closed": twin(t, r, sp).Notice(stale, nil), "refund": twin(t, r, sp).Notice(back, &back.Refunds[0])}
	for _, turn := range turns {
		if turn == "closeorder" {
			if _, err := r.Cashier.CloseOrder(t.Context(), r.Server(t), cashier.Which{OutTradeNo: in.OutTradeNo}); err != nil {
				t.Fatal(err)
			}
		} else if req := notices[turn]; req != nil {
			if w := r.Post(req); w.Code/100 != 2 {
				t.Errorf("%s in %v: HTTP %d", turn, turns, w.Code)
			}
		}
		r.Clock.Add(3 * time.Second)
	}
	for range 3 {
		r.Clock.Add(time.Hour)
		sweep(t, r, gone{})
	}
	return timeless(r.Stored(t, in.OutTradeNo))
}

// timeless drops what says when something happened, or how often it was asked about.
func timeless(o *payment.Order) *payment.Order {
	o.Calls, o.Version, o.TimeCreate, o.TimeExpire, o.TimePaid = nil, 0, time.Time{}, time.Time{}, time.Time{}
	for i := range o.Attempts {
		a := &o.Attempts[i]
		a.Asked, a.AskedAt, a.DueAt, a.Payment, a.SpTradeNo, a.TransactionID = 0, time.Time{}, time.Time{}, nil, has(a.SpTradeNo), has(a.TransactionID)
		a.TimeBegin, a.TimePaid, a.TimeReply = time.Time{}, time.Time{}, time.Time{}
		a.Lease = ""
	}
	for i := range o.Refunds {
		f := &o.Refunds[i]
		f.OutRefundNo, f.RefundID, f.TimeCreate, f.TimeSuccess = has(f.OutRefundNo), has(f.RefundID), time.Time{}, time.Time{}
	}
	for i := range o.Events {
		o.Events[i] = payment.Event{ID: o.Events[i].ID, Type: o.Events[i].Type, RefundNo: o.Events[i].RefundNo}
	}
	slices.SortFunc(o.Events, func(a, b payment.Event) int { return strings.Compare(a.ID, b.ID) })
	return o
}

// has stands for a number, which differs from run to run.
func has(number string) string {
	if number == "" {
		return ""
	}
	return "known"
}

// TestR8BetweenQueryAndClose: a shopper pays right after the last question was
// answered with "not paid". The processor's close refuses, or a later question or
// the notice finds the payment: it is never lost.
func TestR8BetweenQueryAndClose(t *testing.T) {
	t.Parallel()
	each(t, processors(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		in := order(sp)
		r.MustPay(t, in)
		r.Clock.Add(3 * time.Second)
		once := false
		r.Intercept = func(req *http.Request) *http.Response {
			if once {
				return nil
			}
			once = true
			res, err := r.Box.Transport().RoundTrip(req)
			if err != nil {
				t.Error(err)
			}
			if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{Silent: true}); err != nil {
				t.Error(err)
			}
			return res
		}
		if _, err := r.Cashier.CloseOrder(t.Context(), r.Server(t), cashier.Which{OutTradeNo: in.OutTradeNo}); err != nil || !once {
			t.Fatal(err, once)
		}
		late := r.Stored(t, in.OutTradeNo).TradeState == payment.TradeClosed
		for range 30 {
			r.Clock.Add(5 * time.Second)
			sweep(t, r, gone{})
		}
		o := r.Stored(t, in.OutTradeNo)
		if flagged := slices.Contains(o.Flags, payment.LatePayment); o.TradeState != payment.TradeSuccess || flagged != late {
			t.Errorf("order is %s, flags %v; closed before: %t", o.TradeState, o.Flags, late)
		}
	})
}

// TestR8PaidAfterExpiry: money that comes after the order expired and was closed is
// taken, and flagged. A silent processor must not have called the trade over.
func TestR8PaidAfterExpiry(t *testing.T) {
	t.Parallel()
	each(t, processors(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		in := order(sp)
		o := r.MustPay(t, in).Order
		r.Clock.Add(o.TimeExpire.Sub(r.Clock.Now()) + time.Second)
		sweep(t, r, gone{})
		o = r.Stored(t, in.OutTradeNo)
		if o.TradeState != payment.TradeClosed {
			t.Fatalf("expired and swept, the order is %s", o.TradeState)
		}
		if all.Registry()[sp].Notices == provider.Silent && o.Attempts[0].State.Final() {
			t.Skipf("%s said that the trade is over, and tells nobody otherwise", sp)
		}
		r.Clock.Add(3 * time.Second)
		if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{Late: true}); err != nil {
			t.Fatal(err)
		}
		for range 30 {
			r.Clock.Add(5 * time.Second)
			r.Box.Resend(t.Context())
			sweep(t, r, gone{})
		}
		if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess || !slices.Contains(o.Flags, payment.LatePayment) {
			t.Errorf("order is %s, flags %v", o.TradeState, o.Flags)
		}
	})
}
