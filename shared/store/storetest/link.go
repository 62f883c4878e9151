package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/link"
	"overseaspay/shared/store"
)

// RunLinks holds a store of links against the contract, as [Run] does for orders.
func RunLinks(t *testing.T, open func(t *testing.T) store.LinkStore) {
	parts := []struct {
		name string
		run  func(*testing.T, store.LinkStore)
	}{
		{"link", linkKept},
		{"link ids are taken once", linkTaken},
		{"link opens", linkOpens},
		{"link opens at once", linkOpensTogether},
		{"link expires", linkExpires},
		{"remembered", remembered},
		{"remembered once", rememberedOnce},
		{"taken", takenUpTo},
		{"taken at once", takenTogether},
		{"links cancelled", linksCancelled},
	}
	for _, p := range parts {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.run(t, open(t))
		})
	}
}

// begin is when the suite's links are made: not long ago, as outlived ones are dropped.
var begin = time.Now().UTC().Truncate(time.Second)

func newLink(id string) *link.Link {
	return &link.Link{
		ID: id, Merchant: "shop", Path: "pages/index/index", Query: "a=1&b=%E4%B8%AD", Title: "世界 <&>", Channel: "poster 7",
		OutTradeNo: "ORDER-0001", Key: "key", TimeCreate: begin, TimeExpire: begin.Add(time.Hour),
	}
}

func putLink(t *testing.T, s store.LinkStore, l *link.Link) {
	t.Helper()
	if err := s.PutLink(t.Context(), l); err != nil {
		t.Fatalf("PutLink(%s): %v", l.ID, err)
	}
}

func linkKept(t *testing.T, s store.LinkStore) {
	if _, _, err := s.GetLink(t.Context(), "AbCd1234"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("GetLink before any: %v, want ErrNotFound", err)
	}
	for _, l := range []*link.Link{newLink("AbCd1234"), {ID: "00000000", Merchant: "m", TimeCreate: begin, TimeExpire: begin.Add(time.Hour)}} {
		putLink(t, s, l)
		got, opens, err := s.GetLink(t.Context(), l.ID)
		if diff := cmp.Diff(l, got); err != nil || diff != "" {
			t.Errorf("GetLink: %v (-want +got):\n%s", err, diff)
		}
		none := link.Opens{ByDay: map[string]int64{}, ByEnv: map[link.Env]int64{link.WeChat: 0, link.Browser: 0}}
		if diff := cmp.Diff(none, opens); diff != "" {
			t.Errorf("opens (-want +got):\n%s", diff)
		}
	}
	if _, err := s.OpenLink(t.Context(), "abcd1234", link.Browser, begin); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("OpenLink in another case: %v, want ErrNotFound", err)
	}
}

func linkTaken(t *testing.T, s store.LinkStore) {
	putLink(t, s, newLink("AbCd1234"))
	other := newLink("AbCd1234")
	other.Merchant = "thief"
	if err := s.PutLink(t.Context(), other); !errors.Is(err, store.ErrConflict) {
		t.Errorf("PutLink: %v, want ErrConflict", err)
	}
	if got, _, err := s.GetLink(t.Context(), "AbCd1234"); err != nil || got.Merchant != "shop" {
		t.Errorf("GetLink: %+v, %v", got, err)
	}
}

func linkOpens(t *testing.T, s store.LinkStore) {
	l := newLink("AbCd1234")
	l.TimeExpire = begin.Add(72 * time.Hour)
	putLink(t, s, l)
	putLink(t, s, newLink("other678"))
	day := func(n int) time.Time { return begin.Add(time.Duration(n) * 24 * time.Hour) }
	for _, o := range []struct {
		env link.Env
		at  time.Time
	}{{link.Browser, day(0)}, {link.WeChat, day(0)}, {link.Browser, day(1)}, {link.Browser, day(2)}} {
		got, err := s.OpenLink(t.Context(), l.ID, o.env, o.at)
		if diff := cmp.Diff(l, got); err != nil || diff != "" {
			t.Errorf("OpenLink: %v (-want +got):\n%s", err, diff)
		}
	}
	date := func(n int) string { return day(n).Format(time.DateOnly) }
	want := link.Opens{Total: 4, ByDay: map[string]int64{date(0): 2, date(1): 1, date(2): 1}, ByEnv: map[link.Env]int64{link.WeChat: 1, link.Browser: 3}}
	_, opens, err := s.GetLink(t.Context(), l.ID)
	if diff := cmp.Diff(want, opens); err != nil || diff != "" {
		t.Errorf("opens: %v (-want +got):\n%s", err, diff)
	}
	if _, opens, err := s.GetLink(t.Context(), "other678"); err != nil || opens.Total != 0 {
		t.Errorf("another link counted %+v, %v", opens, err)
	}
}

