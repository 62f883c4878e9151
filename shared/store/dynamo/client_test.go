package dynamo_test

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/store/dynamo"
)

func TestNewClient(t *testing.T) {
	t.Parallel()
	keys := map[string]string{"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
	for _, c := range []struct {
		name string
		set  map[string]string
		host string // where a request goes
		err  string
	}{
		{"AWS", nil, "dynamodb.eu-central-1.amazonaws.com", ""},
		{"an emulator for all", map[string]string{"AWS_ENDPOINT_URL": "http://all.invalid"}, "all.invalid", ""},
		{"an emulator of DynamoDB", map[string]string{"AWS_ENDPOINT_URL": "http://all.invalid", "AWS_ENDPOINT_URL_DYNAMODB": "http://one.invalid"}, "one.invalid", ""},
		{"no region", map[string]string{"AWS_REGION": ""}, "", "dynamo: AWS_REGION is required"},
		{"no key", map[string]string{"AWS_ACCESS_KEY_ID": ""}, "", "dynamo: AWS_ACCESS_KEY_ID is required"},
		{"no secret", map[string]string{"AWS_SECRET_ACCESS_KEY": ""}, "", "dynamo: AWS_SECRET_ACCESS_KEY is required"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var host, token string
			way := &line{fault: func(_ string, _ int, req *http.Request) (*http.Response, error) {
				host, token = req.URL.Host, req.Header.Get("X-Amz-Security-Token")
				return reply(req, `{}`), nil
			}}
			client, err := dynamo.NewClient(func(name string) string {
				if v, ok := c.set[name]; ok {
					return v
				}
				if name == "AWS_SESSION_TOKEN" {
					return "token"
				}
				return keys[name]
			}, &http.Client{Transport: way})
			if got := errorText(err); got != c.err {
				t.Fatalf("NewClient: %q, want %q", got, c.err)
			}
			if c.err != "" {
				return
			}
			if _, err := client.ListTables(t.Context(), &dynamodb.ListTablesInput{}); err != nil {
				t.Fatal(err)
			}
			if host != c.host || token != "token" {
				t.Errorf("request to %q with token %q, want %q", host, token, c.host)
			}
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	client := dynamodb.New(dynamodb.Options{})
	for _, c := range []struct {
		name string
		cfg  dynamo.Config
		want string
	}{
		{"all", dynamo.Config{Client: client, OrdersTable: "o", ConfigTable: "c"}, ""},
		{"no client", dynamo.Config{OrdersTable: "o", ConfigTable: "c"}, "dynamo: Client is required"},
		{"no orders", dynamo.Config{Client: client, ConfigTable: "c"}, "dynamo: OrdersTable is required"},
		{"no config", dynamo.Config{Client: client, OrdersTable: "o"}, "dynamo: ConfigTable is required"},
	} {
		_, err := dynamo.New(c.cfg)
		if diff := cmp.Diff(c.want, errorText(err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
