package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The mini-program of the demo item and the service account beside it, known to
// nobody but the sandbox.
const (
	DemoAppID       = "wx5a17d0e4b2c3f691"
	DemoAppSecret   = "5a6e8b0f47c1d2938e7f60a1b4c5d3e2"
	DemoOAAppID     = "wx0c49b7d1e85f2a36"
	DemoOAAppSecret = "0b9d4e27c6f1a853e2d07b94c8a6f135"
)

// Weixin simulates the part of api.weixin.qq.com that a cashier needs: logins,
// access tokens, schemes and JS-SDK tickets. As the real one, it answers 200
// text/plain and hides what went wrong in errcode.
//
// A login code is any text that was not used before, except "bad". The codes
// "code-alice", "code-alice-2" and so on are all the shopper alice; any other
// code is a shopper of its own.
type Weixin struct {
	env   Env
	appID string // the mini-program's
	mux   *http.ServeMux

	mu       sync.Mutex
	used     map[string]bool       // login codes
	apps     map[string]*weixinApp // by appid
	entitled bool                  // may generate schemes
	schemes  []Scheme
}

// weixinApp is an account with its access tokens.
type weixinApp struct {
	secret string
	token  token     // the latest
	before token     // the one before, while it still works
	forced time.Time // last force_refresh that was heeded
}

type token struct {
	text  string
	until time.Time
}

// NewWeixin makes a twin that knows one mini-program, and the demo's service account.
func NewWeixin(env Env, appID, secret string) *Weixin {
	x := &Weixin{env: env, appID: appID, mux: http.NewServeMux(), used: make(map[string]bool),
		apps: map[string]*weixinApp{DemoOAAppID: {secret: DemoOAAppSecret}, appID: {secret: secret}}}
	x.mux.HandleFunc("GET /sns/jscode2session", x.session)
	x.mux.HandleFunc("POST /cgi-bin/stable_token", x.stableToken)
	x.mux.HandleFunc("GET /cgi-bin/ticket/getticket", x.ticket)
	x.mux.HandleFunc("POST /wxa/generatescheme", x.generateScheme)
	x.mux.HandleFunc("POST /entitled", x.postEntitled)
	return x
}

// ServeHTTP answers a call; r.URL.Path is WeChat's own.
func (x *Weixin) ServeHTTP(w http.ResponseWriter, r *http.Request) { x.mux.ServeHTTP(w, r) }

// OpenID is the openid that the shopper of a login code has in this mini-program.
func (x *Weixin) OpenID(code string) string {
	name := code
	if rest, ok := strings.CutPrefix(code, "code-"); ok {
		name, _, _ = strings.Cut(rest, "-")
	}
	sum := sha256.Sum256([]byte(x.appID + "/" + name))
	return "o" + base64.RawURLEncoding.EncodeToString(sum[:])[:27]
}

// Accepts reports whether a call that carries this access_token is let in.
func (x *Weixin) Accepts(accessToken string) bool { return x.holder(accessToken) != "" }

// holder is the appid whose access_token this is, "" for none.
func (x *Weixin) holder(accessToken string) string {
	now := x.env.Now()
	x.mu.Lock()
	defer x.mu.Unlock()
	for appID, a := range x.apps {
		for _, t := range []token{a.token, a.before} {
			if t.text != "" && t.text == accessToken && now.Before(t.until) {
				return appID
			}
		}
	}
	return ""
}

func (x *Weixin) session(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if code, msg := x.credentials(q.Get("appid"), q.Get("secret")); code != 0 {
		x.refuse(w, code, msg)
		return
	}
	code := q.Get("js_code")
	if code == "" || code == "bad" || q.Get("grant_type") != "authorization_code" {
		x.refuse(w, 40029, "invalid code")
		return
	}
	x.mu.Lock()
	again := x.used[code]
	x.used[code] = true
	x.mu.Unlock()
	if again {
		x.refuse(w, 40163, "code been used")
		return
	}
	key := sha256.Sum256([]byte(x.env.Nonce()))
	answer(w, map[string]any{"openid": x.OpenID(code), "session_key": base64.StdEncoding.EncodeToString(key[:16])})
}

const (
	tokenLife   = 2 * time.Hour
	tokenMargin = 5 * time.Minute  // a new token is given out this long before the old one ends
	forceGap    = 30 * time.Second // force_refresh more often is ignored
)

func (x *Weixin) stableToken(w http.ResponseWriter, r *http.Request) {
	var in struct {
		GrantType    string `json:"grant_type"`
		AppID        string `json:"appid"`
		Secret       string `json:"secret"`
		ForceRefresh bool   `json:"force_refresh"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in); err != nil {
		x.refuse(w, 47001, "data format error")
		return
	}
	if code, msg := x.credentials(in.AppID, in.Secret); code != 0 {
		x.refuse(w, code, msg)
		return
	}
	if in.GrantType != "client_credential" {
		x.refuse(w, 40002, "invalid grant_type")
		return
	}
	t, left := x.current(x.apps[in.AppID], in.ForceRefresh)
	answer(w, map[string]any{"access_token": t.text, "expires_in": int64(left / time.Second)})
}

// current returns the token in force and how long it lasts. Within the last five
// minutes of a token there is a new one, and the old one works on to its end; a
// forced one ends the old one at once.
func (x *Weixin) current(a *weixinApp, force bool) (token, time.Duration) {
	now := x.env.Now()
	x.mu.Lock()
	defer x.mu.Unlock()
	force = force && now.Sub(a.forced) >= forceGap
	if force || a.token.until.Sub(now) <= tokenMargin {
		a.before = a.token
		if force {
			a.before, a.forced = token{}, now
		}
		a.token = token{"90_" + x.env.Nonce() + x.env.Nonce(), now.Add(tokenLife)}
	}
	return a.token, a.token.until.Sub(now)
}

func (x *Weixin) credentials(appID, secret string) (errcode int, errmsg string) {
	a := x.apps[appID] // which never changes
	switch {
	case a == nil:
		return 40013, "invalid appid"
	case secret != a.secret:
		return 40125, "invalid appsecret"
	}
	return 0, ""
}

func (x *Weixin) refuse(w http.ResponseWriter, errcode int, errmsg string) {
	answer(w, map[string]any{"errcode": errcode, "errmsg": errmsg + ", rid: " + x.env.Nonce()[:8]})
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "text/plain")
	_ = json.NewEncoder(w).Encode(value)
}
