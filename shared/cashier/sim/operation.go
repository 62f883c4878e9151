package sim

import (
	"context"
	"fmt"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/sandbox"
)

// Operation is one thing that the product does, for the systematic matrix: how to
// get there, the call whose steps are made to fail, and what must come of it in
// the end, whatever failed.
type Operation struct {
	Name    string
	Call    string // the function's call that is watched
	Prepare func(*story)
	Do      func(*story)
	Want    func(*story, *payment.Order) string // "" or what is wrong
	// Silent says for which processors the call never comes; nil: for none.
	Silent func(*provider.Descriptor) bool
}

// Operations are the rows of the matrix.
var Operations = []Operation{
	{"login", "login", (*story).makeOrderAndWait, (*story).logIn, wantState(open...), nil},
	{"createorder", "createorder", nothing, (*story).makeOrder, wantState(open...), nil},
	{"unifiedorder", "unifiedorder", nothing, (*story).unifiedAndPay, wantState(payment.TradeSuccess), nil},
	{"unifiedorder by a user", "unifiedorder", (*story).makeOrder, (*story).userPays, wantState(payment.TradeSuccess), nil},
	{"unifiedorder again", "unifiedorder", (*story).unifiedOnce, (*story).unifiedAndPay, wantState(payment.TradeSuccess), nil},
	{"unifiedorder by another method", "unifiedorder", (*story).unifiedOnce, (*story).anotherMethod, wantState(payment.TradeSuccess), nil},
	{"unifiedorder after a lost answer", "unifiedorder", (*story).lostOnce, (*story).unifiedAndPay, wantState(payment.TradeSuccess), nil},
	{"queryorder of a paid order", "queryorder", (*story).paidInSilence, asks("queryorder"), wantState(payment.TradeSuccess), nil},
	{"closeorder", "closeorder", (*story).unifiedOnce, asks("closeorder"), wantState(open...), nil},
	{"closeorder of a paid order", "closeorder", (*story).paidInSilence, asks("closeorder"), wantState(payment.TradeSuccess), nil},
	{"notice", "notify", (*story).unifiedOnce, (*story).paysAloud, wantState(payment.TradeSuccess), noNotices},
	{"notice after CLOSED", "notify", (*story).closedByUs, (*story).paysLate, wantState(payment.TradeSuccess), noNotices},
	{"notice of a refund", "notify", (*story).refundUnsettled, (*story).settle, wantRefund, noRefundNotices},
	{"refund", "refund", (*story).paidAndKnown, (*story).refundOnce, wantRefund, nil},
	{"refund again after a lost answer", "refund", (*story).refundLost, (*story).refundOnce, wantRefund, nil},
	{"queryrefund", "queryrefund", (*story).refunded, asks("queryrefund"), wantRefund, nil},
	{"sweep of a silent payment", "sweep", (*story).paidInSilence, nothing, wantState(payment.TradeSuccess), nil},
	{"sweep of an expiry", "sweep", (*story).nearlyExpired, nothing, wantState(open...), nil},
	{"sweep of a refund", "sweep", (*story).refundLost, nothing, wantRefund, nil},
	{"sweep of an event", "sweep", (*story).paidUnheard, nothing, wantState(payment.TradeSuccess), nil},
	{"sweep after the sale", "sweep", (*story).chargedBack, nothing, wantState(payment.TradeSuccess, payment.TradeRefund), tellsAll},
	{"event at once", "deliver", (*story).unifiedOnce, (*story).paysAloud, wantState(payment.TradeSuccess), nil},
}

// open is where an order that nobody paid may stand.
var open = []payment.TradeState{payment.TradeNotPay, payment.TradeClosed}

func noNotices(d *provider.Descriptor) bool       { return d.Notices == provider.Silent }
func noRefundNotices(d *provider.Descriptor) bool { return d.RefundNotices == provider.Silent }

// tellsAll: it posts what its own desk does, so that nobody looks after a sale.
func tellsAll(d *provider.Descriptor) bool { return d.RefundNotices == provider.Signed }

func nothing(*story) {}

// asks repeats an action until it has an answer that need not be repeated.
func asks(action string) func(*story) {
	return func(s *story) {
		for range 5 {
			in := map[string]any{"out_trade_no": s.no, "out_refund_no": "R1", "refund_fee": s.fee / 2}
			if r := s.w.ask(shopKey, action, in); !r.again() {
				return
			}
			s.w.pause(3 * time.Second)
		}
	}
}

func (s *story) order() map[string]any {
	d := s.w.registry[s.sp]
	currency := "EUR"
	if !d.Takes(currency) {
		currency = d.Currencies[0]
	}
	return map[string]any{"out_trade_no": s.no, "total_fee": s.fee, "fee_type": currency, "body": "Tea"}
}

func (s *story) makeOrder() {
	for range 5 {
		if r := s.w.ask(shopKey, "createorder", s.order()); !r.again() {
			s.claim = r.Claim
			return
		}
		s.w.pause(3 * time.Second)
	}
}

func (s *story) unifiedOnce() {
	in := s.order()
	in["openid"], in["time_expire"] = s.openid, time.Now().Add(10*time.Minute).UTC().Format(time.RFC3339)
	s.unified(shopKey, in)
}

