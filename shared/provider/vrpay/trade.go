package vrpay

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

const noSuchAmount = "VR Payment takes amounts of up to ten digits and exactly two decimals"

// Create makes a payment. Repeating it makes another one under the same number.
func (p *Processor) Create(ctx context.Context, c provider.Create) (provider.Created, error) {
	brand, offered := p.brands[c.Method]
	if !offered {
		return provider.Created{}, provider.Errorf(provider.NotSupported, opCreate, "no pay method %q", c.Method)
	}
	amount, ok := decimal(c.Total)
	if !ok {
		return provider.Created{}, provider.Errorf(provider.NotSupported, opCreate, noSuchAmount)
	}
	form := url.Values{
		"amount": {amount}, "currency": {c.Total.Currency}, "paymentType": {"DB"}, "paymentBrand": {brand},
		"merchantTransactionId": {c.No}, "descriptor": {c.Body},
		// Required of asynchronous brands, although no browser comes back from WeChat.
		"shopperResultUrl": {cmp.Or(c.RedirectURL, p.resultURL, c.NotifyURL)},
	}
	if c.Method == payment.WeChat {
		form.Set(p.names[appID], c.AppID)
		form.Set(p.names[openID], c.OpenID)
	}
	a, err := p.call(ctx, opCreate, http.MethodPost, "/v1/payments", form)
	if err != nil {
		return provider.Created{}, err
	}
	return p.created(a, c)
}

// created reads the answer to a create.
func (p *Processor) created(a answer, c provider.Create) (provider.Created, error) {
	cl := p.classify(a.code)
	switch {
	case cl.means != success && cl.means != review && cl.means != pending:
		return provider.Created{}, p.refused(opCreate, a, cl, false)
	case a.members["id"] == "", a.differs("merchantTransactionId", c.No), !a.costs(c.Total):
		return provider.Created{}, provider.Errorf(provider.Unknown, opCreate, "the answer is not about this order")
	}
	made := provider.Created{SpTradeNo: a.members["id"]}
	lack := "VR Payment's answer names no page that a browser can open; ask VR Payment about the brand, and set providers.vr.brands"
	if c.Method == payment.WeChat {
		made.Payment = p.payParams(a)
		lack = "VR Payment's answer holds no parameters for wx.requestPayment; ask VR Payment where they are, and set providers.vr.names"
	} else {
		made.URL = a.page()
	}
	switch {
	case made.Payment != nil || made.URL != "":
		return made, nil
	case cl.means != pending:
		return provider.Created{}, provider.Errorf(provider.AlreadyPaid, opCreate, "it was paid at once")
	}
	// Nobody can pay it, so it is as good as refused.
	return provider.Created{}, provider.Errorf(provider.NotSupported, opCreate, "%s", lack)
}

// redirect returns an answer's redirect and the parameters in it.
func (a answer) redirect() (members, parameters map[string]string) {
	members, _ = wire.Flat([]byte(a.members["redirect"])) // nil unless an object
	var list []json.RawMessage
	_ = json.Unmarshal([]byte(members["parameters"]), &list) // none unless a list
	parameters = make(map[string]string, len(list))
	for _, raw := range list {
		pair, _ := wire.Flat(raw)
		parameters[pair["name"]] = pair["value"]
	}
	return members, parameters
}

// page is the URL that an answer sends the browser to, or "" if there is none that
// can be opened with GET. Parameters without a method are meant to be posted.
func (a answer) page() string {
	to, parameters := a.redirect()
	byGet := to["method"] == http.MethodGet || to["method"] == "" && len(parameters) == 0
	u, err := url.Parse(to["url"])
	if err != nil || !byGet || !wire.IsURL(to["url"]) {
		return ""
	}
	if len(parameters) > 0 {
		q := u.Query()
		for name, value := range parameters {
			q.Set(name, value)
		}
		u.RawQuery = q.Encode()
	}
	return u.String()
}

// payParams finds what wx.requestPayment takes, in either of the places where it
// may be. Nil if nowhere complete.
func (p *Processor) payParams(a answer) *payment.PayParams {
	_, parameters := a.redirect()
	details, _ := wire.Flat([]byte(a.members["resultDetails"]))
	for _, from := range []map[string]string{parameters, details} {
		pay := payment.PayParams{
			TimeStamp: from[p.names[timeStamp]], NonceStr: from[p.names[nonceStr]], Package: from[p.names[prepay]],
			SignType: from[p.names[signType]], PaySign: from[p.names[paySign]],
		}
		if pay.TimeStamp != "" && pay.NonceStr != "" && pay.Package != "" && pay.SignType != "" && pay.PaySign != "" {
			return &pay
		}
	}
	return nil
}

