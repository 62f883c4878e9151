package provider

import (
	"errors"
	"fmt"
)

// Kind is what an error means for the order.
type Kind int

// Kinds of errors. Only Unknown leaves open whether the processor did something.
const (
	Unknown      Kind = iota // timeout, 5xx, unreadable or unverifiable reply: ask again
	NotSent                  // the processor certainly did not hear of it: repeat freely
	Declined                 // a definite no
	Denied                   // our credentials or settings were refused: nothing happened, mend the config
	NotFound                 // the processor does not know this trade or refund
	AlreadyPaid              // too late: it is paid
	NotEnough                // a refund the balance does not cover now: repeat later, same number
	Busy                     // asked too often: nothing happened, repeat later
	NotSupported             // the processor cannot do this
	Forged                   // a notice whose signature does not fit
	Malformed                // a notice that cannot be read
)

var kindNames = [...]string{
	"outcome unknown", "not sent", "declined", "credentials refused", "not found", "already paid",
	"balance too low", "asked too often", "not supported", "forged", "malformed",
}

func (k Kind) String() string { return kindNames[k] }

// Error is a processor's error. Message is for people: the processor's own words,
// cut short, without bodies, headers or secrets.
type Error struct {
	Kind    Kind
	Op      string // "yaband: create"
	Code    string // the processor's code for it
	Message string
	Err     error
}

func (e *Error) Error() string {
	s := e.Op + ": " + e.Kind.String()
	if e.Code != "" {
		s += " (" + e.Code + ")"
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an error of a kind; op is "name: verb".
func Errorf(kind Kind, op, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Op: op, Message: err.Error(), Err: errors.Unwrap(err)}
}

// KindOf returns the kind of an error. A foreign error is Unknown, as nobody can
// say what it left behind.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Unknown
}
