package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	bolt "go.etcd.io/bbolt"

	"overseaspay/shared/link"
	"overseaspay/shared/store"
)

// Buckets of links, made by the first write.
var (
	links    = []byte("link")     // id or key: linkRecord
	linkAges = []byte("link_age") // {stamp of Expires}/{id or key}: nothing
)

// linkRecord is a link with its counts, a remembered value, or a counter.
type linkRecord struct {
	Expires time.Time          `json:"expires"` // it may be dropped after that
	Link    *link.Link         `json:"link,omitempty"`
	Opens   int64              `json:"opens,omitempty"`
	ByDay   map[string]int64   `json:"by_day,omitempty"`
	ByEnv   map[link.Env]int64 `json:"by_env,omitempty"`
	Value   string             `json:"value,omitempty"`
	Taken   int64              `json:"taken,omitempty"`
}

var _ store.LinkStore = (*Store)(nil)

// PutLink implements [store.LinkStore].
func (s *Store) PutLink(ctx context.Context, l *link.Link) error {
	taken := false
	err := s.changeLink(ctx, "put link", l.ID, func(r *linkRecord) bool {
		if taken = r.Link != nil; !taken {
			copied := *l
			*r = linkRecord{Expires: l.Forgotten(), Link: &copied}
		}
		return !taken
	})
	if err == nil && taken {
		err = wrap("put link", store.ErrConflict)
	}
	return err
}

// GetLink implements [store.LinkStore].
func (s *Store) GetLink(ctx context.Context, id string) (*link.Link, link.Opens, error) {
	r, err := s.linkRecord(ctx, "get link", id)
	if err == nil && r.Link == nil {
		err = wrap("get link", store.ErrNotFound)
	}
	if err != nil {
		return nil, link.Opens{}, err
	}
	opens := link.Opens{Total: r.Opens, ByDay: r.ByDay, ByEnv: map[link.Env]int64{link.WeChat: r.ByEnv[link.WeChat], link.Browser: r.ByEnv[link.Browser]}}
	if opens.ByDay == nil {
		opens.ByDay = map[string]int64{}
	}
	return r.Link, opens, nil
}

// OpenLink implements [store.LinkStore].
func (s *Store) OpenLink(ctx context.Context, id string, env link.Env, now time.Time) (*link.Link, error) {
	var found *link.Link
	err := s.changeLink(ctx, "open link", id, func(r *linkRecord) bool {
		if found = r.Link; found == nil || found.Expired(now) {
			found = nil
			return false
		}
		if r.ByDay == nil {
			r.ByDay, r.ByEnv = map[string]int64{}, map[link.Env]int64{}
		}
		r.Opens++
		r.ByDay[now.UTC().Format(time.DateOnly)]++
		r.ByEnv[env]++
		return true
	})
	if err == nil && found == nil {
		err = wrap("open link", store.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}

// Remember implements [store.LinkStore].
func (s *Store) Remember(ctx context.Context, key, value string, now, until time.Time) (string, error) {
	kept := value
	err := s.changeLink(ctx, "remember", key, func(r *linkRecord) bool {
		if kept = value; now.Before(r.Expires) {
			kept = r.Value
			return false
		}
		*r = linkRecord{Expires: until, Value: value}
		return true
	})
	return kept, err
}

// Recall implements [store.LinkStore].
func (s *Store) Recall(ctx context.Context, key string, now time.Time) (string, error) {
	r, err := s.linkRecord(ctx, "recall", key)
	if err == nil && !now.Before(r.Expires) {
		err = wrap("recall", store.ErrNotFound)
	}
	return r.Value, err
}

// Take implements [store.LinkStore].
func (s *Store) Take(ctx context.Context, key string, limit int64, until time.Time) (bool, error) {
	ok := false
	err := s.changeLink(ctx, "take", key, func(r *linkRecord) bool {
		if ok = r.Taken < limit; ok {
			r.Taken, r.Expires = r.Taken+1, until
		}
		return ok
	})
	return ok && err == nil, err
}

// linkRecord reads a record; the zero one if there is none.
func (s *Store) linkRecord(ctx context.Context, op, id string) (linkRecord, error) {
	var r linkRecord
	err := s.view(ctx, op, func(tx *bolt.Tx) error {
		if b := tx.Bucket(links); b != nil {
			if raw := b.Get([]byte(id)); raw != nil {
				return json.Unmarshal(raw, &r)
			}
		}
		return nil
	})
	return r, err
}

// changeLink applies change to a record and writes it if change says so. Each
// write takes some outlived records out of the file.
func (s *Store) changeLink(ctx context.Context, op, id string, change func(*linkRecord) bool) error {
	return s.update(ctx, op, func(tx *bolt.Tx) error {
		kept, err := tx.CreateBucketIfNotExists(links)
		if err != nil {
			return err
		}
		ages, err := tx.CreateBucketIfNotExists(linkAges)
		if err != nil {
			return err
		}
		var r linkRecord
		if raw := kept.Get([]byte(id)); raw != nil {
			if err := json.Unmarshal(raw, &r); err != nil {
				return err
			}
		}
		before := r.Expires
		if !change(&r) {
			return nil
		}
		raw, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if err := ages.Delete(age(before, id)); err != nil {
			return err
		}
		if err := ages.Put(age(r.Expires, id), present); err != nil {
			return err
		}
		if err := kept.Put([]byte(id), raw); err != nil {
			return err
		}
		return s.forgetLinks(kept, ages)
	})
}

func age(expires time.Time, id string) []byte { return []byte(stamp(expires) + "/" + id) }

// forgetLinks removes a few records whose time is over for at least a day, as
// whoever asks about them brings a clock of its own.
func (s *Store) forgetLinks(kept, ages *bolt.Bucket) error {
	until := []byte(stamp(s.now().Add(-24 * time.Hour)))
	var old [][]byte
	c := ages.Cursor()
	for k, _ := c.First(); k != nil && bytes.Compare(k, until) < 0 && len(old) < forgetAtOnce; k, _ = c.Next() {
		old = append(old, bytes.Clone(k))
	}
	for _, k := range old {
		_, id, _ := bytes.Cut(k, []byte("/"))
		if err := kept.Delete(id); err != nil {
			return err
		}
		if err := ages.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
