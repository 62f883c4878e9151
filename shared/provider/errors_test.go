package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
)

var kinds = []Kind{Unknown, NotSent, Declined, Denied, NotFound, AlreadyPaid, NotEnough, Busy, NotSupported, Forged, Malformed}

// What is forgotten is Unknown: the zero Kind must never be a definite one.
func TestKindNames(t *testing.T) {
	t.Parallel()
	var zero Kind
	if zero != Unknown || len(kinds) != len(kindNames) {
		t.Errorf("the zero Kind is %s, %d kinds have %d names", zero, len(kinds), len(kindNames))
	}
	seen := make(map[string]bool)
	for _, k := range kinds {
		if name := k.String(); name == "" || seen[name] {
			t.Errorf("kind %d is called %q", k, name)
		}
		seen[k.String()] = true
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   Error
		want string
	}{
		{Error{Kind: Unknown, Op: "yaband: create"}, "yaband: create: outcome unknown"},
		{Error{Kind: Declined, Op: "yaband: create", Code: "E17"}, "yaband: create: declined (E17)"},
		{Error{Kind: NotEnough, Op: "v3: refund", Message: "top up"}, "v3: refund: balance too low: top up"},
		{Error{Kind: Denied, Op: "v3: query", Code: "SIGN_ERROR", Message: "providers.v3.private_key"},
			"v3: query: credentials refused (SIGN_ERROR): providers.v3.private_key"},
		{Error{Kind: Forged, Op: "x: notice", Err: errors.New("canary")}, "x: notice: forged"},
	} {
		if got := c.in.Error(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestErrorf(t *testing.T) {
	t.Parallel()
	err := Errorf(NotSent, "yaband: create", "no connection to %s: %w", "it", io.ErrUnexpectedEOF)
	if err.Kind != NotSent || err.Op != "yaband: create" || err.Code != "" || err.Message != "no connection to it: unexpected EOF" {
		t.Errorf("%+v", err)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		t.Errorf("wraps %v", err.Unwrap())
	}
	if plain := Errorf(Busy, "x: query", "HTTP 429"); plain.Unwrap() != nil {
		t.Errorf("wraps %v", plain.Unwrap())
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		err := Errorf(k, "x: create", "no")
		for _, wrapped := range []error{err, fmt.Errorf("pay: %w", err), errors.Join(io.EOF, err)} {
			if got := KindOf(wrapped); got != k {
				t.Errorf("KindOf(%v) = %s, want %s", wrapped, got, k)
			}
		}
	}
	for _, err := range []error{io.EOF, context.DeadlineExceeded, fmt.Errorf("declined")} {
		if got := KindOf(err); got != Unknown {
			t.Errorf("KindOf(%v) = %s: nobody knows what a foreign error left behind", err, got)
		}
	}
}
