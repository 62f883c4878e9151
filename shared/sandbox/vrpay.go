package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"overseaspay/shared/payment"
)

const (
	vrPayName   = "vr"
	vrPayEntity = "8a8294174e735d0c014e78cf26461790"
	vrPayToken  = "T0dBNmFuZGJveHZycGF5dG9rZW4"
)

// Result codes that this twin answers with. It is a test host: its successes are
// those of a test mode.
const (
	vrPayDone      = "000.100.110"
	vrPayListed    = "000.000.100"
	vrPayWaiting   = "000.200.000"
	vrPayCharged   = "000.100.220"
	vrPayCancelled = "100.396.101"
	vrPayTimedOut  = "100.396.103"
	vrPayDeclined  = "800.100.153"
	vrPayParameter = "200.300.404"
	vrPayAmount    = "100.550.303"
	vrPayNoRef     = "700.100.100"
	vrPayTooMuch   = "700.400.200"
	vrPayNoRefund  = "700.300.100"
	vrPayNotFound  = "700.400.580"
	vrPayDenied    = "800.900.300"
)

// vrPay simulates VR Payment's "VR pay eCommerce". The facts prove neither WeChat Pay
// nor Alipay on it; both are served as the facts propose. As on the real platform a
// merchantTransactionId is not known again: using it twice makes two payments.
type vrPay struct{ env Env }

var _ Twin = vrPay{}

// NewVRPay makes the twin of VR Payment.
func NewVRPay(env Env) Twin { return vrPay{env} }

// Name implements [Twin].
func (vrPay) Name() string { return vrPayName }

// Settings implements [Twin].
func (vrPay) Settings() map[string]any {
	return map[string]any{"entity_id": vrPayEntity, "access_token": vrPayToken}
}

// Notice implements [Twin]: VR Payment never posts.
func (vrPay) Notice(Trade, *Refund) *http.Request { return nil }

// vrPayReply is a JSON answer with the HTTP status that it comes with.
type vrPayReply struct {
	status  int
	members map[string]any
}

// ServeHTTP implements [Twin].
func (v vrPay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mux := http.NewServeMux()
	for pattern, serve := range map[string]func(*http.Request) vrPayReply{
		"POST /v1/payments":      func(r *http.Request) vrPayReply { return v.debit(r.PostForm) },
		"POST /v1/payments/{id}": func(r *http.Request) vrPayReply { return v.refund(r.PathValue("id"), r.PostForm) },
		"GET /v1/payments/{id}":  func(r *http.Request) vrPayReply { return v.byID(r.PathValue("id")) },
		"GET /v1/query/{id}":     func(r *http.Request) vrPayReply { return v.byID(r.PathValue("id")) },
		"GET /v1/query":          func(r *http.Request) vrPayReply { return v.report(r.Form.Get("merchantTransactionId")) },
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			reply, ok := v.refuse(r)
			if ok {
				reply = serve(r)
			}
			reply.members["timestamp"] = v.env.Now().UTC().Format("2006-01-02 15:04:05+0000")
			reply.members["buildNumber"] = "sandbox"
			w.Header().Set("Content-Type", "application/json;charset=UTF-8")
			w.WriteHeader(reply.status)
			_ = json.NewEncoder(w).Encode(reply.members) // a client that went away is no concern of ours
		})
	}
	mux.ServeHTTP(w, r)
}

// refuse checks the credentials of a request; ok lets it pass.
func (v vrPay) refuse(r *http.Request) (reply vrPayReply, ok bool) {
	if r.ParseForm() != nil {
		return vrPayNo(vrPayParameter, "invalid or missing parameter"), false
	}
	form := r.Form
	if r.Method == http.MethodPost {
		form = r.PostForm // never in the URL
	}
	if r.Header.Get("Authorization") != "Bearer "+vrPayToken || form.Get("entityId") != vrPayEntity {
		reply = vrPayNo(vrPayDenied, "invalid authentication information")
		reply.status = http.StatusUnauthorized
		return reply, false
	}
	return reply, true
}

var vrPayDecimal = regexp.MustCompile(`^[0-9]{1,10}\.[0-9]{2}$`)

