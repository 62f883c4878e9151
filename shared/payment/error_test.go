package payment

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestErrorf(t *testing.T) {
	t.Parallel()
	for code, retryable := range map[Code]bool{
		InvalidArgument: false, WrongAction: false, Unauthenticated: false, Declined: false, Forbidden: false, NotFound: false,
		Conflict: false, TooLarge: false, MethodNotAllowed: false, Unsupported: false, ConfigInvalid: false,
		TooManyRequests: true, Internal: true, ProviderUnavailable: true, OutcomeUnknown: true,
	} {
		e := Errorf(code, "order %s", "T1")
		if e.Code != code || e.Message != "order T1" || e.Retryable != retryable || e.Error() != string(code)+": order T1" || e.Unwrap() != nil {
			t.Errorf("%s: %+v, %q", code, e, e)
		}
		if e.Retry(); !e.Retryable {
			t.Errorf("%s: Retry left it final", code)
		}
	}
}

func TestBecause(t *testing.T) {
	t.Parallel()
	e := Errorf(Conflict, "no").Because(fmt.Errorf("canary: %w", io.EOF))
	if !errors.Is(e, io.EOF) || e.Error() != "conflict: no" {
		t.Errorf("%v", e)
	}
}

func TestAsError(t *testing.T) {
	t.Parallel()
	mine := Errorf(Declined, "no")
	for _, err := range []error{mine, fmt.Errorf("pay: %w", mine), errors.Join(io.EOF, mine)} {
		if got := AsError(err); got != mine {
			t.Errorf("AsError(%v) = %v", err, got)
		}
	}
	foreign := errors.New("canary: key=sk_default_123")
	got := AsError(foreign)
	if got.Code != Internal || !got.Retryable || !errors.Is(got, foreign) {
		t.Errorf("AsError(foreign) = %+v", got)
	}
	if want := "internal: something failed on our side; repeat the call"; got.Error() != want {
		t.Errorf("a foreign error is shown as %q", got)
	}
}
