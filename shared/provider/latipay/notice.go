package latipay

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// kept are the fields of a notice that are stored: not the signature, which could
// be sent again, nor PayID's own, which name the payer.
var kept = []string{"merchant_reference", "order_id", "currency", "amount", "payment_method", "status", "pay_time"}

// Notice reads a form. It only rings, although it is signed: see the package's
// manual. What it reports is for information.
func (c *client) Notice(_ context.Context, in provider.Inbound) (provider.Notice, error) {
	const op = "latipay: notice"
	form, err := url.ParseQuery(string(in.Body))
	got := make(map[string]string, len(form))
	for name, values := range form {
		if got[name] = values[0]; err != nil || len(values) > 1 {
			return provider.Notice{}, provider.Errorf(provider.Malformed, op, "the form cannot be read, or a field is doubled")
		}
	}
	switch "" {
	case got["merchant_reference"], got["payment_method"], got["status"], got["currency"], got["amount"]:
		return provider.Notice{}, provider.Errorf(provider.Malformed, op, "a field is missing")
	}
	if !wire.Equal(c.signTrade(got, got["amount"]), got["signature"]) {
		return provider.Notice{}, provider.Errorf(provider.Forged, op, "the signature does not fit")
	}
	total, _ := payment.ParseDecimal(got["amount"], got["currency"]) // zero if their border was moved
	maps.DeleteFunc(form, func(name string, _ []string) bool { return !slices.Contains(kept, name) })
	return provider.Notice{Doorbell: true, Payment: c.report(got, total), Public: []byte(form.Encode())}, nil
}

// Ack is the word that Latipay repeats a notice for.
func (c *client) Ack() provider.Reply {
	return provider.Reply{Status: http.StatusOK, ContentType: "text/plain", Body: "sent"}
}
