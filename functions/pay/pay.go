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
	"time"

	"overseaspay/functions/internal/caller"
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

type function struct {
	Config
	proof caller.Proof
}

// New makes the handler. It serves POST at any path.
func New(cfg Config) (http.Handler, error) {
	if cfg.Cashier == nil || cfg.Merchants == nil || cfg.Login == nil {
		return nil, errors.New("pay: Cashier, Merchants and Login are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	f := function{cfg, caller.Proof{Merchants: cfg.Merchants, Now: cfg.Now}}
	api := web.API{Auth: f.proof.Auth("login"), Actions: web.Actions{
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

// note puts an order on the request's log line.
func note(ctx context.Context, o *payment.Order) {
	if o == nil {
		return
	}
	v := o.View()
	web.Note(ctx, slog.String("out_trade_no", v.OutTradeNo), slog.String("provider", v.Provider),
		slog.String("trade_state", string(v.TradeState)))
}
