package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/cashier"
	"overseaspay/shared/config"
	"overseaspay/shared/payment"
)

var _ cashier.Deliverer = (*Sender)(nil)

var (
	happened = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	tried    = happened.Add(5 * time.Minute)
)

func clock() time.Time { return tried }

// merchant is one whose shop listens at a URL, with two secrets.
func merchant(url string) *config.Merchant {
	return &config.Merchant{Name: "default", Item: config.Item{
		Webhook: config.Webhook{URL: url, Secrets: []config.Secret{vectorSecret, otherSecret}}}}
}

// paid is an order that was paid and partly refunded.
func paid() *payment.Order {
	return &payment.Order{
		Merchant: "default", OutTradeNo: "ORDER-0001", TradeState: payment.TradeRefund, Total: payment.Money{Amount: 1299, Currency: "EUR"},
		Body: "Tea & <b>", OpenID: "o-canary-openid", Claim: "canary-claim", TimeCreate: happened, TimeExpire: happened.Add(time.Hour),
		TimePaid: happened, PaidBy: "ORDER-0001",
		Attempts: []payment.Attempt{{No: "ORDER-0001", Provider: "yaband", Account: "1", Method: payment.WeChat, State: payment.Captured,
			SpTradeNo: "SP1", TransactionID: "42", Payment: &payment.PayParams{PaySign: "canary-sign"}}},
		Refunds: []payment.Refund{{OutRefundNo: "R-1", RefundID: "r1", AttemptNo: "ORDER-0001",
			Fee: payment.Money{Amount: 299, Currency: "EUR"}, Status: payment.RefundSuccess, TimeCreate: happened, TimeSuccess: happened}},
	}
}

func event(typ payment.EventType, refundNo string) payment.Event {
	return payment.Event{ID: "evt_00112233445566778899aabbccddeeff", Type: typ, RefundNo: refundNo, Time: happened}
}

// carrier is a transport that is a function.
type carrier func(*http.Request) (*http.Response, error)

func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) { return c(r) }

func answer(status int, body io.Reader) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(body)}
}

