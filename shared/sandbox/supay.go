package sandbox

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"overseaspay/shared/payment"
)

// Credentials of Supay's demo accounts, at the gateway and at the bridge.
const (
	supayName      = "supay"
	supayMchID     = "100001"
	supayKey       = "sandbox-supay-gateway-key"
	supayBridgeID  = "10088"
	supayBridgeKey = "sandbox-supay-bridge-code"
)

// supay simulates Supay's gateway and bridge on one host. Where the facts are
// silent it chooses the awkward way: a number is refused the second time, except
// a refund's, which is another refund; a refund is only under way until it is
// settled; a bridge page must be opened before its trade is known.
type supay struct {
	Env
	number atomic.Int64
}

var _ Twin = (*supay)(nil)

// NewSupay makes the twin of Supay.
func NewSupay(env Env) Twin { return &supay{Env: env} }

// Name implements [Twin].
func (*supay) Name() string { return supayName }

// Settings implements [Twin].
func (s *supay) Settings() map[string]any {
	return map[string]any{
		"mchid": supayMchID, "key": supayKey, "currency": "AUD",
		"bridge_id": supayBridgeID, "bridge_key": supayBridgeKey, "bridge_base_url": s.URL + "/" + supayName,
	}
}

// ServeHTTP implements [Twin].
func (s *supay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call, onBridge := strings.CutPrefix(r.URL.Path, "/payment/bridge/")
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/api/gateway/merchant/order":
		s.gateway(w, r)
	case r.Method == http.MethodGet && onBridge:
		s.bridge(w, r, call)
	default:
		http.NotFound(w, r)
	}
}

