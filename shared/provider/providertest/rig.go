package providertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"overseaspay/shared/provider"
	"overseaspay/shared/sandbox"
)

const boxURL = "http://127.0.0.1:3000/sandbox"

// rig is a processor's package, its twin and the world around them.
type rig struct {
	*testing.T
	h     Harness
	d     *provider.Descriptor
	now   time.Time
	box   *sandbox.Sandbox
	twin  sandbox.Twin
	p     provider.Provider
	wire  *wire    // what the package sends
	posts *mailbox // what the twin posts
}

func newRig(t *testing.T, h Harness) *rig {
	t.Helper()
	r := &rig{T: t, h: h, d: &h.Descriptor, now: time.Date(2026, 3, 1, 8, 30, 0, 0, time.UTC), posts: &mailbox{}}
	box, err := sandbox.New(sandbox.Config{
		URL: boxURL, HTTP: &http.Client{Transport: r.posts}, Now: r.clock, Nonce: nonces("twin"),
		Twins: func(e sandbox.Env) []sandbox.Twin { return []sandbox.Twin{h.Twin(e)} },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.box, r.twin = box, box.Twins()[0]
	r.wire = &wire{next: box.Transport()}
	if r.p, err = r.account(r.settings()); err != nil {
		t.Fatalf("New with the twin's settings: %v", err)
	}
	return r
}

// under runs a part of a topic in a subtest with a world of its own.
func (r *rig) under(name string, check func(*rig)) {
	r.Run(name, func(t *testing.T) { check(newRig(t, r.h)) })
}

func (r *rig) clock() time.Time { return r.now }

// settings are the account's, as in the config item.
func (r *rig) settings() map[string]any {
	s := maps.Clone(r.twin.Settings())
	maps.Copy(s, r.h.Settings)
	maps.DeleteFunc(s, func(_ string, value any) bool { return value == nil })
	s["base_url"] = boxURL + "/" + r.twin.Name()
	return s
}

// account makes a provider from settings, in this world.
func (r *rig) account(settings map[string]any) (provider.Provider, error) {
	raw, err := json.Marshal(settings)
	if err != nil {
		r.Fatal(err)
	}
	return r.d.New(provider.Config{
		Settings: raw, AppID: r.h.AppID, Currency: r.h.Currencies[0],
		HTTP: &http.Client{Transport: r.wire}, Now: r.clock, Nonce: nonces("shop"),
	})
}

// wrong is the same account with other secrets.
func (r *rig) wrong() provider.Provider {
	s := r.settings()
	maps.Copy(s, r.h.WrongSecret)
	p, err := r.account(s)
	if err != nil {
		r.Fatalf("New with Harness.WrongSecret: %v", err)
	}
	return p
}

// nonces are different at each call and the same in each run.
func nonces(prefix string) func() string {
	var mu sync.Mutex
	n := 0
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		n++
		return fmt.Sprintf("%s%0*d", prefix, 32-len(prefix), n)
	}
}

// wire counts the requests that go out.
type wire struct {
	next http.RoundTripper
	mu   sync.Mutex
	n    int
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.n++
	w.mu.Unlock()
	return w.next.RoundTrip(req)
}

func (w *wire) sent() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}

// mailbox takes what the twin posts, and is content with it.
type mailbox struct {
	mu   sync.Mutex
	mail []post
}

type post struct {
	url string
	in  provider.Inbound
}

func (m *mailbox) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body.Close()
	}
	to := *req.URL
	to.RawQuery = ""
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mail = append(m.mail, post{to.String(), provider.Inbound{
		Method: req.Method, Query: req.URL.RawQuery, Header: req.Header.Clone(), Body: body,
	}})
	return &http.Response{StatusCode: 200, Body: io.NopCloser(&bytes.Buffer{}), Header: http.Header{}, Request: req}, nil
}

// take returns what came since it was last called.
func (m *mailbox) take() []post {
	m.mu.Lock()
	defer m.mu.Unlock()
	mail := m.mail
	m.mail = nil
	return mail
}

// secrets are the values of the settings that nobody may ever see.
func (r *rig) secrets() []string {
	var list []string
	for _, settings := range []map[string]any{r.settings(), r.h.WrongSecret} {
		for name, value := range settings {
			text, isText := value.(string)
			if !isText || !secretName(name) {
				continue
			}
			// A private key is as secret in lines as it is whole.
			for line := range strings.SplitSeq(text, "\n") {
				if len(line) > 8 && !strings.HasPrefix(line, "-----") {
					list = append(list, line)
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

func secretName(name string) bool {
	if strings.HasPrefix(name, "public_key") {
		return false
	}
	return strings.Contains(name, "key") || strings.Contains(name, "secret") || strings.Contains(name, "token")
}

// noSecret fails if a text gives a secret away.
func (r *rig) noSecret(where, text string) {
	r.Helper()
	for _, s := range r.secrets() {
		if strings.Contains(text, s) {
			r.Errorf("%s shows a secret of the settings", where)
		}
	}
}