// vrPayMoney reads an amount, which has two decimals in every currency.
func vrPayMoney(form url.Values) (payment.Money, bool) {
	if !vrPayDecimal.MatchString(form.Get("amount")) {
		return payment.Money{}, false
	}
	m, err := payment.ParseDecimal(form.Get("amount"), form.Get("currency"))
	return m, err == nil && m.Amount > 0
}

// debit makes a payment that waits for its payer.
func (v vrPay) debit(form url.Values) vrPayReply {
	total, ok := vrPayMoney(form)
	if !ok {
		return vrPayNo(vrPayAmount, "invalid amount (probably too large)")
	}
	no, back := form.Get("merchantTransactionId"), form.Get("shopperResultUrl")
	payer, app := form.Get("customParameters[openid]"), form.Get("customParameters[appid]")
	method := map[string]string{"WECHAT_PAY": "wechat", "ALIPAY": "alipay"}[form.Get("paymentBrand")]
	to, err := url.Parse(back)
	switch {
	case form.Get("paymentType") != "DB", method == "", len(no) < 8, len(no) > 255, err != nil, to.Host == "",
		len([]rune(form.Get("descriptor"))) > 127, method == "wechat" && (payer == "" || app == ""):
		return vrPayNo(vrPayParameter, "invalid or missing parameter")
	case method == "wechat":
		back = "" // no browser comes back from the mini-program
	}
	now := v.env.Now()
	// The ledger would return the trade that has this number; here it is another one.
	t, _ := v.env.Ledger.Create(Trade{
		Processor: vrPayName, Account: vrPayEntity, SpTradeNo: v.id(), Method: method,
		Amount: total.Amount, Currency: total.Currency, Body: form.Get("descriptor"), OpenID: payer,
		RedirectURL: back, Created: now, Expires: now.Add(30 * time.Minute),
		Extra: map[string]string{"brand": form.Get("paymentBrand")},
	})
	t, err = v.env.Ledger.Update(vrPayName, vrPayIs(t.SpTradeNo), func(t *Trade) error { t.No = no; return nil })
	if err != nil {
		return vrPayNo(vrPayNoRef, err.Error())
	}
	reply := v.payment(t)
	reply.members["redirect"] = v.redirect(t, app)
	return reply
}

// redirect is where the payer goes: inside the mini-program to wx.requestPayment,
// else to the checkout page.
func (v vrPay) redirect(t Trade, app string) map[string]any {
	to := map[string]any{"url": v.env.URL + "/checkout/" + vrPayName + "/" + t.SpTradeNo, "method": "GET", "parameters": []any{}}
	if t.Method != "wechat" {
		return to
	}
	list := []map[string]string{}
	for _, pair := range [][2]string{
		{"appId", app}, {"timeStamp", strconv.FormatInt(t.Created.Unix(), 10)}, {"nonceStr", v.env.Nonce()},
		{"package", "prepay_id=wx" + t.SpTradeNo}, {"signType", "MD5"}, {"paySign", strings.ToUpper(v.id())},
	} {
		list = append(list, map[string]string{"name": pair[0], "value": pair[1]})
	}
	to["parameters"] = list
	return to
}

// refund gives money back at once, up to what was paid.
func (v vrPay) refund(id string, form url.Values) vrPayReply {
	fee, ok := vrPayMoney(form)
	switch {
	case form.Get("paymentType") != "RF":
		return vrPayNo(vrPayParameter, "invalid or missing parameter")
	case !ok:
		return vrPayNo(vrPayAmount, "invalid amount (probably too large)")
	}
	var no vrPayReply
	t, err := v.env.Ledger.Update(vrPayName, vrPayIs(id), func(t *Trade) error {
		switch {
		case t.State != Paid, t.ChargedBack, t.Currency != fee.Currency:
			no = vrPayNo(vrPayNoRefund, "referenced tx can not be refunded, captured or reversed (invalid type)")
			return ErrNotPaid
		case t.Refunded()+fee.Amount > t.Amount:
			no = vrPayNo(vrPayTooMuch, "cannot refund (refund volume exceeded or tx reversed or invalid workflow?)")
			return ErrOverPay
		}
		t.Refunds = append(t.Refunds, Refund{
			ID: v.id(), Amount: fee.Amount, Currency: fee.Currency, Status: "SUCCESS", Created: v.env.Now(),
		})
		return nil
	})
	switch {
	case no.members != nil:
		return no
	case err != nil:
		return vrPayNo(vrPayNoRef, "reference id not existing")
	}
	return vrPayReply{http.StatusOK, vrPayRefund(t, t.Refunds[len(t.Refunds)-1])}
}

