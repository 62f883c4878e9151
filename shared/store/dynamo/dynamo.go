// Package dynamo keeps orders, notices and config items in DynamoDB: the store of
// production. It must not know what an order means beyond the index entries that
// package store derives from it.
//
// An order is one item under pk = {merchant}/{out_trade_no}, sk = "order":
//
//	version       N   counts saves; every write is conditional on it
//	write_id      S   random per save, see below
//	order         M   the order as a native map, readable in the console
//	events        SS  ids of undelivered events, absent if none; what the filter of
//	                  the stream looks at (a set, so that "exists" finds a leaf)
//	due_shard     N   with due_at N (unix milliseconds, rounded up: an order never
//	                  shows early), index due; absent if nothing is ever due
//	sp_trade_no   S   {merchant}/{number}, index of that name; absent if there is none
//	transaction_id S  the same
//	merchant_day  S   {merchant}/{2006-01-02}, with time_create S (RFC 3339 in UTC with
//	                  nine decimals, which sorts as text), index day
//
// Notices stand beside it under sk = notice/{id} and carry expires_at N (unix
// seconds), 90 days after they came; DynamoDB removes them within days of that.
// There is no Scan and no transaction. Get is one GetItem, Save one PutItem.
//
// A save whose answer was lost is sent again with the same write_id, by the SDK and
// once more by this package. If the condition then fails, the item that DynamoDB
// returns with the refusal shows whether the save that landed was our own.
//
//	client, err := dynamo.NewClient(os.Getenv, nil)
//	...
//	s, err := dynamo.New(dynamo.Config{Client: client, OrdersTable: "orders", ConfigTable: "config"})
package dynamo

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"overseaspay/shared/store"
)

// Config is what a Store is made from.
type Config struct {
	Client      *dynamodb.Client // required; see [NewClient]
	OrdersTable string           // required
	ConfigTable string           // required
	LinksTable  string           // of the functions that have links; empty: [Store.CreateTables] makes none
}

// Store is DynamoDB. It is safe for concurrent use.
type Store struct {
	client                *dynamodb.Client
	orders, config, links string
}

var (
	_ store.Store       = (*Store)(nil)
	_ store.ConfigStore = (*Store)(nil)
)

// New makes a Store. It sends nothing.
func New(cfg Config) (*Store, error) {
	switch {
	case cfg.Client == nil:
		return nil, errors.New("dynamo: Client is required")
	case cfg.OrdersTable == "":
		return nil, errors.New("dynamo: OrdersTable is required")
	case cfg.ConfigTable == "":
		return nil, errors.New("dynamo: ConfigTable is required")
	}
	return &Store{client: cfg.Client, orders: cfg.OrdersTable, config: cfg.ConfigTable, links: cfg.LinksTable}, nil
}
