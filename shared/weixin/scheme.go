package weixin

import (
	"context"
	"net/url"
	"strings"
	"time"

	"overseaspay/shared/payment"
)

// SchemeLife is the longest that an encrypted scheme can be good for.
const SchemeLife = 30 * 24 * time.Hour

// schemeMeanings are the errcodes of generatescheme. The token's own (40001, 40014,
// 42001) get here only after one retry with a fresh token.
var schemeMeanings = map[int]meaning{
	busy:  {payment.ProviderUnavailable, "WeChat is busy; repeat the call"},
	40002: {payment.Unsupported, "WeChat does not let this mini-program generate schemes (errcode 40002): overseas and personal ones may not"},
	48001: {payment.Unsupported, "WeChat does not let this mini-program generate schemes (errcode 48001): overseas and personal ones may not"},
	85407: {payment.Unsupported, "WeChat does not let this mini-program generate schemes (errcode 85407): overseas and personal ones may not"},
	40165: {payment.InvalidArgument, "path: no such page in the published mini-program (WeChat's errcode 40165)"},
	85079: {payment.InvalidArgument, "path, env_version: the mini-program has not been published yet (WeChat's errcode 85079)"},
	40212: {payment.InvalidArgument, "query: WeChat refuses it (errcode 40212)"},
	40097: {payment.InvalidArgument, "path, query, env_version, expire_seconds: WeChat refuses one of them (errcode 40097)"},
	85401: {payment.InvalidArgument, "expire_seconds: WeChat takes over 1 minute and up to 30 days (errcode 85401)"},
	85402: {payment.InvalidArgument, "env_version: WeChat does not have that version (errcode 85402)"},
	45009: {payment.TooManyRequests, "WeChat's quota of 500,000 schemes a day is used up (errcode 45009); it starts anew at midnight in Beijing"},
	85400: {payment.TooManyRequests, "WeChat's quota of long-lived schemes is used up (errcode 85400); send a shorter expire_seconds"},
	44990: {payment.TooManyRequests, "over 100 schemes a second (WeChat's errcode 44990); repeat in a moment"},
	40001: {payment.ProviderUnavailable, "WeChat refuses a fresh access token (errcode 40001); repeat the call"},
	40014: {payment.ProviderUnavailable, "WeChat refuses a fresh access token (errcode 40014); repeat the call"},
	42001: {payment.ProviderUnavailable, "WeChat refuses a fresh access token (errcode 42001); repeat the call"},
	40164: {payment.ConfigInvalid, "appid: our address is not in its allow-list in WeChat's console"},
}

// Scheme generates an encrypted scheme of a clean jump that works until expire,
// SchemeLife ahead at most. Each call counts against WeChat's quotas. The error is
// [ErrNotEntitled] where the mini-program may not, and [ErrQuota] where it may not now.
func (c *Client) Scheme(ctx context.Context, appid, secret string, j Jump, expire time.Time) (string, error) {
	const op = "generatescheme"
	jump := map[string]any{"path": j.Path, "query": j.Query}
	if j.EnvVersion != "" {
		jump["env_version"] = j.EnvVersion
	}
	body := encode(map[string]any{ // strings, numbers and a bool
		"jump_wxa": jump, "is_expire": true, "expire_type": 0, "expire_time": expire.Unix(),
	})
	var got struct {
		OpenLink string `json:"openlink"`
	}
	if err := c.authorized(ctx, appid, secret, op, "/wxa/generatescheme", nil, body, &got, schemeMeanings); err != nil {
		return "", err
	}
	if !strings.HasPrefix(got.OpenLink, "weixin://") {
		return "", unusable(op, "no openlink in the answer")
	}
	return got.OpenLink, nil
}

// authorized asks with the account's access token, twice if WeChat refuses that.
func (c *Client) authorized(ctx context.Context, appid, secret, op, path string, query url.Values, body []byte, into any, table map[int]meaning) error {
	var last answer
	_, err := c.Do(ctx, appid, secret, func(ctx context.Context, token string) (int, error) {
		with := url.Values{"access_token": {token}}
		for name, values := range query {
			with[name] = values
		}
		var err error
		last, err = c.twice(ctx, op, path, with, body, into)
		return last.ErrCode, err
	})
	if err == nil && last.ErrCode != 0 {
		err = refusal(op, last, table)
	}
	return err
}
