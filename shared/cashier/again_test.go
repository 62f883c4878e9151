package cashier_test

import (
	"net/http"
	"testing"
	"time"

	"overseaspay/shared/cashier"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store"
)

// A change of pay method that cannot be leaves what the shopper already has.
func TestARefusedSwitchClosesNothing(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*cashiertest.Rig, *cashier.UnifiedOrder){
		"not offered":  func(_ *cashiertest.Rig, in *cashier.UnifiedOrder) { in.PayMethod = payment.PayPal },
		"not set up":   func(_ *cashiertest.Rig, in *cashier.UnifiedOrder) { in.PayMethod = payment.Bancontact },
		"its currency": func(r *cashiertest.Rig, in *cashier.UnifiedOrder) { in.PayMethod = payment.Alipay },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			r.Item["methods"] = map[string]any{"alipay": "supay"}
			r.Switch(t, "v3")
			in := order("v3")
			r.MustPay(t, in)
			user := cashier.UnifiedOrder{CreateOrder: cashier.CreateOrder{OutTradeNo: in.OutTradeNo}}
			prepare(r, &user)
			_, err := r.Cashier.UnifiedOrder(t.Context(), r.User(t, "o-shopper"), user)
			want(t, err, payment.Unsupported, "")
			if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{}); err != nil {
				t.Error("the shopper can no longer pay:", err)
			}
		})
	}
}

func TestTheLastAttemptStaysPayable(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	r.Item["methods"] = map[string]any{"wechat": "v3", "alipay": "yaband"}
	r.Put(t, "payment", r.Item)
	in := order("v3")
	in.FeeType = "EUR"
	for i := range payment.MaxAttempts {
		in.PayMethod = []payment.Method{payment.Alipay, payment.WeChat}[i%2]
		r.MustPay(t, in)
	}
	in.PayMethod = payment.Alipay
	_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
	want(t, err, payment.Conflict, "attempts")
	if a := r.Stored(t, in.OutTradeNo).Live(); a == nil || a.State != payment.Open {
		t.Error("nothing is left to pay with")
	}
}

// A server's call is the same call whatever would refuse a new order today.
func TestAServersRepetitionFindsItsOrder(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER1")
	in.FeeType = "EUR"
	in.TimeExpire = r.Clock.Now().Add(30 * time.Minute).Format(time.RFC3339)
	first := r.MustPay(t, in)
	same := func(name string, change func(*cashier.UnifiedOrder)) {
		t.Helper()
		again := in
		change(&again)
		if p, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), again); err != nil || p.Payment.Package != first.Payment.Package {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := r.Cashier.CreateOrder(t.Context(), r.Server(t), again.CreateOrder); err != nil {
			t.Errorf("%s: createorder: %v", name, err)
		}
	}
	same("without openid", func(in *cashier.UnifiedOrder) { in.OpenID = "" })
	same("without body", func(in *cashier.UnifiedOrder) { in.Body = "" })
	r.Switch(t, "supay") // takes AUD alone
	same("another processor", func(*cashier.UnifiedOrder) {})
	same("another currency by default", func(in *cashier.UnifiedOrder) { in.FeeType = "" })
	r.Switch(t, "vr") // takes numbers of 8 and more
	same("a processor that takes no such number", func(*cashier.UnifiedOrder) {})
	for name, c := range map[string]struct {
		change func(*cashier.UnifiedOrder)
		code   payment.Code
	}{
		"amount":   {func(in *cashier.UnifiedOrder) { *in.TotalFee++; in.OpenID = "" }, payment.Conflict},
		"currency": {func(in *cashier.UnifiedOrder) { in.FeeType = "GBP" }, payment.Conflict},
		"nonsense": {func(in *cashier.UnifiedOrder) { in.FeeType = "eur" }, payment.InvalidArgument},
		"too much": {func(in *cashier.UnifiedOrder) { *in.TotalFee = payment.MaxAmount + 1; in.Body = "" }, payment.InvalidArgument},
		"no time":  {func(in *cashier.UnifiedOrder) { in.TimeExpire = "soon" }, payment.InvalidArgument},
		"payer":    {func(in *cashier.UnifiedOrder) { in.OpenID = "o-other" }, payment.Conflict},
	} {
		again := in
		fee := *in.TotalFee
		again.TotalFee = &fee
		c.change(&again)
		if _, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), again); code(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	r.Clock.Add(29*time.Minute + 10*time.Second)
	same("its time is nearly over", func(*cashier.UnifiedOrder) {})
	if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
	want(t, err, payment.Conflict, "SUCCESS")
}