// Query asks about the payment with VR Payment's number, if that is known and
// still answers, else in the transaction report of the merchant's number. Of a
// paid one it asks the report, which alone lists refunds and chargebacks.
func (p *Processor) Query(ctx context.Context, t provider.Trade) (payment.Report, error) {
	if t.SpTradeNo != "" && !t.Paid {
		a, err := p.byID(ctx, opQuery, t.SpTradeNo)
		switch {
		case err == nil && !a.pays(t.No):
			return payment.Report{}, provider.Errorf(provider.Unknown, opQuery, "the answer is about another payment")
		case err == nil:
			return p.report(a)
		case provider.KindOf(err) != provider.NotFound:
			return payment.Report{}, err
		}
	}
	a, err := p.transactions(ctx, t.No)
	if err != nil {
		return payment.Report{}, err
	}
	entries, err := a.list(p.names[payments])
	switch {
	case err != nil:
		return payment.Report{}, provider.Errorf(provider.Unknown, opQuery, "the list of payments cannot be read")
	case len(entries) > 0:
		return p.reported(entries, t)
	case a.code == "" && a.status != http.StatusOK:
		return payment.Report{}, unknown(opQuery, a)
	case a.code != "":
		if c := p.classify(a.code); c.means != success {
			return payment.Report{}, p.refused(opQuery, a, c, true)
		}
	}
	return payment.Report{}, provider.Errorf(provider.NotFound, opQuery, "no payment has this number")
}

// pays reports that an entry is a debit or capture with this number, not a refund or the like.
func (a answer) pays(no string) bool {
	kind := a.members["paymentType"]
	return (kind == "DB" || kind == "CP" || kind == "") && !a.differs("merchantTransactionId", no)
}

// report translates one payment.
func (p *Processor) report(a answer) (payment.Report, error) {
	c := p.classify(a.code)
	r := payment.Report{
		State: tradeStates[c.means], Word: wire.Clip(a.code), No: a.members["merchantTransactionId"],
		SpTradeNo: a.members["id"], ChargedBack: c.means == chargeback,
	}
	if r.State != payment.Paid {
		return r, nil
	}
	var err error
	if r.Total, err = a.amount(); err != nil {
		return payment.Report{}, provider.Errorf(provider.Unknown, opQuery, "the answer's amount cannot be read")
	}
	return r, nil
}

// weight says which of several payments under one number counts: a captured one,
// else one that may still be.
var weight = map[payment.ReportState]int{payment.Refused: 1, payment.Pending: 2, payment.Unmapped: 2, payment.Paid: 3}

// reported translates a transaction report of one number.
func (p *Processor) reported(entries []answer, t provider.Trade) (payment.Report, error) {
	var best payment.Report
	found, captured := 0, 0
	for _, e := range entries {
		if !e.pays(t.No) || t.SpTradeNo != "" && e.differs("id", t.SpTradeNo) {
			continue
		}
		r, err := p.report(e)
		if err != nil {
			return payment.Report{}, err
		}
		if found++; found == 1 || weight[r.State] > weight[best.State] {
			best = r
		}
		if r.State == payment.Paid {
			captured++
		}
	}
	switch {
	case found == 0:
		return payment.Report{}, provider.Errorf(provider.Unknown, opQuery, "the list holds no payment of this order")
	case best.State == payment.Paid:
		if captured > 1 {
			p.counted("second_capture", "vr: two captured payments under one number")
		}
		return p.givenBack(entries, best), nil
	case found > 1:
		best.SpTradeNo = "" // the next question must not stick to one of them
	}
	return best, nil
}

// givenBack adds what a transaction report says about money that went back.
func (p *Processor) givenBack(entries []answer, r payment.Report) payment.Report {
	for _, e := range entries {
		if r.SpTradeNo == "" || e.members["referencedId"] != r.SpTradeNo {
			continue
		}
		c := p.classify(e.code)
		r.ChargedBack = r.ChargedBack || c.means == chargeback
		if c.means != success && c.means != review {
			continue
		}
		back := payment.Money{}
		switch e.members["paymentType"] {
		case "RF":
			back, _ = e.amount()
		case "RV":
			back = r.Total // a reversal voids all of it
		default:
			continue
		}
		if back.Currency != r.Total.Currency { // the payment itself must not be lost over it
			p.counted("unmapped", "vr: amount of a refund")
			continue
		}
		r.State, r.Refunded.Currency = payment.Refunded, back.Currency
		r.Refunded.Amount += back.Amount
	}
	return r
}
