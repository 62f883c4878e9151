package dynamo_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/store"
	"overseaspay/shared/store/dynamo"
)

// line counts requests by operation and lets faults happen to them.
type line struct {
	mu    sync.Mutex
	sent  map[string]int
	fault func(operation string, nth int, req *http.Request) (*http.Response, error) // nil: none
}

func (l *line) RoundTrip(req *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(req.Header.Get("X-Amz-Target"), ".")
	l.mu.Lock()
	if l.sent == nil {
		l.sent = map[string]int{}
	}
	l.sent[operation]++
	nth := l.sent[operation]
	l.mu.Unlock()
	if l.fault == nil {
		return http.DefaultTransport.RoundTrip(req)
	}
	return l.fault(operation, nth, req)
}

// Faults after the write is done: what the caller gets in place of the answer.
var losses = map[string]func(*http.Response) (*http.Response, error){
	"connection reset": func(*http.Response) (*http.Response, error) {
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	},
	"answer cut short": func(res *http.Response) (*http.Response, error) {
		res.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), broken{}))
		return res, nil
	},
	"500": func(res *http.Response) (*http.Response, error) {
		return answer(res.Request, 500, "InternalServerError"), nil
	},
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// lose delivers a request and drops the answer.
func lose(req *http.Request, loss func(*http.Response) (*http.Response, error)) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	return loss(res)
}

// answer is a refusal of DynamoDB.
func answer(req *http.Request, status int, code string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Request: req,
		Body: io.NopCloser(strings.NewReader(`{"__type":"com.amazonaws.dynamodb.v20120810#` + code + `","message":"value 4711 is wrong"}`)),
	}
}

// noRetries makes the SDK give up at once, so that only this package repeats.
func noRetries(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }

var clients = map[string][]func(*dynamodb.Options){"with SDK retries": nil, "without": {noRetries}}

func TestSaveSurvivesALostAnswer(t *testing.T) {
	t.Parallel()
	for loss, lost := range losses {
		for client, options := range clients {
			t.Run(loss+" "+client, func(t *testing.T) {
				t.Parallel()
				s, cfg := open(t)
				for want := int64(1); want <= 2; want++ { // a new order, and a changed one
					way := &line{fault: func(op string, nth int, req *http.Request) (*http.Response, error) {
						if op == "PutItem" && nth == 1 {
							return lose(req, lost)
						}
						return http.DefaultTransport.RoundTrip(req)
					}}
					o := newOrder()
					o.Version = want - 1
					if err := through(t, cfg, way, options...).Save(t.Context(), o); err != nil {
						t.Fatalf("Save %d: %v", want, err)
					}
					if got, err := s.Get(t.Context(), o.Merchant, o.OutTradeNo); err != nil || got.Version != want || o.Version != want {
						t.Errorf("Save %d: version %d, stored %+v, %v", want, o.Version, got, err)
					}
					if way.sent["PutItem"] != 2 {
						t.Errorf("Save %d: %d writes, want 2", want, way.sent["PutItem"])
					}
				}
			})
		}
	}
}

func TestKeepSurvivesALostAnswer(t *testing.T) {
	t.Parallel()
	s, cfg := open(t)
	way := &line{fault: func(op string, nth int, req *http.Request) (*http.Response, error) {
		if op == "PutItem" && nth == 1 {
			return lose(req, losses["connection reset"])
		}
		return http.DefaultTransport.RoundTrip(req)
	}}
	key, notice := store.Key{Merchant: "default", OutTradeNo: "ORDER-0001"}, store.Notice{ID: "aa", Time: time.Now()}
	if fresh, err := through(t, cfg, way).Keep(t.Context(), key, notice); err != nil || !fresh {
		t.Errorf("Keep: %v, %v, want fresh", fresh, err)
	}
	if fresh, err := s.Keep(t.Context(), key, notice); err != nil || fresh {
		t.Errorf("Keep again: %v, %v, want not fresh", fresh, err)
	}
}

