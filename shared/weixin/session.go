package weixin

import (
	"context"
	"fmt"
	"net/url"

	"overseaspay/shared/payment"
)

// Session is who logged in. WeChat's session_key is not among it: it is dropped
// unread.
type Session struct {
	OpenID  string `json:"openid"`  // the user within this mini-program; personal, never logged
	UnionID string `json:"unionid"` // "" unless the mini-program is bound to an open-platform account
}

// Session exchanges the code that wx.login gave the mini-program. A code is good
// once and for 5 minutes; used or expired it is unauthenticated.
func (c *Client) Session(ctx context.Context, appid, secret, code string) (Session, error) {
	if code == "" {
		return Session{}, payment.Errorf(payment.InvalidArgument, "code: required; it comes from wx.login")
	}
	const op = "jscode2session"
	var s Session
	err := c.ask(ctx, op, "/sns/jscode2session", url.Values{
		"appid": {appid}, "secret": {secret}, "js_code": {code}, "grant_type": {"authorization_code"},
	}, nil, &s)
	if err != nil {
		return Session{}, err
	}
	if s.OpenID == "" {
		return Session{}, unusable(op, "no openid in the answer")
	}
	return s, nil
}

func unusable(op, why string) error {
	return payment.Errorf(payment.ProviderUnavailable, "WeChat's answer is of no use; repeat the call").
		Because(fmt.Errorf("weixin: %s: %s", op, why))
}
