package providertest

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// checkCreate creates by every declared method; the others must be refused unasked.
func checkCreate(r *rig) {
	for _, m := range payment.Methods {
		if !r.d.Supports(m) {
			r.quiet(string(m)+", not declared", func(ctx context.Context) error {
				_, err := r.p.Create(ctx, r.order(orderNo, m, r.price(1299)))
				return err
			}, provider.NotSupported)
			continue
		}
		for _, currency := range r.h.Currencies[:min(2, len(r.h.Currencies))] {
			r.under(string(m)+" "+currency, func(r *rig) {
				in := r.order(orderNo, m, payment.Money{Amount: 12900, Currency: currency})
				checkCreated(r, in)
			})
		}
	}
}

func checkCreated(r *rig, in provider.Create) {
	c, err := r.p.Create(r.Context(), in)
	if err != nil {
		r.fail("create", err)
	}
	if in.Method == payment.WeChat {
		checkPayParams(r, c)
	} else {
		checkPage(r, c)
	}
	r.open(c)
	t := r.booked()
	if t.No != in.No || t.Amount != in.Total.Amount || t.Currency != in.Total.Currency ||
		rings(r.d.Notices) && t.NotifyURL != in.NotifyURL || t.Method != string(in.Method) {
		r.Errorf("the ledger has %+v", t)
	}
	r.same("the account", t.Account, r.p.Account())
	r.same("the payer", t.OpenID, in.OpenID)
	r.same("sp_trade_no", c.SpTradeNo, t.SpTradeNo)
	r.same("the redirect URL", t.RedirectURL, in.RedirectURL)
}

func checkPayParams(r *rig, c provider.Created) {
	r.Helper()
	if c.Payment == nil || c.URL != "" {
		r.Fatalf("WeChat must be paid in the mini-program: payment %v, url %q", c.Payment, c.URL)
	}
	p := *c.Payment
	stamp, err := strconv.ParseInt(p.TimeStamp, 10, 64)
	if err != nil || time.Unix(stamp, 0).Sub(r.now).Abs() > time.Minute {
		r.Errorf("timeStamp %q is not now in unix seconds", p.TimeStamp)
	}
	if p.NonceStr == "" || p.SignType == "" || p.PaySign == "" || !strings.HasPrefix(p.Package, "prepay_id=") {
		r.Errorf("payment lacks a member: %+v", p)
	}
	s, signs := r.p.(provider.Signer)
	if !signs {
		return
	}
	again, err := s.Sign(p)
	if err != nil {
		r.fail("sign", err)
	}
	if again.Package != p.Package || again.PaySign == "" || again.NonceStr == p.NonceStr || again.SignType != p.SignType {
		r.Errorf("signed afresh: %+v, was %+v", again, p)
	}
}

func checkPage(r *rig, c provider.Created) {
	r.Helper()
	u, err := url.Parse(c.URL)
	if c.Payment != nil || err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		r.Fatalf("want an absolute http(s) URL: payment %v, url %q", c.Payment, c.URL)
	}
}

// checkAmounts sends extreme amounts: each arrives exactly, or is declined.
func checkAmounts(r *rig) {
	for _, amount := range []int64{1, 9, 10, 99, 100, 101, 100_000, 123_456_789, payment.MaxAmount} {
		r.under(strconv.FormatInt(amount, 10), func(r *rig) {
			in := r.order(orderNo, r.d.Methods[0], r.price(amount))
			c, err := r.p.Create(r.Context(), in)
			if err != nil {
				r.kind("create", err, provider.Declined, provider.NotSupported)
				return
			}
			r.open(c)
			if t := r.booked(); t.Amount != amount || t.Currency != in.Total.Currency {
				r.Errorf("the ledger has %d %s", t.Amount, t.Currency)
			}
		})
	}
}

// checkRepeatCreate repeats a create, in a row and at once, where that is declared
// to be the same trade.
func checkRepeatCreate(r *rig) {
	in := r.usual()
	first := r.made(in)
	if !r.d.RepeatCreate {
		return
	}
	r.now = r.now.Add(time.Minute)
	again := r.made(in)
	r.same("sp_trade_no of the repeated create", again.SpTradeNo, first.SpTradeNo)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { _, errs[i] = r.p.Create(r.Context(), in) })
	}
	wg.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		r.fail("create at once", errs[i])
	}
	r.booked()
}
