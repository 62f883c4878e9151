package vrpay

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// Names of the calls in errors.
const (
	opCreate      = "vr: create"
	opQuery       = "vr: query"
	opRefund      = "vr: refund"
	opQueryRefund = "vr: query refund"
)

// answer is an answer, or one entry of a list in it: its members as text, nested
// ones as their JSON, and its result apart.
type answer struct {
	members    map[string]string
	code, said string
	status     int // HTTP; 0 of an entry
}

// call sends one request; a GET carries the form in its query. An error is that of
// the transport, or of the credentials; all else is the result code's to say.
func (p *Processor) call(ctx context.Context, op, method, path string, form url.Values) (answer, error) {
	a, err := p.exchange(ctx, op, method, path, form)
	if err == nil && a.code == "" {
		return answer{}, unknown(op, a)
	}
	return a, err
}

// transactions asks for the transaction report of a merchant's number. No result is
// promised beside its list.
func (p *Processor) transactions(ctx context.Context, no string) (answer, error) {
	a, err := p.exchange(ctx, opQuery, http.MethodGet, "/v1/query", url.Values{"merchantTransactionId": {no}})
	if err == nil && a.code == "" && a.members[p.names[payments]] == "" {
		return answer{}, unknown(opQuery, a)
	}
	return a, err
}

func unknown(op string, a answer) error {
	return provider.Errorf(provider.Unknown, op, "HTTP %d, and the answer is not the JSON that is known", a.status)
}

// exchange is a call whose answer need not have a result.
func (p *Processor) exchange(ctx context.Context, op, method, path string, form url.Values) (answer, error) {
	form.Set("entityId", p.entity)
	target, body := p.base+path, io.Reader(nil)
	if method == http.MethodGet {
		target += "?" + form.Encode()
	} else {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return answer{}, provider.Errorf(provider.NotSent, op, "the request cannot be made")
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	}
	reply, err := wire.Do(p.http, req, op)
	if err != nil {
		return answer{}, err
	}
	a, err := read(reply.Body)
	a.status = reply.Status
	switch {
	case reply.Status == http.StatusUnauthorized, reply.Status == http.StatusForbidden:
		return answer{}, p.refused(op, a, class{name: "authentication", kind: provider.Denied}, false)
	case err != nil:
		return answer{}, unknown(op, a)
	}
	return a, nil
}

// read decodes an answer or an entry.
func read(raw []byte) (answer, error) {
	members, err := wire.Flat(raw)
	if err != nil {
		return answer{}, err
	}
	result, _ := wire.Flat([]byte(members["result"])) // nil unless an object
	return answer{members: members, code: result["code"], said: result["description"]}, nil
}

// refused is the error of a call that ended in a class. A question's no says nothing
// about the payment, unless it is that there is none.
func (p *Processor) refused(op string, a answer, c class, question bool) error {
	kind, said := c.kind, wire.Clip(strings.ReplaceAll(a.said, p.token, "..."))
	switch {
	case kind == provider.Denied:
		said = "VR Payment refused the account (" + c.name + "); check providers.vr.entity_id, providers.vr.access_token and what VR Payment has enabled for them"
	case question && c.means == rejected && a.status == http.StatusNotFound:
		kind = provider.NotFound
	case question && kind == provider.Declined:
		kind = provider.Unknown
	case !question && kind == provider.NotFound:
		kind = provider.Declined
	}
	return &provider.Error{Kind: kind, Op: op, Code: wire.Clip(a.code), Message: said}
}

// byID asks about a payment or a refund by VR Payment's own number.
func (p *Processor) byID(ctx context.Context, op, id string) (answer, error) {
	a, err := p.call(ctx, op, http.MethodGet, "/v1/payments/"+url.PathEscape(id), url.Values{})
	if err != nil {
		return answer{}, err
	}
	c := classOf(a.code)
	switch {
	case a.code == noSession:
		return answer{}, provider.Errorf(provider.NotFound, op, "the payment's session has ended")
	case c.kind == provider.Busy, a.members["id"] == "":
		return answer{}, p.refused(op, a, c, true)
	case a.members["id"] != id:
		return answer{}, provider.Errorf(provider.Unknown, op, "the answer is about another payment")
	}
	return a, nil
}

// list returns the entries of a transaction report. A report of one payment may be that payment.
func (a answer) list(name string) ([]answer, error) {
	switch {
	case a.members[name] != "":
	case a.members["id"] != "":
		return []answer{a}, nil
	default:
		return nil, nil
	}
	var raw []json.RawMessage
	if err := json.Unmarshal([]byte(a.members[name]), &raw); err != nil {
		return nil, err
	}
	entries := make([]answer, len(raw))
	for i := range raw {
		var err error
		if entries[i], err = read(raw[i]); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// differs reports that an answer states a member, and not as it should be.
func (a answer) differs(name, want string) bool {
	return a.members[name] != "" && a.members[name] != want
}

// amount reads the amount that an answer states.
func (a answer) amount() (payment.Money, error) {
	return payment.ParseDecimal(a.members["amount"], a.members["currency"])
}

// costs reports that an answer states this amount, or none.
func (a answer) costs(want payment.Money) bool {
	if a.members["amount"] == "" {
		return true
	}
	got, err := a.amount()
	return err == nil && got == want
}

// decimal writes an amount as VR Payment wants it in every currency: up to ten
// digits, a dot, two digits. ok is false where that cannot be exact.
func decimal(m payment.Money) (text string, ok bool) {
	whole, fraction, _ := strings.Cut(m.Decimal(), ".")
	fraction += "00"
	return whole + "." + fraction[:2], len(whole) <= 10 && strings.Trim(fraction[2:], "0") == ""
}
