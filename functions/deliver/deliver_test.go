package deliver_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"overseaspay/functions/deliver"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/sandbox"
	"overseaspay/shared/store"
	"overseaspay/shared/web"
)

const no = "ORDER-0001"

var errDown = errors.New("the store is down")

// shop answers as it is told, and remembers what it heard.
type shop struct {
	mu     sync.Mutex
	status int
	heard  []string // order, then event
}

func (s *shop) Deliver(_ context.Context, _ *config.Merchant, o *payment.Order, e payment.Event) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, o.OutTradeNo+" "+string(e.Type))
	if s.status == 0 {
		return 0, errors.New("webhook: the shop did not answer in time")
	}
	return s.status, nil
}

func newFunction(t *testing.T, r *cashiertest.Rig, s *shop, change func(*deliver.Config)) *deliver.Function {
	t.Helper()
	cfg := deliver.Config{Cashier: r.Cashier, Orders: r.Store, Merchants: r.Cache, Deliverer: s, Log: web.NewLog(r, nil)}
	if change != nil {
		change(&cfg)
	}
	f, err := deliver.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// paid makes an order that has been paid, whose shop has not heard of it, and
// returns the id of the event.
func paid(t *testing.T, r *cashiertest.Rig, no string) string {
	t.Helper()
	r.MustPay(t, cashiertest.Order(no))
	if _, _, err := r.Box.Pay(t.Context(), no, sandbox.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	o := r.Stored(t, no)
	if len(o.Events) != 1 || o.Events[0].Type != payment.PaymentSucceeded {
		t.Fatalf("%s with events %v", o.TradeState, o.Events)
	}
	return o.Events[0].ID
}

// record is what the stream says of a change, with all that is not ours to read.
func record(sequence, pk, sk string, before, after []string) map[string]any {
	image := func(events []string) map[string]any {
		i := map[string]any{"version": map[string]any{"N": "2"}, "order": map[string]any{"M": map[string]any{"body": map[string]any{"S": "Tea"}}}}
		if events != nil {
			i["events"] = map[string]any{"SS": events}
		}
		return i
	}
	change := map[string]any{"SequenceNumber": sequence, "StreamViewType": "NEW_AND_OLD_IMAGES", "SizeBytes": 1200,
		"ApproximateCreationDateTime": 1795428300.0, "NewImage": image(after),
		"Keys": map[string]any{"pk": map[string]any{"S": pk}, "sk": map[string]any{"S": sk}}}
	if before != nil {
		change["OldImage"] = image(before)
	}
	return map[string]any{"eventName": "MODIFY", "eventSource": "aws:dynamodb", "dynamodb": change}
}

func batch(t *testing.T, records ...map[string]any) deliver.Batch {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		t.Fatal(err)
	}
	var b deliver.Batch
	if err := json.Unmarshal(raw, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// handle returns the failures in the words of Lambda's contract.
func handle(t *testing.T, f *deliver.Function, b deliver.Batch) string {
	t.Helper()
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	out, err := f.Handle(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

const none = `{"batchItemFailures":[]}`

func TestNew(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	for _, lack := range []func(*deliver.Config){
		func(c *deliver.Config) { c.Cashier = nil }, func(c *deliver.Config) { c.Orders = nil },
		func(c *deliver.Config) { c.Merchants = nil }, func(c *deliver.Config) { c.Deliverer = nil },
	} {
		cfg := deliver.Config{Cashier: r.Cashier, Orders: r.Store, Merchants: r.Cache, Deliverer: &shop{}}
		lack(&cfg)
		if _, err := deliver.New(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
	if _, err := deliver.New(deliver.Config{Cashier: r.Cashier, Orders: r.Store, Merchants: r.Cache, Deliverer: &shop{}}); err != nil {
		t.Error(err)
	}
}

// TestRecords: of all that the stream says, the shop is told what is new.
func TestRecords(t *testing.T) {
	t.Parallel()
	told := []string{no + " payment.succeeded"}
	cases := []struct {
		name          string
		pk, sk        string
		before, after []string // ID stands for the order's own event
		want          []string
	}{
		{"the order is new", "default/" + no, "order", nil, []string{"ID"}, told},
		{"the first event", "default/" + no, "order", []string{}, []string{"ID"}, told},
		{"one more event", "default/" + no, "order", []string{"evt_old"}, []string{"ID", "evt_old"}, told},
		{"saved for another reason", "default/" + no, "order", []string{"ID"}, []string{"ID"}, nil},
		{"an older one delivered", "default/" + no, "order", []string{"ID", "evt_old"}, []string{"ID"}, nil},
		{"the last one delivered", "default/" + no, "order", []string{"ID"}, nil, nil},
		{"an event that the order does not have", "default/" + no, "order", nil, []string{"evt_other"}, nil},
		{"a notice", "default/" + no, "notice/aa", nil, []string{"ID"}, nil},
		{"another key", no, "order", nil, []string{"ID"}, nil},
		{"an order that is gone", "default/ORDER-0009", "order", nil, []string{"ID"}, nil},
		{"a merchant that is gone", "shop2/" + no, "order", nil, []string{"ID"}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			id := paid(t, r, no)
			mine := func(ids []string) []string {
				for i := range ids {
					ids[i] = strings.ReplaceAll(ids[i], "ID", id)
				}
				return ids
			}
			if strings.HasPrefix(c.pk, "shop2/") {
				o := r.Stored(t, no)
				o.Merchant, o.Version = "shop2", 0
				if err := r.Store.Save(t.Context(), o); err != nil {
					t.Fatal(err)
				}
			}
			s := &shop{status: http.StatusOK}
			out := handle(t, newFunction(t, r, s, nil), batch(t, record("100", c.pk, c.sk, mine(c.before), mine(c.after))))
			if diff := cmp.Diff(c.want, s.heard); diff != "" || out != none {
				t.Errorf("failures %s, heard (-want +got):\n%s", out, diff)
			}
			e := r.Stored(t, no).Events[0]
			if delivered := !e.Delivered.IsZero(); delivered != (c.want != nil) {
				t.Errorf("booked: %+v", e)
			}
		})
	}
}

// TestAnswers: a yes and a "no more" are booked. Of anything else the status is kept,
// by one write; the first repetition stays reconcile's, five seconds after the event.
func TestAnswers(t *testing.T) {
	t.Parallel()
	cases := []struct {
		status int
		booked bool
	}{{200, true}, {204, true}, {410, true}, {0, false}, {302, false}, {404, false}, {429, false}, {500, false}}
	for _, c := range cases {
		t.Run(http.StatusText(c.status), func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			id := paid(t, r, no)
			before := r.Stored(t, no)
			s := &shop{status: c.status}
			f := newFunction(t, r, s, nil)
			b := batch(t, record("100", "default/"+no, "order", nil, []string{id}))
			if out := handle(t, f, b); out != none || len(s.heard) != 1 {
				t.Fatalf("failures %s, heard %v", out, s.heard)
			}
			after := r.Stored(t, no)
			if !c.booked {
				before.Events[0].Status = c.status
				if c.status != 0 {
					before.Version++
				}
				if diff := cmp.Diff(before, after); diff != "" {
					t.Errorf("the schedule is touched (-before +after):\n%s", diff)
				}
				return
			}
			if e := after.Events[0]; e.Status != c.status || e.Delivered.IsZero() || !e.DueAt.IsZero() {
				t.Errorf("booked: %+v", e)
			}
			if out := handle(t, f, b); out != none || len(s.heard) != 1 {
				t.Errorf("read again: failures %s, heard %v", out, s.heard)
			}
		})
	}
}

// TestANoIsKeptOnlyInPeace: the status of a failed delivery is a note. It is added to
// what somebody else has saved meanwhile, given up where the store is out, and never
// a reason to read the record again.
func TestANoIsKeptOnlyInPeace(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		change func(t *testing.T, r *cashiertest.Rig, saves int) error // before each save
		status int
		body   string
	}{
		{"in peace", func(*testing.T, *cashiertest.Rig, int) error { return nil }, 503, "Tea"},
		{"somebody was faster", func(t *testing.T, r *cashiertest.Rig, saves int) error {
			if saves > 0 {
				return nil
			}
			o, err := r.Config.Get(t.Context(), "default", no)
			if err != nil {
				return err
			}
			o.Body = "changed"
			return r.Config.Save(t.Context(), o)
		}, 503, "changed"},
		{"the store is out", func(*testing.T, *cashiertest.Rig, int) error { return errDown }, 0, "Tea"},
		{"always somebody else", func(*testing.T, *cashiertest.Rig, int) error { return store.ErrConflict }, 0, "Tea"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			id := paid(t, r, no)
			saves := 0
			r.Store.OnSave = func() error { saves++; return c.change(t, r, saves-1) }
			s := &shop{status: http.StatusServiceUnavailable}
			out := handle(t, newFunction(t, r, s, nil), batch(t, record("100", "default/"+no, "order", nil, []string{id})))
			r.Store.OnSave = nil
			o := r.Stored(t, no)
			if e := o.Events[0]; out != none || e.Status != c.status || e.Tries != 0 || e.DueAt.IsZero() || o.Body != c.body || saves > 3 {
				t.Errorf("failures %s, %d saves, body %s, event %+v", out, saves, o.Body, e)
			}
		})
	}
}

// TestReconcileHasBegun: what is being repeated already is left to reconcile alone.
func TestReconcileHasBegun(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	id := paid(t, r, no)
	r.Clock.Add(6 * time.Second)
	down := &shop{status: http.StatusBadGateway}
	if _, err := r.Cashier.Sweep(t.Context(), down); err != nil || len(down.heard) != 1 {
		t.Fatal(down.heard, err)
	}
	s := &shop{status: http.StatusOK}
	out := handle(t, newFunction(t, r, s, nil), batch(t, record("100", "default/"+no, "order", nil, []string{id})))
	if out != none || len(s.heard) != 0 {
		t.Errorf("failures %s, heard %v", out, s.heard)
	}
}

type downMerchants struct{}

func (downMerchants) Merchant(context.Context, string) (*config.Merchant, error) { return nil, errDown }

// downOrders is a store that is down for one order.
type downOrders struct {
	deliver.Orders
	no string
}

func (d downOrders) Get(ctx context.Context, merchant, outTradeNo string) (*payment.Order, error) {
	if outTradeNo == d.no {
		return nil, errDown
	}
	return d.Orders.Get(ctx, merchant, outTradeNo)
}

// TestOurFaults: only those are read again, and each one's neighbours are served.
func TestOurFaults(t *testing.T) {
	t.Parallel()
	const second = "ORDER-0002"
	cases := []struct {
		name   string
		change func(*cashiertest.Rig, *deliver.Config)
		want   string
		heard  int
	}{
		{"none", func(*cashiertest.Rig, *deliver.Config) {}, none, 2},
		{"an order cannot be read", func(r *cashiertest.Rig, c *deliver.Config) { c.Orders = downOrders{r.Store, second} },
			`{"batchItemFailures":[{"itemIdentifier":"200"}]}`, 1},
		{"the config cannot be read", func(_ *cashiertest.Rig, c *deliver.Config) { c.Merchants = downMerchants{} },
			`{"batchItemFailures":[{"itemIdentifier":"100"},{"itemIdentifier":"200"}]}`, 0},
		{"the yes cannot be saved", func(r *cashiertest.Rig, _ *deliver.Config) { r.Store.OnSave = func() error { return errDown } },
			`{"batchItemFailures":[{"itemIdentifier":"100"},{"itemIdentifier":"200"}]}`, 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := cashiertest.New(t)
			first, other := paid(t, r, no), paid(t, r, second)
			s := &shop{status: http.StatusOK}
			f := newFunction(t, r, s, func(cfg *deliver.Config) { c.change(r, cfg) })
			out := handle(t, f, batch(t, record("100", "default/"+no, "order", nil, []string{first}),
				record("200", "default/"+second, "order", nil, []string{other})))
			if out != c.want || len(s.heard) != c.heard {
				t.Errorf("failures %s, want %s; heard %v", out, c.want, s.heard)
			}
			for _, part := range []string{`"msg":"deliver"`, `"error":"deliver: `, `"request_id":"request-1"}`} {
				if got, want := strings.Count(r.Logged(), part), strings.Count(c.want, "itemIdentifier"); got != want {
					t.Errorf("%d lines with %s, want %d", got, part, want)
				}
			}
		})
	}
}

// TestSample: event.json is what sam local invoke gives the function.
func TestSample(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("event.json")
	if err != nil {
		t.Fatal(err)
	}
	var b deliver.Batch
	if err := json.Unmarshal(raw, &b); err != nil {
		t.Fatal(err)
	}
	r := cashiertest.New(t)
	paid(t, r, no)
	s := &shop{status: http.StatusOK}
	if out := handle(t, newFunction(t, r, s, nil), b); out != none || len(s.heard) != 1 {
		t.Errorf("failures %s, heard %v", out, s.heard)
	}
}

// TestTwoEvents: one change may bring several, and each is told and booked.
func TestTwoEvents(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	paid(t, r, no)
	o := r.Stored(t, no)
	o.Flag(payment.ExternalRefund, r.Clock.Now())
	if err := r.Store.Save(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	s := &shop{status: http.StatusOK}
	out := handle(t, newFunction(t, r, s, nil), batch(t, record("100", "default/"+no, "order", nil, o.Undelivered())))
	if diff := cmp.Diff([]string{no + " payment.succeeded", no + " payment.flagged"}, s.heard); diff != "" || out != none {
		t.Errorf("failures %s, heard (-want +got):\n%s", out, diff)
	}
	if left := r.Stored(t, no).Undelivered(); len(left) != 0 {
		t.Errorf("not booked: %v", left)
	}
}

// all is a shop's order, config and book in memory: enough for a clock of its own.
type all struct{ order *payment.Order }

func (a all) Get(context.Context, string, string) (*payment.Order, error) {
	return a.order.Clone(), nil
}

func (a all) Save(context.Context, *payment.Order) error { return nil }

func (a all) Merchant(context.Context, string) (*config.Merchant, error) {
	return &config.Merchant{Name: "default"}, nil
}

func (a all) BookEvent(_ context.Context, o *payment.Order, _ string, _ int) (*payment.Order, error) {
	return o, nil
}

func (a all) Deliver(context.Context, *config.Merchant, *payment.Order, payment.Event) (int, error) {
	time.Sleep(3 * time.Second) // the bubble's
	return http.StatusOK, nil
}

// TestDeadline: nothing is begun that could not be finished; all records of a
// batch are served at once.
func TestDeadline(t *testing.T) {
	t.Parallel()
	cases := []struct {
		left, want time.Duration
	}{
		{30 * time.Second, 12 * time.Second}, // four events of 3 s
		{15 * time.Second, 9 * time.Second},  // the fourth would begin with less than 9 s left
		{8 * time.Second, 0},
	}
	for _, c := range cases {
		t.Run(c.left.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.left)
				defer cancel()
				ids := []string{"evt_1", "evt_2", "evt_3", "evt_4"}
				o := &payment.Order{Merchant: "default", OutTradeNo: no}
				for _, id := range ids {
					o.Events = append(o.Events, payment.Event{ID: id, DueAt: time.Now()})
				}
				a := all{o}
				f, err := deliver.New(deliver.Config{Cashier: a, Orders: a, Merchants: a, Deliverer: a})
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				out, err := f.Handle(ctx, batch(t, record("1", "default/"+no, "order", nil, ids), record("2", "default/"+no, "order", nil, ids)))
				if err != nil || len(out.Items) != 0 {
					t.Errorf("%+v, %v", out, err)
				}
				if took := time.Since(begin); took != c.want {
					t.Errorf("took %v, want %v", took, c.want)
				}
			})
		})
	}
}

// TestTell: what functions/local calls after a save.
func TestTell(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	id := paid(t, r, no)
	s := &shop{status: http.StatusOK}
	f := newFunction(t, r, s, nil)
	for range 2 {
		if err := f.Tell(t.Context(), store.Key{Merchant: "default", OutTradeNo: no}, []string{id}); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.heard) != 1 {
		t.Errorf("heard %v", s.heard)
	}
}
