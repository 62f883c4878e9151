package dynamo_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"overseaspay/shared/payment"
	"overseaspay/shared/store"
	"overseaspay/shared/store/dynamo"
)

// TestItem: what stands in the tables, attribute by attribute. The stream's filter,
// the indexes and operators rely on it.
func TestItem(t *testing.T) {
	t.Parallel()
	s, cfg := open(t)
	o := newOrder()
	if err := s.Save(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	text := func(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
	number := func(v string) types.AttributeValue { return &types.AttributeValueMemberN{Value: v} }
	want := map[string]types.AttributeValue{
		"pk": text("default/ORDER-0001"), "sk": text("order"), "version": number("1"),
		"merchant_day": text("default/2026-03-14"), "time_create": text("2026-03-14T15:09:26.535897932Z"),
		"due_shard": number("3"), "due_at": number("1773508166536"),
		"order": &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
			"merchant": text("default"), "out_trade_no": text("ORDER-0001"), "trade_state": text("NOTPAY"), "body": text("Tea"),
			"total":       &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"amount": number("1299"), "currency": text("EUR")}},
			"time_create": text("2026-03-14T15:09:26.535897932Z"), "time_expire": text("2026-03-14T17:09:26.535897932Z"),
		}},
	}
	first := raw(t, cfg, "order")
	if diff := cmp.Diff(want, first, ignore, cmpopts.IgnoreMapEntries(isWriteID)); diff != "" {
		t.Errorf("unpaid order (-want +got):\n%s", diff)
	}

	o.TradeState, o.PaidBy = payment.TradeSuccess, "ORDER-0001"
	o.Attempts = []payment.Attempt{{No: "ORDER-0001", State: payment.Captured, SpTradeNo: "SP1", TransactionID: "42"}}
	o.Events = []payment.Event{{ID: "evt_b", DueAt: o.TimeCreate}, {ID: "evt_a", DueAt: o.TimeCreate}, {ID: "evt_told"}}
	if err := s.Save(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	second := raw(t, cfg, "order")
	for name, v := range map[string]types.AttributeValue{
		"version": number("2"), "sp_trade_no": text("default/SP1"), "transaction_id": text("default/42"),
		"events": &types.AttributeValueMemberSS{Value: []string{"evt_a", "evt_b"}},
	} {
		if diff := cmp.Diff(v, second[name], ignore, cmpopts.SortSlices(strings.Compare)); diff != "" {
			t.Errorf("paid order: %s (-want +got):\n%s", name, diff)
		}
	}
	if cmp.Equal(first["write_id"], second["write_id"], ignore) || first["write_id"] == nil {
		t.Errorf("write_id is not fresh: %v", first["write_id"])
	}
	for _, have := range []map[string]types.AttributeValue{first, second} {
		if have["expires_at"] != nil {
			t.Error("an order expires")
		}
	}

	at := time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)
	if _, err := s.Keep(t.Context(), store.Key{Merchant: "default", OutTradeNo: "ORDER-0001"}, store.Notice{ID: "aa", Time: at}); err != nil {
		t.Fatal(err)
	}
	notice := raw(t, cfg, "notice/aa")
	if diff := cmp.Diff(number("1781222400"), notice["expires_at"], ignore); diff != "" {
		t.Errorf("notice: expires_at (-want +got):\n%s", diff)
	}
}

var ignore = cmpopts.IgnoreUnexported(types.AttributeValueMemberS{}, types.AttributeValueMemberN{}, types.AttributeValueMemberM{}, types.AttributeValueMemberSS{})

func isWriteID(name string, _ types.AttributeValue) bool { return name == "write_id" }

func raw(t *testing.T, cfg dynamo.Config, sk string) map[string]types.AttributeValue {
	t.Helper()
	out, err := cfg.Client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &cfg.OrdersTable, Key: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "default/ORDER-0001"}, "sk": &types.AttributeValueMemberS{Value: sk},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

// TestConfigOfTheConsole: items that operators typed.
func TestConfigOfTheConsole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		value types.AttributeValue
		want  string // "" for an error
	}{
		{"string set", &types.AttributeValueMemberSS{Value: []string{"a"}}, `["a"]`},
		{"number set", &types.AttributeValueMemberNS{Value: []string{"98765432109876543210"}}, `[98765432109876543210]`},
		{"set within", &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"x": &types.AttributeValueMemberSS{Value: []string{"a"}}}}, `{"x":["a"]}`},
		{"binary", &types.AttributeValueMemberB{Value: []byte{1}}, ""},
		{"binary in a list", &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberB{Value: []byte{1}}}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, cfg := open(t)
			if _, err := cfg.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &cfg.ConfigTable, Item: map[string]types.AttributeValue{
				"id": &types.AttributeValueMemberS{Value: "payment"}, "member": c.value,
			}}); err != nil {
				t.Fatal(err)
			}
			got, err := s.GetConfig(t.Context(), "payment")
			if c.want == "" {
				if err == nil || !strings.Contains(err.Error(), "member") || errors.Is(err, store.ErrNotFound) {
					t.Errorf("GetConfig: %v, want an error that names the member", err)
				}
				return
			}
			var members map[string]json.RawMessage
			if err != nil || json.Unmarshal(got, &members) != nil || string(members["member"]) != c.want {
				t.Errorf("GetConfig: %s, %v, want %s", members["member"], err, c.want)
			}
		})
	}
}

