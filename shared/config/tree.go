package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
)

// decodeTree reads JSON with its numbers as written.
func decodeTree(raw json.RawMessage) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return tree, nil
}

// place is where a leaf of a tree stands.
type place struct {
	path   string
	secret bool // it is, or lies within, a secret member
}

// edit replaces the leaves of a tree by what change makes of them, in place, in
// the order of their paths. Empty objects and lists have no leaves.
func edit(tree any, path string, change func(place, any) any) any {
	return editAt(tree, place{path: path}, change)
}

func editAt(tree any, at place, change func(place, any) any) any {
	switch t := tree.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(t)) {
			t[name] = editAt(t[name], place{child(at.path, name), at.secret || isSecret(name)}, change)
		}
		return t
	case []any:
		for i := range t {
			t[i] = editAt(t[i], place{element(at.path, i), at.secret}, change)
		}
		return t
	}
	return change(at, tree)
}
