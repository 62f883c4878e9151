package payment

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// As in the contract, section 2.
const (
	orderMembers = "merchant out_trade_no provider sp_trade_no transaction_id trade_state pay_method total_fee fee_type settlement_fee settlement_fee_type " +
		"refunded_fee refunded_fee_type body attach time_create time_expire time_paid flags refunds"
	refundMembers  = "out_refund_no refund_id refund_fee refund_fee_type status time_create time_success"
	paymentMembers = "timeStamp nonceStr package signType paySign"
)

func members(list string) []string { return slices.Sorted(strings.FieldsSeq(list)) }

// Every member is always there, whatever the order holds.
func TestViewMembers(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]*Order{"zero": {}, "new": newOrder(), "paid": captured(t), "everything": filled(t)} {
		if diff := cmp.Diff(members(orderMembers), keys(t, o.View())); diff != "" {
			t.Errorf("%s: an order's members:\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(members(refundMembers), keys(t, new(Refund).View())); diff != "" {
		t.Errorf("a refund's members:\n%s", diff)
	}
	if diff := cmp.Diff(members(paymentMembers), keys(t, PayParams{})); diff != "" {
		t.Errorf("a payment's members:\n%s", diff)
	}
}

// Empty is "", 0 and [], never null.
func TestViewOfNothing(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(new(Order).View())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"merchant":"","out_trade_no":"","provider":"","sp_trade_no":"","transaction_id":"","trade_state":"","pay_method":"",` +
		`"total_fee":0,"fee_type":"","settlement_fee":0,"settlement_fee_type":"","refunded_fee":0,"refunded_fee_type":"","body":"","attach":"",` +
		`"time_create":"","time_expire":"","time_paid":"","flags":[],"refunds":[]}`
	if diff := cmp.Diff(want, string(raw)); diff != "" {
		t.Error(diff)
	}
}

func TestView(t *testing.T) {
	t.Parallel()
	o, r := opened(t), paid()
	o.TimeCreate, o.TimeExpire = o.TimeCreate.In(time.FixedZone("GMT+8", 8*60*60)), o.TimeExpire.Add(123*time.Millisecond)
	o.Attach = "table 4"
	r.Settlement = Money{10_000, "CNY"}
	apply(t, o, r, t0)
	reserve(t, o, "R1", 300)
	if _, err := o.ApplyRefund(o.OutTradeNo, RefundReport{Status: RefundSuccess, OutRefundNo: "R1", RefundID: "9001", SucceededAt: t0.Add(2 * time.Hour)}, t0); err != nil {
		t.Fatal(err)
	}
	reserve(t, o, "R2", 200)
	o.Flag(NumberConflict, t0)
	want := View{
		Merchant: "default", OutTradeNo: "T20251123", Provider: "yaband", SpTradeNo: testSp, TransactionID: testWx,
		TradeState: TradeRefund, PayMethod: WeChat, TotalFee: 1299, FeeType: "EUR", SettlementFee: 10_000, SettlementFeeType: "CNY",
		RefundedFee: 300, RefundedFeeType: "EUR", Body: "tea", Attach: "table 4",
		TimeCreate: "2025-11-23T08:00:00Z", TimeExpire: "2025-11-23T10:00:00Z", TimePaid: "2025-11-23T08:00:30Z",
		Flags: []Flag{NumberConflict}, Refunds: []RefundView{
			{"R1", "9001", 300, "EUR", RefundSuccess, "2025-11-23T09:00:00Z", "2025-11-23T10:00:00Z"},
			{"R2", "", 200, "EUR", RefundProcessing, "2025-11-23T09:00:00Z", ""},
		},
	}
	if diff := cmp.Diff(want, o.View()); diff != "" {
		t.Error(diff)
	}
	o.View().Flags[0] = "changed"
	hasFlags(t, o, NumberConflict)
}

// Only these members of an order leave: no openid, claim, address, lease, reason,
// and nothing of a member that is added later, until it is listed here.
func TestViewShowsNothingElse(t *testing.T) {
	t.Parallel()
	public := []string{
		"order.Merchant", "order.OutTradeNo", "order.TradeState", "order.Total.Currency", "order.Body", "order.Attach", "order.Flags[]",
		"order.Attempts[].Provider", "order.Attempts[].Method", "order.Attempts[].SpTradeNo", "order.Attempts[].TransactionID",
		"order.Attempts[].Settlement.Currency",
		"order.Refunds[].OutRefundNo", "order.Refunds[].RefundID", "order.Refunds[].Fee.Currency", "order.Refunds[].Status",
	}
	o := filled(t)
	o.PaidBy = o.Attempts[0].No
	raw, err := json.Marshal(o.View())
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, text := range strings.Split(string(raw), `"`) {
		if strings.HasPrefix(text, "order.") && !slices.Contains(shown, text) {
			shown = append(shown, text)
		}
	}
	slices.Sort(public)
	slices.Sort(shown)
	if diff := cmp.Diff(public, shown); diff != "" {
		t.Errorf("what an order shows:\n%s", diff)
	}
	if strings.Contains(string(raw), o.OpenID) || strings.Contains(string(raw), o.Claim) {
		t.Errorf("a view holds the openid or the claim: %s", raw)
	}
}