// TestDamagedItem: an item that cannot be read is an error, not an empty order.
func TestDamagedItem(t *testing.T) {
	t.Parallel()
	s, cfg := open(t)
	for _, order := range []types.AttributeValue{nil, &types.AttributeValueMemberS{Value: "x"}} {
		damaged := map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "default/ORDER-0001"}, "sk": &types.AttributeValueMemberS{Value: "order"},
		}
		if order != nil {
			damaged["version"], damaged["order"] = &types.AttributeValueMemberN{Value: "1"}, order
		}
		if _, err := cfg.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &cfg.OrdersTable, Item: damaged}); err != nil {
			t.Fatal(err)
		}
		if o, err := s.Get(t.Context(), "default", "ORDER-0001"); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get: %+v, %v, want an error", o, err)
		}
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	want := []dynamo.Table{
		{
			Variable: "ORDERS_TABLE", Hash: "pk", Range: "sk", Stream: "NEW_AND_OLD_IMAGES", TTL: "expires_at",
			Attributes: map[string]types.ScalarAttributeType{
				"pk": "S", "sk": "S", "due_shard": "N", "due_at": "N", "sp_trade_no": "S", "transaction_id": "S", "merchant_day": "S", "time_create": "S",
			},
			Indexes: []dynamo.Index{
				{Name: "due", Hash: "due_shard", Range: "due_at", Projection: "KEYS_ONLY"},
				{Name: "sp_trade_no", Hash: "sp_trade_no", Projection: "KEYS_ONLY"},
				{Name: "transaction_id", Hash: "transaction_id", Projection: "KEYS_ONLY"},
				{Name: "day", Hash: "merchant_day", Range: "time_create", Projection: "KEYS_ONLY"},
			},
		},
		{Variable: "CONFIG_TABLE", Hash: "id", Attributes: map[string]types.ScalarAttributeType{"id": "S"}},
		{Variable: "LINKS_TABLE", Hash: "id", Attributes: map[string]types.ScalarAttributeType{"id": "S"}, TTL: "expires_at"},
	}
	if diff := cmp.Diff(want, dynamo.Schema()); diff != "" {
		t.Errorf("Schema (-want +got):\n%s", diff)
	}
}

// TestCreateTables: the tables that come out are those of the schema, and a second
// call, or one at the same time, leaves them as they are.
func TestCreateTables(t *testing.T) {
	t.Parallel()
	s, cfg := open(t)
	if err := s.Save(t.Context(), newOrder()); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateTables(t.Context()); err != nil {
		t.Fatalf("again: %v", err)
	}
	if _, err := s.Get(t.Context(), "default", "ORDER-0001"); err != nil {
		t.Errorf("Get after CreateTables again: %v", err)
	}
	names := map[string]string{"ORDERS_TABLE": cfg.OrdersTable, "CONFIG_TABLE": cfg.ConfigTable, "LINKS_TABLE": cfg.LinksTable}
	for _, table := range dynamo.Schema() {
		out, err := cfg.Client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String(names[table.Variable])})
		if err != nil {
			t.Fatal(err)
		}
		got := dynamo.Table{Variable: table.Variable, Stream: table.Stream, TTL: table.TTL, Attributes: map[string]types.ScalarAttributeType{}}
		got.Hash, got.Range = keys(out.Table.KeySchema)
		for _, a := range out.Table.AttributeDefinitions {
			got.Attributes[*a.AttributeName] = a.AttributeType
		}
		for _, x := range out.Table.GlobalSecondaryIndexes {
			hash, ranged := keys(x.KeySchema)
			got.Indexes = append(got.Indexes, dynamo.Index{Name: *x.IndexName, Hash: hash, Range: ranged, Projection: x.Projection.ProjectionType})
		}
		byName := cmpopts.SortSlices(func(a, b dynamo.Index) bool { return a.Name < b.Name })
		if diff := cmp.Diff(table, got, byName); diff != "" {
			t.Errorf("%s (-want +got):\n%s", table.Variable, diff)
		}
		if mode := out.Table.BillingModeSummary; mode == nil || mode.BillingMode != types.BillingModePayPerRequest {
			t.Errorf("%s: billed by %v", table.Variable, mode)
		}
	}
}

func keys(schema []types.KeySchemaElement) (hash, ranged string) {
	for _, k := range schema {
		if k.KeyType == types.KeyTypeHash {
			hash = *k.AttributeName
		} else {
			ranged = *k.AttributeName
		}
	}
	return hash, ranged
}

