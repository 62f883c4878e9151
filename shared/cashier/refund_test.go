package cashier_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"overseaspay/shared/cashier"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/all"
	"overseaspay/shared/sandbox"
)

// paid makes an order that has been paid through a processor.
func paid(t *testing.T, r *cashiertest.Rig, sp string) string {
	t.Helper()
	r.Switch(t, sp)
	in := order(sp)
	r.MustPay(t, in)
	if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	r.Clock.Add(3 * time.Second)
	if o := r.Query(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess {
		t.Fatalf("order is %s", o.TradeState)
	}
	return in.OutTradeNo
}

func refund(r *cashiertest.Rig, t *testing.T, no, refundNo string, fee int64) (cashier.Refunding, error) {
	t.Helper()
	return r.Cashier.Refund(t.Context(), r.Server(t), cashier.RefundOrder{OutTradeNo: no, OutRefundNo: refundNo, RefundFee: &fee})
}

func refundable(t *testing.T) []string {
	return slices.DeleteFunc(processors(t), func(sp string) bool { return all.Registry()[sp].RefundAgain == "" })
}

// atProcessor is what the processors' ledger says was given back of an order.
func atProcessor(t *testing.T, r *cashiertest.Rig, no string) int64 {
	sum := int64(0)
	for _, s := range trades(t, r, no) {
		sum += s.Refunded()
	}
	return sum
}

// settle lets time pass until a refund is final, as the schedule would.
func settle(t *testing.T, r *cashiertest.Rig, no, refundNo string) *payment.Refund {
	t.Helper()
	for range 90 { // a quarter of an hour
		f := r.Stored(t, no).Refund(refundNo)
		if f.Status != payment.RefundProcessing {
			return f
		}
		r.Clock.Add(10 * time.Second)
		r.Box.Settle()
		r.Box.Resend(t.Context())
		if _, err := r.Cashier.Sweep(t.Context(), gone{}); err != nil {
			t.Fatal(err)
		}
	}
	return r.Stored(t, no).Refund(refundNo)
}

func TestRefundThroughEveryProcessor(t *testing.T) {
	t.Parallel()
	each(t, refundable(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		no := paid(t, r, sp)
		if _, err := refund(r, t, no, "R-1", 1299); err != nil {
			t.Fatal(err)
		}
		if f := settle(t, r, no, "R-1"); f.Status != payment.RefundSuccess || f.TimeSuccess.IsZero() {
			t.Fatalf("refund is %s %s", f.Status, f.Reason)
		}
		if v := r.Stored(t, no).View(); v.TradeState != payment.TradeRefund || v.RefundedFee != 1299 || len(v.Flags) > 0 || len(v.Refunds) != 1 {
			t.Errorf("order %+v", v)
		}
		if out, err := refund(r, t, no, "R-1", 1299); err != nil || out.Refund.Status != payment.RefundSuccess {
			t.Errorf("again: %v, %v", out.Refund, err)
		}
		_, err := refund(r, t, no, "R-1", 1)
		want(t, err, payment.Conflict, "R-1")
		_, err = refund(r, t, no, "R-2", 1)
		want(t, err, payment.Conflict, "left")
		if n := atProcessor(t, r, no); n != 1299 {
			t.Errorf("%d given back at the processor", n)
		}
	})
}

// A refund whose answer was lost, or whose caller died after the call, is one
// refund at the processor, however often it is repeated.
func TestR12ARefundIsNeverMadeTwice(t *testing.T) {
	t.Parallel()
	for _, sp := range refundable(t) {
		for _, how := range []string{"lost", "killed", "before", "status:500"} {
			t.Run(sp+"/"+how, func(t *testing.T) {
				t.Parallel()
				r := cashiertest.New(t)
				no := paid(t, r, sp)
				again := all.Registry()[sp].RefundAgain
				if how == "killed" {
					saves, ready := 0, 1
					if again == provider.ByLookup {
						ready = 2 // the baseline is asked for first
					}
					r.Store.OnSave = func() error {
						if saves++; saves > ready {
							return errKilled
						}
						return nil
					}
				} else {
					f := sandbox.Fault{Provider: sp, Op: "refund", Kind: how}
					if sp == "vr" {
						f.Op = "paymentType=RF"
					}
					if err := r.Box.Fault(f); err != nil {
						t.Fatal(err)
					}
				}
				_, err := refund(r, t, no, "R-1", 500)
				if err == nil {
					t.Fatal("the fault did not hit")
				}
				r.Store.OnSave = nil
				uncertain := func() bool { return slices.Contains(r.Stored(t, no).Flags, payment.RefundUncertain) }
				if again == provider.ByNone && (how == "lost" || how == "status:500") && !uncertain() {
					t.Error("an unknown outcome is not flagged at once")
				}
				for range 3 {
					_, _ = refund(r, t, no, "R-1", 500)
					r.Clock.Add(3 * time.Second)
				}
				f := settle(t, r, no, "R-1")
				happened := how == "lost" || how == "killed"
				switch {
				case again == provider.ByNone && how != "before":
					// Only a notice can tell what became of it; nobody tries again.
					if n := atProcessor(t, r, no); happened && n != 500 || !happened && n != 0 {
						t.Errorf("%d given back", n)
					}
					if !happened && f.Status != payment.RefundProcessing {
						t.Errorf("refund is %s", f.Status)
					}
					if f.Status == payment.RefundProcessing && !uncertain() {
						t.Error("not flagged as uncertain")
					}
				case f.Status != payment.RefundSuccess:
					t.Errorf("refund is %s %s", f.Status, f.Reason)
				case atProcessor(t, r, no) != 500:
					t.Errorf("%d given back", atProcessor(t, r, no))
				}
			})
		}
	}
}

func TestR11AHundredRefundsAtOnce(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "v3")
	var wg sync.WaitGroup
	var mu sync.Mutex
	accepted := 0
	for i := range 100 {
		wg.Go(func() {
			_, err := refund(r, t, no, fmt.Sprintf("R-%d", i), 390)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				accepted++
			} else if code(err) != payment.Conflict {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if accepted != 3 || atProcessor(t, r, no) != 3*390 {
		t.Errorf("%d accepted, %d given back", accepted, atProcessor(t, r, no))
	}
}

func TestRefundsThatCannotBe(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	r.MustPay(t, cashiertest.Order("OPEN-0001"))
	no := paid(t, r, "yaband")
	fee := func(n int64) *int64 { return &n }
	for name, c := range map[string]struct {
		in   cashier.RefundOrder
		code payment.Code
		part string
	}{
		"unpaid order":   {cashier.RefundOrder{OutTradeNo: "OPEN-0001", OutRefundNo: "R", RefundFee: fee(1)}, payment.Conflict, "nothing to refund"},
		"unknown order":  {cashier.RefundOrder{OutTradeNo: "NOBODY-1", OutRefundNo: "R", RefundFee: fee(1)}, payment.NotFound, "no such order"},
		"odd number":     {cashier.RefundOrder{OutTradeNo: no, OutRefundNo: "R 1", RefundFee: fee(1)}, payment.InvalidArgument, "out_refund_no"},
		"odd order":      {cashier.RefundOrder{OutTradeNo: "1", OutRefundNo: "R", RefundFee: fee(1)}, payment.InvalidArgument, "out_trade_no"},
		"no fee":         {cashier.RefundOrder{OutTradeNo: no, OutRefundNo: "R"}, payment.InvalidArgument, "refund_fee"},
		"nothing":        {cashier.RefundOrder{OutTradeNo: no, OutRefundNo: "R", RefundFee: fee(0)}, payment.InvalidArgument, "refund_fee"},
		"odd currency":   {cashier.RefundOrder{OutTradeNo: no, OutRefundNo: "R", RefundFee: fee(1), RefundFeeType: "euro"}, payment.InvalidArgument, "refund_fee_type"},
		"other currency": {cashier.RefundOrder{OutTradeNo: no, OutRefundNo: "R", RefundFee: fee(1), RefundFeeType: "CNY"}, payment.Unsupported, "EUR"},
		"too much":       {cashier.RefundOrder{OutTradeNo: no, OutRefundNo: "R", RefundFee: fee(1300)}, payment.Conflict, "left"},
	} {
		_, err := r.Cashier.Refund(t.Context(), r.Server(t), c.in)
		if code(err) != c.code || !contains(err, c.part) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := r.Cashier.QueryRefund(t.Context(), r.Server(t), cashier.RefundOrder{OutTradeNo: no, OutRefundNo: "R-9"})
	want(t, err, payment.NotFound, "R-9")
}

// Orders in CNY whose account gives money back in its own currency: the cap is
// what the processor says it settled.
func TestRefundInTheAccountsCurrency(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	r.Provider("yaband")["refund_currency"] = "EUR"
	r.Put(t, "payment", r.Item)
	in := cashiertest.Order("ORDER-0001")
	in.FeeType = "CNY"
	r.MustPay(t, in)
	if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	settled := r.Stored(t, in.OutTradeNo).View()
	if settled.SettlementFeeType != "EUR" || settled.SettlementFee == 0 {
		t.Fatalf("settled %d %s", settled.SettlementFee, settled.SettlementFeeType)
	}
	_, err := refund(r, t, in.OutTradeNo, "R-1", settled.SettlementFee+1)
	want(t, err, payment.Conflict, "left")
}

// What is given back at the processor's own desk appears, counted and flagged.
func TestRefundsMadeElsewhere(t *testing.T) {
	t.Parallel()
	for _, sp := range []string{"v3", "2paynow"} {
		t.Run(sp, func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			no := paid(t, r, sp)
			if _, _, err := r.Box.Refund(t.Context(), no, sp, 300); err != nil {
				t.Fatal(err)
			}
			if sp == "2paynow" { // it does not post refunds: the next question shows it
				r.Clock.Add(time.Minute)
				if _, _, err := r.Box.Notify(t.Context(), no, sp); err != nil {
					t.Fatal(err)
				}
			}
			v := r.Stored(t, no).View()
			if v.TradeState != payment.TradeRefund || v.RefundedFee != 300 || !slices.Contains(v.Flags, payment.ExternalRefund) {
				t.Errorf("order %+v", v)
			}
			_, err := refund(r, t, no, "R-1", 1000)
			want(t, err, payment.Conflict, "9.99")
		})
	}
}

func TestASecondCaptureIsSentBackFirst(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	r.MustPay(t, in)
	in.PayMethod = payment.Alipay
	second := r.MustPay(t, in).Order.Lead().No
	for _, no := range []string{in.OutTradeNo, second} {
		if _, _, err := r.Box.Pay(t.Context(), no, sandbox.PayOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if o := r.Stored(t, in.OutTradeNo); o.PaidBy != in.OutTradeNo || !slices.Contains(o.Flags, payment.SecondCapture) {
		t.Fatalf("paid by %s, flags %v", o.PaidBy, o.Flags)
	}
	for i, from := range []string{second, in.OutTradeNo} {
		out, err := refund(r, t, in.OutTradeNo, fmt.Sprintf("R-%d", i), 1299)
		if err != nil || out.Refund.AttemptNo != from {
			t.Fatalf("refund %d comes out of %v: %v", i, out.Refund, err)
		}
	}
	_, err := refund(r, t, in.OutTradeNo, "R-2", 1)
	want(t, err, payment.Conflict, "left")
}

func contains(err error, part string) bool {
	return err != nil && len(part) > 0 && containsText(err.Error(), part)
}

// A processor that never posts is looked at again after a payment: what its desk
// gave back, or the payer's bank took, appears by itself.
func TestASilentDesk(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "vr")
	if _, _, err := r.Box.Refund(t.Context(), no, "vr", 300); err != nil {
		t.Fatal(err)
	}
	r.Clock.Add(61 * time.Minute)
	sweep(t, r, gone{})
	if v := r.Stored(t, no).View(); v.RefundedFee != 300 || !slices.Contains(v.Flags, payment.ExternalRefund) {
		t.Errorf("after an hour: %+v", v)
	}
	if _, err := r.Box.Chargeback(no, "vr"); err != nil {
		t.Fatal(err)
	}
	for range 30 * 24 {
		r.Clock.Add(time.Hour)
		sweep(t, r, gone{})
	}
	o := r.Stored(t, no)
	if !slices.Contains(o.Flags, payment.ChargedBack) || o.TradeState != payment.TradeRefund {
		t.Errorf("%s %v", o.TradeState, o.Flags)
	}
	if !o.Due().IsZero() || o.Attempts[0].Asked > 12 {
		t.Errorf("asked %d times, due %s", o.Attempts[0].Asked, o.Due())
	}
}

// A refund's doorbell asks about that refund.
func TestARefundsDoorbell(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "v2")
	if _, err := refund(r, t, no, "R-1", 500); err != nil {
		t.Fatal(err)
	}
	r.Clock.Add(3 * time.Second)
	r.Box.Settle()
	r.Intercept = func(*http.Request) *http.Response { return cashiertest.Answer(500, "") }
	r.Box.Resend(t.Context())
	if f := r.Stored(t, no).Refund("R-1"); f.Status != payment.RefundProcessing {
		t.Fatalf("no answer, and the refund is %s", f.Status)
	}
	r.Intercept = nil
	r.Clock.Add(time.Minute)
	if _, _, err := r.Box.Refund(t.Context(), no, "v2", 100); err != nil { // its notice rings for another refund
		t.Fatal(err)
	}
	if f := settle(t, r, no, "R-1"); f.Status != payment.RefundSuccess {
		t.Errorf("refund is %s", f.Status)
	}
	if v := r.Stored(t, no).View(); v.RefundedFee != 600 || !slices.Contains(v.Flags, payment.ExternalRefund) {
		t.Errorf("order %+v", v)
	}
}

// A refund's doorbell that names none asks about the one that is under way, or leaves
// a question about it due.
func TestADoorbellThatNamesNoRefund(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "supay")
	if _, err := refund(r, t, no, "R-1", 500); err != nil {
		t.Fatal(err)
	}
	r.Box.Settle()
	r.Clock.Add(3 * time.Second)
	trade, asked := trades(t, r, no)[0], r.Stored(t, no).Refund("R-1").Asked
	ring := func() *payment.Refund {
		if w := r.Post(twin(t, r, "supay").Notice(trade, &trade.Refunds[0])); w.Code != http.StatusOK {
			t.Errorf("HTTP %d", w.Code)
		}
		return r.Stored(t, no).Refund("R-1")
	}
	r.Intercept = func(*http.Request) *http.Response { return cashiertest.Answer(http.StatusInternalServerError, "") }
	if f := ring(); f.Status != payment.RefundProcessing || f.Asked != asked+1 || f.DueAt.After(r.Clock.Now().Add(cashier.AskEvery)) {
		t.Errorf("with no answer the refund is %s, asked %d times, due %s", f.Status, f.Asked, f.DueAt)
	}
	r.Intercept = nil
	r.Clock.Add(cashier.AskEvery)
	if f := ring(); f.Status != payment.RefundSuccess {
		t.Errorf("the refund is %s", f.Status)
	}
}

// It names no trade either: the refund may be of another attempt at that account.
func TestADoorbellThatNamesNoRefundOfTheFirstAttempt(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	r.Switch(t, "supay")
	in := order("supay")
	r.MustPay(t, in)
	in.PayMethod = payment.Card
	r.MustPay(t, in)
	if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	r.Clock.Add(3 * time.Second)
	if _, err := refund(r, t, in.OutTradeNo, "R-1", 500); err != nil {
		t.Fatal(err)
	}
	r.Box.Settle()
	r.Clock.Add(3 * time.Second)
	i := slices.IndexFunc(r.Box.Trades(), func(s sandbox.Trade) bool { return s.No == in.OutTradeNo })
	trade := r.Box.Trades()[i]
	if w := r.Post(twin(t, r, "supay").Notice(trade, &trade.Refunds[0])); w.Code != http.StatusOK || r.Stored(t, in.OutTradeNo).Refund("R-1").Status != payment.RefundSuccess {
		t.Errorf("HTTP %d, the refund is %s", w.Code, r.Stored(t, in.OutTradeNo).Refund("R-1").Status)
	}
}

// One that names a refund which is not ours asks about the trade, and leaves ours alone.
func TestADoorbellThatNamesAnotherRefund(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "v2")
	if _, err := refund(r, t, no, "R-1", 500); err != nil {
		t.Fatal(err)
	}
	r.Clock.Add(3 * time.Second)
	before := r.Stored(t, no)
	if _, d, err := r.Box.Refund(t.Context(), no, "v2", 100); err != nil || !d.Acknowledged() {
		t.Fatal(d, err)
	}
	o := r.Stored(t, no)
	if o.Attempts[0].Asked != before.Attempts[0].Asked+1 || o.Refund("R-1").Asked != before.Refund("R-1").Asked {
		t.Errorf("the trade was asked about %d times, the refund %d times", o.Attempts[0].Asked, o.Refund("R-1").Asked)
	}
}

// A processor that knows no refund again says that it has never heard of this one.
// It went out, so that nobody sends it a second time.
func TestARefundThatIsNotKnownAgainIsNotRepeated(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	no := paid(t, r, "vr")
	if _, err := refund(r, t, no, "R-1", 500); err != nil {
		t.Fatal(err)
	}
	o := r.Stored(t, no)
	o.Refund("R-1").Status, o.TradeState = payment.RefundProcessing, payment.TradeSuccess
	o.Refund("R-1").DueAt = r.Clock.Now()
	if err := r.Store.Store.Save(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	asked, sent := 0, 0
	r.Intercept = func(req *http.Request) *http.Response {
		if req.Method == http.MethodPost {
			sent++
			return nil
		}
		asked++
		return cashiertest.Answer(http.StatusNotFound, `{"result":{"code":"700.400.580","description":"cannot find transaction"}}`)
	}
	for range 5 {
		r.Clock.Add(time.Minute)
		sweep(t, r, gone{})
		_, _ = refund(r, t, no, "R-1", 500)
	}
	if asked == 0 || sent != 0 || r.Stored(t, no).Refund("R-1").Status != payment.RefundProcessing {
		t.Errorf("asked %d times, sent again %d times, refund is %s", asked, sent, r.Stored(t, no).Refund("R-1").Status)
	}
}

// A refund of a second capture, repeated after its answer was lost, is asked about
// at the processor of that capture, not at the one that paid the order.
func TestARepeatedRefundStaysWithItsCapture(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	r.MustPay(t, in)
	in.Provider = "v3"
	second := r.MustPay(t, in).Order.Lead().No
	for _, no := range []string{in.OutTradeNo, second} {
		if _, _, err := r.Box.Pay(t.Context(), no, sandbox.PayOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Box.Fault(sandbox.Fault{Provider: "v3", Op: "refunds", Kind: "lost"}); err != nil {
		t.Fatal(err)
	}
	if out, err := refund(r, t, in.OutTradeNo, "R-1", 1299); err == nil || out.Refund.AttemptNo != second {
		t.Fatalf("the refund comes out of %v: %v", out.Refund, err)
	}
	r.Clock.Add(30 * time.Second)
	r.Intercept = func(req *http.Request) *http.Response {
		if !containsText(req.URL.Path, "/v3/") {
			t.Errorf("%s %s goes elsewhere", req.Method, req.URL)
		}
		return nil
	}
	if out, err := refund(r, t, in.OutTradeNo, "R-1", 1299); err != nil || out.Refund.AttemptNo != second {
		t.Errorf("%+v, %v", out.Refund, err)
	}
}
