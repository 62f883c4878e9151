package scheme

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"overseaspay/shared/cashier"
	"overseaspay/shared/config"
	"overseaspay/shared/link"
	"overseaspay/shared/payment"
	"overseaspay/shared/store"
	"overseaspay/shared/web"
	"overseaspay/shared/weixin"
)

type schemeIn struct {
	Merchant      string `json:"merchant"`
	Path          string `json:"path"`
	Query         string `json:"query"`
	EnvVersion    string `json:"env_version"`
	ExpireSeconds *int64 `json:"expire_seconds"`
	Kind          string `json:"kind"`
}

type schemeOut struct {
	OpenLink  string `json:"openlink"`
	Kind      string `json:"kind"`
	ExpiresAt string `json:"expires_at"` // RFC 3339 in UTC; "" for plain
	Reused    bool   `json:"reused"`
}

// scheme makes a scheme: for the shop's server, and for anyone if the shop says so.
func (f *function) scheme(ctx context.Context, who web.Caller, in schemeIn) (schemeOut, error) {
	m, err := f.proof.Merchant(ctx, cmp.Or(who.Merchant, in.Merchant, config.DefaultMerchant))
	if err != nil {
		return schemeOut{}, err
	}
	if err := public(who, m); err != nil {
		return schemeOut{}, err
	}
	kind := cmp.Or(in.Kind, auto)
	if !slices.Contains([]string{auto, encrypted, plain}, kind) {
		return schemeOut{}, invalid("kind: must be auto, encrypted or plain")
	}
	jump, life, err := place(m, in.Path, in.Query, in.EnvVersion, in.ExpireSeconds)
	if err != nil {
		return schemeOut{}, err
	}
	w := wanted{Merchant: m.Name, AppID: m.Item.AppID, Jump: jump, Kind: kind, Caller: cmp.Or(string(who.Role), "anyone") + " " + who.OpenID}
	s, reused, err := f.generate(ctx, m, w, terms{life: life, reuse: time.Duration(m.Item.Scheme.ReuseSeconds) * time.Second, capped: who.Role != web.Server})
	if err != nil {
		return schemeOut{}, err
	}
	out := schemeOut{OpenLink: s.OpenLink, Kind: s.Kind, Reused: reused}
	if !s.Expires.IsZero() {
		out.ExpiresAt = s.Expires.Format(time.RFC3339)
	}
	return out, nil
}

// public refuses callers who are not the shop's server, unless anyone is welcome.
func public(who web.Caller, m *config.Merchant) error {
	switch {
	case who.Role == web.Server || m.Item.Scheme.Public:
		return nil
	case who.Role == web.User:
		return payment.Errorf(payment.Forbidden, "schemes are for the shop's server alone, as scheme.public is not true")
	}
	return payment.Errorf(payment.Unauthenticated, "send Authorization: Bearer with a merchant key, as scheme.public is not true")
}

// place checks where a scheme or a link leads, and for how long.
func place(m *config.Merchant, path, query, env string, seconds *int64) (weixin.Jump, time.Duration, error) {
	jump, err := weixin.Jump{Path: path, Query: query, EnvVersion: env}.Clean()
	if err != nil {
		return jump, 0, err
	}
	if err := offered(m, jump.Path); err != nil {
		return jump, 0, err
	}
	life, err := lifeOf(seconds)
	return jump, life, err
}

func lifeOf(seconds *int64) (time.Duration, error) {
	if seconds == nil {
		return link.MaxLife, nil
	}
	if *seconds < int64(link.MinLife/time.Second) || *seconds > int64(link.MaxLife/time.Second) {
		return 0, invalid("expire_seconds: must be 120 to 2592000 (30 days)")
	}
	return time.Duration(*seconds) * time.Second, nil
}

func invalid(format string, args ...any) error {
	return payment.Errorf(payment.InvalidArgument, format, args...)
}

type linkIn struct {
	Path          string `json:"path"`
	Query         string `json:"query"`
	Title         string `json:"title"`
	Channel       string `json:"channel"`
	ExpireSeconds *int64 `json:"expire_seconds"`
	OutTradeNo    string `json:"out_trade_no"`
}

type linkOut struct {
	ID    string `json:"id"`
	URL   string `json:"url"`
	QRURL string `json:"qr_url"`
}

// link makes a short link, or the payment page of an order.
func (f *function) link(ctx context.Context, who web.Caller, in linkIn) (linkOut, error) {
	m, err := f.proof.Merchant(ctx, who.Merchant)
	if err != nil {
		return linkOut{}, err
	}
	for member, text := range map[string]string{"title": in.Title, "channel": in.Channel} {
		if utf8.RuneCountInString(text) > 64 || !utf8.ValidString(text) {
			return linkOut{}, invalid("%s: must be up to 64 characters", member)
		}
	}
	now := f.Now().UTC()
	l := &link.Link{Merchant: m.Name, Title: in.Title, Channel: in.Channel, OutTradeNo: in.OutTradeNo, TimeCreate: now}
	var life time.Duration
	if in.OutTradeNo == "" {
		life, err = campaign(who, m, in, l)
	} else {
		life, err = f.forOrder(ctx, who, in, l)
	}
	if err != nil {
		return linkOut{}, err
	}
	l.TimeExpire = now.Add(life).Truncate(time.Second)
	if err := f.put(ctx, l); err != nil {
		return linkOut{}, err
	}
	at := f.base(who.Host) + "/" + l.ID
	return linkOut{ID: l.ID, URL: at, QRURL: at + ".svg"}, nil
}