// TestCreateTablesOfAWS plays what the emulator cannot: streams, time to live,
// tables and indexes that take their time, and somebody else who makes them too.
func TestCreateTablesOfAWS(t *testing.T) {
	t.Parallel()
	const missing, raced = "ResourceNotFoundException", "ResourceInUseException"
	ready := `{"Table":{"TableStatus":"ACTIVE","GlobalSecondaryIndexes":[{"IndexStatus":"ACTIVE"}]}}`
	slow := []string{missing, `{"Table":{"TableStatus":"CREATING"}}`, `{"Table":{"TableStatus":"ACTIVE","GlobalSecondaryIndexes":[{"IndexStatus":"CREATING"}]}}`, ready}
	off, on := `{"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLED"}}`, `{"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLED"}}`
	for _, c := range []struct {
		name    string
		answers map[string][]string // by operation, for the orders table; the last one repeats
		sent    []string            // operations that must (or, with !, must not) be sent
		want    string              // how the error ends
	}{
		{"made", map[string][]string{"DescribeTable": slow, "CreateTable": {`{}`}, "DescribeTimeToLive": {off}, "UpdateTimeToLive": {`{}`}},
			[]string{"CreateTable", "UpdateTimeToLive"}, ""},
		{"made by somebody else", map[string][]string{"DescribeTable": slow, "CreateTable": {raced}, "DescribeTimeToLive": {on}},
			[]string{"CreateTable", "!UpdateTimeToLive"}, ""},
		{"there already", map[string][]string{"DescribeTable": {ready}, "DescribeTimeToLive": {on}},
			[]string{"!CreateTable", "!UpdateTimeToLive"}, ""},
		{"no time to live at all", map[string][]string{"DescribeTable": {ready}, "DescribeTimeToLive": {"UnknownOperationException"}},
			[]string{"!UpdateTimeToLive"}, ""},
		{"no time to live", map[string][]string{"DescribeTable": {ready}, "DescribeTimeToLive": {off}, "UpdateTimeToLive": {"UnknownOperationException"}},
			[]string{"UpdateTimeToLive"}, ""},
		{"time to live refused", map[string][]string{"DescribeTable": {ready}, "DescribeTimeToLive": {off}, "UpdateTimeToLive": {"AccessDeniedException"}},
			nil, "dynamo: create table orders: AccessDeniedException"},
		{"forbidden to make", map[string][]string{"DescribeTable": {missing}, "CreateTable": {"AccessDeniedException"}},
			nil, "dynamo: create table orders: AccessDeniedException"},
		{"slow to show", map[string][]string{"DescribeTable": {missing, missing, ready}, "CreateTable": {`{}`}, "DescribeTimeToLive": {on}},
			[]string{"CreateTable"}, ""},
		{"never ready", map[string][]string{"DescribeTable": {missing, `{"Table":{"TableStatus":"CREATING"}}`}, "CreateTable": {`{}`}},
			nil, "context deadline exceeded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			nth := map[string]int{}
			alone(t, func(op string, _ int, req *http.Request) (*http.Response, error) {
				var body struct{ TableName string }
				if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
					return nil, err
				}
				if body.TableName != "orders" {
					return reply(req, ready), nil
				}
				answers := c.answers[op]
				if len(answers) == 0 {
					t.Errorf("%s: not expected", op)
					return answer(req, 400, "ValidationException"), nil
				}
				nth[op]++
				return reply(req, answers[min(nth[op], len(answers))-1]), nil
			}, func(t *testing.T, s *dynamo.Store, _ *line) {
				err := s.CreateTables(context.Background())
				if got := errorText(err); (c.want == "") != (got == "") || !strings.HasSuffix(got, c.want) {
					t.Errorf("CreateTables: %q, want %q", got, c.want)
				}
				for _, op := range c.sent {
					if name, not := strings.CutPrefix(op, "!"); (nth[name] > 0) == not {
						t.Errorf("%s: sent %d times", op, nth[name])
					}
				}
			})
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// reply is an answer of DynamoDB: a JSON object, or the code of an error.
func reply(req *http.Request, body string) *http.Response {
	if !strings.HasPrefix(body, "{") {
		return answer(req, 400, body)
	}
	res := answer(req, 200, "")
	res.Body = io.NopCloser(strings.NewReader(body))
	return res
}

func TestDefinitionOfTheStream(t *testing.T) {
	t.Parallel()
	var streams []string
	alone(t, func(op string, _ int, req *http.Request) (*http.Response, error) {
		var body struct {
			TableName           string
			StreamSpecification json.RawMessage
		}
		if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
			return nil, err
		}
		switch {
		case op == "CreateTable":
			streams = append(streams, body.TableName+" "+string(body.StreamSpecification))
			return reply(req, `{}`), nil
		case op == "DescribeTable" && !slices.ContainsFunc(streams, func(s string) bool { return strings.HasPrefix(s, body.TableName+" ") }):
			return reply(req, "ResourceNotFoundException"), nil
		case op == "DescribeTable":
			return reply(req, `{"Table":{"TableStatus":"ACTIVE"}}`), nil
		}
		return reply(req, "UnknownOperationException"), nil
	}, func(t *testing.T, s *dynamo.Store, _ *line) {
		if err := s.CreateTables(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	want := []string{`orders {"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"}`, "config "}
	if diff := cmp.Diff(want, streams); diff != "" {
		t.Errorf("streams (-want +got):\n%s", diff)
	}
}
