package wechatpay

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"overseaspay/shared/provider"
)

// Notice verifies, decrypts and translates what WeChat posts. The signature covers
// the raw body, which holds order number and amount, so it is no doorbell; only
// a kind of event that is not known, or another appid, merely rings. One whose key
// cannot be had now may be genuine: it is Unknown, and must come again.
func (p *v3) Notice(ctx context.Context, in provider.Inbound) (provider.Notice, error) {
	op := p.name + ": notice"
	switch err := p.verify(ctx, in.Header, in.Body); {
	case errors.Is(err, errNotNow):
		return provider.Notice{}, provider.Errorf(provider.Unknown, op, "it cannot be verified now: %w", err)
	case err != nil:
		return provider.Notice{}, provider.Errorf(provider.Forged, op, "%w", err)
	}
	return p.unwrap(op, in.Body)
}

// unwrap decrypts and translates a body that has been verified.
func (p *v3) unwrap(op string, body []byte) (provider.Notice, error) {
	var envelope v3Notice
	if json.Unmarshal(body, &envelope) != nil {
		return provider.Notice{}, provider.Errorf(provider.Malformed, op, "not the JSON that is documented")
	}
	plain, err := envelope.Resource.open(p.aead)
	switch {
	case errors.Is(err, errDecrypt): // WeChat's, but for another merchant
		return provider.Notice{}, provider.Errorf(provider.Forged, op, "%w", err)
	case err != nil:
		return provider.Notice{}, provider.Errorf(provider.Malformed, op, "%w", err)
	}
	n, err := p.read(envelope.EventType, plain)
	if err != nil {
		return provider.Notice{}, provider.Errorf(provider.Malformed, op, "its resource is not the JSON that is documented")
	}
	return n, nil
}

// read translates a decrypted resource.
func (p *v3) read(event string, plain []byte) (n provider.Notice, err error) {
	if n.Public, err = public(plain); err != nil {
		return n, err
	}
	switch event {
	case "TRANSACTION.SUCCESS":
		var trade v3Trade
		if err = json.Unmarshal(plain, &trade); err == nil {
			n.Payment = p.report(trade)
			n.Doorbell = !p.owns(p.set.AppID, trade.AppID, trade.SpAppID, trade.SubAppID)
		}
	case "REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED":
		var refund v3Refund
		if err = json.Unmarshal(plain, &refund); err == nil {
			r := p.refundReport(refund, refund.RefundStatus)
			n.Refund = &r
		}
	default:
		n.Doorbell = true
		p.counted("wechatpay_unmapped", "event_type")
	}
	return n, err
}

// personal are the members of a resource that are not kept: who paid, from where,
// and which account a refund went to.
var personal = []string{"payer", "openid", "sp_openid", "sub_openid", "scene_info", "user_received_account", "recv_account"}

// public is a resource without its personal members.
func public(plain []byte) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(plain, &members); err != nil {
		return nil, err
	}
	if members == nil {
		return nil, errors.New("null")
	}
	for _, name := range personal {
		delete(members, name)
	}
	return json.Marshal(members)
}

// Ack is what ends WeChat's repeats: nothing on the mainland; overseas the body that
// the global guide asks for.
func (p *v3) Ack() provider.Reply {
	if p.system.overseas {
		return provider.Reply{
			Status: http.StatusOK, ContentType: "application/json",
			Body: `{"code":"SUCCESS","message":"成功"}`,
		}
	}
	return provider.Reply{Status: http.StatusNoContent}
}
