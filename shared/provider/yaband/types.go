package yaband

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// request is the body of every call. Data has no empty members.
type request struct {
	User   string            `json:"user"`
	Sign   string            `json:"sign"`
	Method string            `json:"method"`
	Time   int64             `json:"time"` // unix seconds
	Data   map[string]string `json:"data"`
}

// answer opens the envelope {status, code, data, message} of every answer and
// returns the members of data. The documentation has code as text, clients have
// seen numbers, and data of a refusal may be anything: so it is read as text.
func answer(op string, body []byte) (map[string]string, error) {
	envelope, err := wire.Flat(body)
	if err != nil {
		return nil, provider.Errorf(provider.Unknown, op, "the answer is not the JSON that is documented")
	}
	switch envelope["status"] {
	case "true":
		data, err := wire.Flat([]byte(envelope["data"]))
		if err != nil {
			return nil, provider.Errorf(provider.Unknown, op, "the answer has no data")
		}
		return data, nil
	case "false":
		return nil, refusal(op, envelope["code"], envelope["message"])
	}
	return nil, provider.Errorf(provider.Unknown, op, "the answer has no status")
}

// report translates what an answer or a notice says about a trade. Its number at
// WeChat and the settled amount are believed of captured trades only: before that
// they may be provisional.
func (c *client) report(got map[string]string) (payment.Report, error) {
	total, err := money(got["amount"], got["currency"])
	if err != nil {
		return payment.Report{}, err
	}
	r := payment.Report{
		State: c.tradeState(got["state"]), Word: wire.Clip(got["state"]),
		Account: c.speaker(got["user"]), No: got["order_id"], SpTradeNo: got["trade_id"], Total: total,
	}
	if r.State != payment.Paid && r.State != payment.Refunded {
		return r, nil
	}
	r.TransactionID, r.PaidAt = got["transaction_id"], unix(got["paid_time"])
	settled, err := money(got["settlement_amount"], got["settlement_currency"])
	if err == nil && settled.Currency != total.Currency {
		r.Settlement = settled
	}
	return r, nil
}

// refundReport translates what an answer or a notice says about a refund.
func (c *client) refundReport(got map[string]string) (payment.RefundReport, error) {
	fee, err := money(got["refund_amount"], got["refund_currency"])
	if err != nil {
		return payment.RefundReport{}, err
	}
	r := payment.RefundReport{
		Status: c.refundStatus(got["state"]), Word: wire.Clip(got["state"]), Account: c.speaker(got["user"]),
		No: got["order_id"], SpTradeNo: got["trade_id"], OutRefundNo: got["m_refund_id"], RefundID: got["refund_id"], Fee: fee,
	}
	if r.Status == payment.RefundSuccess {
		r.SucceededAt = unix(got["refund_time"])
	}
	return r, nil
}

// speaker is the account that an answer names. Accounts have a UID and an e-mail
// address, and the sources have either: one form says nothing about the other.
func (c *client) speaker(user string) string {
	if strings.Contains(user, "@") != strings.Contains(c.mchid, "@") {
		return ""
	}
	return user
}

var errAmount = errors.New("an amount or currency cannot be read")

// money reads an amount in major units; it is zero where amount or currency is not stated.
func money(amount, currency string) (payment.Money, error) {
	if amount == "" || currency == "" {
		return payment.Money{}, nil
	}
	m, err := payment.ParseDecimal(amount, strings.ToUpper(currency))
	if err != nil {
		return payment.Money{}, errAmount
	}
	return m, nil
}

// unix reads unix seconds; what is none is the zero time.
func unix(text string) time.Time {
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds <= 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// agrees reports that a member is what was asked, or is not stated.
func agrees(said, asked string) bool { return said == "" || said == asked }
