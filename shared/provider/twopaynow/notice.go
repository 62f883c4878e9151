package twopaynow

import (
	"context"
	"net/http"
	"net/url"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// public are the parameters of a notice that are kept. The signature is left out
// because it can be sent again, passback_parameters because they are the shop's.
var public = []string{
	"amount", "amount_cny", "currency", "function", "merchant_trade_no", "mid",
	"original_trade_no", "timestamp", "trade_no", "trade_status",
}

// Notice reads a notice from the query of a GET, or from the form of a POST. It
// only rings: its signature covers neither order nor amount, so what it reports is
// for information. A GET with nothing in it is a test call.
func (p *Processor) Notice(_ context.Context, in provider.Inbound) (provider.Notice, error) {
	if in.Method == http.MethodGet && in.Query == "" && len(in.Body) == 0 {
		return provider.Notice{Probe: true}, nil
	}
	raw := in.Query
	if in.Method == http.MethodPost {
		raw += "&" + string(in.Body)
	}
	v, err := url.ParseQuery(raw)
	if err != nil {
		return provider.Notice{}, provider.Errorf(provider.Malformed, opNotice, "the parameters cannot be read")
	}
	for _, values := range v {
		if len(values) > 1 {
			return provider.Notice{}, provider.Errorf(provider.Malformed, opNotice, "a parameter is doubled")
		}
	}
	if err := p.verify(v); err != nil {
		return provider.Notice{}, err
	}
	return provider.Notice{Doorbell: true, Payment: p.told(v), Public: kept(v)}, nil
}

// verify checks that a notice is whole, and from somebody who knows the key.
func (p *Processor) verify(v url.Values) error {
	for _, name := range []string{"function", "mid", "timestamp", "trade_status"} {
		if v.Get(name) == "" {
			return provider.Errorf(provider.Malformed, opNotice, "%s is missing", name)
		}
	}
	switch {
	case v.Get("trade_no") == "" && v.Get("merchant_trade_no") == "":
		return provider.Errorf(provider.Malformed, opNotice, "no number of the trade")
	case v.Get("mid") != p.mid:
		return provider.Errorf(provider.Forged, opNotice, "another mid")
	case !wire.Equal(sign(v.Get("function"), p.mid, v.Get("timestamp"), p.key), v.Get("sign")):
		return provider.Errorf(provider.Forged, opNotice, "the signature does not fit")
	}
	return nil
}

// told is what a notice says, as far as it can be read.
func (p *Processor) told(v url.Values) payment.Report {
	total, err := payment.ParseDecimal(v.Get("amount"), v.Get("currency"))
	if err != nil {
		total = payment.Money{}
	}
	return payment.Report{
		State: p.state(v.Get("trade_status")), Word: wire.Clip(v.Get("trade_status")),
		Account: p.mid, No: v.Get("merchant_trade_no"), Total: total,
		SpTradeNo: v.Get("trade_no"), TransactionID: v.Get("original_trade_no"),
	}
}

// kept is the notice as it may be stored.
func kept(v url.Values) []byte {
	out := make(url.Values, len(public))
	for _, name := range public {
		if v.Has(name) {
			out.Set(name, v.Get(name))
		}
	}
	return []byte(out.Encode())
}

// Ack is the plain word that 2PayNow waits for.
func (p *Processor) Ack() provider.Reply {
	return provider.Reply{Status: http.StatusOK, ContentType: "text/plain", Body: "success"}
}
