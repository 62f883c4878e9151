package dynamo

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"overseaspay/shared/store"
)

// Find implements [store.Store]. It reads one page of the index, over ten thousand
// orders; a number has one.
func (s *Store) Find(ctx context.Context, index store.Index, merchant, number string) ([]string, error) {
	if number == "" || len(number) > store.MaxIndexed {
		return nil, wrap("find", ctx.Err())
	}
	out, err := s.client.Query(ctx, &dynamodb.QueryInput{
		TableName: &s.orders, IndexName: aws.String(string(index)),
		KeyConditionExpression:    aws.String("#number = :number"),
		ExpressionAttributeNames:  map[string]string{"#number": string(index)},
		ExpressionAttributeValues: item{":number": text(merchant + "/" + number)},
	})
	if err != nil {
		return nil, wrap("find", err)
	}
	var found []string
	for _, have := range out.Items {
		found = append(found, keyOf(have).OutTradeNo)
	}
	slices.Sort(found)
	return found, nil
}

// Due implements [store.Store].
func (s *Store) Due(ctx context.Context, shard int, until time.Time, cursor string, limit int) ([]store.Key, string, error) {
	return s.page(ctx, span{
		index: "due", hash: "due_shard", of: number(strconv.Itoa(shard)),
		by: "due_at", value: number, until: number(strconv.FormatInt(until.UnixMilli(), 10)),
	}, cursor, limit)
}

// Day implements [store.Store].
func (s *Store) Day(ctx context.Context, merchant, day, cursor string, limit int) ([]store.Key, string, error) {
	return s.page(ctx, span{
		index: "day", hash: "merchant_day", of: text(merchant + "/" + day), by: "time_create", value: text,
	}, cursor, limit)
}

// span is a stretch of an index.
type span struct {
	index string
	hash  string
	of    types.AttributeValue
	by    string                            // range attribute
	value func(string) types.AttributeValue // makes a value of it
	until types.AttributeValue              // last value of it; nil: no end
}

// page lists the orders of a span, oldest first, after the cursor, which is the
// range value and the pk of the last order of the page before.
func (s *Store) page(ctx context.Context, in span, cursor string, limit int) ([]store.Key, string, error) {
	query := &dynamodb.QueryInput{
		TableName: &s.orders, IndexName: &in.index, Limit: aws.Int32(int32(max(limit, 1))),
		KeyConditionExpression:    aws.String("#hash = :of"),
		ExpressionAttributeNames:  map[string]string{"#hash": in.hash},
		ExpressionAttributeValues: item{":of": in.of},
	}
	if in.until != nil {
		query.KeyConditionExpression = aws.String("#hash = :of AND #by <= :until")
		query.ExpressionAttributeNames["#by"], query.ExpressionAttributeValues[":until"] = in.by, in.until
	}
	if cursor != "" {
		at, pk, _ := strings.Cut(cursor, "/")
		query.ExclusiveStartKey = item{"pk": text(pk), "sk": text(orderKey), in.hash: in.of, in.by: in.value(at)}
	}
	out, err := s.client.Query(ctx, query)
	if err != nil {
		return nil, "", wrap(in.index, err)
	}
	var keys []store.Key
	for _, have := range out.Items {
		keys = append(keys, keyOf(have))
	}
	if last := out.LastEvaluatedKey; last != nil {
		return keys, scalar(last[in.by]) + "/" + scalar(last["pk"]), nil
	}
	return keys, "", nil
}

// scalar is the text of a string or number.
func scalar(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	}
	return ""
}

func keyOf(have item) store.Key {
	merchant, no, _ := strings.Cut(scalar(have["pk"]), "/")
	return store.Key{Merchant: merchant, OutTradeNo: no}
}
