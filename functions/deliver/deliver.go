// Package deliver is the function behind the stream of the orders table: it tells
// the shop of an event at once. It is the fast way and not the sure one. Events
// are kept in their orders and are due there, so that reconcile tells the shop if
// this function fails or never runs. All it saves is the shop's yes, and of a no the
// status, for whoever reads the order's history.
//
//	f, err := deliver.New(deliver.Config{Cashier: c, Orders: store, Merchants: cache, Deliverer: sender, Log: log})
//	lambda.Start(f.Handle)
package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"overseaspay/shared/cashier"
	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/store"
)

// reserve is what a delivery takes at most, booking included. With less time left
// nothing is begun: reconcile comes for it within the minute.
const reserve = 9 * time.Second

// Booker writes down what a delivery came to. A *cashier.Cashier is one.
type Booker interface {
	BookEvent(ctx context.Context, o *payment.Order, id string, status int) (*payment.Order, error)
}

// Orders loads and saves one order; every [store.Store] does.
type Orders interface {
	Get(ctx context.Context, merchant, outTradeNo string) (*payment.Order, error)
	Save(ctx context.Context, order *payment.Order) error
}

var (
	_ Booker = (*cashier.Cashier)(nil)
	_ Orders = store.Store(nil)
)

// Config is what the function is made from; all members but Log are required.
type Config struct {
	Cashier   Booker
	Orders    Orders
	Merchants cashier.Merchants
	Deliverer cashier.Deliverer
	Log       *slog.Logger // says nothing
}

// Function is the handler. It is safe for concurrent use.
type Function struct{ Config }

// New makes the handler.
func New(cfg Config) (*Function, error) {
	if cfg.Cashier == nil || cfg.Orders == nil || cfg.Merchants == nil || cfg.Deliverer == nil {
		return nil, errors.New("deliver: Cashier, Orders, Merchants and Deliverer are required")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Function{cfg}, nil
}

// Tell tells the shop of those events of an order that it has not been told of
// yet, each once, and books the ones it took. An event that was delivered
// meanwhile, or that reconcile has begun to repeat, is passed over. A shop that
// fails is no error, and neither is an order or a merchant that is gone: the error
// is for faults of our own, after which the call may be repeated.
func (f *Function) Tell(ctx context.Context, key store.Key, ids []string) error {
	o, err := f.Orders.Get(ctx, key.Merchant, key.OutTradeNo)
	if errors.Is(err, store.ErrNotFound) {
		f.Log.WarnContext(ctx, "deliver", "merchant", key.Merchant, "out_trade_no", key.OutTradeNo, "error", "the order is gone")
		return nil
	}
	if err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	m, err := f.Merchants.Merchant(ctx, key.Merchant)
	if errors.Is(err, config.ErrNoMerchant) {
		f.Log.WarnContext(ctx, "deliver", "merchant", key.Merchant, "out_trade_no", key.OutTradeNo, "error", err.Error())
		return nil
	}
	if err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	for _, id := range ids {
		if o, err = f.tell(ctx, m, o, id); err != nil {
			return err
		}
	}
	return nil
}

// tell delivers one event and books it if the shop took it or wants no more. Only
// then: to BookEvent everything else is a failed repetition, and would put off the
// first real one, which is due five seconds after the event, by minutes.
func (f *Function) tell(ctx context.Context, m *config.Merchant, o *payment.Order, id string) (*payment.Order, error) {
	i := slices.IndexFunc(o.Events, func(e payment.Event) bool { return e.ID == id && !e.DueAt.IsZero() && e.Tries == 0 })
	if end, ok := ctx.Deadline(); i < 0 || ctx.Err() != nil || ok && time.Until(end) < reserve {
		return o, nil
	}
	e := o.Events[i]
	status, err := f.Deliverer.Deliver(ctx, m, o, e)
	if err != nil {
		f.Log.WarnContext(ctx, "event", "merchant", o.Merchant, "out_trade_no", o.OutTradeNo,
			"event", e.ID, "type", e.Type, "status", status, "error", err.Error())
	}
	if status/100 != 2 && status != http.StatusGone {
		return f.hear(ctx, o, id, status), nil
	}
	if o, err = f.Cashier.BookEvent(ctx, o, e.ID, status); err != nil {
		return o, fmt.Errorf("deliver: %w", err)
	}
	return o, nil
}

// hear keeps the status of a delivery that failed, and returns the order as it then
// is. A store that does not take it is no error: the status is of use to people only.
func (f *Function) hear(ctx context.Context, o *payment.Order, id string, status int) *payment.Order {
	for range 3 { // somebody else may be faster
		n := o.Clone()
		if !n.Heard(id, status) {
			return o
		}
		err := f.Orders.Save(ctx, n)
		if err == nil {
			return n
		}
		if !errors.Is(err, store.ErrConflict) {
			return o
		}
		if n, err = f.Orders.Get(ctx, o.Merchant, o.OutTradeNo); err != nil {
			return o
		}
		o = n
	}
	return o
}
