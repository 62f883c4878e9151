package sandbox

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	noticeWait  = 5 * time.Second
	noticeTries = 15 // as often as WeChat Pay
	keptAnswer  = 4096
)

// Delivery is what came of posting a notice.
type Delivery struct {
	Status int    `json:"status"` // HTTP; 0: no answer came
	Body   string `json:"body"`   // the answer, cut at 4 KiB
	Error  string `json:"error,omitempty"`
}

// Acknowledged reports that the processor is content and will not post it again.
func (d Delivery) Acknowledged() bool { return d.Status >= 200 && d.Status <= 299 }

// parcel is a notice that is to go out: about a trade or, with refund >= 0, about
// that one of its refunds.
type parcel struct {
	trade  Trade // which one; its content is read anew at each delivery
	refund int
	amount int64 // said instead of the true amount, if not 0
	due    time.Time
	tries  int
}

// same finds one trade again in the ledger.
func same(t Trade) func(Trade) bool {
	return func(o Trade) bool {
		return o.Account == t.Account && o.No == t.No && o.SpTradeNo == t.SpTradeNo && o.Created.Equal(t.Created)
	}
}

// About says what a notice is about and what it says: the trade as it was when the
// notice was written; Refund is -1 for the trade itself. Whoever carries notices in
// a test finds it in their context.
type About struct {
	Trade  Trade
	Refund int
}

type aboutKey struct{}

// AboutOf is what the notice of a context is about.
func AboutOf(ctx context.Context) (About, bool) {
	a, ok := ctx.Value(aboutKey{}).(About)
	return a, ok
}

// deliver posts a notice now. One that is not acknowledged waits for [Sandbox.Resend],
// which gives it up after 15 tries. It returns nil if the processor posts no such notice.
func (s *Sandbox) deliver(ctx context.Context, p parcel) *Delivery {
	req, said := s.notice(p)
	if req == nil {
		return nil
	}
	d := s.post(context.WithValue(ctx, aboutKey{}, About{said, p.refund}), req)
	p.tries++
	switch {
	case d.Acknowledged():
	case p.tries >= noticeTries:
		s.cfg.Log.WarnContext(ctx, "sandbox: notice given up", "provider", p.trade.Processor, "no", p.trade.No, "status", d.Status)
	default:
		s.enqueue(p)
	}
	return &d
}

// notice builds the request, or nil, and returns the trade as it says it is.
func (s *Sandbox) notice(p parcel) (*http.Request, Trade) {
	t, err := s.ledger.Find(p.trade.Processor, same(p.trade))
	if err != nil {
		return nil, t
	}
	if p.amount != 0 {
		t.Amount = p.amount
	}
	var refund *Refund
	if p.refund >= 0 {
		refund = &t.Refunds[p.refund]
	}
	req := s.twins[t.Processor].Notice(t, refund)
	if req == nil || req.URL.Host == "" {
		return nil, t
	}
	return req, t
}

func (s *Sandbox) post(ctx context.Context, req *http.Request) Delivery {
	ctx, cancel := context.WithTimeout(ctx, noticeWait)
	defer cancel()
	res, err := s.cfg.HTTP.Do(req.WithContext(ctx))
	if err != nil {
		return Delivery{Error: "no answer: " + err.Error()}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, keptAnswer))
	if err != nil {
		return Delivery{Error: "the answer broke off"}
	}
	return Delivery{Status: res.StatusCode, Body: strings.ToValidUTF8(string(body), "?")}
}

func (s *Sandbox) enqueue(p parcel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, p)
}

// queueRefunds books a notice for every refund that has succeeded since.
func (s *Sandbox) queueRefunds() {
	for _, done := range s.ledger.takeRefunded() {
		s.enqueue(parcel{trade: done.trade, refund: done.index, due: s.cfg.Now()})
	}
}

// Pending is how many notices wait to be posted.
func (s *Sandbox) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
}

// Resend posts every waiting notice whose time has come, oldest first, and returns
// how many were acknowledged: those that were refused before, those of refunds that
// succeeded, those that were to come later. Processors do so by themselves; here
// whoever serves the sandbox calls it every few seconds.
func (s *Sandbox) Resend(ctx context.Context) (acknowledged int) {
	for _, p := range s.takeDue() {
		if d := s.deliver(ctx, p); d != nil && d.Acknowledged() {
			acknowledged++
		}
	}
	return acknowledged
}

func (s *Sandbox) takeDue() []parcel {
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	var due, rest []parcel
	for _, p := range s.queue {
		if p.due.After(now) {
			rest = append(rest, p)
		} else {
			due = append(due, p)
		}
	}
	s.queue = rest
	return due
}

// Settle lets every refund that is under way succeed and books their notices. It
// returns how many there were.
func (s *Sandbox) Settle() (settled int) {
	for _, t := range s.ledger.Trades() {
		_, _ = s.ledger.Update(t.Processor, same(t), func(t *Trade) error {
			for i := range t.Refunds {
				if t.Refunds[i].Status == "PROCESSING" {
					t.Refunds[i].Status = "SUCCESS"
					settled++
				}
			}
			return nil
		})
	}
	s.queueRefunds()
	return settled
}
