// Package wire is what processors' packages share: sending one request, and the
// few ways in which processors build the text they sign. It must not know any
// single processor.
//
//	reply, err := wire.Do(client, req, "yaband: create")
package wire

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"overseaspay/shared/provider"
)

// MaxReply bounds what is read of any answer, in bytes.
const MaxReply = 1 << 20

// Reply is a processor's whole answer.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends a request once and reads the answer through a limit. A connection that
// could not be made is [provider.NotSent], a 429 is [provider.Busy]; any other
// transport error, a truncated or oversized answer and every 5xx and 408 is
// [provider.Unknown]. Other statuses are the caller's to read. Errors never quote
// the URL or the body, which may hold signatures.
//
// Go's transport repeats a GET by itself when a kept connection breaks: see [Once].
// The client must follow no redirects.
func Do(client *http.Client, req *http.Request, op string) (Reply, error) {
	res, err := client.Do(req)
	if err != nil {
		return Reply{}, sendError(op, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxReply+1))
	switch {
	case err != nil:
		return Reply{}, provider.Errorf(provider.Unknown, op, "the answer broke off")
	case len(body) > MaxReply:
		return Reply{}, provider.Errorf(provider.Unknown, op, "the answer is over %d bytes", MaxReply)
	case res.StatusCode == http.StatusTooManyRequests:
		return Reply{}, provider.Errorf(provider.Busy, op, "HTTP 429")
	case res.StatusCode >= 500, res.StatusCode == http.StatusRequestTimeout:
		return Reply{res.StatusCode, res.Header, body}, provider.Errorf(provider.Unknown, op, "HTTP %d", res.StatusCode)
	}
	return Reply{res.StatusCode, res.Header, body}, nil
}

// Once keeps Go's transport from repeating a GET that changes something: one with a
// body that cannot be had again is never repeated once it may have been sent. The
// body is empty, and nothing of it is sent.
func Once(req *http.Request) {
	req.Body, req.GetBody = io.NopCloser(strings.NewReader("")), nil
}

// sendError tells a request that never left from one whose fate is open.
func sendError(op string, err error) error {
	var out *url.Error
	if errors.As(err, &out) {
		err = out.Err // drop the URL
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return provider.Errorf(provider.NotSent, op, "no connection: %w", err)
	}
	// What broke may quote the answer's bytes: it is the cause, and not told.
	return &provider.Error{Kind: provider.Unknown, Op: op, Message: "no answer", Err: err}
}

// JSON decodes an answer; what cannot be decoded is an unknown outcome.
func JSON(op string, body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return provider.Errorf(provider.Unknown, op, "the answer is not the JSON that is documented")
	}
	return nil
}

// Flat decodes a JSON object into text members: strings as they are, number and
// bool literals as written (1.00 stays "1.00"), null as "". Nested objects and
// arrays are kept as their raw JSON.
func Flat(raw []byte) (map[string]string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	flat := make(map[string]string, len(members))
	for name, value := range members {
		text := string(bytes.TrimSpace(value))
		if text == "null" {
			text = ""
		} else if text[0] == '"' {
			if err := json.Unmarshal(value, &text); err != nil {
				return nil, err
			}
		}
		flat[name] = text
	}
	return flat, nil
}

// Pairs joins the members that keep wants as name=value with &, sorted by name in
// byte order, values raw. A nil keep wants all.
func Pairs(members map[string]string, keep func(name, value string) bool) string {
	names := make([]string, 0, len(members))
	for name, value := range members {
		if keep == nil || keep(name, value) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(name + "=" + members[name])
	}
	return b.String()
}

// MD5 is the lower-case hex MD5 of a text, as several processors sign.
func MD5(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// HMAC is the lower-case hex HMAC-SHA256 of a text.
func HMAC(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// Equal compares two signatures in constant time. An empty one never fits.
func Equal(want, got string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(want), []byte(got)) == 1
}

// Base returns the start of all URLs of an account: the processor's own host, or
// what base_url says instead, without a trailing slash.
func Base(configured, own string) (string, error) {
	if configured == "" {
		return own, nil
	}
	if !IsURL(configured) {
		return "", errors.New("base_url: must be an http(s) URL")
	}
	return strings.TrimSuffix(configured, "/"), nil
}

// Settings decodes an account's object and names the first required member that
// is empty. Required members are given as pairs of name and value getter.
func Settings[T any](cfg provider.Config, required func(*T) map[string]string) (T, error) {
	var s T
	if err := json.Unmarshal(cfg.Settings, &s); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return s, fmt.Errorf("%s: must be a %s", strings.TrimPrefix(wrong.Field, "Common."), wrong.Type)
		}
		return s, errors.New("not a JSON object")
	}
	members := required(&s)
	names := make([]string, 0, len(members))
	for name, value := range members {
		if value == "" {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		slices.Sort(names)
		return s, fmt.Errorf("%s: required", names[0])
	}
	return s, nil
}

// Clip keeps a processor's own message short and on one line.
func Clip(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > 120 {
		return string(r[:120]) + "..."
	}
	return text
}

// China is WeChat's and most processors' wall clock, GMT+8 without daylight saving.
var China = time.FixedZone("GMT+8", 8*60*60)
