package cashier_test

import (
	"fmt"
	"net/http"
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

// The figures R10, R11 and R16: no amount, currency or merchant but the right ones.

// TestR10OtherAmountAtOnce: fifty calls for one order race, half of them over another
// amount. One amount wins; every call over the other one conflicts.
func TestR10OtherAmountAtOnce(t *testing.T) {
	t.Parallel()
	each(t, processors(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		who, no := r.Server(t), order(sp).OutTradeNo
		errs := make([]error, 50)
		amount := func(i int) int64 { return 1000 + int64(i%2) }
		var wg sync.WaitGroup
		for i := range errs {
			in, fee := cashiertest.Order(no), amount(i)
			in.TotalFee = &fee
			wg.Go(func() { _, errs[i] = r.Cashier.UnifiedOrder(t.Context(), who, in) })
		}
		wg.Wait()
		have := trades(t, r, no)
		if len(have) != 1 || have[0].Amount != r.Stored(t, no).Total.Amount {
			t.Fatalf("at the processor: %+v", have)
		}
		for i, err := range errs {
			switch other := amount(i) != have[0].Amount; {
			case other && (code(err) != payment.Conflict || payment.AsError(err).Retryable):
				t.Errorf("call %d over the other amount: %v", i, err)
			case !other && err != nil && !payment.AsError(err).Retryable:
				t.Errorf("call %d: %v", i, err)
			}
		}
	})
}

// TestR11RefundsAtOnce: a hundred refunds of 30 % at once, by each of the ways in
// which processors know refunds again. Whatever wins, the cap holds at every moment;
// where they may be under way together, exactly three are accepted.
func TestR11RefundsAtOnce(t *testing.T) {
	t.Parallel()
	for _, sp := range []string{"v3", "yaband", "2paynow", "nihaopay", "vr"} {
		t.Run(sp, func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			no := paid(t, r, sp)
			accepted := refundAll(t, r, no)
			if again := all.Registry()[sp].RefundAgain; again == provider.ByNumber && accepted != 3 || accepted < 1 || accepted > 3 {
				t.Errorf("%d accepted, %s knows refunds by %q", accepted, sp, again)
			}
			for i := range 5 { // some of those that were told to come again do
				r.Clock.Add(20 * time.Second)
				_, _ = refund(r, t, no, fmt.Sprintf("AGAIN-%d", i), 390)
			}
			if back := atProcessor(t, r, no); back != 3*390 {
				t.Errorf("%d given back in the end, want %d", back, 3*390)
			}
		})
	}
}

// refundAll asks for all refunds at once and counts those that were accepted.
func refundAll(t *testing.T, r *cashiertest.Rig, no string) (accepted int) {
	t.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex
	who, fee := r.Server(t), int64(390)
	for i := range 100 {
		wg.Go(func() {
			_, err := r.Cashier.Refund(t.Context(), who, cashier.RefundOrder{OutTradeNo: no, OutRefundNo: fmt.Sprintf("R-%d", i), RefundFee: &fee})
			back, o := atProcessor(t, r, no), r.Stored(t, no)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				accepted++
			} else if code(err) != payment.Conflict && !payment.AsError(err).Retryable {
				t.Error(err)
			}
			if sum := reserved(o); back > o.Total.Amount || sum > o.Total.Amount {
				t.Errorf("%d given back, %d booked, of %s", back, sum, o.Total)
			}
		})
	}
	wg.Wait()
	return accepted
}

func reserved(o *payment.Order) (sum int64) {
	for _, f := range o.Refunds {
		if f.Status != payment.RefundClosed {
			sum += f.Fee.Amount
		}
	}
	return sum
}

// TestR16WrongAmount: genuinely signed notices of another amount or currency never
// pay; they are flagged. Those that only ring have no say.
func TestR16WrongAmount(t *testing.T) {
	t.Parallel()
	each(t, notifiers(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		for wrong, alter := range map[string]func(*sandbox.Trade){
			"AMOUNT": func(t *sandbox.Trade) { t.Amount++ }, "CURRENCY": func(t *sandbox.Trade) { t.Currency = "JPY" },
		} {
			if sp == "supay" && wrong == "CURRENCY" {
				continue // it has one currency, and does not say which
			}
			in := order(sp)
			in.OutTradeNo += wrong
			r.MustPay(t, in)
			r.Clock.Add(3 * time.Second)
			trade := trades(t, r, in.OutTradeNo)[0]
			trade.State, trade.PaidAt, trade.TransactionID = sandbox.Paid, r.Clock.Now(), "4200000000202611230000000001"
			alter(&trade)
			w := r.Post(twin(t, r, sp).Notice(trade, nil))
			o := r.Stored(t, in.OutTradeNo)
			signed := all.Registry()[sp].Notices == provider.Signed
			if o.TradeState != payment.TradeNotPay || w.Code/100 != 2 || signed != (len(o.Flags) == 1) {
				t.Errorf("%s: HTTP %d, order is %s, flags %v", wrong, w.Code, o.TradeState, o.Flags)
			}
		}
	})
}

// TestR16WrongMerchant: a genuine notice that speaks for another merchant, signed
// with a key that both have, pays nothing. Other processors do not name the merchant:
// there the key alone does.
func TestR16WrongMerchant(t *testing.T) {
	t.Parallel()
	for sp, member := range map[string]string{"yaband": "mchid", "v2": "mchid", "v2sp": "sub_mchid", "v3": "mchid", "v3sp": "sub_mchid", "cloudpay": "sub_mchid"} {
		t.Run(sp, func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			r.Switch(t, sp)
			in := order(sp)
			r.MustPay(t, in)
			req := notice(t, r, sp, in.OutTradeNo)
			account := []byte(r.Provider(sp)[member].(string))
			account[len(account)-1] ^= 1
			r.Provider(sp)[member] = string(account)
			r.Put(t, "payment", r.Item)
			_, accounts := r.Server(t).Merchant.Accounts(sp)
			o := r.Stored(t, in.OutTradeNo)
			o.Attempts[0].Account = accounts[0].Account()
			if err := r.Store.Store.Save(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if w := r.Post(req); w.Code != http.StatusUnauthorized {
				t.Errorf("HTTP %d", w.Code)
			}
			if o := r.Stored(t, in.OutTradeNo); o.TradeState != payment.TradeNotPay {
				t.Errorf("order is %s", o.TradeState)
			}
		})
	}
}