func linkOpensTogether(t *testing.T, s store.LinkStore) {
	const opens = 50
	putLink(t, s, newLink("AbCd1234"))
	together(opens, func(int) {
		if _, err := s.OpenLink(t.Context(), "AbCd1234", link.WeChat, begin); err != nil {
			t.Errorf("OpenLink: %v", err)
		}
	})
	if _, got, err := s.GetLink(t.Context(), "AbCd1234"); err != nil || got.Total != opens || got.ByEnv[link.WeChat] != opens {
		t.Errorf("opens: %+v, %v, want %d", got, err, opens)
	}
}

// linkExpires: an expired link opens no more, but its counts can be read.
func linkExpires(t *testing.T, s store.LinkStore) {
	l := newLink("AbCd1234")
	putLink(t, s, l)
	if _, err := s.OpenLink(t.Context(), l.ID, link.Browser, l.TimeExpire.Add(-time.Millisecond)); err != nil {
		t.Errorf("OpenLink just before the end: %v", err)
	}
	if _, err := s.OpenLink(t.Context(), l.ID, link.Browser, l.TimeExpire); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("OpenLink at the end: %v, want ErrNotFound", err)
	}
	if got, opens, err := s.GetLink(t.Context(), l.ID); err != nil || got == nil || opens.Total != 1 {
		t.Errorf("GetLink: %+v, %+v, %v", got, opens, err)
	}
}

func remembered(t *testing.T, s store.LinkStore) {
	const key = "scheme/aa"
	until := begin.Add(time.Minute)
	recall := func(at time.Time, want string) {
		t.Helper()
		got, err := s.Recall(t.Context(), key, at)
		if got != want && err == nil || errors.Is(err, store.ErrNotFound) != (want == "") {
			t.Errorf("Recall: %q, %v, want %q", got, err, want)
		}
	}
	remember := func(value string, at time.Time, want string) {
		t.Helper()
		if got, err := s.Remember(t.Context(), key, value, at, until); err != nil || got != want {
			t.Errorf("Remember(%q): %q, %v, want %q", value, got, err, want)
		}
	}
	recall(begin, "")
	remember("first", begin, "first")
	remember("second", until.Add(-time.Second), "first")
	recall(until.Add(-time.Second), "first")
	recall(until, "")
	at := until
	until = until.Add(time.Minute)
	remember("third", at, "third")
	recall(at, "third")
	if _, _, err := s.GetLink(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a remembered value is no link: %v", err)
	}
	if _, err := s.OpenLink(t.Context(), key, link.Browser, begin); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a remembered value is no link: %v", err)
	}
}

// rememberedOnce: of many who bring a value at once, one is kept, and all get that one.
func rememberedOnce(t *testing.T, s store.LinkStore) {
	const callers = 30
	kept := make([]string, callers)
	together(callers, func(i int) {
		var err error
		if kept[i], err = s.Remember(t.Context(), "scheme/aa", fmt.Sprint(i), begin, begin.Add(time.Minute)); err != nil {
			t.Errorf("Remember: %v", err)
		}
	})
	for _, k := range kept {
		if k != kept[0] || k == "" {
			t.Fatalf("kept %q and %q", kept[0], k)
		}
	}
}

func takenUpTo(t *testing.T, s store.LinkStore) {
	until := begin.Add(time.Hour)
	for i, want := range []bool{true, true, false, false} {
		if ok, err := s.Take(t.Context(), "daily/shop/2026-03-14", 2, until); err != nil || ok != want {
			t.Errorf("Take %d: %v, %v", i+1, ok, err)
		}
	}
	if ok, err := s.Take(t.Context(), "daily/shop/2026-03-15", 2, until); err != nil || !ok {
		t.Errorf("Take under another key: %v, %v", ok, err)
	}
	if ok, err := s.Take(t.Context(), "daily/none/2026-03-14", 0, until); err != nil || ok {
		t.Errorf("Take of nothing: %v, %v", ok, err)
	}
}

func takenTogether(t *testing.T, s store.LinkStore) {
	var got atomic.Int32
	together(40, func(int) {
		ok, err := s.Take(t.Context(), "daily/shop/2026-03-14", 25, begin.Add(time.Hour))
		if err != nil {
			t.Errorf("Take: %v", err)
		}
		if ok {
			got.Add(1)
		}
	})
	if n := got.Load(); n != 25 {
		t.Errorf("taken %d times, want 25", n)
	}
}

func linksCancelled(t *testing.T, s store.LinkStore) {
	putLink(t, s, newLink("AbCd1234"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"PutLink":  func() error { return s.PutLink(ctx, newLink("other678")) },
		"GetLink":  func() error { _, _, err := s.GetLink(ctx, "AbCd1234"); return err },
		"OpenLink": func() error { _, err := s.OpenLink(ctx, "AbCd1234", link.Browser, begin); return err },
		"Remember": func() error { _, err := s.Remember(ctx, "a/b", "c", begin, begin.Add(time.Hour)); return err },
		"Recall":   func() error { _, err := s.Recall(ctx, "a/b", begin); return err },
		"Take":     func() error { _, err := s.Take(ctx, "a/b", 1, begin); return err },
	} {
		if err := call(); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: %v, want context.Canceled", name, err)
		}
	}
}
