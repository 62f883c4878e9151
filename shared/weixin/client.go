package weixin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"overseaspay/shared/payment"
)

const (
	maxReply = 1 << 20          // bytes read of an answer; a longer one is cut and then no JSON
	maxCall  = 10 * time.Second // for one question and its answer
)

// Config is what a Client is made from; all of it is optional.
type Config struct {
	BaseURL string           // replaces https://api.weixin.qq.com
	HTTP    *http.Client     // one keep-alive client per process; redirects are never followed
	Now     func() time.Time // time.Now
}

// Client asks api.weixin.qq.com, for any number of mini-programs.
type Client struct {
	base string
	http http.Client
	now  func() time.Time

	mu      sync.Mutex
	tokens  map[account]*slot
	tickets map[account]*slot
}

// New makes a client. It fails if BaseURL is not an http(s) URL.
func New(cfg Config) (*Client, error) {
	base := strings.TrimSuffix(cmp.Or(cfg.BaseURL, "https://api.weixin.qq.com"), "/")
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, errors.New("weixin_base_url: must be an http(s) URL")
	}
	c := &Client{base: base, http: *cmp.Or(cfg.HTTP, http.DefaultClient), now: cfg.Now,
		tokens: map[account]*slot{}, tickets: map[account]*slot{}}
	// A redirect would carry the secret on, as URL or as Referer.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

// answer is the part of every answer that says whether it is one.
type answer struct {
	ErrCode int    `json:"errcode"` // may be missing on success
	ErrMsg  string `json:"errmsg"`
}

// encode writes a body: & < > as they are, not as \u0026. It is for what cannot fail.
func encode(members map[string]any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(members)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// ask sends a question and decodes a good answer. A nil body is a GET. op names
// the call in causes.
func (c *Client) ask(ctx context.Context, op, path string, query url.Values, body []byte, into any) error {
	a, err := c.twice(ctx, op, path, query, body, into)
	if err == nil && a.ErrCode != 0 {
		err = refusal(op, a, meanings)
	}
	return err
}

// twice sends a question, again if the first time certainly changed nothing. A
// refusal is an answer, not an error.
func (c *Client) twice(ctx context.Context, op, path string, query url.Values, body []byte, into any) (answer, error) {
	for first := true; ; first = false {
		a, err := c.once(ctx, path, query, body, into)
		again := errors.Is(err, errNotSent) || a.ErrCode == busy
		switch {
		case first && again && ctx.Err() == nil:
			continue
		case err != nil:
			return a, payment.Errorf(payment.ProviderUnavailable, "WeChat could not be asked; repeat the call").Because(fmt.Errorf("weixin: %s: %w", op, err))
		}
		return a, nil
	}
}

func (c *Client) once(ctx context.Context, path string, query url.Values, body []byte, into any) (a answer, err error) {
	raw, err := c.send(ctx, path, query, body)
	if err != nil {
		return a, err
	}
	if err = json.Unmarshal(raw, &a); err == nil && a.ErrCode == 0 {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		return answer{}, errors.New("the answer is not the JSON that is documented")
	}
	return a, nil
}

// errNotSent is a connection that could not be made.
var errNotSent = errors.New("no connection")

func (c *Client) send(ctx context.Context, path string, query url.Values, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, maxCall)
	defer cancel()
	method, target := http.MethodGet, c.base+path
	if body != nil {
		method = http.MethodPost
	}
	if query != nil {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("no request can be made of this")
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, bare(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	switch {
	case err != nil:
		return nil, errors.New("the answer broke off")
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("HTTP %d", res.StatusCode)
	}
	return raw, nil
}

// bare is a transport error without the URL, which holds the secret.
func bare(err error) error {
	for wrapped, ok := errors.AsType[*url.Error](err); ok; wrapped, ok = errors.AsType[*url.Error](err) {
		err = wrapped.Err
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return fmt.Errorf("%w: %w", errNotSent, err)
	}
	return fmt.Errorf("no answer: %w", err)
}
