package latipay

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"

	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// sign is the signature of a request, and presumably of an answer's paydata.
func (c *client) sign(members map[string]string) string {
	return wire.HMAC(c.Key, wire.Pairs(members, func(name, value string) bool {
		return name != "signature" && value != ""
	})+c.Key)
}

// signTrade is the signature of what answers and notices say about a trade.
func (c *client) signTrade(got map[string]string, amount string) string {
	return wire.HMAC(c.Key, got["merchant_reference"]+got["payment_method"]+got["status"]+got["currency"]+amount)
}

// post signs members, leaves out empty ones and sends them once.
func (c *client) post(ctx context.Context, op, path string, members map[string]string) (map[string]string, error) {
	members["user_id"] = c.UserID
	members["signature"] = c.sign(members)
	maps.DeleteFunc(members, func(_, value string) bool { return value == "" })
	body, _ := json.Marshal(members) // texts always encode
	return c.call(ctx, op, http.MethodPost, path, body)
}

// call sends a request once. An answer to a question may lack the code.
func (c *client) call(ctx context.Context, op, method, path string, body []byte) (map[string]string, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, provider.Errorf(provider.NotSent, op, "no request can be made for base_url")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/json;charset=UTF-8")
	reply, err := wire.Do(c.http, req, op)
	if err != nil {
		return nil, err
	}
	got, err := wire.Flat(reply.Body)
	switch {
	case reply.Status != http.StatusOK, err != nil:
		return nil, provider.Errorf(provider.Unknown, op, "HTTP %d, and the answer is not the JSON that is documented", reply.Status)
	case got["code"] != "0" && (got["code"] != "" || got["status"] == ""):
		return nil, c.failure(op, got["code"], got["message"])
	}
	return got, nil
}

// codes are what Latipay's error codes mean, of all interfaces in one list: 3, 110,
// 900 and 901 belong to a cancel. "failure" (1) does not say what, nor how far.
var codes = map[string]provider.Kind{
	"1": provider.Unknown, "3": provider.Declined, "110": provider.Denied, "201": provider.NotFound,
	"204": provider.Declined, "205": provider.Denied, "206": provider.Denied, "207": provider.Declined,
	"300": provider.NotSupported, "301": provider.Denied, "302": provider.NotSupported, "303": provider.NotSupported,
	"304": provider.NotSupported, "305": provider.Denied, "450": provider.Denied, "454": provider.Declined,
	"550": provider.Declined, "551": provider.NotFound, "556": provider.Declined, "558": provider.NotFound,
	"559": provider.NotEnough, "562": provider.Unknown, "900": provider.AlreadyPaid, "901": provider.Declined,
}

// blames is the setting that a refused account is about.
var blames = map[string]string{"110": "user_id", "205": "user_id", "206": "key", "301": "wallets", "305": "user_id", "450": "wallets"}

// failure is the error of a code; one that is not in the table leaves the outcome open.
func (c *client) failure(op, code, message string) error {
	kind, known := codes[code]
	switch {
	case !known:
		c.counted("unmapped", "latipay: code "+wire.Clip(code))
	case kind == provider.Denied: // its own words may quote what was signed
		message = "latipay refused our account: check providers.latipay." + blames[code]
	}
	return &provider.Error{Kind: kind, Op: op, Code: wire.Clip(code), Message: wire.Clip(message)}
}