// fee_type is checked on orders that exist, too, whoever asks.
func TestACurrencyIsCheckedFirst(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	r.MustPay(t, in)
	for _, who := range []cashier.Caller{r.Server(t), r.User(t, "o-shopper")} {
		_, err := r.Cashier.UnifiedOrder(t.Context(), who, cashier.UnifiedOrder{CreateOrder: cashier.CreateOrder{OutTradeNo: in.OutTradeNo, FeeType: "ZZZ"}})
		want(t, err, payment.InvalidArgument, "fee_type")
	}
}

// An openid that the server names only later makes the order that user's.
func TestCreateOrderNamesThePayerLater(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001").CreateOrder
	in.OpenID = ""
	if o, err := r.Cashier.CreateOrder(t.Context(), r.Server(t), in); err != nil || o.Claim == "" {
		t.Fatal(o, err)
	}
	in.OpenID = "o-alice"
	if o, err := r.Cashier.CreateOrder(t.Context(), r.Server(t), in); err != nil || o.OpenID != "o-alice" || o.Claim != "" {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := r.Cashier.QueryOrder(t.Context(), r.User(t, "o-alice"), cashier.Which{OutTradeNo: in.OutTradeNo}); err != nil {
		t.Error(err)
	}
	in.OpenID = "o-bob"
	_, err := r.Cashier.CreateOrder(t.Context(), r.Server(t), in)
	want(t, err, payment.Conflict, "openid")
}

// A claim is the caller's although somebody else saves the order at that moment.
func TestAClaimIsNotLostInARace(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	r.Switch(t, "supay")
	in := cashiertest.Order("ORDER-0001")
	in.OpenID, in.PayMethod = "", payment.Card
	r.Intercept = func(*http.Request) *http.Response { return cashiertest.Answer(http.StatusInternalServerError, "") }
	if _, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in); err == nil {
		t.Fatal("the create was to fail")
	}
	r.Intercept = nil
	raced := false
	r.Store.OnSave = func() error {
		if raced {
			return nil
		}
		raced = true
		o := r.Stored(t, in.OutTradeNo)
		if err := r.Store.Store.Save(t.Context(), o); err != nil {
			t.Error(err)
		}
		return store.ErrConflict
	}
	_, err := r.Cashier.UnifiedOrder(t.Context(), r.User(t, "o-alice"), cashier.UnifiedOrder{PayMethod: payment.Card,
		CreateOrder: cashier.CreateOrder{OutTradeNo: in.OutTradeNo}, Claim: r.Stored(t, in.OutTradeNo).Claim})
	if o := r.Stored(t, in.OutTradeNo); err != nil || o.OpenID != "o-alice" {
		t.Errorf("owner is %q: %v", o.OpenID, err)
	}
}

// A sub-merchant was replaced; the service provider's keys are the same. Notices of
// the old one's orders are genuine, those of neither are not.
func TestNoticesOfAFormerSubMerchant(t *testing.T) {
	t.Parallel()
	for sp, member := range map[string]string{"v2": "mchid", "v2sp": "sub_mchid", "v3": "mchid", "v3sp": "sub_mchid", "supay": "mchid"} {
		t.Run(sp, func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			r.Switch(t, sp)
			in := order(sp)
			r.MustPay(t, in)
			post := again(notice(t, r, sp, in.OutTradeNo))
			old := r.Provider(sp)[member]
			r.Provider(sp)[member] = "1999999999"
			r.Put(t, "payment", r.Item)
			if w := r.Post(post()); w.Code != http.StatusUnauthorized {
				t.Errorf("without former: HTTP %d", w.Code)
			}
			r.Provider(sp)["former"] = []any{map[string]any{member: old}}
			r.Put(t, "payment", r.Item)
			if w := r.Post(post()); w.Code/100 != 2 {
				t.Errorf("HTTP %d: %s", w.Code, w.Body)
			}
		})
	}
}

