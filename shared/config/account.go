package config

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"overseaspay/shared/provider"
)

// line is everything a merchant has at one processor.
type line struct {
	descriptor     *provider.Descriptor
	accounts       []provider.Provider // the current one, then former ones
	currency       string              // "" where neither settings nor item name one
	refundCurrency string              // "" where refunds are in the order's
	poll           []time.Duration
}

// memberPath is how a processor's own check names a member at the start of its error.
var memberPath = regexp.MustCompile(`^[0-9A-Za-z_]+([.\[][0-9A-Za-z_.\[\]]*)?$`)

// line checks a processor's object and makes its accounts.
func (f *findings) line(env Env, d *provider.Descriptor, path string, raw json.RawMessage, item *Item) *line {
	members, ok := f.object(path, raw)
	if !ok {
		return nil
	}
	common, former := f.common(path, members)
	l := &line{
		descriptor: d, poll: f.checkPoll(child(path, "poll"), common.Poll),
		currency: cmp.Or(common.Currency, item.Currency), refundCurrency: common.RefundCurrency,
	}
	if len(l.poll) == 0 {
		l.poll = d.Poll
	}
	if l.currency != "" && !d.Takes(l.currency) && (common.Currency != "" || item.PaySP == d.Name) {
		f.warn(child(path, "currency"), d.Name+" does not take "+l.currency+": orders that name no other fail")
	}
	for _, fact := range d.Unverified {
		f.warnings = append(f.warnings, Warning{path, d.Name + " rests on an assumption: " + fact, d.Name})
	}
	delete(members, "former")
	l.accounts = f.account(env, d, path, members, item, l.accounts)
	for i, entry := range former {
		merged := maps.Clone(members)
		maps.Copy(merged, entry)
		delete(merged, "former")
		l.accounts = f.account(env, d, element(child(path, "former"), i), merged, item, l.accounts)
	}
	return l
}

// common reads what every processor's object may hold, and checks it.
func (f *findings) common(path string, members map[string]json.RawMessage) (provider.Common, []map[string]json.RawMessage) {
	var common provider.Common
	var former []map[string]json.RawMessage
	f.members(path, members, reflect.ValueOf(&common).Elem(), false)
	if raw, ok := members["former"]; ok {
		f.decode(child(path, "former"), raw, reflect.ValueOf(&former).Elem(), false)
	}
	f.checkURL(child(path, "base_url"), common.BaseURL)
	f.checkCurrency(child(path, "currency"), common.Currency)
	f.checkCurrency(child(path, "refund_currency"), common.RefundCurrency)
	known := append(memberNames(reflect.TypeFor[provider.Common]()), "former")
	for name := range members {
		if near := nearest(name, known); near != "" && near != name {
			f.warn(child(path, name), "is it "+near+"?")
		}
	}
	return common, former
}

// account makes one account through its processor's own check and adds it.
func (f *findings) account(env Env, d *provider.Descriptor, path string, members map[string]json.RawMessage, item *Item, to []provider.Provider) []provider.Provider {
	settings, err := json.Marshal(members)
	if err != nil { // every member was read from JSON
		f.fail(path, "not a JSON object")
		return to
	}
	cfg := provider.Config{
		Settings: settings, AppID: item.AppID, Currency: item.Currency,
		AppSecret: item.AppSecret.Reveal(), WeixinURL: item.WeixinBaseURL,
		HTTP: env.HTTP, Now: env.Now, Nonce: env.Nonce,
	}
	if env.Counted != nil {
		cfg.Counted = func(metric, detail string) { env.Counted(d.Name, metric, detail) }
	}
	p, err := d.New(cfg)
	if err == nil {
		return append(to, p)
	}
	for text := range strings.SplitSeq(f.scrub(err.Error()), "\n") {
		text = strings.TrimPrefix(text, d.Name+": ")
		member, reason, ok := strings.Cut(text, ": ")
		if ok && memberPath.MatchString(member) {
			f.fail(child(path, member), reason)
		} else {
			f.fail(path, text)
		}
	}
	return to
}

// find returns the account an attempt was made with: the current one first, so
// that a changed key of the same account is used at once.
func (l *line) find(account string) (provider.Provider, bool) {
	i := slices.IndexFunc(l.accounts, func(p provider.Provider) bool { return p.Account() == account })
	if i < 0 {
		return nil, false
	}
	return l.accounts[i], true
}
