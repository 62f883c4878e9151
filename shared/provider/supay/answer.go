package supay

import (
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// do sends a request once. Refusals come as 2xx; what else speaks is not Supay's application.
func (c *client) do(op string, req *http.Request) (wire.Reply, error) {
	reply, err := wire.Do(c.http, req, op)
	if err == nil && reply.Status/100 != 2 {
		err = provider.Errorf(provider.Unknown, op, "HTTP %d", reply.Status)
	}
	return reply, err
}

// send sends a request once and returns the members of its JSON answer.
func (c *client) send(op string, req *http.Request) (map[string]string, error) {
	reply, err := c.do(op, req)
	if err != nil {
		return nil, err
	}
	return flat(op, reply)
}

func flat(op string, reply wire.Reply) (map[string]string, error) {
	members, err := wire.Flat(reply.Body)
	if err != nil {
		return nil, provider.Errorf(provider.Unknown, op, "the answer is not the JSON that is known")
	}
	return members, nil
}

// speaksOfCredentials tells a refusal of the account from others; no codes are known.
var speaksOfCredentials = regexp.MustCompile(`(?i)\b(sign|signature|token|authentication_code|mch_id|merchant_id)\b|签名|验签|商户号`)

// refusal is the error of an answer that says no. A no to a question says nothing
// about the trade, unless that it is not known; trouble leaves open what was done.
func refusal(op, said, members string, changes bool) error {
	switch {
	case speaksOfCredentials.MatchString(said): // its own words may quote what was signed
		return provider.Errorf(provider.Denied, op, "Supay refused our credentials: check providers.supay.%s", members)
	case !changes && wire.SpeaksOfAbsence.MatchString(said):
		return provider.Errorf(provider.NotFound, op, "%s", wire.Clip(said))
	case !changes || wire.SpeaksOfTrouble.MatchString(said):
		return provider.Errorf(provider.Unknown, op, "%s", wire.Clip(said))
	}
	return provider.Errorf(provider.Declined, op, "%s", wire.Clip(cmp.Or(said, "no reason given")))
}

// report translates the members of an answer about a trade, read by the names of
// one side. Paid without an amount that can be read is not paid yet.
func (c *client) report(op, side string, got map[string]string, t provider.Trade) (payment.Report, error) {
	read := func(name string) string { return got[c.names[side+name]] }
	if !agrees(read(outerNo), t.No) {
		return payment.Report{}, provider.Errorf(provider.Unknown, op, "the answer speaks of another order")
	}
	word := read(status)
	r := payment.Report{State: c.state(word), Word: wire.Clip(word), No: read(outerNo), SpTradeNo: read(innerNo)}
	if r.State != payment.Paid {
		return r, nil
	}
	total, err := money(read(amount), read(currency))
	if err != nil {
		c.counted("unmapped", "supay: paid, but the answer has no amount under names."+side+amount)
		r.State = payment.Unmapped
	}
	r.Total = total
	return r, nil
}

// money reads an amount: in AUD where no currency is stated, which may be in small letters.
func money(decimal, currency string) (payment.Money, error) {
	return payment.ParseDecimal(decimal, strings.ToUpper(cmp.Or(currency, aud)))
}

// pageURL finds a page's URL in pay_info: it may be the text itself, that text as
// JSON, or a member of an object. "" if there is none.
func pageURL(raw, member string) string {
	text := raw
	if m, err := wire.Flat([]byte(raw)); err == nil {
		text = m[member]
	} else if json.Unmarshal([]byte(raw), &text) != nil {
		text = strings.TrimSpace(raw)
	}
	if !wire.IsURL(text) {
		return ""
	}
	return text
}

// agrees reports that a member is what was asked, or is not stated.
func agrees(said, asked string) bool { return said == "" || said == asked }
