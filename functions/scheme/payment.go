package scheme

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"

	"overseaspay/shared/cashier"
	"overseaspay/shared/config"
	"overseaspay/shared/link"
	"overseaspay/shared/payment"
	"overseaspay/shared/store"
	"overseaspay/shared/web"
	"overseaspay/shared/weixin"
)

// bearer is whoever holds the id of a payment page, as the cashier sees him: like
// the shop's server, but only ever asked about this one order.
func (f *function) bearer(r *http.Request, m *config.Merchant) cashier.Caller {
	return cashier.Caller{Merchant: m, ClientIP: web.ClientIP(r)}
}

// showOrder is an order's payment page. It only reads, except when the browser
// comes back: then the processor is asked.
func (f *function) showOrder(w http.ResponseWriter, r *http.Request, l *link.Link, m *config.Merchant) {
	o, err := f.order(r, l, m, back(r))
	if err != nil {
		f.noOrder(w, r, err)
		return
	}
	f.showPay(w, r, l, m, o, http.StatusOK, "")
}

// order loads a link's order; ask puts a question about it to the processor first.
func (f *function) order(r *http.Request, l *link.Link, m *config.Merchant, ask bool) (*payment.Order, error) {
	web.Note(r.Context(), slog.String("out_trade_no", l.OutTradeNo))
	if ask {
		return f.Cashier.QueryOrder(r.Context(), f.bearer(r, m), cashier.Which{OutTradeNo: l.OutTradeNo})
	}
	return f.Orders.Get(r.Context(), l.Merchant, l.OutTradeNo)
}

func (f *function) noOrder(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, store.ErrNotFound) || payment.AsError(err).Code == payment.NotFound {
		gone(w)
		return
	}
	f.notNow(w, r, err)
}

func (f *function) showPay(w http.ResponseWriter, r *http.Request, l *link.Link, m *config.Merchant, o *payment.Order, status int, problem string) {
	v := f.view(r, l, m)
	v.Title, v.Amount, v.Problem, v.Every = cmp.Or(l.Title, o.Body), o.Total.String(), problem, int(pollEvery.Milliseconds())
	v.Payable = f.payable(o)
	v.Waiting = v.Payable && back(r) && o.Live() != nil
	v.State = state(v, o)
	if v.Payable && !v.Waiting {
		v.Token, v.Methods = f.token(l), methods(m, o)
		f.leadToPay(r, m, &v, l, o)
	}
	f.render(w, "pay", status, v)
}

func (f *function) payable(o *payment.Order) bool {
	return o.TradeState == payment.TradeNotPay && f.Now().Before(o.TimeExpire)
}

func state(v view, o *payment.Order) string {
	switch {
	case o.TradeState.Paid():
		return v.T.Paid
	case o.TradeState == payment.TradeClosed:
		return v.T.Closed
	case !v.Payable:
		return v.T.Expired
	case v.Waiting:
		return v.T.Waiting
	}
	return v.T.NotPaid
}

// leadToPay opens the mini-program's own page for paying, with the claim by which
// its user becomes the order's owner.
func (f *function) leadToPay(r *http.Request, m *config.Merchant, v *view, l *link.Link, o *payment.Order) {
	page := m.Item.Scheme.PayPage
	if page == "" || !slices.Contains(m.Offered(), payment.WeChat) {
		return
	}
	query := "out_trade_no=" + o.OutTradeNo
	if o.Claim != "" {
		query += "&claim=" + o.Claim
	}
	f.lead(r, m, v, l, weixin.Jump{Path: page, Query: query}, v.T.PayInWeChat)
}

// methods are those with a page of their own that take this order.
func methods(m *config.Merchant, o *payment.Order) []payment.Method {
	return slices.DeleteFunc(m.Offered(), func(method payment.Method) bool {
		d, _, err := m.Route(method, "")
		if method == payment.WeChat || err != nil || !d.Takes(o.Total.Currency) {
			return true
		}
		most := cmp.Or(d.MaxNo, payment.MaxNumber)
		no := payment.Number(o.Merchant, o.OutTradeNo, len(o.Attempts), most)
		return len(no) < d.MinNo || len(no) > most
	})
}

