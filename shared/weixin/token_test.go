package weixin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
)

// tokens is a stable_token endpoint in normal mode: the same token until its last
// 300 s, then another.
type tokens struct {
	t     *testing.T
	now   func() time.Time
	mu    sync.Mutex
	asked int
	begin time.Time
	fail  string
	hold  chan struct{}
}

func (s *tokens) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.hold != nil {
		<-s.hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	var body map[string]any
	raw, err := io.ReadAll(r.Body)
	if err = errors.Join(err, json.Unmarshal(raw, &body)); err != nil || bytes.Contains(raw, []byte(`\u`)) {
		s.t.Errorf("body %s, %v", raw, err)
	}
	want := map[string]any{"grant_type": "client_credential", "appid": appid, "secret": secret, "force_refresh": false}
	if diff := cmp.Diff(want, body); diff != "" && body["secret"] == secret {
		s.t.Errorf("body (-want +got):\n%s", diff)
	}
	if r.Method != "POST" || r.URL.Path != "/cgi-bin/stable_token" || r.URL.RawQuery != "" || r.Header.Get("Content-Type") != "application/json" {
		s.t.Errorf("asked %s %s %v", r.Method, r.URL, r.Header)
	}
	if s.fail != "" {
		return reply(200, strings.NewReader(s.fail)), nil
	}
	if body["secret"] != secret {
		return reply(200, strings.NewReader(`{"errcode":40001,"errmsg":"invalid credential"}`)), nil
	}
	now := s.now()
	if s.begin.IsZero() || now.Sub(s.begin) > 6900*time.Second {
		s.begin = now
	}
	left := 7200 - int(now.Sub(s.begin).Seconds())
	return reply(200, strings.NewReader(fmt.Sprintf(`{"access_token":"token-%d","expires_in":%d}`, s.begin.Unix(), left))), nil
}

// clock is a clock that stands still until moved.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time       { return time.Unix(c.at.Load(), 0) }
func (c *clock) move(d time.Duration) { c.at.Add(int64(d / time.Second)) }

func tokenServer(t *testing.T) (*Client, *tokens, *clock) {
	t.Helper()
	k := &clock{}
	k.at.Store(1000)
	s := &tokens{t: t, now: k.now}
	return client(t, Config{HTTP: &http.Client{Transport: s}, Now: k.now}), s, k
}

func TestTokenCache(t *testing.T) {
	t.Parallel()
	c, s, k := tokenServer(t)
	steps := []struct {
		move  time.Duration
		want  string
		asked int
	}{
		{0, "token-1000", 1},
		{0, "token-1000", 1},
		{6999 * time.Second, "token-1000", 1},
		{time.Second, "token-8000", 2}, // 200 s left: the next one is out already
		{time.Hour, "token-8000", 2},
	}
	for i, step := range steps {
		k.move(step.move)
		got, err := c.Token(t.Context(), appid, secret)
		if err != nil || got != step.want || s.asked != step.asked {
			t.Errorf("step %d: %q, %v after %d fetches; want %q after %d", i, got, err, s.asked, step.want, step.asked)
		}
	}
}

// A container that starts late gets the token's last third of an hour, and keeps it.
func TestTokenFetchedLate(t *testing.T) {
	t.Parallel()
	c, s, k := tokenServer(t)
	s.begin = k.now().Add(-6800 * time.Second) // 400 s left
	for range 3 {
		if _, err := c.Token(t.Context(), appid, secret); err != nil {
			t.Fatal(err)
		}
		k.move(time.Second)
	}
	if s.asked != 1 {
		t.Errorf("fetched %d times: the margin is too large", s.asked)
	}
}

func TestTokenPerSecret(t *testing.T) {
	t.Parallel()
	c, _, _ := tokenServer(t)
	if _, err := c.Token(t.Context(), appid, secret); err != nil {
		t.Fatal(err)
	}
	token, err := c.Token(t.Context(), appid, "guess")
	if e := payment.AsError(err); token != "" || e.Code != payment.ConfigInvalid || e.Message != "appsecret: WeChat refuses it" {
		t.Errorf("a wrong secret got %q, %v", token, err)
	}
}

