package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"overseaspay/shared/provider/all"
)

// local runs a command and returns what it printed.
func local(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), args, &out, io.Discard)
	return out.String(), err
}

// What is wrong comes first, then what to look at, and what every item of a
// processor rests on comes last and once, however many items there are.
func TestConfigCheckSaysTheWorstFirst(t *testing.T) {
	t.Parallel()
	const (
		wrong = `{"pay_sp":"yabant","currency":"EUR","providers":{"yaband":{"mchid":"016683","key":""},"2paynow":{"mchid":"1","key":"k"}}}`
		right = `{"id":"payment:shop2","pay_sp":"yaband","curency":"EUR","merchant_keys":["sk_shop2_0123456789abcdef"],"providers":{"yaband":{"mchid":"016684","key":"k"}}}`
	)
	path := filepath.Join(t.TempDir(), "shop.json")
	write(t, path, "["+wrong+","+right+"]")
	out, err := local(t, "config", "check", path)
	if err == nil || err.Error() != path+": payment is refused: pay_sp: unknown processor; is it yaband? (and 1 more)" {
		t.Errorf("error %v", err)
	}
	at := -1
	for _, part := range []string{"payment is refused:\n  pay_sp: unknown processor; is it yaband?\n  providers.yaband.key: required\n", "  look at merchant_keys: none",
		"payment:shop2 is valid\n", "  look at curency: unknown member; is it currency?\n", "Assumed about 2paynow", "Assumed about yaband"} {
		i := strings.Index(out, part)
		if i <= at {
			t.Fatalf("%q is missing or not in its place in\n%s", part, out)
		}
		at = i
	}
	for _, fact := range all.Registry()["yaband"].Unverified {
		if n := strings.Count(out, fact); n != 1 {
			t.Errorf("%d times %q", n, fact)
		}
	}
	write(t, path, right)
	out, err = local(t, "config", "check", path)
	if err != nil || !strings.HasPrefix(out, "payment:shop2 is valid\n  look at curency") || !strings.Contains(out, all.Registry()["yaband"].Unverified[0]) {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = local(t, "config", "put", path, "-data", filepath.Join(t.TempDir(), "pay.db"))
	if err != nil || !strings.Contains(out, "look at curency") || !strings.HasSuffix(out, "stored payment:shop2\n") || strings.Contains(out, "Assumed") {
		t.Errorf("put: %v\n%s", err, out)
	}
}

// Where AWS cannot be asked, a reference to a parameter is refused by its name, with
// what is missing.
func TestConfigCheckWithoutAWS(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	path := filepath.Join(t.TempDir(), "shop.json")
	write(t, path, `{"pay_sp":"yaband","merchant_keys":["sk_default_0123456789abcdef"],"providers":{"yaband":{"mchid":"016683","key":"ssm:/overseaspay/yaband"}}}`)
	_, err := local(t, "config", "check", path)
	if err == nil || !strings.Contains(err.Error(), "parameter /overseaspay/yaband cannot be read here, without a region and credentials of AWS") {
		t.Errorf("error %v", err)
	}
}

// Errors say what, where, and what to do.
func TestConfigErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	missing, empty, list, text := filepath.Join(dir, "missing.json"), filepath.Join(dir, "empty.json"), filepath.Join(dir, "list.json"), filepath.Join(dir, "text.json")
	write(t, empty, "")
	write(t, list, "[ ]")
	write(t, text, "pay_sp: yaband")
	data := []string{"-addr", "127.0.0.1:0", "-data", filepath.Join(dir, "pay.db")}
	for _, c := range []struct {
		args string
		want []string
	}{
		{"config check", []string{"name a file: go run ./functions/local config check FILE"}},
		{"config put", []string{"name a file: go run ./functions/local config put FILE"}},
		{"config check " + missing, []string{missing, "no such file"}},
		{"config check " + empty, []string{empty, "the file is empty", "put a config item into it"}},
		{"config check " + list, []string{list, "the list is empty", "put at least one config item into it"}},
		{"config check " + text, []string{text, "not a JSON config item"}},
		{"config put " + list + " " + strings.Join(data[2:], " "), []string{list, "the list is empty"}},
		{"serve -config " + missing, []string{"-config " + missing, "there is no such file", "leave -config out", defaultConfig}},
		{"serve -config " + list, []string{list, "the list is empty", "put at least one config item into it"}},
		{"serve -config " + empty, []string{empty, "the file is empty"}},
	} {
		args := strings.Fields(c.args)
		if args[0] == "serve" {
			args = append(args, data...)
		}
		out, err := local(t, args...)
		for _, part := range c.want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v\n%s\nwant %q", c.args, err, out, part)
			}
		}
	}
}

// Without the sandbox and without a file the server starts, as its store may hold
// an item; where it holds none the greeting says what to do.
func TestAServerWithoutAnItemSaysSo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ item, want string }{"no item": {"", "no config item"}, "an item": {oneItem, ""}} {
		dir := t.TempDir()
		if c.item != "" {
			o := options{data: filepath.Join(dir, "pay.db"), store: "embedded"}
			b, closeStore, err := o.open(t.Context(), true)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.PutConfig(t.Context(), "payment", json.RawMessage(c.item)); err != nil {
				t.Fatal(err)
			}
			if err := closeStore(); err != nil {
				t.Fatal(err)
			}
		}
		r := serving(t, dir, "-sandbox=false")
		if got := strings.Contains(r.out.String(), "no config item"); got != (c.want != "") {
			t.Errorf("%s:\n%s", name, r.out)
		}
	}
}
