package yaband

import (
	"maps"
	"strconv"
	"strings"

	"overseaspay/shared/provider/internal/wire"
)

// sign is the signature of a request: over its own members and those of data as
// one set, sorted by name (the original article sorts whole name=value texts,
// which is the same for every documented member).
func (r request) sign(key string) string {
	all := maps.Clone(r.Data)
	if all == nil {
		all = make(map[string]string, 3)
	}
	all["user"], all["method"], all["time"] = r.User, r.Method, strconv.FormatInt(r.Time, 10)
	return wire.HMAC(key, wire.Pairs(all, nil))
}

// genuine reports whether a notice's signature fits, with its empty members signed
// as "name=" or left out: senders do either.
func genuine(key, sign string, data map[string]string) bool {
	whole := wire.HMAC(key, wire.Pairs(data, nil))
	filled := wire.HMAC(key, wire.Pairs(data, func(_, value string) bool { return value != "" }))
	a, b := wire.Equal(whole, sign), wire.Equal(filled, sign)
	return a || b
}

// ambiguous reports that the signed text could be cut into other members with
// the same signature: values are signed raw, so a shopper's text that holds
// "&state=paid" reads like a member, and a member can be hidden at the end of the
// text before it. Such a notice must not move money.
func ambiguous(data map[string]string) bool {
	text := "&" + wire.Pairs(data, nil)
	for _, name := range decisive {
		seen := strings.Count(text, "&"+name+"=")
		if _, own := data[name]; own {
			seen-- // the member itself
		}
		if seen > 0 {
			return true
		}
	}
	return false
}

// decisive are the members that notices are believed in.
var decisive = []string{
	"type", "user", "order_id", "trade_id", "transaction_id", "amount", "currency", "state",
	"settlement_amount", "settlement_currency", "m_refund_id", "refund_id", "refund_amount", "refund_currency",
}
