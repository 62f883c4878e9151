package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"
)

// wx3Order is the body of a create. Members that are not in it are refused.
type wx3Order struct {
	wx3IDs
	Description string `json:"description"`
	OutTradeNo  string `json:"out_trade_no"`
	TradeType   string `json:"trade_type"`
	MCC         string `json:"merchant_category_code"`
	TimeExpire  string `json:"time_expire"`
	Attach      string `json:"attach"`
	NotifyURL   string `json:"notify_url"`
	Amount      struct {
		Total    int64  `json:"total"`
		Currency string `json:"currency"`
	} `json:"amount"`
	Payer struct {
		OpenID    string `json:"openid"`
		SpOpenID  string `json:"sp_openid"`
		SubOpenID string `json:"sub_openid"`
	} `json:"payer"`
	Scene struct {
		ClientIP string `json:"payer_client_ip"`
	} `json:"scene_info"`
}

// check says what is wrong with an order.
func (w *weChatV3) check(o wx3Order, overseas bool) error {
	payer := o.AppID != "" && o.Payer.OpenID != ""
	if w.subMchid != "" {
		sub := o.SubAppID != "" && o.Payer.SubOpenID != ""
		payer = o.SpAppID == w.appid && sub != (o.Payer.SpOpenID != "")
	}
	switch {
	case !w.own(o.wx3IDs):
		return wx3No{http.StatusForbidden, "NO_AUTH", "another merchant's", 268443701}
	case !payer:
		return wx3No{http.StatusBadRequest, "PARAM_ERROR", "openid and appid do not go together", 268501013}
	case len(o.OutTradeNo) < 6 || len(o.OutTradeNo) > 32:
		return wx3Bad("out_trade_no has 6 to 32 characters")
	case o.Description == "" || len([]rune(o.Description)) > 127 || len([]rune(o.Attach)) > 127:
		return wx3Bad("description and attach have up to 127 characters")
	case o.Amount.Total <= 0 || len(o.Amount.Currency) != 3 || !overseas && o.Amount.Currency != "CNY":
		return wx3Bad("amount")
	case o.NotifyURL == "" || len(o.NotifyURL) > 255 || strings.Contains(o.NotifyURL, "?"):
		return wx3Bad("notify_url")
	case overseas && o.TradeType != "JSAPI" || !overseas && (o.TradeType != "" || o.MCC != ""):
		return wx3Bad("trade_type")
	}
	return nil
}

// create books an order. The same body again is the same prepay_id.
func (w *weChatV3) create(c wx3Call) (any, error) {
	var o wx3Order
	if err := wx3Decode(c.body, &o); err != nil {
		return nil, err
	}
	if err := w.check(o, c.overseas); err != nil {
		return nil, err
	}
	now := w.Now()
	expires := now.Add(7 * 24 * time.Hour)
	if o.TimeExpire != "" {
		said, err := time.Parse(time.RFC3339, o.TimeExpire)
		if err != nil {
			return nil, wx3Bad("time_expire")
		}
		expires = said
		if soon := now.Add(time.Minute); expires.Before(soon) {
			expires = soon
		}
	}
	sum := sha256.Sum256(c.body)
	t, created := w.Ledger.Create(Trade{
		Processor: w.name, Account: w.account(), No: o.OutTradeNo, Method: "wechat",
		Amount: o.Amount.Total, Currency: o.Amount.Currency, Body: o.Description, Attach: o.Attach,
		OpenID: o.Payer.OpenID + o.Payer.SpOpenID + o.Payer.SubOpenID, NotifyURL: o.NotifyURL, Created: now, Expires: expires,
		Extra: map[string]string{
			"request": hex.EncodeToString(sum[:]), "prepay_id": "wx" + now.UTC().Format("20060102150405") + strings.ToLower(w.Nonce())[:20],
			"serial": wx3SealedBy(c.Request), "appid": o.AppID, "sub_appid": o.SubAppID, "overseas": map[bool]string{true: "1"}[c.overseas],
		},
	})
	switch {
	case created:
	case t.State == Paid:
		return nil, wx3Paid
	case t.State == Closed:
		return nil, wx3Closed
	case t.Extra["request"] != hex.EncodeToString(sum[:]):
		return nil, wx3Changed
	}
	return map[string]string{"prepay_id": t.Extra["prepay_id"]}, nil
}

// mine finds a trade of this account, by the call's own number.
func (w *weChatV3) mine(c wx3Call) func(Trade) bool {
	return func(t Trade) bool {
		if id := c.PathValue("id"); id != "" {
			return t.TransactionID == id
		}
		return t.No == c.PathValue("no")
	}
}

func (w *weChatV3) query(c wx3Call) (any, error) {
	if err := w.ownQuery(c); err != nil {
		return nil, err
	}
	t, err := w.Ledger.Find(w.name, w.mine(c))
	if err != nil {
		return nil, wx3NoOrder
	}
	states := map[State]string{Waiting: "NOTPAY", Paid: "SUCCESS", Closed: "CLOSED", Failed: "PAYERROR"}
	state := states[t.State]
	if len(t.Refunds) > 0 {
		state = "REFUND"
	}
	return w.trade(t, state), nil
}

// close ends a trade that is not paid.
func (w *weChatV3) close(c wx3Call) (any, error) {
	var ids wx3IDs
	if err := wx3Decode(c.body, &ids); err != nil {
		return nil, err
	}
	if !w.own(ids) {
		return nil, wx3No{http.StatusForbidden, "NO_AUTH", "another merchant's", 0}
	}
	_, err := w.Ledger.Update(w.name, w.mine(c), func(t *Trade) error {
		switch t.State {
		case Paid:
			return wx3Paid
		case Closed:
			return wx3Closed
		}
		t.State = Closed
		return nil
	})
	if errors.Is(err, ErrNoTrade) {
		return nil, wx3NoOrder
	}
	return nil, err
}

// names are the members that say whose trade it is, in answers and notices.
func (w *weChatV3) names(t Trade) map[string]any {
	if w.subMchid == "" {
		return map[string]any{"mchid": w.mchid, "appid": t.Extra["appid"]}
	}
	return map[string]any{
		"sp_mchid": w.mchid, "sp_appid": w.appid, "sub_mchid": w.subMchid, "sub_appid": t.Extra["sub_appid"],
	}
}

// trade is what answers and notices say of a trade. The payer pays in yuan at a
// rate of this twin's own.
func (w *weChatV3) trade(t Trade, state string) map[string]any {
	said := w.names(t)
	said["out_trade_no"], said["trade_type"], said["trade_state"] = t.No, "JSAPI", state
	said["trade_state_desc"], said["attach"] = state, t.Attach
	payer := map[bool]string{true: "openid", false: "sub_openid"}[w.subMchid == ""]
	said["payer"] = map[string]string{payer: t.OpenID}
	amount := map[string]any{"total": t.Amount, "currency": t.Currency}
	said["amount"] = amount
	if t.State != Paid {
		return said
	}
	said[map[bool]string{true: "id", false: "transaction_id"}[t.Extra["overseas"] != ""]] = t.TransactionID
	said["bank_type"], said["success_time"] = "OTHERS", wx3Time(t.PaidAt)
	amount["payer_total"], amount["payer_currency"] = t.Amount, t.Currency
	if t.Currency != "CNY" {
		amount["payer_total"], amount["payer_currency"] = t.Amount*8, "CNY"
		amount["exchange_rate"] = map[string]any{"type": "SETTLEMENT_RATE", "rate": 800_000_000}
	}
	return said
}
