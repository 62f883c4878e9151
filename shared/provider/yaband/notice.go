package yaband

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// Notice verifies and translates {"sign","data"}. A genuine notice that says too
// little to be believed, or of a type that nobody knows, is a doorbell.
func (c *client) Notice(_ context.Context, in provider.Inbound) (provider.Notice, error) {
	const op = "yaband: notice"
	sign, data, err := open(in.Body)
	switch {
	case err != nil:
		return provider.Notice{}, provider.Errorf(provider.Malformed, op, "%w", err)
	case !genuine(c.key, sign, data):
		return provider.Notice{}, provider.Errorf(provider.Forged, op, "the signature does not fit")
	case c.speaker(data["user"]) != "" && data["user"] != c.mchid:
		return provider.Notice{}, provider.Errorf(provider.Forged, op, "it speaks for another account")
	}
	n, err := c.translate(data)
	if err != nil {
		return provider.Notice{}, provider.Errorf(provider.Malformed, op, "%w", err)
	}
	n.Doorbell = n.Doorbell || ambiguous(data)
	n.Public = public(data)
	return n, nil
}

// translate reads a genuine notice's members.
func (c *client) translate(data map[string]string) (n provider.Notice, err error) {
	switch data["type"] {
	case "payment":
		n.Payment, err = c.report(data)
		n.Doorbell = n.Payment.No == "" || n.Payment.Total.IsZero()
	case "refund":
		r, err := c.refundReport(data)
		if err != nil {
			return n, err
		}
		n.Refund = &r
		// One that was made at YabandPay's own desk has no number of ours.
		n.Doorbell = r.No == "" && r.SpTradeNo == "" || r.OutRefundNo == "" && r.RefundID == "" || r.Fee.IsZero()
	default:
		n.Doorbell = true
	}
	return n, err
}

// Ack is what YabandPay waits for.
func (c *client) Ack() provider.Reply {
	return provider.Reply{Status: http.StatusOK, ContentType: "text/plain", Body: "ok"}
}

// formField is the form member that older senders wrap the JSON in.
const formField = "resultData="

var errShape = errors.New("not the JSON that is documented")

// open takes a notice apart into its signature and the members that it covers.
func open(body []byte) (sign string, data map[string]string, err error) {
	body = bytes.TrimSpace(body)
	if form, ok := bytes.CutPrefix(body, []byte(formField)); ok {
		if body = form; len(form) > 0 && form[0] != '{' { // JSON that is not encoded must keep its '+'
			text, err := url.QueryUnescape(string(form))
			if err != nil {
				return "", nil, errShape
			}
			body = []byte(text)
		}
	}
	outer, err := object(body)
	if err != nil {
		return "", nil, err
	}
	if data, err = object([]byte(outer["data"])); err != nil {
		return "", nil, err
	}
	return outer["sign"], data, lift(data, "3ds")
}

// lift merges the members of a nested object into data, as card notices are
// signed. A member that is in both could be read in two ways.
func lift(data map[string]string, name string) error {
	raw := data[name]
	if raw == "" || raw[0] != '{' && raw != "[]" {
		return nil
	}
	delete(data, name)
	if raw == "[]" { // how PHP writes an empty one
		return nil
	}
	nested, err := object([]byte(raw))
	if err != nil {
		return err
	}
	for name, value := range nested {
		if _, taken := data[name]; taken {
			return errShape
		}
		data[name] = value
	}
	return nil
}

// object reads a JSON object whose members are all there once: of a doubled one
// the signer may have meant the other.
func object(raw []byte) (map[string]string, error) {
	members, err := wire.Flat(raw)
	if err != nil || members == nil {
		return nil, errShape
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if !unique(dec) {
		return nil, errors.New("a member is there twice")
	}
	return members, nil
}

// unique reports that the next value is complete and no object in it has two
// members of one name.
func unique(dec *json.Decoder) bool {
	token, err := dec.Token()
	if err != nil {
		return false
	}
	kind, nested := token.(json.Delim)
	if !nested {
		return true
	}
	seen := make(map[json.Token]bool)
	for dec.More() {
		if kind == '{' {
			name, err := dec.Token()
			if err != nil || seen[name] {
				return false
			}
			seen[name] = true
		}
		if !unique(dec) {
			return false
		}
	}
	_, err = dec.Token()
	return err == nil
}

// keepable are the members of a notice that hold nothing personal.
var keepable = map[string]bool{
	"type": true, "state": true, "order_id": true, "out_trade_no": true, "trade_id": true, "transaction_id": true,
	"yb_transaction_id": true, "acquirer_id": true, "amount": true, "tip_amount": true, "currency": true,
	"settlement_amount": true, "settlement_currency": true, "settlement_rate": true, "exchange_rate": true,
	"amount_cny": true, "merchant_cost": true, "pay_method": true, "sub_pay_method": true, "createDate": true,
	"paid_time": true, "m_refund_id": true, "refund_id": true, "refund_time": true, "refund_amount": true,
	"refund_currency": true, "settlement_refund_amount": true, "settlement_refund_currency": true,
}

// public is the notice to keep, as flat JSON without its signature: of other members only the name stays.
func public(data map[string]string) []byte {
	kept := make(map[string]string, len(data))
	for name, value := range data {
		if !keepable[name] && value != "" {
			value = "[removed]"
		}
		kept[name] = value
	}
	raw, _ := json.Marshal(kept) // a map of texts always encodes
	return raw
}
