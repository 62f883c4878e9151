package scheme

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"overseaspay/shared/config"
	"overseaspay/shared/link"
	"overseaspay/shared/payment"
	"overseaspay/shared/web"
	"overseaspay/shared/weixin"
)

//go:embed page.html
var pageHTML string

var pages = template.Must(template.New("").Parse(pageHTML))

// view is what a page shows. Everything goes through html/template's escaping;
// Scheme alone is trusted as a URL, after a look at how it begins.
type view struct {
	T        words
	Nonce    string
	ID       string
	Title    string
	URL      string
	Merchant string
	InWeChat bool
	Scheme   template.URL // "": there is none
	Target   string       // the same for the script
	Tag      *tag         // nil: no open tag

	// Payment pages only.
	Amount, State, Problem string
	Waiting, Payable       bool
	Token                  string
	Methods                []payment.Method
	Every                  int // milliseconds between two questions
}

// tag is what wx-open-launch-weapp takes.
type tag struct{ Username, Path, Label string }

// inWeChat reports that WeChat's own browser asks: there schemes do not work, and
// the open tag does.
func inWeChat(r *http.Request) bool { return strings.Contains(r.UserAgent(), "MicroMessenger") }

// open shows a link's page. Every GET counts as an open, coming back from a
// processor too; HEAD does not.
func (f *function) open(w http.ResponseWriter, r *http.Request, id string) {
	load, env := f.get(r.Context(), id), link.Browser
	if inWeChat(r) {
		env = link.WeChat
	}
	if r.Method == http.MethodGet {
		load = func() (*link.Link, error) { return f.Links.OpenLink(r.Context(), id, env, f.Now()) }
	}
	l, m, ok := f.find(w, r, load)
	switch {
	case !ok:
	case l.OutTradeNo != "":
		f.showOrder(w, r, l, m)
	default:
		f.landing(w, r, l, m)
	}
}

func (f *function) landing(w http.ResponseWriter, r *http.Request, l *link.Link, m *config.Merchant) {
	v := f.view(r, l, m)
	f.lead(r, m, &v, l, weixin.Jump{Path: l.Path, Query: l.Query}, v.T.Open)
	f.render(w, "landing", http.StatusOK, v)
}

func (f *function) view(r *http.Request, l *link.Link, m *config.Merchant) view {
	v := view{T: language(r), Nonce: rand.Text(), ID: l.ID, Title: l.Title, Merchant: m.Name,
		URL: f.base(r.Host) + "/" + l.ID, InWeChat: inWeChat(r)}
	for _, title := range []string{m.Item.Scheme.Title, v.T.Open} {
		if v.Title == "" {
			v.Title = title
		}
	}
	return v
}

// lead gives a page its way into the mini-program: the open tag in WeChat, a scheme
// elsewhere. Where there is neither the page says what to do instead.
func (f *function) lead(r *http.Request, m *config.Merchant, v *view, l *link.Link, j weixin.Jump, label string) {
	s := &m.Item.Scheme
	if v.InWeChat {
		if s.OriginalID != "" && s.OAAppID != "" && s.OAAppSecret != "" && slices.Contains(s.Hosts, f.publicHost(r.Host)) {
			v.Tag = &tag{Username: s.OriginalID, Path: j.Path + ".html", Label: label}
			if j.Query != "" {
				v.Tag.Path += "?" + j.Query
			}
		}
		return
	}
	text, err := f.schemeOf(r.Context(), m, l, j)
	if err != nil {
		web.Note(r.Context(), slog.String("scheme", err.Error()))
		return
	}
	if strings.HasPrefix(text, "weixin://") {
		v.Scheme, v.Target = template.URL(text), text
	}
}

// schemeOf is the scheme behind a link. Links to the same place share it.
func (f *function) schemeOf(ctx context.Context, m *config.Merchant, l *link.Link, j weixin.Jump) (string, error) {
	life := min(max(l.TimeExpire.Sub(f.Now()), 2*link.MinLife), link.MaxLife)
	s, _, err := f.generate(ctx, m, wanted{Merchant: m.Name, AppID: m.Item.AppID, Jump: j, Kind: auto, Caller: "link"}, terms{life: life, reuse: life})
	return s.OpenLink, err
}

// render writes a page under the strictest policy that lets it work: scripts and
// styles by nonce, and WeChat's only where its open tag is.
func (f *function) render(w http.ResponseWriter, name string, status int, v view) {
	var page bytes.Buffer
	if err := pages.ExecuteTemplate(&page, name, v); err != nil {
		panic(err) // our own template, and our own view: [web.Logged] answers
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy(name, v))
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Robots-Tag", "noindex")
	h.Set("Vary", "Accept-Language, User-Agent")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes())
}

func policy(name string, v view) string {
	scripts, images, frames, forms := "'nonce-"+v.Nonce+"'", "'self'", "'none'", "'none'"
	if v.Tag != nil {
		// The tag lives in a frame of WeChat's own; jweixin reports by way of an image.
		scripts += " https://res.wx.qq.com"
		images += " https://open.weixin.qq.com"
		frames = "https://*.qq.com webcompt:"
	}
	if name == "pay" {
		forms = "'self' https:" // browsers hold the redirect to the processor against it too
	}
	return "default-src 'none'; script-src " + scripts + "; style-src 'nonce-" + v.Nonce + "'; img-src " + images +
		"; connect-src 'self'; frame-src " + frames + "; form-action " + forms + "; base-uri 'none'; frame-ancestors 'none'"
}

// back reports that a processor has sent the browser back.
func back(r *http.Request) bool { return r.URL.Query().Get("back") == "1" }

// pollEvery is how often a payment page asks where its order stands. The cashier
// asks the processor no more than that.
const pollEvery = 3 * time.Second
