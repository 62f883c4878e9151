package sandbox

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"
)

// weChatV2 simulates WeChat Pay APIv2 overseas, for one direct merchant or one
// service provider with one shop. A request's own sign_type rules its answer and
// its order's notices. Where the facts are silent it chooses the awkward way: a
// refunded order's answer states no amounts, and a refund is PROCESSING at first.
// It cannot see a client certificate, so refunds go without.
type weChatV2 struct {
	Env
	name            string
	mchid, subMchid string // subMchid: with a service provider
	appid           string // the provider's own, or the direct merchant's
}

var _ Twin = (*weChatV2)(nil)

const wx2Key = "sandbox-apiv2-key-of-32-bytes-00"

// NewWeChatV2 makes the twin of WeChat Pay APIv2 for a direct merchant.
func NewWeChatV2(env Env) Twin {
	return &weChatV2{Env: env, name: "v2", mchid: "1900000109", appid: DemoAppID}
}

// NewWeChatV2SP makes the twin of WeChat Pay APIv2 for a service provider, with the
// appid that WeChat lends to institutions.
func NewWeChatV2SP(env Env) Twin {
	return &weChatV2{Env: env, name: "v2sp", mchid: "1900000101", subMchid: "1900000102", appid: "wx7bc98d929da735fe"}
}

// Name implements [Twin].
func (w *weChatV2) Name() string { return w.name }

// Settings implements [Twin].
func (w *weChatV2) Settings() map[string]any {
	set := map[string]any{
		"mchid": w.mchid, "key": wx2Key, "sign_type": "HMAC-SHA256", "appid": w.appid,
		"cert": wx2Certificate(wx3Key(wx3MerchantPEM), w.mchid), "cert_key": wx3MerchantPEM,
	}
	if w.subMchid != "" {
		set["sub_mchid"], set["sub_appid"] = w.subMchid, DemoAppID
	}
	return set
}

// wx2Certificate is the merchant's client certificate, the same at every start.
func wx2Certificate(key *rsa.PrivateKey, mchid string) string {
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: mchid},
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC),
		SignatureAlgorithm: x509.SHA256WithRSA,
	}
	der, err := x509.CreateCertificate(nil, cert, cert, &key.PublicKey, key)
	if err != nil {
		panic("sandbox: embedded key: " + err.Error())
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func (w *weChatV2) account() string {
	if w.subMchid != "" {
		return w.mchid + "/" + w.subMchid
	}
	return w.mchid
}

// wx2No is a refusal: with a code in a signed answer, without one on the level of
// transport.
type wx2No struct{ code, message string }

func (no wx2No) Error() string { return no.code + ": " + no.message }

var (
	wx2NoOrder  = wx2No{"ORDERNOTEXIST", "此交易订单号不存在"}
	wx2NoRefund = wx2No{"REFUNDNOTEXIST", "退款单不存在"}
	wx2Paid     = wx2No{"ORDERPAID", "该订单已支付"}
	wx2Closed   = wx2No{"ORDERCLOSED", "该订单已关闭"}
	wx2Changed  = wx2No{"INVALID_REQUEST", "201 商户订单号重复"}
)

// wx2Verb is one path: what it does, and the members it needs and may have beside
// those of every request.
type wx2Verb struct {
	do        func(*weChatV2, map[string]string) (map[string]string, error)
	need, may string
}

var wx2Verbs = map[string]wx2Verb{
	"/pay/unifiedorder": {(*weChatV2).create, "body out_trade_no total_fee spbill_create_ip notify_url trade_type version",
		"sub_appid attach detail fee_type time_start time_expire openid sub_openid"},
	"/pay/orderquery":    {(*weChatV2).query, "", "transaction_id out_trade_no"},
	"/pay/closeorder":    {(*weChatV2).close, "out_trade_no", ""},
	"/secapi/pay/refund": {(*weChatV2).refund, "out_refund_no total_fee refund_fee", "transaction_id out_trade_no refund_fee_type refund_desc notify_url"},
	"/pay/refundquery":   {(*weChatV2).queryRefund, "", "transaction_id out_trade_no out_refund_no refund_id offset"},
}

// ServeHTTP implements [Twin].
func (w *weChatV2) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	verb, ok := wx2Verbs[r.URL.Path]
	if !ok {
		http.NotFound(rw, r)
		return
	}
	asked, err := w.admit(r, verb)
	var said map[string]string
	if err == nil {
		said, err = verb.do(w, asked)
	}
	rw.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = rw.Write(wx2XML("xml", w.answer(asked, said, err))) // a client that went away is no concern of ours
}

