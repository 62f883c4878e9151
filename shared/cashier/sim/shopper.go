package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store"
)

func (s *story) pickHeld() *payable {
	if len(s.held) == 0 {
		return nil
	}
	return &s.held[s.IntN(len(s.held))]
}

// pay pays. Money that comes against the processor's own word is only sent where
// somebody tells of it: a silent processor that contradicts itself is beyond help.
func (s *story) pay(p *payable, o sandbox.PayOptions) {
	if p == nil || o.Late && s.w.registry[p.provider].Notices == provider.Silent {
		return
	}
	o.Provider = p.provider
	if o.Late {
		s.w.truth.late[p.provider+" "+p.attempt] = true
	}
	no := p.number
	if no == "" {
		no = p.attempt
	}
	s.w.ledger = nil
	_, _, err := s.w.Box.Pay(context.Background(), no, o)
	s.w.ledger = nil
	s.w.trace.line("%s shopper pays %s at %s: %v", s.w.clock(), p.attempt, p.provider, err)
}

func (s *story) end(how func(context.Context, string, string) (sandbox.Trade, *sandbox.Delivery, error)) {
	if p := s.pickHeld(); p != nil {
		s.w.ledger = nil
		_, _, err := how(context.Background(), p.attempt, p.provider)
		s.w.trace.line("%s %s ends at %s: %v", s.w.clock(), p.attempt, p.provider, err)
	}
}

// refunds is the shop's server giving money back, clumsily: several at once, more
// than there is, again and again with the same number, and asks about it meanwhile.
// Its numbers may be those of other orders, but in v3's worlds: nothing else would tell
// its requests apart, which R3 needs.
func (s *story) refunds() {
	number := "R%d-" + s.no
	if s.chance(20) && !slices.ContainsFunc(s.w.names, func(name string) bool { return heavy[name] }) {
		number = "R-%d"
	}
	for i := range 1 + s.IntN(4) {
		fee := s.fee * int64(20+s.IntN(60)) / 100
		if s.chance(30) {
			fee = s.fee
		}
		in := map[string]any{"out_trade_no": s.no, "out_refund_no": fmt.Sprintf(number, i), "refund_fee": fee}
		for range 4 {
			if s.chance(25) {
				s.beside(shopKey, "refund", in)
			}
			if s.chance(15) {
				s.beside(shopKey, "queryrefund", in)
			}
			r := s.w.ask(shopKey, "refund", clone(in))
			pending := r.Refund != nil && r.Refund.Status == payment.RefundProcessing
			if !r.again() && !(pending && s.chance(40)) {
				break
			}
			s.idle(6 * time.Second)
		}
		if s.chance(40) {
			s.idle(5 * time.Second)
			s.w.ask(shopKey, "queryrefund", clone(in))
		}
	}
}

// desk is somebody at the processor's own desk, who looks at orders that the shop
// knows as paid: some processors no longer show a trade that was given back.
func (s *story) desk() {
	p := s.pickHeld()
	o := s.w.Store.peek(store.Key{Merchant: "default", OutTradeNo: s.no})
	if p == nil || o == nil || o.Attempt(p.attempt).State != payment.Captured {
		return
	}
	s.w.ledger = nil
	if s.chance(30) {
		_, _ = s.w.Box.Chargeback(p.attempt, p.provider)
		return
	}
	_, _, err := s.w.Box.Refund(context.Background(), p.attempt, p.provider, s.fee/int64(2+s.IntN(4)))
	s.w.trace.line("%s the desk of %s refunds %s: %v", s.w.clock(), p.provider, p.attempt, err)
}
