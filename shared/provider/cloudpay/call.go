package cloudpay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// runTime bounds one invocation: WeChat stops the function after 5 s.
const runTime = 6 * time.Second

// event is what the bridge is called with.
type event struct {
	Op     string          `json:"op"`
	Params json.RawMessage `json:"params"`
	Time   int64           `json:"time"` // unix seconds
	Nonce  string          `json:"nonce"`
	Sign   string          `json:"sign"`
}

// sign is the event's signature with a key.
func (e event) sign(key string) string {
	return wire.HMAC(key, e.Op+"\n"+strconv.FormatInt(e.Time, 10)+"\n"+e.Nonce+"\n"+string(e.Params))
}

// invocation is WeChat's answer to one.
type invocation struct {
	ErrCode  int    `json:"errcode"`
	RespData string `json:"resp_data"` // what the function returned, as JSON
}

// call has the bridge do one op of the SDK, for a payer's mini-program, and returns
// the members of a good result. Empty params are left out.
func (c *client) call(ctx context.Context, op, verb, appID string, params map[string]any) (map[string]string, error) {
	params["subMchId"] = c.set.SubMchID
	if appID != c.set.AppID {
		params["subAppid"] = appID
	}
	maps.DeleteFunc(params, func(_ string, value any) bool { return value == "" })
	text, err := stringify(params)
	if err != nil {
		return nil, provider.Errorf(provider.NotSent, op, "the request cannot be written as JSON")
	}
	var got invocation
	code, err := c.weixin.Do(ctx, c.set.AppID, c.set.AppSecret, func(ctx context.Context, token string) (code int, err error) {
		got, err = c.invoke(ctx, op, token, verb, text)
		return got.ErrCode, err
	})
	var own *provider.Error
	switch {
	case errors.As(err, &own):
		return nil, own
	case err != nil:
		return nil, noToken(op, err)
	case code != 0:
		return nil, c.notRun(op, code)
	}
	return c.result(op, got.RespData)
}

// invoke signs an event afresh and runs the function with it once.
func (c *client) invoke(ctx context.Context, op, token, verb string, params []byte) (invocation, error) {
	e := event{Op: verb, Params: params, Time: c.now().Unix(), Nonce: c.nonce()}
	e.Sign = e.sign(c.set.Key)
	body, err := stringify(e)
	if err != nil {
		return invocation{}, provider.Errorf(provider.NotSent, op, "the request cannot be written as JSON")
	}
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	query := url.Values{"access_token": {token}, "env": {c.set.Env}, "name": {c.set.Function}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint+"?"+query.Encode(), bytes.NewReader(body))
	if err != nil {
		return invocation{}, provider.Errorf(provider.NotSent, op, "no request can be made for base_url")
	}
	req.Header.Set("Content-Type", "application/json")
	reply, err := wire.Do(&c.http, req, op)
	switch {
	case err != nil:
		return invocation{}, err
	case reply.Status != http.StatusOK: // WeChat refuses with 200
		return invocation{}, provider.Errorf(provider.Unknown, op, "HTTP %d", reply.Status)
	}
	var got invocation
	if err := wire.JSON(op, reply.Body, &got); err != nil {
		return invocation{}, err
	}
	return got, nil
}

// asJS mends where Go's encoder differs from JSON.stringify. An escaped backslash
// is passed over whole, so that the text "\u2028" of seven bytes stays itself.
var asJS = strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029", `\ufffd`, "\ufffd")

// stringify writes what JSON.stringify writes, to the byte; members of a map sorted.
func stringify(value any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	return []byte(asJS.Replace(strings.TrimSuffix(b.String(), "\n"))), nil
}

// noToken is why there was no access token: nothing was asked of the bridge.
func noToken(op string, err error) error {
	why := payment.AsError(err)
	e := &provider.Error{Kind: provider.NotSent, Op: op, Message: "no access token: " + why.Message, Err: err}
	switch why.Code {
	case payment.ConfigInvalid:
		e.Kind, e.Message = provider.Denied, "no access token, mend providers.cloudpay.appid and appsecret (or the item's): "+why.Message
	case payment.TooManyRequests:
		e.Kind = provider.Busy
	}
	return e
}

// notRun is an errcode instead of a function's answer.
func (c *client) notRun(op string, code int) error {
	means, ok := errcodes[code]
	if !ok {
		c.counted("unmapped", "cloudpay: errcode "+strconv.Itoa(code))
		means = meaning{provider.Unknown, "the cloud function did not run to its end; check providers.cloudpay.env and function, and the function's log"}
	}
	return &provider.Error{Kind: means.kind, Op: op, Code: strconv.Itoa(code), Message: means.message}
}

// result reads what the function returned. It is good with both codes SUCCESS.
func (c *client) result(op, data string) (map[string]string, error) {
	m, err := wire.Flat([]byte(data))
	switch {
	case err != nil:
		return nil, provider.Errorf(provider.Unknown, op, "the bridge's answer is not the SDK's result")
	case m["returnCode"] != "SUCCESS" || m["resultCode"] != "SUCCESS":
		return nil, c.refusal(op, m)
	case !agrees(m["subMchId"], c.set.SubMchID):
		return nil, provider.Errorf(provider.Unknown, op, "the answer speaks for another merchant")
	}
	return m, nil
}

// agrees reports that a member is not stated, or is as it must be.
func agrees(said, want string) bool { return said == "" || said == want }
