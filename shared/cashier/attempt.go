package cashier

import (
	"context"
	"errors"
	"time"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// maxURL bounds a payment page's URL, or what a mini-program pays with, in bytes:
// orders must stay small enough to store.
const maxURL = 8 << 10

// account is the merchant account that an attempt was made with.
type account struct {
	*provider.Descriptor
	provider.Provider
	merchant *config.Merchant
}

// account finds an attempt's own account, whatever pay_sp says now. If the config
// item has lost it, the order stays open and an alarm is due.
func (c *Cashier) account(ctx context.Context, m *config.Merchant, o *payment.Order, a *payment.Attempt) (account, error) {
	d, p, ok := m.Account(a.Provider, a.Account)
	if !ok {
		c.count(ctx, "account_gone", o, a, "account "+a.Account+" is not in the config item")
		return account{}, payment.Errorf(payment.ConfigInvalid,
			"providers.%s: account %s, which order %s was made with, is gone; put it into former[]", a.Provider, a.Account, o.OutTradeNo)
	}
	return account{d, p, m}, nil
}

// poll is the account's timetable of questions.
func (acc account) poll() []time.Duration { return acc.merchant.Poll(acc.Name) }

// checkRoute refuses what the account cannot take, before anything is stored.
func (acc account) checkRoute(no string, total payment.Money) error {
	switch {
	case len(no) < acc.MinNo:
		return invalid("out_trade_no: %s needs at least %d characters", acc.Name, acc.MinNo)
	case acc.MaxNo > 0 && len(no) > acc.MaxNo:
		return invalid("out_trade_no: %s takes at most %d characters", acc.Name, acc.MaxNo)
	case !acc.Descriptor.Takes(total.Currency):
		return payment.Errorf(payment.Unsupported, "fee_type: %s does not take %s, only %v", acc.Name, total.Currency, acc.Currencies)
	}
	if t, ok := acc.Provider.(provider.Taker); ok {
		if err := t.Takes(total.Currency); err != nil {
			return acc.failed(err)
		}
	}
	return nil
}

// failed is a processor's error as callers see it.
func (acc account) failed(err error) error {
	var e *provider.Error
	message := "no detail"
	if errors.As(err, &e) && e.Message != "" {
		message = e.Message
	}
	out := map[provider.Kind]payment.Code{
		provider.Unknown: payment.OutcomeUnknown, provider.NotSent: payment.ProviderUnavailable, provider.Busy: payment.ProviderUnavailable,
		provider.Declined: payment.Declined, provider.Denied: payment.ConfigInvalid, provider.NotFound: payment.Declined,
		provider.AlreadyPaid: payment.Conflict, provider.NotEnough: payment.Declined, provider.NotSupported: payment.Unsupported,
	}
	kind := provider.KindOf(err)
	switch kind {
	case provider.Unknown:
		message = "it did not answer clearly; query the order, or repeat the call"
	case provider.NotSent, provider.Busy:
		message = "it cannot be reached now; nothing happened, repeat the call"
	}
	code, ok := out[kind]
	if !ok {
		code = payment.OutcomeUnknown
	}
	return payment.Errorf(code, "%s: %s", acc.Name, message).Because(err)
}

func (c *Cashier) notifyAt(m *config.Merchant, provider, outTradeNo string) string {
	return m.NotifyBase(c.notifyURL) + "/" + provider + "/" + m.Name + "/" + outTradeNo
}

// size is how much of what the shopper pays with would be stored, in bytes.
func size(made provider.Created) int {
	n := len(made.URL)
	if p := made.Payment; p != nil {
		n += len(p.TimeStamp) + len(p.NonceStr) + len(p.Package) + len(p.SignType) + len(p.PaySign)
	}
	return n
}

// create makes a leased attempt's trade at the processor and books the outcome.
// The order is stored already, so a crash in here is repaired by the next caller.
// again says that the processor may have the trade already.
func (c *Cashier) create(ctx context.Context, acc account, o *payment.Order, a *payment.Attempt, again bool) (Paying, error) {
	callCtx, cancel := context.WithTimeout(ctx, CallTime)
	defer cancel()
	start := c.now()
	made, err := acc.Create(callCtx, provider.Create{
		No: a.No, Method: a.Method, Total: o.Total, Body: o.Body, Attach: o.Attach, AppID: a.AppID, OpenID: o.OpenID,
		ClientIP: a.ClientIP, NotifyURL: a.NotifyURL, RedirectURL: a.RedirectURL,
		TimeCreate: a.TimeBegin, TimeExpire: o.TimeExpire,
	})
	if err == nil && (made.Payment == nil && made.URL == "" || size(made) > maxURL) {
		err = provider.Errorf(provider.Unknown, acc.Name+": create", "the answer holds nothing to pay with")
	}
	no, lease := a.No, a.Lease
	o, saveErr := c.update(ctx, o, func(n *payment.Order) (bool, error) {
		a := n.Attempt(no)
		booked := a != nil && c.book(n, a, lease, acc, made, err, again)
		return n.Called(c.called("create", no, err, "")) || booked, nil
	})
	c.line(ctx, "create", o, o.Attempt(no), err, "ms", c.now().Sub(start).Milliseconds())
	switch {
	case provider.KindOf(err) == provider.AlreadyPaid && err != nil:
		o, _ = c.ask(ctx, acc, o, no, CallTime, 0)
		return Paying{Order: o}, acc.failed(err)
	case saveErr != nil:
		return Paying{Order: o}, payment.Errorf(payment.OutcomeUnknown, "the order store did not answer; repeat the call").Because(saveErr)
	case err != nil:
		return Paying{Order: o}, acc.failed(err)
	case o.TradeState != payment.TradeNotPay:
		return Paying{}, notPayable(o)
	}
	return Paying{Order: o, Payment: made.Payment, URL: made.URL}, nil
}

// book writes a create's outcome into its attempt, if the attempt is still as the
// caller leased it. Numbers are kept in any case. A repetition that is refused says
// nothing about the trade that an earlier call may have made.
func (c *Cashier) book(o *payment.Order, a *payment.Attempt, lease string, acc account, made provider.Created, err error, again bool) bool {
	now := c.now()
	if err == nil {
		o.Apply(a.No, payment.Report{SpTradeNo: made.SpTradeNo, TransactionID: made.TransactionID}, now)
	}
	if a.Lease != lease || a.State != payment.Creating {
		return err == nil
	}
	a.LeaseUntil = time.Time{} // the lease stays, as the mark of the last create
	if err == nil {
		a.State, a.Payment, a.URL, a.TimeReply, a.Reason = payment.Open, made.Payment, made.URL, now, ""
		a.DueAt = now.Add(acc.poll()[0])
		return true
	}
	a.Reason = clip(err.Error())
	switch provider.KindOf(err) {
	case provider.NotSent, provider.Busy, provider.Denied:
		if a.State, a.DueAt = payment.Unsent, (time.Time{}); again {
			a.State, a.DueAt = payment.Lost, now.Add(acc.poll()[0])
		}
	case provider.Declined, provider.NotSupported, provider.NotFound, provider.NotEnough:
		if a.State, a.DueAt = payment.Failed, (time.Time{}); again {
			a.State, a.DueAt = payment.Watched, now.Add(acc.poll()[0])
		}
	case provider.AlreadyPaid:
		a.State, a.DueAt = payment.Lost, now
	default:
		a.State, a.DueAt = payment.Lost, now.Add(acc.poll()[0])
	}
	return true
}

// repair finds out what became of a create whose outcome nobody saw: by asking
// with the merchant's number where the processor knows it; else by repeating the
// create where that is proved to be the same trade; else with a new attempt, the
// lost one being watched for its notice.
func (c *Cashier) repair(ctx context.Context, r *request, o *payment.Order, acc account, a payment.Attempt, same bool) (Paying, error) {
	if err := c.keepClaim(ctx, r, o); err != nil {
		return Paying{}, err
	}
	if acc.QueryByNumber {
		asked, err := c.ask(ctx, acc, o, a.No, CallTime, 0)
		missing := provider.KindOf(err) == provider.NotFound
		switch {
		case err != nil && !missing:
			return Paying{Order: asked}, acc.failed(err)
		case asked.TradeState != payment.TradeNotPay:
			return Paying{}, notPayable(asked)
		}
		o = asked
		switch live := o.Live(); {
		case live == nil:
			return c.begin(ctx, r, o)
		case moved(o, a):
			return Paying{}, errAgain
		case missing && same:
			return c.again(ctx, o, acc, live)
		}
	}
	if acc.RepeatCreate && same {
		return c.again(ctx, o, acc, o.Live())
	}
	return c.replace(ctx, r, o, acc, a)
}
