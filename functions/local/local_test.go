package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen is what a terminal would show.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}
func (s *screen) String() string { s.mu.Lock(); defer s.mu.Unlock(); return s.buf.String() }

// running is a server that a test started.
type running struct {
	dir       string
	out, logs *screen
	url, key  string
	stop      func() error
}

// flags are those of a server with everything in dir.
func flags(dir string, more ...string) []string {
	return append([]string{"-addr", "127.0.0.1:0", "-data", filepath.Join(dir, "pay.db"), "-config", filepath.Join(dir, "config.json")}, more...)
}

// start serves a demo shop until the test ends.
func start(t *testing.T, dir string, more ...string) *running {
	t.Helper()
	r := serving(t, dir, more...)
	if r.key = regexp.MustCompile(`sk_default_\w+`).FindString(r.out.String()); r.key == "" {
		t.Fatalf("%s\n%s", r.out, r.logs)
	}
	return r
}

// serving serves until the test ends. The config file is read, or written as a demo
// item, as a first start without -config would.
func serving(t *testing.T, dir string, more ...string) *running {
	t.Helper()
	r := &running{dir: dir, out: &screen{}, logs: &screen{}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	o, err := serveOptions(flags(dir, more...), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	o.demo = true
	go func() { done <- serve(ctx, o, r.out, r.logs) }()
	r.stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { _ = r.stop() })
	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
	wait(t, "the server", func() bool {
		r.url = address.FindString(r.out.String())
		res, err := http.Get(r.url + "/healthz")
		if err == nil {
			res.Body.Close()
		}
		return err == nil || len(done) > 0
	})
	if len(done) > 0 {
		t.Fatalf("%v\n%s\n%s", r.stop(), r.out, r.logs)
	}
	return r
}

// wait polls for what another goroutine does.
func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	waitFor(t, 20*time.Second, what, ok)
}

func waitFor(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s did not come", what)
		}
	}
}

