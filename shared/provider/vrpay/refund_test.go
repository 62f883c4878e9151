package vrpay

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// given is an answer about a refund.
func given(code, more string) string {
	return `{"id":"F1","referencedId":"P1","paymentType":"RF","amount":"3.00","currency":"EUR",` + more + result(code) + `}`
}

func TestRefund(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]payment.RefundStatus{
		"000.000.000": payment.RefundSuccess, "000.100.112": payment.RefundSuccess, "000.400.100": payment.RefundSuccess,
		"000.200.000": payment.RefundProcessing, "100.400.500": payment.RefundProcessing,
		"900.100.300": payment.RefundProcessing, "000.400.030": payment.RefundProcessing, // to be asked about
	} {
		h := with(t, nil, says(200, given(code, "")))
		got, err := h.Refund(t.Context(), refund1)
		report := payment.RefundReport{Status: want, Word: code, No: "ORDER-0001", OutRefundNo: "R-1", RefundID: "F1", Fee: eur(300)}
		if diff := cmp.Diff(report, got); diff != "" || err != nil {
			t.Error(code, diff, err)
		}
		asked := h.last(t)
		form := url.Values{"entityId": {testEntity}, "amount": {"3.00"}, "currency": {"EUR"}, "paymentType": {"RF"}}
		if diff := cmp.Diff(form, asked.form); diff != "" || asked.Method != http.MethodPost || asked.URL.String() != "/v1/payments/P1" {
			t.Error(asked.Method, asked.URL, diff)
		}
	}
}

func TestRefundRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		body   string
		change func(*provider.Refund)
		kind   provider.Kind
		calls  int
	}{
		{"no number", 200, ``, func(r *provider.Refund) { r.SpTradeNo = "" }, provider.NotSupported, 0},
		{"three decimals", 200, ``, func(r *provider.Refund) { r.Fee = payment.Money{Amount: 1, Currency: "KWD"} }, provider.NotSupported, 0},
		{"cannot be refunded", 400, given("700.300.100", ""), nil, provider.Declined, 1},
		{"unknown reference", 400, given("700.100.100", ""), nil, provider.Declined, 1},
		{"unknown, 404", 404, given("700.400.580", ""), nil, provider.Declined, 1},
		{"amount", 400, given("700.100.200", ""), nil, provider.Declined, 1},
		{"not set up", 400, given("600.200.500", ""), nil, provider.Denied, 1},
		{"throttled", 400, given("800.120.100", ""), nil, provider.Busy, 1},
		{"uncertain, no id", 200, strings.Replace(given("900.100.300", ""), `"F1"`, `null`, 1), nil, provider.Unknown, 1},
		{"uncertain, of another payment", 200, strings.Replace(given("900.100.300", ""), "P1", "P2", 1), nil, provider.Unknown, 1},
		{"chargeback", 200, given("000.100.220", ""), nil, provider.Unknown, 1},
		{"unreadable code", 200, given("yes", ""), nil, provider.Unknown, 1},
		{"no id", 200, strings.Replace(given("000.000.000", ""), `"F1"`, `null`, 1), nil, provider.Unknown, 1},
		{"another payment", 200, strings.Replace(given("000.000.000", ""), "P1", "P2", 1), nil, provider.Unknown, 1},
		{"another amount", 200, strings.Replace(given("000.000.000", ""), "3.00", "92.00", 1), nil, provider.Unknown, 1},
		{"not a refund", 200, strings.Replace(given("000.000.000", ""), "RF", "DB", 1), nil, provider.Unknown, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := with(t, nil, says(c.status, c.body))
			r := refund1
			if c.change != nil {
				c.change(&r)
			}
			_, err := h.Refund(t.Context(), r)
			wantKind(t, err, c.kind)
			if len(h.asked) != c.calls {
				t.Errorf("%d calls, want %d", len(h.asked), c.calls)
			}
		})
	}
	h := with(t, nil, says(200, given("000.100.110", "")))
	h.live = true
	_, err := h.Refund(t.Context(), refund1)
	wantKind(t, err, provider.Denied) // no money moved
}