// supayMD5 is a lower-case hex MD5.
func supayMD5(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// supaySign signs what is neither empty nor about the signature, sorted by name.
func supaySign(members map[string]string) string {
	var pairs []string
	for name, value := range members {
		if name != "sign" && name != "sign_type" && value != "" {
			pairs = append(pairs, name+"="+value)
		}
	}
	sort.Slice(pairs, func(i, j int) bool {
		a, _, _ := strings.Cut(pairs[i], "=")
		b, _, _ := strings.Cut(pairs[j], "=")
		return a < b
	})
	return strings.ToUpper(supayMD5(strings.Join(append(pairs, "key="+supayKey), "&")))
}

// id is the processor's number for a trade or a refund.
func (s *supay) id(prefix string) string {
	return fmt.Sprintf("%s%s%05d", prefix, s.Now().UTC().Format("20060102150405"), s.number.Add(1))
}

// gateway answers {"status","message","data"}; a refusal's data is a sentence.
func (s *supay) gateway(w http.ResponseWriter, r *http.Request) {
	data, err := s.serve(r)
	answer := map[string]any{"status": "T", "message": "success", "data": data}
	if err != nil {
		answer = map[string]any{"status": "F", "message": "fail", "data": err.Error()}
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_ = json.NewEncoder(w).Encode(answer) // a client that went away is no concern of ours
}

// serve checks a request's signature and runs its service.
func (s *supay) serve(r *http.Request) (map[string]any, error) {
	in := make(map[string]string)
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil || json.Unmarshal(raw, &in) != nil {
		return nil, fmt.Errorf("request is not flat JSON")
	}
	switch {
	case in["mch_id"] != supayMchID:
		return nil, fmt.Errorf("mch_id does not exist")
	case in["sign_type"] != "MD5" || in["sign"] != supaySign(in):
		return nil, fmt.Errorf("sign error")
	case in["charset"] != "UTF-8" || in["version"] != "1.0":
		return nil, fmt.Errorf("charset or version error")
	}
	switch in["service"] {
	case "create_instant_trade":
		return s.create(in)
	case "query_trade":
		return s.query(in)
	case "create_refund":
		return s.refund(in)
	}
	return nil, fmt.Errorf("service does not exist")
}

func supayRequire(in map[string]string, names ...string) error {
	for _, name := range names {
		if in[name] == "" {
			return fmt.Errorf("%s is required", name)
		}
	}
	return nil
}

// supayAmount reads a decimal of AUD with exactly two places.
func supayAmount(decimal string) (int64, error) {
	m, err := payment.ParseDecimal(decimal, "AUD")
	if err != nil || m.Amount <= 0 || m.Decimal() != decimal {
		return 0, fmt.Errorf("amount error")
	}
	return m.Amount, nil
}

// supayLife reads a timeout such as 30m or 1d.
func supayLife(text string) (time.Duration, error) {
	if text == "1d" {
		return 24 * time.Hour, nil
	}
	minutes, err := strconv.Atoi(strings.TrimSuffix(text, "m"))
	if err != nil || minutes < 1 || minutes >= 24*60 || !strings.HasSuffix(text, "m") {
		return 0, fmt.Errorf("timeout_express error")
	}
	return time.Duration(minutes) * time.Minute, nil
}

func (s *supay) create(in map[string]string) (map[string]any, error) {
	err := supayRequire(in, "recevice_id", "call_back_url", "store_name", "mch_order_no", "pay_way", "goods_name", "goods_price", "timeout_express")
	if err != nil {
		return nil, err
	}
	total, err := supayAmount(in["pay_amount"])
	if err != nil || in["currency"] != "AUD" {
		return nil, fmt.Errorf("pay_amount or currency error")
	}
	life, err := supayLife(in["timeout_express"])
	if err != nil {
		return nil, err
	}
	method := map[string]string{"JSAPI/WXPAY": "wechat", "H5/": "card", "PC/": "card"}[in["pay_way"]+"/"+in["pay_channel"]]
	if method == "" || method == "wechat" && in["subOpenId"] == "" {
		return nil, fmt.Errorf("pay_way, pay_channel or subOpenId error")
	}
	t, fresh := s.Ledger.Create(Trade{
		Processor: supayName, Account: supayMchID, No: in["mch_order_no"], SpTradeNo: s.id("P"), Method: method,
		Amount: total, Currency: "AUD", Body: in["goods_name"], OpenID: in["subOpenId"],
		NotifyURL: in["call_back_url"], Created: s.Now(), Expires: s.Now().Add(life),
	})
	if !fresh {
		return nil, fmt.Errorf("mch_order_no exists")
	}
	return map[string]any{"result": true, "pay_info": s.payInfo(t)}, nil
}

// payInfo is the JSON text that a trade is paid with, or a page's URL.
func (s *supay) payInfo(t Trade) string {
	if t.Method != "wechat" {
		return s.page(t)
	}
	text, _ := json.Marshal(map[string]string{
		"appId": DemoAppID, "timeStamp": strconv.FormatInt(s.Now().Unix(), 10), "nonceStr": s.Nonce(),
		"package": "prepay_id=wx" + t.SpTradeNo, "signType": "MD5", "paySign": strings.ToUpper(supayMD5(s.Nonce())),
	}) // texts always encode
	return string(text)
}

func (s *supay) page(t Trade) string { return s.URL + "/checkout/" + supayName + "/" + t.SpTradeNo }

// word is Supay's word for where a trade stands; a refunded one stays paid.
func (s *supay) word(t Trade) string {
	switch {
	case t.State == Paid:
		return "TRADE_SUCCESS"
	case t.State == Failed:
		return "TRADE_FAILED"
	case t.State == Closed, s.Now().After(t.Expires):
		return "TRADE_CLOSED"
	}
	return "WAIT_BUYER_PAY"
}

func supayDecimal(cents int64) string {
	return payment.Money{Amount: cents, Currency: "AUD"}.Decimal()
}

// byNo fits the trade of one of the two interfaces that has a number of the merchant's.
func (*supay) byNo(no string, bridge bool) func(Trade) bool {
	return func(t Trade) bool { return t.No == no && (t.Extra["bridge"] != "") == bridge }
}

func (s *supay) query(in map[string]string) (map[string]any, error) {
	if in["trade_type"] == "REFUND" {
		return s.queryRefund(in["mch_order_no"])
	}
	t, err := s.Ledger.Find(supayName, s.byNo(in["mch_order_no"], false))
	if err != nil || in["trade_type"] != "TRADE" {
		return nil, fmt.Errorf("trade does not exist")
	}
	return map[string]any{
		"inner_trade_no": t.SpTradeNo, "outer_trade_no": t.No, "trade_status": s.word(t), "trade_amount": supayDecimal(t.Amount),
	}, nil
}

func (s *supay) queryRefund(no string) (map[string]any, error) {
	for _, t := range s.Ledger.Trades() {
		for _, r := range t.Refunds {
			if t.Processor == supayName && r.No == no {
				return map[string]any{
					"inner_trade_no": r.ID, "outer_trade_no": r.No, "refund_status": supayRefundWord(r), "refund_amount": supayDecimal(r.Amount),
				}, nil
			}
		}
	}
	return nil, fmt.Errorf("refund does not exist")
}

func supayRefundWord(r Refund) string { return "REFUND_" + r.Status }

// give books a refund of a paid trade.
func (s *supay) give(fits func(Trade) bool, amount string, r Refund) error {
	fee, err := supayAmount(amount)
	if err != nil {
		return err
	}
	r.Amount, r.Currency, r.Created = fee, "AUD", s.Now()
	_, err = s.Ledger.Update(supayName, fits, func(t *Trade) error {
		switch {
		case t.State != Paid:
			return fmt.Errorf("the trade is not paid")
		case t.Refunded()+fee > t.Amount:
			return ErrOverPay
		}
		t.Refunds = append(t.Refunds, r)
		return nil
	})
	return err
}

func (s *supay) refund(in map[string]string) (map[string]any, error) {
	if err := supayRequire(in, "mch_order_no", "orig_mch_order_no", "refund_amount", "call_back_url"); err != nil {
		return nil, err
	}
	r := Refund{No: in["mch_order_no"], ID: s.id("R"), Status: "PROCESSING", NotifyURL: in["call_back_url"]}
	if err := s.give(s.byNo(in["orig_mch_order_no"], false), in["refund_amount"], r); err != nil {
		return nil, err
	}
	return map[string]any{"result": true, "inner_trade_no": r.ID}, nil
}

// supayToken signs parameters in the order given.
func supayToken(q url.Values, names ...string) string {
	text := "merchant_id=" + supayBridgeID + "&authentication_code=" + supayBridgeKey
	for _, name := range names {
		text += "&" + name + "=" + q.Get(name)
	}
	return supayMD5(text)
}

// supayCalls are the bridge's calls with the parameters that their token covers.
var supayCalls = map[string][]string{
	"merchant_request":   {"merchant_trade_no", "total_amount"},
	"get_payment_result": {"merchant_trade_no"},
	"get_payment_detail": {"merchant_trade_no"},
	"refund":             {"merchant_trade_no", "org_merchant_trade_no", "total_amount"},
}

// bridge serves one call. What it answers beyond query_success is this twin's own.
func (s *supay) bridge(w http.ResponseWriter, r *http.Request, call string) {
	q := r.URL.Query()
	signed, ok := supayCalls[call]
	switch {
	case call == "notification_verification":
		s.verify(w, q)
		return
	case !ok:
		http.NotFound(w, r)
		return
	}
	refused := q.Get("merchant_id") != supayBridgeID || q.Get("token") != supayToken(q, signed...) || q.Has("authentication_code")
	var answer map[string]any
	switch {
	case call == "merchant_request":
		s.open(w, r, q, refused)
		return
	case call == "refund":
		answer = s.refundBridge(q, refused)
	default:
		answer = s.detail(q, refused)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // a client that went away is no concern of ours
}

// open makes the trade when the browser opens the page, and goes to the checkout.
// Loading the same page again shows the same trade.
func (s *supay) open(w http.ResponseWriter, r *http.Request, q url.Values, refused bool) {
	total, err := supayAmount(q.Get("total_amount"))
	created, timeErr := time.Parse(time.DateTime, q.Get("create_time"))
	age := s.Now().Sub(created) // negative: local time was sent for GMT
	if refused || err != nil || timeErr != nil || age < -time.Minute || age > 24*time.Hour || q.Get("currency") != "AUD" || q.Get("product_title") == "" || q.Get("notification_url") == "" {
		http.Error(w, "Supay: parameter error", http.StatusBadRequest)
		return
	}
	t, fresh := s.Ledger.Create(Trade{
		Processor: supayName, Account: supayMchID, No: q.Get("merchant_trade_no"), SpTradeNo: s.id("B"), Method: "alipay",
		Amount: total, Currency: "AUD", Body: q.Get("product_title"), NotifyURL: q.Get("notification_url"),
		RedirectURL: q.Get("return_url"), Created: s.Now(), Expires: s.Now().Add(2 * time.Hour),
		Extra: map[string]string{"bridge": supayBridgeID},
	})
	if !fresh && (t.Amount != total || t.Extra["bridge"] == "") {
		http.Error(w, "Supay: merchant_trade_no exists", http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, s.page(t), http.StatusFound)
}

func (s *supay) detail(q url.Values, refused bool) map[string]any {
	t, err := s.Ledger.Find(supayName, s.byNo(q.Get("merchant_trade_no"), true))
	switch {
	case refused:
		return map[string]any{"query_success": "F", "reason": "token error"}
	case err != nil:
		return map[string]any{"query_success": "F", "reason": "trade does not exist"}
	}
	return map[string]any{
		"query_success": "T", "merchant_id": supayBridgeID, "merchant_trade_no": t.No, "trade_no": t.SpTradeNo,
		"trade_status": s.word(t), "total_amount": json.Number(supayDecimal(t.Amount)), "currency": "AUD",
	}
}

func (s *supay) refundBridge(q url.Values, refused bool) map[string]any {
	err := fmt.Errorf("token error")
	if !refused {
		r := Refund{No: q.Get("merchant_trade_no"), ID: s.id("R"), Status: "SUCCESS"}
		err = s.give(s.byNo(q.Get("org_merchant_trade_no"), true), q.Get("total_amount"), r)
	}
	if err != nil {
		return map[string]any{"result": "FAIL", "reason": err.Error()}
	}
	return map[string]any{"result": "SUCCESS", "reason": ""}
}

// verify says in a plain word whether a notice of the bridge is genuine.
func (s *supay) verify(w http.ResponseWriter, q url.Values) {
	t, err := s.Ledger.Find(supayName, s.byNo(q.Get("merchant_trade_no"), true))
	word := "SUCCESS"
	if err != nil || q.Get("notice_id") != "N"+t.SpTradeNo {
		word = "FAIL"
	}
	_, _ = io.WriteString(w, word) // a client that went away is no concern of ours
}

// Notice implements [Twin]. The gateway posts a form about every trade that has
// ended and every refund that is done; the bridge rings when a trade is paid.
func (s *supay) Notice(t Trade, refund *Refund) *http.Request {
	if t.Extra["bridge"] != "" {
		return s.ring(t, refund)
	}
	members, to := map[string]string{
		"notify_type": "trade_status_sync", "inner_trade_no": t.SpTradeNo, "outer_trade_no": t.No,
		"trade_status": s.word(t), "trade_amount": supayDecimal(t.Amount),
	}, t.NotifyURL
	if refund != nil {
		to = refund.NotifyURL
		members = map[string]string{
			"notify_type": "refund_status_sync", "inner_trade_no": refund.ID, "outer_trade_no": refund.No,
			"refund_status": supayRefundWord(*refund), "refund_amount": supayDecimal(refund.Amount),
		}
	}
	form := url.Values{"sign_type": {"MD5"}, "sign": {supaySign(members)}}
	for name, value := range members {
		form.Set(name, value)
	}
	req, err := http.NewRequest(http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil || refund == nil && t.State == Waiting || refund != nil && refund.Status != "SUCCESS" {
		return nil
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

// ring is the bridge's notice: a number, and no word about it.
func (s *supay) ring(t Trade, refund *Refund) *http.Request {
	id := "N" + t.SpTradeNo
	q := url.Values{
		"notice_id": {id}, "merchant_trade_no": {t.No},
		"token": {supayMD5("notice_id=" + id + "&merchant_trade_no=" + t.No + "&authentication_code=" + supayBridgeKey)},
	}
	req, err := http.NewRequest(http.MethodGet, t.NotifyURL+"?"+q.Encode(), nil)
	if err != nil || refund != nil || t.State != Paid {
		return nil
	}
	return req
}
