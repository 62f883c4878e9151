package embedded

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"overseaspay/shared/store"
)

// Due implements [store.Store].
func (s *Store) Due(ctx context.Context, shard int, until time.Time, cursor string, limit int) ([]store.Key, string, error) {
	return s.page(ctx, "due", span{dueIndex, strconv.Itoa(shard) + "/", stamp(until)}, cursor, limit)
}

// Day implements [store.Store].
func (s *Store) Day(ctx context.Context, merchant, day, cursor string, limit int) ([]store.Key, string, error) {
	return s.page(ctx, "day", span{dayIndex, merchant + "/" + day + "/", "~"}, cursor, limit)
}

// span is a stretch of an index: what starts with prefix and has a stamp up to last.
type span struct {
	bucket       []byte
	prefix, last string
}

// page lists the orders of a span, oldest first, after the cursor, which is the
// stamp and key of the last order of the page before.
func (s *Store) page(ctx context.Context, op string, in span, cursor string, limit int) ([]store.Key, string, error) {
	var keys []store.Key
	var next string
	err := s.view(ctx, op, func(tx *bolt.Tx) error {
		c := tx.Bucket(in.bucket).Cursor()
		start := []byte(in.prefix + cursor)
		k, _ := c.Seek(start)
		if cursor != "" && bytes.Equal(k, start) {
			k, _ = c.Next()
		}
		for last := ""; bytes.HasPrefix(k, []byte(in.prefix)); k, _ = c.Next() {
			place := string(k[len(in.prefix):])
			at, key, _ := strings.Cut(place, "/")
			if at > in.last {
				break
			}
			if len(keys) >= max(limit, 1) {
				next = last
				break
			}
			merchant, no, _ := strings.Cut(key, "/")
			keys, last = append(keys, store.Key{Merchant: merchant, OutTradeNo: no}), place
		}
		return nil
	})
	return keys, next, err
}
