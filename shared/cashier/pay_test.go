package cashier_test

import (
	"errors"
	"fmt"
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
	"overseaspay/shared/provider/all"
	"overseaspay/shared/sandbox"
)

// processors are all that can be paid inside the mini-program.
func processors(t *testing.T) []string {
	t.Helper()
	var names []string
	for name, d := range all.Registry() {
		if d.Supports(payment.WeChat) {
			names = append(names, name)
		}
	}
	return names
}

// each runs a test for every processor named, with a shop whose orders go there.
func each(t *testing.T, names []string, test func(t *testing.T, r *cashiertest.Rig, sp string)) {
	t.Helper()
	for _, sp := range names {
		t.Run(sp, func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			r.Switch(t, sp)
			test(t, r, sp)
		})
	}
}

// noWeChatNumber are the processors whose facts name no place for it.
var noWeChatNumber = []string{"latipay", "supay", "vr"}

// order is an order number of its own for a processor.
func order(sp string) cashier.UnifiedOrder { return cashiertest.Order("ORDER-" + sp + "-1") }

// warmUp makes an order first, so that the next call to a processor is the one
// about the order, and not for an access token.
func warmUp(t *testing.T, r *cashiertest.Rig) {
	t.Helper()
	r.MustPay(t, cashiertest.Order("WARM-UP-0001"))
}

func code(err error) payment.Code {
	var e *payment.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Code
}

func want(t *testing.T, err error, c payment.Code, part string) {
	t.Helper()
	if code(err) != c || !strings.Contains(fmt.Sprint(err), part) {
		t.Fatalf("error %v, want %s with %q", err, c, part)
	}
}

// trades are the trades in the sandbox's ledger that belong to an order's attempts.
func trades(t *testing.T, r *cashiertest.Rig, no string) []sandbox.Trade {
	t.Helper()
	o := r.Stored(t, no)
	return slices.DeleteFunc(r.Box.Trades(), func(s sandbox.Trade) bool { return o.Attempt(s.No) == nil })
}

func TestAnOrderIsPaidThroughEveryProcessor(t *testing.T) {
	t.Parallel()
	each(t, processors(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		in := order(sp)
		p := r.MustPay(t, in)
		if p.Payment == nil || p.Payment.PaySign == "" || p.Order.TradeState != payment.TradeNotPay {
			t.Fatalf("payment %+v, order %s", p.Payment, p.Order.TradeState)
		}
		if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{}); err != nil {
			t.Fatal(err)
		}
		r.Clock.Add(3 * time.Second)
		v := r.Query(t, in.OutTradeNo).View()
		if v.TradeState != payment.TradeSuccess || v.Provider != sp || v.SpTradeNo == "" || v.TimePaid == "" || len(v.Flags) > 0 {
			t.Errorf("order %+v", v)
		}
		if v.TransactionID == "" && !slices.Contains(noWeChatNumber, sp) {
			t.Errorf("WeChat's number is missing")
		}
	})
}

func TestR5ALostNoticeIsMadeUpForByAQuery(t *testing.T) {
	t.Parallel()
	each(t, processors(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		in := order(sp)
		r.MustPay(t, in)
		if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{Silent: true}); err != nil {
			t.Fatal(err)
		}
		if o := r.Query(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess {
			t.Errorf("order is %s", o.TradeState)
		}
	})
}

func TestUnifiedOrderAgainIsTheSameTrade(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	first := r.MustPay(t, cashiertest.Order("ORDER-0001"))
	again := r.MustPay(t, cashiertest.Order("ORDER-0001"))
	if diff := cmp.Diff(first.Payment, again.Payment); diff != "" {
		t.Error(diff)
	}
	if n := len(r.Box.Trades()); n != 1 {
		t.Errorf("%d trades at the processor", n)
	}
	other := cashiertest.Order("ORDER-0001")
	*other.TotalFee = 1
	_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), other)
	want(t, err, payment.Conflict, "another amount")
	other = cashiertest.Order("ORDER-0001")
	other.FeeType = "USD"
	_, err = r.Cashier.UnifiedOrder(t.Context(), r.Server(t), other)
	want(t, err, payment.Conflict, "currency")
}

