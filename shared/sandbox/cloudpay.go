package sandbox

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Credentials of cloudPay's demo account.
const (
	cloudPayEnv      = "demo-7g2k1f"
	cloudPayFunction = "pay"
	cloudPayShop     = "1900000102"
	cloudPayKey      = "sandbox-cloudpay-key-of-the-bridge"
)

// cloudPay simulates three things in a row: the part of api.weixin.qq.com that runs
// cloud functions, the bridge, and WeChat Pay behind the SDK. It gives access tokens
// at its own address. The bridge knows where to post from its deployment alone: here
// /notify/cloudpay/default beside the sandbox, which make run serves.
type cloudPay struct {
	Env
	weixin *Weixin
	notify string
}

var _ Twin = (*cloudPay)(nil)

// NewCloudPay makes the twin of cloudPay.
func NewCloudPay(env Env) Twin {
	c := &cloudPay{Env: env, weixin: NewWeixin(env, DemoAppID, DemoAppSecret)}
	if u, err := url.Parse(env.URL); err == nil {
		u.Path = "/notify/cloudpay/default"
		c.notify = u.String()
	}
	return c
}

// Name implements [Twin].
func (*cloudPay) Name() string { return "cloudpay" }

// Settings implements [Twin].
func (*cloudPay) Settings() map[string]any {
	return map[string]any{
		"env": cloudPayEnv, "function": cloudPayFunction, "sub_mchid": cloudPayShop, "key": cloudPayKey,
		"appid": DemoAppID, "appsecret": DemoAppSecret,
	}
}

// ServeHTTP implements [Twin].
func (c *cloudPay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/tcb/invokecloudfunction" {
		c.weixin.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return
	}
	if code, msg := c.refuses(r, body); code != 0 {
		answer(w, map[string]any{"errcode": code, "errmsg": msg})
		return
	}
	data, _ := json.Marshal(c.bridge(body)) // texts and numbers always encode
	answer(w, map[string]any{"errcode": 0, "errmsg": "ok", "resp_data": string(data)})
}

// refuses says why WeChat does not run the function.
func (c *cloudPay) refuses(r *http.Request, body []byte) (errcode int, errmsg string) {
	q := r.URL.Query()
	switch {
	case r.Method != http.MethodPost:
		return 43002, "require POST method"
	case q.Get("access_token") == "":
		return 41001, "access_token missing"
	case !c.weixin.Accepts(q.Get("access_token")):
		return 40001, "invalid credential, access_token is invalid or not latest"
	case q.Get("env") == "" || q.Get("name") == "":
		return 40101, "missing parameter"
	case len(body) == 0:
		return 44002, "empty post data"
	case !json.Valid(body):
		return 47001, "data format error"
	case q.Get("env") != cloudPayEnv || q.Get("name") != cloudPayFunction:
		return -501000, "resource not found"
	}
	return 0, ""
}

// cloudPayNo is what WeChat Pay says no with.
type cloudPayNo string

func (no cloudPayNo) Error() string { return string(no) }

// bridge checks an event as the cloud function does, and runs its op.
func (c *cloudPay) bridge(body []byte) map[string]any {
	var event struct {
		Op, Nonce, Sign string
		Params          json.RawMessage
		Time            json.Number
	}
	if json.Unmarshal(body, &event) != nil {
		return map[string]any{"errcode": 400, "errmsg": "no such op"}
	}
	text, err := cloudPayStringify(event.Params)
	signed := event.Op + "\n" + event.Time.String() + "\n" + event.Nonce + "\n" + text
	at, timeErr := event.Time.Int64()
	verbs := map[string]func([]byte) (map[string]any, error){
		"unifiedOrder": c.unifiedOrder, "queryOrder": c.queryOrder, "closeOrder": c.closeOrder,
		"refund": c.refund, "queryRefund": c.queryRefund,
	}
	verb, known := verbs[event.Op]
	switch {
	case err != nil || !hmac.Equal([]byte(cloudPayMAC(signed)), []byte(event.Sign)):
		return map[string]any{"errcode": 401, "errmsg": "the signature does not fit"}
	case timeErr != nil || c.Now().Sub(time.Unix(at, 0)).Abs() > 300*time.Second:
		return map[string]any{"errcode": 401, "errmsg": "the call is more than 300 s away from this clock"}
	case !known:
		return map[string]any{"errcode": 400, "errmsg": "no such op"}
	}
	said, err := verb(event.Params)
	if err == errCloudPayShop {
		return map[string]any{"returnCode": "FAIL", "returnMsg": err.Error(), "errMsg": "cloudPay." + event.Op + ":ok"}
	}
	all := map[string]any{
		"returnCode": "SUCCESS", "returnMsg": "OK", "resultCode": "SUCCESS", "errCode": 0, "errMsg": "cloudPay." + event.Op + ":ok",
		"appid": "wxaaaaaaaaaaaaaaaa", "mchId": "1800000001", "subMchId": cloudPayShop, "nonceStr": c.Nonce(),
	}
	if err != nil {
		all["resultCode"], all["errCode"], all["errCodeDes"] = "FAIL", err.Error(), "refused by the sandbox"
	}
	for name, value := range said {
		all[name] = value
	}
	return all
}

