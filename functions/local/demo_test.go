package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A demo item that an earlier start on another address wrote leads to this
// server's own sandbox all the same, and its file stays as it is.
func TestADemoItemFollowsTheServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, dir)
	if status, body := first.pay(t, "ORDER-0001"); status != http.StatusOK {
		t.Fatal(body)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "config.json")
	before, err := os.ReadFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	second := start(t, dir)
	if second.url == first.url {
		t.Skip("the same port by chance")
	}
	if status, body := second.pay(t, "ORDER-0002"); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if out := second.out.String(); !strings.Contains(out, "written for "+first.url) {
		t.Errorf("not a word of it:\n%s", out)
	}
	if after, err := os.ReadFile(conf); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed: %v", err)
	}
	get := func() string {
		var out bytes.Buffer
		if err := run(t.Context(), []string{"config", "get", "-", "-data", filepath.Join(dir, "pay.db")}, &out, io.Discard); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	host := strings.TrimPrefix(first.url, "http://")
	if got := get(); strings.Contains(got, host) || !strings.Contains(got, second.url+"/sandbox/weixin") {
		t.Errorf("stored:\n%s", got)
	}
	if err := run(t.Context(), []string{"config", "put", conf, "-data", filepath.Join(dir, "pay.db")}, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	if got := get(); strings.Contains(got, host) {
		t.Errorf("stored by config put:\n%s", got)
	}
}

func TestRelocate(t *testing.T) {
	t.Parallel()
	const to = "http://127.0.0.1:4000/sandbox"
	for _, c := range []struct{ name, in, want, from string }{
		{"another port", `{"_demo":"x","a":"http://127.0.0.1:3000/sandbox/yaband","hosts":["127.0.0.1:3000","shop.example"]}`,
			`{"_demo":"x","a":"http://127.0.0.1:4000/sandbox/yaband","hosts":["127.0.0.1:4000","shop.example"]}`, "http://127.0.0.1:3000"},
		{"other names of this machine", `{"_demo":"x","a":"http://localhost:3000/sandbox","b":"http://[::1]:3000/sandbox/v3","c":"http://192.168.1.5/sandbox/v3"}`,
			`{"_demo":"x","a":"http://127.0.0.1:4000/sandbox","b":"http://127.0.0.1:4000/sandbox/v3","c":"http://127.0.0.1:4000/sandbox/v3"}`, "http://localhost:3000"},
		{"this server's", `{"_demo":"x","a":"http://127.0.0.1:4000/sandbox/yaband"}`, "", ""},
		{"the processor itself", `{"_demo":"x","a":"https://api.yabandpay.example","b":"http://shop.example/sandbox/x","c":"http://127.0.0.1:3000/sandboxes"}`, "", ""},
		{"not a demo item", `{"a":"http://127.0.0.1:3000/sandbox/yaband"}`, "", ""},
	} {
		items := []item{{id: "payment", raw: []byte(c.in)}}
		if c.want == "" {
			c.want = c.in
		}
		if from := relocate(items, to); from != c.from || string(items[0].raw) != c.want {
			t.Errorf("%s: from %q\n got %s\nwant %s", c.name, from, items[0].raw, c.want)
		}
	}
}

func TestTheServersOwnAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"127.0.0.1:3000": "127.0.0.1:3000", "[::]:3000": "127.0.0.1:3000", "0.0.0.0:80": "127.0.0.1:80",
		"[::1]:3000": "[::1]:3000", "192.168.1.5:3000": "192.168.1.5:3000"} {
		if got := reachable(in); got != want {
			t.Errorf("%s is reached at %s, want %s", in, got, want)
		}
	}
}