// TestSaveOvertaken: the save landed, its answer was lost, and somebody else was
// there before it was repeated. What it changed may be gone: that is a conflict.
func TestSaveOvertaken(t *testing.T) {
	t.Parallel()
	s, cfg := open(t)
	way := &line{fault: func(op string, nth int, req *http.Request) (*http.Response, error) {
		if op != "PutItem" || nth > 1 {
			return http.DefaultTransport.RoundTrip(req)
		}
		res, err := lose(req, losses["500"])
		other, getErr := s.Get(req.Context(), "default", "ORDER-0001")
		if getErr != nil {
			return nil, getErr
		}
		other.Body = "theirs"
		return res, errors.Join(err, s.Save(req.Context(), other))
	}}
	o := newOrder()
	if err := through(t, cfg, way, noRetries).Save(t.Context(), o); !errors.Is(err, store.ErrConflict) || o.Version != 0 {
		t.Errorf("Save: %v, version %d; want ErrConflict", err, o.Version)
	}
	if got, err := s.Get(t.Context(), "default", "ORDER-0001"); err != nil || got.Body != "theirs" || got.Version != 2 {
		t.Errorf("stored: %+v, %v", got, err)
	}
}

// TestSaveUnknown: no answer at all is an outage, and loading again shows what happened.
func TestSaveUnknown(t *testing.T) {
	t.Parallel()
	s, cfg := open(t)
	way := &line{fault: func(op string, _ int, req *http.Request) (*http.Response, error) {
		return lose(req, losses["connection reset"])
	}}
	o := newOrder()
	err := through(t, cfg, way, noRetries).Save(t.Context(), o)
	if err == nil || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) || o.Version != 0 {
		t.Errorf("Save: %v, version %d; want an outage", err, o.Version)
	}
	if got, err := s.Get(t.Context(), "default", "ORDER-0001"); err != nil || got.Version != 1 {
		t.Errorf("stored: %+v, %v", got, err)
	}
}

func TestBudget(t *testing.T) {
	t.Parallel()
	_, cfg := open(t)
	way := &line{}
	s := through(t, cfg, way)
	o, key := newOrder(), store.Key{Merchant: "default", OutTradeNo: "ORDER-0001"}
	for _, c := range []struct {
		name string
		call func(context.Context) error
		want map[string]int
	}{
		{"first Save", func(ctx context.Context) error { return s.Save(ctx, o) }, map[string]int{"PutItem": 1}},
		{"second Save", func(ctx context.Context) error { return s.Save(ctx, o) }, map[string]int{"PutItem": 1}},
		{"Get", func(ctx context.Context) error { _, err := s.Get(ctx, "default", "ORDER-0001"); return err }, map[string]int{"GetItem": 1}},
		{"Find", func(ctx context.Context) error { _, err := s.Find(ctx, store.BySpTradeNo, "default", "1"); return err }, map[string]int{"Query": 1}},
		{"Due", func(ctx context.Context) error { _, _, err := s.Due(ctx, 1, time.Now(), "", 9); return err }, map[string]int{"Query": 1}},
		{"Day", func(ctx context.Context) error { _, _, err := s.Day(ctx, "default", "2026-03-14", "", 9); return err }, map[string]int{"Query": 1}},
		{"Keep", func(ctx context.Context) error { _, err := s.Keep(ctx, key, store.Notice{ID: "a"}); return err }, map[string]int{"PutItem": 1}},
		{"Notices", func(ctx context.Context) error { _, err := s.Notices(ctx, key); return err }, map[string]int{"Query": 1}},
		{"PutConfig", func(ctx context.Context) error { return s.PutConfig(ctx, "payment", []byte(`{}`)) }, map[string]int{"PutItem": 1}},
		{"GetConfig", func(ctx context.Context) error { _, err := s.GetConfig(ctx, "payment"); return err }, map[string]int{"GetItem": 1}},
	} {
		way.sent = nil
		if err := c.call(t.Context()); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, way.sent); diff != "" {
			t.Errorf("%s: requests (-want +got):\n%s", c.name, diff)
		}
	}
}

