package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"overseaspay/shared/payment"
	"overseaspay/shared/store"
)

var at = time.Date(2026, 3, 14, 15, 9, 26, 535897932, time.UTC)

func newOrder(no string) *payment.Order {
	return &payment.Order{
		Merchant: "default", OutTradeNo: no, TradeState: payment.TradeNotPay,
		Total: payment.Money{Amount: 1299, Currency: "EUR"}, Body: "Tea", TimeCreate: at, TimeExpire: at.Add(2 * time.Hour),
		Attempts: []payment.Attempt{{No: no, Provider: "yaband", State: payment.Open, SpTradeNo: "SP1", TimeBegin: at, DueAt: at}},
	}
}

func TestReopen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a", "b", "pay.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	want := newOrder("ORDER-0001")
	if err := s.Save(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if err := s.PutConfig(t.Context(), "payment", []byte(`{"pay_sp":"yaband"}`)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	got, err := s.Get(t.Context(), "default", "ORDER-0001")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Get: %v (-want +got):\n%s", err, diff)
	}
	if found, err := s.Find(t.Context(), store.BySpTradeNo, "default", "SP1"); err != nil || len(found) != 1 {
		t.Errorf("Find: %v, %v", found, err)
	}
	if item, err := s.GetConfig(t.Context(), "payment"); err != nil || string(item) != `{"id":"payment","pay_sp":"yaband"}` {
		t.Errorf("GetConfig: %s, %v", item, err)
	}
	if runtime.GOOS == "windows" {
		return // has no modes
	}
	for name, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		if info, err := os.Stat(name); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, mode)
		}
	}
}

func TestOpenHeld(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pay.db")
	open(t, path)
	begin := time.Now()
	_, err := Open(path)
	if !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), path+" is held by another process") {
		t.Errorf("Open: %v, want ErrHeld", err)
	}
	if took := time.Since(begin); took < lockWait/2 || took > 10*lockWait {
		t.Errorf("Open waited %v, want about %v", took, lockWait)
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"a folder": dir, "not a database": garbage, "below a file": filepath.Join(garbage, "pay.db")} {
		if s, err := Open(path); err == nil || s != nil {
			t.Errorf("%s: Open: %v, %v, want an error", name, s, err)
		}
	}
}

// TestMemory: stores in memory are apart, and leave no file behind.
func TestMemory(t *testing.T) {
	t.Parallel()
	a, b := open(t, ""), open(t, "")
	if err := a.Save(t.Context(), newOrder("ORDER-0001")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Get(t.Context(), "default", "ORDER-0001"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get from another store: %v, want ErrNotFound", err)
	}
	if _, err := os.Stat(a.temp); runtime.GOOS != "windows" && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary file is still there: %v", err)
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	s, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "default", "ORDER-0001"); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get after Close: %v, want an error", err)
	}
}

