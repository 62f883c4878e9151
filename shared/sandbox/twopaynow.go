package sandbox

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"overseaspay/shared/payment"
)

const (
	twoPayNowName = "2paynow"
	twoPayNowMid  = "541102252"
	twoPayNowKey  = "sandbox2paynowKey"
)

// twoPayNow simulates 2PayNow. Functions that the facts do not prove (mini_precreate,
// refund) are served under the names that the facts propose.
type twoPayNow struct {
	env    Env
	number atomic.Int64
}

// twoPayNowReply is a JSON answer before it is signed.
type twoPayNowReply map[string]any

// NewTwoPayNow makes the twin of 2PayNow.
func NewTwoPayNow(env Env) Twin { return &twoPayNow{env: env} }

// Name is the processor's name.
func (*twoPayNow) Name() string { return twoPayNowName }

// Settings is the demo account.
func (*twoPayNow) Settings() map[string]any {
	return map[string]any{"mchid": twoPayNowMid, "key": twoPayNowKey}
}

// ServeHTTP serves the API and the pages that a shopper's browser opens.
func (s *twoPayNow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case r.Method != http.MethodGet:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	case r.URL.Path == "/zhifu/mc_itf":
		s.api(w, q)
	case r.URL.Path == "/wap/wappay/pay.html":
		s.page(w, r, q, "0")
	case r.URL.Path == "/wap/WxpayAPI/jsapi.php":
		s.page(w, r, q, "1")
	default:
		http.NotFound(w, r)
	}
}

