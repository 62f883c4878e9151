package embedded

import (
	"bytes"
	"context"
	"encoding/json"

	bolt "go.etcd.io/bbolt"

	"overseaspay/shared/store"
)

// GetConfig implements [store.ConfigStore].
func (s *Store) GetConfig(ctx context.Context, id string) (json.RawMessage, error) {
	var item json.RawMessage
	err := s.view(ctx, "get config", func(tx *bolt.Tx) error {
		raw := tx.Bucket(configs).Get([]byte(id))
		if raw == nil {
			return store.ErrNotFound
		}
		item = bytes.Clone(raw)
		return nil
	})
	return item, err
}

// PutConfig implements [store.ConfigStore].
func (s *Store) PutConfig(ctx context.Context, id string, item json.RawMessage) error {
	members, err := store.Members(id, item)
	if err != nil {
		return wrap("put config", err)
	}
	raw, err := json.Marshal(members)
	if err != nil {
		return wrap("put config", err)
	}
	return s.update(ctx, "put config", func(tx *bolt.Tx) error {
		return tx.Bucket(configs).Put([]byte(id), raw)
	})
}
