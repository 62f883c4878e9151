package sim

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"overseaspay/shared/payment"
)

// reply is what pay answers.
type reply struct {
	status  int // 0: no answer
	Order   payment.View
	Claim   string
	Payment *payment.PayParams
	URL     string
	Refund  *payment.RefundView
	Error   struct {
		Code      payment.Code
		Message   string
		Retryable bool
	}
}

// ask calls pay as a mini-program or the shop's server does.
func (w *World) ask(token, action string, in map[string]any) reply {
	in["action"] = action
	raw, _ := json.Marshal(in) // texts and numbers
	rec := &recorder{header: http.Header{}}
	lived := w.invoke("pay", action, 29*time.Second+grace, func(ctx context.Context, c *container) {
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, "https://pay.test/pay", strings.NewReader(string(raw)))
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		req.RemoteAddr = "192.0.2.7:4711"
		c.serve.ServeHTTP(rec, req)
	})
	if !lived {
		return reply{}
	}
	out := reply{}
	if err := json.Unmarshal(rec.body, &out); err != nil {
		w.violate("I12", "%s: the reply is no JSON", action)
	}
	out.status = rec.status
	w.trace.line("%s %s %v: %d %s %s", w.clock(), action, in["out_trade_no"], rec.status, out.Order.TradeState, out.Error.Code)
	if w.opt.Canaries {
		_, _ = w.logged.Write(rec.body)
	}
	return out
}

// again reports that a client would repeat the call.
func (r reply) again() bool { return r.status == 0 || r.status >= 500 || r.Error.Retryable }
