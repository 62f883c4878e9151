package nihaopay

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// kept are the fields of a notice that are stored: neither signature nor free text.
var kept = []string{"id", "status", "amount", "rmb_amount", "currency", "time", "reference"}

// genuine reports whether a notice's signature fits in one of three known readings.
func (c *client) genuine(got map[string]string) (fits bool) {
	for _, unsigned := range [][]string{{"", "null"}, {"null"}, nil} {
		text := wire.Pairs(got, func(name, value string) bool { return name != "verify_sign" && !slices.Contains(unsigned, value) })
		fits = wire.Equal(wire.MD5(text+"&"+wire.MD5(c.AccessToken)), strings.ToLower(got["verify_sign"])) || fits
	}
	return fits
}

// Notice verifies and translates a form.
func (c *client) Notice(_ context.Context, in provider.Inbound) (n provider.Notice, err error) {
	const op = "nihaopay: notice"
	form, err := url.ParseQuery(string(in.Body))
	got := make(map[string]string, len(form))
	for name, values := range form {
		if got[name] = values[0]; err != nil || len(values) > 1 {
			return n, provider.Errorf(provider.Malformed, op, "the form cannot be read, or a field is doubled")
		}
		// The same text could be cut into other fields: it must not move money.
		n.Doorbell = n.Doorbell || strings.ContainsAny(name, "&=") || strings.Contains(values[0], "&")
	}
	if !c.genuine(got) {
		return provider.Notice{}, provider.Errorf(provider.Forged, op, "the signature does not fit")
	}
	maps.DeleteFunc(got, func(_, value string) bool { return value == "null" }) // like "", it may not be signed
	more, _ := wire.Flat([]byte(got["sys_reserve"]))
	got["vendor_id"] = more["vendor_id"]
	if n.Payment, err = c.report(op, got["reference"], got); err != nil || got["status"] == "" {
		return provider.Notice{}, provider.Errorf(provider.Malformed, op, "a field is missing or cannot be read")
	}
	maps.DeleteFunc(form, func(name string, _ []string) bool { return !slices.Contains(kept, name) })
	n.Public = []byte(form.Encode())
	return n, nil
}

// Ack is what NihaoPay's card notices wait for; others only look at the status.
func (c *client) Ack() provider.Reply {
	return provider.Reply{Status: http.StatusOK, ContentType: "text/plain", Body: "ok"}
}
