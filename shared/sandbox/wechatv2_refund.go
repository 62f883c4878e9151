package sandbox

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// refund books a refund once per out_refund_no. It is under way until the sandbox
// settles it.
func (w *weChatV2) refund(asked map[string]string) (map[string]string, error) {
	fee, err := strconv.ParseInt(asked["refund_fee"], 10, 64)
	if err != nil || fee <= 0 || len(asked["out_refund_no"]) > 64 || len([]rune(asked["refund_desc"])) > 80 {
		return nil, wx2No{"PARAM_ERROR", "out_refund_no, refund_desc or refund_fee"}
	}
	if t, i := w.refunded("out_refund_no", asked["out_refund_no"]); i >= 0 && !wx2Named(asked)(t) {
		return nil, wx2No{"OUT_REFUND_NO_USED", "another order's"}
	}
	t, err := w.Ledger.Update(w.name, wx2Named(asked), func(t *Trade) error { return w.book(t, asked, fee) })
	switch {
	case errors.Is(err, ErrNoTrade):
		return nil, wx2NoOrder
	case err != nil:
		return nil, err
	}
	i := slices.IndexFunc(t.Refunds, func(r Refund) bool { return r.No == asked["out_refund_no"] })
	return map[string]string{
		"transaction_id": t.TransactionID, "out_trade_no": t.No, "out_refund_no": t.Refunds[i].No, "refund_id": t.Refunds[i].ID,
		"refund_fee": strconv.FormatInt(fee, 10), "total_fee": asked["total_fee"], "fee_type": t.Currency,
		"cash_fee": asked["total_fee"], "cash_fee_type": "CNY",
	}, nil
}

// book adds a refund to a trade, unless it is there.
func (w *weChatV2) book(t *Trade, asked map[string]string, fee int64) error {
	i := slices.IndexFunc(t.Refunds, func(r Refund) bool { return r.No == asked["out_refund_no"] })
	switch {
	case asked["total_fee"] != strconv.FormatInt(t.Amount, 10), cmp.Or(asked["refund_fee_type"], t.Currency) != t.Currency:
		return wx2No{"REFUND_FEE_MISMATCH", "订单金额或退款金额与之前请求不一致"}
	case i >= 0 && t.Refunds[i].Amount != fee:
		return wx2No{"REFUND_FEE_MISMATCH", "订单金额或退款金额与之前请求不一致"}
	case i >= 0:
		return nil
	case t.State != Paid:
		return wx2No{"PARAM_ERROR", "the order is not paid"}
	case len(t.Refunds) >= 50 || w.Now().After(t.PaidAt.AddDate(1, 0, 0)):
		return wx2No{"TRADE_OVERDUE", "订单已经超过退款期限"}
	case t.Refunded()+fee > t.Amount:
		return wx2No{"PARAM_ERROR", "the refund is more than what is left"}
	}
	sum := sha256.Sum256([]byte(w.Nonce()))
	t.Refunds = append(t.Refunds, Refund{
		No: asked["out_refund_no"], ID: fmt.Sprintf("5030%025d", binary.BigEndian.Uint64(sum[:])), Amount: fee, Currency: t.Currency,
		Status: "PROCESSING", NotifyURL: asked["notify_url"], Created: w.Now(),
	})
	return nil
}

// wx2RefundNo is the merchant's number of a refund; one from WeChat's own desk goes
// by WeChat's.
func wx2RefundNo(r Refund) string { return cmp.Or(r.No, r.ID) }

// refunded finds a refund by a number; -1: none.
func (w *weChatV2) refunded(member, no string) (Trade, int) {
	at := -1
	t, _ := w.Ledger.Find(w.name, func(t Trade) bool {
		at = slices.IndexFunc(t.Refunds, func(r Refund) bool {
			return member == "refund_id" && r.ID == no || member == "out_refund_no" && wx2RefundNo(r) == no
		})
		return at >= 0
	})
	return t, at
}

// queryRefund answers with one refund, or with up to ten of an order, indexed from 0.
func (w *weChatV2) queryRefund(asked map[string]string) (map[string]string, error) {
	t, refunds := Trade{}, []Refund(nil)
	for _, member := range []string{"out_refund_no", "refund_id"} {
		if no := asked[member]; no != "" {
			found, i := w.refunded(member, no)
			if i < 0 {
				return nil, wx2NoRefund
			}
			t, refunds = found, found.Refunds[i:i+1]
		}
	}
	if refunds == nil {
		found, err := w.Ledger.Find(w.name, wx2Named(asked))
		offset, _ := strconv.Atoi(asked["offset"])
		if err != nil || offset < 0 || offset >= len(found.Refunds) {
			return nil, wx2NoRefund
		}
		t, refunds = found, found.Refunds[offset:min(offset+10, len(found.Refunds))]
	}
	said := map[string]string{
		"transaction_id": t.TransactionID, "out_trade_no": t.No, "total_fee": strconv.FormatInt(t.Amount, 10), "fee_type": t.Currency,
		"refund_count": strconv.Itoa(len(refunds)), "total_refund_count": strconv.Itoa(len(t.Refunds)),
	}
	for i, r := range refunds {
		at := "_" + strconv.Itoa(i)
		said["out_refund_no"+at], said["refund_id"+at], said["refund_channel"+at] = wx2RefundNo(r), r.ID, "ORIGINAL"
		said["refund_fee"+at], said["refund_status"+at] = strconv.FormatInt(r.Amount, 10), r.Status
		said["refund_recv_accout"+at] = "支付用户零钱"
		if r.Status == "SUCCESS" {
			said["refund_success_time"+at] = r.Created.In(wx2Zone).Format("2006-01-02 15:04:05")
		}
	}
	return said, nil
}

// refundNotice is what req_info holds.
func (w *weChatV2) refundNotice(t Trade, r Refund) map[string]string {
	return map[string]string{
		"transaction_id": t.TransactionID, "out_trade_no": t.No, "refund_id": r.ID, "out_refund_no": wx2RefundNo(r),
		"total_fee": strconv.FormatInt(t.Amount, 10), "refund_fee": strconv.FormatInt(r.Amount, 10),
		"settlement_total_fee": strconv.FormatInt(t.Amount, 10), "settlement_refund_fee": strconv.FormatInt(r.Amount, 10),
		"refund_status": r.Status, "success_time": r.Created.In(wx2Zone).Format("2006-01-02 15:04:05"),
		"refund_recv_accout": "支付用户零钱", "refund_account": "REFUND_SOURCE_UNSETTLED_FUNDS", "refund_request_source": "API",
	}
}
