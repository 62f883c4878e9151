package supay

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// maxPage is the largest amount of a bridge page, in cents: Number(8,2).
const maxPage = 999_999_99

// bridge is an account at the bridge.
type bridge struct{ base, id, key string }

// token signs parameters, given as name=value in the order that the call documents.
func (b *bridge) token(pairs ...string) string {
	return wire.MD5("merchant_id=" + b.id + "&authentication_code=" + b.key + "&" + strings.Join(pairs, "&"))
}

// noticeToken is the token of a notice.
func (b *bridge) noticeToken(noticeID, no string) string {
	return wire.MD5("notice_id=" + noticeID + "&merchant_trade_no=" + no + "&authentication_code=" + b.key)
}

// crossing returns the bridge, or says what is missing.
func (c *client) crossing(op string) (*bridge, error) {
	if c.bridge == nil {
		return nil, provider.Errorf(provider.NotSupported, op, "alipay goes over Supay's bridge: set providers.supay.bridge_id and bridge_key")
	}
	return c.bridge, nil
}

// page is the URL that the shopper's browser opens. It is made of what is frozen in
// the create alone, so it is the same however often it is made.
func (c *client) page(op string, in provider.Create) (provider.Created, error) {
	b, err := c.crossing(op)
	switch {
	case err != nil:
		return provider.Created{}, err
	case in.Total.Amount > maxPage:
		return provider.Created{}, provider.Errorf(provider.NotSupported, op, "an alipay page of Supay takes at most 999999.99 AUD")
	}
	total := in.Total.Decimal()
	v := url.Values{
		"merchant_id": {b.id}, "merchant_trade_no": {in.No}, "product_title": {in.Body}, "currency": {aud}, "total_amount": {total},
		"create_time": {in.TimeCreate.UTC().Format(time.DateTime)}, "notification_url": {in.NotifyURL}, "mobile_flag": {"T"},
		"token": {b.token("merchant_trade_no="+in.No, "total_amount="+total)},
	}
	if in.RedirectURL != "" {
		v.Set("return_url", in.RedirectURL)
	}
	return provider.Created{URL: b.base + "merchant_request?" + v.Encode()}, nil
}

// get asks the bridge once, also if the GET changes something.
func (c *client) get(ctx context.Context, op, call string, v url.Values, changes bool) (wire.Reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.bridge.base+call+"?"+v.Encode(), nil)
	if err != nil {
		return wire.Reply{}, provider.Errorf(provider.NotSent, op, "no request can be made for bridge_base_url")
	}
	if changes {
		wire.Once(req)
	}
	return c.do(op, req)
}

// queryBridge asks about a page's trade. There is none until the page is opened, and
// how the bridge says so is not known: a plain no to the question means that.
func (c *client) queryBridge(ctx context.Context, op string, t provider.Trade) (payment.Report, error) {
	b, err := c.crossing(op)
	if err != nil {
		return payment.Report{}, err
	}
	reply, err := c.get(ctx, op, c.names[bridgeQuery], url.Values{
		"merchant_id": {b.id}, "merchant_trade_no": {t.No}, "token": {b.token("merchant_trade_no=" + t.No)},
	}, false)
	if err != nil {
		return payment.Report{}, err
	}
	got, err := flat(op, reply)
	switch {
	case err != nil:
		return payment.Report{}, err
	case got["query_success"] != "T":
		err := refusal(op, got["reason"], "bridge_id and bridge_key", false)
		if got["query_success"] == "F" && provider.KindOf(err) == provider.Unknown && !wire.SpeaksOfTrouble.MatchString(got["reason"]) {
			err = provider.Errorf(provider.NotFound, op, "%s", wire.Clip(cmp.Or(got["reason"], "no reason given")))
		}
		return payment.Report{}, err
	case !agrees(got["merchant_id"], b.id):
		return payment.Report{}, provider.Errorf(provider.Unknown, op, "the answer speaks for another account")
	}
	return c.report(op, onBridge, got, t)
}

// refundBridge asks for a refund. What is neither a plain yes nor a plain no leaves
// open whether money went back.
func (c *client) refundBridge(ctx context.Context, op string, r provider.Refund) (payment.RefundReport, error) {
	b, err := c.crossing(op)
	if err != nil {
		return payment.RefundReport{}, err
	}
	fee := r.Fee.Decimal()
	reply, err := c.get(ctx, op, "refund", url.Values{
		"merchant_id": {b.id}, "merchant_trade_no": {r.OutRefundNo}, "org_merchant_trade_no": {r.No}, "total_amount": {fee},
		"token": {b.token("merchant_trade_no="+r.OutRefundNo, "org_merchant_trade_no="+r.No, "total_amount="+fee)},
	}, true)
	if err != nil {
		return payment.RefundReport{}, err
	}
	got, err := flat(op, reply)
	word := got[c.names[bridgeDone]]
	status := cmp.Or(c.refundStates[word], bridgeRefunds[word])
	switch {
	case err != nil:
		return payment.RefundReport{}, err
	case status == payment.RefundClosed || status == payment.RefundAbnormal:
		return payment.RefundReport{}, refusal(op, got["reason"], "bridge_id and bridge_key", true)
	case status != payment.RefundSuccess: // one under way could not be asked about
		return payment.RefundReport{}, provider.Errorf(provider.Unknown, op, "the answer does not say what became of the refund")
	}
	return payment.RefundReport{Status: status, Word: wire.Clip(word), No: r.No, OutRefundNo: r.OutRefundNo, Fee: r.Fee}, nil
}

// disowned reports that the bridge says of a notice that it did not send it. An
// answer that does not come, or says nothing, is no reason to lose a notice.
func (c *client) disowned(ctx context.Context, op, noticeID, no string) bool {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	reply, err := c.get(ctx, op, "notification_verification", url.Values{"notice_id": {noticeID}, "merchant_trade_no": {no}}, false)
	if err != nil {
		return false
	}
	word := string(bytes.TrimSpace(reply.Body)) // plain, or JSON
	if got, err := wire.Flat(reply.Body); err == nil {
		word = got["result"]
	}
	return word != "SUCCESS" && word != "" && strings.Trim(word, upper) == ""
}

const (
	checkTime = 3 * time.Second // of the time that a notice has
	upper     = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
)