// api answers one function.
func (s *twoPayNow) api(w http.ResponseWriter, q url.Values) {
	reply := s.refuse(q)
	if reply == nil {
		switch q.Get("function") {
		case "mini_precreate":
			reply = s.mini(q)
		case "query":
			reply = s.query(func(t Trade) bool { return t.SpTradeNo == q.Get("trade_no") })
		case "wap_query":
			reply = s.query(func(t Trade) bool { return t.No == q.Get("trade_no") })
		case "cancel":
			reply = s.cancel(q)
		case "refund":
			reply = s.refund(q)
		default:
			reply = twoPayNowError(404, "function not exist")
		}
	}
	if reply["status"] == 200 {
		stamp := s.env.Now().UnixMilli()
		maps.Copy(reply, twoPayNowReply{
			"function": q.Get("function"), "timestamp": stamp,
			"sign": twoPayNowSign(q.Get("function"), strconv.FormatInt(stamp, 10)),
		})
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	_ = json.NewEncoder(w).Encode(reply)
}

// refuse checks account and signature of a request; nil lets it pass.
func (s *twoPayNow) refuse(q url.Values) twoPayNowReply {
	stamp := q.Get("timestamp")
	_, err := strconv.ParseUint(stamp, 10, 64)
	switch {
	case q.Get("mid") != twoPayNowMid:
		return twoPayNowError(403, "mid not exist")
	case err != nil, len(stamp) != 13:
		return twoPayNowError(400, "timestamp error")
	case q.Get("sign") != twoPayNowSign(q.Get("function"), stamp):
		return twoPayNowError(403, "sign error")
	}
	return nil
}

// mini makes a trade inside the mini-program. A number that was used before is an error.
func (s *twoPayNow) mini(q url.Values) twoPayNowReply {
	if q.Get("type") != "1" || q.Get("sub_appid") == "" || q.Get("sub_openid") == "" {
		return twoPayNowError(400, "parameter error")
	}
	t, fresh, err := s.book(q, "wechat")
	switch {
	case err != nil:
		return twoPayNowError(400, err.Error())
	case !fresh:
		return twoPayNowError(400, "merchant_trade_no exists")
	}
	stamp := strconv.FormatInt(t.Created.Unix(), 10)
	return twoPayNowReply{
		"status": 200, "trade_no": t.SpTradeNo,
		"pay_info": map[string]any{
			"timeStamp": stamp, "nonceStr": s.env.Nonce(), "package": "prepay_id=" + t.SpTradeNo,
			"signType": "MD5", "paySign": strings.ToUpper(twoPayNowSign("pay", stamp)),
		},
	}
}

// page makes the trade when the browser opens it, and goes to the checkout. Loading
// the same page again shows the same trade.
func (s *twoPayNow) page(w http.ResponseWriter, r *http.Request, q url.Values, kind string) {
	method := map[string]string{"0": "alipay", "1": "wechat"}[q.Get("type")]
	if s.refuse(q) != nil || q.Get("function") != "wap_precreate" || q.Get("type") != kind {
		http.Error(w, "2PayNow: parameter error", http.StatusBadRequest)
		return
	}
	t, _, err := s.book(q, method)
	asked, _ := payment.ParseDecimal(q.Get("amount"), q.Get("currency"))
	if err != nil || asked != (payment.Money{Amount: t.Amount, Currency: t.Currency}) || t.Method != method {
		http.Error(w, "2PayNow: parameter error", http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, s.env.URL+"/checkout/"+twoPayNowName+"/"+t.SpTradeNo, http.StatusFound)
}

// book checks a create and puts it into the ledger, or returns what is there.
func (s *twoPayNow) book(q url.Values, method string) (Trade, bool, error) {
	total, err := payment.ParseDecimal(q.Get("amount"), q.Get("currency"))
	if err != nil || total.Amount == 0 {
		return Trade{}, false, fmt.Errorf("amount error")
	}
	notify, err := url.Parse(q.Get("notify_url"))
	if err != nil || notify.Host == "" || q.Get("subject") == "" || q.Get("merchant_trade_no") == "" {
		return Trade{}, false, fmt.Errorf("parameter error")
	}
	now, life := s.env.Now(), 2*time.Hour
	if stated := q.Get("it_b_pay"); stated != "" {
		minutes, err := strconv.Atoi(strings.TrimSuffix(stated, "m"))
		if err != nil || minutes < 1 || method == "wechat" {
			return Trade{}, false, fmt.Errorf("it_b_pay error")
		}
		life = time.Duration(minutes) * time.Minute
	}
	t, fresh := s.env.Ledger.Create(Trade{
		Processor: twoPayNowName, Account: twoPayNowMid, No: q.Get("merchant_trade_no"),
		SpTradeNo: fmt.Sprintf("A%s%05d", now.UTC().Format("060102150405"), s.number.Add(1)),
		Method:    method, Amount: total.Amount, Currency: total.Currency,
		Body: q.Get("subject"), Attach: q.Get("passback_parameters"), OpenID: q.Get("sub_openid"),
		NotifyURL: q.Get("notify_url"), RedirectURL: q.Get("return_url"), Created: now, Expires: now.Add(life),
		Extra: map[string]string{"function": q.Get("function")},
	})
	return t, fresh, nil
}

// query says where a trade stands.
func (s *twoPayNow) query(fits func(Trade) bool) twoPayNowReply {
	t, err := s.env.Ledger.Find(twoPayNowName, fits)
	if err != nil {
		return twoPayNowError(404, "trade not exist")
	}
	reply := twoPayNowReply{
		"status": 200, "trade_no": t.SpTradeNo, "trans_status": s.word(t),
		"amount": twoPayNowNumber(t.Amount, t.Currency), "currency": t.Currency,
		"refund_amount": twoPayNowNumber(t.Refunded(), t.Currency),
	}
	if t.State == Paid {
		reply["trans_time"], reply["forex_rate"] = t.PaidAt.UTC().Format(time.DateTime), json.Number("7.8000")
	}
	return reply
}

// cancel closes an unpaid trade.
func (s *twoPayNow) cancel(q url.Values) twoPayNowReply {
	_, err := s.env.Ledger.Update(twoPayNowName, twoPayNowBySp(q), func(t *Trade) error {
		if t.State == Paid {
			return fmt.Errorf("trade status error")
		}
		t.State = Closed
		return nil
	})
	if err != nil {
		return twoPayNowError(400, err.Error())
	}
	return twoPayNowReply{"status": 200}
}

// refund gives money back at once, up to what was paid, in the trade's own currency.
func (s *twoPayNow) refund(q url.Values) twoPayNowReply {
	_, err := s.env.Ledger.Update(twoPayNowName, twoPayNowBySp(q), func(t *Trade) error {
		fee, err := payment.ParseDecimal(q.Get("refund_amount"), t.Currency)
		switch {
		case err != nil, fee.Amount == 0:
			return fmt.Errorf("refund_amount error")
		case t.State != Paid:
			return fmt.Errorf("trade status error")
		case q.Get("refund_currency") != t.Currency, t.Currency == "CNY":
			return fmt.Errorf("refund_currency error")
		case t.Refunded()+fee.Amount > t.Amount:
			return ErrOverPay
		}
		t.Refunds = append(t.Refunds, Refund{
			ID:     fmt.Sprintf("R%s%03d", strings.TrimPrefix(t.SpTradeNo, "A"), len(t.Refunds)+1),
			Amount: fee.Amount, Currency: t.Currency, Status: "SUCCESS", Created: s.env.Now(),
		})
		return nil
	})
	if err != nil {
		return twoPayNowError(400, err.Error())
	}
	return twoPayNowReply{"status": 200, "trade_no": q.Get("trade_no")}
}

// word is 2PayNow's word for where a trade stands.
func (s *twoPayNow) word(t Trade) string {
	switch {
	case t.State == Paid:
		return "TRADE_SUCCESS"
	case t.State == Failed:
		return "TRADE_FAILED"
	case t.State == Closed, s.env.Now().After(t.Expires):
		return "TRADE_CLOSED"
	}
	return "UNKNOWN"
}

// Notice is a GET of the notify URL with everything in its query. There is none
// about refunds, nor about a trade that waits.
func (s *twoPayNow) Notice(t Trade, refund *Refund) *http.Request {
	if refund != nil || t.State == Waiting {
		return nil
	}
	cny := t.Amount
	if t.Currency != "CNY" {
		cny = t.Amount * 78 / 10
	}
	stamp := strconv.FormatInt(s.env.Now().UnixMilli(), 10)
	q := url.Values{
		"function": {t.Extra["function"]}, "mid": {twoPayNowMid}, "timestamp": {stamp},
		"sign":     {twoPayNowSign(t.Extra["function"], stamp)},
		"trade_no": {t.SpTradeNo}, "merchant_trade_no": {t.No}, "original_trade_no": {t.TransactionID},
		"amount": {twoPayNowNumber(t.Amount, t.Currency).String()}, "currency": {t.Currency},
		"amount_cny": {twoPayNowNumber(cny, "CNY").String()}, "trade_status": {s.word(t)},
		"passback_parameters": {t.Attach},
	}
	r, err := http.NewRequest(http.MethodGet, t.NotifyURL+"?"+q.Encode(), nil)
	if err != nil {
		return nil
	}
	return r
}

// twoPayNowSign is md5(function + mid + timestamp + key) in lower-case hex.
func twoPayNowSign(function, timestamp string) string {
	sum := md5.Sum([]byte(function + twoPayNowMid + timestamp + twoPayNowKey))
	return hex.EncodeToString(sum[:])
}

// twoPayNowNumber writes minor units as a JSON number in major units.
func twoPayNowNumber(amount int64, currency string) json.Number {
	return json.Number(payment.Money{Amount: amount, Currency: currency}.Decimal())
}

// twoPayNowBySp fits the trade that a request names by 2PayNow's number.
func twoPayNowBySp(q url.Values) func(Trade) bool {
	return func(t Trade) bool { return t.SpTradeNo == q.Get("trade_no") }
}

// twoPayNowError is an error answer.
func twoPayNowError(status int, info string) twoPayNowReply {
	return twoPayNowReply{"status": status, "error_info": info}
}
