package dynamo

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Shorthands for single values.
func text(s string) types.AttributeValue   { return &types.AttributeValueMemberS{Value: s} }
func number(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }

// native turns what JSON decodes to (numbers as json.Number) into a native value.
func native(v any) types.AttributeValue {
	switch v := v.(type) {
	case string:
		return text(v)
	case json.Number:
		return number(v.String())
	case bool:
		return &types.AttributeValueMemberBOOL{Value: v}
	case []any:
		list := make([]types.AttributeValue, len(v))
		for i, e := range v {
			list[i] = native(e)
		}
		return &types.AttributeValueMemberL{Value: list}
	case map[string]any:
		return &types.AttributeValueMemberM{Value: nativeMap(v)}
	}
	return &types.AttributeValueMemberNULL{Value: true}
}

func nativeMap(members map[string]any) map[string]types.AttributeValue {
	attributes := make(map[string]types.AttributeValue, len(members))
	for name, v := range members {
		attributes[name] = native(v)
	}
	return attributes
}

// plain turns a native value into what JSON encodes. Sets, which an operator may
// have typed into the console, become lists; JSON has nothing for binary values.
func plain(v types.AttributeValue) (any, error) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value, nil
	case *types.AttributeValueMemberN:
		return json.Number(v.Value), nil
	case *types.AttributeValueMemberBOOL:
		return v.Value, nil
	case *types.AttributeValueMemberNULL:
		return nil, nil
	case *types.AttributeValueMemberSS:
		return v.Value, nil
	case *types.AttributeValueMemberNS:
		numbers := make([]json.Number, len(v.Value))
		for i, n := range v.Value {
			numbers[i] = json.Number(n)
		}
		return numbers, nil
	case *types.AttributeValueMemberL:
		list := make([]any, len(v.Value))
		for i, e := range v.Value {
			var err error
			if list[i], err = plain(e); err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return list, nil
	case *types.AttributeValueMemberM:
		return plainMap(v.Value)
	}
	return nil, fmt.Errorf("%T has no place in JSON", v)
}

func plainMap(attributes map[string]types.AttributeValue) (map[string]any, error) {
	members := make(map[string]any, len(attributes))
	for name, v := range attributes {
		var err error
		if members[name], err = plain(v); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return members, nil
}

// toNative turns anything that encodes as JSON into a native value.
func toNative(v any) (types.AttributeValue, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, err
	}
	return native(tree), nil
}

// fromNative is the reverse of toNative.
func fromNative(v types.AttributeValue, into any) error {
	tree, err := plain(v)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(tree)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}
