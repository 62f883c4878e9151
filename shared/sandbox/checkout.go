package sandbox

import (
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"overseaspay/shared/payment"
)

//go:embed checkout.html
var checkoutHTML string

var checkoutPage = template.Must(template.New("checkout").Parse(checkoutHTML))

// words are the page's texts in one language.
type words struct{ Lang, Note, Pay, Cancel, Waiting, Paid, Closed, Failed string }

var (
	english = words{"en", "Simulated payment page. No money moves.", "Pay", "Cancel",
		"Waiting for payment", "Paid", "Closed", "Declined"}
	chinese = words{"zh", "模拟支付页面，不会产生真实扣款。", "支付", "取消", "等待支付", "已支付", "已关闭", "支付失败"}
)

// checkout is what the page shows.
type checkout struct {
	Words  words
	Title  string
	Twin   string
	Amount string
	No     string
	Status string
	Open   bool
}

// showCheckout is the payment page of trades that are paid in a browser:
// {URL}/checkout/{processor}/{processor's number}. Twins hand out its address.
func (s *Sandbox) showCheckout(w http.ResponseWriter, r *http.Request) {
	t, ok := s.onCheckout(w, r)
	if !ok {
		return
	}
	text := language(r)
	status := map[State]string{Waiting: text.Waiting, Paid: text.Paid, Closed: text.Closed, Failed: text.Failed}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	_ = checkoutPage.Execute(w, checkout{
		Words: text, Title: t.Body, Twin: t.Processor, No: t.No, Status: status[t.State], Open: t.State == Waiting,
		Amount: payment.Money{Amount: t.Amount, Currency: t.Currency}.String(),
	})
}

// postCheckout pays or cancels, and sends the browser back to the shop if it gave
// an address for that, else to the page.
func (s *Sandbox) postCheckout(w http.ResponseWriter, r *http.Request) {
	t, ok := s.onCheckout(w, r)
	if !ok {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	// A trade that was decided meanwhile stays as it is; the page shows it.
	if r.FormValue("do") == "cancel" {
		_, _, _ = s.Close(r.Context(), t.SpTradeNo, t.Processor)
	} else {
		_, _, _ = s.Pay(r.Context(), t.SpTradeNo, PayOptions{Provider: t.Processor})
	}
	back := s.cfg.URL + "/checkout/" + url.PathEscape(t.Processor) + "/" + url.PathEscape(t.SpTradeNo)
	if u, err := url.Parse(t.RedirectURL); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		back = t.RedirectURL
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

func (s *Sandbox) onCheckout(w http.ResponseWriter, r *http.Request) (Trade, bool) {
	sp := r.PathValue("sp")
	t, err := s.ledger.Find(r.PathValue("name"), func(t Trade) bool { return t.SpTradeNo == sp })
	if err != nil {
		http.NotFound(w, r)
	}
	return t, err == nil
}

func language(r *http.Request) words {
	if strings.HasPrefix(strings.ToLower(r.Header.Get("Accept-Language")), "zh") {
		return chinese
	}
	return english
}
