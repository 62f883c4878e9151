package dynamo_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"overseaspay/shared/payment"
	"overseaspay/shared/store/dynalite"
	"overseaspay/shared/store/dynamo"
	"overseaspay/shared/store/storetest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Store {
		s, _ := open(t)
		return s
	})
}

// open makes tables of their own in the emulator and a store on them.
func open(t *testing.T) (*dynamo.Store, dynamo.Config) {
	t.Helper()
	name := "test-" + rand.Text()
	cfg := dynamo.Config{
		Client: client(t, nil), OrdersTable: name + "-orders", ConfigTable: name + "-config", LinksTable: name + "-links",
	}
	s := build(t, cfg)
	if err := s.CreateTables(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // an emulator that was here before us stays clean
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		for _, table := range []string{cfg.OrdersTable, cfg.ConfigTable, cfg.LinksTable} {
			if _, err := cfg.Client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &table}); err != nil {
				t.Errorf("DeleteTable: %v", err)
			}
		}
	})
	return s, cfg
}

// through makes a store on the same tables whose requests take another way.
func through(t *testing.T, cfg dynamo.Config, way http.RoundTripper, options ...func(*dynamodb.Options)) *dynamo.Store {
	t.Helper()
	cfg.Client = dynamodb.New(client(t, &http.Client{Transport: way}).Options(), options...)
	return build(t, cfg)
}

func build(t *testing.T, cfg dynamo.Config) *dynamo.Store {
	t.Helper()
	s, err := dynamo.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// client speaks to the emulator.
func client(t *testing.T, h *http.Client) *dynamodb.Client {
	t.Helper()
	c, err := dynamo.NewClient(env(map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": dynalite.Start(t)}), h)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// env is an environment with credentials of nobody, where there are none.
func env(set map[string]string) func(string) string {
	defaults := map[string]string{"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
	return func(name string) string {
		if v, ok := set[name]; ok {
			return v
		}
		if v := os.Getenv(name); v != "" {
			return v
		}
		return defaults[name]
	}
}

func newOrder() *payment.Order {
	at := time.Date(2026, 3, 14, 15, 9, 26, 535897932, time.UTC)
	return &payment.Order{
		Merchant: "default", OutTradeNo: "ORDER-0001", TradeState: payment.TradeNotPay,
		Total: payment.Money{Amount: 1299, Currency: "EUR"}, Body: "Tea", TimeCreate: at, TimeExpire: at.Add(2 * time.Hour),
	}
}
