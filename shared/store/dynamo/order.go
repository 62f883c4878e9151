package dynamo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"overseaspay/shared/payment"
	"overseaspay/shared/store"
)

// stampLayout writes moments so that they sort as text; they are in UTC.
const stampLayout = "2006-01-02T15:04:05.000000000Z07:00"

const (
	orderKey  = "order"   // sk of an order
	noticeKey = "notice/" // sk of a notice, before its id
)

type item = map[string]types.AttributeValue

func key(merchant, outTradeNo, sk string) item {
	return item{"pk": text(merchant + "/" + outTradeNo), "sk": text(sk)}
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, merchant, outTradeNo string) (*payment.Order, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.orders, Key: key(merchant, outTradeNo, orderKey), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, wrap("get", err)
	}
	if len(out.Item) == 0 {
		return nil, wrap("get", store.ErrNotFound)
	}
	order, err := readOrder(out.Item)
	return order, wrap("get", err)
}

func readOrder(have item) (*payment.Order, error) {
	order := new(payment.Order)
	if err := fromNative(have["version"], &order.Version); err != nil {
		return nil, fmt.Errorf("version: %w", err)
	}
	if err := fromNative(have["order"], order); err != nil {
		return nil, fmt.Errorf("order: %w", err)
	}
	return order, nil
}

// Save implements [store.Store].
func (s *Store) Save(ctx context.Context, order *payment.Order) error {
	next, err := orderItem(order)
	if err != nil {
		return wrap("save", err)
	}
	in := &dynamodb.PutItemInput{TableName: &s.orders, Item: next, ConditionExpression: aws.String("attribute_not_exists(pk)")}
	if order.Version != 0 {
		in.ConditionExpression = aws.String("#version = :version")
		in.ExpressionAttributeNames = map[string]string{"#version": "version"}
		in.ExpressionAttributeValues = item{":version": number(strconv.FormatInt(order.Version, 10))}
	}
	won, err := s.put(ctx, in)
	if err != nil {
		return wrap("save", err)
	}
	if !won {
		return wrap("save", store.ErrConflict)
	}
	order.Version++
	return nil
}

// orderItem is the item of an order's next version.
func orderItem(order *payment.Order) (item, error) {
	body, err := toNative(order)
	if err != nil {
		return nil, err
	}
	next := key(order.Merchant, order.OutTradeNo, orderKey)
	next["version"] = number(strconv.FormatInt(order.Version+1, 10))
	next["order"] = body
	x := store.IndexesOf(order)
	next["merchant_day"], next["time_create"] = text(x.MerchantDay), text(stamp(x.TimeCreate))
	if !x.DueAt.IsZero() {
		up := x.DueAt.Add(time.Millisecond - 1)
		next["due_shard"], next["due_at"] = number(strconv.Itoa(x.DueShard)), number(strconv.FormatInt(up.UnixMilli(), 10))
	}
	if x.SpTradeNo != "" {
		next["sp_trade_no"] = text(x.SpTradeNo)
	}
	if x.TransactionID != "" {
		next["transaction_id"] = text(x.TransactionID)
	}
	if events := slices.Compact(slices.Sorted(slices.Values(x.Events))); len(events) > 0 {
		next["events"] = &types.AttributeValueMemberSS{Value: events}
	}
	return next, nil
}

func stamp(t time.Time) string { return t.UTC().Format(stampLayout) }

// put writes an item of the orders table under its condition. won is false if the
// condition did not hold, unless it was this very write that had landed before its
// answer was lost. When err is not nil the item may or may not have been written.
func (s *Store) put(ctx context.Context, in *dynamodb.PutItemInput) (won bool, err error) {
	id := rand.Text()
	in.Item["write_id"] = text(id)
	in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	_, err = s.client.PutItem(ctx, in)
	if ambiguous(err) && ctx.Err() == nil {
		_, err = s.client.PutItem(ctx, in)
	}
	var refused *types.ConditionalCheckFailedException
	if errors.As(err, &refused) {
		return s.wrote(ctx, in.Item, refused.Item, id)
	}
	return err == nil, err
}

// wrote reports whether the item that stood in the way of a write carries its id.
// Emulators refuse without returning the item; DynamoDB only if there is none.
func (s *Store) wrote(ctx context.Context, wanted, have item, id string) (bool, error) {
	if have == nil {
		out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: &s.orders, Key: item{"pk": wanted["pk"], "sk": wanted["sk"]},
			ConsistentRead: aws.Bool(true), ProjectionExpression: aws.String("write_id"),
		})
		if err != nil {
			return false, err
		}
		have = out.Item
	}
	written, ok := have["write_id"].(*types.AttributeValueMemberS)
	return ok && written.Value == id, nil
}
