package twopaynow

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// Names of the calls in errors.
const (
	opCreate      = "2paynow: create"
	opQuery       = "2paynow: query"
	opRefund      = "2paynow: refund"
	opQueryRefund = "2paynow: query refund"
	opNotice      = "2paynow: notice"
)

// answer is the JSON object of an answer, numbers as they were written: status,
// error_info, function, timestamp, sign, trade_no and what the function adds.
type answer map[string]string

// call asks 2PayNow once; changes tells a create or a refund from a question. The
// answer it returns has status 200 and is this function's.
func (p *Processor) call(ctx context.Context, op, function string, v url.Values, changes bool) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.api+"?"+p.signed(function, v).Encode(), nil)
	if err != nil {
		return nil, provider.Errorf(provider.NotSent, op, "the request cannot be made")
	}
	req.Header.Set("Accept", "application/json")
	if changes {
		wire.Once(req)
	}
	reply, err := wire.Do(p.http, req, op)
	if err != nil {
		return nil, err
	}
	flat, err := wire.Flat(reply.Body)
	a := answer(flat)
	switch {
	case err != nil, a["status"] == "":
		return nil, provider.Errorf(provider.Unknown, op, "HTTP %d, and the answer is not the JSON that is known", reply.Status)
	case a["status"] != "200":
		return nil, failure(op, a, changes)
	case reply.Status != http.StatusOK, a.differs("function", function), a.differs("mid", p.mid):
		return nil, provider.Errorf(provider.Unknown, op, "the answer is not this call's")
	}
	p.check(op, a)
	return a, nil
}

// differs reports that an answer states a member, and not as it should be.
func (a answer) differs(name, want string) bool { return a[name] != "" && a[name] != want }

// check counts an answer whose signature does not fit. That answers are signed
// like requests is an assumption, so nothing is refused for it.
func (p *Processor) check(op string, a answer) {
	if a["sign"] == "" || a["function"] == "" || a["timestamp"] == "" {
		return
	}
	if !wire.Equal(sign(a["function"], p.mid, a["timestamp"], p.key), a["sign"]) {
		p.counted("answer_signature", op)
	}
}

// failure is the error of an answer whose status is not 200. Only "mid not exist"
// (403) is known; the rest is read as HTTP would. A no to a question says nothing
// about the trade, and stays unknown.
func failure(op string, a answer, changes bool) error {
	kind, said := provider.Unknown, wire.Clip(a["error_info"])
	code, _ := strconv.Atoi(a["status"])
	switch {
	case !changes && (code == http.StatusNotFound || unknownTrade(said)):
		kind = provider.NotFound
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		kind = provider.Denied
		said = "2PayNow refused the account (" + said + "); check providers.2paynow.mchid and providers.2paynow.key"
	case code == http.StatusTooManyRequests:
		kind = provider.Busy
	case changes && code/100 == 4 && code != http.StatusRequestTimeout:
		kind = provider.Declined
	}
	return &provider.Error{Kind: kind, Op: op, Code: wire.Clip(a["status"]), Message: said}
}

// report translates the answer to a question that named the trade by asked.
func (p *Processor) report(op string, a answer, t provider.Trade, asked string) (payment.Report, error) {
	no, sp := a["merchant_trade_no"], a["trade_no"]
	if asked == t.No && sp == asked { // wap_query may echo what it was asked
		no, sp = sp, t.SpTradeNo
	}
	switch {
	case no != "" && no != t.No, asked != t.No && a.differs("trade_no", asked):
		return payment.Report{}, provider.Errorf(provider.Unknown, op, "the answer is about another trade")
	case a["trans_status"] == "":
		return payment.Report{}, provider.Errorf(provider.Unknown, op, "the answer does not say where the trade stands")
	}
	r := payment.Report{
		State: p.state(a["trans_status"]), Word: wire.Clip(a["trans_status"]), Account: a["mid"],
		No: no, SpTradeNo: sp, TransactionID: a["original_trade_no"],
	}
	if strings.Trim(a["refund_amount"], "0.") != "" {
		r.State = payment.Refunded
	}
	if r.State != payment.Paid && r.State != payment.Refunded {
		return r, nil
	}
	var err error
	if r.Total, err = payment.ParseDecimal(a["amount"], a["currency"]); err == nil && r.State == payment.Refunded {
		r.Refunded, err = payment.ParseDecimal(a["refund_amount"], a["currency"])
	}
	if err != nil {
		return payment.Report{}, provider.Errorf(provider.Unknown, op, "the answer's amounts cannot be read")
	}
	return r, nil
}

// payParams finds what wx.requestPayment takes: at the top, or in whichever member
// holds it, as an object or as its text. Nil if nowhere complete.
func (a answer) payParams() *payment.PayParams {
	for _, name := range append([]string{""}, slices.Sorted(maps.Keys(a))...) {
		from := map[string]string(a)
		if name != "" {
			from, _ = wire.Flat([]byte(a[name])) // nil unless an object
		}
		if p := wire.PayParams(from, "package"); p != nil {
			return p
		}
	}
	return nil
}
