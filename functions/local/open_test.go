package main

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What only reads makes nothing: a mistyped -data leaves no file behind.
func TestReadingMakesNoStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, conf := filepath.Join(dir, "no", "where.db"), filepath.Join(t.TempDir(), "config.json")
	write(t, conf, oneItem)
	for _, args := range []string{"order list", "order show ORDER-0001", "order sync ORDER-0001", "order resend ORDER-0001", "config get -", "config put " + conf} {
		if _, err := local(t, append(strings.Fields(args), "-data", "")...); err == nil || !strings.Contains(err.Error(), "memory") {
			t.Errorf("%s of a store in memory: %v", args, err)
		}
		if strings.HasPrefix(args, "config put") {
			continue
		}
		_, err := local(t, append(strings.Fields(args), "-data", data)...)
		if err == nil || !strings.Contains(err.Error(), "there is no store at "+data) || !strings.Contains(err.Error(), "-data") {
			t.Errorf("%s: %v", args, err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Fatalf("%s made %v, %v", args, left, err)
		}
	}
	for _, name := range []string{"ORDERS_TABLE", "CONFIG_TABLE"} {
		if os.Getenv(name) != "" {
			t.Skip(name + " is set")
		}
	}
	if _, err := local(t, "order", "list", "-store", "dynamodb"); err == nil || !strings.Contains(err.Error(), "ORDERS_TABLE, CONFIG_TABLE and LINKS_TABLE") {
		t.Errorf("dynamodb without tables: %v", err)
	}
}

// An empty day is no silence.
func TestAnEmptyListSaysSo(t *testing.T) {
	t.Parallel()
	r := start(t, t.TempDir())
	data := filepath.Join(r.dir, "pay.db")
	today := time.Now().UTC().Format(time.DateOnly)
	for _, held := range []bool{true, false} {
		if !held {
			if err := r.stop(); err != nil {
				t.Fatal(err)
			}
		}
		for args, want := range map[string]string{
			"order list":                           "merchant default has no orders of " + today,
			"order list 2026-01-02":                "merchant default has no orders of 2026-01-02 (a day in UTC)",
			"order list 2026-01-02 -merchant shop": "merchant shop has no orders of 2026-01-02",
		} {
			if out, err := local(t, append(strings.Fields(args), "-data", data)...); err != nil || !strings.HasPrefix(out, want) {
				t.Errorf("held %v: %s: %v\n%s", held, args, err, out)
			}
		}
	}
}

// Whoever meets a file or an address that is taken is told by whom, and what helps.
func TestWhatIsTakenSaysByWhom(t *testing.T) {
	t.Parallel()
	r := start(t, t.TempDir())
	attempt := func(more ...string) error {
		o, err := serveOptions(flags(r.dir, more...), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		return serve(ctx, o, io.Discard, io.Discard)
	}
	wants := func(err error, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%v\nwant %q", err, part)
			}
		}
	}
	data := filepath.Join(r.dir, "pay.db")
	wants(attempt(), data, "held by another process", "the server at "+r.url, "with -data")
	wants(attempt("-addr", strings.TrimPrefix(r.url, "http://")), "address already in use", "another -addr")
	if err := os.Remove(doorFile(data)); err != nil {
		t.Fatal(err)
	}
	_, err := local(t, "order", "list", "-data", data)
	wants(err, "held by another process", "with -data")
	if _, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://")); err != nil {
		t.Errorf("the first server suffered: %v", err)
	}
}
