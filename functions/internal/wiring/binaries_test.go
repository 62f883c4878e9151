package wiring_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"overseaspay/shared/sandbox"
	"overseaspay/shared/store/dynalite"
	"overseaspay/shared/store/dynamo"
	"overseaspay/shared/web/runtimetest"
)

const (
	key    = "sk_default_0123456789abcdefghij"
	secret = "a session secret of at least 32 bytes"
)

// cloud is the functions as AWS runs them: built binaries under a Lambda runtime
// API, function-URL events, DynamoDB.
type cloud struct {
	t           *testing.T
	vars        []string
	pay, notify *runtimetest.Function
	box         *sandbox.Sandbox
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{t: t}
	env := func(name string) string {
		return map[string]string{"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
			"AWS_ENDPOINT_URL_DYNAMODB": dynalite.Start(t), "ORDERS_TABLE": "e2e-orders", "CONFIG_TABLE": "e2e-config", "LINKS_TABLE": "e2e-links"}[name]
	}
	client, err := dynamo.NewClient(env, nil)
	check(t, err)
	db, err := dynamo.New(dynamo.Config{Client: client, OrdersTable: env("ORDERS_TABLE"), ConfigTable: env("CONFIG_TABLE"), LinksTable: env("LINKS_TABLE")})
	check(t, err)
	check(t, db.CreateTables(t.Context()))

	var box http.Handler
	processors := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { box.ServeHTTP(w, r) }))
	t.Cleanup(processors.Close)
	c.box, err = sandbox.New(sandbox.Config{URL: processors.URL + "/sandbox", Twins: sandbox.All, Log: slog.New(slog.DiscardHandler)})
	check(t, err)
	box = c.box
	item, err := json.Marshal(sandbox.DemoItem(processors.URL+"/sandbox", c.box.Twins(), secret, key))
	check(t, err)
	check(t, db.PutConfig(t.Context(), "payment", item))

	door := httptest.NewServer(http.HandlerFunc(c.notified))
	t.Cleanup(door.Close)
	var vars []string
	for _, name := range []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_DYNAMODB", "ORDERS_TABLE", "CONFIG_TABLE", "LINKS_TABLE"} {
		vars = append(vars, name+"="+env(name))
	}
	c.vars = vars
	c.notify = runtimetest.Start(t, runtimetest.Build(t, "overseaspay/functions/notify/bootstrap"), vars...)
	c.pay = runtimetest.Start(t, runtimetest.Build(t, "overseaspay/functions/pay/bootstrap"), append(vars, "NOTIFY_URL="+door.URL+"/")...)
	return c
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// event is a function-URL request, payload 2.0.
type event struct {
	Version         string            `json:"version"`
	RawPath         string            `json:"rawPath"`
	RawQueryString  string            `json:"rawQueryString"`
	Headers         map[string]string `json:"headers"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
	RequestContext  struct {
		RequestID string `json:"requestId"`
		HTTP      struct {
			Method   string `json:"method"`
			Path     string `json:"path"`
			SourceIP string `json:"sourceIp"`
		} `json:"http"`
	} `json:"requestContext"`
}

type answer struct {
	StatusCode      int               `json:"statusCode"`
	Headers         map[string]string `json:"headers"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

func (c *cloud) invoke(f *runtimetest.Function, method, path, query string, headers map[string]string, body []byte, encoded bool) answer {
	e := event{Version: "2.0", RawPath: path, RawQueryString: query, Headers: headers, Body: string(body), IsBase64Encoded: encoded}
	if encoded {
		e.Body = base64.StdEncoding.EncodeToString(body)
	}
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.Path, e.RequestContext.HTTP.SourceIP = method, path, "192.0.2.7"
	e.RequestContext.RequestID = "request-1"
	raw, err := json.Marshal(e)
	check(c.t, err)
	out, err := f.Invoke(c.t.Context(), raw)
	if err != nil {
		c.t.Fatalf("%v\n%s", err, f.Output())
	}
	var a answer
	check(c.t, json.Unmarshal(out, &a))
	return a
}

// notified hands what a processor posts to the notify function, as a function URL
// does: header names in lower case, the body in base64.
func (c *cloud) notified(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	headers := make(map[string]string)
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	a := c.invoke(c.notify, r.Method, r.URL.Path, r.URL.RawQuery, headers, body, true)
	w.WriteHeader(a.StatusCode)
	_, _ = io.WriteString(w, a.Body)
}

func (c *cloud) call(body string, encoded bool) (int, map[string]any) {
	c.t.Helper()
	a := c.invoke(c.pay, "POST", "/", "", map[string]string{"authorization": "Bearer " + key, "content-type": "application/json"}, []byte(body), encoded)
	var out map[string]any
	check(c.t, json.Unmarshal([]byte(a.Body), &out))
	return a.StatusCode, out
}

// others are the functions that no payment needs: each answers its sample event.
func (c *cloud) others() {
	c.t.Helper()
	for name, want := range map[string]string{"reconcile": "null", "deliver": `"batchItemFailures":[]`, "scheme": `"statusCode":`} {
		event, err := os.ReadFile("../../" + name + "/event.json")
		check(c.t, err)
		f := runtimetest.Start(c.t, runtimetest.Build(c.t, "overseaspay/functions/"+name+"/bootstrap"), append(c.vars, "NOTIFY_URL=https://notify.test")...)
		out, err := f.Invoke(c.t.Context(), event)
		if err != nil || !strings.Contains(string(out), want) {
			c.t.Errorf("%s: %s, %v\n%s", name, out, err, f.Output())
		}
	}
}

// A whole payment through the binaries that Lambda runs.
func TestBinaries(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	order := `{"action":"unifiedorder","out_trade_no":"ORDER-0001","total_fee":1299,"body":"茶","openid":"o-demo"}`
	for _, encoded := range []bool{false, true} {
		status, out := c.call(order, encoded)
		if status != http.StatusOK || out["payment"] == nil {
			t.Fatalf("%d %v\n%s", status, out, c.pay.Output())
		}
	}
	if n := len(c.box.Trades()); n != 1 {
		t.Errorf("%d trades", n)
	}
	if _, d, err := c.box.Pay(t.Context(), "ORDER-0001", sandbox.PayOptions{}); err != nil || d.Status != http.StatusOK || d.Body != "ok" {
		t.Fatalf("%+v, %v\n%s", d, err, c.notify.Output())
	}
	status, out := c.call(`{"action":"queryorder","out_trade_no":"ORDER-0001"}`, false)
	got, _ := out["order"].(map[string]any)
	if status != http.StatusOK || got["trade_state"] != "SUCCESS" || got["sp_trade_no"] == "" || got["transaction_id"] == "" {
		t.Errorf("%d %v", status, out)
	}
	status, out = c.call(`{"action":"queryorder","transaction_id":"`+got["transaction_id"].(string)+`"}`, false)
	if status != http.StatusOK {
		t.Errorf("%d %v", status, out)
	}
	if status, _ := c.call(`{"action":"queryorder"`, true); status != http.StatusBadRequest {
		t.Errorf("bad JSON: %d", status)
	}
	if a := c.invoke(c.notify, "POST", "/yaband/default/ORDER-0001", "", nil, []byte(`{"sign":"00","data":{}}`), true); a.StatusCode/100 != 4 {
		t.Errorf("a forged notice: %d", a.StatusCode)
	}
	c.others()
	for name, f := range map[string]*runtimetest.Function{"pay": c.pay, "notify": c.notify} {
		if log := f.Output(); !strings.Contains(log, `"request_id":"request-1"`) || strings.Contains(log, key) || strings.Contains(log, "o-demo") {
			t.Errorf("%s logged %s", name, log)
		}
	}
}
