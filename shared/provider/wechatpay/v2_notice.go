package wechatpay

import (
	"context"
	"encoding/json"
	"maps"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// Notice verifies and translates what WeChat posts. A payment's notice is signed
// over all its members, so it is no doorbell, unless it says too little or could be
// read in two ways. A refund's is encrypted but not signed, and only rings.
func (p *v2) Notice(_ context.Context, in provider.Inbound) (provider.Notice, error) {
	op := p.name + ": notice"
	m, err := v2Read(in.Body, "xml")
	switch {
	case err != nil:
		return provider.Notice{}, provider.Errorf(provider.Malformed, op, "%w", err)
	case m["req_info"] != "":
		return p.refundNotice(op, m)
	case !p.genuine(m):
		return provider.Notice{}, provider.Errorf(provider.Forged, op, "the signature does not fit")
	}
	return p.paymentNotice(m), nil
}

// paymentNotice translates a genuine notice. A shopper whose payment failed may try
// again, so that is pending.
func (p *v2) paymentNotice(m map[string]string) provider.Notice {
	word := m["result_code"]
	if word == "FAIL" {
		word = "PAYERROR"
	}
	n := provider.Notice{Payment: p.report(m, word), Public: v2Public(m)}
	r := n.Payment
	whole := m["return_code"] == "SUCCESS" && r.Account != "" && r.No != "" &&
		(r.State != payment.Paid || !r.Total.IsZero() && r.TransactionID != "")
	n.Doorbell = !whole || !p.owns(p.set.AppID, m["appid"], m["sub_appid"]) || ambiguous(m)
	return n
}

// refundNotice translates the notice of a refund. It holds no currency, so it
// states no amount.
func (p *v2) refundNotice(op string, m map[string]string) (provider.Notice, error) {
	plain, err := v2Decrypt(p.set.Key, m["req_info"])
	if err != nil {
		return provider.Notice{}, provider.Errorf(provider.Forged, op, "%w", err)
	}
	said, err := v2Read(plain, "root")
	if err != nil { // the padding of noise fits once in 256 times
		return provider.Notice{}, provider.Errorf(provider.Forged, op, "%w", errReqInfo)
	}
	for _, name := range []string{"appid", "mch_id", "sub_appid", "sub_mch_id"} {
		said[name] = m[name]
	}
	r := v2RefundReport(said, "", "")
	r.Status = p.refundState(v2RefundStates, r.Word)
	return provider.Notice{
		Doorbell: true, Payment: payment.Report{No: r.No}, Refund: &r, Public: v2Public(said),
	}, nil
}

// v2Public is a message without what is personal or proves who sent it, as flat JSON.
func v2Public(m map[string]string) []byte {
	kept := maps.Clone(m)
	for _, name := range append([]string{"sign", "nonce_str", "refund_recv_accout"}, personal...) {
		delete(kept, name)
	}
	maps.DeleteFunc(kept, func(_, value string) bool { return value == "" })
	raw, _ := json.Marshal(kept) // a map of texts always encodes
	return raw
}
