package sandbox

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"

	"overseaspay/shared/payment"
)

// Credentials of Latipay's demo account.
const (
	latipayUser = "U000334333"
	latipayKey  = "sandbox-latipay-api-key"
)

// latipayWallets are the demo account's wallets; each has one currency for good.
var latipayWallets = map[string]string{"W00000001": "NZD", "W00000002": "AUD", "W00000003": "CNY"}

// latipayFresh is how long this twin keeps the nonce of a page; nobody says how
// long Latipay does.
const latipayFresh = 15 * time.Minute

// latipay simulates Latipay. Where the facts are silent it chooses the awkward way:
// a merchant_reference is refused the second time, orders never expire, the amounts
// of answers are shortened but signed with two places, and a refund leaves no trace.
type latipay struct{ Env }

var _ Twin = latipay{}

// NewLatipay makes the twin of Latipay.
func NewLatipay(env Env) Twin { return latipay{env} }

// Name implements [Twin].
func (latipay) Name() string { return "latipay" }

// Settings implements [Twin].
func (latipay) Settings() map[string]any {
	wallets := make(map[string]string, len(latipayWallets))
	for wallet, currency := range latipayWallets {
		wallets[currency] = wallet
	}
	return map[string]any{"user_id": latipayUser, "key": latipayKey, "wallets": wallets, "currency": "NZD"}
}

// latipayNo is an answer with an error code.
type latipayNo struct {
	code    int
	message string
}

func (no latipayNo) Error() string { return no.message }

// ServeHTTP implements [Twin].
func (l latipay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if nonce, ok := strings.CutPrefix(r.URL.Path, "/pay/"); ok && r.Method == http.MethodGet {
		l.page(w, r, nonce)
		return
	}
	answer, err := l.handle(r)
	if no, ok := err.(latipayNo); ok {
		answer = map[string]any{"code": no.code, "message": no.message}
	} else if err != nil {
		http.NotFound(w, r)
		return
	} else {
		answer["code"], answer["message"], answer["messageCN"] = 0, "SUCCESS", "操作成功"
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_ = json.NewEncoder(w).Encode(answer) // a client that went away is no concern of ours
}

// handle checks account and signature, and does what the path asks for.
func (l latipay) handle(r *http.Request) (map[string]any, error) {
	verbs := map[string]func(map[string]string) (map[string]any, error){
		"POST /v2/miniapppay": l.mini, "POST /v2/transaction": l.hosted, "POST /refund": l.refund,
	}
	reference, asks := strings.CutPrefix(r.URL.Path, "/v2/transaction/")
	var in map[string]string
	verb, known := verbs[r.Method+" "+r.URL.Path]
	switch {
	case known:
		if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&in); err != nil {
			return nil, latipayNo{207, "parameter error"}
		}
	case asks && r.Method == http.MethodGet:
		q := r.URL.Query()
		verb, in = l.query, map[string]string{"merchant_reference": reference, "user_id": q.Get("user_id"), "signature": q.Get("signature")}
	default:
		return nil, ErrNoTrade
	}
	switch {
	case in["user_id"] != latipayUser:
		return nil, latipayNo{205, "user is not active"}
	case !hmac.Equal([]byte(latipaySign(latipayText(in))), []byte(in["signature"])):
		return nil, latipayNo{206, "signature error"}
	}
	return verb(in)
}

// latipayText is what a request's signature is made of: filled members by name, then the key.
func latipayText(in map[string]string) string {
	var pairs []string
	for name, value := range in {
		if name != "signature" && value != "" {
			pairs = append(pairs, name+"="+value)
		}
	}
	sort.Slice(pairs, func(i, j int) bool {
		return pairs[i][:strings.IndexByte(pairs[i], '=')] < pairs[j][:strings.IndexByte(pairs[j], '=')]
	})
	return strings.Join(pairs, "&") + latipayKey
}

func latipaySign(text string) string {
	mac := hmac.New(sha256.New, []byte(latipayKey))
	_, _ = io.WriteString(mac, text) // a hash never fails
	return hex.EncodeToString(mac.Sum(nil))
}

