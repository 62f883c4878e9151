package dynamo

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"overseaspay/shared/store"
)

// Keep implements [store.Store]. An item of DynamoDB ends at 400 KB, and with it a
// notice: a longer body is an error.
func (s *Store) Keep(ctx context.Context, of store.Key, notice store.Notice) (fresh bool, err error) {
	next := key(of.Merchant, of.OutTradeNo, noticeKey+notice.ID)
	body, err := toNative(notice)
	if err != nil {
		return false, wrap("keep", err)
	}
	next["notice"] = body
	next["expires_at"] = number(strconv.FormatInt(notice.Time.Add(store.NoticeLife).Unix(), 10))
	fresh, err = s.put(ctx, &dynamodb.PutItemInput{
		TableName: &s.orders, Item: next, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	})
	return fresh, wrap("keep", err)
}

// Notices implements [store.Store].
func (s *Store) Notices(ctx context.Context, of store.Key) ([]store.Notice, error) {
	pages := dynamodb.NewQueryPaginator(s.client, &dynamodb.QueryInput{
		TableName: &s.orders, ConsistentRead: aws.Bool(true),
		KeyConditionExpression: aws.String("pk = :pk AND begins_with(sk, :notice)"),
		ExpressionAttributeValues: item{
			":pk": text(of.Merchant + "/" + of.OutTradeNo), ":notice": text(noticeKey),
		},
	})
	var kept []store.Notice
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, wrap("notices", err)
		}
		for _, have := range page.Items {
			var notice store.Notice
			if err := fromNative(have["notice"], &notice); err != nil {
				return nil, wrap("notices", err)
			}
			kept = append(kept, notice)
		}
	}
	slices.SortFunc(kept, func(a, b store.Notice) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
	})
	return kept, nil
}
