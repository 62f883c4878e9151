// Package store is what the cashier needs of a store, and nothing more: single
// items under a version, four indexes, and the notices kept beside an order. It
// must not know what an order means. Two implementations pass the same suite
// (package storetest): embedded (a bbolt file, the default of make run) and
// dynamo (production).
//
// A change is always load, apply a pure function, save if the version still
// holds, else load again:
//
//	order, err := s.Get(ctx, "default", "ORDER-0001")
//	...
//	err = s.Save(ctx, order) // ErrConflict: somebody else was faster
package store

import (
	"cmp"
	"context"
	"errors"
	"time"

	"overseaspay/shared/payment"
)

// Errors of every store; test with errors.Is. Any other error is an outage: what
// was to be saved may or may not have been, and loading again shows which.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("changed by somebody else")
)

// Store keeps orders and their notices. It is safe for concurrent use.
type Store interface {
	// Get loads one order, consistently. ErrNotFound.
	Get(ctx context.Context, merchant, outTradeNo string) (*payment.Order, error)

	// Save stores an order if its version is still the stored one (0: if there is
	// none), and raises order.Version by one. Each call carries a random write_id,
	// so that a save which landed although its answer was lost is recognised as
	// ours when it is repeated. On ErrConflict the order is unchanged.
	//
	// Index entries follow from the order: see [IndexesOf].
	Save(ctx context.Context, order *payment.Order) error

	// Find returns the order numbers under one of a merchant's other numbers.
	// The answer may lag behind saves by a moment.
	Find(ctx context.Context, index Index, merchant, number string) ([]string, error)

	// Due pages through the orders of a shard whose moment has come, oldest first.
	// An empty cursor starts, an empty returned one ends. Eventually consistent.
	Due(ctx context.Context, shard int, until time.Time, cursor string, limit int) ([]Key, string, error)

	// Day pages through a merchant's orders made on a UTC day ("2006-01-02"), oldest first.
	Day(ctx context.Context, merchant, day, cursor string, limit int) ([]Key, string, error)

	// Keep stores a notice beside its order, once: fresh is false if it was there.
	Keep(ctx context.Context, key Key, notice Notice) (fresh bool, err error)

	// Notices lists what was kept beside an order, oldest first.
	Notices(ctx context.Context, key Key) ([]Notice, error)
}

// Key names an order.
type Key struct {
	Merchant   string `json:"merchant"`
	OutTradeNo string `json:"out_trade_no"`
}

// Index names one of the lookups by another number.
type Index string

// The indexes by number.
const (
	BySpTradeNo     Index = "sp_trade_no"
	ByTransactionID Index = "transaction_id"
)

// Notice is what a processor posted, already redacted.
type Notice struct {
	ID       string    `json:"id"` // hex SHA-256 of the body as it came
	Provider string    `json:"provider"`
	Time     time.Time `json:"time"`
	Verdict  string    `json:"verdict"` // what became of it: applied, duplicate, asked, mismatch
	Body     string    `json:"body"`
}

// NoticeLife is how long notices are kept.
const NoticeLife = 90 * 24 * time.Hour

// Shards is how many partitions the due index is spread over. A sweep pages each.
const Shards = 8

// Indexes are the index entries of an order; an empty or zero one is no entry.
type Indexes struct {
	SpTradeNo     string // {merchant}/{number}
	TransactionID string // {merchant}/{number}
	DueShard      int
	DueAt         time.Time // zero: nothing is due, ever
	MerchantDay   string    // {merchant}/{2006-01-02}
	TimeCreate    time.Time
	Events        []string // ids of undelivered events; the stream's filter looks at it
}

// MaxIndexed is the longest number, in bytes, that gets an index entry: what
// DynamoDB takes as a key, less the merchant. An order with a longer one is saved
// all the same, because the capture it came with must not be lost.
const MaxIndexed = 2000

// IndexesOf derives the index entries of an order.
func IndexesOf(o *payment.Order) Indexes {
	x := Indexes{
		DueShard: shard(o.Merchant + "/" + o.OutTradeNo), DueAt: o.Due(),
		MerchantDay: o.Merchant + "/" + o.TimeCreate.UTC().Format(time.DateOnly), TimeCreate: o.TimeCreate,
		Events: o.Undelivered(),
	}
	if a := o.Lead(); a != nil {
		// Until the processor has given a number, its notices know a later attempt by
		// the one we gave; cut short, that does not tell the order's.
		x.SpTradeNo, x.TransactionID = numberKey(o.Merchant, cmp.Or(a.SpTradeNo, laterNumber(o, a))), numberKey(o.Merchant, a.TransactionID)
	}
	return x
}

func laterNumber(o *payment.Order, a *payment.Attempt) string {
	if a.No == o.OutTradeNo {
		return ""
	}
	return a.No
}

func numberKey(merchant, number string) string {
	if number == "" || len(number) > MaxIndexed {
		return ""
	}
	return merchant + "/" + number
}

// shard spreads keys evenly (FNV-1a).
func shard(key string) int {
	h := uint32(2166136261)
	for i := range len(key) {
		h = (h ^ uint32(key[i])) * 16777619
	}
	return int(h % Shards)
}
