package template

import (
	"go/ast"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// access is what a role may do: actions by resource. A table is named by its
// logical id, an index as table/index.
type access map[string][]string

// everyone may read the config item and its secrets, and write log lines.
var everyone = access{
	"ConfigTable": {"dynamodb:GetItem"},
	"Logs":        {"logs:CreateLogStream", "logs:PutLogEvents"},
	parameters:    {"ssm:GetParameters"},
	"KmsKeyArn":   {"kms:Decrypt"},
}

// parameters is the one resource with a star: the stack's own branch of secrets.
const parameters = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/${AWS::StackName}/*"

// accessOf is what each function does beyond that, and so all that it may do.
var accessOf = map[string]access{
	"pay": {
		"OrdersTable":                {"dynamodb:GetItem", "dynamodb:PutItem"},
		"OrdersTable/sp_trade_no":    {"dynamodb:Query"},
		"OrdersTable/transaction_id": {"dynamodb:Query"},
	},
	"notify": {
		"OrdersTable":                {"dynamodb:GetItem", "dynamodb:PutItem"},
		"OrdersTable/sp_trade_no":    {"dynamodb:Query"},
		"OrdersTable/transaction_id": {"dynamodb:Query"},
	},
	"reconcile": {
		"OrdersTable":     {"dynamodb:GetItem", "dynamodb:PutItem"},
		"OrdersTable/due": {"dynamodb:Query"},
	},
	"deliver": {
		"OrdersTable":           {"dynamodb:GetItem", "dynamodb:PutItem"},
		"OrdersTable.StreamArn": streaming,
		"DeliverFailures":       {"sqs:SendMessage"},
	},
	"scheme": {
		"LinksTable":  {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
		"OrdersTable": {"dynamodb:GetItem", "dynamodb:PutItem"},
	},
}

// streaming is what Lambda itself does with the role of a function behind a stream.
var streaming = []string{"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"}

func TestEachFunctionMayDoWhatItDoes(t *testing.T) {
	t.Parallel()
	tpl := load(t)
	for name, f := range functions(tpl) {
		want := maps.Clone(everyone)
		maps.Copy(want, accessOf[name])
		role := strings.TrimSuffix(f["ID"].(string), "Function") + "Role"
		if diff := cmp.Diff(want, granted(t, tpl, role)); diff != "" {
			t.Errorf("%s: -does +may:\n%s", role, diff)
		}
	}
}

// TestActionsAreThoseOfTheStore: what the store sends to DynamoDB is granted to
// somebody, and nothing else is. Making tables is for emulators.
func TestActionsAreThoseOfTheStore(t *testing.T) {
	t.Parallel()
	local := []string{"CreateTable", "DescribeTable", "DescribeTimeToLive", "UpdateTimeToLive"}
	sent, may := map[string]bool{}, map[string]bool{}
	for _, files := range deployed(t) {
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && name(s.X) == "dynamodb" {
					if op, ok := strings.CutSuffix(s.Sel.Name, "Input"); ok && !slices.Contains(local, op) {
						sent["dynamodb:"+op] = true
					}
				}
				return true
			})
		}
	}
	walk(load(t), func(name string, value any) {
		for _, v := range list(value) {
			if action, _ := v.(string); name == "Action" && strings.HasPrefix(action, "dynamodb:") && !slices.Contains(streaming, action) {
				may[action] = true
			}
		}
	})
	if diff := cmp.Diff(sent, may); diff != "" || len(sent) == 0 {
		t.Errorf("-sent +granted:\n%s", diff)
	}
}

// name is an identifier's, or "".
func name(e ast.Expr) string {
	if id, ok := e.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// granted adds up a role's own statements and those of the policies it refers to.
func granted(t *testing.T, tpl object, role string) access {
	t.Helper()
	props := at(tpl, "Resources", role, "Properties")
	var documents []any
	for _, p := range list(at(props, "Policies")) {
		documents = append(documents, at(p, "PolicyDocument"))
	}
	for _, p := range list(at(props, "ManagedPolicyArns")) {
		if id, ok := at(p, "Ref").(string); ok {
			documents = append(documents, at(tpl, "Resources", id, "Properties", "PolicyDocument"))
		}
	}
	sum := access{}
	for _, d := range documents {
		for _, s := range list(at(d, "Statement")) {
			s = unconditional(s)
			for _, r := range list(at(s, "Resource")) {
				for _, a := range list(at(s, "Action")) {
					sum[resource(t, r)] = append(sum[resource(t, r)], a.(string))
				}
			}
		}
	}
	for r := range sum {
		slices.Sort(sum[r])
	}
	return sum
}

// list makes one of a single value; nil is empty.
func list(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// unconditional takes the first branch of an !If.
func unconditional(v any) any {
	if branches, ok := at(v, "Fn::If").([]any); ok {
		return branches[1]
	}
	return v
}

// resource shortens the ARN of a resource of this template.
func resource(t *testing.T, v any) string {
	t.Helper()
	if id, ok := at(v, "Ref").(string); ok {
		return id
	}
	if attr, ok := at(v, "Fn::GetAtt").(string); ok {
		return strings.TrimSuffix(attr, ".Arn")
	}
	if sub, ok := at(v, "Fn::Sub").(string); ok {
		return strings.NewReplacer("${OrdersTable.Arn}/index/", "OrdersTable/").Replace(sub)
	}
	t.Errorf("a resource that is not of this template: %v", v)
	return ""
}

// TestNoStars: nothing is granted wholesale, and nobody may read a table through.
func TestNoStars(t *testing.T) {
	t.Parallel()
	actions := 0
	walk(load(t), func(name string, value any) {
		for _, v := range list(value) {
			switch text, _ := v.(string); name {
			case "Action":
				actions++
				if strings.Contains(text, "*") || strings.HasSuffix(text, ":Scan") {
					t.Errorf("Action: %s", text)
				}
			case "Resource":
				if sub, _ := at(v, "Fn::Sub").(string); strings.Contains(text+sub, "*") && sub != parameters {
					t.Errorf("Resource: %v", v)
				}
			}
		}
	})
	if actions == 0 {
		t.Error("no actions found")
	}
}

// TestKeyIsUsedThroughServicesOnly: an own key decrypts for SSM and DynamoDB alone.
func TestKeyIsUsedThroughServicesOnly(t *testing.T) {
	t.Parallel()
	for _, s := range list(at(load(t), "Resources", "CommonPolicy", "Properties", "PolicyDocument", "Statement")) {
		s = unconditional(s)
		if at(s, "Action") != "kms:Decrypt" {
			continue
		}
		want := []any{object{"Fn::Sub": "ssm.${AWS::Region}.amazonaws.com"}, object{"Fn::Sub": "dynamodb.${AWS::Region}.amazonaws.com"}}
		if diff := cmp.Diff(want, at(s, "Condition", "StringEquals", "kms:ViaService")); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		return
	}
	t.Error("no statement about kms:Decrypt")
}
