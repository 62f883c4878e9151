package cashier_test

import (
	"strings"
	"testing"
	"time"

	"overseaspay/shared/cashier"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
)

func TestWhoMayPayAnOrder(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	alice, mallory := r.User(t, "o-alice"), r.User(t, "o-mallory")
	in := cashiertest.Order("ORDER-0001").CreateOrder
	in.OpenID = ""
	o, err := r.Cashier.CreateOrder(t.Context(), r.Server(t), in)
	if err != nil || len(o.Claim) < 22 {
		t.Fatal(o, err)
	}
	pay := func(who cashier.Caller, claim string) error {
		_, err := r.Cashier.UnifiedOrder(t.Context(), who, cashier.UnifiedOrder{CreateOrder: cashier.CreateOrder{OutTradeNo: in.OutTradeNo}, Claim: claim})
		return err
	}
	see := func(who cashier.Caller) error {
		_, err := r.Cashier.QueryOrder(t.Context(), who, cashier.Which{OutTradeNo: in.OutTradeNo})
		return err
	}
	end := func(who cashier.Caller) error {
		_, err := r.Cashier.CloseOrder(t.Context(), who, cashier.Which{OutTradeNo: in.OutTradeNo})
		return err
	}
	missing := payment.AsError(func() error {
		_, err := r.Cashier.QueryOrder(t.Context(), alice, cashier.Which{OutTradeNo: "ORDER-9999"})
		return err
	}()).Message
	same := strings.ReplaceAll(missing, "ORDER-9999", in.OutTradeNo)
	for name, err := range map[string]error{
		"unclaimed, no claim": pay(alice, ""), "unclaimed, wrong claim": pay(mallory, "x"), "unclaimed, seen": see(alice), "unclaimed, closed": end(alice),
	} {
		if want(t, err, payment.NotFound, same); payment.AsError(err).Message != same {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := pay(alice, o.Claim); err != nil {
		t.Fatal(err)
	}
	if s := r.Stored(t, in.OutTradeNo); s.OpenID != "o-alice" || s.Claim != "" {
		t.Errorf("owner %q, claim %q", s.OpenID, s.Claim)
	}
	for name, err := range map[string]error{
		"stranger pays with the claim": pay(mallory, o.Claim), "stranger sees": see(mallory), "stranger closes": end(mallory),
	} {
		if want(t, err, payment.NotFound, same); payment.AsError(err).Message != same {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := see(alice); err != nil {
		t.Error(err)
	}
	if err := end(alice); err != nil {
		t.Error(err)
	}
}

func TestAUserNamesNoAmount(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	in.OpenID = ""
	_, err := r.Cashier.UnifiedOrder(t.Context(), r.User(t, "o-alice"), in)
	want(t, err, payment.NotFound, "no such order")
	r.Item["allow_client_amount"] = true
	r.Put(t, "payment", r.Item)
	if _, err := r.Cashier.UnifiedOrder(t.Context(), r.User(t, "o-alice"), in); err != nil {
		t.Fatal(err)
	}
	if o := r.Stored(t, "ORDER-0001"); o.OpenID != "o-alice" {
		t.Errorf("owner %q", o.OpenID)
	}
	_, err = r.Cashier.UnifiedOrder(t.Context(), r.User(t, "o-mallory"), in)
	want(t, err, payment.NotFound, "no such order")
	*in.TotalFee = 1
	_, err = r.Cashier.UnifiedOrder(t.Context(), r.User(t, "o-alice"), in)
	want(t, err, payment.Conflict, "another amount")
	in.OpenID = "o-bob"
	_, err = r.Cashier.UnifiedOrder(t.Context(), r.User(t, "o-alice"), in)
	want(t, err, payment.Forbidden, "openid")
}

func TestCreateOrderAgain(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001").CreateOrder
	in.OpenID = ""
	first, err := r.Cashier.CreateOrder(t.Context(), r.Server(t), in)
	if err != nil {
		t.Fatal(err)
	}
	same, err := r.Cashier.CreateOrder(t.Context(), r.Server(t), in)
	if err != nil || same.Claim != first.Claim || same.Version != first.Version {
		t.Errorf("%+v, %v", same, err)
	}
	*in.TotalFee++
	_, err = r.Cashier.CreateOrder(t.Context(), r.Server(t), in)
	want(t, err, payment.Conflict, "another amount")
	*in.TotalFee--
	// A server that learns later who pays may say so, once.
	pay := cashier.UnifiedOrder{CreateOrder: cashier.CreateOrder{OutTradeNo: in.OutTradeNo, OpenID: "o-alice"}}
	if _, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), pay); err != nil {
		t.Fatal(err)
	}
	in.OpenID = "o-bob"
	_, err = r.Cashier.CreateOrder(t.Context(), r.Server(t), in)
	want(t, err, payment.Conflict, "another openid")
	pay.OpenID = "o-bob"
	_, err = r.Cashier.UnifiedOrder(t.Context(), r.Server(t), pay)
	want(t, err, payment.Conflict, "another openid")
}

func TestAClaimTakenOnAnOpenAttemptIsStored(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001")
	in.OpenID, in.PayMethod = "", payment.Alipay
	p := r.MustPay(t, in)
	mine := cashier.UnifiedOrder{CreateOrder: cashier.CreateOrder{OutTradeNo: in.OutTradeNo}, PayMethod: payment.Alipay, Claim: p.Order.Claim}
	if _, err := r.Cashier.UnifiedOrder(t.Context(), r.User(t, "o-alice"), mine); err != nil {
		t.Fatal(err)
	}
	if o := r.Stored(t, in.OutTradeNo); o.OpenID != "o-alice" {
		t.Errorf("owner %q", o.OpenID)
	}
}

// A user whose first unifiedorder with the right claim is refused, because the order
// was paid on a payment page already or has expired, owns the order from then on.
func TestARefusedClaimIsKept(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *cashiertest.Rig){
		"paid": func(t *testing.T, r *cashiertest.Rig) {
			if _, _, err := r.Box.Pay(t.Context(), "ORDER-0001", sandbox.PayOptions{}); err != nil {
				t.Fatal(err)
			}
		},
		"expired": func(_ *testing.T, r *cashiertest.Rig) { r.Clock.Add(3 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			in := cashiertest.Order("ORDER-0001")
			in.OpenID, in.PayMethod = "", payment.Alipay
			claim := r.MustPay(t, in).Order.Claim
			end(t, r)
			pay := func(openid, claim string) error {
				_, err := r.Cashier.UnifiedOrder(t.Context(), r.User(t, openid), cashier.UnifiedOrder{Claim: claim,
					CreateOrder: cashier.CreateOrder{OutTradeNo: in.OutTradeNo}, PayMethod: payment.Alipay})
				return err
			}
			see := func(openid string) error {
				_, err := r.Cashier.QueryOrder(t.Context(), r.User(t, openid), cashier.Which{OutTradeNo: in.OutTradeNo})
				return err
			}
			want(t, pay("o-mallory", claim+"x"), payment.NotFound, "no such order")
			want(t, see("o-mallory"), payment.NotFound, "no such order")
			want(t, pay("o-alice", claim), payment.Conflict, "")
			if o := r.Stored(t, in.OutTradeNo); o.OpenID != "o-alice" || o.Claim != "" {
				t.Errorf("owner %q, claim %q", o.OpenID, o.Claim)
			}
			if err := see("o-alice"); err != nil {
				t.Error(err)
			}
			want(t, pay("o-bob", claim), payment.NotFound, "no such order")
			want(t, see("o-bob"), payment.NotFound, "no such order")
		})
	}
}

// time_expire is 60 s ahead at least; a call may take two of them.
func TestTheLeastTimeExpire(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	for ahead, c := range map[time.Duration]payment.Code{59 * time.Second: "", 57 * time.Second: payment.InvalidArgument} {
		in := cashiertest.Order("ORDER-" + ahead.String()).CreateOrder
		in.TimeExpire = r.Clock.Now().Add(ahead).Format(time.RFC3339)
		if _, err := r.Cashier.CreateOrder(t.Context(), r.Server(t), in); code(err) != c {
			t.Errorf("%s ahead: %v", ahead, err)
		}
	}
}

// An openid is as long as other texts at most, in a createorder, too.
func TestALongOpenIDIsRefused(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	in := cashiertest.Order("ORDER-0001").CreateOrder
	in.OpenID = strings.Repeat("o", 128)
	_, err := r.Cashier.CreateOrder(t.Context(), r.Server(t), in)
	want(t, err, payment.InvalidArgument, "openid")
	long := in.OpenID
	in.OpenID = in.OpenID[:127]
	if _, err := r.Cashier.CreateOrder(t.Context(), r.Server(t), in); err != nil {
		t.Error(err)
	}
	in.OutTradeNo, in.OpenID = "ORDER-0002", ""
	if _, err := r.Cashier.CreateOrder(t.Context(), r.Server(t), in); err != nil {
		t.Fatal(err)
	}
	_, err = r.Cashier.UnifiedOrder(t.Context(), r.Server(t), cashier.UnifiedOrder{CreateOrder: cashier.CreateOrder{OutTradeNo: in.OutTradeNo, OpenID: long}})
	want(t, err, payment.InvalidArgument, "openid")
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	fee := func(n int64) *int64 { return &n }
	soon := time.Date(2026, 11, 23, 10, 0, 30, 0, time.UTC).Format(time.RFC3339)
	for name, c := range map[string]struct {
		change func(*cashier.UnifiedOrder)
		member string
		code   payment.Code
	}{
		"short number":              {func(in *cashier.UnifiedOrder) { in.OutTradeNo = "12345" }, "out_trade_no", payment.InvalidArgument},
		"odd number":                {func(in *cashier.UnifiedOrder) { in.OutTradeNo = "ORDER/0001" }, "out_trade_no", payment.InvalidArgument},
		"long number":               {func(in *cashier.UnifiedOrder) { in.OutTradeNo = strings.Repeat("1", 33) }, "out_trade_no", payment.InvalidArgument},
		"nothing":                   {func(in *cashier.UnifiedOrder) { in.TotalFee = fee(0) }, "total_fee", payment.InvalidArgument},
		"negative":                  {func(in *cashier.UnifiedOrder) { in.TotalFee = fee(-1) }, "total_fee", payment.InvalidArgument},
		"too much":                  {func(in *cashier.UnifiedOrder) { in.TotalFee = fee(payment.MaxAmount + 1) }, "total_fee", payment.InvalidArgument},
		"currency":                  {func(in *cashier.UnifiedOrder) { in.FeeType = "eur" }, "fee_type", payment.InvalidArgument},
		"currency not taken":        {func(in *cashier.UnifiedOrder) { in.FeeType = "KWD" }, "fee_type", payment.Unsupported},
		"currency without a wallet": {func(in *cashier.UnifiedOrder) { in.Provider, in.FeeType = "latipay", "KWD" }, "latipay", payment.Unsupported},
		"no body":                   {func(in *cashier.UnifiedOrder) { in.Body = "" }, "body", payment.InvalidArgument},
		"long body":                 {func(in *cashier.UnifiedOrder) { in.Body = strings.Repeat("茶", 128) }, "body", payment.InvalidArgument},
		"broken text":               {func(in *cashier.UnifiedOrder) { in.Attach = "\xff" }, "attach", payment.InvalidArgument},
		"no time":                   {func(in *cashier.UnifiedOrder) { in.TimeExpire = "tomorrow" }, "time_expire", payment.InvalidArgument},
		"too soon":                  {func(in *cashier.UnifiedOrder) { in.TimeExpire = soon }, "time_expire", payment.InvalidArgument},
		"method":                    {func(in *cashier.UnifiedOrder) { in.PayMethod = "cash" }, "pay_method", payment.InvalidArgument},
		"method not offered":        {func(in *cashier.UnifiedOrder) { in.Provider, in.PayMethod = "v3", payment.PayPal }, "paypal", payment.Unsupported},
		"redirect":                  {func(in *cashier.UnifiedOrder) { in.RedirectURL = "javascript:alert(1)" }, "redirect_url", payment.InvalidArgument},
		"long payer":                {func(in *cashier.UnifiedOrder) { in.OpenID = strings.Repeat("o", 128) }, "openid", payment.InvalidArgument},
		"nobody to pay":             {func(in *cashier.UnifiedOrder) { in.OpenID = "" }, "openid", payment.InvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			in := cashiertest.Order("ORDER-0001")
			c.change(&in)
			_, err := r.Cashier.UnifiedOrder(t.Context(), r.Server(t), in)
			want(t, err, c.code, c.member)
			if payment.AsError(err).Retryable {
				t.Error("retryable")
			}
			if _, err := r.Store.Store.Get(t.Context(), "default", in.OutTradeNo); err == nil || len(r.Box.Trades()) > 0 {
				t.Error("something was stored")
			}
		})
	}
}