func TestR10FiftyAtOnceMakeOneTrade(t *testing.T) {
	t.Parallel()
	each(t, processors(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		in := order(sp)
		who := r.Server(t)
		var wg sync.WaitGroup
		replies, errs := make([]cashier.Paying, 50), make([]error, 50)
		for i := range replies {
			wg.Go(func() { replies[i], errs[i] = r.Cashier.UnifiedOrder(t.Context(), who, in) })
		}
		wg.Wait()
		for i, p := range replies {
			if errs[i] != nil {
				if code(errs[i]) != payment.Conflict || !payment.AsError(errs[i]).Retryable {
					t.Errorf("call %d: %v", i, errs[i])
				}
			} else if p.Payment == nil || p.Payment.Package == "" || p.Payment.Package != r.Stored(t, in.OutTradeNo).Attempts[0].Payment.Package {
				t.Errorf("call %d: %+v", i, p.Payment)
			}
		}
		if n := len(trades(t, r, in.OutTradeNo)); n != 1 {
			t.Errorf("%d trades at the processor", n)
		}
	})
}

// A create's reply that was lost is repaired as the processor's facts allow.
func TestALostCreateIsRepaired(t *testing.T) {
	t.Parallel()
	each(t, processors(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		d := all.Registry()[sp]
		in := order(sp)
		warmUp(t, r)
		if err := r.Box.Fault(sandbox.Fault{Provider: sp, Kind: sandbox.FaultLost}); err != nil {
			t.Fatal(err)
		}
		p, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
		want(t, err, payment.OutcomeUnknown, "repeat")
		if p.Order == nil || p.Order.TradeState != payment.TradeNotPay {
			t.Fatalf("order beside the error: %+v", p.Order)
		}
		r.Clock.Add(3 * time.Second)
		p = r.MustPay(t, in)
		o := r.Stored(t, in.OutTradeNo)
		if d.RepeatCreate {
			if len(o.Attempts) != 1 || len(trades(t, r, in.OutTradeNo)) != 1 {
				t.Errorf("%d attempts, %d trades; the identical create is the same trade", len(o.Attempts), len(trades(t, r, in.OutTradeNo)))
			}
		} else if len(o.Attempts) != 2 || o.Attempts[1].No == in.OutTradeNo || len(o.Attempts[1].No) > 32 || o.Attempts[0].State != payment.Watched {
			t.Errorf("attempts %+v", o.Attempts)
		}
		if _, _, err := r.Box.Pay(t.Context(), o.Lead().No, sandbox.PayOptions{}); err != nil {
			t.Fatal(err)
		}
		r.Clock.Add(3 * time.Second)
		if o := r.Query(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess || o.Lead().No != p.Order.Lead().No {
			t.Errorf("order %s by %s", o.TradeState, o.PaidBy)
		}
	})
}

func TestACreateThatNeverArrivedIsRepeatedUnderItsNumber(t *testing.T) {
	t.Parallel()
	each(t, processors(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		in := order(sp)
		warmUp(t, r)
		if err := r.Box.Fault(sandbox.Fault{Provider: sp, Kind: sandbox.FaultBefore}); err != nil {
			t.Fatal(err)
		}
		_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
		want(t, err, payment.ProviderUnavailable, "nothing happened")
		r.MustPay(t, in)
		if o := r.Stored(t, in.OutTradeNo); len(o.Attempts) != 1 || o.Attempts[0].No != in.OutTradeNo {
			t.Errorf("attempts %+v", o.Attempts)
		}
	})
}

var errKilled = errors.New("killed")

// Dying between the processor's answer and the save leaves a leased attempt,
// which the next caller repairs once the lease is over; until then it is busy.
func TestACrashAfterTheCallLosesNothing(t *testing.T) {
	t.Parallel()
	each(t, processors(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		in := order(sp)
		saves := 0
		r.Store.OnSave = func() error {
			if saves++; saves > 1 {
				return errKilled
			}
			return nil
		}
		_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
		want(t, err, payment.OutcomeUnknown, "")
		r.Store.OnSave = nil
		if n := len(trades(t, r, in.OutTradeNo)); n != 1 {
			t.Fatalf("%d trades at the processor", n)
		}
		_, err = r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
		if want(t, err, payment.Conflict, "another call"); !payment.AsError(err).Retryable {
			t.Error("not retryable")
		}
		r.Clock.Add(cashier.Lease)
		r.MustPay(t, in)
		if _, _, err := r.Box.Pay(t.Context(), r.Stored(t, in.OutTradeNo).Lead().No, sandbox.PayOptions{}); err != nil {
			t.Fatal(err)
		}
		r.Clock.Add(3 * time.Second)
		if o := r.Query(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess {
			t.Errorf("order is %s", o.TradeState)
		}
	})
}

// The trade of a create that nobody saw the answer of can still be paid: its
// notice is believed.
func TestALostTradeIsPaidByItsNotice(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	if err := r.Box.Fault(sandbox.Fault{Provider: "yaband", Kind: sandbox.FaultLost}); err != nil {
		t.Fatal(err)
	}
	in := cashiertest.Order("ORDER-0001")
	_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
	want(t, err, payment.OutcomeUnknown, "")
	r.MustPay(t, in)
	if _, d, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{}); err != nil || d.Status != http.StatusOK {
		t.Fatal(d, err)
	}
	o := r.Stored(t, in.OutTradeNo)
	if o.TradeState != payment.TradeSuccess || o.PaidBy != in.OutTradeNo {
		t.Fatalf("order %s by %q", o.TradeState, o.PaidBy)
	}
	if _, _, err := r.Box.Pay(t.Context(), o.Attempts[1].No, sandbox.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	if o = r.Stored(t, in.OutTradeNo); o.PaidBy != in.OutTradeNo || !cmp.Equal(o.Flags, []payment.Flag{payment.SecondCapture}) {
		t.Errorf("paid by %q, flags %v", o.PaidBy, o.Flags)
	}
}

func TestASwitchOfProcessorLeavesOldOrdersAlone(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	r.MustPay(t, cashiertest.Order("ORDER-0001"))
	r.Switch(t, "v3")
	r.MustPay(t, cashiertest.Order("ORDER-0002"))
	again := r.MustPay(t, cashiertest.Order("ORDER-0001"))
	if a := again.Order.Lead(); a.Provider != "yaband" || len(again.Order.Attempts) != 1 {
		t.Errorf("the old order moved to %s", a.Provider)
	}
	for no, sp := range map[string]string{"ORDER-0001": "yaband", "ORDER-0002": "v3"} {
		if _, _, err := r.Box.Pay(t.Context(), no, sandbox.PayOptions{}); err != nil {
			t.Fatal(err)
		}
		if v := r.Query(t, no).View(); v.TradeState != payment.TradeSuccess || v.Provider != sp {
			t.Errorf("%s: %s by %s", no, v.TradeState, v.Provider)
		}
	}
}

func TestAnAccountThatIsGoneKeepsTheOrderOpen(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	r.MustPay(t, cashiertest.Order("ORDER-0001"))
	if _, _, err := r.Box.Pay(t.Context(), "ORDER-0001", sandbox.PayOptions{Silent: true}); err != nil {
		t.Fatal(err)
	}
	old := r.Provider("yaband")["mchid"]
	r.Provider("yaband")["mchid"] = "another"
	r.Put(t, "payment", r.Item)
	if o := r.Query(t, "ORDER-0001"); o.TradeState != payment.TradeNotPay {
		t.Errorf("order is %s", o.TradeState)
	}
	_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), cashiertest.Order("ORDER-0001"))
	want(t, err, payment.ConfigInvalid, "former[]")
	if !strings.Contains(r.Logged(), `"metric":"account_gone"`) {
		t.Error("no alarm")
	}
	r.Provider("yaband")["former"] = []any{map[string]any{"mchid": old}}
	r.Put(t, "payment", r.Item)
	if o := r.Query(t, "ORDER-0001"); o.TradeState != payment.TradeSuccess {
		t.Errorf("with the former account the order is %s", o.TradeState)
	}
}

