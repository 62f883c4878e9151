package weixin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"overseaspay/shared/payment"
)

func vectors(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestPlainSchemeVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			ID, AppID, Path, Query, Expected string
			EnvVersion                       *string `json:"env_version"`
		}
	}
	vectors(t, "scheme-plain.json", &file)
	if len(file.Vectors) < 2 {
		t.Fatal("no vectors")
	}
	for _, v := range file.Vectors {
		j := Jump{Path: "/" + v.Path, Query: v.Query}
		if v.EnvVersion != nil {
			j.EnvVersion = *v.EnvVersion
		}
		clean, err := j.Clean()
		got, plainErr := PlainScheme(v.AppID, clean)
		if diff := cmp.Diff(v.Expected, got); err != nil || plainErr != nil || diff != "" {
			t.Errorf("%s: %v %v (-want +got):\n%s", v.ID, err, plainErr, diff)
		}
	}
}

func TestSignPageVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			ID, NonceStr string
			Ticket       string `json:"jsapi_ticket"`
			Timestamp    int64
			PageURL      string `json:"page_url"`
			Want         string `json:"expected_signature"`
		}
	}
	vectors(t, "jssdk.json", &file)
	if len(file.Vectors) < 1 {
		t.Fatal("no vectors")
	}
	for _, v := range file.Vectors {
		if got := SignPage(v.Ticket, v.NonceStr, v.Timestamp, v.PageURL); got != v.Want {
			t.Errorf("%s: %s, want %s", v.ID, got, v.Want)
		}
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		in, want Jump
		err      string
	}{
		{"as it is", Jump{"pages/a/b-c_d.e", "a=1&b=!#$&'()*+,/:;=?@-._~%20", "trial"}, Jump{"pages/a/b-c_d.e", "a=1&b=!#$&'()*+,/:;=?@-._~%20", "trial"}, ""},
		{"leading slash", Jump{Path: "/pages/a"}, Jump{Path: "pages/a"}, ""},
		{"blanks and marks", Jump{Path: "a", Query: "a b\"<>[]{}|\\^`茶"}, Jump{Path: "a", Query: "a%20b%22%3C%3E%5B%5D%7B%7D%7C%5C%5E%60%E8%8C%B6"}, ""},
		{"a per cent that encodes nothing", Jump{Path: "a", Query: "100%&b=%4&c=%zz&d=%4a"}, Jump{Path: "a", Query: "100%25&b=%254&c=%25zz&d=%4a"}, ""},
		{"as long as can be", Jump{Path: "a", Query: strings.Repeat("q", 1024)}, Jump{Path: "a", Query: strings.Repeat("q", 1024)}, ""},
		{"too long", Jump{Path: "a", Query: strings.Repeat("q", 1025)}, Jump{}, "query: "},
		{"too long once encoded", Jump{Path: "a", Query: strings.Repeat(" ", 342)}, Jump{}, "query: "},
		{"no path", Jump{}, Jump{}, "path: "},
		{"only a slash", Jump{Path: "/"}, Jump{}, "path: "},
		{"two slashes", Jump{Path: "//evil.example"}, Jump{}, "path: "},
		{"query in the path", Jump{Path: "a?b"}, Jump{}, "path: must not hold a query"},
		{"blank in the path", Jump{Path: "a b"}, Jump{}, "path: "},
		{"a version of nobody's", Jump{Path: "a", EnvVersion: "beta"}, Jump{}, "env_version: "},
		{"a control character", Jump{Path: "a", Query: "a\x7f"}, Jump{}, "query: "},
		{"not UTF-8", Jump{Path: "a", Query: "\xff"}, Jump{}, "query: "},
	} {
		got, err := c.in.Clean()
		if c.err != "" {
			if e := payment.AsError(err); err == nil || e.Code != payment.InvalidArgument || !strings.HasPrefix(e.Message, c.err) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", c.name, err, diff)
		}
	}
	if _, err := PlainScheme(appid, Jump{Path: "a", Query: strings.Repeat("q", 513)}); payment.AsError(err).Code != payment.InvalidArgument {
		t.Error(err)
	}
	if _, err := PlainScheme(appid, Jump{Path: "a", Query: strings.Repeat("=", 512)}); err != nil {
		t.Error(err)
	}
}

