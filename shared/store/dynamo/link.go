package dynamo

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"overseaspay/shared/link"
	"overseaspay/shared/store"
)

// Everything in the links table has an id and expires_at N (unix seconds). A link:
//
//	link            M  as JSON has it
//	open_until      N  unix milliseconds of its end
//	opens           N  absent before the first, like the others
//	wechat, browser N  of these, by environment
//	on 2006-01-02   N  of these, by day
//
// Counts are attributes of the top level, because ADD reaches no deeper. What is
// remembered has value S, a counter has taken N.
const dayAttribute = "on "

var _ store.LinkStore = (*Store)(nil)

// PutLink implements [store.LinkStore].
func (s *Store) PutLink(ctx context.Context, l *link.Link) error {
	body, err := toNative(l)
	if err != nil {
		return wrap("put link", err)
	}
	_, err = s.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.links, ConditionExpression: aws.String("attribute_not_exists(id)"),
		Item: item{"id": text(l.ID), "link": body, "open_until": millis(l.TimeExpire), "expires_at": seconds(l.Forgotten())},
	})
	if refused(err) {
		err = store.ErrConflict
	}
	return wrap("put link", err)
}

// GetLink implements [store.LinkStore].
func (s *Store) GetLink(ctx context.Context, id string) (*link.Link, link.Opens, error) {
	have, err := s.linkItem(ctx, id)
	if err == nil && have["link"] == nil {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, link.Opens{}, wrap("get link", err)
	}
	l := new(link.Link)
	if err := fromNative(have["link"], l); err != nil {
		return nil, link.Opens{}, wrap("get link", err)
	}
	return l, opensOf(have), nil
}

func (s *Store) linkItem(ctx context.Context, id string) (item, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.links, Key: item{"id": text(id)}, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

func opensOf(have item) link.Opens {
	opens := link.Opens{Total: count(have["opens"]), ByDay: map[string]int64{}, ByEnv: map[link.Env]int64{}}
	for _, env := range []link.Env{link.WeChat, link.Browser} {
		opens.ByEnv[env] = count(have[string(env)])
	}
	for name, v := range have {
		if day, ok := strings.CutPrefix(name, dayAttribute); ok {
			opens.ByDay[day] = count(v)
		}
	}
	return opens
}

// count reads a number; what is none is 0.
func count(v types.AttributeValue) int64 {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	i, _ := strconv.ParseInt(n.Value, 10, 64)
	return i
}

// OpenLink implements [store.LinkStore], with one request.
func (s *Store) OpenLink(ctx context.Context, id string, env link.Env, now time.Time) (*link.Link, error) {
	out, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.links, Key: item{"id": text(id)}, ReturnValues: types.ReturnValueAllNew,
		ConditionExpression: aws.String("open_until > :now"),
		UpdateExpression:    aws.String("ADD opens :one, #env :one, #day :one"),
		ExpressionAttributeNames: map[string]string{
			"#env": string(env), "#day": dayAttribute + now.UTC().Format(time.DateOnly),
		},
		ExpressionAttributeValues: item{":one": number("1"), ":now": millis(now)},
	})
	if refused(err) {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, wrap("open link", err)
	}
	l := new(link.Link)
	if err := fromNative(out.Attributes["link"], l); err != nil {
		return nil, wrap("open link", err)
	}
	return l, nil
}

// Remember implements [store.LinkStore]. A repeat of a write that had landed finds
// its own value, so that a lost answer does no harm.
func (s *Store) Remember(ctx context.Context, key, value string, now, until time.Time) (string, error) {
	in := &dynamodb.PutItemInput{
		TableName: &s.links, Item: item{"id": text(key), "value": text(value), "expires_at": seconds(until)},
		ConditionExpression:       aws.String("attribute_not_exists(id) OR expires_at <= :now"),
		ExpressionAttributeValues: item{":now": seconds(now)},
	}
	_, err := s.client.PutItem(ctx, in)
	if !refused(err) && ambiguous(err) && ctx.Err() == nil {
		_, err = s.client.PutItem(ctx, in)
	}
	if !refused(err) {
		return value, wrap("remember", err)
	}
	have, err := s.linkItem(ctx, key)
	if kept, ok := have["value"].(*types.AttributeValueMemberS); ok {
		return kept.Value, nil
	}
	return value, wrap("remember", err) // it was forgotten just now
}

// Recall implements [store.LinkStore]. DynamoDB removes what has expired days later.
func (s *Store) Recall(ctx context.Context, key string, now time.Time) (string, error) {
	have, err := s.linkItem(ctx, key)
	if err != nil {
		return "", wrap("recall", err)
	}
	kept, ok := have["value"].(*types.AttributeValueMemberS)
	if !ok || count(have["expires_at"]) <= now.Unix() {
		return "", wrap("recall", store.ErrNotFound)
	}
	return kept.Value, nil
}

// Take implements [store.LinkStore].
func (s *Store) Take(ctx context.Context, key string, limit int64, until time.Time) (bool, error) {
	if limit < 1 {
		return false, ctx.Err()
	}
	_, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.links, Key: item{"id": text(key)},
		ConditionExpression:       aws.String("attribute_not_exists(taken) OR taken < :limit"),
		UpdateExpression:          aws.String("ADD taken :one SET expires_at = :until"),
		ExpressionAttributeValues: item{":one": number("1"), ":limit": number(strconv.FormatInt(limit, 10)), ":until": seconds(until)},
	})
	if refused(err) {
		return false, nil
	}
	return err == nil, wrap("take", err)
}

// refused reports that a write's condition did not hold.
func refused(err error) bool {
	var no *types.ConditionalCheckFailedException
	return errors.As(err, &no)
}

func millis(t time.Time) types.AttributeValue  { return number(strconv.FormatInt(t.UnixMilli(), 10)) }
func seconds(t time.Time) types.AttributeValue { return number(strconv.FormatInt(t.Unix(), 10)) }
