package cashier_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/cashier"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/payment"
	"overseaspay/shared/provider/all"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store"
)

// notice is the request that a processor posts about a paid order.
func notice(t *testing.T, r *cashiertest.Rig, sp, no string) *http.Request {
	t.Helper()
	trade, _, err := r.Box.Pay(t.Context(), no, sandbox.PayOptions{Silent: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, twin := range r.Box.Twins() {
		if twin.Name() == sp {
			return twin.Notice(trade, nil)
		}
	}
	t.Fatalf("no twin %s", sp)
	return nil
}

// again copies a request so that it can be posted more than once.
func again(req *http.Request) func() *http.Request {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
	}
	return func() *http.Request {
		c := req.Clone(req.Context())
		c.Body = io.NopCloser(bytes.NewReader(body))
		return c
	}
}

func notifiers(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, sp := range processors(t) {
		if all.Registry()[sp].Notices != "none" {
			names = append(names, sp)
		}
	}
	return names
}

func TestR6ANoticeAHundredTimes(t *testing.T) {
	t.Parallel()
	each(t, notifiers(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		in := order(sp)
		r.MustPay(t, in)
		post := again(notice(t, r, sp, in.OutTradeNo))
		check := func(status int) {
			if status/100 != 2 {
				t.Errorf("answered %d", status)
			}
		}
		check(r.Post(post()).Code)
		first := r.Stored(t, in.OutTradeNo)
		for range 100 {
			check(r.Post(post()).Code)
		}
		var wg sync.WaitGroup
		for range 100 {
			req := post()
			wg.Go(func() { check(r.Post(req).Code) })
		}
		wg.Wait()
		if diff := cmp.Diff(first.View(), r.Stored(t, in.OutTradeNo).View()); diff != "" {
			t.Error(diff)
		}
		if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess || len(o.Events) != 1 {
			t.Errorf("%s with events %v", o.TradeState, o.Events)
		}
		kept, err := r.Store.Notices(t.Context(), store.Key{Merchant: "default", OutTradeNo: in.OutTradeNo})
		if err != nil || len(kept) != 1 {
			t.Errorf("%d notices kept, %v", len(kept), err)
		}
	})
}

func TestNoticesThatAreRefused(t *testing.T) {
	t.Parallel()
	each(t, notifiers(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		in := order(sp)
		r.MustPay(t, in)
		other := cashiertest.Order("OTHER-" + sp + "-1")
		r.MustPay(t, other)
		post := again(notice(t, r, sp, in.OutTradeNo))
		at := func(path string) *http.Request { c := post(); c.URL.Path = "/notify/" + path; return c }
		for name, c := range map[string]struct {
			req    *http.Request
			status int
		}{
			"under another order":    {at(sp + "/default/" + other.OutTradeNo), http.StatusUnauthorized},
			"under no order":         {at(sp + "/default/NOBODY-0001"), http.StatusNotFound},
			"for another merchant":   {at(sp + "/stranger/" + in.OutTradeNo), http.StatusNotFound},
			"for another processor":  {at("nobody/default/" + in.OutTradeNo), http.StatusNotFound},
			"with nothing in it":     {emptied(at(sp + "/default/" + in.OutTradeNo)), 0},
			"at the wrong place":     {at(sp), http.StatusNotFound},
			"at a longer wrong path": {at(sp + "/default/" + in.OutTradeNo + "/x"), http.StatusNotFound},
		} {
			w := r.Post(c.req)
			if c.status != 0 && w.Code != c.status || c.status == 0 && sp != "2paynow" && w.Code/100 == 2 {
				t.Errorf("%s: answered %d %s", name, w.Code, w.Body)
			}
		}
		for _, no := range []string{in.OutTradeNo, other.OutTradeNo} {
			if o := r.Stored(t, no); o.TradeState != payment.TradeNotPay || len(o.Flags) > 0 {
				t.Errorf("%s is %s %v", no, o.TradeState, o.Flags)
			}
		}
		if w := r.Post(at(sp + "/default/" + in.OutTradeNo)); w.Code/100 != 2 {
			t.Errorf("the right one is answered %d", w.Code)
		}
		if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess {
			t.Errorf("order is %s", o.TradeState)
		}
	})
}

// A path that names no possible order is no question to the store, but a forged notice
// is told nothing of it.
func TestNoticesUnderWhatIsNoNumber(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	r.MustPay(t, in)
	genuine := notice(t, r, "yaband", in.OutTradeNo)
	body, err := io.ReadAll(genuine.Body)
	if err != nil {
		t.Fatal(err)
	}
	r.Store.OnGet = func() error { return errKilled }
	for _, no := range []string{strings.Repeat("N", 3000), "SHORT", "ORDER.0001"} {
		for text, status := range map[string]int{
			string(body): http.StatusNotFound,
			strings.Replace(string(body), in.OutTradeNo, "ORDER-0002", 1): http.StatusUnauthorized,
		} {
			req := genuine.Clone(t.Context())
			req.Body, req.URL.Path = io.NopCloser(strings.NewReader(text)), "/notify/yaband/default/"+no
			if w := r.Post(req); w.Code != status {
				t.Errorf("%.10s: answered %d, want %d", no, w.Code, status)
			}
		}
	}
}

func emptied(req *http.Request) *http.Request {
	req.Body, req.URL.RawQuery = http.NoBody, ""
	return req
}

func TestANoticeNeedNotNameTheOrderInItsPath(t *testing.T) {
	t.Parallel()
	each(t, notifiers(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		in := order(sp)
		r.MustPay(t, in)
		req := notice(t, r, sp, in.OutTradeNo)
		req.URL.Path = "/notify/" + sp + "/default"
		if w := r.Post(req); w.Code/100 != 2 {
			t.Fatalf("answered %d", w.Code)
		}
		if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess {
			t.Errorf("order is %s", o.TradeState)
		}
	})
}

// A genuine notice of a wrong amount is acknowledged and recorded, and pays
// nothing; the right one that follows does.
func TestR16AWrongAmountNeverPays(t *testing.T) {
	t.Parallel()
	each(t, notifiers(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		in := order(sp)
		r.MustPay(t, in)
		_, d, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{Amount: 1})
		if err != nil || !d.Acknowledged() {
			t.Fatal(d, err)
		}
		if all.Registry()[sp].Notices == "doorbell" {
			return // it only rang, and the answer was the truth
		}
		if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeNotPay || !cmp.Equal(o.Flags, []payment.Flag{payment.AmountMismatch}) {
			t.Fatalf("order is %s, flags %v", o.TradeState, o.Flags)
		}
		if !strings.Contains(r.Logged(), `"metric":"amount_mismatch"`) {
			t.Error("not counted")
		}
		if _, _, err := r.Box.Notify(t.Context(), in.OutTradeNo, sp); err != nil {
			t.Fatal(err)
		}
		if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess {
			t.Errorf("the right amount left it %s", o.TradeState)
		}
	})
}