func latipayRequire(in map[string]string, names ...string) error {
	for _, name := range names {
		if in[name] == "" {
			return latipayNo{204, name + " is null"}
		}
	}
	return nil
}

// mini makes an order inside the mini-program.
func (l latipay) mini(in map[string]string) (map[string]any, error) {
	if err := latipayRequire(in, "app_id", "open_id", "notify_url"); err != nil {
		return nil, err
	}
	t, err := l.create(in, "wechat", in["notify_url"])
	if err != nil {
		return nil, err
	}
	data := map[string]string{
		"order_id": t.SpTradeNo, "nonce": t.Extra["nonce"], "payment_method": "wechat", "amount": latipayShort(t),
		"currency": t.Currency, "product_name": t.Body, "user_id": latipayUser, "wallet_id": in["wallet_id"],
		"merchant_reference": t.No, "currency_rate": "4.16220",
	}
	signature := latipaySign(latipayText(data))
	paydata := map[string]any{"signature": signature, "qr_code": nil, "qr_code_url": nil}
	for name, value := range data {
		paydata[name] = value
	}
	paydata["amount"] = json.Number(data["amount"])
	return map[string]any{
		"payment": map[string]string{
			"timeStamp": strconv.FormatInt(l.Now().Unix(), 10), "nonceStr": l.Nonce(),
			"packageStr": "prepay_id=wx" + t.Extra["nonce"], "signType": "MD5", "paySign": strings.ToLower(l.Nonce()),
		},
		"paydata":     paydata,
		"gatewaydata": map[string]string{"sub_appid": in["app_id"], "trade_type": "JSAPI"},
	}, nil
}

// hosted makes an order that is paid at a page.
func (l latipay) hosted(in map[string]string) (map[string]any, error) {
	if err := latipayRequire(in, "payment_method", "callback_url", "ip", "version"); err != nil {
		return nil, err
	}
	method, ok := map[string]string{"alipay": "alipay", "upi_upop": "unionpay"}[in["payment_method"]]
	ip, err := netip.ParseAddr(in["ip"])
	switch {
	case !ok:
		return nil, latipayNo{303, "payment type error"}
	case err != nil || !ip.Is4() || in["version"] != "2.0":
		return nil, latipayNo{207, "parameter error"}
	}
	t, err := l.create(in, method, in["callback_url"])
	if err != nil {
		return nil, err
	}
	host := l.URL + "/latipay/pay"
	return map[string]any{"host_url": host, "nonce": t.Extra["nonce"], "signature": latipaySign(t.Extra["nonce"] + host)}, nil
}

// create books a trade in the wallet's currency.
func (l latipay) create(in map[string]string, method, notify string) (Trade, error) {
	if err := latipayRequire(in, "wallet_id", "amount", "merchant_reference", "product_name"); err != nil {
		return Trade{}, err
	}
	currency, ok := latipayWallets[in["wallet_id"]]
	if !ok {
		return Trade{}, latipayNo{450, "wallet is not assigned to the user"}
	}
	total, err := payment.ParseDecimal(in["amount"], currency)
	to, bad := url.Parse(notify)
	if err != nil || total.Amount == 0 || bad != nil || to.Host == "" {
		return Trade{}, latipayNo{207, "parameter error"}
	}
	word := in["payment_method"]
	if word == "" {
		word = method
	}
	nonce := l.Nonce()
	t, fresh := l.Ledger.Create(Trade{
		Processor: "latipay", Account: latipayUser, No: in["merchant_reference"], Method: method,
		SpTradeNo: l.Now().UTC().Format("20060102") + strings.ToLower(nonce[len(nonce)-12:]),
		Amount:    total.Amount, Currency: currency, Body: in["product_name"], OpenID: in["open_id"],
		NotifyURL: notify, RedirectURL: in["return_url"], Created: l.Now(),
		Extra: map[string]string{"nonce": nonce, "payment_method": word},
	})
	if !fresh {
		return Trade{}, latipayNo{207, "merchant_reference exists"}
	}
	return t, nil
}

