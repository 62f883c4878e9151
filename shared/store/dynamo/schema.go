package dynamo

import "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

// Table is the definition of one table, as template.yaml must have it too.
type Table struct {
	Variable   string // the environment variable that names it
	Hash       string
	Range      string                               // "": none
	Attributes map[string]types.ScalarAttributeType // of every key, the indexes' included
	Indexes    []Index
	Stream     types.StreamViewType // "": none
	TTL        string               // attribute, "": none
}

// Index is the definition of one global secondary index.
type Index struct {
	Name       string
	Hash       string
	Range      string // "": none
	Projection types.ProjectionType
}

// Schema lists the tables of the contract. All are billed per request.
func Schema() []Table {
	const s, n = types.ScalarAttributeTypeS, types.ScalarAttributeTypeN
	return []Table{
		{
			Variable: "ORDERS_TABLE", Hash: "pk", Range: "sk",
			Attributes: map[string]types.ScalarAttributeType{
				"pk": s, "sk": s, "due_shard": n, "due_at": n, "sp_trade_no": s, "transaction_id": s, "merchant_day": s, "time_create": s,
			},
			Indexes: []Index{
				{"due", "due_shard", "due_at", types.ProjectionTypeKeysOnly},
				{"sp_trade_no", "sp_trade_no", "", types.ProjectionTypeKeysOnly},
				{"transaction_id", "transaction_id", "", types.ProjectionTypeKeysOnly},
				{"day", "merchant_day", "time_create", types.ProjectionTypeKeysOnly},
			},
			Stream: types.StreamViewTypeNewAndOldImages,
			TTL:    "expires_at",
		},
		{Variable: "CONFIG_TABLE", Hash: "id", Attributes: map[string]types.ScalarAttributeType{"id": s}},
		{Variable: "LINKS_TABLE", Hash: "id", Attributes: map[string]types.ScalarAttributeType{"id": s}, TTL: "expires_at"},
	}
}
