package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store"
)

// story is one order's: what its shopper, its shop and its mini-program will do.
type story struct {
	*rand.Rand
	w      *World
	no     string
	sp     string // the processor that it is meant for
	fee    int64
	openid string
	claim  string
	held   []payable // what the shopper could pay with
}

// payable is what a mini-program holds.
type payable struct{ provider, number, attempt string }

// begin books an order's story.
func (w *World) tell(i int, span time.Duration) {
	rng := rand.New(rand.NewPCG(w.opt.Seed, uint64(1000+i)))
	s := &story{Rand: rng, w: w, no: fmt.Sprintf("SIM-%d-%03d", w.opt.Seed%1e9, i), sp: w.names[rng.IntN(len(w.names))],
		fee: 1000 + int64(rng.IntN(90000)), openid: fmt.Sprintf("o-shopper-%d", i)}
	w.after(time.Duration(rng.Int64N(int64(span))), s.live)
}

func (s *story) chance(percent int) bool { return s.IntN(100) < percent }

// idle waits up to a time.
func (s *story) idle(most time.Duration) {
	s.w.pause(time.Duration(s.Int64N(int64(most))) + time.Millisecond)
}

func (s *story) live() {
	token := shopKey
	in := s.create()
	if s.chance(25) {
		token, in = s.asUser(in)
	}
	if token == "" {
		return
	}
	s.unified(token, in)
	if s.chance(12) {
		s.idle(time.Minute)
		s.otherWay(token, in)
	}
	if s.chance(5) {
		return // vanishes
	}
	s.shop(token)
}

// create is what the shop's server sends for this order.
func (s *story) create() map[string]any {
	d := s.w.registry[s.sp]
	currency := "EUR"
	if !d.Takes(currency) {
		currency = d.Currencies[0]
	}
	in := map[string]any{"out_trade_no": s.no, "total_fee": s.fee, "fee_type": currency, "body": "Tea", "openid": s.openid,
		"pay_method": d.Methods[0]}
	if s.sp != s.w.item["pay_sp"] || s.chance(50) {
		in["provider"] = s.sp
	}
	if s.chance(50) {
		in["time_expire"] = time.Now().Add(2*time.Minute + time.Duration(s.IntN(900))*time.Second).UTC().Format(time.RFC3339)
	} else if s.chance(50) {
		in["time_expire"] = time.Now().Add(11*time.Minute + time.Duration(s.IntN(240))*time.Second).UTC().Format(time.RFC3339)
	}
	return in
}

func clone(in map[string]any) map[string]any {
	c := make(map[string]any, len(in))
	for k, v := range in {
		c[k] = v
	}
	return c
}

// asUser has the server create the order, and a user with its claim pay it. Only
// the server may name a processor, so that the order goes where pay_sp points.
func (s *story) asUser(in map[string]any) (token string, user map[string]any) {
	paySP, _ := s.w.item["pay_sp"].(string)
	if d := s.w.registry[paySP]; !d.Takes(in["fee_type"].(string)) {
		return shopKey, in
	}
	delete(in, "provider")
	delete(in, "openid")
	in["pay_method"] = payment.WeChat
	var made reply
	for range 8 {
		if made = s.w.ask(shopKey, "createorder", clone(in)); !made.again() {
			break
		}
		s.idle(3 * time.Second)
	}
	if made.status != http.StatusOK {
		return "", nil
	}
	login := map[string]any{"action": "login", "code": s.openid}
	for range 8 {
		if token = s.session(login); token != "" {
			break
		}
		s.idle(3 * time.Second)
	}
	return token, map[string]any{"out_trade_no": s.no, "claim": made.Claim, "pay_method": payment.WeChat}
}

func (s *story) session(login map[string]any) string {
	rec := &recorder{header: http.Header{}}
	s.w.invoke("pay", "login", 29*time.Second+grace, func(ctx context.Context, c *container) {
		raw, _ := json.Marshal(login)
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, "https://pay.test/pay", strings.NewReader(string(raw)))
		c.serve.ServeHTTP(rec, req)
	})
	var out struct{ Session string }
	_ = json.Unmarshal(rec.body, &out)
	return out.Session
}

