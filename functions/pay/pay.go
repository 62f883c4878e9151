// Package pay is the function that mini-programs and shops' servers call: login,
// createorder, unifiedorder, queryorder, closeorder, refund, queryrefund. It
// proves who calls and hands over to the cashier; it must not know processors.
//
//	handler, err := pay.New(pay.Config{Cashier: c, Merchants: cache, Login: weixin.Session})
//	http.Handle("/pay", handler)
package pay

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"overseaspay/shared/cashier"
	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/web"
)

// callTime bounds one pay call.
const callTime = 20 * time.Second

// Login turns a code of wx.login into an openid, at the merchant's WeChat servers.
type Login func(ctx context.Context, m *config.Merchant, code string) (openid string, err error)

// Config is what the function is made from; all members are required but Now.
type Config struct {
	Cashier   *cashier.Cashier
	Merchants cashier.Merchants
	Login     Login
	Now       func() time.Time
}

type function struct{ Config }

// New makes the handler. It serves POST at any path.
func New(cfg Config) (http.Handler, error) {
	if cfg.Cashier == nil || cfg.Merchants == nil || cfg.Login == nil {
		return nil, errors.New("pay: Cashier, Merchants and Login are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	f := function{cfg}
	api := web.API{Auth: f.auth, Actions: web.Actions{
		"login":        web.Handle(f.login),
		"createorder":  web.Handle(f.createOrder, web.Server),
		"unifiedorder": web.Handle(f.unifiedOrder, web.User, web.Server),
		"queryorder":   web.Handle(f.queryOrder, web.User, web.Server),
		"closeorder":   web.Handle(f.closeOrder, web.User, web.Server),
		"refund":       web.Handle(f.refund, web.Server),
		"queryrefund":  web.Handle(f.queryRefund, web.Server),
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), callTime)
		defer cancel()
		api.ServeHTTP(w, r.WithContext(ctx))
	}), nil
}

// auth reads the credential: a merchant key or a session. Logging in needs none,
// and an old session does not hinder it.
func (f function) auth(ctx context.Context, r *http.Request, action string) (web.Caller, error) {
	token, ok := web.Bearer(r)
	key := strings.HasPrefix(token, "sk_")
	switch {
	case !ok, action == "login" && !key:
		return web.Caller{}, nil
	case key:
		return f.server(ctx, token)
	}
	s, err := web.VerifySession(token, func(name string) ([]string, error) {
		m, err := f.Merchants.Merchant(ctx, name)
		if errors.Is(err, config.ErrNoMerchant) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return reveal(m.SessionSecrets()), nil
	}, f.Now())
	if err != nil {
		return web.Caller{}, err
	}
	return web.Caller{Role: web.User, Merchant: s.Merchant, AppID: s.AppID, OpenID: s.OpenID}, nil
}

func (f function) server(ctx context.Context, key string) (web.Caller, error) {
	wrong := payment.Errorf(payment.Unauthenticated, "the merchant key is not valid")
	name, ok := web.MerchantOfKey(key)
	if !ok {
		return web.Caller{}, wrong
	}
	m, err := f.Merchants.Merchant(ctx, name)
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

func reveal(secrets []config.Secret) []string {
	plain := make([]string, len(secrets))
	for i, s := range secrets {
		plain[i] = s.Reveal()
	}
	return plain
}

// caller is the cashier's view of who calls.
func (f function) caller(ctx context.Context, w web.Caller) (cashier.Caller, error) {
	m, err := f.merchant(ctx, w.Merchant)
	return cashier.Caller{Merchant: m, OpenID: w.OpenID, AppID: w.AppID, ClientIP: w.IP}, err
}

func (f function) merchant(ctx context.Context, name string) (*config.Merchant, error) {
	m, err := f.Merchants.Merchant(ctx, name)
	if errors.Is(err, config.ErrNoMerchant) {
		return nil, payment.Errorf(payment.NotFound, "merchant: no such merchant")
	}
	return m, err
}

// note puts an order on the request's log line.
func note(ctx context.Context, o *payment.Order) {
	if o == nil {
		return
	}
	v := o.View()
	web.Note(ctx, slog.String("out_trade_no", v.OutTradeNo), slog.String("provider", v.Provider),
		slog.String("trade_state", string(v.TradeState)))
}
