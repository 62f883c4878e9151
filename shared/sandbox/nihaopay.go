package sandbox

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

const nihaoPayToken = "sandbox-nihaopay-access-token"

// nihaoPay simulates NihaoPay. Where the facts are silent it chooses the awkward
// way: a trade that was refunded, if only in part, is not looked up any more, and
// every notice has the text null for its note, which is not signed.
type nihaoPay struct {
	Env
	mux *http.ServeMux
}

var _ Twin = (*nihaoPay)(nil)

// NewNihaoPay makes the twin of NihaoPay.
func NewNihaoPay(env Env) Twin {
	n := &nihaoPay{env, http.NewServeMux()}
	for pattern, do := range map[string]func(*http.Request) (map[string]any, error){
		"POST /v1.2/transactions/micropay":        n.micropay,
		"POST /v1.2/transactions/securepay":       n.securepay,
		"GET /v1.2/transactions/merchant/{no}":    n.byReference,
		"GET /v1.2/transactions/{id}":             n.byID,
		"POST /v1.2/transactions/refund/{id}":     n.refund,
		"GET /v1.2/transactions/refunds/{id}/{$}": n.refunds,
	} {
		n.mux.HandleFunc(pattern, n.serve(do))
	}
	return n
}

// Name implements [Twin].
func (*nihaoPay) Name() string { return "nihaopay" }

// Settings implements [Twin]. The account's name is the package's default.
func (*nihaoPay) Settings() map[string]any {
	return map[string]any{"access_token": nihaoPayToken, "currency": "USD"}
}

// ServeHTTP implements [Twin].
func (n *nihaoPay) ServeHTTP(w http.ResponseWriter, r *http.Request) { n.mux.ServeHTTP(w, r) }

// nihaoPayNo is an error answer.
type nihaoPayNo struct {
	status         int
	label, message string
}

func (no nihaoPayNo) Error() string { return no.message }

var (
	errNihaoPayField = nihaoPayNo{400, "90", "field is not valid"}
	errNihaoPayNone  = nihaoPayNo{402, "61", "transaction not found"}
)

// serve checks the bearer and the form, and writes the answer.
func (n *nihaoPay) serve(do func(*http.Request) (map[string]any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var answer map[string]any
		err := error(nihaoPayNo{401, "301", "invalid credentials"})
		if r.Header.Get("Authorization") == "Bearer "+nihaoPayToken {
			if err = r.ParseForm(); err == nil {
				answer, err = do(r)
			}
		}
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		if no, ok := err.(nihaoPayNo); ok {
			w.WriteHeader(no.status)
			answer = map[string]any{"code": no.status, "label": no.label, "message": no.message}
		} else if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			answer = map[string]any{"code": 400, "label": "90", "message": err.Error()}
		}
		_ = json.NewEncoder(w).Encode(answer) // a client that went away is no concern of ours
	}
}

// micropay makes an order inside the mini-program. Its answer has no number.
func (n *nihaoPay) micropay(r *http.Request) (map[string]any, error) {
	if r.PostForm.Get("app_id") == "" || r.PostForm.Get("open_id") == "" || r.PostForm.Get("client_ip") == "" {
		return nil, nihaoPayNo{500, "92", "the app_id, open_id or client_ip field is required"}
	}
	t, err := n.create(r, "wechat", "wechatpay")
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"timeStamp": strconv.FormatInt(n.Now().Unix(), 10), "nonceStr": n.Nonce(), "wechatPackage": "prepay_id=wx" + t.SpTradeNo,
		"signType": "MD5", "paySign": strings.ToUpper(n.Nonce()),
	}, nil
}

// securepay makes an order that is paid at a page.
func (n *nihaoPay) securepay(r *http.Request) (map[string]any, error) {
	vendor := r.PostForm.Get("vendor")
	method, ok := map[string]string{"alipay": "alipay", "unionpay": "unionpay", "PayPal": "paypal"}[vendor]
	back, err := url.Parse(r.PostForm.Get("callback_url"))
	if !ok || err != nil || back.Host == "" || r.PostForm.Get("response_format") != "JSON" {
		return nil, errNihaoPayField
	}
	t, err := n.create(r, method, vendor)
	if err != nil {
		return nil, err
	}
	return map[string]any{"url": n.URL + "/checkout/nihaopay/" + t.SpTradeNo}, nil
}

var (
	nihaoPayReference = regexp.MustCompile(`^[0-9A-Za-z-]{1,30}$`)
	nihaoPayCurrency  = regexp.MustCompile(`^(USD|JPY|HKD|EUR|CAD|GBP|SGD|AUD)$`)
)

// create books a trade that can be paid until its timeout.
func (n *nihaoPay) create(r *http.Request, method, vendor string) (Trade, error) {
	in := r.PostForm
	amount, err := strconv.ParseInt(in.Get("amount"), 10, 64)
	ipn, bad := url.Parse(in.Get("ipn_url"))
	minutes, late := 120, error(nil)
	if in.Has("timeout") {
		minutes, late = strconv.Atoi(in.Get("timeout"))
	}
	if err != nil || amount <= 0 || bad != nil || ipn.Host == "" || late != nil || minutes < 1 || minutes > 1440 ||
		!nihaoPayReference.MatchString(in.Get("reference")) || !nihaoPayCurrency.MatchString(in.Get("currency")) {
		return Trade{}, errNihaoPayField
	}
	nonce := md5.Sum([]byte(n.Nonce()))
	t, fresh := n.Ledger.Create(Trade{
		Processor: "nihaopay", Account: "nihaopay", No: in.Get("reference"), Method: method,
		SpTradeNo: fmt.Sprintf("%s%06d", n.Now().UTC().Format("20060102150405"), int(nonce[0])<<8|int(nonce[1])),
		Amount:    amount, Currency: in.Get("currency"), Body: in.Get("description"), OpenID: in.Get("open_id"),
		NotifyURL: in.Get("ipn_url"), RedirectURL: in.Get("callback_url"), Created: n.Now(),
		Expires: n.Now().Add(time.Duration(minutes) * time.Minute), Extra: map[string]string{"vendor": vendor},
	})
	if !fresh {
		return Trade{}, nihaoPayNo{400, "31", "reference is not unique"}
	}
	return t, nil
}