func newSender(t *testing.T, cfg Config) *Sender {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = clock
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const orderJSON = `{"merchant":"default","out_trade_no":"ORDER-0001","provider":"yaband","sp_trade_no":"SP1","transaction_id":"42",` +
	`"trade_state":"REFUND","pay_method":"wechat","total_fee":1299,"fee_type":"EUR","settlement_fee":0,"settlement_fee_type":"",` +
	`"refunded_fee":299,"refunded_fee_type":"EUR","body":"Tea \u0026 \u003cb\u003e","attach":"","time_create":"2026-11-23T10:00:00Z",` +
	`"time_expire":"2026-11-23T11:00:00Z","time_paid":"2026-11-23T10:00:00Z","flags":[],"refunds":[` + refundJSON + `]}`

const refundJSON = `{"out_refund_no":"R-1","refund_id":"r1","refund_fee":299,"refund_fee_type":"EUR","status":"SUCCESS",` +
	`"time_create":"2026-11-23T10:00:00Z","time_success":"2026-11-23T10:00:00Z"}`

// TestMessage: what the shop gets, over real TLS, to the byte.
func TestMessage(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		event payment.Event
		want  string
	}{
		{"payment", event(payment.PaymentSucceeded, ""),
			`{"type":"payment.succeeded","timestamp":"2026-11-23T10:00:00Z","data":{"order":` + orderJSON + `}}`},
		{"refund", event(payment.RefundSucceeded, "R-1"),
			`{"type":"refund.succeeded","timestamp":"2026-11-23T10:00:00Z","data":{"order":` + orderJSON + `,"refund":` + refundJSON + `}}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got *http.Request
			var body []byte
			shop := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got = r
				body, _ = io.ReadAll(r.Body)
				w.WriteHeader(http.StatusNoContent)
			}))
			defer shop.Close()
			lines := &bytes.Buffer{}
			s := newSender(t, Config{Loopback: true, Transport: trusting(&net.Dialer{}, true, shop), Log: slog.New(slog.NewJSONHandler(lines, nil))})
			status, err := s.Deliver(t.Context(), merchant(shop.URL+"/hook?token=canary-query"), paid(), c.event)
			if status != http.StatusNoContent || err != nil {
				t.Fatal(status, err)
			}
			if diff := cmp.Diff(c.want, string(body)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			checkRequest(t, got, body, c.event.ID)
			if text := lines.String(); !strings.Contains(text, c.event.ID) || strings.Contains(text, "canary") {
				t.Errorf("log: %s", text)
			}
		})
	}
}

func checkRequest(t *testing.T, got *http.Request, body []byte, id string) {
	t.Helper()
	want := map[string]string{"Content-Type": "application/json", "User-Agent": agent, "Webhook-Id": id,
		"Webhook-Timestamp": "1795428300", "Content-Length": fmt.Sprint(len(body)), "Accept-Encoding": ""}
	for name, value := range want {
		if got.Header.Get(name) != value {
			t.Errorf("%s: %q, want %q", name, got.Header.Get(name), value)
		}
	}
	if got.Method != http.MethodPost || got.URL.RequestURI() != "/hook?token=canary-query" {
		t.Errorf("%s %s", got.Method, got.URL)
	}
	for _, secret := range []string{vectorSecret, otherSecret} {
		if err := verifier(t, secret).VerifyIgnoringTimestamp(body, got.Header); err != nil {
			t.Error(err)
		}
	}
	if bytes.Contains(body, []byte("canary")) {
		t.Errorf("the body holds a secret: %s", body)
	}
}

// TestAnswers: what a shop may say, and what comes of it.
func TestAnswers(t *testing.T) {
	t.Parallel()
	cases := []struct {
		status int
		ok     bool
	}{
		{200, true}, {202, true}, {204, true}, {299, true}, {410, true},
		{301, false}, {302, false}, {304, false}, {307, false}, {308, false}, {400, false}, {401, false}, {404, false},
		{429, false}, {500, false}, {503, false},
	}
	for _, c := range cases {
		t.Run(http.StatusText(c.status), func(t *testing.T) {
			t.Parallel()
			calls := 0
			s := newSender(t, Config{Transport: carrier(func(*http.Request) (*http.Response, error) {
				calls++
				res := answer(c.status, strings.NewReader("canary"))
				res.Header.Set("Location", "https://shop.example/elsewhere")
				return res, nil
			})})
			status, err := s.Deliver(t.Context(), merchant("https://shop.example/hook"), paid(), event(payment.PaymentSucceeded, ""))
			if status != c.status || (err == nil) != c.ok || calls != 1 {
				t.Fatalf("got %d, %v after %d requests", status, err, calls)
			}
			if err != nil && (!strings.Contains(err.Error(), fmt.Sprint(c.status)) || strings.Contains(err.Error(), "canary")) {
				t.Errorf("error: %v", err)
			}
		})
	}
}

// TestNotSent: what never leaves.
func TestNotSent(t *testing.T) {
	t.Parallel()
	unsigned := merchant("https://shop.example/hook")
	unsigned.Item.Webhook.Secrets = nil
	cases := []struct {
		name     string
		merchant *config.Merchant
		status   int
		err      string
	}{
		{"no URL", merchant(""), http.StatusGone, ""},
		{"plain http", merchant("http://shop.example/hook?token=canary"), 0, "must be https"},
		{"no http at all", merchant("ftp://user:canary@shop.example/hook"), 0, "must be https"},
		{"not a URL", merchant("https://shop.example/%zz?token=canary"), 0, "is not a URL"},
		{"no secret", unsigned, 0, "webhook.secrets"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSender(t, Config{Transport: carrier(func(r *http.Request) (*http.Response, error) {
				t.Errorf("something was sent to %s", r.URL)
				return nil, io.EOF
			})})
			status, err := s.Deliver(t.Context(), c.merchant, paid(), event(payment.PaymentSucceeded, ""))
			if status != c.status || (err == nil) != (c.err == "") {
				t.Fatal(status, err)
			}
			if err != nil && (!strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "canary")) {
				t.Errorf("error: %v", err)
			}
		})
	}
}

// TestPlainHTTP: functions/local may tell a shop on the same machine.
func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	shop := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer shop.Close()
	s := newSender(t, Config{Loopback: true})
	if status, err := s.Deliver(t.Context(), merchant(shop.URL), paid(), event(payment.PaymentClosed, "")); status != 200 || err != nil {
		t.Error(status, err)
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	never := carrier(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	endless := carrier(func(r *http.Request) (*http.Response, error) {
		return answer(200, stuck{r.Context()}), nil
	})
	cases := []struct {
		name    string
		carrier carrier
		most    time.Duration // the caller's patience
		want    time.Duration
		status  int
		err     string
	}{
		{"no answer", never, time.Hour, 3 * time.Second, 0, "in time"},
		{"no answer, and the caller has less time", never, time.Second, time.Second, 0, "in time"},
		{"a body that does not end", endless, time.Hour, 3 * time.Second, 200, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.most)
				defer cancel()
				begin := time.Now()
				s := newSender(t, Config{Transport: c.carrier})
				status, err := s.Deliver(ctx, merchant("https://shop.example"), paid(), event(payment.PaymentSucceeded, ""))
				if took := time.Since(begin); took != c.want || status != c.status {
					t.Errorf("status %d after %v, want %d after %v", status, took, c.status, c.want)
				}
				if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
					t.Errorf("error: %v", err)
				}
			})
		})
	}
}

// stuck is a body that sends nothing and does not end.
type stuck struct{ ctx context.Context }

func (s stuck) Read([]byte) (int, error) { <-s.ctx.Done(); return 0, s.ctx.Err() }

func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := newSender(t, Config{})
	status, err := s.Deliver(ctx, merchant("https://shop.example/?token=canary"), paid(), event(payment.PaymentSucceeded, ""))
	if status != 0 || err == nil || !strings.Contains(err.Error(), "cancelled") {
		t.Error(status, err)
	}
}

// endless counts what is read of a body without an end.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) { e.read += len(p); return len(p), nil }

func TestLittleIsReadOfAnAnswer(t *testing.T) {
	t.Parallel()
	body := &endless{}
	s := newSender(t, Config{Transport: carrier(func(*http.Request) (*http.Response, error) { return answer(200, body), nil })})
	if status, err := s.Deliver(t.Context(), merchant("https://shop.example"), paid(), event(payment.PaymentSucceeded, "")); status != 200 || err != nil {
		t.Fatal(status, err)
	}
	if body.read == 0 || body.read > maxAnswer {
		t.Errorf("read %d bytes", body.read)
	}
}

// TestReasons: errors say what to mend, and quote neither the URL nor the shop.
func TestReasons(t *testing.T) {
	t.Parallel()
	shop := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		text := "HTTP/1.1 canary\r\n\r\n"
		if r.URL.Path == "/header" {
			text = "HTTP/1.1 200 OK\r\nX-Long: " + strings.Repeat("canary", maxHeader) + "\r\n\r\n"
		}
		_, _ = c.Write([]byte(text))
		_ = c.Close()
	}))
	shop.Config.ErrorLog = log.New(io.Discard, "", 0)
	shop.StartTLS()
	t.Cleanup(shop.Close)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	trust := trusting(&net.Dialer{}, true, shop)
	cases := []struct {
		name, url string
		transport http.RoundTripper
		err       string
	}{
		{"unknown certificate", shop.URL, nil, "certificate is not valid"},
		{"refused", closed.URL, nil, "connection failed at dial: connect: connection refused"},
		{"not HTTP", shop.URL, trust, "not HTTP"},
		{"too long a header", shop.URL + "/header", trust, "not HTTP"},
		{"unknown name", "https://shop.example", carrier(func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "shop.example", IsNotFound: true}}
		}), "does not resolve"},
		{"broken", "https://shop.example", carrier(func(*http.Request) (*http.Response, error) {
			return nil, errors.New("canary")
		}), "connection broke"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSender(t, Config{Loopback: true, Transport: c.transport})
			status, err := s.Deliver(t.Context(), merchant(c.url+"?token=canary"), paid(), event(payment.PaymentSucceeded, ""))
			if status != 0 || err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "canary") {
				t.Errorf("status %d, error: %v", status, err)
			}
		})
	}
}
