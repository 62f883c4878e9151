package dynamo

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// createWait bounds how long CreateTables waits for one table, and createPoll is
// how often it looks.
const (
	createWait = time.Minute
	createPoll = 50 * time.Millisecond
)

// CreateTables makes the tables of [Schema] that are missing, waits until they can
// be used, and sees to it that items expire where the endpoint knows how to. It is
// idempotent and may run at several places at once. It is for emulators and
// developers' accounts; in production template.yaml makes the tables.
func (s *Store) CreateTables(ctx context.Context) error {
	names := map[string]string{"ORDERS_TABLE": s.orders, "CONFIG_TABLE": s.config, "LINKS_TABLE": s.links}
	for _, table := range Schema() {
		name := names[table.Variable]
		if name == "" {
			continue
		}
		if err := s.createTable(ctx, name, table); err != nil {
			return wrap("create table "+name, err)
		}
	}
	return nil
}

func (s *Store) createTable(ctx context.Context, name string, table Table) error {
	ctx, stop := context.WithTimeout(ctx, createWait)
	defer stop()
	poll := time.NewTicker(createPoll)
	defer poll.Stop()
	exists, active, err := s.look(ctx, name)
	if err == nil && !exists {
		err = s.make(ctx, name, table)
	}
	for err == nil && !active {
		select {
		case <-poll.C:
			_, active, err = s.look(ctx, name)
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err == nil && table.TTL != "" {
		err = s.expire(ctx, name, table.TTL)
	}
	return err
}

// look reports whether a table exists, and whether it and its indexes can be used.
// A table that was made just now may not show yet.
func (s *Store) look(ctx context.Context, name string) (exists, active bool, err error) {
	out, err := s.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	building := slices.ContainsFunc(out.Table.GlobalSecondaryIndexes, func(x types.GlobalSecondaryIndexDescription) bool {
		return x.IndexStatus != types.IndexStatusActive
	})
	return true, out.Table.TableStatus == types.TableStatusActive && !building, nil
}

// make asks for a table, unless somebody else just did.
func (s *Store) make(ctx context.Context, name string, table Table) error {
	_, err := s.client.CreateTable(ctx, definition(name, table))
	var raced *types.ResourceInUseException
	if errors.As(err, &raced) {
		return nil
	}
	return err
}

// expire turns the time to live on, unless it is. Emulators that have none say so
// with UnknownOperationException.
func (s *Store) expire(ctx context.Context, name, attribute string) error {
	have, err := s.client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &name})
	if err == nil {
		switch have.TimeToLiveDescription.TimeToLiveStatus {
		case types.TimeToLiveStatusEnabled, types.TimeToLiveStatusEnabling:
			return nil
		}
		_, err = s.client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
			TableName:               &name,
			TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &attribute, Enabled: aws.Bool(true)},
		})
	}
	var answer smithy.APIError
	if errors.As(err, &answer) && answer.ErrorCode() == "UnknownOperationException" {
		return nil
	}
	return err
}

// definition is the request that makes a table.
func definition(name string, table Table) *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest, KeySchema: keySchema(table.Hash, table.Range),
	}
	for _, attribute := range slices.Sorted(maps.Keys(table.Attributes)) {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: aws.String(attribute), AttributeType: table.Attributes[attribute],
		})
	}
	for _, x := range table.Indexes {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: aws.String(x.Name), KeySchema: keySchema(x.Hash, x.Range), Projection: &types.Projection{ProjectionType: x.Projection},
		})
	}
	if table.Stream != "" {
		in.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: table.Stream}
	}
	return in
}

func keySchema(hash, ranged string) []types.KeySchemaElement {
	keys := []types.KeySchemaElement{{AttributeName: aws.String(hash), KeyType: types.KeyTypeHash}}
	if ranged != "" {
		keys = append(keys, types.KeySchemaElement{AttributeName: aws.String(ranged), KeyType: types.KeyTypeRange})
	}
	return keys
}
