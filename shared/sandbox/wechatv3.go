package sandbox

import (
	"bytes"
	"cmp"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// weChatV3 simulates WeChat Pay APIv3 under all three prefixes, for one direct
// merchant or one service provider with one shop. The demo accounts are overseas
// ones in public-key mode; a request that names no public key is answered with the
// platform certificate's serial, as for merchants who still have one. Where the
// facts are silent it chooses the awkward way: a refund is only PROCESSING at
// first, and overseas numbers are called id alone.
type weChatV3 struct {
	Env
	name               string
	mchid, subMchid    string // subMchid: with a service provider
	appid              string // the provider's own, or the direct merchant's
	merchant, platform *rsa.PrivateKey
	mux                *http.ServeMux
}

var _ Twin = (*weChatV3)(nil)

// NewWeChatV3 makes the twin of WeChat Pay APIv3 for a direct merchant.
func NewWeChatV3(env Env) Twin {
	return newWeChatV3(&weChatV3{Env: env, name: "v3", mchid: "1900000009", appid: DemoAppID})
}

// NewWeChatV3SP makes the twin of WeChat Pay APIv3 for a service provider, with
// the appid that WeChat lends to institutions.
func NewWeChatV3SP(env Env) Twin {
	return newWeChatV3(&weChatV3{
		Env: env, name: "v3sp", mchid: "1900000001", subMchid: "1900000002", appid: "wx7bc98d929da735fe",
	})
}

func newWeChatV3(w *weChatV3) *weChatV3 {
	w.merchant, w.platform = wx3Key(wx3MerchantPEM), wx3Key(wx3PlatformPEM)
	w.mux = http.NewServeMux()
	trades := "/v3/pay/transactions"
	if w.subMchid != "" {
		trades = "/v3/pay/partner/transactions"
	}
	w.routes(false, trades, "/v3/refund/domestic/refunds", "/v3/refund/domestic/refunds/{no}", "/v3/certificates")
	for _, p := range []string{"/v3/global", "/hk/v3"} {
		w.routes(true, p+"/transactions", p+"/refunds", p+"/refunds/out-refund-no/{no}", p+"/certificates")
	}
	return w
}

// Name implements [Twin].
func (w *weChatV3) Name() string { return w.name }

// Settings implements [Twin].
func (w *weChatV3) Settings() map[string]any {
	set := map[string]any{
		"mchid": w.mchid, "serial_no": wx3Serial, "private_key": wx3MerchantPEM, "apiv3_key": wx3APIKey,
		"public_key_id": wx3PublicKeyID, "public_key": wx3PublicPEM(w.platform),
		"prefix": "/v3/global", "mcc": "5812", "appid": w.appid,
	}
	if w.subMchid != "" {
		set["sub_mchid"], set["sub_appid"] = w.subMchid, DemoAppID
	}
	return set
}

func (w *weChatV3) account() string {
	if w.subMchid != "" {
		return w.mchid + "/" + w.subMchid
	}
	return w.mchid
}

// wx3No is a refusal. Its tail is the fine-grained number at the end of Request-ID.
type wx3No struct {
	status        int
	code, message string
	tail          int
}

func (no wx3No) Error() string { return no.code + ": " + no.message }

func wx3Bad(message string) wx3No {
	return wx3No{http.StatusBadRequest, "PARAM_ERROR", message, 268435461}
}

var (
	wx3NoOrder  = wx3No{http.StatusNotFound, "ORDER_NOT_EXIST", "订单不存在", 268512771}
	wx3NoRefund = wx3No{http.StatusNotFound, "RESOURCE_NOT_EXISTS", "refund does not exist", 0}
	wx3Paid     = wx3No{http.StatusForbidden, "ORDERPAID", "该订单已支付", 268449538}
	wx3Closed   = wx3No{http.StatusBadRequest, "ORDER_CLOSED", "该订单已关闭", 0}
	wx3Changed  = wx3No{http.StatusBadRequest, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致", 268498688}
	wx3Over     = wx3No{http.StatusBadRequest, "INVALID_REQUEST", "the refund is more than what is left", 0}
	wx3Unpaid   = wx3No{http.StatusBadRequest, "INVALID_REQUEST", "the order is not paid", 0}
)

// wx3Call is one authorized request. A verb's nil answer is 204.
type wx3Call struct {
	*http.Request
	body     []byte
	overseas bool
}

func (w *weChatV3) routes(overseas bool, trades, refunds, refund, certificates string) {
	verbs := map[string]func(wx3Call) (any, error){
		"POST " + trades + "/jsapi":                   w.create,
		"GET " + trades + "/id/{id}":                  w.query,
		"GET " + trades + "/out-trade-no/{no}":        w.query,
		"POST " + trades + "/out-trade-no/{no}/close": w.close,
		"POST " + refunds:                             w.refund,
		"GET " + refund:                               w.queryRefund,
		"GET " + certificates:                         w.certificates,
	}
	for pattern, verb := range verbs {
		w.mux.HandleFunc(pattern, func(rw http.ResponseWriter, r *http.Request) { w.serve(rw, r, overseas, verb) })
	}
}

// ServeHTTP implements [Twin].
func (w *weChatV3) ServeHTTP(rw http.ResponseWriter, r *http.Request) { w.mux.ServeHTTP(rw, r) }

// serve authorizes a request, calls its verb and signs the answer.
func (w *weChatV3) serve(rw http.ResponseWriter, r *http.Request, overseas bool, verb func(wx3Call) (any, error)) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
	if err == nil {
		err = w.admit(r, body)
	}
	var answer any
	if err == nil {
		answer, err = verb(wx3Call{r, body, overseas})
	}
	status, tail, out := http.StatusOK, 0, []byte(nil)
	var no wx3No
	switch {
	case errors.As(err, &no):
		status, tail, answer = no.status, no.tail, map[string]string{"code": no.code, "message": no.message}
	case err != nil:
		status, answer = http.StatusInternalServerError, map[string]string{"code": "SYSTEM_ERROR", "message": "系统错误"}
	case answer == nil:
		status = http.StatusNoContent
	}
	if answer != nil {
		out = wx3JSON(answer)
		rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.seal(rw.Header(), wx3SealedBy(r), out)
	rw.Header().Set("Request-ID", "08"+strings.ToUpper(w.Nonce())+"-"+strconv.Itoa(tail))
	rw.WriteHeader(status)
	_, _ = rw.Write(out) // a client that went away is no concern of ours
}

// wx3SealedBy is the serial that an answer to a request is signed under.
func wx3SealedBy(r *http.Request) string {
	return cmp.Or(r.Header.Get("Wechatpay-Serial"), wx3CertSerial)
}

// admit checks the headers that every request needs, and its signature.
func (w *weChatV3) admit(r *http.Request, body []byte) error {
	switch {
	case r.Header.Get("Accept") != "application/json" || r.Header.Get("User-Agent") == "":
		return wx3Bad("Accept and User-Agent are required")
	case r.Method == http.MethodPost && r.Header.Get("Content-Type") != "application/json":
		return wx3Bad("Content-Type must be application/json")
	case r.Header.Get("Wechatpay-Serial") != "" && r.Header.Get("Wechatpay-Serial") != wx3PublicKeyID:
		return wx3Bad("Wechatpay-Serial is not one of this merchant's")
	}
	return w.authorize(r, body)
}

// wx3IDs are the members that name an account, in bodies.
type wx3IDs struct {
	AppID    string `json:"appid"`
	MchID    string `json:"mchid"`
	SpAppID  string `json:"sp_appid"`
	SpMchID  string `json:"sp_mchid"`
	SubAppID string `json:"sub_appid"`
	SubMchID string `json:"sub_mchid"`
}

// own reports that the ids are this account's, appids apart.
func (w *weChatV3) own(ids wx3IDs) bool {
	if w.subMchid == "" {
		return ids.MchID == w.mchid && ids.SpMchID == "" && ids.SubMchID == ""
	}
	return ids.MchID == "" && ids.SpMchID == w.mchid && ids.SubMchID == w.subMchid
}

// ownQuery is own for the query string of a GET.
func (w *weChatV3) ownQuery(c wx3Call) error {
	q := c.URL.Query()
	if !w.own(wx3IDs{MchID: q.Get("mchid"), SpMchID: q.Get("sp_mchid"), SubMchID: q.Get("sub_mchid")}) {
		return wx3No{http.StatusForbidden, "NO_AUTH", "another merchant's", 0}
	}
	return nil
}

// wx3Decode reads a body strictly.
func wx3Decode(body []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if dec.Decode(into) != nil {
		return wx3No{http.StatusBadRequest, "PARAM_ERROR", "not JSON, or a member too many", 270924358}
	}
	return nil
}

// certificates serves the platform certificate, encrypted.
func (w *weChatV3) certificates(wx3Call) (any, error) {
	return map[string]any{"data": []any{map[string]any{
		"serial_no": wx3CertSerial, "effective_time": "2020-01-01T08:00:00+08:00", "expire_time": "2060-01-01T08:00:00+08:00",
		"encrypt_certificate": w.encrypt([]byte(wx3Certificate(w.platform)), "certificate"),
	}}}, nil
}

// Notice implements [Twin]. WeChat posts captures and finished refunds only.
func (w *weChatV3) Notice(t Trade, refund *Refund) *http.Request {
	event, kind, to, said := "TRANSACTION.SUCCESS", "transaction", t.NotifyURL, w.trade(t, "SUCCESS")
	if refund != nil {
		event, kind, to, said = "REFUND."+refund.Status, "refund", refund.NotifyURL, w.refundSaid(t, *refund, true)
	}
	if t.State != Paid || to == "" || refund != nil && refund.Status == "PROCESSING" {
		return nil
	}
	resource := w.encrypt(wx3JSON(said), kind)
	resource["original_type"] = kind
	body := wx3JSON(map[string]any{
		"id": "EV-" + w.Nonce(), "create_time": wx3Time(w.Now()), "resource_type": "encrypt-resource",
		"event_type": event, "summary": kind, "resource": resource,
	})
	req, err := http.NewRequest(http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return nil
	}
	req.Header.Set("Content-Type", "application/json")
	w.seal(req.Header, t.Extra["serial"], body)
	return req
}

// wx3Time is RFC 3339 on WeChat's clock.
func wx3Time(t time.Time) string { return t.In(time.FixedZone("", 8*60*60)).Format(time.RFC3339) }

// wx3JSON encodes what this file makes, which always can be.
func wx3JSON(value any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(value)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
