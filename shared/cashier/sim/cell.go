package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store"
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
}

// Operations are the rows of the matrix.
var Operations = []Operation{
	{"createorder", "createorder", nothing, (*story).makeOrder, wantState(payment.TradeNotPay, payment.TradeClosed)},
	{"unifiedorder", "unifiedorder", nothing, (*story).unifiedAndPay, wantState(payment.TradeSuccess)},
	{"unifiedorder by a user", "unifiedorder", (*story).makeOrder, (*story).userPays, wantState(payment.TradeSuccess)},
	{"unifiedorder again", "unifiedorder", (*story).unifiedOnce, (*story).unifiedAndPay, wantState(payment.TradeSuccess)},
	{"queryorder of a paid order", "queryorder", (*story).paidInSilence, asks("queryorder"), wantState(payment.TradeSuccess)},
	{"closeorder", "closeorder", (*story).unifiedOnce, asks("closeorder"), wantState(payment.TradeClosed, payment.TradeNotPay)},
	{"closeorder of a paid order", "closeorder", (*story).paidInSilence, asks("closeorder"), wantState(payment.TradeSuccess)},
	{"notice", "notify", (*story).unifiedOnce, (*story).paysAloud, wantState(payment.TradeSuccess)},
	{"refund", "refund", (*story).paidAndKnown, (*story).refundOnce, wantRefund},
	{"queryrefund", "queryrefund", (*story).refunded, asks("queryrefund"), wantRefund},
	{"sweep of a silent payment", "sweep", (*story).paidInSilence, nothing, wantState(payment.TradeSuccess)},
	{"sweep of an expiry", "sweep", (*story).nearlyExpired, nothing, wantState(payment.TradeClosed, payment.TradeNotPay)},
	{"event at once", "deliver", (*story).unifiedOnce, (*story).paysAloud, wantState(payment.TradeSuccess)},
}

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

// Cell is one field of the matrix: the fault at the kth step of an operation.
type Cell struct {
	Processor string
	Operation Operation
	K         int
	Fault     Fault
}

func (c Cell) String() string {
	return fmt.Sprintf("%s, %s, step %d, %s", c.Processor, c.Operation.Name, c.K, c.Fault)
}

// single is a plan with one fault. It remembers the steps of the watched call.
type single struct {
	cell  Cell
	armed bool
	call  *call
	steps []string
}

func (p *single) next(_ *World, x *waiter) Fault {
	if !p.armed || x.call.what != p.cell.Operation.Call {
		return None
	}
	if p.call == nil {
		p.call = x.call
	}
	if x.call != p.call {
		return None
	}
	p.steps = append(p.steps, x.step)
	if len(p.steps) == p.cell.K {
		return p.cell.Fault
	}
	return None
}

// Steps runs an operation without a fault and returns its steps.
func Steps(t *testing.T, processor string, op Operation) []string {
	_, p := runCell(t, Cell{Processor: processor, Operation: op})
	return p.steps
}

// RunCell runs one cell.
func RunCell(t *testing.T, c Cell) Report {
	r, _ := runCell(t, c)
	return r
}

func runCell(t *testing.T, c Cell) (report Report, p *single) {
	t.Helper()
	p = &single{cell: c}
	bubble(t, func() {
		w, err := newWorld(Options{Seed: 1, Processors: []string{c.Processor}})
		if err != nil {
			panic(err)
		}
		s := &story{Rand: rand.New(rand.NewPCG(1, 1)), w: w, no: "CELL-0001", sp: c.Processor, fee: 12000, openid: "o-shopper"}
		w.plan = p
		done := false
		w.after(0, func() {
			c.Operation.Prepare(s)
			p.armed = true
			c.Operation.Do(s)
			done = true
		})
		w.processorsWork()
		for range 40 {
			if w.run(time.Now().Add(5 * time.Second)); done && p.call != nil || w.failed() {
				break
			}
		}
		w.run(time.Now().Add(30 * time.Second))
		if !w.failed() {
			w.recover()
			// A refund that only a total tells of is sent again when a dead holder's
			// lease is over by every clock.
			w.run(time.Now().Add(12 * time.Minute))
		}
		o := w.Store.peek(store.Key{Merchant: "default", OutTradeNo: s.no})
		switch {
		case w.failed():
		case o == nil:
			w.violate("R1", "%s: there is no order", c)
		case p.call == nil:
			w.violate("R1", "%s: the call never came", c)
		default:
			if wrong := c.Operation.Want(s, o); wrong != "" {
				w.violate("R1", "%s: %s", c, wrong)
			}
		}
		w.stop()
		report = w.report()
	})
	return report, p
}
