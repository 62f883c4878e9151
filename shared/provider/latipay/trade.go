package latipay

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// Create makes an order. It must not be repeated before a query has said that the
// order does not exist: what Latipay does with a number it knows is not documented.
func (c *client) Create(ctx context.Context, in provider.Create) (provider.Created, error) {
	const op = "latipay: create"
	word := cmp.Or(c.Words[in.Method], words[in.Method])
	members := map[string]string{
		"wallet_id": c.Wallets[in.Total.Currency], "amount": in.Total.Decimal(),
		"merchant_reference": in.No, "product_name": in.Body, "payment_method": word,
	}
	switch {
	case in.Method != payment.WeChat && word == "":
		return provider.Created{}, provider.Errorf(provider.NotSupported, op, "no pay method %q", in.Method)
	case c.Takes(in.Total.Currency) != nil:
		return provider.Created{}, c.Takes(in.Total.Currency)
	case in.Method == payment.WeChat:
		return c.mini(ctx, op, in, members)
	}
	return c.page(ctx, op, in, members)
}

// Takes refuses a currency that no wallet is in.
func (c *client) Takes(currency string) error {
	if c.Wallets[currency] == "" {
		return provider.Errorf(provider.NotSupported, "latipay: create", "providers.latipay.wallets has none for %q", currency)
	}
	return nil
}

// mini makes an order inside the mini-program.
func (c *client) mini(ctx context.Context, op string, in provider.Create, members map[string]string) (made provider.Created, err error) {
	if in.AppID == "" || in.OpenID == "" {
		return made, provider.Errorf(provider.Declined, op, "wechat needs the mini-program's appid and the payer's openid")
	}
	members["app_id"], members["open_id"], members["notify_url"] = in.AppID, in.OpenID, in.NotifyURL
	got, err := c.post(ctx, op, "/v2/miniapppay", members)
	if err != nil {
		return made, err
	}
	pay, _ := wire.Flat([]byte(got["payment"]))
	p := wire.PayParams(pay, "packageStr")
	data, _ := wire.Flat([]byte(got["paydata"])) // all that is read of it is told by a query too
	if p == nil {
		return made, provider.Errorf(provider.Unknown, op, "the answer lacks parameters for wx.requestPayment")
	}
	if s := data["signature"]; s != "" && !wire.Equal(c.sign(data), s) {
		c.counted("answer_signature", op)
	}
	total, err := payment.ParseDecimal(cmp.Or(data["amount"], in.Total.Decimal()), cmp.Or(data["currency"], in.Total.Currency))
	if err != nil || total != in.Total || cmp.Or(data["merchant_reference"], in.No) != in.No {
		return made, provider.Errorf(provider.Unknown, op, "the answer speaks of another order, amount or currency")
	}
	return provider.Created{SpTradeNo: data["order_id"], Payment: p}, nil
}

// page makes an order that is paid at Latipay's page.
func (c *client) page(ctx context.Context, op string, in provider.Create, members map[string]string) (provider.Created, error) {
	members["version"], members["ip"] = "2.0", ipv4(in.ClientIP)
	members["return_url"], members["callback_url"] = in.RedirectURL, in.NotifyURL
	got, err := c.post(ctx, op, "/v2/transaction", members)
	if err != nil {
		return provider.Created{}, err
	}
	if !wire.IsURL(got["host_url"]) || got["nonce"] == "" ||
		!wire.Equal(wire.HMAC(c.Key, got["nonce"]+got["host_url"]), got["signature"]) {
		return provider.Created{}, provider.Errorf(provider.Unknown, op, "the answer has no page to pay at, or its signature does not fit")
	}
	return provider.Created{URL: strings.TrimSuffix(got["host_url"], "/") + "/" + url.PathEscape(got["nonce"])}, nil
}

// ipv4 is the payer's address in the only form that Latipay has room for.
func ipv4(text string) string {
	if a, err := netip.ParseAddr(text); err == nil && a.Unmap().Is4() {
		return a.Unmap().String()
	}
	return "0.0.0.0"
}

// Query asks by the merchant's number.
func (c *client) Query(ctx context.Context, t provider.Trade) (payment.Report, error) {
	const op = "latipay: query"
	signed := url.Values{"user_id": {c.UserID}, "signature": {c.sign(map[string]string{"merchant_reference": t.No, "user_id": c.UserID})}}
	got, err := c.call(ctx, op, http.MethodGet, "/v2/transaction/"+url.PathEscape(t.No)+"?"+signed.Encode(), nil)
	if err != nil {
		return payment.Report{}, err
	}
	total, err := payment.ParseDecimal(got["amount"], got["currency"])
	fits := func(amount string) bool { return wire.Equal(c.signTrade(got, amount), got["signature"]) }
	switch {
	case !fits(got["amount"]) && !fits(total.Decimal()):
		return payment.Report{}, provider.Errorf(provider.Unknown, op, "the answer's signature does not fit")
	case got["merchant_reference"] != t.No, err != nil:
		return payment.Report{}, provider.Errorf(provider.Unknown, op, "the answer speaks of another order, or its amount cannot be read")
	}
	r := c.report(got, total)
	r.SpTradeNo = cmp.Or(got["order_id"], got["transaction_id"]) // unsigned, so not in report
	return r, nil
}

// states are Latipay's words for where a trade stands; answers know the first three.
var states = map[string]payment.ReportState{
	"pending": payment.Pending, "paid": payment.Paid, "failed": payment.Refused,
	"canceled": payment.Over, "rejected": payment.Refused,
	"cancel_or_fail": payment.Pending, // what a browser comes back with: no final word
}

// report translates what is said about a trade; a word that nobody knows is counted.
func (c *client) report(got map[string]string, total payment.Money) payment.Report {
	state, known := states[got["status"]]
	if !known {
		state = payment.Unmapped
		c.counted("unmapped", "latipay: status "+wire.Clip(got["status"]))
	}
	return payment.Report{State: state, Word: wire.Clip(got["status"]), No: got["merchant_reference"], Total: total}
}

// Refund gives money back. It must not be repeated after an unknown outcome.
func (c *client) Refund(ctx context.Context, r provider.Refund) (payment.RefundReport, error) {
	const op = "latipay: refund"
	switch {
	case r.Fee.Currency != r.Total.Currency:
		return payment.RefundReport{}, provider.Errorf(provider.NotSupported, op,
			"Latipay refunds in the order's currency %s only, not in %s; leave out providers.latipay.refund_currency", r.Total.Currency, r.Fee.Currency)
	case r.SpTradeNo == "":
		return payment.RefundReport{}, provider.Errorf(provider.NotSupported, op,
			"Latipay's order_id of this trade is not known; refund it in Latipay's portal")
	}
	if _, err := c.post(ctx, op, "/refund", map[string]string{
		"order_id": r.SpTradeNo, "refund_amount": r.Fee.Decimal(), "reference": r.OutRefundNo,
	}); err != nil {
		return payment.RefundReport{}, err
	}
	r.RefundID = r.OutRefundNo
	return c.QueryRefund(ctx, r)
}

// QueryRefund repeats what Refund was told: one that has a number was done then.
func (c *client) QueryRefund(_ context.Context, r provider.Refund) (payment.RefundReport, error) {
	if r.RefundID == "" {
		return payment.RefundReport{}, provider.Errorf(provider.NotSupported, "latipay: query refund", "only Latipay's portal can tell")
	}
	return payment.RefundReport{Status: payment.RefundSuccess, Word: "0", No: r.No, OutRefundNo: r.OutRefundNo,
		RefundID: r.RefundID, Fee: r.Fee}, nil
}
