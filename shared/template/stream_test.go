package template

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

// TestStream: deliver starts with what is new, tells which records failed, and
// gives up soon, because reconcile delivers all the same.
func TestStream(t *testing.T) {
	t.Parallel()
	sources := at(functions(load(t))["deliver"], "Properties", "Events").(object)
	if len(sources) != 1 || at(sources["Orders"], "Type") != "DynamoDB" {
		t.Fatalf("deliver hears of %v", sources)
	}
	got, _ := at(sources["Orders"], "Properties").(object)
	delete(got, "FilterCriteria") // TestFilter
	want := object{
		"Stream": object{"Fn::GetAtt": "OrdersTable.StreamArn"}, "StartingPosition": "LATEST", "BatchSize": 25, "ParallelizationFactor": 2,
		"FunctionResponseTypes": []any{"ReportBatchItemFailures"}, "BisectBatchOnFunctionError": true,
		"MaximumRetryAttempts": 3, "MaximumRecordAgeInSeconds": 300,
		"DestinationConfig": object{"OnFailure": object{"Type": "SQS", "Destination": object{"Fn::GetAtt": "DeliverFailures.Arn"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestFilter: orders with undelivered events come through, and nothing else does.
func TestFilter(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, record string
		want         bool
	}{
		{"an event", `{"dynamodb":{"Keys":{"sk":{"S":"order"}},"NewImage":{"events":{"SS":["evt_1"]}}}}`, true},
		{"two events, one of them old", `{"dynamodb":{"Keys":{"sk":{"S":"order"}},"NewImage":{"events":{"SS":["evt_1","evt_2"]}},"OldImage":{"events":{"SS":["evt_1"]}}}}`, true},
		{"no events", `{"dynamodb":{"Keys":{"sk":{"S":"order"}},"NewImage":{"version":{"N":"1"}}}}`, false},
		{"the last event delivered", `{"dynamodb":{"Keys":{"sk":{"S":"order"}},"NewImage":{},"OldImage":{"events":{"SS":["evt_1"]}}}}`, false},
		{"a notice", `{"dynamodb":{"Keys":{"sk":{"S":"notice/aa"}},"NewImage":{"events":{"SS":["evt_1"]}}}}`, false},
		{"an item deleted", `{"dynamodb":{"Keys":{"sk":{"S":"order"}},"OldImage":{"events":{"SS":["evt_1"]}}}}`, false},
	}
	pattern := filter(t)
	for _, c := range cases {
		if got := matches(pattern, decode(t, []byte(c.record))); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

// filter is the one pattern of the stream's filter, decoded.
func filter(t *testing.T) any {
	t.Helper()
	filters := list(at(functions(load(t))["deliver"], "Properties", "Events", "Orders", "Properties", "FilterCriteria", "Filters"))
	if len(filters) != 1 {
		t.Fatalf("filters: %v", filters)
	}
	text, _ := at(filters[0], "Pattern").(string)
	return decode(t, []byte(text))
}

func decode(t *testing.T, raw []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// matches is as much of EventBridge's language as the filter speaks: an object
// asks for its members, a list for one of its values or for a leaf that exists. A
// list in the record matches if one of its elements does.
func matches(pattern, record any) bool {
	if members, ok := pattern.(object); ok {
		for name, p := range members {
			if !matches(p, at(record, name)) {
				return false
			}
		}
		return true
	}
	return slices.ContainsFunc(list(pattern), func(want any) bool {
		return slices.ContainsFunc(list(record), func(have any) bool {
			if exists := at(want, "exists"); exists != nil {
				_, branch := have.(object)
				return exists == !branch
			}
			return want == have
		})
	})
}

// checkStreamEvent: the sample is a change that comes through the filter.
func checkStreamEvent(t *testing.T, raw []byte) {
	t.Helper()
	var e events.DynamoDBEvent
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	pattern, records := filter(t), list(at(decode(t, raw), "Records"))
	if len(records) == 0 {
		t.Fatal("no records")
	}
	for i, r := range e.Records {
		if r.EventSource != "aws:dynamodb" || r.Change.SequenceNumber == "" || r.Change.StreamViewType != "NEW_AND_OLD_IMAGES" {
			t.Errorf("record %d: %+v", i, r)
		}
		if !matches(pattern, records[i]) {
			t.Errorf("record %d does not come through the filter", i)
		}
	}
}

// checkScheduledEvent: the sample is what EventBridge sends every minute.
func checkScheduledEvent(t *testing.T, raw []byte) {
	t.Helper()
	var e events.EventBridgeEvent
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	if e.Source != "aws.events" || e.DetailType != "Scheduled Event" || len(e.Resources) != 1 || e.Time.IsZero() {
		t.Errorf("%+v", e)
	}
}

// TestEveryMinute: reconcile is called every minute, and a failed call is not
// repeated beside the next one.
func TestEveryMinute(t *testing.T) {
	t.Parallel()
	props := at(functions(load(t))["reconcile"], "Properties")
	got := map[string]any{"Events": at(props, "Events"), "EventInvokeConfig": at(props, "EventInvokeConfig")}
	want := map[string]any{
		"Events":            object{"EveryMinute": object{"Type": "Schedule", "Properties": object{"Schedule": "rate(1 minute)"}}},
		"EventInvokeConfig": object{"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