// page leads the shopper's browser to the checkout while its nonce is fresh.
func (l latipay) page(w http.ResponseWriter, r *http.Request, nonce string) {
	t, err := l.Ledger.Find("latipay", func(t Trade) bool { return t.Extra["nonce"] == nonce })
	if err != nil || l.Now().Sub(t.Created) > latipayFresh {
		http.Error(w, "Latipay: the nonce is not fresh", http.StatusGone)
		return
	}
	http.Redirect(w, r, l.URL+"/checkout/latipay/"+t.SpTradeNo, http.StatusFound)
}

// query says where a trade stands, in the three words that answers know.
func (l latipay) query(in map[string]string) (map[string]any, error) {
	t, err := l.Ledger.Find("latipay", func(t Trade) bool { return t.No == in["merchant_reference"] })
	if err != nil {
		return nil, latipayNo{201, "order does not exist"}
	}
	word := map[State]string{Waiting: "pending", Paid: "paid", Closed: "failed", Failed: "failed"}[t.State]
	answer := map[string]any{
		"merchant_reference": t.No, "currency": t.Currency, "amount": json.Number(latipayShort(t)),
		"payment_method": t.Extra["payment_method"], "status": word, "pay_time": latipayTime(t), "order_id": t.SpTradeNo,
		"signature": latipaySign(latipayTrade(t, word)),
	}
	return answer, nil
}

// refund gives money back at once, up to what was paid.
func (l latipay) refund(in map[string]string) (map[string]any, error) {
	if err := latipayRequire(in, "order_id", "refund_amount"); err != nil {
		return nil, err
	}
	_, err := l.Ledger.Update("latipay", func(t Trade) bool { return t.SpTradeNo == in["order_id"] }, func(t *Trade) error {
		fee, err := payment.ParseDecimal(in["refund_amount"], t.Currency)
		if err != nil || fee.Amount == 0 || t.State != Paid || t.Refunded()+fee.Amount > t.Amount {
			return latipayNo{550, "refund parameters error"}
		}
		t.Refunds = append(t.Refunds, Refund{ID: in["reference"], Amount: fee.Amount, Currency: t.Currency, Status: "SUCCESS", Created: l.Now()})
		return nil
	})
	if errors.Is(err, ErrNoTrade) {
		return nil, latipayNo{551, "order does not exist"}
	}
	return map[string]any{}, err
}

// Notice implements [Twin]: a form, about payments only.
func (l latipay) Notice(t Trade, refund *Refund) *http.Request {
	if refund != nil {
		return nil
	}
	word := map[State]string{Waiting: "pending", Paid: "paid", Closed: "canceled", Failed: "rejected"}[t.State]
	form := url.Values{
		"merchant_reference": {t.No}, "order_id": {t.SpTradeNo}, "currency": {t.Currency}, "amount": {latipayLong(t)},
		"payment_method": {t.Extra["payment_method"]}, "status": {word}, "pay_time": {latipayTime(t)},
		"signature": {latipaySign(latipayTrade(t, word))},
	}
	req, err := http.NewRequest(http.MethodPost, t.NotifyURL, bytes.NewReader([]byte(form.Encode())))
	if err != nil {
		return nil
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

// latipayTrade is what the signature of answers and notices is made of.
func latipayTrade(t Trade, word string) string {
	return t.No + t.Extra["payment_method"] + word + t.Currency + latipayLong(t)
}

// latipayLong writes an amount with two places; all wallets' currencies have them.
func latipayLong(t Trade) string { return fmt.Sprintf("%d.%02d", t.Amount/100, t.Amount%100) }

// latipayShort writes it as a server does that keeps numbers: 0.1 for 0.10.
func latipayShort(t Trade) string {
	return strings.TrimRight(strings.TrimRight(latipayLong(t), "0"), ".")
}

// latipayTime is the wall clock in GMT+8, "" before payment.
func latipayTime(t Trade) string {
	if t.PaidAt.IsZero() {
		return ""
	}
	return t.PaidAt.In(time.FixedZone("GMT+8", 8*60*60)).Format(time.DateTime)
}
