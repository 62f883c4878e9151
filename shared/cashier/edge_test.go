package cashier_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"overseaspay/shared/cashier"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
)

// The money that comes between the last question and the close is not lost.
func TestR8PaidBetweenQueryAndClose(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"closed by the shop", "expired", "another method"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			r.Switch(t, "v3")
			in := cashiertest.Order("ORDER-0001")
			r.MustPay(t, in)
			r.Intercept = func(req *http.Request) *http.Response {
				if strings.HasSuffix(req.URL.Path, "/close") {
					if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{Silent: true, Late: true}); err != nil {
						t.Error(err)
					}
				}
				return nil
			}
			switch how {
			case "expired":
				r.Clock.Add(3 * time.Hour)
				sweep(t, r, gone{})
			case "another method":
				in.PayMethod, in.Provider = payment.Alipay, "2paynow"
				_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
				want(t, err, payment.Conflict, "SUCCESS")
			default:
				if _, err := r.Cashier.CloseOrder(t.Context(), r.Server(t), cashier.Which{OutTradeNo: in.OutTradeNo}); err != nil {
					t.Fatal(err)
				}
			}
			if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess || len(o.Flags) > 0 {
				t.Errorf("%s %v", o.TradeState, o.Flags)
			}
		})
	}
}

// An order stays open if its close gets no answer. Who wants to pay another way need
// not wait for it: the first attempt is watched.
func TestACloseThatGetsNoAnswerLeavesTheOrderOpen(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	r.Switch(t, "v3")
	in := cashiertest.Order("ORDER-0001")
	r.MustPay(t, in)
	r.Intercept = func(req *http.Request) *http.Response {
		if strings.HasSuffix(req.URL.Path, "/close") {
			return cashiertest.Answer(500, `{"code":"SYSTEM_ERROR"}`)
		}
		return nil
	}
	_, err := r.Cashier.CloseOrder(t.Context(), r.Server(t), cashier.Which{OutTradeNo: in.OutTradeNo})
	want(t, err, payment.OutcomeUnknown, "")
	if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeNotPay || len(o.Attempts) != 1 {
		t.Errorf("%s with %d attempts", o.TradeState, len(o.Attempts))
	}
	in.PayMethod, in.Provider = payment.Alipay, "2paynow"
	if p := r.MustPay(t, in); p.URL == "" || len(p.Order.Attempts) != 2 || p.Order.Attempts[0].State != payment.Watched {
		t.Errorf("%+v", p)
	}
}

// A close that says the trade is paid, and a question after it that fails: nobody is
// given a second way to pay until that is known.
func TestNoOtherWayToPayWhatTheCloseCallsPaid(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	r.Switch(t, "v3")
	in := cashiertest.Order("ORDER-0001")
	r.MustPay(t, in)
	r.Intercept = func(req *http.Request) *http.Response {
		if strings.HasSuffix(req.URL.Path, "/close") {
			return cashiertest.Answer(http.StatusBadRequest, `{"code":"ORDER_PAID","message":"paid"}`)
		}
		return cashiertest.Answer(http.StatusInternalServerError, "")
	}
	in.PayMethod, in.Provider = payment.Alipay, "2paynow"
	_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
	want(t, err, payment.OutcomeUnknown, "")
	if o := r.Stored(t, in.OutTradeNo); len(o.Attempts) != 1 || o.Attempts[0].State != payment.Open {
		t.Errorf("attempts %+v", o.Attempts)
	}
}

// A create whose answer was lost, on a trade that was then paid, is found paid.
func TestRepairFindsThePayment(t *testing.T) {
	t.Parallel()
	for _, sp := range []string{"v3", "2paynow"} {
		t.Run(sp, func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			r.Switch(t, sp)
			in := order(sp)
			if err := r.Box.Fault(sandbox.Fault{Provider: sp, Kind: sandbox.FaultLost}); err != nil {
				t.Fatal(err)
			}
			_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
			want(t, err, payment.OutcomeUnknown, "")
			if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{Silent: true}); err != nil {
				t.Fatal(err)
			}
			_, err = r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
			want(t, err, payment.Conflict, "SUCCESS")
		})
	}
}

// WeChat answering a repeated create with "paid already" is a payment to ask about.
func TestPaidAlreadySaysTheCreate(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	r.Switch(t, "v3")
	in := cashiertest.Order("ORDER-0001")
	r.MustPay(t, in)
	if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{Silent: true}); err != nil {
		t.Fatal(err)
	}
	r.Clock.Add(118 * time.Minute) // the prepay is old: the identical create goes out
	_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
	want(t, err, payment.Conflict, "")
	if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess {
		t.Errorf("order is %s", o.TradeState)
	}
}