func cloudPayMAC(text string) string {
	mac := hmac.New(sha256.New, []byte(cloudPayKey))
	_, _ = io.WriteString(mac, text) // a hash never fails
	return hex.EncodeToString(mac.Sum(nil))
}

// cloudPayStringify writes a flat JSON object as JSON.stringify does after
// JSON.parse: members in order, texts escaped no more than need be.
func cloudPayStringify(raw []byte) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var b strings.Builder
	first, err := dec.Token()
	if err != nil || first != json.Delim('{') {
		return "", errors.New("not an object")
	}
	for sep := "{"; dec.More(); sep = "," {
		name, err := dec.Token()
		if err != nil {
			return "", err
		}
		value, err := dec.Token()
		if err != nil {
			return "", err
		}
		b.WriteString(sep + cloudPayQuote(name.(string)) + ":")
		switch value := value.(type) {
		case string:
			b.WriteString(cloudPayQuote(value))
		case json.Number:
			b.WriteString(value.String())
		default:
			return "", errors.New("neither text nor number")
		}
	}
	return b.String() + "}", nil
}

func cloudPayQuote(text string) string {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}
	var b strings.Builder
	for _, r := range text {
		switch {
		case short[r] != "":
			b.WriteString(short[r])
		case r < ' ':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}

// errCloudPayShop is what comes back for a shop that is not bound to the mini-program.
var errCloudPayShop = cloudPayNo("sub_mch_id与sub_appid不匹配")

// cloudPayParams are the params of every op. Members that are not in it are refused.
type cloudPayParams struct {
	Attach         string `json:"attach"`
	Body           string `json:"body"`
	EnvID          string `json:"envId"`
	FeeType        string `json:"feeType"`
	FunctionName   string `json:"functionName"`
	NonceStr       string `json:"nonceStr"`
	OutRefundNo    string `json:"outRefundNo"`
	OutTradeNo     string `json:"outTradeNo"`
	RefundDesc     string `json:"refundDesc"`
	RefundFee      int64  `json:"refundFee"`
	RefundFeeType  string `json:"refundFeeType"`
	SpbillCreateIP string `json:"spbillCreateIp"`
	SubAppID       string `json:"subAppid"` // the bridge's own, for a shared environment
	SubMchID       string `json:"subMchId"`
	SubOpenID      string `json:"subOpenid"`
	TimeExpire     string `json:"timeExpire"`
	TotalFee       int64  `json:"totalFee"`
	TradeType      string `json:"tradeType"`
	TransactionID  string `json:"transactionId"`
}

// cloudPayRead reads params and checks whose they are.
func cloudPayRead(raw []byte) (p cloudPayParams, err error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	switch {
	case dec.Decode(&p) != nil:
		return p, cloudPayNo("PARAM_ERROR")
	case p.SubMchID != cloudPayShop || p.SubAppID == DemoAppID:
		return p, errCloudPayShop
	case p.NonceStr == "" || len(p.NonceStr) > 32:
		return p, cloudPayNo("LACK_PARAMS")
	}
	return p, nil
}

// cloudPayTime is APIv2's form of a time.
const cloudPayTime = "20060102150405"

var cloudPayZone = time.FixedZone("", 8*60*60)

// unifiedOrder books an order. The identical one again is the same prepay_id.
func (c *cloudPay) unifiedOrder(raw []byte) (map[string]any, error) {
	p, err := cloudPayRead(raw)
	switch {
	case err != nil:
		return nil, err
	case p.Body == "" || p.OutTradeNo == "" || p.SpbillCreateIP == "" || p.SubOpenID == "" || p.FunctionName == "" || p.EnvID == "" || p.TradeType != "JSAPI":
		return nil, cloudPayNo("LACK_PARAMS")
	case p.TotalFee <= 0 || len(p.OutTradeNo) < 6 || len(p.OutTradeNo) > 32 || len([]rune(p.Body)) > 128 || len([]rune(p.Attach)) > 127:
		return nil, cloudPayNo("PARAM_ERROR")
	}
	expires := c.Now().Add(2 * time.Hour)
	if p.TimeExpire != "" {
		if expires, err = time.ParseInLocation(cloudPayTime, p.TimeExpire, cloudPayZone); err != nil {
			return nil, cloudPayNo("PARAM_ERROR")
		}
	}
	p.NonceStr = ""
	same := fmt.Sprintf("%+v", p)
	t, created := c.Ledger.Create(Trade{
		Processor: "cloudpay", Account: cloudPayShop, No: p.OutTradeNo, Method: "wechat",
		Amount: p.TotalFee, Currency: cmp.Or(p.FeeType, "CNY"), Body: p.Body, Attach: p.Attach, OpenID: p.SubOpenID,
		NotifyURL: c.notify, Created: c.Now(), Expires: expires,
		Extra: map[string]string{
			"order": same, "appid": cmp.Or(p.SubAppID, DemoAppID),
			"prepay_id": "wx" + c.Now().In(cloudPayZone).Format(cloudPayTime) + strings.ToLower(c.Nonce())[:18],
		},
	})
	switch {
	case created:
	case t.State == Paid:
		return nil, cloudPayNo("ORDERPAID")
	case t.State == Closed:
		return nil, cloudPayNo("ORDERCLOSED")
	case t.Extra["order"] != same:
		return nil, cloudPayNo("INVALID_REQUEST")
	}
	return map[string]any{
		"tradeType": "JSAPI", "prepayId": t.Extra["prepay_id"], "subAppid": t.Extra["appid"], "payment": c.payment(t),
	}, nil
}

// payment is what wx.requestPayment takes, signed with a key that only Tencent has.
func (c *cloudPay) payment(t Trade) map[string]any {
	sign := md5.Sum([]byte(c.Nonce()))
	return map[string]any{
		"appId": t.Extra["appid"], "timeStamp": strconv.FormatInt(c.Now().Unix(), 10), "nonceStr": c.Nonce(),
		"package": "prepay_id=" + t.Extra["prepay_id"], "signType": "MD5", "paySign": strings.ToUpper(hex.EncodeToString(sign[:])),
	}
}

// named finds the trade that params name.
func (p cloudPayParams) named(t Trade) bool {
	return p.OutTradeNo != "" && t.No == p.OutTradeNo || p.TransactionID != "" && t.TransactionID == p.TransactionID
}

func (c *cloudPay) queryOrder(raw []byte) (map[string]any, error) {
	p, err := cloudPayRead(raw)
	if err != nil {
		return nil, err
	}
	t, err := c.Ledger.Find("cloudpay", p.named)
	if err != nil {
		return nil, cloudPayNo("ORDERNOTEXIST")
	}
	state := map[State]string{Waiting: "NOTPAY", Paid: "SUCCESS", Closed: "CLOSED", Failed: "PAYERROR"}[t.State]
	if len(t.Refunds) > 0 {
		state = "REFUND"
	}
	said := map[string]any{"outTradeNo": t.No, "tradeState": state, "tradeStateDesc": state, "attach": t.Attach}
	if t.State == Paid {
		said = c.captured(t)
		said["tradeState"], said["tradeStateDesc"], said["attach"] = state, state, t.Attach
	}
	return said, nil
}

// captured is what answers and events say of a paid trade. The payer pays in yuan,
// at a rate of this twin's own.
func (c *cloudPay) captured(t Trade) map[string]any {
	said := map[string]any{
		"subAppid": t.Extra["appid"], "openid": "oPlatform" + t.OpenID, "isSubscribe": "N", "subOpenid": t.OpenID, "subIsSubscribe": "N",
		"tradeType": "JSAPI", "bankType": "OTHERS", "totalFee": t.Amount, "feeType": t.Currency, "cashFee": t.Amount, "cashFeeType": "CNY",
		"transactionId": t.TransactionID, "outTradeNo": t.No, "timeEnd": t.PaidAt.In(cloudPayZone).Format(cloudPayTime),
	}
	if t.Currency != "CNY" {
		said["cashFee"], said["rate"] = t.Amount*8, 800_000_000
	}
	return said
}

func (c *cloudPay) closeOrder(raw []byte) (map[string]any, error) {
	p, err := cloudPayRead(raw)
	if err != nil {
		return nil, err
	}
	_, err = c.Ledger.Update("cloudpay", p.named, func(t *Trade) error {
		switch t.State {
		case Paid:
			return cloudPayNo("ORDERPAID")
		case Closed:
			return cloudPayNo("ORDERCLOSED")
		}
		t.State = Closed
		return nil
	})
	if err == ErrNoTrade {
		return nil, cloudPayNo("ORDERNOTEXIST")
	}
	return nil, err
}

// refund books a refund once per outRefundNo. It is under way until the sandbox
// settles it.
func (c *cloudPay) refund(raw []byte) (map[string]any, error) {
	p, err := cloudPayRead(raw)
	switch {
	case err != nil:
		return nil, err
	case p.OutRefundNo == "" || len(p.OutRefundNo) > 64 || p.RefundFee <= 0 || len([]rune(p.RefundDesc)) > 80:
		return nil, cloudPayNo("PARAM_ERROR")
	}
	if _, err := c.Ledger.Find("cloudpay", func(t Trade) bool {
		return !p.named(t) && slices.ContainsFunc(t.Refunds, func(r Refund) bool { return r.No == p.OutRefundNo })
	}); err == nil {
		return nil, cloudPayNo("OUT_REFUND_NO_USED") // by another order
	}
	var booked Refund
	t, err := c.Ledger.Update("cloudpay", p.named, func(t *Trade) error {
		i := slices.IndexFunc(t.Refunds, func(r Refund) bool { return r.No == p.OutRefundNo })
		switch {
		case p.TotalFee != t.Amount || i >= 0 && t.Refunds[i].Amount != p.RefundFee:
			return cloudPayNo("REFUND_FEE_MISMATCH")
		case i >= 0:
			booked = t.Refunds[i]
			return nil
		case t.State != Paid || cmp.Or(p.RefundFeeType, t.Currency) != t.Currency, t.Refunded()+p.RefundFee > t.Amount, len(t.Refunds) >= 50:
			return cloudPayNo("INVALID_REQUEST")
		}
		booked = Refund{
			No: p.OutRefundNo, ID: "50" + t.TransactionID[4:] + strconv.Itoa(len(t.Refunds)),
			Amount: p.RefundFee, Currency: t.Currency, Status: "PROCESSING", Created: c.Now(),
		}
		t.Refunds = append(t.Refunds, booked)
		return nil
	})
	switch {
	case err == ErrNoTrade:
		return nil, cloudPayNo("ORDERNOTEXIST")
	case err != nil:
		return nil, err
	}
	return map[string]any{
		"transactionId": t.TransactionID, "outTradeNo": t.No, "outRefundNo": booked.No, "refundId": booked.ID,
		"refundFee": booked.Amount, "totalFee": t.Amount, "feeType": t.Currency,
	}, nil
}

// queryRefund answers with one refund, or with up to ten of an order, their members
// numbered from 0 as in APIv2. One of WeChat's own desk goes by WeChat's number.
func (c *cloudPay) queryRefund(raw []byte) (map[string]any, error) {
	p, err := cloudPayRead(raw)
	if err != nil {
		return nil, err
	}
	no := func(r Refund) string { return cmp.Or(r.No, r.ID) }
	for _, t := range c.Ledger.Trades() {
		refunds := t.Refunds
		if p.OutRefundNo != "" {
			refunds = slices.DeleteFunc(slices.Clone(refunds), func(r Refund) bool { return no(r) != p.OutRefundNo })
		}
		if t.Processor != "cloudpay" || len(refunds) == 0 || p.OutRefundNo == "" && !p.named(t) {
			continue
		}
		shown := refunds[:min(len(refunds), 10)]
		said := map[string]any{
			"transactionId": t.TransactionID, "outTradeNo": t.No, "totalFee": t.Amount, "feeType": t.Currency,
			"refundCount": len(shown), "totalRefundCount": len(refunds),
		}
		for i, r := range shown {
			at := "_" + strconv.Itoa(i)
			said["outRefundNo"+at], said["refundId"+at], said["refundFee"+at], said["refundStatus"+at] = no(r), r.ID, r.Amount, r.Status
			if r.Status == "SUCCESS" {
				said["refundSuccessTime"+at] = r.Created.In(cloudPayZone).Format(time.DateTime)
			}
		}
		return said, nil
	}
	return nil, cloudPayNo("REFUNDNOTEXIST")
}

// Notice implements [Twin]: the bridge posts WeChat's event. WeChat tells of
// successful payments only.
func (c *cloudPay) Notice(t Trade, refund *Refund) *http.Request {
	if t.State != Paid || refund != nil {
		return nil
	}
	event := c.captured(t)
	for name, value := range map[string]string{
		"returnCode": "SUCCESS", "resultCode": "SUCCESS", "appid": "wxaaaaaaaaaaaaaaaa", "mchId": "1800000001",
		"subMchId": cloudPayShop, "nonceStr": c.Nonce(), "attach": t.Attach,
	} {
		event[name] = value
	}
	body, _ := json.Marshal(event) // texts and numbers always encode
	req, err := http.NewRequest(http.MethodPost, t.NotifyURL, bytes.NewReader(body))
	if err != nil {
		return nil
	}
	stamp := strconv.FormatInt(c.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Bridge-Timestamp", stamp)
	req.Header.Set("X-Bridge-Signature", cloudPayMAC(stamp+"."+string(body)))
	return req
}