func (r *running) post(t *testing.T, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

func (r *running) pay(t *testing.T, no string) (int, string) {
	t.Helper()
	return r.post(t, "/pay", `{"action":"unifiedorder","out_trade_no":"`+no+`","total_fee":1299,"body":"Tea","openid":"o-demo"}`)
}

func (r *running) state(t *testing.T, no string) string {
	t.Helper()
	_, body := r.post(t, "/pay", `{"action":"queryorder","out_trade_no":"`+no+`"}`)
	var out struct {
		Order struct {
			TradeState string `json:"trade_state"`
			Provider   string `json:"provider"`
		}
	}
	_ = json.Unmarshal([]byte(body), &out)
	return out.Order.TradeState + " by " + out.Order.Provider
}

// The first minute of a newcomer: three orders through three processors, changed
// by editing the file, and the first one still answers.
func TestTheFirstMinute(t *testing.T) {
	t.Parallel()
	r := start(t, t.TempDir())
	for _, sp := range []string{"yaband", "2paynow", "v3"} {
		no, tries := "", 0
		r.choose(t, sp)
		wait(t, "the switch to "+sp, func() bool {
			tries++ // an order made before the file was read again went elsewhere
			no = fmt.Sprintf("ORDER-%s-%d", sp, tries)
			if status, body := r.pay(t, no); status != http.StatusOK || !strings.Contains(body, `"payment"`) {
				t.Fatal(body)
			}
			return r.state(t, no) == "NOTPAY by "+sp
		})
		if status, body := r.post(t, "/sandbox/pay/"+no, ""); status != http.StatusOK || !strings.Contains(body, `"status": 20`) {
			t.Fatal(body)
		}
		wait(t, "the payment through "+sp, func() bool { return r.state(t, no) == "SUCCESS by "+sp })
	}
	if got := r.state(t, "ORDER-yaband-1"); got != "SUCCESS by yaband" {
		t.Errorf("the first order is %s", got)
	}
	for _, path := range []string{"/", "/healthz", "/sandbox/"} {
		res, err := http.Get(r.url + path)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("%s: %v, %v", path, res, err)
		}
		res.Body.Close()
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

func (r *running) choose(t *testing.T, sp string) {
	t.Helper()
	r.edit(t, func(item map[string]any) { item["pay_sp"] = sp })
}

func (r *running) edit(t *testing.T, change func(map[string]any)) {
	t.Helper()
	path := filepath.Join(r.dir, "config.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var item map[string]any
	if err := json.Unmarshal(raw, &item); err != nil {
		t.Fatal(err)
	}
	change(item)
	if raw, err = json.Marshal(item); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAnInvalidFileStopsTheStartAndLaterIsIgnored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"pay_sp":"yaband","providers":{"yaband":{"mchid":"1"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := serveOptions(flags(dir), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := serve(t.Context(), o, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "providers.yaband.key") {
		t.Errorf("error %v", err)
	}
	r := start(t, t.TempDir())
	r.edit(t, func(item map[string]any) { item["currency"] = "euro" })
	wait(t, "the complaint", func() bool { return strings.Contains(r.logs.String(), "config_invalid") })
	if status, body := r.pay(t, "ORDER-0001"); status != http.StatusOK {
		t.Error(body)
	}
}

// Commands work on the file, and through the server while it holds the file.
func TestCommands(t *testing.T) {
	t.Parallel()
	r := start(t, t.TempDir())
	r.pay(t, "ORDER-0001")
	r.post(t, "/sandbox/pay/ORDER-0001", "")
	data, conf := filepath.Join(r.dir, "pay.db"), filepath.Join(r.dir, "config.json")
	do := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := run(t.Context(), append(args, "-data", data), &out, io.Discard)
		return out.String(), err
	}
	wait(t, "the event to end", func() bool {
		out, err := do("order", "show", "ORDER-0001")
		return err == nil && strings.Contains(out, "as no webhook is set")
	})
	for _, held := range []bool{true, false} {
		if !held {
			if err := r.stop(); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct{ args, part string }{
			{"config check " + conf, "valid"},
			{"config put " + conf, "stored payment"},
			{"config get -", `"pay_sp": "yaband"`},
			{"config get " + filepath.Join(r.dir, "copy.json"), "wrote payment"},
			{"order show ORDER-0001", "from yaband: applied"},
			{"order list", "ORDER-0001"},
			{"order show ORDER-0001", "nobody was told, as no webhook is set"},
			{"order sync ORDER-0001", "SUCCESS"},
		} {
			out, err := do(strings.Fields(c.args)...)
			if err != nil || !strings.Contains(out, c.part) {
				t.Errorf("held %v: %s: %v\n%s", held, c.args, err, out)
			}
			if strings.Contains(out, r.key) || strings.Contains(out, "o-demo") {
				t.Errorf("%s shows what is secret or personal:\n%s", c.args, out)
			}
		}
		for _, bad := range []string{"order show NOBODY-1", "order", "config put /nowhere", "order list someday", "nonsense", "order eat ORDER-0001", "config get - -merchant nobody"} {
			if out, err := do(strings.Fields(bad)...); err == nil {
				t.Errorf("held %v: %s: no error\n%s", held, bad, out)
			}
		}
		copied, err := os.ReadFile(filepath.Join(r.dir, "copy.json"))
		if err != nil || !strings.Contains(string(copied), r.key) {
			t.Errorf("the copy is not whole: %v", err)
		}
	}
}

// order sync asks about refunds that are under way, too.
func TestSyncAsksAboutRefunds(t *testing.T) {
	t.Parallel()
	r := start(t, t.TempDir(), "-sweep", "1h")
	body := `{"action":"unifiedorder","out_trade_no":"ORDER-0001","total_fee":1299,"body":"Tea","openid":"o-demo","provider":"v3"}`
	if status, out := r.post(t, "/pay", body); status != http.StatusOK {
		t.Fatal(out)
	}
	r.post(t, "/sandbox/pay/ORDER-0001", "")
	if _, out := r.post(t, "/pay", `{"action":"refund","out_trade_no":"ORDER-0001","out_refund_no":"R-1","refund_fee":300}`); !strings.Contains(out, "PROCESSING") {
		t.Fatal(out)
	}
	wait(t, "an answer about the refund", func() bool {
		out, err := local(t, "order", "sync", "ORDER-0001", "-data", filepath.Join(r.dir, "pay.db"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(out, "queryrefund: done")
	})
}

func TestTheDoorIsShutToStrangers(t *testing.T) {
	t.Parallel()
	r := start(t, t.TempDir())
	if status, _ := r.post(t, doorPath, `{"name":"config","args":["default","get","-"]}`); status != http.StatusForbidden {
		t.Errorf("answered %d", status)
	}
}

func TestMemoryAndNoSandbox(t *testing.T) {
	t.Parallel()
	o, err := serveOptions(flags(t.TempDir(), "-data", "", "-sandbox=false"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := serve(t.Context(), o, io.Discard, io.Discard); err == nil {
		t.Error("a missing -config file was no error")
	}
	for _, bad := range [][]string{{"-store", "mongo"}, {"-sweep", "0s"}, {"extra"}, {"-nonsense"}} {
		if _, err := serveOptions(bad, io.Discard); err == nil {
			t.Errorf("%v: no error", bad)
		}
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"help"}, &out, io.Discard); err != nil || !strings.Contains(out.String(), "-addr") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func (r *running) get(t *testing.T, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

// WeChat's proof of a domain is served at the root, where WeChat looks for it, and
// nothing else of scheme's is.
func TestVerifyFilesAtTheRoot(t *testing.T) {
	t.Parallel()
	r := start(t, t.TempDir())
	r.edit(t, func(item map[string]any) {
		item["scheme"].(map[string]any)["verify_files"] = map[string]string{"MP_verify_abc.txt": "abc", "pay": "hidden", "healthz": "hidden"}
	})
	wait(t, "the file", func() bool {
		status, body := r.get(t, "/MP_verify_abc.txt")
		return status == http.StatusOK && body == "abc"
	})
	if status, body := r.get(t, "/scheme/MP_verify_abc.txt"); status != http.StatusOK || body != "abc" {
		t.Errorf("below scheme: %d %s", status, body)
	}
	_, made := r.post(t, "/scheme", `{"action":"link","path":"pages/index/index"}`)
	var link struct{ ID, URL string }
	if err := json.Unmarshal([]byte(made), &link); err != nil || link.ID == "" {
		t.Fatal(made)
	}
	for path, want := range map[string]int{"/MP_verify_other.txt": 404, "/" + link.ID: 404, "/" + link.ID + ".svg": 404, "/x/MP_verify_abc.txt": 404,
		"/healthz": 200, "/pay": 405, "/": 200, "/scheme/" + link.ID: 200} {
		if status, body := r.get(t, path); status != want || body == "hidden" {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
	if status, _ := r.post(t, "/MP_verify_abc.txt", ""); status != http.StatusMethodNotAllowed && status != http.StatusNotFound {
		t.Errorf("a POST is answered with %d", status)
	}
}

// The shop hears of a payment at once, signed, and again when asked to be told.
func TestTheShopIsTold(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var heard []string
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if r.Header.Get("Webhook-Signature") != "" {
			heard = append(heard, r.Header.Get("Webhook-Id")+" "+string(body))
		}
	}))
	defer shop.Close()
	told := func(n int) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return len(heard) >= n }
	}
	r := start(t, t.TempDir(), "-sweep", "1h")
	r.edit(t, func(item map[string]any) {
		item["webhook"] = map[string]any{"url": shop.URL, "secrets": []string{"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"}}
	})
	wait(t, "the file to be read", func() bool { return strings.Contains(r.logs.String(), "config file stored") })
	begin := time.Now()
	wait(t, "the item to serve", func() bool { return time.Since(begin) > configLife })
	r.pay(t, "ORDER-0001")
	r.post(t, "/sandbox/pay/ORDER-0001", "")
	wait(t, "the event", told(1))
	var out bytes.Buffer
	if err := run(t.Context(), []string{"order", "resend", "ORDER-0001", "-data", filepath.Join(r.dir, "pay.db")}, &out, io.Discard); err != nil || !strings.Contains(out.String(), "answered 200") {
		t.Errorf("%v\n%s", err, out.String())
	}
	wait(t, "the event once more", told(2))
	if heard[0] != heard[1] || !strings.Contains(heard[0], "payment.succeeded") || !strings.Contains(heard[0], "ORDER-0001") {
		t.Errorf("heard %v", heard)
	}
}