func TestARefusedCreateFailsTheAttemptOnly(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	r.Intercept = func(*http.Request) *http.Response {
		return cashiertest.Answer(200, `{"status":false,"code":"1001","message":"the amount is too small"}`)
	}
	_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
	if want(t, err, payment.Declined, "too small"); payment.AsError(err).Retryable {
		t.Error("retryable")
	}
	if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeNotPay || o.Attempts[0].State != payment.Failed {
		t.Errorf("%s, attempt %s", o.TradeState, o.Attempts[0].State)
	}
	r.Intercept = nil
	if p := r.MustPay(t, in); len(p.Order.Attempts) != 2 || p.Order.Lead().No == in.OutTradeNo {
		t.Errorf("attempts %+v", p.Order.Attempts)
	}
}

func TestNoticesOfLaterAttemptsFindTheirOrder(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	r.MustPay(t, in)
	in.PayMethod = payment.PayPal
	second := r.MustPay(t, in).Order.Lead().No
	for _, path := range []string{"/notify/yaband/default", "/notify/yaband/default/" + in.OutTradeNo} {
		r := r
		req := notice2(t, r, second)
		req.URL.Path = path
		if w := r.Post(req); w.Code != http.StatusOK {
			t.Errorf("%s: answered %d", path, w.Code)
		}
	}
	if o := r.Stored(t, in.OutTradeNo); o.PaidBy != second {
		t.Errorf("paid by %q", o.PaidBy)
	}
	req := notice2(t, r, second)
	req.URL.Path = "/notify/yaband/default"
	r.Store.OnGet = func() error { return errKilled }
	if w := r.Post(req); w.Code != http.StatusServiceUnavailable {
		t.Errorf("with the store down: %d", w.Code)
	}
}

// notice2 is the notice of a trade that may be paid already.
func notice2(t *testing.T, r *cashiertest.Rig, no string) *http.Request {
	t.Helper()
	_, _, _ = r.Box.Pay(t.Context(), no, sandbox.PayOptions{Silent: true})
	for _, trade := range r.Box.Trades() {
		if trade.No == no {
			return sandbox.NewYaband(sandbox.Env{Now: r.Clock.Now}).Notice(trade, nil)
		}
	}
	t.Fatalf("no trade %s", no)
	return nil
}

func TestQueryRefundAsks(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "v3")
	out, err := refund(r, t, no, "R-1", 500)
	if err != nil || out.Refund.Status != payment.RefundProcessing {
		t.Fatal(out.Refund, err)
	}
	ask := func() payment.RefundStatus {
		out, err := r.Cashier.QueryRefund(t.Context(), r.Server(t), cashier.RefundOrder{OutTradeNo: no, OutRefundNo: "R-1"})
		if err != nil {
			t.Fatal(err)
		}
		return out.Refund.Status
	}
	r.Clock.Add(3 * time.Second)
	if s := ask(); s != payment.RefundProcessing {
		t.Errorf("refund is %s", s)
	}
	r.Box.Settle()
	if s := ask(); s != payment.RefundProcessing {
		t.Errorf("asked twice in two seconds: %s", s)
	}
	r.Clock.Add(3 * time.Second)
	r.Intercept = func(*http.Request) *http.Response { return cashiertest.Answer(500, "") }
	if s := ask(); s != payment.RefundProcessing {
		t.Errorf("no answer made it %s", s)
	}
	r.Intercept = nil
	r.Clock.Add(3 * time.Second)
	if s := ask(); s != payment.RefundSuccess {
		t.Errorf("refund is %s", s)
	}
	if v := r.Stored(t, no).View(); v.RefundedFee != 500 || v.TradeState != payment.TradeRefund {
		t.Errorf("order %+v", v)
	}
}

