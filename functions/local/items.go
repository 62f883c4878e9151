package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"overseaspay/shared/config"
	"overseaspay/shared/store"
)

// item is one config item of a file.
type item struct {
	id, merchant string
	raw          json.RawMessage
}

// readItems reads a file with one config item or a list of them. An item without
// an id is the default merchant's. The items share no memory with the file.
func readItems(file []byte, id string) ([]item, error) {
	file = bytes.TrimSpace(file)
	var list []json.RawMessage
	switch {
	case len(file) == 0:
		return nil, errors.New("the file is empty: put a config item into it, or a list of them")
	case file[0] != '[':
		list = []json.RawMessage{bytes.Clone(file)}
	default:
		if err := json.Unmarshal(file, &list); err != nil {
			return nil, fmt.Errorf("not a JSON list of config items: %w", err)
		}
		if len(list) == 0 {
			return nil, errors.New("the list is empty: put at least one config item into it")
		}
	}
	items := make([]item, len(list))
	for i, raw := range list {
		var head struct{ ID string }
		if err := json.Unmarshal(raw, &head); err != nil {
			return nil, fmt.Errorf("not a JSON config item: %w", err)
		}
		if head.ID == "" {
			head.ID = id
		}
		merchant, suffixed := strings.CutPrefix(head.ID, id+":")
		if !suffixed {
			merchant = "default"
		}
		if !suffixed && head.ID != id {
			return nil, fmt.Errorf("id %q: must be %q or %q", head.ID, id, id+":{merchant}")
		}
		if slices.ContainsFunc(items[:i], func(it item) bool { return it.id == head.ID }) {
			return nil, fmt.Errorf("id %q: the list has it twice", head.ID)
		}
		items[i] = item{head.ID, merchant, raw}
	}
	return items, nil
}

func put(ctx context.Context, s store.ConfigStore, items []item) error {
	for _, it := range items {
		if err := s.PutConfig(ctx, it.id, it.raw); err != nil {
			return fmt.Errorf("%s: %w", it.id, err)
		}
	}
	return nil
}

// watcher keeps the store's config items as the file has them.
type watcher struct {
	path string
	id   string
	env  config.Env
	to   store.ConfigStore
	log  *slog.Logger
	seen []byte // the file as it was last looked at; nil before

	sandbox string // where demo items are to lead, "" without a sandbox
	moved   string // where a demo item led before
}

// load reads the file and stores what is valid, if it is not as it was before.
// What is wrong with a file is an error once; a store that fails is tried again.
func (w *watcher) load(ctx context.Context) ([]item, error) {
	raw, err := os.ReadFile(w.path)
	if err != nil || w.seen != nil && bytes.Equal(raw, w.seen) {
		return nil, err
	}
	w.seen = raw
	items, err := readItems(raw, w.id)
	if err == nil {
		if w.sandbox != "" {
			w.moved = relocate(items, w.sandbox)
		}
		_, err = check(items, w.env)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.path, err)
	}
	if err := put(ctx, w.to, items); err != nil {
		w.seen = nil
		return nil, err
	}
	return items, nil
}

// watch looks at the file every second until the context ends. What is wrong with
// it is logged once and ignored; the items stored before serve on.
func (w *watcher) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		items, err := w.load(ctx)
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			w.log.Error("config file ignored; the last good one serves on", "metric", "config_invalid", "error", err.Error())
		case len(items) > 0:
			w.log.Info("config file stored", "path", w.path, "items", len(items))
		}
	}
}
