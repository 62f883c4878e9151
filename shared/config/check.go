package config

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"overseaspay/shared/payment"
)

// Limits of an item's members.
const (
	minSession = 32             // bytes of a session secret
	minWebhook = 24             // bytes that Standard Webhooks asks of a secret
	minPoll    = time.Second    // shortest wait between questions
	maxPoll    = 24 * time.Hour // longest
)

var (
	appID      = regexp.MustCompile(`^wx[0-9a-f]{16}$`)
	originalID = regexp.MustCompile(`^gh_[0-9a-z]+$`)
	hostName   = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$`)
	fileName   = regexp.MustCompile(`^[0-9A-Za-z_-][0-9A-Za-z_.-]{0,63}$`)
	pagePath   = regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_./-]{0,255}$`)
)

// checkItem checks what belongs to no processor.
func (f *findings) checkItem(item *Item, flat bool) {
	f.checkCurrency("currency", item.Currency)
	f.checkURL("weixin_base_url", item.WeixinBaseURL)
	f.checkURL("notify_url", item.NotifyURL)
	if !flat && item.NotifyURL != "" {
		item.NotifyURL = ""
		f.warn("notify_url", "read in a flat item only; NOTIFY_URL holds")
	}
	for i, s := range item.SessionSecret {
		path := "session_secret"
		if len(item.SessionSecret) > 1 {
			path = element(path, i)
		}
		if len(s) < minSession {
			f.fail(path, "must be at least 32 bytes")
		}
	}
	f.checkLogin(item)
	f.checkWebhook(item.Webhook)
	f.checkScheme(&item.Scheme)
}

// checkLogin warns of half a configuration.
func (f *findings) checkLogin(item *Item) {
	if item.AppID != "" && !appID.MatchString(item.AppID) {
		f.warn("appid", "does not look like one (wx and 16 hex digits)")
	}
	if len(item.SessionSecret) == 0 {
		return
	}
	if item.AppID == "" {
		f.warn("appid", "not set: users cannot log in")
	}
	if item.AppSecret == "" {
		f.warn("appsecret", "not set: users cannot log in")
	}
}

func (f *findings) checkWebhook(w Webhook) {
	f.checkURL("webhook.url", w.URL)
	f.checkReach("webhook.url", w.URL)
	if w.URL != "" && len(w.Secrets) == 0 {
		f.fail("webhook.secrets", "required with a url")
	}
	for i, s := range w.Secrets {
		path := element("webhook.secrets", i)
		text, ok := strings.CutPrefix(s.Reveal(), "whsec_")
		secret, err := base64.StdEncoding.DecodeString(text)
		switch {
		case !ok || err != nil || len(secret) == 0:
			f.fail(path, "must be whsec_ and base64")
		case len(secret) < minWebhook:
			f.warn(path, "shorter than the 24 bytes that Standard Webhooks asks for")
		}
	}
}

func (f *findings) checkScheme(s *Scheme) {
	f.checkPages("scheme.pages", s.Pages)
	f.checkPages("scheme.plain_pages", s.PlainPages)
	for i, page := range s.PlainPages {
		if !slices.Contains(s.Pages, page) {
			f.warn(element("scheme.plain_pages", i), "not among scheme.pages: forbidden all the same")
		}
	}
	if s.PayPage != "" {
		s.PayPage = f.checkPage("scheme.pay_page", s.PayPage)
	}
	if s.Public && len(s.Pages) == 0 {
		f.warn("scheme.pages", "empty: anonymous callers get no scheme although scheme.public is true")
	}
	f.checkRange("scheme.reuse_seconds", s.ReuseSeconds, 30*24*60*60)
	f.checkRange("scheme.public_daily", s.PublicDaily, 1_000_000)
	for i, host := range s.Hosts {
		f.checkForm(hostName, element("scheme.hosts", i), host, "must be an exact host name in lower case, without https:// and without *")
	}
	for _, name := range slices.Sorted(maps.Keys(s.VerifyFiles)) {
		f.checkForm(fileName, child("scheme.verify_files", name), name, "must be named like a file, without folders")
		if len(s.VerifyFiles[name]) > 1024 {
			f.fail(child("scheme.verify_files", name), "must not be over 1024 bytes")
		}
	}
	if (s.OAAppID == "") != (s.OAAppSecret == "") {
		f.warn("scheme.oa_appid", "needs scheme.oa_appsecret, and the other way round: jssdk stays off")
	}
	if s.OriginalID != "" {
		f.checkForm(originalID, "scheme.original_id", s.OriginalID, "must read gh_...")
	}
	if utf8.RuneCountInString(s.Title) > 64 {
		f.fail("scheme.title", "must not be over 64 characters")
	}
}