// alone runs a test on a store whose whole network is a function, on a fake clock.
func alone(t *testing.T, network func(op string, nth int, req *http.Request) (*http.Response, error), test func(*testing.T, *dynamo.Store, *line)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		way := &line{fault: network}
		client, err := dynamo.NewClient(env(map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": "http://emulator.invalid"}), &http.Client{Transport: way})
		if err != nil {
			t.Fatal(err)
		}
		test(t, build(t, dynamo.Config{Client: client, OrdersTable: "orders", ConfigTable: "config"}), way)
	})
}

func TestOutages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		network func(op string, nth int, req *http.Request) (*http.Response, error)
		writes  int           // requests of a Save
		within  time.Duration // of a Save, backoffs included
		want    string
	}{
		{"throttled", func(_ string, _ int, req *http.Request) (*http.Response, error) {
			return answer(req, 400, "ProvisionedThroughputExceededException"), nil
		}, 3, 2 * time.Second, "dynamo: save: ProvisionedThroughputExceededException"},
		{"forbidden", func(_ string, _ int, req *http.Request) (*http.Response, error) {
			return answer(req, 400, "AccessDeniedException"), nil
		}, 1, 0, "dynamo: save: AccessDeniedException"},
		{"down", func(_ string, _ int, req *http.Request) (*http.Response, error) {
			return answer(req, 503, "ServiceUnavailable"), nil
		}, 6, 4 * time.Second, "dynamo: save: ServiceUnavailable"},
		{"unreachable", func(string, int, *http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		}, 6, 4 * time.Second, "dynamo: save: no answer: dial tcp: connection refused"},
		{"silent", func(_ string, _ int, req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}, 6, 16 * time.Second, "dynamo: save: no answer: context deadline exceeded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			alone(t, c.network, func(t *testing.T, s *dynamo.Store, way *line) {
				begin := time.Now()
				err := s.Save(t.Context(), newOrder())
				if err == nil || !strings.HasPrefix(err.Error(), c.want) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
					t.Errorf("Save: %v, want %s", err, c.want)
				}
				if took := time.Since(begin); way.sent["PutItem"] != c.writes || took > c.within {
					t.Errorf("Save: %d requests in %v, want %d within %v", way.sent["PutItem"], took, c.writes, c.within)
				}
				_, err = s.Get(t.Context(), "default", "ORDER-0001")
				if err == nil || errors.Is(err, store.ErrNotFound) || strings.Contains(err.Error(), "emulator.invalid") {
					t.Errorf("Get: %v, want an outage that names no URL", err)
				}
			})
		})
	}
}

// TestDeadline: the caller's deadline ends everything, repeats included.
func TestDeadline(t *testing.T) {
	t.Parallel()
	silent := func(_ string, _ int, req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	alone(t, silent, func(t *testing.T, s *dynamo.Store, _ *line) {
		ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
		defer stop()
		begin := time.Now()
		if err := s.Save(ctx, newOrder()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Save: %v, want the deadline", err)
		}
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("Save took %v, want 3s", took)
		}
	})
}

// TestRefusalCarriesTheItem: DynamoDB itself returns the old item, so that knowing
// our own save again costs nothing.
func TestRefusalCarriesTheItem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		ours bool
		want error
	}{{"ours", true, nil}, {"theirs", false, store.ErrConflict}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			alone(t, func(_ string, nth int, req *http.Request) (*http.Response, error) {
				if nth == 1 {
					return answer(req, 500, "InternalServerError"), nil
				}
				body, err := io.ReadAll(req.Body)
				if err != nil {
					return nil, err
				}
				id := "AAAA"
				if _, after, ok := strings.Cut(string(body), `"write_id":{"S":"`); c.ours && ok {
					id, _, _ = strings.Cut(after, `"`)
				}
				res := answer(req, 400, "")
				res.Body = io.NopCloser(strings.NewReader(
					`{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no","Item":{"write_id":{"S":"` + id + `"}}}`))
				return res, nil
			}, func(t *testing.T, s *dynamo.Store, way *line) {
				o := &payment.Order{Merchant: "default", OutTradeNo: "ORDER-0001"}
				if err := s.Save(t.Context(), o); !errors.Is(err, c.want) {
					t.Errorf("Save: %v, want %v", err, c.want)
				}
				if diff := cmp.Diff(map[string]int{"PutItem": 2}, way.sent); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
			})
		})
	}
}