// Cleaning twice is cleaning once, and leaves nothing that a query may not hold.
func TestCleanIsIdempotent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		once, err := Jump{Path: "a", Query: rapid.String().Draw(t, "query")}.Clean()
		if err != nil {
			return
		}
		twice, err := once.Clean()
		if err != nil || twice != once {
			t.Fatalf("%q, then %q, %v", once.Query, twice.Query, err)
		}
		for _, c := range once.Query {
			if !strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"+queryMarks, c) {
				t.Fatalf("%q holds %q", once.Query, c)
			}
		}
	})
}

// api is api.weixin.qq.com with a token for everybody and one answer at each path.
func api(t *testing.T, k *clock, path string, ask func(r *http.Request) string) (*Client, *atomic.Int32) {
	t.Helper()
	tokens := new(atomic.Int32)
	return client(t, Config{Now: k.now, HTTP: &http.Client{Transport: trip(func(r *http.Request) (*http.Response, error) {
		switch r.URL.Path {
		case "/cgi-bin/stable_token":
			return reply(200, strings.NewReader(fmt.Sprintf(`{"access_token":"token-%d","expires_in":7200}`, tokens.Add(1)))), nil
		case path:
			return reply(200, strings.NewReader(ask(r))), nil
		}
		t.Errorf("asked %s", r.URL.Path)
		return reply(404, strings.NewReader("")), nil
	})}}), tokens
}

func TestScheme(t *testing.T) {
	t.Parallel()
	k := &clock{}
	c, _ := api(t, k, "/wxa/generatescheme", func(r *http.Request) string {
		body, _ := io.ReadAll(r.Body)
		want := `{"expire_time":3600,"expire_type":0,"is_expire":true,"jump_wxa":{"env_version":"trial","path":"pages/a","query":"a=1&b=2"}}`
		if string(body) != want || r.Method != "POST" || r.URL.RawQuery != "access_token=token-1" {
			t.Errorf("%s %s %s", r.Method, r.URL, body)
		}
		return `{"errcode":0,"errmsg":"ok","openlink":"weixin://dl/business/?t=abc"}`
	})
	got, err := c.Scheme(t.Context(), appid, secret, Jump{"pages/a", "a=1&b=2", "trial"}, time.Unix(3600, 0))
	if err != nil || got != "weixin://dl/business/?t=abc" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestSchemeErrors(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]struct {
		code   payment.Code
		part   string
		reason error
	}{
		40002: {payment.Unsupported, "40002", ErrNotEntitled}, 48001: {payment.Unsupported, "48001", ErrNotEntitled}, 85407: {payment.Unsupported, "85407", ErrNotEntitled},
		40165: {payment.InvalidArgument, "path: ", nil}, 85079: {payment.InvalidArgument, "path", nil}, 40212: {payment.InvalidArgument, "query: ", nil},
		40097: {payment.InvalidArgument, "path, query", nil}, 85401: {payment.InvalidArgument, "expire_seconds: ", nil}, 85402: {payment.InvalidArgument, "env_version: ", nil},
		45009: {payment.TooManyRequests, "500,000", ErrQuota}, 85400: {payment.TooManyRequests, "long-lived", ErrQuota}, 44990: {payment.TooManyRequests, "100 schemes a second", ErrQuota},
		40164: {payment.ConfigInvalid, "allow-list", nil}, -1: {payment.ProviderUnavailable, "busy", nil}, 40001: {payment.ProviderUnavailable, "40001", nil},
		40014: {payment.ProviderUnavailable, "token", nil}, 42001: {payment.ProviderUnavailable, "token", nil}, 99999: {payment.ProviderUnavailable, "99999", nil},
	} {
		c, tokens := api(t, &clock{}, "/wxa/generatescheme", func(*http.Request) string {
			return fmt.Sprintf(`{"errcode":%d,"errmsg":"no, rid: 0a1b-2c"}`, code)
		})
		_, err := c.Scheme(t.Context(), appid, secret, Jump{Path: "a"}, time.Unix(3600, 0))
		e := payment.AsError(err)
		if e.Code != want.code || !strings.Contains(e.Message, want.part) || errors.Is(err, ErrNotEntitled) != (want.reason == ErrNotEntitled) || errors.Is(err, ErrQuota) != (want.reason == ErrQuota) {
			t.Errorf("%d: %v", code, err)
		}
		if cause := e.Unwrap(); cause == nil || !strings.Contains(cause.Error(), "rid 0a1b-2c") {
			t.Errorf("%d: cause %v", code, cause)
		}
		if n := tokens.Load(); n != map[bool]int32{true: 2, false: 1}[refused(code)] {
			t.Errorf("%d: %d tokens", code, n)
		}
	}
}

