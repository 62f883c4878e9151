package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
)

// ConfigStore keeps config items: JSON objects under an id, "payment" or
// "payment:{merchant}". It is safe for concurrent use and knows nothing of what is
// in them. Numbers keep their value exactly (up to 38 digits), not their spelling.
type ConfigStore interface {
	// GetConfig loads an item, consistently, its id included. ErrNotFound.
	GetConfig(ctx context.Context, id string) (json.RawMessage, error)

	// PutConfig replaces an item whole. It is idempotent.
	PutConfig(ctx context.Context, id string, item json.RawMessage) error
}

// Errors of config items; test with errors.Is.
var (
	ErrNotObject = errors.New("not a JSON object")
	ErrOtherID   = errors.New("the item's own id is another one")
)

// Members decodes a config item for storing: numbers stay as written
// (json.Number) and the member "id" is set. Both stores use it, so that both
// refuse the same.
func Members(id string, item json.RawMessage) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(item))
	dec.UseNumber()
	var members map[string]any
	if !json.Valid(item) || dec.Decode(&members) != nil || members == nil {
		return nil, ErrNotObject
	}
	if own, ok := members["id"]; ok && own != id {
		return nil, ErrOtherID
	}
	members["id"] = id
	return members, nil
}
