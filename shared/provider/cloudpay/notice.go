package cloudpay

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// window is how far the bridge's clock may be from ours.
const window = 300 * time.Second

// Notice verifies and translates an event that the bridge passes on. One that is
// not a payment's only rings.
func (c *client) Notice(_ context.Context, in provider.Inbound) (provider.Notice, error) {
	const op = "cloudpay: notice"
	stamp := in.Header.Get("X-Bridge-Timestamp")
	sent, err := strconv.ParseInt(stamp, 10, 64)
	genuine := wire.Equal(wire.HMAC(c.set.Key, stamp+"."+string(in.Body)), in.Header.Get("X-Bridge-Signature"))
	switch {
	case err != nil || !genuine:
		return provider.Notice{}, provider.Errorf(provider.Forged, op, "the bridge's signature does not fit")
	case c.now().Sub(time.Unix(sent, 0)).Abs() > window:
		return provider.Notice{}, provider.Errorf(provider.Forged, op, "the bridge signed it more than 300 s from now by our clock")
	}
	m, err := wire.Flat(in.Body)
	if err != nil || doubled(in.Body, len(m)) {
		return provider.Notice{}, provider.Errorf(provider.Malformed, op, "not the JSON that is documented")
	}
	if m["subMchId"] != c.set.SubMchID {
		return provider.Notice{}, provider.Errorf(provider.Forged, op, "it speaks for another merchant")
	}
	r, err := report(m, payment.Paid, m["resultCode"])
	if err != nil {
		return provider.Notice{}, provider.Errorf(provider.Malformed, op, "%w", err)
	}
	n := provider.Notice{Payment: r, Public: public(m)}
	if m["returnCode"] != "SUCCESS" || m["resultCode"] != "SUCCESS" || r.No == "" || r.TransactionID == "" || r.Total.IsZero() {
		n.Doorbell, n.Payment = true, payment.Report{Word: r.Word, Account: r.Account, No: r.No}
	}
	return n, nil
}

// doubled reports that this is no object, or has more members than names: of a
// doubled one the signer may have meant the other.
func doubled(object []byte, names int) bool {
	dec := json.NewDecoder(bytes.NewReader(object))
	if first, err := dec.Token(); err != nil || first != json.Delim('{') {
		return true
	}
	for dec.More() {
		var value json.RawMessage
		if _, err := dec.Token(); err != nil || dec.Decode(&value) != nil {
			return true
		}
		names--
	}
	return names != 0
}

// Ack is what the bridge waits for; it looks at the status only.
func (c *client) Ack() provider.Reply {
	return provider.Reply{Status: http.StatusOK, ContentType: "application/json", Body: `{"errcode":0,"errmsg":"SUCCESS"}`}
}

// keepable are the members of an event that hold nothing personal.
var keepable = map[string]bool{
	"returnCode": true, "returnMsg": true, "resultCode": true, "appid": true, "mchId": true, "subAppid": true, "subMchId": true,
	"tradeType": true, "tradeState": true, "bankType": true, "totalFee": true, "settlementTotalFee": true, "feeType": true,
	"cashFee": true, "cashFeeType": true, "couponFee": true, "rate": true, "transactionId": true, "outTradeNo": true, "timeEnd": true,
	"outRefundNo": true, "refundId": true, "refundFee": true, "refundStatus": true,
}

// public is the event to keep: of members that are not known to be harmless only
// the name stays.
func public(m map[string]string) []byte {
	kept := make(map[string]string, len(m))
	for name, value := range m {
		if !keepable[name] && value != "" {
			value = "[removed]"
		}
		kept[name] = value
	}
	raw, _ := json.Marshal(kept) // a map of texts always encodes
	return raw
}
