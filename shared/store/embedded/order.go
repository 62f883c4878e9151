package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	bolt "go.etcd.io/bbolt"

	"overseaspay/shared/payment"
	"overseaspay/shared/store"
)

// record is an order as it is stored. It names its index entries, so that they can
// be taken back exactly even after the rules that derive them have changed.
type record struct {
	Version int64           `json:"version"`
	Entries []entry         `json:"entries"`
	Order   json.RawMessage `json:"order"`
}

// entry is one index entry.
type entry struct {
	Bucket []byte `json:"bucket"`
	Key    []byte `json:"key"`
}

func pk(merchant, outTradeNo string) string { return merchant + "/" + outTradeNo }

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, merchant, outTradeNo string) (*payment.Order, error) {
	order := new(payment.Order)
	err := s.view(ctx, "get", func(tx *bolt.Tx) error {
		have, err := load(tx, pk(merchant, outTradeNo))
		if err != nil {
			return err
		}
		if have.Version == 0 {
			return store.ErrNotFound
		}
		order.Version = have.Version
		return json.Unmarshal(have.Order, order)
	})
	if err != nil {
		return nil, err
	}
	return order, nil
}

// Save implements [store.Store]. A transaction of bbolt has happened or has not,
// so that no write_id is needed here.
func (s *Store) Save(ctx context.Context, order *payment.Order) error {
	key := pk(order.Merchant, order.OutTradeNo)
	body, err := json.Marshal(order)
	if err != nil {
		return wrap("save", err)
	}
	next := record{Version: order.Version + 1, Entries: entriesOf(key, order), Order: body}
	won := false
	err = s.update(ctx, "save", func(tx *bolt.Tx) error {
		have, err := load(tx, key)
		if won = err == nil && have.Version == order.Version; !won {
			return err
		}
		return replace(tx, key, have, next)
	})
	switch {
	case err != nil:
		return err
	case !won:
		return wrap("save", store.ErrConflict)
	}
	order.Version++
	return nil
}

// load returns the record under a key, with version 0 if there is none. It is
// valid within the transaction only.
func load(tx *bolt.Tx, key string) (record, error) {
	var have record
	raw := tx.Bucket(orders).Get([]byte(key))
	if raw == nil {
		return have, nil
	}
	err := json.Unmarshal(raw, &have)
	return have, err
}

// replace writes a record and moves its index entries.
func replace(tx *bolt.Tx, key string, have, next record) error {
	for _, e := range have.Entries {
		if err := tx.Bucket(e.Bucket).Delete(e.Key); err != nil {
			return err
		}
	}
	for _, e := range next.Entries {
		if err := tx.Bucket(e.Bucket).Put(e.Key, present); err != nil {
			return err
		}
	}
	raw, err := json.Marshal(next)
	if err != nil {
		return err
	}
	return tx.Bucket(orders).Put([]byte(key), raw)
}

// entriesOf builds the keys of an order's index entries.
func entriesOf(key string, order *payment.Order) []entry {
	x := store.IndexesOf(order)
	entries := []entry{{dayIndex, []byte(x.MerchantDay + "/" + stamp(x.TimeCreate) + "/" + key)}}
	if !x.DueAt.IsZero() {
		entries = append(entries, entry{dueIndex, []byte(strconv.Itoa(x.DueShard) + "/" + stamp(x.DueAt) + "/" + key)})
	}
	if x.SpTradeNo != "" {
		entries = append(entries, entry{bySpTradeNo, []byte(x.SpTradeNo + "\x00" + order.OutTradeNo)})
	}
	if x.TransactionID != "" {
		entries = append(entries, entry{byTransaction, []byte(x.TransactionID + "\x00" + order.OutTradeNo)})
	}
	return entries
}

// Find implements [store.Store].
func (s *Store) Find(ctx context.Context, index store.Index, merchant, number string) ([]string, error) {
	var found []string
	prefix := []byte(pk(merchant, number) + "\x00")
	err := s.view(ctx, "find", func(tx *bolt.Tx) error {
		if index != store.BySpTradeNo && index != store.ByTransactionID {
			return fmt.Errorf("no index %q", index)
		}
		c := tx.Bucket([]byte(index)).Cursor()
		for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
			// An order number holds no NUL: what is left of a longer number does.
			if no := k[len(prefix):]; !bytes.ContainsRune(no, 0) {
				found = append(found, string(no))
			}
		}
		return nil
	})
	return found, err
}