// A queryorder asks about the attempt that the shopper has in hand, and not about one
// that its processor cannot be asked about.
func TestAQueryAsksAboutTheLiveAttempt(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		r := cashiertest.New(t)
		in := cashiertest.Order("ORDER-0001")
		if lost {
			if err := r.Box.Fault(sandbox.Fault{Provider: "yaband", Kind: sandbox.FaultLost}); err != nil {
				t.Fatal(err)
			}
			_, _ = r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
			r.Clock.Add(3 * time.Second)
		} else {
			r.MustPay(t, in)
		}
		in.PayMethod = payment.Alipay
		second := r.MustPay(t, in).Order.Lead().No
		if _, _, err := r.Box.Pay(t.Context(), second, sandbox.PayOptions{Silent: true}); err != nil {
			t.Fatal(err)
		}
		r.Clock.Add(3 * time.Second)
		if o := r.Query(t, in.OutTradeNo); o.TradeState != payment.TradeSuccess {
			t.Errorf("lost %t: one query, and the order is %s", lost, o.TradeState)
		}
	}
}

// The notice of a later attempt whose number had to be cut, posted without the
// order's number: the attempt's own leads to it.
func TestANoticeOfALongNumber(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001-ORDER-0001-ORDER-0001")
	in.PayMethod, in.FeeType = payment.Alipay, "EUR"
	r.MustPay(t, in)
	in.PayMethod, in.Provider = payment.WeChat, "cloudpay"
	second := r.MustPay(t, in).Order.Lead()
	req := notice(t, r, "cloudpay", second.No)
	req.URL.Path = "/notify/cloudpay/default"
	if w := r.Post(req); w.Code != http.StatusOK || r.Stored(t, in.OutTradeNo).PaidBy != second.No {
		t.Errorf("HTTP %d: %s", w.Code, w.Body)
	}
}

// An order that none of the shop's processors takes is refused before it is stored.
func TestCreateOrderThatNobodyTakes(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	all := r.Item["providers"].(map[string]any)
	only := func(names ...string) {
		some := map[string]any{}
		for _, name := range names {
			some[name] = all[name]
		}
		r.Item["providers"] = some
		r.Switch(t, names[0])
	}
	in := cashiertest.Order("ORDER1").CreateOrder
	in.FeeType = "JPY"
	only("yaband", "2paynow")
	_, err := r.Cashier.CreateOrder(t.Context(), r.Server(t), in)
	want(t, err, payment.Unsupported, "yaband does not take JPY")
	only("vr")
	_, err = r.Cashier.CreateOrder(t.Context(), r.Server(t), in)
	want(t, err, payment.InvalidArgument, "8 characters")
	only("yaband", "v3")
	if _, err := r.Cashier.CreateOrder(t.Context(), r.Server(t), in); err != nil {
		t.Error(err)
	}
}

// An operator's look finds what a closed order was paid, and what a desk gave back.
func TestSync(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	r.MustPay(t, in)
	if _, err := r.Cashier.CloseOrder(t.Context(), r.Server(t), cashier.Which{OutTradeNo: in.OutTradeNo}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Box.Pay(t.Context(), in.OutTradeNo, sandbox.PayOptions{Silent: true}); err != nil {
		t.Fatal(err)
	}
	sync := func(no string) *payment.Order {
		t.Helper()
		o, err := r.Cashier.Sync(t.Context(), r.Server(t).Merchant, no)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	if o := sync(in.OutTradeNo); o.TradeState != payment.TradeSuccess {
		t.Errorf("order is %s", o.TradeState)
	}
	no := paid(t, r, "vr")
	if _, _, err := r.Box.Refund(t.Context(), no, "vr", 300); err != nil {
		t.Fatal(err)
	}
	if v := sync(no).View(); v.RefundedFee != 300 || v.TradeState != payment.TradeRefund {
		t.Errorf("%+v", v)
	}
	if _, err := refund(r, t, in.OutTradeNo, "R-1", 500); err != nil {
		t.Fatal(err)
	}
	r.Box.Settle()
	if o := sync(in.OutTradeNo); o.Refund("R-1").Status != payment.RefundSuccess {
		t.Errorf("refund is %s", o.Refund("R-1").Status)
	}
	if _, err := r.Cashier.Sync(t.Context(), r.Server(t).Merchant, "ORDER-9999"); code(err) != payment.NotFound {
		t.Error(err)
	}
}