func TestTokenErrors(t *testing.T) {
	t.Parallel()
	c, s, _ := tokenServer(t)
	for in, want := range map[string]payment.Code{
		`{"errcode":40164,"errmsg":"invalid ip"}`: payment.ConfigInvalid, `{"errcode":40243}`: payment.ConfigInvalid,
		`{"errcode":45009}`: payment.TooManyRequests, `{"expires_in":7200}`: payment.ProviderUnavailable, `{"access_token":1}`: payment.ProviderUnavailable,
	} {
		s.fail = in
		if token, err := c.Token(t.Context(), appid, secret); token != "" || err == nil || payment.AsError(err).Code != want {
			t.Errorf("%s: %q, %v", in, token, err)
		}
	}
	s.fail = ""
	if token, err := c.Token(t.Context(), appid, secret); err != nil || token == "" {
		t.Errorf("afterwards: %q, %v", token, err)
	}
}

func TestOneFetchAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s, _ := tokenServer(t)
		s.hold = make(chan struct{})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if token, err := c.Token(t.Context(), appid, secret); err != nil || token != "token-1000" {
					t.Errorf("%q, %v", token, err)
				}
			})
		}
		synctest.Wait()
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Token(impatient, appid, secret)
		if payment.AsError(err).Code != payment.ProviderUnavailable || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting past the deadline: %v", err)
		}
		close(s.hold)
		wg.Wait()
		if s.asked != 1 {
			t.Errorf("%d fetches for 50 callers", s.asked)
		}
	})
}

func TestDo(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	tests := []struct {
		name    string
		codes   []int // what the calls answer, in turn
		err     error // of the last call
		fetches int
		want    int
	}{
		{"good", []int{0}, nil, 1, 0},
		{"refused for its content", []int{40002}, nil, 1, 40002},
		{"failed", []int{0}, lost, 1, 0},
		{"not the latest", []int{40001, 0}, nil, 2, 0},
		{"malformed", []int{40014, 0}, nil, 2, 0},
		{"expired", []int{42001, 40002}, nil, 2, 40002},
		{"refused again", []int{42001, 42001}, nil, 2, 42001},
		{"failed the second time", []int{42001, 0}, lost, 2, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, s, _ := tokenServer(t)
			n := 0
			got, err := c.Do(t.Context(), appid, secret, func(_ context.Context, token string) (int, error) {
				if n++; n > len(tt.codes) || token != "token-1000" {
					t.Fatalf("call %d with %q", n, token)
				}
				if n < len(tt.codes) {
					return tt.codes[n-1], nil
				}
				return tt.codes[n-1], tt.err
			})
			if got != tt.want || err != tt.err || n != len(tt.codes) || s.asked != tt.fetches {
				t.Errorf("errcode %d, %v after %d calls and %d fetches", got, err, n, s.asked)
			}
		})
	}
}

func TestDoWithoutToken(t *testing.T) {
	t.Parallel()
	c, s, _ := tokenServer(t)
	s.fail = `{"errcode":40013}`
	never := func(context.Context, string) (int, error) { t.Error("called without a token"); return 0, nil }
	if _, err := c.Do(t.Context(), appid, secret, never); payment.AsError(err).Code != payment.ConfigInvalid {
		t.Errorf("error = %v", err)
	}
	s.fail = ""
	n := 0
	code, err := c.Do(t.Context(), appid, secret, func(context.Context, string) (int, error) {
		n++
		s.fail = `{"errcode":45009}`
		return 42001, nil
	})
	if n != 1 || code != 42001 || payment.AsError(err).Code != payment.TooManyRequests {
		t.Errorf("errcode %d, %v after %d calls", code, err, n)
	}
	s.fail = ""
	before := s.asked
	if _, err := c.Token(t.Context(), appid, secret); err != nil || s.asked != before+1 {
		t.Errorf("the refused token was kept: %v, %d fetches", err, s.asked-before)
	}
}

// Two calls whose token was refused together fetch one new token, not two.
func TestDoFetchesOnce(t *testing.T) {
	t.Parallel()
	c, s, k := tokenServer(t)
	old, err := c.Token(t.Context(), appid, secret)
	if err != nil {
		t.Fatal(err)
	}
	k.move(6950 * time.Second) // a new one is out, the cached one not at its margin yet
	for range 2 {
		if got, err := c.token(t.Context(), account{appid, secret}, old); err != nil || got != "token-7950" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if s.asked != 2 {
		t.Errorf("%d fetches, want the first and one more", s.asked)
	}
}
