package template

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/store/dynamo"
)

// TestTablesAreSafe: what cannot be made again outlives the stack and a slip of the hand.
func TestTablesAreSafe(t *testing.T) {
	t.Parallel()
	tables := resources(load(t), "AWS::DynamoDB::Table")
	for _, id := range []string{"OrdersTable", "ConfigTable"} {
		got := map[string]any{
			"DeletionPolicy": at(tables[id], "DeletionPolicy"), "UpdateReplacePolicy": at(tables[id], "UpdateReplacePolicy"),
			"protected": at(tables[id], "Properties", "DeletionProtectionEnabled"),
			"PITR":      at(tables[id], "Properties", "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"),
		}
		want := map[string]any{"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain", "protected": true, "PITR": true}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", id, diff)
		}
	}
	own := []any{"OwnKey",
		object{"SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": object{"Ref": "KmsKeyArn"}},
		object{"SSEEnabled": false}} // false is AWS's own key, not no encryption
	for id, table := range tables {
		if diff := cmp.Diff(own, at(table, "Properties", "SSESpecification", "Fn::If")); diff != "" {
			t.Errorf("%s: SSESpecification: -want +got:\n%s", id, diff)
		}
		if got := at(table, "Properties", "BillingMode"); got != "PAY_PER_REQUEST" {
			t.Errorf("%s: BillingMode %v", id, got)
		}
		if got := at(table, "Properties", "TableName"); got != nil {
			t.Errorf("%s: has the fixed name %v, so that a second stack cannot be", id, got)
		}
	}
}

// TestSchema: the template's tables are those that the store works with.
func TestSchema(t *testing.T) {
	t.Parallel()
	tpl := load(t)
	vars := at(tpl, "Globals", "Function", "Environment", "Variables")
	all := resources(tpl, "AWS::DynamoDB::Table")
	schema := dynamo.Schema()
	if len(schema) != len(all) {
		t.Errorf("the store has %d tables, the template %d", len(schema), len(all))
	}
	for _, table := range schema {
		id, _ := at(vars, table.Variable, "Ref").(string)
		props := at(all[id], "Properties")
		got := dynamo.Table{Variable: table.Variable, Attributes: map[string]types.ScalarAttributeType{}}
		got.Hash, got.Range = keys(props)
		for _, a := range list(at(props, "AttributeDefinitions")) {
			got.Attributes[at(a, "AttributeName").(string)] = types.ScalarAttributeType(at(a, "AttributeType").(string))
		}
		for _, x := range list(at(props, "GlobalSecondaryIndexes")) {
			index := dynamo.Index{Name: at(x, "IndexName").(string), Projection: types.ProjectionType(at(x, "Projection", "ProjectionType").(string))}
			index.Hash, index.Range = keys(x)
			got.Indexes = append(got.Indexes, index)
		}
		if stream, ok := at(props, "StreamSpecification", "StreamViewType").(string); ok {
			got.Stream = types.StreamViewType(stream)
		}
		if at(props, "TimeToLiveSpecification", "Enabled") == true {
			got.TTL = at(props, "TimeToLiveSpecification", "AttributeName").(string)
		}
		if diff := cmp.Diff(table, got); diff != "" {
			t.Errorf("%s: -store +template:\n%s", table.Variable, diff)
		}
	}
}

// keys are the hash and the range key of a table or an index.
func keys(v any) (hash, ranged string) {
	for _, k := range list(at(v, "KeySchema")) {
		name, _ := at(k, "AttributeName").(string)
		if at(k, "KeyType") == "HASH" {
			hash = name
		} else {
			ranged = name
		}
	}
	return hash, ranged
}
