package yaband

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"regexp"

	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// call signs data, without its empty members, posts it once and returns the members of the answer's data.
func (c *client) call(ctx context.Context, op, method string, data map[string]string) (map[string]string, error) {
	maps.DeleteFunc(data, func(_, value string) bool { return value == "" })
	r := request{User: c.mchid, Method: method, Time: c.now().Unix(), Data: data}
	r.Sign = r.sign(c.key)
	body, err := json.Marshal(r)
	if err != nil {
		return nil, provider.Errorf(provider.NotSent, op, "the request cannot be written as JSON")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, provider.Errorf(provider.NotSent, op, "no request can be made for base_url")
	}
	req.Header.Set("Content-Type", "application/json")
	reply, err := wire.Do(c.http, req, op)
	switch {
	case err != nil:
		return nil, err
	case reply.Status/100 != 2: // refusals come as 2xx; what else speaks here is not YabandPay's application
		return nil, provider.Errorf(provider.Unknown, op, "HTTP %d", reply.Status)
	}
	return answer(op, reply.Body)
}

// speaksOfCredentials tells a refusal of the account from others; no list of codes is published.
var speaksOfCredentials = regexp.MustCompile(`(?i)\b(sign|signature|user)\b|签名`)

// refusal is the error of a business answer that says no. One that speaks of trouble at
// YabandPay leaves open what it did.
func refusal(op, code, message string) error {
	e := provider.Errorf(provider.Declined, op, "%s", wire.Clip(message))
	if wire.SpeaksOfTrouble.MatchString(message) {
		e.Kind = provider.Unknown
	}
	if speaksOfCredentials.MatchString(message) { // its own words may quote what was signed
		e = provider.Errorf(provider.Denied, op, "yaband refused our credentials: check providers.yaband.mchid and key")
	}
	e.Code = wire.Clip(code)
	return e
}

// unanswered turns the refusal of a question into what it says about the trade:
// that it is not known, or nothing at all.
func unanswered(err error) error {
	var e *provider.Error
	if errors.As(err, &e) && e.Kind == provider.Declined {
		e.Kind = provider.Unknown
		if wire.SpeaksOfAbsence.MatchString(e.Message) {
			e.Kind = provider.NotFound
		}
	}
	return err
}
