// Package wiring puts the parts of a Lambda function together from its
// environment, the same way for each. Nothing here is on a request's path.
package wiring

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"overseaspay/shared/cashier"
	"overseaspay/shared/config"
	"overseaspay/shared/config/ssm"
	"overseaspay/shared/payment"
	"overseaspay/shared/provider/all"
	"overseaspay/shared/store/dynamo"
	"overseaspay/shared/web"
	"overseaspay/shared/weixin"
)

// configLife is how long a function serves from a config item before it looks again.
const configLife = 60 * time.Second

// Parts are what functions are made from.
type Parts struct {
	Log       *slog.Logger
	Store     *dynamo.Store
	Merchants *config.Cache
	Cashier   *cashier.Cashier
	HTTP      *http.Client // the process's one client
}

// New reads the environment of the contract: the three tables, CONFIG_ID,
// NOTIFY_URL where the function has it, and the AWS SDK's own variables.
func New() (*Parts, error) {
	log := web.NewLog(os.Stderr, slog.LevelInfo)
	client, err := dynamo.NewClient(os.Getenv, nil)
	if err != nil {
		return nil, err
	}
	store, err := dynamo.New(dynamo.Config{Client: client, OrdersTable: os.Getenv("ORDERS_TABLE"),
		ConfigTable: os.Getenv("CONFIG_TABLE"), LinksTable: os.Getenv("LINKS_TABLE")})
	if err != nil {
		return nil, err
	}
	outbound := Client()
	secrets, err := ssm.FromEnv(os.Getenv, outbound)
	if err != nil {
		return nil, err
	}
	id := os.Getenv("CONFIG_ID")
	if id == "" {
		id = "payment"
	}
	merchants, err := config.NewCache(config.CacheConfig{Store: store, ID: id, Life: configLife, Log: log,
		Env: config.Env{Registry: all.Registry(), HTTP: outbound, Secrets: secrets, Counted: Counted(log)}})
	if err != nil {
		return nil, err
	}
	c, err := cashier.New(cashier.Config{Store: store, Merchants: merchants, Log: log,
		NotifyURL: strings.TrimSuffix(os.Getenv("NOTIFY_URL"), "/")})
	return &Parts{log, store, merchants, c, outbound}, err
}

// Client is the one HTTP client of a process: it keeps connections to processors
// alive, follows no redirects, and leaves deadlines to the callers' contexts.
func Client() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 16
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Counted logs what a processor's package wants an operator to see.
func Counted(log *slog.Logger) func(provider, metric, detail string) {
	return func(provider, metric, detail string) {
		log.Warn("counted", "metric", metric, "provider", provider, "detail", detail)
	}
}

// Login asks the merchant's WeChat servers who a code belongs to.
func Login(client *http.Client) func(context.Context, *config.Merchant, string) (string, error) {
	return func(ctx context.Context, m *config.Merchant, code string) (string, error) {
		w, err := weixin.New(weixin.Config{BaseURL: m.Item.WeixinBaseURL, HTTP: client})
		if err != nil {
			return "", err
		}
		if m.Item.AppID == "" || m.Item.AppSecret == "" {
			return "", payment.Errorf(payment.ConfigInvalid, "appid, appsecret: needed to log users in")
		}
		s, err := w.Session(ctx, m.Item.AppID, m.Item.AppSecret.Reveal(), code)
		return s.OpenID, err
	}
}