// A balance that is too low is tried again with the same number for two days, and
// then given up: the reservation is free again.
func TestABalanceThatIsTooLow(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "v3")
	low := func(req *http.Request) *http.Response {
		if req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/refunds") {
			return cashiertest.Answer(403, `{"code":"NOT_ENOUGH","message":"the balance is too low"}`)
		}
		return nil
	}
	r.Intercept = low
	_, err := refund(r, t, no, "R-1", 1299)
	if want(t, err, payment.Conflict, "48 h"); !payment.AsError(err).Retryable {
		t.Error("not retryable")
	}
	_, err = refund(r, t, no, "R-2", 1)
	want(t, err, payment.Conflict, "left")
	r.Clock.Add(time.Hour)
	r.Intercept = nil
	sweep(t, r, gone{})
	if f := settle(t, r, no, "R-1"); f.Status != payment.RefundSuccess {
		t.Errorf("refund is %s %s", f.Status, f.Reason)
	}

	other := cashiertest.Order("ORDER-0002")
	r.MustPay(t, other)
	if _, _, err := r.Box.Pay(t.Context(), other.OutTradeNo, sandbox.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	r.Intercept = low
	_, _ = refund(r, t, other.OutTradeNo, "R-1", 1299)
	for range 60 {
		r.Clock.Add(time.Hour)
		sweep(t, r, gone{})
	}
	o := r.Stored(t, other.OutTradeNo)
	if f := o.Refund("R-1"); f.Status != payment.RefundClosed || o.TradeState != payment.TradeSuccess {
		t.Errorf("refund is %s, order %s", f.Status, o.TradeState)
	}
	if !slices.ContainsFunc(o.Events, func(e payment.Event) bool { return e.Type == payment.RefundFailed }) {
		t.Error("the shop is not told")
	}
	r.Intercept = nil
	if _, err := refund(r, t, other.OutTradeNo, "R-2", 1299); err != nil {
		t.Error(err)
	}
}

func TestARefusedRefundFreesItsReservation(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "yaband")
	r.Intercept = func(*http.Request) *http.Response {
		return cashiertest.Answer(200, `{"status":false,"code":"1002","message":"older than a year"}`)
	}
	_, err := refund(r, t, no, "R-1", 1299)
	want(t, err, payment.Declined, "year")
	r.Intercept = nil
	if _, err := refund(r, t, no, "R-2", 1299); err != nil {
		t.Error(err)
	}
}

// Orders and refunds whose account is gone are looked at ever more rarely, not
// all the time.
func TestAGoneAccountIsNotAskedAllTheTime(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "v3")
	if _, err := refund(r, t, no, "R-1", 500); err != nil {
		t.Fatal(err)
	}
	open := cashiertest.Order("ORDER-0002")
	r.MustPay(t, open)
	r.Provider("v3")["mchid"] = "1999999999"
	r.Put(t, "payment", r.Item)
	looks := 0
	for range 120 {
		r.Clock.Add(time.Minute)
		looks += sweep(t, r, gone{})
	}
	if looks > 40 {
		t.Errorf("%d looks in two hours", looks)
	}
	if o := r.Stored(t, open.OutTradeNo); o.TradeState != payment.TradeNotPay {
		t.Errorf("order is %s", o.TradeState)
	}
	out, err := r.Cashier.QueryRefund(t.Context(), r.Server(t), cashier.RefundOrder{OutTradeNo: no, OutRefundNo: "R-1"})
	if err != nil || out.Refund.Status != payment.RefundProcessing {
		t.Errorf("%v, %v", out.Refund, err)
	}
	_, err = refund(r, t, no, "R-2", 1)
	want(t, err, payment.ConfigInvalid, "former[]")
	_, err = r.Cashier.CloseOrder(t.Context(), r.Server(t), cashier.Which{OutTradeNo: open.OutTradeNo})
	want(t, err, payment.ConfigInvalid, "former[]")
}