func TestQueryRefund(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   payment.RefundStatus
		kind   provider.Kind // if there is an error
	}{
		{"done", 200, given("000.000.000", ""), payment.RefundSuccess, -1},
		{"review", 200, given("000.400.000", ""), payment.RefundSuccess, -1},
		{"pending", 200, given("000.200.000", ""), payment.RefundProcessing, -1},
		{"uncertain", 200, given("900.100.100", ""), payment.RefundProcessing, -1},
		{"refused", 200, given("800.100.153", ""), payment.RefundClosed, -1},
		{"charged back, whatever that is", 200, given("000.100.200", ""), "", -1},
		{"new word", 200, given("hm", ""), "", -1},
		{"unknown", 404, `{` + result("700.400.580") + `}`, "", provider.NotFound},
		{"session ended", 400, `{` + result("200.300.404") + `}`, "", provider.NotFound},
		{"a no", 400, `{` + result("999.999.999") + `}`, "", provider.Unknown},
		{"another refund", 200, strings.Replace(given("000.000.000", ""), "F1", "F2", 1), "", provider.Unknown},
		{"of another payment", 200, strings.Replace(given("000.000.000", ""), "P1", "P2", 1), "", provider.Unknown},
		{"of another amount", 200, strings.Replace(given("000.000.000", ""), "EUR", "USD", 1), "", provider.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := with(t, nil, says(c.status, c.body))
			got, err := h.QueryRefund(t.Context(), refund1)
			if asked := h.last(t); asked.Method != http.MethodGet || asked.URL.Path != "/v1/payments/F1" {
				t.Errorf("%s %s", asked.Method, asked.URL)
			}
			if c.kind >= 0 {
				wantKind(t, err, c.kind)
				return
			}
			if err != nil || got.Status != c.want || got.RefundID != "F1" || got.OutRefundNo != "R-1" || got.Fee != eur(300) {
				t.Errorf("%+v, %v", got, err)
			}
			if c.want == "" && c.name == "new word" && len(h.counts) != 1 {
				t.Errorf("counted %v", h.counts)
			}
		})
	}
	h := with(t, nil, says(200, given("000.000.000", "")))
	unknown := refund1
	unknown.RefundID = ""
	_, err := h.QueryRefund(t.Context(), unknown)
	wantKind(t, err, provider.NotSupported)
	if len(h.asked) != 0 {
		t.Error("it was asked all the same")
	}
}

// TestAnswers sends every kind of bad answer to every verb.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const mend = "check providers.vr.entity_id, providers.vr.access_token"
	all := func(k provider.Kind) [4]provider.Kind { return [4]provider.Kind{k, k, k, k} }
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   [4]provider.Kind // create, query, query by number, refund
		says   string
	}{
		{"wrong token", 401, `{` + result("800.900.300") + `}`, all(provider.Denied), mend},
		{"forbidden, no JSON", 403, `<html>`, all(provider.Denied), mend},
		{"authentication as 400", 400, `{` + result("800.900.300") + `}`, all(provider.Denied), mend},
		{"not set up", 400, `{` + result("500.100.201") + `}`, all(provider.Denied), "(500.100.201): VR Payment refused the account (configuration); " + mend},
		{"throttled", 400, `{` + result("800.120.100") + `}`, all(provider.Busy), "(800.120.100): words of VR"},
		{"HTTP 429", 429, ``, all(provider.Busy), "HTTP 429"},
		{"a no", 400, `{` + result("100.550.303") + `}`,
			[4]provider.Kind{provider.Declined, provider.Unknown, provider.Unknown, provider.Declined}, "(100.550.303): words of VR"},
		{"a 404 with a code", 404, `{` + result("100.100.100") + `}`,
			[4]provider.Kind{provider.Declined, provider.NotFound, provider.NotFound, provider.Declined}, "(100.100.100)"},
		{"uncertain", 200, `{` + result("900.100.300") + `}`, all(provider.Unknown), "(900.100.300)"},
		{"no word", 200, `{"id":"P1"}`, all(provider.Unknown), "HTTP 200, and the answer is not the JSON"},
		{"result is text", 200, `{"id":"P1","result":"000.000.000"}`, all(provider.Unknown), "not the JSON"},
		{"a 404 of no processor", 404, `not found`, all(provider.Unknown), "HTTP 404"},
		{"array", 200, `[]`, all(provider.Unknown), "not the JSON"},
		{"null", 200, `null`, all(provider.Unknown), "not the JSON"},
		{"HTML", 200, `<!doctype html>`, all(provider.Unknown), "not the JSON"},
		{"half JSON", 200, `{"id":"P1","result":{"code":"000.`, all(provider.Unknown), "not the JSON"},
		{"empty", 200, ``, all(provider.Unknown), "not the JSON"},
		{"503", 503, `{` + result("800.800.800") + `}`, all(provider.Unknown), "HTTP 503"},
		{"quotes the token", 400, strings.Replace(`{`+result("100.100.100")+`}`, "words", testToken, 1),
			[4]provider.Kind{provider.Declined, provider.Unknown, provider.Unknown, provider.Declined}, "... of VR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := with(t, nil, says(c.status, c.body))
			_, created := h.Create(t.Context(), order(payment.WeChat))
			_, asked := h.Query(t.Context(), trade1)
			_, searched := h.Query(t.Context(), lost1)
			_, refunded := h.Refund(t.Context(), refund1)
			for i, err := range []error{created, asked, searched, refunded} {
				wantKind(t, err, c.want[i])
				if !strings.Contains(err.Error(), c.says) {
					t.Errorf("error %q, want %q", err, c.says)
				}
			}
		})
	}
}

func TestNotSent(t *testing.T) {
	t.Parallel()
	h := with(t, nil, says(200, given("000.000.000", "")))
	h.http = &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("refused")}
	}}}
	_, err := h.Create(t.Context(), order(payment.WeChat))
	wantKind(t, err, provider.NotSent)
	_, err = h.Refund(t.Context(), refund1)
	wantKind(t, err, provider.NotSent)

	var none context.Context // what net/http refuses to make a request of
	_, err = h.Query(none, trade1)
	wantKind(t, err, provider.NotSent)
}
