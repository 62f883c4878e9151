package main

import (
	"html"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// From the console it is one click to an order's history, and one to its payment page.
func TestConsole(t *testing.T) {
	t.Parallel()
	r := start(t, t.TempDir())
	r.pay(t, "ORDER-0001")
	r.post(t, "/sandbox/pay/ORDER-0001?amount=1", "")
	status, page := r.get(t, "/")
	for _, part := range []string{`href="/orders/ORDER-0001"`, "amount_mismatch", "payment page", "12.99 EUR"} {
		if status != http.StatusOK || !strings.Contains(page, part) {
			t.Errorf("%d, no %q in\n%s", status, part, page)
		}
	}
	status, page = r.get(t, "/orders/ORDER-0001")
	shown, err := local(t, "order", "show", "ORDER-0001", "-data", filepath.Join(r.dir, "pay.db"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(shown) {
		if strings.Contains(line, "attempt 1") && !strings.Contains(html.UnescapeString(page), strings.TrimSpace(line)) {
			t.Errorf("no %q in\n%s", line, page)
		}
	}
	if status != http.StatusOK || !strings.Contains(page, "<pre>default/ORDER-0001  NOTPAY") || strings.Contains(page, "o-demo") {
		t.Errorf("%d\n%s", status, page)
	}
	if status, _ := r.get(t, "/orders/ORDER-0009"); status != http.StatusNotFound {
		t.Errorf("an unknown order is answered with %d", status)
	}
}

// The console's own forms are taken by whatever name of this machine it was opened,
// and no other page's.
func TestConsoleForms(t *testing.T) {
	t.Parallel()
	r := start(t, t.TempDir())
	port := r.url[strings.LastIndex(r.url, ":"):]
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, c := range []struct {
		host, origin string
		want         int
	}{
		{"127.0.0.1" + port, "http://127.0.0.1" + port, http.StatusSeeOther},
		{"localhost" + port, "http://localhost" + port, http.StatusSeeOther},
		{"localhost" + port, "http://evil.example", http.StatusForbidden},
		{"evil.example" + port, "http://evil.example" + port, http.StatusForbidden},
		{"127.0.0.1" + port, "", http.StatusForbidden},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/-/link", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = c.host
		req.Header.Set("Origin", c.origin)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != c.want {
			t.Errorf("%+v: %d %s", c, res.StatusCode, body)
		}
	}
}
