package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"overseaspay/shared/payment"
)

// Decode reads a body that is one JSON object in UTF-8. Members that In does not
// have, by their exact names, are ignored; of a member sent twice the last one
// counts, null is as if not sent. An integer must be written as one: 1.0, 1e2 and
// "1" are refused. Errors are invalid_argument and name the member.
func Decode[In any](body []byte) (In, error) {
	var in In
	if text := bytes.TrimLeft(body, " \t\r\n"); len(text) == 0 || text[0] != '{' {
		return in, payment.Errorf(payment.InvalidArgument, "the body must be a JSON object")
	}
	if !utf8.Valid(body) { // encoding/json would put other characters in its place
		return in, payment.Errorf(payment.InvalidArgument, "the body must be UTF-8")
	}
	var members map[string]json.RawMessage
	err := json.Unmarshal(body, &members)
	if bad, ok := errors.AsType[*json.SyntaxError](err); ok {
		return in, payment.Errorf(payment.InvalidArgument, "the body is not one JSON object: it goes wrong at byte %d", bad.Offset)
	}
	keep(members, reflect.TypeFor[In]())
	if err == nil {
		err = decode(members, &in)
	}
	if err == nil {
		return in, nil
	}
	name, want := member[In](err, members), wanted(err)
	if want == "an integer" && strings.HasSuffix(name, "_fee") {
		want = "an integer in minor units"
	}
	return in, payment.Errorf(payment.InvalidArgument, "%s: must be %s", name, want)
}

// keep drops the members that a struct does not have. encoding/json would take
// Total_Fee for total_fee.
func keep(members map[string]json.RawMessage, in reflect.Type) {
	if in.Kind() != reflect.Struct {
		return
	}
	known := make(map[string]bool)
	for _, field := range reflect.VisibleFields(in) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		known[name] = true
	}
	maps.DeleteFunc(members, func(name string, _ json.RawMessage) bool { return !known[name] })
}

func decode(members map[string]json.RawMessage, into any) error {
	raw, err := json.Marshal(members)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// member is the JSON path of the member that was refused. The decoder puts the
// names of embedded Go structs before it, which callers do not see; and it does
// not tell at all where a type's own decoder refused, so each member is tried alone.
func member[In any](err error, members map[string]json.RawMessage) string {
	if bad, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		steps := strings.Split(bad.Field, ".")
		for len(steps) > 1 && members[steps[0]] == nil {
			steps = steps[1:]
		}
		return strings.Join(steps, ".")
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if decode(map[string]json.RawMessage{name: members[name]}, new(In)) != nil {
			return name
		}
	}
	return "body"
}

// wanted says in plain words what a member should have been.
func wanted(err error) string {
	bad, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		if _, ok := errors.AsType[*time.ParseError](err); ok || strings.HasPrefix(err.Error(), "Time.UnmarshalJSON") {
			return "a time as RFC 3339 writes it"
		}
		return "in the documented form"
	}
	switch bad.Type.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "an integer"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	}
	return "an object"
}