func TestWithTheStoreDown(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	r.MustPay(t, in)
	who := r.Server(t)
	r.Store.OnGet = func() error { return errKilled }
	r.Store.OnSave = r.Store.OnGet
	for name, do := range map[string]func() error{
		"createorder":  func() error { _, err := r.Cashier.CreateOrder(t.Context(), who, in.CreateOrder); return err },
		"unifiedorder": func() error { _, err := r.Cashier.UnifiedOrder(t.Context(), who, in); return err },
		"queryorder": func() error {
			_, err := r.Cashier.QueryOrder(t.Context(), who, cashier.Which{OutTradeNo: in.OutTradeNo})
			return err
		},
		"closeorder": func() error {
			_, err := r.Cashier.CloseOrder(t.Context(), who, cashier.Which{OutTradeNo: in.OutTradeNo})
			return err
		},
		"refund": func() error { _, err := refund(r, t, in.OutTradeNo, "R-1", 1); return err },
	} {
		if err := do(); code(err) != payment.Internal || !payment.AsError(err).Retryable || !errors.Is(err, errKilled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTooManyLostSavesGiveUp(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	if _, err := r.Cashier.CreateOrder(t.Context(), r.Server(t), in.CreateOrder); err != nil {
		t.Fatal(err)
	}
	r.Store.OnSave = func() error { return cashiertest.Conflict }
	_, err := r.Cashier.CloseOrder(t.Context(), r.Server(t), cashier.Which{OutTradeNo: in.OutTradeNo})
	if want(t, err, payment.Conflict, "repeat"); !payment.AsError(err).Retryable {
		t.Error("not retryable")
	}
	_, err = r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
	if want(t, err, payment.Conflict, "repeat"); !payment.AsError(err).Retryable {
		t.Error("not retryable")
	}
}

// The defaults: the real clock, chance and timer.
func TestDefaults(t *testing.T) {
	t.Parallel()
	if _, err := cashier.New(cashier.Config{}); err == nil {
		t.Error("no error without a store")
	}
	r := cashiertest.New(t)
	c, err := cashier.New(cashier.Config{Store: r.Store, Merchants: r.Cache, NotifyURL: cashiertest.NotifyURL + "/"})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Box.Fault(sandbox.Fault{Provider: "yaband", Kind: "slow:100ms"}); err != nil {
		t.Fatal(err)
	}
	who := r.Server(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := c.UnifiedOrder(t.Context(), who, cashiertest.Order("ORDER-0001")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := r.Box.Trades(); len(got) != 1 || got[0].NotifyURL != cashiertest.NotifyURL+"/yaband/default/ORDER-0001" {
		t.Errorf("trades %+v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.Store.OnSave = func() error { return cashiertest.Conflict }
	if _, err := c.UnifiedOrder(ctx, who, cashiertest.Order("ORDER-0002")); err == nil {
		t.Error("a caller who hung up is served for ever")
	}
}

// A processor that never heard of the order binds nobody to it.
func TestAnUnsentAttemptDoesNotHoldTheOrder(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	if err := r.Box.Fault(sandbox.Fault{Provider: "yaband", Kind: sandbox.FaultBefore}); err != nil {
		t.Fatal(err)
	}
	_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
	want(t, err, payment.ProviderUnavailable, "")
	r.Switch(t, "v3")
	p := r.MustPay(t, in)
	if p.Order.Lead().Provider != "v3" || p.Order.Attempts[0].State != payment.Ended {
		t.Errorf("attempts %+v", p.Order.Attempts)
	}
}

// An order whose merchant is gone is put off, and closed when its time is over. What
// nobody could be told of for a week is given up.
func TestAMerchantThatIsGone(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	shop := map[string]any{}
	for name, value := range r.Item {
		shop[name] = value
	}
	shop["merchant_keys"] = []string{"sk_second_0123456789abcdefghij"}
	r.Put(t, "payment:second", shop)
	m, err := r.Cache.Merchant(t.Context(), "second")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Cashier.CreateOrder(t.Context(), cashier.Caller{Merchant: m}, cashiertest.Order("ORDER-0001").CreateOrder); err != nil {
		t.Fatal(err)
	}
	r.Drop("second")
	r.Clock.Add(3 * time.Hour)
	looks := 0
	for range 24 * 8 * 4 {
		looks += sweep(t, r, gone{})
		r.Clock.Add(15 * time.Minute)
	}
	o, err := r.Store.Store.Get(t.Context(), "second", "ORDER-0001")
	if err != nil || o.TradeState != payment.TradeClosed || !o.Due().IsZero() || looks > 24*8 {
		t.Errorf("%+v, %v, %d looks", o, err, looks)
	}
}

// A processor that takes short numbers gets short ones for later attempts, too.
func TestNumbersFitTheProcessor(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	r.Switch(t, "nihaopay")
	in := cashiertest.Order(strings.Repeat("9", 30))
	for _, fault := range []string{sandbox.FaultLost, ""} {
		if fault != "" {
			if err := r.Box.Fault(sandbox.Fault{Provider: "nihaopay", Kind: fault}); err != nil {
				t.Fatal(err)
			}
		}
		_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
		if (err != nil) != (fault != "") {
			t.Fatal(err)
		}
	}
	if a := r.Stored(t, in.OutTradeNo).Attempts; len(a) != 2 || len(a[1].No) > 30 {
		t.Errorf("attempts %+v", a)
	}
	for no, sp := range map[string]string{"1234567": "vr", strings.Repeat("9", 31): "nihaopay"} {
		r.Switch(t, sp)
		_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), cashiertest.Order(no))
		want(t, err, payment.InvalidArgument, sp+" ")
	}
}

// A mainland account takes CNY only, which is said before anything is stored.
func TestACurrencyThatTheAccountDoesNotTake(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	r.Provider("v3")["prefix"] = "/v3"
	r.Switch(t, "v3")
	in := cashiertest.Order("ORDER-0001")
	in.FeeType = "EUR"
	_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
	want(t, err, payment.Unsupported, "CNY only")
	if _, err := r.Store.Store.Get(t.Context(), "default", "ORDER-0001"); err == nil {
		t.Error("the order was stored")
	}
	in.FeeType = "CNY"
	r.MustPay(t, in)
}
