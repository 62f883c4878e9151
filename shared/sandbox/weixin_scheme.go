package sandbox

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Scheme is one that was generated.
type Scheme struct {
	OpenLink   string    `json:"openlink"`
	Path       string    `json:"path"`
	Query      string    `json:"query"`
	EnvVersion string    `json:"env_version"`
	Expires    time.Time `json:"expires"`
}

// Entitle lets the mini-program generate schemes, or not, as overseas ones cannot:
// the sandbox begins that way. POST {URL}/weixin/entitled?on=1 does the same.
func (x *Weixin) Entitle(on bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.entitled = on
}

// Schemes are those that were generated, oldest first.
func (x *Weixin) Schemes() []Scheme {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.schemes)
}

func (x *Weixin) postEntitled(w http.ResponseWriter, r *http.Request) {
	on := r.URL.Query().Get("on") == "1"
	x.Entitle(on)
	answer(w, map[string]any{"errcode": 0, "errmsg": "ok", "entitled": on})
}

var (
	schemePath  = regexp.MustCompile(`^[^/?#][^?#]*$`)
	schemeQuery = regexp.MustCompile(`^[0-9A-Za-z!#$&'()*+,/:;=?@._~%-]*$`)
)

func (x *Weixin) generateScheme(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Jump struct {
			Path       string `json:"path"`
			Query      string `json:"query"`
			EnvVersion string `json:"env_version"`
		} `json:"jump_wxa"`
		IsExpire   bool  `json:"is_expire"`
		ExpireType int   `json:"expire_type"`
		ExpireTime int64 `json:"expire_time"`
	}
	appID := x.holder(r.URL.Query().Get("access_token"))
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in)
	now := x.env.Now()
	expires := time.Unix(in.ExpireTime, 0).UTC()
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case appID == "":
		x.refuse(w, 40001, "invalid credential, access_token is invalid or not latest")
	case appID != x.appID || !x.entitled:
		x.refuse(w, 40002, "invalid grant: no permission to generate schemes")
	case err != nil:
		x.refuse(w, 47001, "data format error")
	case !schemePath.MatchString(in.Jump.Path) || strings.Contains(in.Jump.Path, "missing"):
		x.refuse(w, 40165, "invalid weapp pagepath")
	case !schemeQuery.MatchString(in.Jump.Query) || len(in.Jump.Query) > 1024:
		x.refuse(w, 40212, "invalid query")
	case !slices.Contains([]string{"", "release", "trial", "develop"}, in.Jump.EnvVersion):
		x.refuse(w, 85402, "invalid env_version")
	case !in.IsExpire || in.ExpireType != 0 || !expires.After(now.Add(time.Minute)) || expires.After(now.Add(30*24*time.Hour)):
		x.refuse(w, 85401, "invalid expire time")
	default:
		s := Scheme{"weixin://dl/business/?t=" + url.QueryEscape(x.env.Nonce()), in.Jump.Path, in.Jump.Query, in.Jump.EnvVersion, expires}
		x.schemes = append(x.schemes, s)
		answer(w, map[string]any{"errcode": 0, "errmsg": "ok", "openlink": s.OpenLink})
	}
}

// ticket gives service accounts what their pages sign themselves with. A token
// ends the ticket with it, so that one that is asked for again stays the same.
func (x *Weixin) ticket(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch appID := x.holder(q.Get("access_token")); {
	case appID == "":
		x.refuse(w, 40001, "invalid credential, access_token is invalid or not latest")
	case appID == x.appID:
		x.refuse(w, 48001, "api unauthorized")
	case q.Get("type") != "jsapi":
		x.refuse(w, 40097, "invalid type")
	default:
		answer(w, map[string]any{"errcode": 0, "errmsg": "ok", "ticket": "ticket-" + q.Get("access_token"), "expires_in": 7200})
	}
}

// DemoScheme is the part of the demo item about links. host is where scheme is
// served, with its port.
func DemoScheme(host string) map[string]any {
	return map[string]any{
		"pages": []string{"pages/index/index", "pages/goods/goods", "pages/pay/pay"}, "plain_pages": []string{"pages/index/index", "pages/pay/pay"},
		"pay_page": "pages/pay/pay", "public": true, "reuse_seconds": 3600, "hosts": []string{host}, "title": "Demo shop",
		"oa_appid": DemoOAAppID, "oa_appsecret": DemoOAAppSecret, "original_id": "gh_0123456789ab",
	}
}
