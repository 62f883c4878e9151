package config

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

var (
	rawType      = reflect.TypeFor[json.RawMessage]()
	unmarshalers = reflect.TypeFor[json.Unmarshaler]()
)

// decode reads JSON into a value member by member, so that everything of a wrong
// type is found, each with its path. null is as good as not there. Unknown
// members are told of if strict.
func (f *findings) decode(path string, raw json.RawMessage, into reflect.Value, strict bool) {
	kind := into.Kind()
	switch {
	case string(raw) == "null":
	case into.Type() == rawType || reflect.PointerTo(into.Type()).Implements(unmarshalers):
		f.scalar(path, raw, into)
	case kind == reflect.Struct:
		if members, ok := f.object(path, raw); ok {
			f.members(path, members, into, strict)
		}
	case kind == reflect.Map:
		members, ok := f.object(path, raw)
		if !ok {
			return
		}
		into.Set(reflect.MakeMapWithSize(into.Type(), len(members)))
		for _, name := range slices.Sorted(maps.Keys(members)) {
			value := reflect.New(into.Type().Elem()).Elem()
			f.decode(child(path, name), members[name], value, strict)
			into.SetMapIndex(reflect.ValueOf(name).Convert(into.Type().Key()), value)
		}
	case kind == reflect.Slice:
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			f.fail(path, "must be a list")
			return
		}
		into.Set(reflect.MakeSlice(into.Type(), len(list), len(list)))
		for i, one := range list {
			f.decode(element(path, i), one, into.Index(i), strict)
		}
	default:
		f.scalar(path, raw, into)
	}
}

func (f *findings) object(path string, raw json.RawMessage) (members map[string]json.RawMessage, ok bool) {
	if json.Unmarshal(raw, &members) != nil {
		f.fail(path, "must be an object")
		return nil, false
	}
	return members, true
}

// members reads an object's members into a struct's, by their exact names.
func (f *findings) members(path string, members map[string]json.RawMessage, into reflect.Value, strict bool) {
	known := memberNames(into.Type())
	for i, name := range known {
		if raw, ok := members[name]; ok {
			f.decode(child(path, name), raw, into.Field(i), strict)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if strict && !slices.Contains(known, name) && !ignored(name) {
			f.warn(child(path, name), "unknown member"+hint(name, known))
		}
	}
}

func (f *findings) scalar(path string, raw json.RawMessage, into reflect.Value) {
	if json.Unmarshal(raw, into.Addr().Interface()) == nil {
		return
	}
	want := "a text"
	switch into.Kind() {
	case reflect.Slice:
		want = "a text or a list of texts"
	case reflect.Bool:
		want = "true or false"
	case reflect.Int:
		want = "a whole number"
	}
	f.fail(path, "must be "+want)
}

// memberNames are the JSON names of a struct's members, in their order.
func memberNames(t reflect.Type) []string {
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = t.Field(i).Tag.Get("json")
	}
	return names
}

// ignored reports members that stores add: the item's own key, and what the
// database of cloud development keeps (_id, _openid).
func ignored(name string) bool { return name == "id" || strings.HasPrefix(name, "_") }

// hint names the known member that was probably meant.
func hint(name string, known []string) string {
	if near := nearest(name, known); near != "" {
		return "; is it " + near + "?"
	}
	return ""
}

// nearest returns the known name at most two edits away, or "". Of a short name
// fewer than half of the letters may differ: v2 is no slip for v3.
func nearest(name string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := distance(strings.ToLower(name), k); d < least && d <= (len(k)-1)/2 {
			best, least = k, d
		}
	}
	return best
}

// distance counts the letters to insert, drop or replace (Levenshtein).
func distance(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return 3 // too far to matter, whatever the letters
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