// A doorbell asks at most once in two seconds, and is acknowledged although the
// processor does not answer: the question is due then.
func TestDoorbells(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	r.Switch(t, "2paynow")
	in := order("2paynow")
	r.MustPay(t, in)
	post := again(notice(t, r, "2paynow", in.OutTradeNo))
	if err := r.Box.Fault(sandbox.Fault{Provider: "2paynow", Kind: "status:500"}); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if w := r.Post(post()); w.Code != http.StatusOK {
			t.Fatalf("answered %d", w.Code)
		}
	}
	o := r.Stored(t, in.OutTradeNo)
	if a := o.Attempts[0]; o.TradeState != payment.TradeNotPay || a.Asked != 1 || a.DueAt.After(r.Clock.Now().Add(cashier.AskEvery)) {
		t.Fatalf("%s, asked %d times, due %s", o.TradeState, a.Asked, a.DueAt)
	}
	r.Clock.Add(cashier.AskEvery)
	r.Post(post())
	if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess || o.Attempts[0].Asked != 2 {
		t.Errorf("%s, asked %d times", o.TradeState, o.Attempts[0].Asked)
	}
}

func TestAStoreThatFailsIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	r.MustPay(t, in)
	post := again(notice(t, r, "yaband", in.OutTradeNo))
	r.Store.OnSave = func() error { return errKilled }
	if w := r.Post(post()); w.Code != http.StatusServiceUnavailable {
		t.Errorf("answered %d", w.Code)
	}
	r.Store.OnSave = nil
	if w := r.Post(post()); w.Code != http.StatusOK {
		t.Errorf("then answered %d", w.Code)
	}
}

