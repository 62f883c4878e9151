// Package caller proves who calls a function, the same way for each: the shop's
// server by its merchant key, a user by the session that login gave. It must not
// know actions beyond their names, nor what they do.
//
//	who := caller.Proof{Merchants: cache, Now: time.Now}
//	api := web.API{Auth: who.Auth("login"), Actions: ...}
package caller

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"overseaspay/shared/cashier"
	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/web"
)

// Proof finds out who calls. Both members are required.
type Proof struct {
	Merchants cashier.Merchants
	Now       func() time.Time
}

// Auth reads the credential: a merchant key or a session. The named actions need
// no session, and an old one does not hinder them.
func (p Proof) Auth(open ...string) web.Auth {
	return func(ctx context.Context, r *http.Request, action string) (web.Caller, error) {
		token, ok := web.Bearer(r)
		key := strings.HasPrefix(token, "sk_")
		switch {
		case !ok, slices.Contains(open, action) && !key:
			return web.Caller{}, nil
		case key:
			return p.server(ctx, token)
		}
		return p.user(ctx, token)
	}
}

func (p Proof) user(ctx context.Context, token string) (web.Caller, error) {
	s, err := web.VerifySession(token, func(name string) ([]string, error) {
		m, err := p.Merchants.Merchant(ctx, name)
		if errors.Is(err, config.ErrNoMerchant) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return Reveal(m.SessionSecrets()), nil
	}, p.Now())
	if err != nil {
		return web.Caller{}, err
	}
	return web.Caller{Role: web.User, Merchant: s.Merchant, AppID: s.AppID, OpenID: s.OpenID}, nil
}

func (p Proof) server(ctx context.Context, key string) (web.Caller, error) {
	wrong := payment.Errorf(payment.Unauthenticated, "the merchant key is not valid")
	name, ok := web.MerchantOfKey(key)
	if !ok {
		return web.Caller{}, wrong
	}
	m, err := p.Merchants.Merchant(ctx, name)
	switch {
	case errors.Is(err, config.ErrNoMerchant):
		return web.Caller{}, wrong
	case err != nil:
		return web.Caller{}, err
	case !m.CheckKey(key):
		return web.Caller{}, wrong
	}
	return web.Caller{Role: web.Server, Merchant: name}, nil
}

// Merchant finds a merchant that a caller names; not_found if there is none.
func (p Proof) Merchant(ctx context.Context, name string) (*config.Merchant, error) {
	m, err := p.Merchants.Merchant(ctx, name)
	if errors.Is(err, config.ErrNoMerchant) {
		return nil, payment.Errorf(payment.NotFound, "merchant: no such merchant")
	}
	return m, err
}

// Cashier is the cashier's view of a caller who has proved to be one.
func (p Proof) Cashier(ctx context.Context, w web.Caller) (cashier.Caller, error) {
	m, err := p.Merchant(ctx, w.Merchant)
	return cashier.Caller{Merchant: m, OpenID: w.OpenID, AppID: w.AppID, ClientIP: w.IP}, err
}

// Reveal are the secrets themselves, for whoever signs with them.
func Reveal(secrets []config.Secret) []string {
	plain := make([]string, len(secrets))
	for i, s := range secrets {
		plain[i] = s.Reveal()
	}
	return plain
}
