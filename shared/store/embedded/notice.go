package embedded

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"overseaspay/shared/store"
)

// forgetAtOnce bounds how many outlived notices one Keep removes. It is more than
// one, so that they grow fewer as long as notices come in.
const forgetAtOnce = 16

// Keep implements [store.Store]. A notice that is there already costs no write.
// Each new one takes some outlived ones, of any order, out of the file.
func (s *Store) Keep(ctx context.Context, key store.Key, notice store.Notice) (fresh bool, err error) {
	id := []byte(pk(key.Merchant, key.OutTradeNo) + "\x00" + notice.ID)
	body, err := json.Marshal(notice)
	if err != nil {
		return false, wrap("keep", err)
	}
	known := false
	if err := s.view(ctx, "keep", func(tx *bolt.Tx) (err error) {
		known, err = s.living(tx, id)
		return err
	}); err != nil || known {
		return false, err
	}
	err = s.update(ctx, "keep", func(tx *bolt.Tx) error {
		fresh = false
		if err := s.forget(tx); err != nil {
			return err
		}
		if known, err := s.living(tx, id); err != nil || known {
			return err
		}
		fresh = true
		if err := tx.Bucket(noticeAges).Put([]byte(stamp(notice.Time)+"/"+string(id)), present); err != nil {
			return err
		}
		return tx.Bucket(notices).Put(id, body)
	})
	return fresh && err == nil, err
}

// living reports whether a notice is kept and has not outlived its time.
func (s *Store) living(tx *bolt.Tx, id []byte) (bool, error) {
	raw := tx.Bucket(notices).Get(id)
	if raw == nil {
		return false, nil
	}
	var notice store.Notice
	err := json.Unmarshal(raw, &notice)
	return err == nil && !notice.Time.Before(s.horizon()), err
}

// horizon is the moment before which notices are forgotten.
func (s *Store) horizon() time.Time { return s.now().Add(-store.NoticeLife) }

// forget removes a few of the notices that have outlived their time.
func (s *Store) forget(tx *bolt.Tx) error {
	ages, until := tx.Bucket(noticeAges), []byte(stamp(s.horizon()))
	var old [][]byte
	c := ages.Cursor()
	for k, _ := c.First(); k != nil && bytes.Compare(k, until) < 0 && len(old) < forgetAtOnce; k, _ = c.Next() {
		old = append(old, bytes.Clone(k))
	}
	for _, k := range old {
		_, id, _ := bytes.Cut(k, []byte("/"))
		again, err := s.living(tx, id) // posted once more after its time was over
		if err != nil {
			return err
		}
		if !again {
			if err := tx.Bucket(notices).Delete(id); err != nil {
				return err
			}
		}
		if err := ages.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// Notices implements [store.Store].
func (s *Store) Notices(ctx context.Context, key store.Key) ([]store.Notice, error) {
	var kept []store.Notice
	prefix := []byte(pk(key.Merchant, key.OutTradeNo) + "\x00")
	err := s.view(ctx, "notices", func(tx *bolt.Tx) error {
		c := tx.Bucket(notices).Cursor()
		for k, raw := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, raw = c.Next() {
			var notice store.Notice
			if err := json.Unmarshal(raw, &notice); err != nil {
				return err
			}
			if !notice.Time.Before(s.horizon()) {
				kept = append(kept, notice)
			}
		}
		return nil
	})
	slices.SortFunc(kept, func(a, b store.Notice) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
	})
	return kept, err
}
