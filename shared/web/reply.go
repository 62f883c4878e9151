package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"overseaspay/shared/payment"
)

// MaxBody bounds what is read of a request's body, in bytes.
const MaxBody = 1 << 20

var statuses = map[payment.Code]int{
	payment.InvalidArgument:     http.StatusBadRequest,
	payment.WrongAction:         http.StatusBadRequest,
	payment.Unauthenticated:     http.StatusUnauthorized,
	payment.Declined:            http.StatusPaymentRequired,
	payment.Forbidden:           http.StatusForbidden,
	payment.NotFound:            http.StatusNotFound,
	payment.MethodNotAllowed:    http.StatusMethodNotAllowed,
	payment.Conflict:            http.StatusConflict,
	payment.TooLarge:            http.StatusRequestEntityTooLarge,
	payment.Unsupported:         http.StatusUnprocessableEntity,
	payment.TooManyRequests:     http.StatusTooManyRequests,
	payment.Internal:            http.StatusInternalServerError,
	payment.ConfigInvalid:       http.StatusInternalServerError,
	payment.ProviderUnavailable: http.StatusServiceUnavailable,
	payment.OutcomeUnknown:      http.StatusAccepted,
}

// Status is the HTTP status of an error code; one that is not in the contract is 500.
func Status(code payment.Code) int {
	if status, ok := statuses[code]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// JSON writes a reply that no cache keeps. A value that cannot be encoded is a
// mistake in this program: it panics, and [Logged] makes a 500 of it.
func JSON(w http.ResponseWriter, status int, v any) {
	body, err := encode(v)
	if err != nil {
		panic(fmt.Errorf("web: reply: %w", err))
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(body)
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// Error writes {"error":{"code","message","retryable"}} with the code's status and
// notes code and cause for the request's log line. What is not a [payment.Error]
// is shown as a bland internal one. A 405 allows POST, unless an Allow header is set.
func Error(w http.ResponseWriter, r *http.Request, err error) { fail(w, r, err, nil) }

// fail is Error with the members of beside, an object or nil, next to "error".
func fail(w http.ResponseWriter, r *http.Request, err error, beside any) {
	e := payment.AsError(err)
	noteError(r.Context(), e)
	if e.Code == payment.MethodNotAllowed && w.Header().Get("Allow") == "" {
		w.Header().Set("Allow", http.MethodPost)
	}
	body := members(beside)
	body["error"] = map[string]any{"code": e.Code, "message": e.Message, "retryable": e.Retryable}
	JSON(w, Status(e.Code), body)
}

// members takes a value apart into its JSON members; what is no object has none.
func members(v any) map[string]any {
	raw, err := encode(v)
	if err != nil {
		panic(fmt.Errorf("web: reply: %w", err))
	}
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(raw, &fields) // not an object: no members
	all := make(map[string]any, len(fields)+1)
	for name, value := range fields {
		all[name] = value
	}
	return all
}

// Body reads a request's whole body, the exact bytes. Over [MaxBody]: too_large.
func Body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, tooLarge()
	}
	if err != nil {
		return nil, payment.Errorf(payment.InvalidArgument, "the body broke off; send it again").Retry().Because(err)
	}
	return body, nil
}

func tooLarge() error {
	return payment.Errorf(payment.TooLarge, "the body is over 1 MiB")
}