// checkPages checks pages and drops their leading slashes, in place.
func (f *findings) checkPages(path string, pages []string) {
	for i, page := range pages {
		pages[i] = f.checkPage(element(path, i), page)
	}
}

func (f *findings) checkPage(path, page string) string {
	page = strings.TrimPrefix(page, "/")
	f.checkForm(pagePath, path, page, "must be the path of a page, without a query")
	return page
}

func (f *findings) checkForm(form *regexp.Regexp, path, value, reason string) {
	if !form.MatchString(value) {
		f.fail(path, reason)
	}
}

func (f *findings) checkRange(path string, n, most int) {
	if n < 0 || n > most {
		f.fail(path, fmt.Sprintf("must be 0 to %d", most))
	}
}

// checkURL accepts none. Plain http is warned of, except to this machine.
func (f *findings) checkURL(path, text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		f.fail(path, "must be an http(s) URL")
	case u.User != nil:
		f.fail(path, "must not hold a user name or password")
	case u.Fragment != "":
		f.fail(path, "must not have a fragment")
	case u.RawQuery != "" && path != "webhook.url":
		f.fail(path, "must not have a query")
	case u.Scheme == "http" && !loopback(u.Hostname()) && path == "webhook.url":
		f.fail(path, "must be https; only functions/local delivers by plain http, and only to this machine")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		f.warn(path, "plain http: anybody on the way can read and change it")
	}
}

// checkReach warns of a shop that no function on AWS ever reaches, as package
// webhook sees to. What a name resolves to is not known here.
func (f *findings) checkReach(path, text string) {
	u, err := url.Parse(text)
	if err == nil && (loopback(u.Hostname()) || net.ParseIP(u.Hostname()).IsPrivate()) {
		f.warn(path, "only functions/local delivers to this machine or a private network")
	}
}

func loopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

// checkCurrency accepts none.
func (f *findings) checkCurrency(path, code string) {
	if code == "" {
		return
	}
	if _, known := payment.Exponent(code); known {
		return
	}
	reason := "not a currency of ISO 4217"
	if _, known := payment.Exponent(strings.ToUpper(code)); known {
		reason = "must be in upper case"
	}
	f.fail(path, reason)
}

func (f *findings) checkPoll(path string, waits []string) []time.Duration {
	poll := make([]time.Duration, 0, len(waits))
	for i, text := range waits {
		wait, err := time.ParseDuration(text)
		if err != nil || wait < minPoll || wait > maxPoll {
			f.fail(element(path, i), `must be a duration from 1s to 24h, like "15s"`)
		}
		poll = append(poll, wait)
	}
	return poll
}

// checkRoutes checks that every pay method finds its processor. A processor whose
// own settings are wrong has been told of already.
func (f *findings) checkRoutes(m *Merchant) {
	sp := m.Item.PaySP
	_, known := m.registry[sp]
	_, configured := m.Item.Providers[sp]
	switch {
	case sp == "":
		f.fail("pay_sp", "required")
	case !known:
		f.fail("pay_sp", "unknown processor"+hint(sp, names(m.registry)))
	case !configured:
		f.fail("pay_sp", sp+" is not among providers")
	}
	for _, method := range slices.Sorted(maps.Keys(m.Item.Methods)) {
		path, name := child("methods", string(method)), m.Item.Methods[method]
		_, configured := m.Item.Providers[name]
		d, known := m.registry[name]
		switch {
		case !slices.Contains(payment.Methods, method):
			f.fail(path, "unknown pay_method; known are "+join(payment.Methods))
		case !configured || !known:
			f.fail(path, "must name one of this item's providers")
		case !d.Supports(method):
			f.fail(path, name+" does not offer it")
		}
	}
	if d, known := m.registry[cmp.Or(m.Item.Methods[payment.WeChat], sp)]; known && !d.Supports(payment.WeChat) {
		f.warn("methods.wechat", d.Name+" does not offer it, and it is the default of callers who name no pay_method")
	}
}

// join lists pay methods or names for people.
func join[T ~string](list []T) string {
	var b strings.Builder
	for i, one := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(one))
	}
	return b.String()
}
