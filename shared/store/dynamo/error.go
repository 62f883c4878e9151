package dynamo

import (
	"errors"
	"net/url"

	"github.com/aws/smithy-go"
)

// failure is an error of a call. Its text is the operation and DynamoDB's own code,
// or what became of the connection: the SDK's texts quote URLs and messages quote
// values. The whole error is there for errors.Is and errors.As.
type failure struct {
	op  string
	err error
}

func (f *failure) Error() string {
	var answer smithy.APIError
	if errors.As(f.err, &answer) {
		return "dynamo: " + f.op + ": " + answer.ErrorCode()
	}
	var transport *url.Error
	if errors.As(f.err, &transport) {
		return "dynamo: " + f.op + ": no answer: " + transport.Err.Error()
	}
	return "dynamo: " + f.op + ": " + f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

func wrap(op string, err error) error {
	if err != nil {
		return &failure{op, err}
	}
	return nil
}

// ambiguous reports that a write may have landed although it failed: there was no
// answer, a broken one, or a 5xx. A 4xx, throttling included, changed nothing.
func ambiguous(err error) bool {
	var answered interface{ HTTPStatusCode() int }
	if errors.As(err, &answered) {
		status := answered.HTTPStatusCode()
		return status < 400 || status > 499
	}
	return err != nil
}