// TestIndexesOfAnEarlierBuild: entries are taken back as they were stored, even if
// the rules that derive them are others by now.
func TestIndexesOfAnEarlierBuild(t *testing.T) {
	t.Parallel()
	s, o := open(t, ""), newOrder("ORDER-0001")
	old := []entry{{dueIndex, []byte("99/long ago/default/ORDER-0001")}, {bySpTradeNo, []byte("default/OLD\x00ORDER-0001")}}
	if err := s.db.Update(func(tx *bolt.Tx) error {
		return replace(tx, "default/ORDER-0001", record{}, record{Version: 1, Entries: old, Order: []byte(`{}`)})
	}); err != nil {
		t.Fatal(err)
	}
	o.Version = 1
	if err := s.Save(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := s.db.View(func(tx *bolt.Tx) error {
		for _, e := range old {
			if tx.Bucket(e.Bucket).Get(e.Key) != nil {
				t.Errorf("%s: %q is still there", e.Bucket, e.Key)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestGivenUpInTheQueue: who waited for the writer's turn too long writes nothing.
func TestGivenUpInTheQueue(t *testing.T) {
	t.Parallel()
	s := open(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	if err := s.db.Update(func(*bolt.Tx) error {
		go func() { result <- s.Save(queued{ctx, make(chan struct{})}, newOrder("ORDER-0001")) }()
		cancel()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Save: %v, want context.Canceled", err)
	}
}

// queued is a context that is alive the first time it is looked at.
type queued struct {
	context.Context
	seen chan struct{}
}

func (q queued) Err() error {
	select {
	case <-q.seen:
		return q.Context.Err()
	default:
		close(q.seen)
		return nil
	}
}

func TestNoSuchIndex(t *testing.T) {
	t.Parallel()
	if _, err := open(t, "").Find(t.Context(), "openid", "default", "1"); err == nil {
		t.Error("Find: no error")
	}
}

// TestNoticesExpire: notices are not shown beyond their life, and later ones take
// them out of the file, a few at a time, whatever order they belong to.
func TestNoticesExpire(t *testing.T) {
	t.Parallel()
	s, now := open(t, ""), at
	s.now = func() time.Time { return now }
	keep := func(no, id string, want bool) {
		t.Helper()
		fresh, err := s.Keep(t.Context(), store.Key{Merchant: "default", OutTradeNo: no}, store.Notice{ID: id, Time: now})
		if err != nil || fresh != want {
			t.Fatalf("Keep %s %s: %v, %v, want %v", no, id, fresh, err, want)
		}
	}
	shown := func(no string, want int) {
		t.Helper()
		if got, err := s.Notices(t.Context(), store.Key{Merchant: "default", OutTradeNo: no}); err != nil || len(got) != want {
			t.Errorf("Notices of %s: %d, %v, want %d", no, len(got), err, want)
		}
	}
	for i := range forgetAtOnce + 4 {
		keep("ORDER-0001", fmt.Sprintf("%02d", i), true)
	}
	now = at.Add(store.NoticeLife)
	shown("ORDER-0001", forgetAtOnce+4)
	keep("ORDER-0001", "00", false)

	now = now.Add(1)
	shown("ORDER-0001", 0)
	keep("ORDER-0001", "19", true) // fresh again, and not taken out as what it was before
	if diff := cmp.Diff([]int{4, 5}, stored(t, s)); diff != "" {
		t.Errorf("notices and ages stored (-want +got):\n%s", diff)
	}
	keep("ORDER-0002", "new", true)
	if diff := cmp.Diff([]int{2, 2}, stored(t, s)); diff != "" {
		t.Errorf("notices and ages stored (-want +got):\n%s", diff)
	}
	shown("ORDER-0001", 1)
	shown("ORDER-0002", 1)
}

// stored counts the notices and their ages in the file.
func stored(t *testing.T, s *Store) (n []int) {
	t.Helper()
	if err := s.db.View(func(tx *bolt.Tx) error {
		n = []int{tx.Bucket(notices).Stats().KeyN, tx.Bucket(noticeAges).Stats().KeyN}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestDamaged: what cannot be read is an error, not an empty order.
func TestDamaged(t *testing.T) {
	t.Parallel()
	s := open(t, "")
	for _, raw := range []string{"{", `{"version":1,"order":[]}`} {
		if err := s.db.Update(func(tx *bolt.Tx) error {
			if err := tx.Bucket(notices).Put([]byte("default/ORDER-0001\x00aa"), []byte("{")); err != nil {
				return err
			}
			return tx.Bucket(orders).Put([]byte("default/ORDER-0001"), []byte(raw))
		}); err != nil {
			t.Fatal(err)
		}
		if o, err := s.Get(t.Context(), "default", "ORDER-0001"); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: Get: %+v, %v, want an error", raw, o, err)
		}
	}
	key := store.Key{Merchant: "default", OutTradeNo: "ORDER-0001"}
	if got, err := s.Notices(t.Context(), key); err == nil {
		t.Errorf("Notices: %v, want an error", got)
	}
	if fresh, err := s.Keep(t.Context(), key, store.Notice{ID: "aa", Time: at}); err == nil || fresh {
		t.Errorf("Keep: %v, %v, want an error", fresh, err)
	}
}