// byID answers with the payment or refund that has an id.
func (v vrPay) byID(id string) vrPayReply {
	if t, err := v.env.Ledger.Find(vrPayName, vrPayIs(id)); err == nil {
		return v.payment(t)
	}
	for _, t := range v.env.Ledger.Trades() {
		for _, f := range t.Refunds {
			if t.Processor == vrPayName && f.ID == id {
				return vrPayReply{http.StatusOK, vrPayRefund(t, f)}
			}
		}
	}
	reply := vrPayNo(vrPayNotFound, "cannot find transaction")
	reply.status = http.StatusNotFound
	return reply
}

// report lists all payments with a merchant's number, and their refunds.
func (v vrPay) report(no string) vrPayReply {
	list := []map[string]any{}
	for _, t := range v.env.Ledger.Trades() {
		if t.Processor != vrPayName || t.No != no || no == "" {
			continue
		}
		list = append(list, v.payment(t).members)
		for _, f := range t.Refunds {
			list = append(list, vrPayRefund(t, f))
		}
	}
	if len(list) == 0 {
		reply := vrPayNo(vrPayNotFound, "cannot find transaction")
		reply.status = http.StatusNotFound
		return reply
	}
	return vrPayReply{http.StatusOK, map[string]any{"result": vrPayResult(vrPayListed, "successful request"), "payments": list}}
}

// payment is a trade as it now is.
func (v vrPay) payment(t Trade) vrPayReply {
	code, said := vrPayWaiting, "transaction pending"
	switch {
	case t.ChargedBack:
		code, said = vrPayCharged, "Fraudulent Transaction"
	case t.State == Paid:
		code, said = vrPayDone, "Request successfully processed in 'Merchant in Integrator Test Mode'"
	case t.State == Closed:
		code, said = vrPayCancelled, "Cancelled by user"
	case t.State == Failed:
		code, said = vrPayDeclined, "transaction declined (invalid CVV)"
	case v.env.Now().After(t.Expires):
		code, said = vrPayTimedOut, "Previously pending transaction timed out"
	}
	return vrPayReply{http.StatusOK, map[string]any{
		"id": t.SpTradeNo, "paymentType": "DB", "paymentBrand": t.Extra["brand"], "amount": vrPayText(t.Amount, t.Currency),
		"currency": t.Currency, "merchantTransactionId": t.No, "descriptor": t.Body, "result": vrPayResult(code, said),
		"ndc": vrPayEntity + "_" + t.SpTradeNo,
	}}
}

// vrPayRefund is a refund as it now is.
func vrPayRefund(t Trade, f Refund) map[string]any {
	result := vrPayResult(vrPayDone, "Request successfully processed in 'Merchant in Integrator Test Mode'")
	if f.Status != "SUCCESS" {
		result = vrPayResult(vrPayWaiting, "transaction pending")
	}
	return map[string]any{
		"id": f.ID, "referencedId": t.SpTradeNo, "paymentType": "RF", "paymentBrand": t.Extra["brand"],
		"amount": vrPayText(f.Amount, f.Currency), "currency": f.Currency, "result": result,
	}
}

// id is 32 hex digits.
func (v vrPay) id() string {
	sum := sha256.Sum256([]byte(v.env.Nonce()))
	return hex.EncodeToString(sum[:16])
}

// vrPayIs fits the trade with an id.
func vrPayIs(id string) func(Trade) bool { return func(t Trade) bool { return t.SpTradeNo == id } }

// vrPayText writes minor units with two decimals, as in every currency.
func vrPayText(amount int64, currency string) string {
	text := payment.Money{Amount: amount, Currency: currency}.Decimal()
	if !strings.Contains(text, ".") {
		text += ".00"
	}
	whole, fraction, _ := strings.Cut(text, ".")
	return fmt.Sprintf("%s.%.2s", whole, fraction)
}

func vrPayResult(code, said string) map[string]string {
	return map[string]string{"code": code, "description": said}
}

// vrPayNo is a refusal.
func vrPayNo(code, said string) vrPayReply {
	return vrPayReply{http.StatusBadRequest, map[string]any{"result": vrPayResult(code, said)}}
}