// maxForm bounds what a button can send, in bytes.
const maxForm = 4 << 10

// press is a button of a payment page: it makes the attempt and sends the browser
// to the processor. Pressing it twice leads to the same place; a form is good for
// one method only, once it was used.
func (f *function) press(w http.ResponseWriter, r *http.Request, id string) {
	l, m, ok := f.find(w, r, f.get(r.Context(), id))
	if !ok {
		return
	}
	if l.OutTradeNo == "" {
		gone(w)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	token, method := r.PostFormValue("token"), payment.Method(r.PostFormValue("pay_method"))
	good, late := f.checkToken(l, token)
	o, err := f.order(r, l, m, false)
	switch {
	case !good:
		http.Error(w, "400 this form is not ours", http.StatusBadRequest)
	case err != nil:
		f.noOrder(w, r, err)
	case late || !f.payable(o):
		toPage(w, l)
	case !slices.Contains(methods(m, o), method):
		http.Error(w, "400 no such pay_method here", http.StatusBadRequest)
	default:
		f.begin(w, r, l, m, o, token, method)
	}
}

// begin makes the attempt, or finds the one that the same form made.
func (f *function) begin(w http.ResponseWriter, r *http.Request, l *link.Link, m *config.Merchant, o *payment.Order, token string, method payment.Method) {
	used, err := f.Links.Remember(r.Context(), tokenKey(token), string(method), f.Now(), f.Now().Add(tokenLife))
	if err != nil {
		f.notNow(w, r, err)
		return
	}
	if used != string(method) {
		toPage(w, l)
		return
	}
	p, err := f.Cashier.UnifiedOrder(r.Context(), f.bearer(r, m), cashier.UnifiedOrder{
		CreateOrder: cashier.CreateOrder{OutTradeNo: l.OutTradeNo}, PayMethod: method,
		RedirectURL: f.base(r.Host) + "/" + l.ID + "?back=1",
	})
	switch {
	case err == nil && processorPage(p.URL):
		http.Redirect(w, r, p.URL, http.StatusSeeOther)
	case payment.AsError(err).Code == payment.Conflict:
		toPage(w, l) // paid, closed or over meanwhile: the page says which
	default:
		f.notBegun(w, r, l, m, o, err)
	}
}

// toPage sends the browser to the page itself. The address is relative, so that it
// holds wherever the function is mounted.
func toPage(w http.ResponseWriter, l *link.Link) {
	w.Header().Set("Location", l.ID)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}

// processorPage reports that there is an address to go to. Only the cashier's own
// answer is ever gone to.
func processorPage(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

func (f *function) notBegun(w http.ResponseWriter, r *http.Request, l *link.Link, m *config.Merchant, o *payment.Order, err error) {
	status := http.StatusServiceUnavailable
	if err != nil {
		web.Note(r.Context(), slog.String("error", err.Error()))
		if code := payment.AsError(err).Code; code == payment.Declined || code == payment.Unsupported {
			status = web.Status(code)
		}
	}
	if again, err := f.Orders.Get(context.WithoutCancel(r.Context()), o.Merchant, o.OutTradeNo); err == nil {
		o = again
	}
	f.showPay(w, r, l, m, o, status, language(r).Refused)
}

// state answers a payment page that waits. final says that looking again is of no use.
func (f *function) state(w http.ResponseWriter, r *http.Request, id string) {
	l, m, ok := f.find(w, r, f.get(r.Context(), id))
	if !ok {
		return
	}
	if l.OutTradeNo == "" {
		gone(w)
		return
	}
	o, err := f.order(r, l, m, true)
	if err != nil {
		f.noOrder(w, r, err)
		return
	}
	web.JSON(w, http.StatusOK, struct {
		TradeState payment.TradeState `json:"trade_state"`
		Final      bool               `json:"final"`
	}{o.TradeState, !f.payable(o) || o.Live() == nil})
}
