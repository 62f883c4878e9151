package sandbox

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"

	"overseaspay/shared/payment"
)

// Credentials of YabandPay's demo account.
const (
	yabandUser = "016683"
	yabandKey  = "sandbox-yaband-secret-key"
)

// What the account settles in, and what one cent of that is in minor units of every
// other currency.
const (
	yabandSettles = "EUR"
	yabandRate    = 8
)

// yaband simulates YabandPay: one path, routed by the body's method. Where the
// facts are silent it chooses the awkward way: an order_id is refused the second
// time, an m_refund_id is not remembered, and a CNY order settles in EUR. A refund
// may be in the order's currency or in the one it settles in, as the pages differ.
type yaband struct{ Env }

var _ Twin = yaband{}

// NewYaband makes the twin of YabandPay.
func NewYaband(env Env) Twin { return yaband{env} }

// Name implements [Twin].
func (yaband) Name() string { return "yaband" }

// Settings implements [Twin].
func (yaband) Settings() map[string]any {
	return map[string]any{"mchid": yabandUser, "key": yabandKey, "currency": "EUR"}
}

// yabandNo is a business answer that says no; codes are this twin's own.
type yabandNo struct{ code, message string }

func (no yabandNo) Error() string { return no.message }

// ServeHTTP implements [Twin].
func (y yaband) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/Payments" {
		http.NotFound(w, r)
		return
	}
	data, err := y.handle(r)
	answer := map[string]any{"status": err == nil, "code": "200", "message": "", "data": data}
	if err != nil {
		answer["code"], answer["message"], answer["data"] = "400", err.Error(), []string{}
		if no, ok := err.(yabandNo); ok {
			answer["code"] = no.code
		}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(answer) // a client that went away is no concern of ours
}

