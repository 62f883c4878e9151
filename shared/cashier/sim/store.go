package sim

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/store"
)

// Memory is a store in plain memory that does the same again in every run. It
// holds at most some hundred orders well: its pages are found by looking at all.
type Memory struct {
	mu      sync.Mutex
	orders  map[store.Key]*payment.Order
	keys    []store.Key // as they were first saved
	index   map[store.Key]store.Indexes
	notices map[store.Key][]store.Notice
	configs map[string]json.RawMessage
	// codec sends every order through JSON, as a real store does. Without it an
	// order is copied, which is ten times faster.
	codec bool
}

var (
	_ store.Store       = (*Memory)(nil)
	_ store.ConfigStore = (*Memory)(nil)
)

// NewMemory makes an empty store.
func NewMemory(codec bool) *Memory {
	return &Memory{orders: map[store.Key]*payment.Order{}, notices: map[store.Key][]store.Notice{}, index: map[store.Key]store.Indexes{},
		configs: map[string]json.RawMessage{}, codec: codec}
}

// enter locks the store for a call that has not been given up.
func (m *Memory) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	m.mu.Lock()
	return nil
}

func (m *Memory) copy(o *payment.Order) (*payment.Order, error) {
	if !m.codec {
		return o.Clone(), nil
	}
	raw, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	c := &payment.Order{Version: o.Version}
	return c, json.Unmarshal(raw, c)
}

// Get implements [store.Store].
func (m *Memory) Get(ctx context.Context, merchant, outTradeNo string) (*payment.Order, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	o := m.orders[store.Key{Merchant: merchant, OutTradeNo: outTradeNo}]
	if o == nil {
		return nil, fmt.Errorf("memory: %w", store.ErrNotFound)
	}
	return m.copy(o)
}

// Save implements [store.Store].
func (m *Memory) Save(ctx context.Context, order *payment.Order) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	key := store.Key{Merchant: order.Merchant, OutTradeNo: order.OutTradeNo}
	have := m.orders[key]
	if have == nil && order.Version != 0 || have != nil && have.Version != order.Version {
		return fmt.Errorf("memory: %w", store.ErrConflict)
	}
	next, err := m.copy(order)
	if err != nil {
		return err
	}
	if have == nil {
		m.keys = append(m.keys, key)
	}
	order.Version++
	next.Version = order.Version
	m.orders[key], m.index[key] = next, store.IndexesOf(next)
	return nil
}

// touch raises an order's version, as somebody else's save would. It reports
// whether there is such an order.
func (m *Memory) touch(key store.Key) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.orders[key]
	if o != nil {
		o.Version++
	}
	return o != nil
}

// peek is the stored order itself, not to be changed; nil if there is none.
func (m *Memory) peek(key store.Key) *payment.Order {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.orders[key]
}

// Find implements [store.Store].
func (m *Memory) Find(ctx context.Context, index store.Index, merchant, number string) ([]string, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var found []string
	for _, key := range m.keys {
		x := m.index[key]
		entry := map[store.Index]string{store.BySpTradeNo: x.SpTradeNo, store.ByTransactionID: x.TransactionID}[index]
		if entry != "" && entry == merchant+"/"+number {
			found = append(found, key.OutTradeNo)
		}
	}
	return found, nil
}

// Due implements [store.Store].
func (m *Memory) Due(ctx context.Context, shard int, until time.Time, cursor string, limit int) ([]store.Key, string, error) {
	return m.page(ctx, cursor, limit, func(x store.Indexes) (time.Time, bool) {
		return x.DueAt, x.DueShard == shard && !x.DueAt.IsZero() && !x.DueAt.After(until)
	})
}

// Day implements [store.Store].
func (m *Memory) Day(ctx context.Context, merchant, day, cursor string, limit int) ([]store.Key, string, error) {
	return m.page(ctx, cursor, limit, func(x store.Indexes) (time.Time, bool) {
		return x.TimeCreate, x.MerchantDay == merchant+"/"+day
	})
}

// page lists the orders that fit by their moment, after the cursor, which is the
// place of the last order of the page before.
func (m *Memory) page(ctx context.Context, cursor string, limit int, fits func(store.Indexes) (time.Time, bool)) ([]store.Key, string, error) {
	if err := m.enter(ctx); err != nil {
		return nil, "", err
	}
	defer m.mu.Unlock()
	type entry struct {
		place string
		key   store.Key
	}
	var all []entry
	for _, key := range m.keys {
		if at, ok := fits(m.index[key]); ok {
			place := at.UTC().Format("2006-01-02T15:04:05.000000000Z") + "/" + key.Merchant + "/" + key.OutTradeNo
			if place > cursor {
				all = append(all, entry{place, key})
			}
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.place, b.place) })
	var keys []store.Key
	for i, e := range all {
		if i == max(limit, 1) {
			return keys, all[i-1].place, nil
		}
		keys = append(keys, e.key)
	}
	return keys, "", nil
}

// soonest is when the next order of any shard is due, zero if none is.
func (m *Memory) soonest() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	var next time.Time
	for _, key := range m.keys {
		if at := m.index[key].DueAt; !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// anyDue reports that a page of a shard's due orders would not be empty.
func (m *Memory) anyDue(shard int, until time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, x := range m.index {
		if x.DueShard == shard && !x.DueAt.IsZero() && !x.DueAt.After(until) {
			return true
		}
	}
	return false
}

// Keep implements [store.Store].
func (m *Memory) Keep(ctx context.Context, key store.Key, notice store.Notice) (bool, error) {
	if err := m.enter(ctx); err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	if slices.ContainsFunc(m.notices[key], func(n store.Notice) bool { return n.ID == notice.ID }) {
		return false, nil
	}
	m.notices[key] = append(m.notices[key], notice)
	return true, nil
}

// Notices implements [store.Store].
func (m *Memory) Notices(ctx context.Context, key store.Key) ([]store.Notice, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	kept := slices.Clone(m.notices[key])
	slices.SortFunc(kept, func(a, b store.Notice) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) })
	return kept, nil
}

// GetConfig implements [store.ConfigStore].
func (m *Memory) GetConfig(ctx context.Context, id string) (json.RawMessage, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	item, ok := m.configs[id]
	if !ok {
		return nil, fmt.Errorf("memory: %w", store.ErrNotFound)
	}
	return bytes.Clone(item), nil
}

// PutConfig implements [store.ConfigStore].
func (m *Memory) PutConfig(ctx context.Context, id string, item json.RawMessage) error {
	members, err := store.Members(id, item)
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	raw, err := json.Marshal(members)
	if err != nil {
		return err
	}
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	m.configs[id] = raw
	return nil
}
