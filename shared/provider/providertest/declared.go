package providertest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// checkDescriptor holds the declarations against each other and against the code.
func checkDescriptor(r *rig) {
	d := r.d
	if d.Name == "" || d.Name != r.twin.Name() || d.Title == "" || d.Source == "" {
		r.Errorf("name %q (twin %q), title %q, source %q: all are required", d.Name, r.twin.Name(), d.Title, d.Source)
	}
	if len(d.Methods) == 0 || len(slices.Compact(slices.Sorted(slices.Values(d.Methods)))) != len(d.Methods) {
		r.Errorf("methods %v: at least one, each once", d.Methods)
	}
	for _, m := range d.Methods {
		if !slices.Contains(payment.Methods, m) {
			r.Errorf("method %q is not one of the contract", m)
		}
	}
	for _, c := range slices.Concat(d.Currencies, r.h.Currencies) {
		if _, known := payment.Exponent(c); !known || !d.Takes(c) {
			r.Errorf("currency %q is none, or not declared", c)
		}
	}
	if d.MinNo < 0 || d.MaxNo > payment.MaxNumber || d.MaxNo != 0 && d.MaxNo < d.MinNo {
		r.Errorf("order numbers of %d to %d characters", d.MinNo, d.MaxNo)
	}
	if d.PrepayLife <= 0 || d.MaxOpen < 0 {
		r.Errorf("prepay life %v, max open %v", d.PrepayLife, d.MaxOpen)
	}
	if len(d.Poll) == 0 || slices.Min(d.Poll) <= 0 {
		r.Errorf("poll %v: at least one wait, all positive", d.Poll)
	}
	if r.p.Account() == "" {
		r.Error("the account is empty")
	}
	checkAbilities(r)
}

func checkAbilities(r *rig) {
	_, notifies := r.p.(provider.Notifier)
	_, refunds := r.p.(provider.Refunder)
	bells := []provider.Bell{provider.Signed, provider.Doorbell, provider.Silent, ""}
	if !slices.Contains(bells, r.d.Notices) || !slices.Contains(bells, r.d.RefundNotices) {
		r.Errorf("notices %q, refund notices %q", r.d.Notices, r.d.RefundNotices)
	}
	if notifies != rings(r.d.Notices) || rings(r.d.RefundNotices) && !(notifies && refunds) {
		r.Errorf("notices %q, refund notices %q, but Notifier %v and Refunder %v", r.d.Notices, r.d.RefundNotices, notifies, refunds)
	}
	desks := []provider.Desk{provider.DeskByQuery, provider.DeskByNotice, provider.DeskUnseen}
	if !slices.Contains(desks, r.d.DeskRefunds) || r.d.DeskRefunds == provider.DeskByNotice && r.d.RefundNotices != provider.Signed {
		r.Errorf("desk refunds %q, but refund notices %q", r.d.DeskRefunds, r.d.RefundNotices)
	}
	if !slices.Contains([]provider.Again{"", provider.ByNumber, provider.ByLookup, provider.ByNone}, r.d.RefundAgain) ||
		refunds != (r.d.RefundAgain != "") || r.d.PartialRefund && !refunds {
		r.Errorf("refund again %q, partial %v, but Refunder %v", r.d.RefundAgain, r.d.PartialRefund, refunds)
	}
}

// rings reports that notices of a kind come at all.
func rings(b provider.Bell) bool { return b != "" && b != provider.Silent }

// checkSettings leaves out, and spoils, one member after the other: what is wrong
// must be named, and nothing secret shown.
func checkSettings(r *rig) {
	refused := func(what string, settings map[string]any, member string, must bool) {
		r.Helper()
		_, err := r.account(settings)
		if err == nil && must {
			r.Errorf("%s: accepted", what)
		}
		if err != nil {
			r.noSecret(what, err.Error())
			if !strings.Contains(err.Error(), member) {
				r.Errorf("%s: %v: does not name the member", what, err)
			}
		}
	}
	required := 0
	for member, value := range r.settings() {
		if member == "base_url" {
			continue
		}
		without := maps.Clone(r.settings())
		delete(without, member)
		if _, err := r.account(without); err != nil {
			required++
		}
		refused("without "+member, without, member, false)
		if _, isText := value.(string); isText {
			wrong := maps.Clone(r.settings())
			wrong[member] = []int{1}
			refused(member+" as a list", wrong, member, true)
		}
	}
	if required == 0 {
		r.Error("no member of the settings is required")
	}
	bad := r.settings()
	bad["base_url"] = "not a url"
	refused("a bad base_url", bad, "base_url", true)
	if _, err := r.d.New(provider.Config{Settings: json.RawMessage(`[]`), HTTP: nil, Now: r.clock, Nonce: nonces("x")}); err == nil {
		r.Error("settings that are no object were accepted")
	}
}
