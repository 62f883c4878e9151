// Package embedded keeps orders in one bbolt file: the store of make run and of
// tests. It must not know DynamoDB, nor what an order means beyond the index
// entries that package store derives from it.
//
// Order and index entries change in one transaction, which is on disk before a save
// returns. bbolt lets one writer in at a time; those that come together share a
// transaction and its sync, which makes 32 at once several times faster, while
// a lone writer does not wait for company. A file belongs to one process.
//
//	s, err := embedded.Open(".local/pay.db") // "" keeps everything in memory
//	...
//	defer s.Close()
package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"overseaspay/shared/store"
)

// ErrHeld says that another process has the file open; test with errors.Is.
var ErrHeld = errors.New("held by another process")

const (
	lockWait  = time.Second      // how long Open waits for a file that another process holds
	batchWait = time.Millisecond // how long a transaction waits for further writers, if there are any
)

// Buckets. Keys are text; see the functions that build them.
var (
	orders        = []byte("order")               // pk: record
	bySpTradeNo   = []byte(store.BySpTradeNo)     // {merchant}/{number} NUL {out_trade_no}: nothing
	byTransaction = []byte(store.ByTransactionID) // the same
	dueIndex      = []byte("due")                 // {shard}/{stamp}/{pk}: nothing
	dayIndex      = []byte("day")                 // {merchant}/{day}/{stamp}/{pk}: nothing
	notices       = []byte("notice")              // {pk} NUL {id}: store.Notice
	noticeAges    = []byte("notice_age")          // {stamp}/{pk} NUL {id}: nothing
	configs       = []byte("config")              // id: the item
	buckets       = [][]byte{orders, bySpTradeNo, byTransaction, dueIndex, dayIndex, notices, noticeAges, configs}
)

// present is the value of every index entry.
var present = []byte{}

// stampLayout writes moments so that they sort as text; they are in UTC.
const stampLayout = "2006-01-02T15:04:05.000000000Z07:00"

// Store is a bbolt file. It is safe for concurrent use within its process.
type Store struct {
	db      *bolt.DB
	writers atomic.Int32     // inside update
	now     func() time.Time // for the life of notices
	temp    string           // file to remove on Close, if it is still there; "" for a store that lasts
}

var (
	_ store.Store       = (*Store)(nil)
	_ store.ConfigStore = (*Store)(nil)
)

// Open opens or makes the file, and the folders it is in, for this user alone. An
// empty path is a store in memory: a temporary file that is never synced and is
// gone with the process. ErrHeld if another process holds the file for over a second.
func Open(path string) (*Store, error) {
	s := &Store{now: time.Now}
	options := bolt.Options{Timeout: lockWait, FreelistType: bolt.FreelistMapType}
	if path == "" {
		temp, err := tempFile()
		if err != nil {
			return nil, fmt.Errorf("embedded: %w", err)
		}
		path, s.temp, options.NoSync, options.NoFreelistSync = temp, temp, true, true
	} else if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	db, err := bolt.Open(path, 0o600, &options)
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("embedded: %s is %w", path, ErrHeld)
	}
	if err != nil {
		return nil, fmt.Errorf("embedded: open %s: %w", path, err)
	}
	db.MaxBatchDelay = batchWait
	s.db = db
	if s.temp != "" {
		os.Remove(s.temp) // an open file needs no name, except on Windows: see Close
	}
	return s, s.prepare()
}

func tempFile() (string, error) {
	f, err := os.CreateTemp("", "pay-*.db")
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// prepare makes the buckets that are missing; it closes the file if it cannot.
func (s *Store) prepare() error {
	err := s.db.Update(func(tx *bolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.Close()
		return fmt.Errorf("embedded: %w", err)
	}
	return nil
}

// Close waits for calls under way and lets go of the file.
func (s *Store) Close() error {
	err := s.db.Close()
	if s.temp != "" {
		os.Remove(s.temp)
	}
	return err
}

// view runs a read-only transaction.
func (s *Store) view(ctx context.Context, op string, read func(*bolt.Tx) error) error {
	err := ctx.Err()
	if err == nil {
		err = s.db.View(read)
	}
	return wrap(op, err)
}

// update runs a transaction that is durable when it returns nil. Whoever waited
// for the writer's turn longer than its context allows changes nothing. write may
// run more than once, and an error of it costs others of the same transaction a
// second run: a lost race is not reported through it.
func (s *Store) update(ctx context.Context, op string, write func(*bolt.Tx) error) error {
	run := s.db.Update
	if s.writers.Add(1) > 1 && s.temp == "" { // in memory there is no sync to share
		run = s.db.Batch
	}
	defer s.writers.Add(-1)
	err := ctx.Err()
	if err == nil {
		err = run(func(tx *bolt.Tx) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return write(tx)
		})
	}
	return wrap(op, err)
}

func wrap(op string, err error) error {
	if err != nil {
		return fmt.Errorf("embedded: %s: %w", op, err)
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(stampLayout) }