// admit reads a request, checks its signature, who sends it, and its members.
func (w *weChatV2) admit(r *http.Request, verb wx2Verb) (map[string]string, error) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil || r.Method != http.MethodPost {
		return nil, wx2No{"", "请使用post方法"}
	}
	asked, err := wx2Parse(raw)
	if err != nil {
		return nil, wx2No{"", "XML格式错误"}
	}
	kind := asked["sign_type"]
	switch {
	case asked["mch_id"] != w.mchid || asked["sub_mch_id"] != w.subMchid:
		return nil, wx2No{"", "商户号mch_id或sub_mch_id不存在"}
	case asked["appid"] != w.appid:
		return nil, wx2No{"", "appid和mch_id不匹配"}
	case kind != "" && kind != "MD5" && kind != "HMAC-SHA256", asked["sign"] != wx2Sign(kind, asked):
		return nil, wx2No{"", "签名错误，请检查后再试"}
	case asked["nonce_str"] == "" || len(asked["nonce_str"]) > 32:
		return asked, wx2No{"LACK_PARAMS", "nonce_str"}
	}
	need := strings.Fields(verb.need)
	known := append(strings.Fields("appid mch_id sub_mch_id sign_type nonce_str sign "+verb.may), need...)
	for name := range asked {
		if !slices.Contains(known, name) {
			return asked, wx2No{"PARAM_ERROR", name + " is not known"}
		}
	}
	for _, name := range need {
		if asked[name] == "" {
			return asked, wx2No{"LACK_PARAMS", name}
		}
	}
	return asked, nil
}

// answer completes what a verb says. A failure on the level of transport is not signed.
func (w *weChatV2) answer(asked, said map[string]string, err error) map[string]string {
	no, refused := err.(wx2No)
	switch {
	case err == nil:
		said["result_code"] = "SUCCESS"
	case !refused:
		said = map[string]string{"result_code": "FAIL", "err_code": "SYSTEMERROR", "err_code_des": "系统错误"}
	case no.code == "":
		return map[string]string{"return_code": "FAIL", "return_msg": no.message}
	default:
		said = map[string]string{"result_code": "FAIL", "err_code": no.code, "err_code_des": no.message}
	}
	said["return_code"], said["return_msg"] = "SUCCESS", "OK"
	said["appid"], said["mch_id"], said["sub_mch_id"] = w.appid, w.mchid, w.subMchid
	said["nonce_str"] = w.Nonce()
	said["sign"] = wx2Sign(asked["sign_type"], said)
	return said
}

// Notice implements [Twin]. WeChat posts captures, which it signs, and finished
// refunds, which it encrypts.
func (w *weChatV2) Notice(t Trade, refund *Refund) *http.Request {
	if t.State != Paid || refund != nil && refund.Status == "PROCESSING" {
		return nil
	}
	to := t.NotifyURL
	said := map[string]string{
		"return_code": "SUCCESS", "appid": w.appid, "mch_id": w.mchid, "sub_mch_id": w.subMchid,
		"sub_appid": t.Extra["sub_appid"], "nonce_str": w.Nonce(),
	}
	if refund != nil {
		to = refund.NotifyURL
		said["req_info"] = wx2Encrypt(wx2XML("root", w.refundNotice(t, *refund)))
	} else {
		for name, value := range w.paid(t) {
			said[name] = value
		}
		said["result_code"] = "SUCCESS"
		said["sign"] = wx2Sign(t.Extra["sign_type"], said)
	}
	req, err := http.NewRequest(http.MethodPost, to, bytes.NewReader(wx2XML("xml", said)))
	if err != nil || to == "" {
		return nil
	}
	req.Header.Set("Content-Type", "text/xml")
	return req
}