func TestR8ALatePaymentIsFlagged(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	r.MustPay(t, in)
	o, err := r.Cashier.CloseOrder(t.Context(), r.Server(t), cashier.Which{OutTradeNo: in.OutTradeNo})
	if err != nil || o.TradeState != payment.TradeClosed || o.Attempts[0].State != payment.Watched {
		t.Fatal(o, err)
	}
	if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	o = r.Stored(t, in.OutTradeNo)
	if o.TradeState != payment.TradeSuccess || !cmp.Equal(o.Flags, []payment.Flag{payment.LatePayment}) {
		t.Errorf("%s %v", o.TradeState, o.Flags)
	}
}

func TestCloseOrder(t *testing.T) {
	t.Parallel()
	each(t, processors(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		shut := func(no string) *payment.Order {
			o, err := r.Cashier.CloseOrder(t.Context(), r.Server(t), cashier.Which{OutTradeNo: no})
			if err != nil {
				t.Fatal(err)
			}
			return o
		}
		in := order(sp)
		r.MustPay(t, in)
		for range 2 {
			if o := shut(in.OutTradeNo); o.TradeState != payment.TradeClosed {
				t.Fatalf("order is %s", o.TradeState)
			}
		}
		paid := cashiertest.Order("PAID-" + sp + "-1")
		r.MustPay(t, paid)
		if _, _, err := r.Box.Pay(t.Context(), paid.OutTradeNo, sandbox.PayOptions{Silent: true}); err != nil {
			t.Fatal(err)
		}
		if o := shut(paid.OutTradeNo); o.TradeState != payment.TradeSuccess || trades(t, r, paid.OutTradeNo)[0].State != sandbox.Paid {
			t.Errorf("a paid order is %s after closing", o.TradeState)
		}
		silent := cashiertest.Order("MUTE-" + sp + "-1")
		r.MustPay(t, silent)
		if err := r.Box.Fault(sandbox.Fault{Provider: sp, Kind: "status:500", Times: 3}); err != nil {
			t.Fatal(err)
		}
		_, err := r.Cashier.CloseOrder(t.Context(), r.Server(t), cashier.Which{OutTradeNo: silent.OutTradeNo})
		want(t, err, payment.OutcomeUnknown, "")
		if o := r.Stored(t, silent.OutTradeNo); o.TradeState != payment.TradeNotPay {
			t.Errorf("an unanswered close left the order %s", o.TradeState)
		}
	})
}

func TestCloseAnOrderNobodyTriedToPay(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	if _, err := r.Cashier.CreateOrder(t.Context(), r.Server(t), in.CreateOrder); err != nil {
		t.Fatal(err)
	}
	o, err := r.Cashier.CloseOrder(t.Context(), r.Server(t), cashier.Which{OutTradeNo: in.OutTradeNo})
	if err != nil || o.TradeState != payment.TradeClosed {
		t.Fatal(o, err)
	}
	_, err = r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
	want(t, err, payment.Conflict, "CLOSED")
}

func TestLookupByTheOtherNumbers(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	r.MustPay(t, in)
	if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	v := r.Stored(t, in.OutTradeNo).View()
	for _, by := range []cashier.Which{{SpTradeNo: v.SpTradeNo}, {TransactionID: v.TransactionID}} {
		o, err := r.Cashier.QueryOrder(t.Context(), r.Server(t), by)
		if err != nil || o.OutTradeNo != in.OutTradeNo {
			t.Errorf("%+v: %v, %v", by, o, err)
		}
	}
	_, err := r.Cashier.QueryOrder(t.Context(), r.Server(t), cashier.Which{SpTradeNo: "nobody"})
	want(t, err, payment.NotFound, "")
	_, err = r.Cashier.QueryOrder(t.Context(), r.Server(t), cashier.Which{})
	want(t, err, payment.InvalidArgument, "out_trade_no")
	_, err = r.Cashier.QueryOrder(t.Context(), r.User(t, "o-shopper"), cashier.Which{SpTradeNo: v.SpTradeNo})
	want(t, err, payment.InvalidArgument, "out_trade_no")
}

func TestQueriesAskAtMostOnceInTwoSeconds(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	r.MustPay(t, in)
	for range 20 {
		r.Query(t, in.OutTradeNo)
		r.Clock.Add(100 * time.Millisecond)
	}
	if n := r.Stored(t, in.OutTradeNo).Attempts[0].Asked; n != 1 {
		t.Errorf("asked %d times in two seconds", n)
	}
}
