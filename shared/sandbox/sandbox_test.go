package sandbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"overseaspay/shared/sandbox"
)

// plainTwin is the least that a processor can be: POST /trades?no= books a trade
// of 1299 EUR, POST /refunds?no=&amount=&status= refunds it, GET /echo tells what
// arrived. Its answers carry a signature header.
type plainTwin struct{ sandbox.Env }

func (plainTwin) Name() string             { return "plain" }
func (plainTwin) Settings() map[string]any { return map[string]any{"mchid": "M1", "key": "k"} }

func (p plainTwin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Signature", "zzz")
	no, is := r.FormValue("no"), func(t sandbox.Trade) bool { return t.No == r.FormValue("no") }
	switch r.Method + " " + r.URL.Path {
	case "POST /trades":
		t, _ := p.Ledger.Create(sandbox.Trade{
			Processor: "plain", Account: "M1", No: no, SpTradeNo: "sp-" + no, Amount: 1299, Currency: "EUR", Body: "<tea>",
			NotifyURL: "https://shop.example/notify/" + no, RedirectURL: r.FormValue("back"), Created: p.Now(),
			Expires: p.Now().Add(time.Hour),
		})
		_ = json.NewEncoder(w).Encode(t)
	case "POST /refunds":
		_, _ = p.Ledger.Update("plain", is, func(t *sandbox.Trade) error {
			t.Refunds = append(t.Refunds, sandbox.Refund{No: "R", Amount: 100, Status: r.FormValue("status")})
			return nil
		})
	case "GET /echo":
		fmt.Fprintf(w, "%s|%s|%s", r.URL.Path, r.RequestURI, r.Header.Get("User-Agent"))
	case "GET /sign", "GET /bare":
		w.Header().Del("X-Signature")
		_, _ = io.WriteString(w, map[string]string{"/sign": `{"sign": "zzz", "x": 1}`, "/bare": `{"x": 1}`}[r.URL.Path])
	default:
		http.NotFound(w, r)
	}
}

func (plainTwin) Notice(t sandbox.Trade, refund *sandbox.Refund) *http.Request {
	if t.State == sandbox.Failed {
		return nil
	}
	body := fmt.Sprintf("%s %d", t.State, t.Amount)
	if refund != nil {
		body = fmt.Sprintf("refund %d", refund.Amount)
	}
	req, err := http.NewRequest("POST", t.NotifyURL, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	return req
}

// shop hears the notices and answers them.
type shop struct {
	mu     sync.Mutex
	heard  []string
	status int
}

func (s *shop) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	s.heard = append(s.heard, string(body))
	rec := httptest.NewRecorder()
	rec.WriteHeader(s.status)
	_, _ = rec.WriteString("ok")
	return rec.Result(), nil
}

func (s *shop) answers(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

func (s *shop) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.heard, ", ")
}

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// rig is a sandbox with one plain twin, a shop and a clock that only the test moves.
type rig struct {
	*sandbox.Sandbox
	t     *testing.T
	shop  *shop
	clock *clock
	http  *http.Client
}

func newRig(t *testing.T) rig {
	t.Helper()
	s, c, n := &shop{status: 200}, &clock{time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}, 0
	box, err := sandbox.New(sandbox.Config{
		URL:   "http://127.0.0.1:3000/sandbox/",
		Twins: func(e sandbox.Env) []sandbox.Twin { return []sandbox.Twin{plainTwin{e}} },
		HTTP:  &http.Client{Transport: s}, Now: c.now,
		Nonce: func() string { n++; return fmt.Sprintf("%032d", n) },
	})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: box.Transport(), CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	return rig{box, t, s, c, client}
}

