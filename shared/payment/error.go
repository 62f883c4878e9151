package payment

import (
	"errors"
	"fmt"
)

// Code is the kind of an error as callers see it.
type Code string

// The codes of the contract, each with what it asks of the caller.
const (
	InvalidArgument     Code = "invalid_argument"     // mend the named member
	WrongAction         Code = "wrong_action"         // no such action
	Unauthenticated     Code = "unauthenticated"      // log in, or send the right key
	Declined            Code = "declined"             // the processor said no; do not repeat
	Forbidden           Code = "forbidden"            // known caller, not allowed
	NotFound            Code = "not_found"            // no such order, or not the caller's
	Conflict            Code = "conflict"             // the order is not in a state for this
	TooLarge            Code = "too_large"            // body over 1 MiB
	MethodNotAllowed    Code = "method_not_allowed"   // POST only
	Unsupported         Code = "unsupported"          // this processor cannot do that
	TooManyRequests     Code = "too_many_requests"    // slow down, then repeat
	Internal            Code = "internal"             // ours; repeat
	ConfigInvalid       Code = "config_invalid"       // the shop's config item needs mending
	ProviderUnavailable Code = "provider_unavailable" // nothing happened; repeat
	OutcomeUnknown      Code = "outcome_unknown"      // may have happened; query, or repeat the same call
)

// Error is the only error that leaves the building. Message is one sentence that
// says what is wrong, where, and what to do; it never holds a secret or a
// processor's raw reply.
type Error struct {
	Code      Code
	Message   string
	Retryable bool // the same call may succeed later
	cause     error
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Unwrap returns what caused it, for logs and errors.Is; it is never shown.
func (e *Error) Unwrap() error { return e.cause }

// Errorf makes an Error; outages, unknown outcomes and limits are retryable by nature.
func Errorf(code Code, format string, args ...any) *Error {
	retry := code == TooManyRequests || code == ProviderUnavailable || code == OutcomeUnknown || code == Internal
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Retryable: retry}
}

// Retry marks an Error as worth repeating: a lost race, a shop's balance that fills up again.
func (e *Error) Retry() *Error { e.Retryable = true; return e }

// Because keeps the cause for logs.
func (e *Error) Because(err error) *Error { e.cause = err; return e }

// AsError returns err as an Error; anything foreign becomes a bland internal one.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Errorf(Internal, "something failed on our side; repeat the call").Because(err)
}
