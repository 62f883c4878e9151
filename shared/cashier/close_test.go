package cashier_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"overseaspay/shared/cashier"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
)

// abandoned makes an order whose first attempt, at YabandPay, is watched, and whose
// live one is at v3.
func abandoned(t *testing.T, r *cashiertest.Rig) cashier.UnifiedOrder {
	t.Helper()
	in := cashiertest.Order("ORDER-0001")
	in.FeeType = "EUR"
	r.MustPay(t, in)
	in.Provider = "v3"
	if o := r.MustPay(t, in).Order; o.Attempts[0].State != payment.Watched || o.Attempts[1].State != payment.Open {
		t.Fatalf("attempts %+v", o.Attempts)
	}
	return in
}

// down answers for a processor that does not work.
func down(sp string) func(*http.Request) *http.Response {
	return func(req *http.Request) *http.Response {
		if strings.Contains(req.URL.Path, "/"+sp+"/") {
			return cashiertest.Answer(http.StatusInternalServerError, "")
		}
		return nil
	}
}

func closeOrder(t *testing.T, r *cashiertest.Rig, no string) (*payment.Order, error) {
	t.Helper()
	return r.Cashier.CloseOrder(t.Context(), r.Server(t), cashier.Which{OutTradeNo: no})
}

// ways are the two ways in which orders are closed.
func ways(t *testing.T, r *cashiertest.Rig, no string) map[string]func() *payment.Order {
	return map[string]func() *payment.Order{
		"by the shop": func() *payment.Order { _, _ = closeOrder(t, r, no); return r.Stored(t, no) },
		"at its expiry": func() *payment.Order {
			r.Clock.Add(2 * time.Hour)
			sweep(t, r, gone{})
			return r.Stored(t, no)
		},
	}
}

// eachWay runs a test for both, each with a rig of its own.
func eachWay(t *testing.T, test func(t *testing.T, r *cashiertest.Rig, in cashier.UnifiedOrder, end func() *payment.Order)) {
	t.Helper()
	for way := range ways(nil, nil, "") {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			in := abandoned(t, r)
			test(t, r, in, ways(t, r, in.OutTradeNo)[way])
		})
	}
}

// An attempt that is watched anyway keeps no order open, whether its processor is
// down or its account is gone; the live trade is cancelled all the same.
func TestAWatchedAttemptHoldsNoCloseUp(t *testing.T) {
	t.Parallel()
	for _, why := range []string{"down", "gone"} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			eachWay(t, func(t *testing.T, r *cashiertest.Rig, _ cashier.UnifiedOrder, end func() *payment.Order) {
				if r.Intercept = down("yaband"); why == "gone" {
					r.Provider("yaband")["mchid"] = "1999999999"
					r.Put(t, "payment", r.Item)
				}
				o := end()
				if o.TradeState != payment.TradeClosed || o.Attempts[0].State != payment.Watched || o.Attempts[1].State != payment.Ended {
					t.Errorf("%s, attempts %s and %s", o.TradeState, o.Attempts[0].State, o.Attempts[1].State)
				}
			})
		})
	}
}

// The live attempt does: nobody would know whether it was paid.
func TestALiveAttemptHoldsTheCloseUp(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, r *cashiertest.Rig, _ cashier.UnifiedOrder, end func() *payment.Order) {
		r.Intercept = down("v3")
		if o := end(); o.TradeState != payment.TradeNotPay || o.Due().IsZero() {
			t.Errorf("%s, due %s", o.TradeState, o.Due())
		}
	})
}

// closeAnswers makes a processor answer every close with this, and nothing else.
func closeAnswers(r *cashiertest.Rig, status int, body string) {
	r.Intercept = func(req *http.Request) *http.Response {
		if strings.HasSuffix(req.URL.Path, "/close") || strings.HasSuffix(req.URL.Path, "/closeorder") {
			return cashiertest.Answer(status, body)
		}
		return nil
	}
}

// refusalV2 is a signed refusal of APIv2.
func refusalV2(r *cashiertest.Rig, code string) string {
	key := r.Provider("v2")["key"].(string)
	h := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(h, "err_code=%s&result_code=FAIL&return_code=SUCCESS&key=%s", code, key)
	return fmt.Sprintf("<xml><return_code>SUCCESS</return_code><result_code>FAIL</result_code><err_code>%s</err_code><sign>%X</sign></xml>",
		code, h.Sum(nil))
}