// beside makes a call at about the same moment as the one that follows: somebody taps
// twice, or a gateway repeats. What it hands out can be paid, too.
func (s *story) beside(token, action string, in map[string]any) {
	in = clone(in)
	s.w.after(time.Duration(s.IntN(300))*time.Millisecond, func() {
		if r := s.w.ask(token, action, in); r.Payment != nil || r.URL != "" {
			s.hold(r)
		}
	})
}

// unified calls until it holds something to pay with, or gives up.
func (s *story) unified(token string, in map[string]any) {
	for range 6 {
		if s.chance(15) {
			s.beside(token, "unifiedorder", in)
		}
		r := s.w.ask(token, "unifiedorder", clone(in))
		if r.Payment != nil || r.URL != "" {
			s.hold(r)
			return
		}
		if !r.again() && r.Error.Code != payment.Declined && r.Error.Code != payment.OutcomeUnknown {
			return
		}
		s.idle(8 * time.Second)
	}
}

// hold remembers what was handed out: the attempt whose payment it is. A call that
// was slower than its lease, by clocks that differ, hands out an attempt that has
// been replaced meanwhile; it can be paid all the same.
func (s *story) hold(r reply) {
	o := s.w.Store.peek(store.Key{Merchant: "default", OutTradeNo: s.no})
	found := -1
	for i, a := range o.Attempts {
		if r.URL != "" && a.URL == r.URL || r.Payment != nil && a.Payment != nil && a.Payment.Package == r.Payment.Package {
			found = i
			break
		}
		if a.State == payment.Watched && (found < 0 || a.SpTradeNo != "" || o.Attempts[found].SpTradeNo == "") {
			found = i // the last one whose create was answered, as far as can be seen
		}
	}
	if r.URL != "" {
		s.open(r.URL)
	}
	if found >= 0 {
		a := o.Attempts[found]
		s.held = append(s.held, payable{a.Provider, a.SpTradeNo, a.No})
	}
}

// open is the browser opening a payment page.
func (s *story) open(url string) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err == nil {
		s.w.ledger = nil
		_, _ = s.w.Box.Transport().RoundTrip(req)
	}
}

// otherWay asks for another method or processor, which leads to a second attempt. It
// may be tapped together with the first way.
func (s *story) otherWay(token string, in map[string]any) {
	if s.chance(30) {
		s.beside(token, "unifiedorder", in)
	}
	other := s.w.registry[s.w.names[s.IntN(len(s.w.names))]]
	if token == shopKey && other.Takes(in["fee_type"].(string)) {
		in["provider"], in["pay_method"] = other.Name, other.Methods[s.IntN(len(other.Methods))]
		in["redirect_url"] = "https://shop.test/back"
	}
	s.unified(token, in)
}

// shop is what follows: the shopper pays or not, everybody asks, the shop refunds.
func (s *story) shop(token string) {
	s.idle([]time.Duration{2 * time.Second, 20 * time.Second, 90 * time.Second}[s.IntN(3)])
	what := s.IntN(100)
	switch {
	case what < 62:
		s.pay(s.pickHeld(), sandbox.PayOptions{})
	case what < 70:
		s.pay(s.pickHeld(), sandbox.PayOptions{Silent: true})
	case what < 75:
		s.pay(s.pickHeld(), sandbox.PayOptions{Later: time.Duration(s.IntN(240)) * time.Second})
	case what < 78:
		s.pay(s.pickHeld(), sandbox.PayOptions{Amount: s.fee + 1})
	case what < 84:
		s.end(s.w.Box.Fail)
	case what < 90:
		s.end(s.w.Box.Close)
	}
	if len(s.held) > 1 && s.chance(60) {
		s.pay(&s.held[0], sandbox.PayOptions{}) // pays twice
		s.pay(&s.held[len(s.held)-1], sandbox.PayOptions{})
	}
	for range s.IntN(3) {
		s.idle(4 * time.Second)
		s.w.ask(token, "queryorder", map[string]any{"out_trade_no": s.no})
	}
	if s.chance(15) {
		s.idle(time.Minute)
		s.w.ask(shopKey, "closeorder", map[string]any{"out_trade_no": s.no})
		if s.chance(40) {
			s.idle(10 * time.Second)
			s.pay(s.pickHeld(), sandbox.PayOptions{Late: true})
		}
	}
	if s.chance(35) {
		s.refunds()
	}
	if s.chance(4) {
		s.desk()
	}
}
