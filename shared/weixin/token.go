package weixin

import (
	"context"
	"time"

	"overseaspay/shared/payment"
)

// margin is how long before its end a token is no longer used. It must stay under
// 300 s: until then WeChat answers with the very same token, and a larger margin
// would ask for it again at every call.
const margin = 200 * time.Second

// account is whose token it is. The secret is part of it, so that a wrong one
// never gets the token that the right one fetched.
type account struct{ appid, secret string }

// slot holds one account's token or ticket. Who has put something into turn may use the rest:
// one fetch at a time, the others wait for its result.
type slot struct {
	turn  chan struct{}
	token string
	until time.Time
}

// Token is the mini-program's access token, from stable_token in normal mode. It is
// kept per process and has at least 200 s left when it comes out of that cache, or
// as long as WeChat gave it.
func (c *Client) Token(ctx context.Context, appid, secret string) (string, error) {
	return c.token(ctx, account{appid, secret}, "")
}

// Do calls with the access token. If the call says that WeChat refuses the token
// (40001, 40014, 42001), a token is fetched anew, in normal mode, and call is made
// once more. force_refresh is never used: it would break the token for everybody
// else. Do returns what the last call returned.
func (c *Client) Do(ctx context.Context, appid, secret string, call func(ctx context.Context, token string) (errcode int, err error)) (int, error) {
	token, err := c.Token(ctx, appid, secret)
	if err != nil {
		return 0, err
	}
	errcode, err := call(ctx, token)
	if !refused(errcode) {
		return errcode, err
	}
	if token, err = c.token(ctx, account{appid, secret}, token); err != nil {
		return errcode, err
	}
	return call(ctx, token)
}

// refused reports whether an errcode speaks of the token: not the latest, malformed, expired.
func refused(errcode int) bool { return errcode == 40001 || errcode == 40014 || errcode == 42001 }

// token returns the kept token unless it is old or the bad one, else a fetched one.
func (c *Client) token(ctx context.Context, a account, bad string) (string, error) {
	return c.kept(ctx, c.slot(c.tokens, a), bad, func(ctx context.Context) (string, time.Duration, error) { return c.fetch(ctx, a) })
}

// kept returns what a slot holds unless it is old or the bad one, else what fetch
// brings, which is kept for its life less the margin.
func (c *Client) kept(ctx context.Context, s *slot, bad string, fetch func(context.Context) (string, time.Duration, error)) (string, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return "", payment.Errorf(payment.ProviderUnavailable, "WeChat took too long; repeat the call").Because(ctx.Err())
	}
	now := c.now()
	if s.token != "" && s.token != bad && now.Before(s.until) {
		return s.token, nil
	}
	s.token = ""
	token, life, err := fetch(ctx)
	if err != nil {
		return "", err
	}
	s.token, s.until = token, now.Add(life-margin)
	return token, nil
}

func (c *Client) slot(slots map[account]*slot, a account) *slot {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := slots[a]
	if s == nil {
		s = &slot{turn: make(chan struct{}, 1)}
		slots[a] = s
	}
	return s
}

func (c *Client) fetch(ctx context.Context, a account) (token string, life time.Duration, err error) {
	const op = "stable_token"
	body := encode(map[string]any{ // strings and a bool
		"grant_type": "client_credential", "appid": a.appid, "secret": a.secret, "force_refresh": false,
	})
	var got struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"` // seconds, up to 7200
	}
	if err := c.ask(ctx, op, "/cgi-bin/stable_token", nil, body, &got); err != nil {
		return "", 0, err
	}
	if got.AccessToken == "" {
		return "", 0, unusable(op, "no access_token in the answer")
	}
	return got.AccessToken, time.Duration(got.ExpiresIn) * time.Second, nil
}