func (s *story) unifiedAndPay() { s.unifiedOnce(); s.paysAloud() }

func (s *story) userPays() {
	s.unified(s.session(map[string]any{"action": "login", "code": s.openid}), map[string]any{"out_trade_no": s.no, "claim": s.claim})
	s.paysAloud()
}

// paysAloud pays with the last thing that was handed out; its notice is posted.
func (s *story) paysAloud() {
	if n := len(s.held); n > 0 {
		s.pay(&s.held[n-1], sandbox.PayOptions{})
	}
}

func (s *story) paidInSilence() {
	s.unifiedOnce()
	s.pay(s.pickHeld(), sandbox.PayOptions{Silent: true})
	s.w.pause(3 * time.Second)
}

func (s *story) paidAndKnown() { s.paidInSilence(); asks("queryorder")(s); s.w.pause(3 * time.Second) }

func (s *story) makeOrderAndWait() { s.makeOrder(); s.w.pause(3 * time.Second) }

func (s *story) logIn() { s.session(map[string]any{"action": "login", "code": s.openid}) }

func (s *story) closedByUs() { s.unifiedOnce(); asks("closeorder")(s); s.w.pause(3 * time.Second) }

// paysLate pays although the processor was told to close the trade.
func (s *story) paysLate() { s.pay(s.pickHeld(), sandbox.PayOptions{Late: true}) }

// anotherMethod pays by the second method, where there is one.
func (s *story) anotherMethod() {
	in := s.order()
	methods := s.w.registry[s.sp].Methods
	in["openid"], in["pay_method"], in["redirect_url"] = s.openid, methods[len(methods)-1], "https://shop.test/back"
	s.unified(shopKey, in)
	s.paysAloud()
}

// losing runs f with the answer of a call to the processor lost, after so many that are not.
func (s *story) losing(after int, f func()) {
	for range after {
		_ = s.w.Box.Fault(sandbox.Fault{Kind: "slow:1ms"})
	}
	_ = s.w.Box.Fault(sandbox.Fault{Kind: sandbox.FaultLost})
	f()
	s.w.Box.ClearFaults()
}

func (s *story) lostOnce() {
	s.losing(0, func() {
		in := s.order()
		in["openid"] = s.openid
		s.w.ask(shopKey, "unifiedorder", in)
	})
	s.w.pause(3 * time.Second)
}

// refundLost: where only a total tells of a refund, that is asked for first.
func (s *story) refundLost() {
	s.paidAndKnown()
	before := 0
	if s.w.registry[s.sp].RefundAgain == provider.ByLookup {
		before = 1
	}
	s.losing(before, func() {
		s.w.ask(shopKey, "refund", map[string]any{"out_trade_no": s.no, "out_refund_no": "R1", "refund_fee": s.fee / 2})
	})
}

func (s *story) paidUnheard() {
	s.unifiedOnce()
	s.w.Shop.mood = []int{500}
	s.paysAloud()
	s.w.pause(time.Second)
	s.w.Shop.mood = nil
}

func (s *story) chargedBack() {
	s.paidAndKnown()
	_, _ = s.w.Box.Chargeback(s.no, s.sp)
	s.w.ledger = nil
	s.w.pause(59*time.Minute + 30*time.Second)
}

func (s *story) refundUnsettled() { s.paidAndKnown(); s.refundOnce() }

func (s *story) settle() { s.w.Box.Settle(); s.w.ledger = nil; s.w.Box.Resend(context.Background()) }

func (s *story) refundOnce() { asks("refund")(s) }

func (s *story) refunded() { s.paidAndKnown(); s.refundOnce(); s.w.pause(3 * time.Second) }

func (s *story) nearlyExpired() {
	in := s.order()
	in["openid"], in["time_expire"] = s.openid, time.Now().Add(62*time.Second).UTC().Format(time.RFC3339)
	s.unified(shopKey, in)
	s.w.pause(55 * time.Second)
}

func wantState(states ...payment.TradeState) func(*story, *payment.Order) string {
	return func(_ *story, o *payment.Order) string {
		for _, state := range states {
			if o.TradeState == state {
				return ""
			}
		}
		return fmt.Sprintf("the order is %s, want %v", o.TradeState, states)
	}
}

// wantRefund: it was made exactly once, unless the processor cannot be asked what
// became of it, and a flag says so.
func wantRefund(s *story, o *payment.Order) string {
	made := 0
	for _, t := range s.w.trades() {
		made += len(t.Refunds)
	}
	r := o.Refund("R1")
	switch {
	case made > 1:
		return fmt.Sprintf("%d refunds at the processor", made)
	case r == nil:
		return "the refund is not booked"
	case r.Status == payment.RefundSuccess && made == 1, r.Status == payment.RefundClosed && made == 0:
		return ""
	case s.w.registry[s.sp].RefundAgain != provider.ByNumber && hasFlag(o, payment.RefundUncertain):
		return ""
	}
	return fmt.Sprintf("%s, and %d refunds at the processor", r.Status, made)
}
