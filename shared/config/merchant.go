package config

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// Merchant is a checked item with its processor accounts ready to be called. It
// never changes and is safe for concurrent use; callers must not change Item.
// It prints as its name alone.
type Merchant struct {
	Name string // "default", or the suffix of the item's id
	Item Item

	registry provider.Registry
	lines    map[string]*line // by processor, those that are configured
	keys     [][sha256.Size]byte
}

// Format writes the merchant's name, whatever the verb.
func (m Merchant) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "merchant "+m.Name) }

// Route picks the processor and the current account for a new attempt: wish,
// which only a shop's server may send, else methods, else pay_sp. The error is a
// [payment.Error] that names the processors to use instead: invalid_argument for
// a name or method that does not exist, unsupported for what this merchant lacks.
func (m *Merchant) Route(method payment.Method, wish string) (*provider.Descriptor, provider.Provider, error) {
	if !slices.Contains(payment.Methods, method) {
		return nil, nil, payment.Errorf(payment.InvalidArgument, "pay_method: must be one of %s", join(payment.Methods))
	}
	if _, known := m.registry[wish]; wish != "" && !known {
		return nil, nil, payment.Errorf(payment.InvalidArgument, "provider: no processor has that name; this merchant has %s",
			join(slices.Sorted(maps.Keys(m.lines))))
	}
	name := cmp.Or(wish, m.Item.Methods[method], m.Item.PaySP)
	l := m.lines[name]
	switch {
	case l == nil:
		return nil, nil, payment.Errorf(payment.Unsupported, "%s is not set up for this merchant; %s", name, m.offering(method))
	case !l.descriptor.Supports(method):
		return nil, nil, payment.Errorf(payment.Unsupported, "%s does not offer %s; %s", name, method, m.offering(method))
	}
	return l.descriptor, l.accounts[0], nil
}

// offering says which of the merchant's processors have a method.
func (m *Merchant) offering(method payment.Method) string {
	var able []string
	for _, name := range slices.Sorted(maps.Keys(m.lines)) {
		if l := m.lines[name]; l != nil && l.descriptor.Supports(method) {
			able = append(able, name)
		}
	}
	if len(able) == 0 {
		return "none of this merchant's providers offers " + string(method)
	}
	return string(method) + " is offered by " + join(able)
}

// Account returns the account that an old attempt was made with, the current one
// first, and whether it is still in the item.
func (m *Merchant) Account(providerName, account string) (*provider.Descriptor, provider.Provider, bool) {
	l := m.lines[providerName]
	if l == nil {
		return nil, nil, false
	}
	p, ok := l.find(account)
	if !ok {
		return nil, nil, false
	}
	return l.descriptor, p, true
}

// Accounts returns all accounts at a processor, the current one first; a notice
// may be verified by any. nil if the processor is not configured.
func (m *Merchant) Accounts(providerName string) (*provider.Descriptor, []provider.Provider) {
	l := m.lines[providerName]
	if l == nil {
		return nil, nil
	}
	return l.descriptor, slices.Clone(l.accounts)
}

// Currency is the default currency of orders through a processor: its own, else
// the item's. "" means that the caller must name one.
func (m *Merchant) Currency(providerName string) string {
	if l := m.lines[providerName]; l != nil {
		return l.currency
	}
	return m.Item.Currency
}

// RefundCurrency is the currency that a processor gives refunds in, or "" where
// it is the order's.
func (m *Merchant) RefundCurrency(providerName string) string {
	if l := m.lines[providerName]; l != nil {
		return l.refundCurrency
	}
	return ""
}

// Poll are the waits between questions to a processor: the settings', else its
// descriptor's. The last one repeats.
func (m *Merchant) Poll(providerName string) []time.Duration {
	if l := m.lines[providerName]; l != nil {
		return slices.Clone(l.poll)
	}
	return nil
}

// Providers names the processors that are set up, the one new orders go to first.
func (m *Merchant) Providers() []string {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(m.lines)), func(name string) bool { return m.lines[name] == nil || name == m.Item.PaySP })
	if m.lines[m.Item.PaySP] != nil {
		names = append([]string{m.Item.PaySP}, names...)
	}
	return names
}

// Offered lists the pay methods that find a processor, in the order they are
// shown. Whether it takes an order's currency is for the caller to ask.
func (m *Merchant) Offered() []payment.Method {
	var offered []payment.Method
	for _, method := range payment.Methods {
		if _, _, err := m.Route(method, ""); err == nil {
			offered = append(offered, method)
		}
	}
	return offered
}

// NotifyBase is what notify URLs start with, without a trailing slash: the
// notify_url of a flat item, else the environment's.
func (m *Merchant) NotifyBase(fallback string) string {
	return strings.TrimRight(cmp.Or(m.Item.NotifyURL, fallback), "/")
}

// SessionSecrets sign and verify sessions: the first signs, all verify. None
// means that users cannot log in.
func (m *Merchant) SessionSecrets() []Secret { return slices.Clone([]Secret(m.Item.SessionSecret)) }
