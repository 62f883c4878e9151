package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"overseaspay/shared/config"
	"overseaspay/shared/provider/all"
	"overseaspay/shared/store"
)

// shelf is a store of config items that counts what is put.
type shelf struct {
	items map[string]string
	puts  int
}

func (s *shelf) PutConfig(_ context.Context, id string, raw json.RawMessage) error {
	s.puts++
	s.items[id] = string(raw)
	return nil
}

func (s *shelf) GetConfig(_ context.Context, id string) (json.RawMessage, error) {
	if raw, ok := s.items[id]; ok {
		return json.RawMessage(raw), nil
	}
	return nil, store.ErrNotFound
}

const (
	oneItem = `{"pay_sp":"yaband","providers":{"yaband":{"mchid":"016683","key":"k"}}}`
	twoItem = `[ {"id":"payment","pay_sp":"yaband","providers":{"yaband":{"mchid":"016683","key":"k"}}},
  {"id":"payment:shop2","pay_sp":"yaband","providers":{"yaband":{"mchid":"016684","key":"k"}}} ]`
)

func newWatcher(t *testing.T, content string) (*watcher, *shelf) {
	t.Helper()
	s := &shelf{items: map[string]string{}}
	w := &watcher{path: filepath.Join(t.TempDir(), "config.json"), id: "payment", env: config.Env{Registry: all.Registry()},
		to: s, log: slog.New(slog.DiscardHandler)}
	write(t, w.path, content)
	return w, s
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A file is stored once, and again when it changes: what config put stored in
// between stands until then. That holds for a list as it does for one item.
func TestAFileIsStoredOnceAndWhenItChanges(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"one item": oneItem, "a list": twoItem} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s := newWatcher(t, content)
			items, err := w.load(t.Context())
			if err != nil || len(items) == 0 || s.puts != len(items) {
				t.Fatalf("%v, %v, %d puts", items, err, s.puts)
			}
			for _, it := range items {
				if !json.Valid([]byte(s.items[it.id])) {
					t.Errorf("%s is stored as %s", it.id, s.items[it.id])
				}
			}
			s.items["payment"] = "put by hand"
			for range 3 {
				if again, err := w.load(t.Context()); len(again) > 0 || err != nil {
					t.Fatalf("stored again without a change: %v, %v", again, err)
				}
			}
			if s.items["payment"] != "put by hand" {
				t.Error("config put was undone")
			}
			write(t, w.path, content+"\n")
			if items, err := w.load(t.Context()); len(items) == 0 || err != nil || s.items["payment"] == "put by hand" {
				t.Errorf("the change was not stored: %v, %v", items, err)
			}
		})
	}
}

// An invalid file is told of once, and leaves what is stored alone.
func TestAnInvalidChangeIsToldOnce(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"not JSON": "{", "an invalid item": `[{"pay_sp":"nobody"}]`, "an empty list": " [] ", "nothing": "\n", "a number": "5",
		"null": "null", "a list of null": "[null]", "another table's id": `{"id":"other"}`, "one id twice": "[" + oneItem + "," + oneItem + "]",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s := newWatcher(t, twoItem)
			if _, err := w.load(t.Context()); err != nil {
				t.Fatal(err)
			}
			write(t, w.path, content)
			if _, err := w.load(t.Context()); err == nil || !strings.HasPrefix(err.Error(), w.path+": ") {
				t.Errorf("error %v", err)
			}
			if items, err := w.load(t.Context()); err != nil || len(items) > 0 || s.puts != 2 {
				t.Errorf("again: %v, %v, %d puts", items, err, s.puts)
			}
		})
	}
}
