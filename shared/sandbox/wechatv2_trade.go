package sandbox

import (
	"cmp"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// wx2Time is how APIv2 writes times, on WeChat's clock.
const wx2Time = "20060102150405"

var wx2Zone = time.FixedZone("", 8*60*60)

// check says what is wrong with an order.
func (w *weChatV2) check(o map[string]string) error {
	total, err := strconv.ParseInt(o["total_fee"], 10, 64)
	_, notIP := netip.ParseAddr(o["spbill_create_ip"])
	payer := o["openid"] != "" && o["sub_openid"] == "" && o["sub_appid"] == ""
	if w.subMchid != "" {
		payer = o["sub_openid"] != "" && o["sub_appid"] != "" && o["openid"] == ""
	}
	switch {
	case o["version"] != "1.0":
		return wx2No{"PARAM_ERROR", "version"}
	case o["trade_type"] != "JSAPI" || !payer:
		return wx2No{"PARAM_ERROR", "trade_type, openid and appid do not go together"}
	case err != nil || total <= 0:
		return wx2No{"PARAM_ERROR", "total_fee"}
	case o["fee_type"] != "" && len(o["fee_type"]) != 3:
		return wx2No{"PARAM_ERROR", "fee_type"}
	case len(o["out_trade_no"]) < 6 || len(o["out_trade_no"]) > 32:
		return wx2No{"PARAM_ERROR", "out_trade_no has 6 to 32 characters"}
	case len([]rune(o["body"])) > 127 || len([]rune(o["attach"])) > 127:
		return wx2No{"PARAM_ERROR", "body and attach have up to 127 characters"}
	case notIP != nil:
		return wx2No{"PARAM_ERROR", "spbill_create_ip"}
	case len(o["notify_url"]) > 256 || strings.Contains(o["notify_url"], "?"):
		return wx2No{"PARAM_ERROR", "notify_url"}
	}
	for _, name := range []string{"time_start", "time_expire"} {
		if _, err := time.Parse(wx2Time, o[name]); err != nil && o[name] != "" {
			return wx2No{"PARAM_ERROR", name}
		}
	}
	return nil
}

// create books an order. The same order again is the same prepay_id.
func (w *weChatV2) create(o map[string]string) (map[string]string, error) {
	if err := w.check(o); err != nil {
		return nil, err
	}
	var request strings.Builder
	for _, name := range wx2Names(o) {
		if name != "nonce_str" && name != "sign" {
			request.WriteString(name + "=" + o[name] + "\n")
		}
	}
	total, _ := strconv.ParseInt(o["total_fee"], 10, 64) // checked above
	now := w.Now()
	expires := now.Add(7 * 24 * time.Hour)
	if said, err := time.ParseInLocation(wx2Time, o["time_expire"], wx2Zone); err == nil {
		expires = said
	}
	t, created := w.Ledger.Create(Trade{
		Processor: w.name, Account: w.account(), No: o["out_trade_no"], Method: "wechat",
		Amount: total, Currency: cmp.Or(o["fee_type"], "CNY"), Body: o["body"], Attach: o["attach"],
		OpenID: o["openid"] + o["sub_openid"], NotifyURL: o["notify_url"], Created: now, Expires: expires,
		Extra: map[string]string{
			"request": request.String(), "prepay_id": "wx" + now.UTC().Format(wx2Time) + strings.ToLower(w.Nonce())[:20],
			"sub_appid": o["sub_appid"], "sign_type": o["sign_type"],
		},
	})
	switch {
	case created:
	case t.State == Paid:
		return nil, wx2Paid
	case t.State == Closed:
		return nil, wx2Closed
	case t.Extra["request"] != request.String():
		return nil, wx2Changed
	}
	return map[string]string{"trade_type": "JSAPI", "prepay_id": t.Extra["prepay_id"], "sub_appid": o["sub_appid"]}, nil
}

// wx2Named finds a trade by either number of a request.
func wx2Named(asked map[string]string) func(Trade) bool {
	return func(t Trade) bool {
		if id := asked["transaction_id"]; id != "" {
			return t.TransactionID == id
		}
		return t.No == asked["out_trade_no"]
	}
}

func (w *weChatV2) query(asked map[string]string) (map[string]string, error) {
	t, err := w.Ledger.Find(w.name, wx2Named(asked))
	if err != nil {
		return nil, wx2NoOrder
	}
	if t.State == Paid && len(t.Refunds) == 0 {
		said := w.paid(t)
		said["trade_state"], said["trade_state_desc"], said["sub_appid"] = "SUCCESS", "支付成功", t.Extra["sub_appid"]
		return said, nil
	}
	states := map[State]string{Waiting: "NOTPAY", Paid: "REFUND", Closed: "CLOSED", Failed: "PAYERROR"}
	return map[string]string{"out_trade_no": t.No, "attach": t.Attach, "trade_state": states[t.State], "trade_state_desc": states[t.State]}, nil
}

// paid is what answers and notices say of a captured trade. The payer pays in yuan
// at a rate of this twin's own.
func (w *weChatV2) paid(t Trade) map[string]string {
	said := map[string]string{
		"out_trade_no": t.No, "transaction_id": t.TransactionID, "attach": t.Attach,
		"trade_type": "JSAPI", "bank_type": "OTHERS", "is_subscribe": "N",
		"total_fee": strconv.FormatInt(t.Amount, 10), "fee_type": t.Currency,
		"cash_fee": strconv.FormatInt(t.Amount, 10), "cash_fee_type": "CNY",
		"time_end": t.PaidAt.In(wx2Zone).Format(wx2Time),
	}
	if t.Currency != "CNY" {
		said["cash_fee"], said["rate"] = strconv.FormatInt(t.Amount*8, 10), "800000000"
	}
	if w.subMchid != "" {
		said["sub_openid"], said["openid"] = t.OpenID, "oSandboxProviderOpenID"
	} else {
		said["openid"] = t.OpenID
	}
	return said
}

// close ends a trade that is not paid.
func (w *weChatV2) close(asked map[string]string) (map[string]string, error) {
	_, err := w.Ledger.Update(w.name, wx2Named(asked), func(t *Trade) error {
		switch t.State {
		case Paid:
			return wx2Paid
		case Closed:
			return wx2Closed
		}
		t.State = Closed
		return nil
	})
	if errors.Is(err, ErrNoTrade) {
		return nil, wx2NoOrder
	}
	return map[string]string{}, err
}