// A refused token is fetched anew once, and the call made again.
func TestSchemeWithAStaleToken(t *testing.T) {
	t.Parallel()
	asked := 0
	c, _ := api(t, &clock{}, "/wxa/generatescheme", func(r *http.Request) string {
		if asked++; r.URL.Query().Get("access_token") == "token-1" {
			return `{"errcode":42001,"errmsg":"expired"}`
		}
		return `{"errcode":0,"openlink":"weixin://dl/business/?t=abc"}`
	})
	if got, err := c.Scheme(t.Context(), appid, secret, Jump{Path: "a"}, time.Unix(3600, 0)); err != nil || got == "" || asked != 2 {
		t.Errorf("%q, %v after %d calls", got, err, asked)
	}
	odd, _ := api(t, &clock{}, "/wxa/generatescheme", func(*http.Request) string { return `{"errcode":0,"openlink":"javascript:alert(1)"}` })
	if got, err := odd.Scheme(t.Context(), appid, secret, Jump{Path: "a"}, time.Unix(3600, 0)); payment.AsError(err).Code != payment.ProviderUnavailable {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTicketIsKeptLikeAToken(t *testing.T) {
	t.Parallel()
	k, asked := &clock{}, 0
	c, _ := api(t, k, "/cgi-bin/ticket/getticket", func(r *http.Request) string {
		if q := r.URL.Query(); r.Method != "GET" || q.Get("type") != "jsapi" || q.Get("access_token") == "" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		asked++
		return fmt.Sprintf(`{"errcode":0,"errmsg":"ok","ticket":"ticket-%d","expires_in":7200}`, asked)
	})
	for _, step := range []struct {
		wait time.Duration
		want string
	}{{0, "ticket-1"}, {6999 * time.Second, "ticket-1"}, {time.Second, "ticket-2"}} {
		k.move(step.wait)
		if got, err := c.Ticket(t.Context(), appid, secret); err != nil || got != step.want {
			t.Errorf("after %v: %q, %v, want %q", step.wait, got, err, step.want)
		}
	}
	for body, want := range map[string]payment.Code{
		`{"errcode":48001,"errmsg":"api unauthorized"}`: payment.ConfigInvalid, `{"errcode":45009}`: payment.TooManyRequests,
		`{"errcode":0}`: payment.ProviderUnavailable, `{"errcode":40164}`: payment.ConfigInvalid,
	} {
		c, _ := api(t, &clock{}, "/cgi-bin/ticket/getticket", func(*http.Request) string { return body })
		if got, err := c.Ticket(t.Context(), appid, secret); payment.AsError(err).Code != want || got != "" {
			t.Errorf("%s: %q, %v", body, got, err)
		}
	}
}
