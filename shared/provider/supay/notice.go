package supay

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

const opNotice = "supay: notice"

// Notice reads what the gateway posts as a form, and the GETs of the bridge. A
// notice of the bridge is held against the bridge itself, where that answers.
func (c *client) Notice(ctx context.Context, in provider.Inbound) (provider.Notice, error) {
	raw, read := string(in.Body), func(members map[string]string) (provider.Notice, error) { return c.posted(members) }
	if in.Method == http.MethodGet {
		raw, read = in.Query, func(members map[string]string) (provider.Notice, error) { return c.rung(ctx, members) }
	}
	members, err := form(raw)
	if err != nil {
		return provider.Notice{}, provider.Errorf(provider.Malformed, opNotice, "%w", err)
	}
	n, err := read(members)
	if err != nil {
		return provider.Notice{}, err
	}
	n.Public = public(members)
	return n, nil
}

// Ack satisfies both sides; see the package comment.
func (c *client) Ack() provider.Reply {
	return provider.Reply{Status: http.StatusOK, ContentType: "text/plain", Body: "success"}
}

// posted verifies and translates a notice of the gateway.
func (c *client) posted(members map[string]string) (n provider.Notice, err error) {
	switch {
	case members["sign_type"] != "" && members["sign_type"] != "MD5":
		return n, provider.Errorf(provider.Forged, opNotice, "it is not signed with MD5")
	case !wire.Equal(c.sign(members), members["sign"]):
		return n, provider.Errorf(provider.Forged, opNotice, "the signature does not fit")
	}
	switch members["notify_type"] {
	case "trade_status_sync":
		n.Payment, err = c.told(members)
		n.Doorbell = n.Payment.No == "" || n.Payment.Total.IsZero() || ambiguous(members)
	case "refund_status_sync":
		var r payment.RefundReport
		r, err = c.toldRefund(members)
		n.Refund, n.Doorbell = &r, true
	default:
		n.Doorbell = true
	}
	if err != nil {
		return provider.Notice{}, provider.Errorf(provider.Malformed, opNotice, "the amount cannot be read")
	}
	return n, nil
}

// told is what a payment notice says. It states no currency: the account has one.
func (c *client) told(members map[string]string) (payment.Report, error) {
	total, err := stated(members["trade_amount"], members["currency"])
	word := members["trade_status"]
	return payment.Report{
		State: c.state(word), Word: wire.Clip(word), Account: c.mchid,
		No: members["outer_trade_no"], SpTradeNo: members["inner_trade_no"], Total: total,
	}, err
}

// toldRefund is what a refund notice says. Whether its numbers are the order's or
// the refund's is not known.
func (c *client) toldRefund(members map[string]string) (payment.RefundReport, error) {
	fee, err := stated(members["refund_amount"], members["currency"])
	word := members["refund_status"]
	return payment.RefundReport{Status: c.refundState(word), Word: wire.Clip(word), Account: c.mchid, Fee: fee}, err
}

// rung verifies a notice of the bridge, which only rings.
func (c *client) rung(ctx context.Context, members map[string]string) (n provider.Notice, err error) {
	id, no := members["notice_id"], members["merchant_trade_no"]
	switch {
	case id == "" || no == "":
		return n, provider.Errorf(provider.Malformed, opNotice, "notice_id or merchant_trade_no is missing")
	case c.bridge == nil:
		return n, provider.Errorf(provider.Forged, opNotice, "this account has no bridge")
	case !wire.Equal(c.bridge.noticeToken(id, no), members["token"]):
		return n, provider.Errorf(provider.Forged, opNotice, "the token does not fit")
	case c.disowned(ctx, opNotice, id, no):
		return n, provider.Errorf(provider.Forged, opNotice, "the bridge does not know it")
	}
	n.Doorbell, n.Payment.No = true, no
	return n, nil
}

// stated reads an amount; it is zero where none is stated.
func stated(decimal, currency string) (payment.Money, error) {
	if decimal == "" {
		return payment.Money{}, nil
	}
	return money(decimal, currency)
}

// form reads parameters that are there once each: of a doubled one the signer may
// have meant the other.
func form(raw string) (map[string]string, error) {
	v, err := url.ParseQuery(raw)
	if err != nil || len(v) == 0 {
		return nil, errors.New("the parameters cannot be read")
	}
	members := make(map[string]string, len(v))
	for name, values := range v {
		if len(values) > 1 {
			return nil, errors.New("a parameter is doubled")
		}
		members[name] = values[0]
	}
	return members, nil
}

// ambiguous reports that the signed text could be cut into other members with the
// same signature, because one of them holds the separator.
func ambiguous(members map[string]string) bool {
	for name, value := range members {
		if strings.Contains(name+value, "&") {
			return true
		}
	}
	return false
}

// keepable are the parameters of a notice that are kept: nothing personal, and not
// the signature, which could be sent again.
var keepable = []string{
	"notify_type", "inner_trade_no", "outer_trade_no", "trade_status", "trade_amount", "refund_status", "refund_amount",
	"currency", "notice_id", "merchant_trade_no",
}

func public(members map[string]string) []byte {
	kept := make(url.Values, len(keepable))
	for _, name := range keepable {
		if value, ok := members[name]; ok {
			kept.Set(name, value)
		}
	}
	return []byte(kept.Encode())
}
