package dynamo

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"overseaspay/shared/store"
)

// GetConfig implements [store.ConfigStore].
func (s *Store) GetConfig(ctx context.Context, id string) (json.RawMessage, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.config, Key: item{"id": text(id)}, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, wrap("get config", err)
	}
	if len(out.Item) == 0 {
		return nil, wrap("get config", store.ErrNotFound)
	}
	members, err := plainMap(out.Item)
	if err != nil {
		return nil, wrap("get config", err)
	}
	raw, err := json.Marshal(members)
	return raw, wrap("get config", err)
}

// PutConfig implements [store.ConfigStore]. The members become attributes of the
// item, so that it can be read and changed in the console.
func (s *Store) PutConfig(ctx context.Context, id string, config json.RawMessage) error {
	members, err := store.Members(id, config)
	if err != nil {
		return wrap("put config", err)
	}
	_, err = s.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.config, Item: nativeMap(members)})
	return wrap("put config", err)
}