// handle checks the signature over user, method, time and data, and calls the method.
func (y yaband) handle(r *http.Request) (map[string]any, error) {
	var body struct {
		User, Sign, Method string
		Time               json.Number
		Data               map[string]string
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil || json.Unmarshal(raw, &body) != nil {
		return nil, yabandNo{"400", "request is not JSON"}
	}
	signed := map[string]string{"user": body.User, "method": body.Method, "time": body.Time.String()}
	for name, value := range body.Data {
		signed[name] = value
	}
	if body.User != yabandUser || !hmac.Equal([]byte(yabandSign(signed)), []byte(body.Sign)) {
		return nil, yabandNo{"401", "sign error"}
	}
	if _, err := body.Time.Int64(); err != nil {
		return nil, yabandNo{"400", "time error"}
	}
	verbs := map[string]func(map[string]string) (map[string]any, error){
		"v3.CreatePaymentsWechatMiniPay": y.createMini, "v3.CreatePayments": y.createURL,
		"v3.QueryOrder": y.queryOrder, "v3.CreateRefund": y.createRefund, "v3.QueryRefundOrder": y.queryRefund,
	}
	if verb, ok := verbs[body.Method]; ok {
		return verb(body.Data)
	}
	return nil, yabandNo{"404", "method error"}
}

// yabandSign joins all members by name as they are, empty ones too.
func yabandSign(members map[string]string) string {
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	sort.Strings(names)
	pairs := make([]string, len(names))
	for i, name := range names {
		pairs[i] = name + "=" + members[name]
	}
	mac := hmac.New(sha256.New, []byte(yabandKey))
	_, _ = io.WriteString(mac, strings.Join(pairs, "&")) // a hash never fails
	return hex.EncodeToString(mac.Sum(nil))
}

func yabandRequire(data map[string]string, names ...string) error {
	for _, name := range names {
		if data[name] == "" {
			return yabandNo{"400", name + " is required"}
		}
	}
	return nil
}

func (y yaband) createMini(data map[string]string) (map[string]any, error) {
	if err := yabandRequire(data, "sub_app_id", "sub_open_id"); err != nil {
		return nil, err
	}
	if data["sub_pay_method"] != "WeChat Pay" {
		return nil, yabandNo{"400", "sub_pay_method error"}
	}
	t, err := y.create(data, "wechat")
	if err != nil {
		return nil, err
	}
	answer := y.order(t)
	answer["parameters"] = map[string]string{
		"appId": data["sub_app_id"], "timeStamp": strconv.FormatInt(y.Now().Unix(), 10), "nonceStr": y.Nonce(),
		"package": "prepay_id=wx" + t.Extra["prepay"], "signType": "MD5", "paySign": strings.ToUpper(y.Nonce()),
	}
	return answer, nil
}

// yabandPages are the sub_pay_methods that have a page, in lower case, and what they are in the ledger.
var yabandPages = map[string]string{
	"wechat pay": "wechat", "alipay": "alipay", "yabandpay": "card", "paypal": "paypal", "paypal/recurring": "paypal",
	"ideal": "ideal", "sofort/digital": "sofort", "sofort/physical": "sofort", "bancontact": "bancontact",
	"visa": "card", "mastercard": "card", "unionpaywap": "unionpay", "unionpay": "unionpay",
}

func (y yaband) createURL(data map[string]string) (map[string]any, error) {
	method, ok := yabandPages[strings.ToLower(data["sub_pay_method"])]
	if !ok {
		return nil, yabandNo{"400", "sub_pay_method error"}
	}
	t, err := y.create(data, method)
	if err != nil {
		return nil, err
	}
	answer := y.order(t)
	answer["url"] = y.URL + "/checkout/yaband/" + t.SpTradeNo
	return answer, nil
}

// create books a trade of at least 0.10 (CNY and UnionPayWap: 1.00).
func (y yaband) create(data map[string]string, method string) (Trade, error) {
	err := yabandRequire(data, "pay_method", "order_id", "amount", "currency", "description", "notify_url", "timeout")
	if err != nil {
		return Trade{}, err
	}
	total, err := payment.ParseDecimal(data["amount"], data["currency"])
	least := int64(10)
	if method == "unionpay" || data["currency"] == "CNY" {
		least = 100
	}
	if err != nil || total.Amount < least {
		return Trade{}, yabandNo{"400", "amount error"}
	}
	minutes, err := strconv.Atoi(data["timeout"])
	if err != nil || minutes < 0 || minutes > 1440 {
		return Trade{}, yabandNo{"400", "timeout error"}
	}
	if minutes == 0 {
		minutes = 1440
	}
	t, created := y.Ledger.Create(Trade{
		Processor: "yaband", Account: yabandUser, No: data["order_id"], SpTradeNo: y.id(), Method: method,
		Amount: total.Amount, Currency: total.Currency, Body: data["description"], Attach: data["demo"],
		OpenID: data["sub_open_id"], NotifyURL: data["notify_url"], RedirectURL: data["redirect_url"],
		Created: y.Now(), Expires: y.Now().Add(time.Duration(minutes) * time.Minute),
		Extra: map[string]string{"prepay": y.Nonce(), "sub_pay_method": data["sub_pay_method"], "timeout": data["timeout"]},
	})
	if !created {
		return Trade{}, yabandNo{"400", "order_id exists"}
	}
	return t, nil
}

// id looks like a UUID.
func (y yaband) id() string {
	n := strings.ToLower(y.Nonce())
	return n[:8] + "-" + n[8:12] + "-" + n[12:16] + "-" + n[16:20] + "-" + n[20:32]
}

// order is what every answer and notice says of a trade.
func (y yaband) order(t Trade) map[string]any {
	total := payment.Money{Amount: t.Amount, Currency: t.Currency}
	settled, rate := payment.Money{Amount: t.Amount, Currency: yabandSettles}, "1.0000"
	if t.Currency != yabandSettles {
		settled.Amount, rate = t.Amount/yabandRate, "0.1250"
	}
	return map[string]any{
		"order_id": t.No, "trade_id": t.SpTradeNo, "amount": total.Decimal(), "currency": t.Currency,
		"settlement_amount": settled.Decimal(), "settlement_currency": settled.Currency, "exchange_rate": rate,
		"description": t.Body, "state": y.state(t), "pay_method": "online", "sub_pay_method": t.Extra["sub_pay_method"],
		"user": yabandUser, "transaction_id": t.TransactionID, "acquirer_id": t.TransactionID, "yb_transaction_id": t.SpTradeNo,
	}
}

// state is the word for a trade. Nobody says what a refunded order is called; here it is "refunded" once all is back.
func (y yaband) state(t Trade) string {
	expired := !t.Expires.IsZero() && !y.Now().Before(t.Expires)
	switch {
	case t.State == Paid && t.Refunded() >= t.Amount:
		return "refunded"
	case t.State == Paid:
		return "paid"
	case t.State == Failed:
		return "failed"
	case expired:
		return "expired"
	case t.State == Closed:
		return "cancelled"
	}
	return "pending"
}

func (y yaband) queryOrder(data map[string]string) (map[string]any, error) {
	t, err := y.Ledger.Find("yaband", func(t Trade) bool { return t.SpTradeNo == data["trade_id"] })
	if err != nil {
		return nil, yabandNo{"404", "trade_id does not exist"}
	}
	info := y.order(t)
	info["merchant_name"], info["store_name"], info["cashier_name"] = "Demo Shop", "Demo Store", "Demo Cashier"
	info["created_at"], info["time_out"] = strconv.FormatInt(t.Created.Unix(), 10), t.Extra["timeout"]
	info["redirect_url"], info["notify_url"] = t.RedirectURL, t.NotifyURL
	if !t.PaidAt.IsZero() {
		info["paid_time"] = strconv.FormatInt(t.PaidAt.Unix(), 10)
	}
	return map[string]any{"transaction_info": info}, nil
}

// createRefund refunds at once, in the order's own currency or the settlement's,
// fewer than 30 times. A repeated m_refund_id is another refund.
func (y yaband) createRefund(data map[string]string) (map[string]any, error) {
	if err := yabandRequire(data, "trade_id", "refund_amount", "refund_currency", "refund_description"); err != nil {
		return nil, err
	}
	fee, err := payment.ParseDecimal(data["refund_amount"], data["refund_currency"])
	if err != nil || fee.Amount <= 0 {
		return nil, yabandNo{"400", "refund_amount error"}
	}
	refund := Refund{No: data["m_refund_id"], ID: y.id(), Amount: fee.Amount, Currency: fee.Currency,
		Status: "SUCCESS", NotifyURL: data["notify_url"], Created: y.Now()}
	t, err := y.Ledger.Update("yaband", func(t Trade) bool { return t.SpTradeNo == data["trade_id"] }, func(t *Trade) error {
		switch {
		case t.State != Paid:
			return yabandNo{"400", "order state error"}
		case fee.Currency != t.Currency && fee.Currency != yabandSettles:
			return yabandNo{"400", "refund_currency error"}
		case len(t.Refunds) >= 29 || y.Now().After(t.Created.AddDate(1, 0, 0)):
			return yabandNo{"400", "refund is not allowed any more"}
		case fee.Currency != t.Currency:
			refund.Share = yabandShare(*t, fee.Amount)
		}
		t.Refunds = append(t.Refunds, refund)
		if t.Refunded() > t.Amount {
			return ErrOverPay
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return yabandTerse(t, y.refund(t, refund)), nil
}

// yabandTerse is the answer to a refund. Of it refund_id alone is documented, so by
// the last character of their number every fourth trade hears no more than that, and
// another fourth hears all but m_refund_id.
func yabandTerse(t Trade, said map[string]any) map[string]any {
	switch t.No[len(t.No)-1] % 4 {
	case 1:
		delete(said, "m_refund_id")
	case 3:
		return map[string]any{"refund_id": said["refund_id"]}
	}
	return said
}

// yabandShare is what cents of the settlement are of a trade's own amount. Units that
// are too few for another cent go with the last one.
func yabandShare(t Trade, cents int64) int64 {
	share, left := cents*yabandRate, t.Amount-t.Refunded()
	if share < left && left < share+yabandRate {
		return left
	}
	return share
}

func (y yaband) queryRefund(data map[string]string) (map[string]any, error) {
	t, err := y.Ledger.Find("yaband", func(t Trade) bool { return yabandRefund(t, data["refund_id"]) != nil })
	if err != nil {
		return nil, yabandNo{"404", "refund_id does not exist"}
	}
	return y.refund(t, *yabandRefund(t, data["refund_id"])), nil
}

func yabandRefund(t Trade, id string) *Refund {
	for i := range t.Refunds {
		if t.Refunds[i].ID == id {
			return &t.Refunds[i]
		}
	}
	return nil
}

// refund is what answers and notices say of a refund.
func (y yaband) refund(t Trade, r Refund) map[string]any {
	states := map[string]string{"SUCCESS": "refunded", "PROCESSING": "refund processing"}
	state, ok := states[r.Status]
	if !ok {
		state = "refund failed"
	}
	said := map[string]any{
		"trade_id": t.SpTradeNo, "transaction_id": t.TransactionID, "refund_id": r.ID, "m_refund_id": r.No,
		"refund_time": strconv.FormatInt(r.Created.Unix(), 10), "state": state, "notify_url": r.NotifyURL,
		"refund_amount": payment.Money{Amount: r.Amount, Currency: r.Currency}.Decimal(), "refund_currency": r.Currency,
	}
	if r.No == "" {
		said["m_refund_id"] = nil
	}
	return said
}

// Notice implements [Twin]. An empty demo is signed as such; a refund without an
// address of its own has no notice.
func (y yaband) Notice(t Trade, refund *Refund) *http.Request {
	said, to := y.order(t), t.NotifyURL
	said["type"], said["demo"] = "payment", t.Attach
	if !t.PaidAt.IsZero() {
		said["paid_time"] = strconv.FormatInt(t.PaidAt.Unix(), 10)
	}
	if refund != nil {
		said, to = y.refund(t, *refund), refund.NotifyURL
		said["type"], said["demo"] = "refund", "" // of an order number or user nobody speaks
		delete(said, "notify_url")
	}
	members := make(map[string]string, len(said))
	for name, value := range said {
		members[name], _ = value.(string) // null is signed as empty
	}
	body, _ := json.Marshal(map[string]any{"sign": yabandSign(members), "data": said}) // texts always encode
	req, err := http.NewRequest(http.MethodPost, to, bytes.NewReader(body))
	if err != nil || to == "" {
		return nil
	}
	req.Header.Set("Content-Type", "application/json")
	return req
}
