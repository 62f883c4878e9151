package weixin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
)

const (
	appid  = "wx0000000000000001"
	secret = "s3cr3t&<of>+the app"
)

// server answers with replies in turn; the last one repeats. asked counts.
func server(t *testing.T, replies ...string) (c *Client, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := int(asked.Add(1))
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, replies[min(n, len(replies))-1])
	}))
	t.Cleanup(s.Close)
	return client(t, Config{BaseURL: s.URL + "/", HTTP: s.Client()}), asked
}

func client(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// trip is a transport made of a function.
type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(status int, body io.Reader) *http.Response {
	return &http.Response{StatusCode: status, Body: io.NopCloser(body), Header: http.Header{}}
}

// chain is an error with all its causes, as a careless log would print it.
func chain(err error) string {
	var b strings.Builder
	for ; err != nil; err = errors.Unwrap(err) {
		fmt.Fprintf(&b, "%v | %+v\n", err, err)
	}
	return b.String()
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"api.weixin.qq.com", "ftp://x", "https://", "http://a b", ":"} {
		if c, err := New(Config{BaseURL: bad}); err == nil || c != nil || !strings.HasPrefix(err.Error(), "weixin_base_url: ") {
			t.Errorf("New(%q) = %v", bad, err)
		}
	}
	if c := client(t, Config{}); c.base != "https://api.weixin.qq.com" || c.now == nil {
		t.Errorf("defaults: %q", c.base)
	}
}

func TestSession(t *testing.T) {
	t.Parallel()
	var got *http.Request
	c := client(t, Config{HTTP: &http.Client{Transport: trip(func(r *http.Request) (*http.Response, error) {
		got = r
		return reply(200, strings.NewReader(`{"session_key":"HyVFkGl5F5OQWJZZaNzBBg==","openid":"o-1","unionid":"u-1","errcode":0,"errmsg":"ok"}`)), nil
	})}})
	s, err := c.Session(t.Context(), appid, secret, "c&d")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Session{OpenID: "o-1", UnionID: "u-1"}, s); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	want := url.Values{"appid": {appid}, "secret": {secret}, "js_code": {"c&d"}, "grant_type": {"authorization_code"}}
	if diff := cmp.Diff(want, got.URL.Query()); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
	if got.Method != "GET" || got.URL.Host != "api.weixin.qq.com" || got.URL.Path != "/sns/jscode2session" || got.ContentLength != 0 {
		t.Errorf("asked %s %s", got.Method, got.URL.Redacted())
	}
}

func TestSessionErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in  string
		want      payment.Code
		message   string
		retryable bool
		asked     int32
	}{
		{"bad code", `{"errcode":40029,"errmsg":"invalid code, rid: 65f1-ab"}`, payment.Unauthenticated, "code: used or expired; call wx.login again", false, 1},
		{"used code", `{"errcode":40163,"errmsg":"code been used"}`, payment.Unauthenticated, "code: used or expired; call wx.login again", false, 1},
		{"risk", `{"errcode":40226}`, payment.Forbidden, "WeChat has blocked this user as a risk", false, 1},
		{"too often", `{"errcode":45011}`, payment.TooManyRequests, "this user logs in too often; wait a minute", true, 1},
		{"busy twice", `{"errcode":-1}`, payment.ProviderUnavailable, "WeChat is busy; repeat the call", true, 2},
		{"bad secret", `{"errcode":40125}`, payment.ConfigInvalid, "appsecret: WeChat refuses it", false, 1},
		{"bad appid", `{"errcode":40013}`, payment.ConfigInvalid, "appid: WeChat does not know it", false, 1},
		{"unknown errcode", `{"errcode":99999}`, payment.ProviderUnavailable, "WeChat answered errcode 99999; repeat the call", true, 1},
		{"not JSON", `<html>`, payment.ProviderUnavailable, "WeChat could not be asked; repeat the call", true, 1},
		{"wrong type", `{"openid":5}`, payment.ProviderUnavailable, "WeChat could not be asked; repeat the call", true, 1},
		{"nothing", `{}`, payment.ProviderUnavailable, "WeChat's answer is of no use; repeat the call", true, 1},
		{"too long", `{"openid":"` + strings.Repeat("x", maxReply) + `"}`, payment.ProviderUnavailable, "WeChat could not be asked; repeat the call", true, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, asked := server(t, tt.in)
			s, err := c.Session(t.Context(), appid, secret, "the-code")
			e := payment.AsError(err)
			if s != (Session{}) || e.Code != tt.want || e.Message != tt.message || e.Retryable != tt.retryable {
				t.Errorf("session %+v, error %+v", s, e)
			}
			if asked.Load() != tt.asked {
				t.Errorf("asked %d times, want %d", asked.Load(), tt.asked)
			}
			if cause := e.Unwrap(); cause == nil || !strings.HasPrefix(cause.Error(), "weixin: jscode2session: ") {
				t.Errorf("cause = %v", cause)
			}
		})
	}
}

func TestSessionNeedsCode(t *testing.T) {
	t.Parallel()
	c, asked := server(t, `{"openid":"o"}`)
	if _, err := c.Session(t.Context(), appid, secret, ""); payment.AsError(err).Code != payment.InvalidArgument || asked.Load() != 0 {
		t.Errorf("error = %v after %d calls", err, asked.Load())
	}
}