func TestAnotherMethodIsAnotherAttempt(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	r.MustPay(t, in)
	in.PayMethod, in.RedirectURL = payment.PayPal, "https://shop.test/back"
	p := r.MustPay(t, in)
	if p.Payment != nil || !strings.HasPrefix(p.URL, "http") {
		t.Fatalf("payment %v, url %q", p.Payment, p.URL)
	}
	a := p.Order.Attempts
	if len(a) != 2 || a[0].State != payment.Watched || a[1].State != payment.Open || a[1].No == a[0].No {
		t.Errorf("attempts %+v", a)
	}
	if _, _, err := r.Box.Pay(t.Context(), a[1].No, sandbox.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	if v := r.Stored(t, "ORDER-0001").View(); v.TradeState != payment.TradeSuccess || v.PayMethod != payment.PayPal {
		t.Errorf("order %+v", v)
	}
	_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
	want(t, err, payment.Conflict, "SUCCESS")
}

func TestAServerMayWishForAProvider(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	r.MustPay(t, in)
	in.Provider = "2paynow"
	if p := r.MustPay(t, in); p.Order.Lead().Provider != "2paynow" {
		t.Errorf("went to %s", p.Order.Lead().Provider)
	}
	in.Provider = "nobody"
	_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
	want(t, err, payment.InvalidArgument, "provider")
}

// An old prepay is not handed out again: WeChat gets the identical create, others
// a new attempt.
func TestAnOldPrepayIsRenewed(t *testing.T) {
	t.Parallel()
	each(t, processors(t), func(t *testing.T, r *cashiertest.Rig, sp string) {
		d := all.Registry()[sp]
		in := order(sp)
		in.TimeExpire = r.Clock.Now().Add(20 * time.Hour).Format(time.RFC3339)
		r.MustPay(t, in)
		r.Clock.Add(d.PrepayLife - 6*time.Minute)
		if n := len(r.MustPay(t, in).Order.Attempts); n != 1 {
			t.Fatalf("%d attempts while the prepay was good", n)
		}
		r.Clock.Add(2 * time.Minute)
		p := r.MustPay(t, in)
		if n := len(p.Order.Attempts); d.RepeatCreate && n != 1 || !d.RepeatCreate && n != 2 {
			t.Errorf("%d attempts", n)
		}
		if !p.Order.Lead().TimeReply.Equal(r.Clock.Now()) {
			t.Error("the old prepay was handed out")
		}
	})
}

func TestTimeExpireIsCutToWhatTheProcessorKeeps(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	in.TimeExpire = r.Clock.Now().Add(6 * 24 * time.Hour).Format(time.RFC3339)
	p := r.MustPay(t, in)
	if d := all.Registry()["yaband"]; p.Order.TimeExpire.Sub(p.Order.Attempts[0].TimeBegin) > d.MaxOpen {
		t.Errorf("time_expire %s", p.Order.TimeExpire)
	}
}

func TestDeclinedLeavesTheOrderOpen(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	r.Provider("yaband")["key"] = "a wrong key that is long enough"
	r.Put(t, "payment", r.Item)
	in := cashiertest.Order("ORDER-0001")
	_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
	want(t, err, payment.ConfigInvalid, "providers.yaband")
	r.Provider("yaband")["key"] = sandbox.NewYaband(sandbox.Env{}).Settings()["key"]
	r.Put(t, "payment", r.Item)
	if p := r.MustPay(t, in); len(p.Order.Attempts) != 1 {
		t.Errorf("a refused credential cost an attempt: %d", len(p.Order.Attempts))
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	for i := range payment.MaxAttempts {
		in.PayMethod = []payment.Method{payment.WeChat, payment.Alipay}[i%2]
		r.MustPay(t, in)
	}
	in.PayMethod = payment.WeChat
	_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
	want(t, err, payment.Conflict, "10 attempts")
}

// The budgets of the design, in calls to the store.
func TestStoreBudget(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	count := func(name string, gets, saves int, do func()) {
		r.Store.Gets, r.Store.Saves = 0, 0
		if do(); r.Store.Gets > gets || r.Store.Saves > saves {
			t.Errorf("%s: %d reads and %d writes, want %d and %d", name, r.Store.Gets, r.Store.Saves, gets, saves)
		}
	}
	user := r.User(t, "o-shopper")
	mine := cashier.UnifiedOrder{CreateOrder: cashier.CreateOrder{OutTradeNo: "ORDER-0002"}}
	if _, err := r.Cashier.CreateOrder(t.Context(), r.Server(t), cashiertest.Order("ORDER-0002").CreateOrder); err != nil {
		t.Fatal(err)
	}
	pay := func() {
		if _, err := r.Cashier.UnifiedOrder(t.Context(), user, mine); err != nil {
			t.Error(err)
		}
	}
	count("unifiedorder by the server", 0, 2, func() { r.MustPay(t, cashiertest.Order("ORDER-0001")) })
	count("unifiedorder by a user", 1, 2, pay)
	count("unifiedorder again", 1, 0, pay)
	count("notice", 1, 1, func() {
		if _, _, err := r.Box.Pay(t.Context(), "ORDER-0001", sandbox.PayOptions{}); err != nil {
			t.Error(err)
		}
	})
	count("queryorder of a finished order", 1, 0, func() { r.Query(t, "ORDER-0001") })
}
