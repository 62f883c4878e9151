package sandbox

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"strconv"
)

// wx3RefundOrder is the body of a refund. Members that are not in it are refused.
type wx3RefundOrder struct {
	wx3IDs
	TransactionID string `json:"transaction_id"`
	OutTradeNo    string `json:"out_trade_no"`
	OutRefundNo   string `json:"out_refund_no"`
	Reason        string `json:"reason"`
	NotifyURL     string `json:"notify_url"`
	Amount        struct {
		Refund   int64  `json:"refund"`
		Total    int64  `json:"total"`
		Currency string `json:"currency"`
	} `json:"amount"`
}

// refund books a refund once per out_refund_no. It is under way until the sandbox
// settles it.
func (w *weChatV3) refund(c wx3Call) (any, error) {
	var o wx3RefundOrder
	if err := wx3Decode(c.body, &o); err != nil {
		return nil, err
	}
	own := w.own(o.wx3IDs)
	if !c.overseas {
		own = o.wx3IDs == wx3IDs{SubMchID: w.subMchid}
	}
	switch {
	case !own:
		return nil, wx3No{http.StatusForbidden, "NO_AUTH", "another merchant's", 0}
	case o.OutRefundNo == "" || len(o.OutRefundNo) > 64 || len([]rune(o.Reason)) > 80 || o.Amount.Refund <= 0:
		return nil, wx3Bad("out_refund_no, reason or amount")
	}
	if t, _, err := w.refunded(o.OutRefundNo); err == nil && t.No != o.OutTradeNo && t.TransactionID != o.TransactionID {
		return nil, wx3Changed
	}
	named := func(t Trade) bool {
		return o.OutTradeNo != "" && t.No == o.OutTradeNo || o.TransactionID != "" && t.TransactionID == o.TransactionID
	}
	t, err := w.Ledger.Update(w.name, named, func(t *Trade) error { return w.book(t, o, c.overseas) })
	switch {
	case errors.Is(err, ErrNoTrade):
		return nil, wx3NoOrder
	case err != nil:
		return nil, err
	}
	i := slices.IndexFunc(t.Refunds, func(r Refund) bool { return r.No == o.OutRefundNo })
	return w.refundSaid(t, t.Refunds[i], false), nil
}

// book adds a refund to a trade, unless it is there.
func (w *weChatV3) book(t *Trade, o wx3RefundOrder, overseas bool) error {
	i := slices.IndexFunc(t.Refunds, func(r Refund) bool { return r.No == o.OutRefundNo })
	switch {
	case o.Amount.Total != t.Amount || o.Amount.Currency != t.Currency:
		return wx3Bad("amount is not the order's")
	case i >= 0 && t.Refunds[i].Amount == o.Amount.Refund:
		return nil
	case i >= 0 && overseas:
		return wx3No{http.StatusForbidden, "OUT_REFUND_NO_USED", "the number was used with other parameters", 0}
	case i >= 0:
		return wx3Changed
	case t.State != Paid:
		return wx3Unpaid
	case t.Refunded()+o.Amount.Refund > t.Amount, len(t.Refunds) >= 50:
		return wx3Over
	}
	id := sha256.Sum256([]byte(w.Nonce()))
	t.Refunds = append(t.Refunds, Refund{
		No: o.OutRefundNo, ID: "50" + strconv.Itoa(int(id[0])) + w.Now().UTC().Format("20060102150405") + strconv.Itoa(int(id[1])<<16|int(id[2])<<8|int(id[3])),
		Amount: o.Amount.Refund, Currency: t.Currency, Status: "PROCESSING", NotifyURL: o.NotifyURL, Created: w.Now(),
	})
	return nil
}

// refunded finds a refund by the merchant's number, in whichever trade.
func (w *weChatV3) refunded(no string) (Trade, Refund, error) {
	var found Refund
	t, err := w.Ledger.Find(w.name, func(t Trade) bool {
		i := slices.IndexFunc(t.Refunds, func(r Refund) bool { return r.No == no && no != "" })
		if i >= 0 {
			found = t.Refunds[i]
		}
		return i >= 0
	})
	return t, found, err
}

func (w *weChatV3) queryRefund(c wx3Call) (any, error) {
	if c.overseas {
		if err := w.ownQuery(c); err != nil {
			return nil, err
		}
	} else if c.URL.Query().Get("sub_mchid") != w.subMchid {
		return nil, wx3No{http.StatusForbidden, "NO_AUTH", "another merchant's", 0}
	}
	t, r, err := w.refunded(c.PathValue("no"))
	if err != nil {
		return nil, wx3NoRefund
	}
	return w.refundSaid(t, r, false), nil
}

// refundSaid is what answers, or notices, say of a refund. A refund from the
// processor's own desk goes by WeChat's number alone.
func (w *weChatV3) refundSaid(t Trade, r Refund, notice bool) map[string]any {
	overseas := t.Extra["overseas"] != ""
	amount := map[string]any{"total": t.Amount, "refund": r.Amount, "payer_total": t.Amount, "payer_refund": r.Amount}
	if overseas || !notice {
		amount["currency"] = r.Currency
	}
	said := map[string]any{}
	if notice {
		said = w.names(t)
		delete(said, "appid")
	}
	said["out_trade_no"], said["transaction_id"], said["amount"] = t.No, t.TransactionID, amount
	said["out_refund_no"] = cmp.Or(r.No, r.ID)
	said[map[bool]string{true: "id", false: "refund_id"}[overseas && !notice]] = r.ID
	said[map[bool]string{true: "refund_status", false: "status"}[notice]] = r.Status
	said[map[bool]string{true: "recv_account", false: "user_received_account"}[overseas]] = "支付用户零钱"
	said["create_time"] = wx3Time(r.Created)
	if r.Status == "SUCCESS" {
		said["success_time"] = wx3Time(r.Created)
	}
	return said
}