func (n *nihaoPay) byReference(r *http.Request) (map[string]any, error) {
	return n.lookUp(func(t Trade) bool { return t.No == r.PathValue("no") })
}

func (n *nihaoPay) byID(r *http.Request) (map[string]any, error) {
	return n.lookUp(func(t Trade) bool { return t.SpTradeNo == r.PathValue("id") })
}

// lookUp shows a trade, unless it was refunded.
func (n *nihaoPay) lookUp(fits func(Trade) bool) (map[string]any, error) {
	t, err := n.Ledger.Find("nihaopay", fits)
	if err != nil || len(t.Refunds) > 0 {
		return nil, errNihaoPayNone
	}
	return n.trade(t), nil
}

// trade is what is said of a trade.
func (n *nihaoPay) trade(t Trade) map[string]any {
	status, at := "pending", t.Created
	switch {
	case t.State == Paid:
		status, at = "success", t.PaidAt
	case t.State != Waiting || n.Now().After(t.Expires):
		status = "failure"
	}
	said := map[string]any{
		"id": t.SpTradeNo, "status": status, "type": "charge", "vendor": t.Extra["vendor"], "vendor_id": nil,
		"amount": t.Amount, "currency": t.Currency, "time": at.UTC().Format(time.RFC3339), "reference": t.No, "note": nil,
	}
	if t.State == Paid {
		said["vendor_id"] = t.TransactionID
	}
	return said
}

// refund gives money back at once, in the trade's own currency.
func (n *nihaoPay) refund(r *http.Request) (map[string]any, error) {
	fee, bad := strconv.ParseInt(r.PostForm.Get("amount"), 10, 64)
	t, err := n.Ledger.Update("nihaopay", func(t Trade) bool { return t.SpTradeNo == r.PathValue("id") }, func(t *Trade) error {
		switch {
		case bad != nil, fee <= 0:
			return errNihaoPayField
		case t.State != Paid:
			return nihaoPayNo{402, "63", "the original transaction is unsuccessful"}
		case r.PostForm.Get("currency") != t.Currency:
			return nihaoPayNo{409, "64", "currency differs from the original"}
		case t.Refunded() == t.Amount:
			return nihaoPayNo{409, "66", "fully refunded already"}
		case t.Refunded()+fee > t.Amount:
			return nihaoPayNo{402, "67", "refund exceeds the remaining balance"}
		}
		t.Refunds = append(t.Refunds, Refund{
			ID:     fmt.Sprintf("%s%02d", t.SpTradeNo, len(t.Refunds)+1),
			Amount: fee, Currency: t.Currency, Status: "SUCCESS", Created: n.Now(),
		})
		return nil
	})
	if errors.Is(err, ErrNoTrade) {
		return nil, errNihaoPayNone
	} else if err != nil {
		return nil, err
	}
	done := t.Refunds[len(t.Refunds)-1]
	return map[string]any{"id": done.ID, "status": "success", "refunded": true, "transaction_id": t.SpTradeNo}, nil
}

// refunds lists a trade's refunds, newest first.
func (n *nihaoPay) refunds(r *http.Request) (map[string]any, error) {
	t, err := n.Ledger.Find("nihaopay", func(t Trade) bool { return t.SpTradeNo == r.PathValue("id") })
	if err != nil {
		return nil, errNihaoPayNone
	}
	list := []map[string]any{}
	for i := len(t.Refunds) - 1; i >= 0; i-- {
		list = append(list, map[string]any{
			"refund_time": t.Refunds[i].Created.UTC().Format(time.RFC3339), "refund_id": t.Refunds[i].ID,
			"refunded_amount": t.Refunds[i].Amount, "status": "success",
		})
	}
	said := n.trade(t)
	said["refunded_amount"], said["refunds"] = t.Refunded(), list
	return said, nil
}

// Notice implements [Twin]: a form, about successful payments only.
func (n *nihaoPay) Notice(t Trade, refund *Refund) *http.Request {
	if refund != nil || t.State != Paid {
		return nil
	}
	form := url.Values{
		"id": {t.SpTradeNo}, "status": {"success"}, "amount": {strconv.FormatInt(t.Amount, 10)}, "currency": {t.Currency},
		"rmb_amount": {strconv.FormatInt(t.Amount*7, 10)}, "time": {t.PaidAt.UTC().Format(time.RFC3339)}, "reference": {t.No},
		"note": {"null"}, "sys_reserve": {`{"vendor_id":"` + t.TransactionID + `"}`},
	}
	form.Set("verify_sign", nihaoPaySign(form))
	req, err := http.NewRequest(http.MethodPost, t.NotifyURL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

// nihaoPaySign signs all fields by name, but those that say null, and the token's MD5.
func nihaoPaySign(form url.Values) string {
	names := make([]string, 0, len(form))
	for name := range form {
		if form.Get(name) != "null" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	text := ""
	for _, name := range names {
		text += name + "=" + form.Get(name) + "&"
	}
	token := md5.Sum([]byte(nihaoPayToken))
	sum := md5.Sum([]byte(text + hex.EncodeToString(token[:])))
	return hex.EncodeToString(sum[:])
}
