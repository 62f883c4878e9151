package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store/embedded"
)

// victim is a server in a process of its own, which is killed and started again
// on the same port and file. The processors live on in the test's own process.
type victim struct {
	t            *testing.T
	binary, addr string
	dir          string
	cmd          *exec.Cmd
}

const victimKey = "sk_default_0123456789abcdefghij"

func newVictim(t *testing.T) (*victim, *sandbox.Sandbox) {
	t.Helper()
	v := &victim{t: t, dir: t.TempDir()}
	v.binary = filepath.Join(v.dir, "local")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", v.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v.addr = l.Addr().String()
	l.Close()
	var box http.Handler
	processors := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { box.ServeHTTP(w, r) }))
	t.Cleanup(processors.Close)
	s, err := sandbox.New(sandbox.Config{URL: processors.URL + "/sandbox", Twins: sandbox.All, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	box = s
	item, err := json.Marshal(sandbox.DemoItem(processors.URL+"/sandbox", s.Twins(), strings.Repeat("s", 32), victimKey))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(v.dir, "config.json"), item, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.kill)
	return v, s
}

// start starts the server and waits until it serves.
func (v *victim) start() {
	v.t.Helper()
	v.cmd = exec.Command(v.binary, "-addr", v.addr, "-sandbox=false", "-sweep", "200ms",
		"-data", filepath.Join(v.dir, "pay.db"), "-config", filepath.Join(v.dir, "config.json"))
	var said bytes.Buffer
	v.cmd.Stderr = &said
	if err := v.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	wait(v.t, "the server", func() bool {
		res, err := http.Get("http://" + v.addr + "/healthz")
		if err == nil {
			res.Body.Close()
		}
		return err == nil
	})
}

// kill is SIGKILL: nothing in the process gets to do anything more.
func (v *victim) kill() {
	if v.cmd != nil {
		_ = v.cmd.Process.Kill()
		_ = v.cmd.Wait()
		v.cmd = nil
	}
}

// call is a server's call that may well meet a dead server.
func (v *victim) call(ctx context.Context, body string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+v.addr+"/pay", strings.NewReader(body))
	if err != nil {
		return ""
	}
	req.Header.Set("Authorization", "Bearer "+victimKey)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	raw, _ := io.ReadAll(res.Body)
	return string(raw)
}

// Ten times the server is killed under load and started again. In the end there
// is no payment that the processors know and we do not, and no order that we call
// paid and they do not.
func TestKilledTenTimes(t *testing.T) {
	t.Parallel()
	v, box := newVictim(t)
	providers := []string{"yaband", "2paynow", "vr", "v3"}
	orders := 0
	for round := range 10 {
		v.start()
		ctx, stop := context.WithCancel(t.Context())
		var load sync.WaitGroup
		for i := range 8 {
			load.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					no := fmt.Sprintf("ORDER-%d-%d-%d", round, i, n)
					v.call(ctx, fmt.Sprintf(`{"action":"unifiedorder","out_trade_no":%q,"total_fee":1299,"body":"Tea","openid":"o-demo","provider":%q}`, no, providers[(i+n)%len(providers)]))
					_, _, _ = box.Pay(ctx, no, sandbox.PayOptions{})
				}
			})
		}
		<-time.After(time.Duration(150+rand.IntN(350)) * time.Millisecond) // when the blow falls is chance
		v.kill()
		stop()
		load.Wait()
	}
	v.start()
	var open []string
	t.Cleanup(func() {
		if len(open) > 0 {
			t.Logf("still open: %v", open)
		}
	})
	waitFor(t, 2*time.Minute, "the last payment", func() bool { // a create's lease is 25 seconds
		box.Resend(t.Context())
		open, orders = nil, 0
		for _, trade := range box.Trades() {
			if trade.State != sandbox.Paid {
				continue
			}
			orders++
			if !strings.Contains(v.call(t.Context(), `{"action":"queryorder","out_trade_no":"`+trade.No+`"}`), `"trade_state":"SUCCESS"`) {
				open = append(open, trade.Processor+" "+trade.No)
			}
		}
		return len(open) == 0
	})
	t.Logf("%d payments", orders)
	if orders < 20 {
		t.Errorf("only %d payments were made", orders)
	}
	v.kill()
	checkBooks(t, filepath.Join(v.dir, "pay.db"), box.Trades())
}

// checkBooks holds the store against the processors' ledger.
func checkBooks(t *testing.T, path string, trades []sandbox.Trade) {
	t.Helper()
	s, err := embedded.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	paid := map[string]bool{}
	for _, trade := range trades {
		paid[trade.No] = trade.State == sandbox.Paid
	}
	day := time.Now().UTC().Format(time.DateOnly)
	for cursor := ""; ; {
		keys, next, err := s.Day(t.Context(), "default", day, cursor, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			o, err := s.Get(t.Context(), k.Merchant, k.OutTradeNo)
			if err != nil {
				t.Fatal(err)
			}
			if o.TradeState == payment.TradeSuccess && !paid[o.PaidBy] {
				t.Errorf("%s is SUCCESS, and no processor knows of a payment", o.OutTradeNo)
			}
		}
		if cursor = next; cursor == "" {
			return
		}
	}
}
