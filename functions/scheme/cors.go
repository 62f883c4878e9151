package scheme

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"overseaspay/shared/config"
	"overseaspay/shared/web"
)

// preflight tells a browser whether a page may post here. As the body is not there
// yet, a merchant other than the default one is named in the URL, ?merchant=.
// Authorization is not among the headers: no key of a server belongs into a page.
func (f *function) preflight(w http.ResponseWriter, r *http.Request) {
	if !f.allow(w, r, r.URL.Query().Get("merchant")) {
		http.Error(w, "this page's host is not in scheme.hosts", http.StatusForbidden)
		return
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", http.MethodPost)
	h.Set("Access-Control-Allow-Headers", "Content-Type")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// share lets a page of the shop's read the reply to jssdk and to anonymous scheme.
func (f *function) share(w http.ResponseWriter, r *http.Request) (*http.Request, error) {
	body, err := web.Body(w, r)
	if err != nil {
		return r, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	var to struct{ Action, Merchant string }
	_ = json.Unmarshal(body, &to) // what is wrong with it is said later
	_, credential := web.Bearer(r)
	if to.Action == "jssdk" || to.Action == "scheme" && !credential {
		f.allow(w, r, cmp.Or(to.Merchant, r.URL.Query().Get("merchant")))
	}
	return r, nil
}

// allow names the page's origin in the reply if its host is the merchant's.
func (f *function) allow(w http.ResponseWriter, r *http.Request, merchant string) bool {
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Scheme+"://"+u.Host != origin {
		return false
	}
	m, err := f.Merchants.Merchant(r.Context(), cmp.Or(merchant, config.DefaultMerchant))
	if err != nil || !slices.Contains(m.Item.Scheme.Hosts, strings.ToLower(u.Host)) {
		return false
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	return true
}
