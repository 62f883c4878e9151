package scheme

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"overseaspay/shared/config"
	"overseaspay/shared/web"
)

// preflight tells a browser whether a page may post here. The merchant is named in
// the body, which is not there yet: unless the URL names one, ?merchant=, every page
// may, and share decides which of them read the reply.
// Authorization is not among the headers: no key of a server belongs into a page.
func (f *function) preflight(w http.ResponseWriter, r *http.Request) {
	merchant := r.URL.Query().Get("merchant")
	if !allow(w, r, func(host string) bool { return merchant == "" || f.isOf(r.Context(), merchant, host) }) {
		http.Error(w, "this page's host is not in scheme.hosts", http.StatusForbidden)
		return
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", http.MethodPost)
	h.Set("Access-Control-Allow-Headers", "Content-Type")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// share lets a page of the shop's read the reply to jssdk and to anonymous scheme. The
// shop is the body's merchant, read as the action reads it.
func (f *function) share(w http.ResponseWriter, r *http.Request) (*http.Request, error) {
	body, err := web.Body(w, r)
	if err != nil {
		return r, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	to, _ := web.Decode[struct { // what is wrong with it is said later
		Action   string `json:"action"`
		Merchant string `json:"merchant"`
	}](body)
	_, credential := web.Bearer(r)
	if to.Action == "jssdk" || to.Action == "scheme" && !credential {
		merchant := cmp.Or(to.Merchant, config.DefaultMerchant)
		allow(w, r, func(host string) bool { return f.isOf(r.Context(), merchant, host) })
	}
	return r, nil
}

// allow names the page's origin in the reply if its host may.
func allow(w http.ResponseWriter, r *http.Request, may func(host string) bool) bool {
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Scheme+"://"+u.Host != origin || !may(u.Host) {
		return false
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	return true
}

// isOf reports that a host is one of a merchant's.
func (f *function) isOf(ctx context.Context, merchant, host string) bool {
	m, err := f.Merchants.Merchant(ctx, merchant)
	return err == nil && slices.Contains(m.Item.Scheme.Hosts, strings.ToLower(host))
}