func campaign(who web.Caller, m *config.Merchant, in linkIn, l *link.Link) (time.Duration, error) {
	if who.Role != web.Server {
		return 0, payment.Errorf(payment.Forbidden, "links to pages are for the shop's server alone; name an out_trade_no of your own")
	}
	jump, life, err := place(m, in.Path, in.Query, "", in.ExpireSeconds)
	l.Path, l.Query = jump.Path, jump.Query
	return life, err
}

// forOrder is about an order that must exist and be the caller's. To a user, a
// stranger's order looks like none.
func (f *function) forOrder(ctx context.Context, who web.Caller, in linkIn, l *link.Link) (time.Duration, error) {
	if in.Path != "" || in.Query != "" {
		return 0, invalid("path, query: not with an out_trade_no; its page opens scheme.pay_page")
	}
	if !cashier.IsOutTradeNo(in.OutTradeNo) {
		return 0, payment.Errorf(payment.NotFound, "out_trade_no: no such order")
	}
	web.Note(ctx, slog.String("out_trade_no", in.OutTradeNo))
	o, err := f.Orders.Get(ctx, l.Merchant, in.OutTradeNo)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && who.Role == web.User && o.OpenID != who.OpenID:
		return 0, payment.Errorf(payment.NotFound, "out_trade_no %s: no such order", in.OutTradeNo)
	case err != nil:
		return 0, payment.Errorf(payment.Internal, "the order store did not answer; repeat the call").Because(err)
	}
	l.Key = rand.Text()
	return lifeOf(in.ExpireSeconds)
}

// put stores a link under an id that nobody has.
func (f *function) put(ctx context.Context, l *link.Link) error {
	length := link.Short
	if l.OutTradeNo != "" {
		length = link.Long
	}
	for range 8 {
		l.ID = link.NewID(length)
		err := f.Links.PutLink(ctx, l)
		if err == nil {
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return storeDown(err)
		}
	}
	return payment.Errorf(payment.Internal, "no free id was found; repeat the call")
}

type statsIn struct {
	ID string `json:"id"`
}

type statsOut struct {
	Opens int64              `json:"opens"`
	ByDay map[string]int64   `json:"by_day"` // UTC days
	ByEnv map[link.Env]int64 `json:"by_env"`
}

// stats tells how often a link of the caller's was opened.
func (f *function) stats(ctx context.Context, who web.Caller, in statsIn) (statsOut, error) {
	missing := payment.Errorf(payment.NotFound, "id: no such link")
	if !link.IsID(in.ID) {
		return statsOut{}, missing
	}
	l, opens, err := f.Links.GetLink(ctx, in.ID)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && l.Merchant != who.Merchant:
		return statsOut{}, missing
	case err != nil:
		return statsOut{}, storeDown(err)
	}
	return statsOut{opens.Total, opens.ByDay, opens.ByEnv}, nil
}

type jssdkIn struct {
	Merchant string `json:"merchant"`
	URL      string `json:"url"`
}

type jssdkOut struct {
	AppID     string `json:"appId"`
	Timestamp int64  `json:"timestamp"`
	NonceStr  string `json:"nonceStr"`
	Signature string `json:"signature"`
}

// jssdk signs a page of one of the shop's own hosts for wx.config.
func (f *function) jssdk(ctx context.Context, who web.Caller, in jssdkIn) (jssdkOut, error) {
	m, err := f.proof.Merchant(ctx, cmp.Or(who.Merchant, in.Merchant, config.DefaultMerchant))
	if err != nil {
		return jssdkOut{}, err
	}
	page, err := ownPage(m, in.URL)
	if err != nil {
		return jssdkOut{}, err
	}
	s := &m.Item.Scheme
	if s.OAAppID == "" || s.OAAppSecret == "" {
		return jssdkOut{}, payment.Errorf(payment.ConfigInvalid, "scheme.oa_appid, scheme.oa_appsecret: needed for the JS-SDK")
	}
	client, err := f.weixin.at(m.Item.WeixinBaseURL)
	if err != nil {
		return jssdkOut{}, err
	}
	ticket, err := client.Ticket(ctx, s.OAAppID, s.OAAppSecret.Reveal())
	if errors.Is(err, weixin.ErrQuota) {
		web.Count(ctx, f.Log, "scheme_quota", slog.String("merchant", m.Name))
	}
	if err != nil {
		return jssdkOut{}, err
	}
	out := jssdkOut{AppID: s.OAAppID, Timestamp: f.Now().Unix(), NonceStr: rand.Text()}
	out.Signature = weixin.SignPage(ticket, out.NonceStr, out.Timestamp, page)
	return out, nil
}

// ownPage cuts the fragment off a page's URL and checks that the page is ours.
func ownPage(m *config.Merchant, text string) (string, error) {
	page, _, _ := strings.Cut(text, "#")
	u, err := url.Parse(page)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Host == "", u.User != nil, len(page) > 2048:
		return "", invalid("url: must be the http(s) URL of the page, location.href")
	case !slices.Contains(m.Item.Scheme.Hosts, strings.ToLower(u.Host)):
		return "", payment.Errorf(payment.Forbidden, "url: its host is not in scheme.hosts")
	}
	return page, nil
}

// root is the function's own address: actions, and what browsers ask before them.
func (f *function) root(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions {
		f.preflight(w, r)
		return
	}
	if r.Method == http.MethodPost && r.Header.Get("Origin") != "" {
		var err error
		if r, err = f.share(w, r); err != nil {
			web.Error(w, r, err)
			return
		}
	}
	f.api.ServeHTTP(w, r)
}