func TestRID(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"invalid code, rid: 65f1a-12-ab": "65f1a-12-ab", "no rid here": "", "rid: ": "", "": "",
		"rid: <secret>": "", "rid: " + strings.Repeat("a", 65): "",
	} {
		if got := rid(in); got != want {
			t.Errorf("rid(%q) = %q, want %q", in, got, want)
		}
	}
	_, err := client(t, Config{HTTP: &http.Client{Transport: trip(func(*http.Request) (*http.Response, error) {
		return reply(200, strings.NewReader(`{"errcode":40029,"errmsg":"invalid code, rid: 65f1-ab"}`)), nil
	})}}).Session(t.Context(), appid, secret, "c")
	if got, want := errors.Unwrap(err).Error(), "weixin: jscode2session: errcode 40029, rid 65f1-ab"; got != want {
		t.Errorf("cause = %q, want %q", got, want)
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("refused")}
	good := func(*http.Request) (*http.Response, error) {
		return reply(200, strings.NewReader(`{"openid":"o-1"}`)), nil
	}
	fail := func(err error) trip { return func(*http.Request) (*http.Response, error) { return nil, err } }
	tests := []struct {
		name  string
		steps []trip
		ok    bool
	}{
		{"not sent, then good", []trip{fail(dial), good}, true},
		{"busy, then good", []trip{func(*http.Request) (*http.Response, error) {
			return reply(200, strings.NewReader(`{"errcode":-1}`)), nil
		}, good}, true},
		{"not sent twice", []trip{fail(dial), fail(dial)}, false},
		{"sent, no answer", []trip{fail(io.ErrUnexpectedEOF)}, false},
		{"reset after sending", []trip{fail(&net.OpError{Op: "read", Err: errors.New("reset")})}, false},
		{"HTTP 500", []trip{func(*http.Request) (*http.Response, error) {
			return reply(500, strings.NewReader(`{"openid":"o-1"}`)), nil
		}}, false},
		{"broken off", []trip{func(*http.Request) (*http.Response, error) {
			return reply(200, io.MultiReader(strings.NewReader(`{"op`), &broken{})), nil
		}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := 0
			c := client(t, Config{HTTP: &http.Client{Transport: trip(func(r *http.Request) (*http.Response, error) {
				if n++; n > len(tt.steps) {
					t.Fatalf("asked %d times, want %d", n, len(tt.steps))
				}
				return tt.steps[n-1](r)
			})}})
			s, err := c.Session(t.Context(), appid, secret, "c")
			if n != len(tt.steps) || tt.ok != (err == nil) || tt.ok != (s.OpenID == "o-1") {
				t.Errorf("session %+v, %v after %d of %d calls", s, err, n, len(tt.steps))
			}
			if e := payment.AsError(err); !tt.ok && (e.Code != payment.ProviderUnavailable || !e.Retryable) {
				t.Errorf("error = %+v", e)
			}
		})
	}
}

type broken struct{}

func (*broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestNoRetryWithoutTime(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	c := client(t, Config{HTTP: &http.Client{Transport: trip(func(*http.Request) (*http.Response, error) {
		n++
		cancel()
		return reply(200, strings.NewReader(`{"errcode":-1}`)), nil
	})}})
	if _, err := c.Session(ctx, appid, secret, "c"); err == nil || n != 1 {
		t.Errorf("%d calls, %v", n, err)
	}
}

func TestCallIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := client(t, Config{HTTP: &http.Client{Transport: trip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}})
		begin := time.Now()
		_, err := c.Session(t.Context(), appid, secret, "c")
		if spent := time.Since(begin); spent != maxCall || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v after %v", err, spent)
		}
	})
}

func TestNoSecretInErrors(t *testing.T) {
	t.Parallel()
	hidden := []string{secret, url.QueryEscape(secret), "the-code", "hush"}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	redirect := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/caught" {
			t.Error("a redirect was followed, with the secret in its Referer")
		}
		http.Redirect(w, r, "/caught?"+r.URL.RawQuery, http.StatusFound)
	}))
	defer redirect.Close()
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		answer, _ := json.Marshal(map[string]any{"errcode": 40125, "errmsg": "invalid appsecret " + r.URL.RawQuery + string(body) + " hush the-code rid: the-code"})
		w.Write(answer)
	}))
	defer echo.Close()
	wrapped := &http.Client{Transport: trip(func(r *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "proxy", URL: r.URL.String(), Err: errors.New("no way")}
	})}
	for name, cfg := range map[string]Config{
		"connection refused": {BaseURL: closed.URL}, "redirect": {BaseURL: redirect.URL}, "errmsg that quotes": {BaseURL: echo.URL},
		"nested URL error": {HTTP: wrapped},
	} {
		t.Run(name, func(t *testing.T) {
			c := client(t, cfg)
			_, sessionErr := c.Session(t.Context(), appid, secret, "the-code")
			_, tokenErr := c.Token(t.Context(), appid, secret)
			for _, err := range []error{sessionErr, tokenErr} {
				if err == nil {
					t.Fatal("no error")
				}
				for _, h := range hidden {
					if strings.Contains(chain(err), h) {
						t.Errorf("%q is in: %s", h, chain(err))
					}
				}
			}
		})
	}
}