// do sends one request and returns status and body; the error is the transport's.
func (r rig) do(method, path string, body string) (int, string, error) {
	r.t.Helper()
	req, err := http.NewRequest(method, "http://127.0.0.1:3000/sandbox/"+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	res, err := r.http.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

func (r rig) book(no string) {
	r.t.Helper()
	if status, body, err := r.do("POST", "plain/trades?no="+no, ""); status != 200 || err != nil {
		r.t.Fatal(status, body, err)
	}
}

func TestTwinSeesItsOwnPathAndTheURIAsSent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, got, err := r.do("GET", "plain/echo?x=%2f", "")
	if want := "/echo|/sandbox/plain/echo?x=%2f|Go-http-client/1.1"; got != want || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if status, _, _ := r.do("GET", "nobody/echo", ""); status != 404 {
		t.Errorf("unknown twin: HTTP %d", status)
	}
}

func TestTransportServesOnlyTheSandbox(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, url := range []string{"https://api.example/x", "http://127.0.0.1:3000/other", "http://127.0.0.1:3000/sandboxes/x"} {
		if _, err := r.http.Get(url); err == nil {
			t.Errorf("%s was answered", url)
		}
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	none := func(sandbox.Env) []sandbox.Twin { return nil }
	twice := func(e sandbox.Env) []sandbox.Twin { return []sandbox.Twin{plainTwin{e}, plainTwin{e}} }
	for want, cfg := range map[string]sandbox.Config{
		"URL":   {Twins: none, URL: "sandbox"},
		"Twins": {URL: "http://x"},
		"plain": {URL: "http://x", Twins: twice},
	} {
		if _, err := sandbox.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v, want an error that names %s", err, want)
		}
	}
}

// Over a real socket, and with the defaults of Config, the same things happen.
func TestOverASocket(t *testing.T) {
	t.Parallel()
	var box *sandbox.Sandbox
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { box.ServeHTTP(w, r) }))
	defer server.Close()
	box, err := sandbox.New(sandbox.Config{
		URL:   server.URL + "/sandbox",
		Twins: func(e sandbox.Env) []sandbox.Twin { return []sandbox.Twin{plainTwin{e}} },
	})
	if err != nil {
		t.Fatal(err)
	}
	post := func(path, body string) (string, error) {
		res, err := http.Post(server.URL+"/sandbox/"+path, "application/json", strings.NewReader(body))
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		return string(text), err
	}
	for _, kind := range []string{"before", "reset", "lost", "truncated"} {
		if _, err := post("fault", `{"provider":"plain","kind":"`+kind+`"}`); err != nil {
			t.Fatal(err)
		}
		if got, err := post("plain/trades?no=ORDER-"+kind, ""); err == nil {
			t.Errorf("%s: answered %q", kind, got)
		}
	}
	var made []string
	for _, trade := range box.Trades() {
		made = append(made, trade.No)
	}
	if got := strings.Join(made, " "); got != "ORDER-lost ORDER-truncated" {
		t.Errorf("processed: %s", got)
	}
}

func TestIndexTradesAndDemoItem(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.book("ORDER-1")
	if _, index, _ := r.do("GET", "", ""); !strings.Contains(index, `"plain"`) {
		t.Errorf("index: %s", index)
	}
	if _, list, _ := r.do("GET", "trades", ""); !strings.Contains(list, `"no": "ORDER-1"`) {
		t.Errorf("trades: %s", list)
	}
	item, err := json.Marshal(sandbox.DemoItem("http://127.0.0.1:3000/sandbox", r.Twins(), "session", "sk_default_x"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"plain":{"base_url":"http://127.0.0.1:3000/sandbox/plain","key":"k","mchid":"M1"}`,
		`"merchant_keys":["sk_default_x"]`, `"session_secret":"session"`, `"pay_sp":"yaband"`,
		`"weixin_base_url":"http://127.0.0.1:3000/sandbox/weixin"`, `"appid":"` + sandbox.DemoAppID + `"`,
	} {
		if !bytes.Contains(item, []byte(want)) {
			t.Errorf("demo item lacks %s: %s", want, item)
		}
	}
}