// A processor that will not close a trade which is not paid keeps no order open: the
// trade is watched. One that does not say what became of the close does.
func TestACloseThatIsDeclined(t *testing.T) {
	t.Parallel()
	refused := func(code string) func(*cashiertest.Rig) (int, string) {
		return func(r *cashiertest.Rig) (int, string) { return http.StatusOK, refusalV2(r, code) }
	}
	answered := func(status int, body string) func(*cashiertest.Rig) (int, string) {
		return func(*cashiertest.Rig) (int, string) { return status, body }
	}
	for name, c := range map[string]struct {
		sp     string
		answer func(*cashiertest.Rig) (int, string)
		trade  payment.TradeState
		state  payment.AttemptState
	}{
		"v2 declines":     {"v2", refused("PARAM_ERROR"), payment.TradeClosed, payment.Watched},
		"v2 is uncertain": {"v2", refused("SYSTEMERROR"), payment.TradeNotPay, payment.Open},
		"v3 declines":     {"v3", answered(http.StatusBadRequest, `{"code":"INVALID_REQUEST","message":"no"}`), payment.TradeClosed, payment.Watched},
		"v3 is uncertain": {"v3", answered(http.StatusInternalServerError, ""), payment.TradeNotPay, payment.Open},
	} {
		for way := range ways(nil, nil, "") {
			t.Run(name+" "+way, func(t *testing.T) {
				t.Parallel()
				r := cashiertest.New(t)
				r.Switch(t, c.sp)
				in := order(c.sp)
				r.MustPay(t, in)
				status, body := c.answer(r)
				closeAnswers(r, status, body)
				o := ways(t, r, in.OutTradeNo)[way]()
				if a := o.Attempts[0]; o.TradeState != c.trade || a.State != c.state || a.DueAt.IsZero() {
					t.Errorf("%s, the attempt is %s, due %s", o.TradeState, a.State, a.DueAt)
				}
			})
		}
	}
}

// A payment through any attempt wins, and nothing of the others is cancelled.
func TestAPaidWatchedAttemptWins(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, r *cashiertest.Rig, in cashier.UnifiedOrder, end func() *payment.Order) {
		if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{Silent: true}); err != nil {
			t.Fatal(err)
		}
		closes := 0
		r.Intercept = func(req *http.Request) *http.Response {
			if strings.HasSuffix(req.URL.Path, "/close") {
				closes++
			}
			return nil
		}
		if o := end(); o.TradeState != payment.TradeSuccess || o.PaidBy != in.OutTradeNo || len(o.Flags) > 0 || closes > 0 {
			t.Errorf("%s by %q, flags %v, %d cancelled", o.TradeState, o.PaidBy, o.Flags, closes)
		}
	})
}

// A pay call has 20 s. Dead processors of watched attempts leave enough of them for
// the live one.
func TestClosingLeavesTimeForTheLiveAttempt(t *testing.T) {
	t.Parallel()
	timed(t, func(t *testing.T, r *cashiertest.Rig) {
		in := cashiertest.Order("ORDER-0001")
		for _, m := range []payment.Method{payment.WeChat, payment.Alipay, payment.PayPal, payment.Alipay} {
			in.PayMethod = m
			r.MustPay(t, in)
		}
		in.PayMethod, in.Provider = payment.WeChat, "2paynow"
		r.MustPay(t, in)
		q := watch(r, func(sp string, req *http.Request) *http.Response {
			if sp == "yaband" {
				return silence(req)
			}
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		o, err := r.Cashier.CloseOrder(ctx, r.Server(t), cashier.Which{OutTradeNo: in.OutTradeNo})
		if err != nil || o.TradeState != payment.TradeClosed {
			t.Errorf("%v, %v", o, err)
		}
		if at := q.last("2paynow"); at > 10*time.Second {
			t.Errorf("the live attempt was asked about after %s", at)
		}
	})
}

// A capture of another amount pays nothing, and no closing can undo it: the order is
// closed, its attempt watched, and the right capture, when it comes, is a late payment.
func TestAMismatchDoesNotKeepTheOrderOpen(t *testing.T) {
	t.Parallel()
	for _, sp := range []string{"v2", "v3", "cloudpay"} {
		for _, flag := range []payment.Flag{payment.AmountMismatch, payment.CurrencyMismatch} {
			t.Run(sp+"/"+string(flag), func(t *testing.T) {
				t.Parallel()
				r := cashiertest.New(t)
				r.Switch(t, sp)
				in := order(sp)
				total := r.MustPay(t, in).Order.Total
				if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{Silent: true}); err != nil {
					t.Fatal(err)
				}
				other := payment.Money{Amount: total.Amount + 1, Currency: total.Currency}
				if flag == payment.CurrencyMismatch {
					other = payment.Money{Amount: total.Amount, Currency: "NZD"}
				}
				retotal(t, r, in.OutTradeNo, other)
				o, err := closeOrder(t, r, in.OutTradeNo)
				if err != nil || o.TradeState != payment.TradeClosed || o.Attempts[0].State != payment.Watched || len(o.Flags) != 1 || o.Flags[0] != flag {
					t.Fatalf("%+v, %v", o, err)
				}
				retotal(t, r, in.OutTradeNo, total)
				r.Clock.Add(time.Minute)
				sweep(t, r, gone{})
				if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess || len(o.Flags) != 2 || o.Flags[1] != payment.LatePayment {
					t.Errorf("%s %v", o.TradeState, o.Flags)
				}
			})
		}
	}
}

// retotal changes what an order should cost, so that its capture is another's.
func retotal(t *testing.T, r *cashiertest.Rig, no string, total payment.Money) {
	t.Helper()
	o := r.Stored(t, no)
	o.Total = total
	if err := r.Store.Save(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}
