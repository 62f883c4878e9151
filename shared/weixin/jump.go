package weixin

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"overseaspay/shared/payment"
)

// Longest queries, in characters as they are sent.
const (
	MaxQuery      = 1024 // of an encrypted scheme
	MaxPlainQuery = 512  // of a plaintext scheme, before it is escaped as a whole
)

// Jump is a place in a mini-program.
type Jump struct {
	Path       string // of a published page, without a leading slash
	Query      string // may be empty
	EnvVersion string // release, trial or develop; "" is release
}

var pagePath = regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_./-]{0,255}$`)

// queryMarks are what a query may hold beside letters and digits.
const queryMarks = "!#$&'()*+,/:;=?@-._~%"

// Clean checks a jump before WeChat would, and returns it as it is sent: without
// a leading slash, everything that a query may not hold percent-encoded. Errors
// are invalid_argument and name the member.
func (j Jump) Clean() (Jump, error) {
	j.Path = strings.TrimPrefix(j.Path, "/")
	switch {
	case j.Path == "":
		return j, invalid("path: required, the path of a page")
	case strings.ContainsAny(j.Path, "?#"):
		return j, invalid("path: must not hold a query; send it as query")
	case !pagePath.MatchString(j.Path):
		return j, invalid("path: must be the path of a page, of letters, digits and _ - . /")
	case !slices.Contains([]string{"", "release", "trial", "develop"}, j.EnvVersion):
		return j, invalid("env_version: must be release, trial or develop")
	case !utf8.ValidString(j.Query):
		return j, invalid("query: must be UTF-8")
	case strings.ContainsFunc(j.Query, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return j, invalid("query: must not hold control characters")
	}
	if j.Query = escape(j.Query); len(j.Query) > MaxQuery {
		return j, invalid("query: must not be over %d characters once it is percent-encoded", MaxQuery)
	}
	return j, nil
}

func invalid(format string, args ...any) error {
	return payment.Errorf(payment.InvalidArgument, format, args...)
}

// escape percent-encodes what a query may not hold, and a % that encodes nothing.
func escape(query string) string {
	var b strings.Builder
	for i := range len(query) {
		c := query[i]
		plain := alphanumeric(c) || strings.IndexByte(queryMarks, c) >= 0
		if c == '%' && (i+2 >= len(query) || !hexDigit(query[i+1]) || !hexDigit(query[i+2])) {
			plain = false
		}
		if plain {
			b.WriteByte(c)
			continue
		}
		const digits = "0123456789ABCDEF"
		b.Write([]byte{'%', digits[c>>4], digits[c&15]})
	}
	return b.String()
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// PlainScheme writes the plaintext scheme of a clean jump. It works for pages that
// are declared in WeChat's console, for ever, and no server is asked.
func PlainScheme(appid string, j Jump) (string, error) {
	if len(j.Query) > MaxPlainQuery {
		return "", invalid("query: must not be over %d characters in a plaintext scheme", MaxPlainQuery)
	}
	text := "weixin://dl/business/?appid=" + appid + "&path=" + j.Path
	if j.Query != "" {
		text += "&query=" + strings.ReplaceAll(url.QueryEscape(j.Query), "+", "%20")
	}
	if j.EnvVersion != "" {
		text += "&env_version=" + j.EnvVersion
	}
	return text, nil
}
