package scheme

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
	"overseaspay/shared/store"
	"overseaspay/shared/web"
	"overseaspay/shared/weixin"
)

// Kinds of schemes; auto takes the first that the account and the page allow.
const (
	auto      = "auto"
	encrypted = "encrypted"
	plain     = "plain"
)

// nearEnd is how much of a scheme's life must be left for it to be given again.
const nearEnd = time.Minute

// wanted is a scheme that somebody wants. Equal ones get the same scheme.
type wanted struct {
	Merchant string
	AppID    string
	Jump     weixin.Jump // clean
	Kind     string
	Caller   string // "server", a user, "anyone", or a link
}

func (w wanted) key() string {
	text, _ := json.Marshal(w) // strings only: cannot fail
	sum := sha256.Sum256(text)
	return "scheme/" + hex.EncodeToString(sum[:])
}

// made is a scheme as it is remembered.
type made struct {
	OpenLink string    `json:"openlink"`
	Kind     string    `json:"kind"`
	Expires  time.Time `json:"expires,omitzero"` // zero: never
}

// terms are for how long a scheme works, for how long it is given again, and
// whether a new one counts against the day's anonymous ones.
type terms struct {
	life, reuse time.Duration
	capped      bool
}

// generate gives the remembered scheme, or makes one and remembers it. reused says
// that nothing was made for this caller.
func (f *function) generate(ctx context.Context, m *config.Merchant, w wanted, t terms) (s made, reused bool, err error) {
	if t.reuse <= 0 {
		s, err = f.fresh(ctx, m, w, t)
		return s, false, err
	}
	key := w.key()
	s, shared, err := f.flights.do(ctx, key, func() (made, error) {
		text, err := f.Links.Recall(ctx, key, f.Now())
		var have made
		switch {
		case err == nil && json.Unmarshal([]byte(text), &have) == nil:
			reused = true
			return have, nil
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return made{}, storeDown(err)
		}
		s, err := f.fresh(ctx, m, w, t)
		if err != nil {
			return made{}, err
		}
		kept, err := f.remember(ctx, key, s, t.reuse)
		reused = kept != s
		return kept, err
	})
	return s, reused || shared, err
}

// remember keeps a scheme for the other processes too. Of two that were made at
// once, everybody gets the first.
func (f *function) remember(ctx context.Context, key string, s made, reuse time.Duration) (made, error) {
	now := f.Now()
	if s.Kind == plain {
		reuse = min(reuse, forget) // perhaps the account may have better ones tomorrow
	}
	until := now.Add(reuse)
	if end := s.Expires.Add(-nearEnd); !s.Expires.IsZero() && end.Before(until) {
		until = end
	}
	text, err := json.Marshal(s)
	if err != nil {
		return s, err
	}
	kept, err := f.Links.Remember(ctx, key, string(text), now, until)
	if err != nil {
		return s, storeDown(err)
	}
	if kept == string(text) {
		return s, nil
	}
	var first made
	if err := json.Unmarshal([]byte(kept), &first); err != nil {
		return s, storeDown(err)
	}
	return first, nil
}

// fresh makes a scheme of the kind that is wanted, or of the best that there is.
func (f *function) fresh(ctx context.Context, m *config.Merchant, w wanted, t terms) (made, error) {
	if m.Item.AppID == "" {
		return made{}, payment.Errorf(payment.ConfigInvalid, "appid: needed for schemes")
	}
	if t.capped {
		if err := f.take(ctx, m); err != nil {
			return made{}, err
		}
	}
	if w.Kind == plain {
		return plainScheme(m, w.Jump)
	}
	s, err := f.encrypted(ctx, m, w.Jump, t.life)
	if w.Kind == encrypted || err == nil || !lasting(err) {
		return s, err
	}
	if slices.Contains(plainPages(m), w.Jump.Path) {
		return plainScheme(m, w.Jump)
	}
	return made{}, payment.Errorf(payment.Unsupported, "%s; %s is not in scheme.plain_pages either; a link still works, as a landing page",
		payment.AsError(err).Message, w.Jump.Path).Because(err)
}

// lasting reports that no encrypted scheme can be had, today or tomorrow.
func lasting(err error) bool {
	return errors.Is(err, weixin.ErrNotEntitled) || errors.Is(err, errNoSecret)
}

var errNoSecret = errors.New("no appsecret")

// encrypted asks WeChat, unless it said within a day that it never will.
func (f *function) encrypted(ctx context.Context, m *config.Merchant, j weixin.Jump, life time.Duration) (made, error) {
	item, now := &m.Item, f.Now()
	if item.AppSecret == "" {
		return made{}, payment.Errorf(payment.ConfigInvalid, "appsecret: needed for encrypted schemes").Because(errNoSecret)
	}
	account := item.AppID + " " + item.WeixinBaseURL
	if err := f.refused.of(account, now); err != nil {
		return made{}, err
	}
	client, err := f.weixin.at(item.WeixinBaseURL)
	if err != nil {
		return made{}, err
	}
	expires := now.Add(life).UTC().Truncate(time.Second)
	text, err := client.Scheme(ctx, item.AppID, item.AppSecret.Reveal(), j, expires)
	switch {
	case errors.Is(err, weixin.ErrNotEntitled):
		f.refused.add(account, err, now)
		web.Count(ctx, f.Log, "scheme_not_entitled", slog.String("merchant", m.Name))
	case errors.Is(err, weixin.ErrQuota):
		web.Count(ctx, f.Log, "scheme_quota", slog.String("merchant", m.Name))
	}
	return made{text, encrypted, expires}, err
}

func plainScheme(m *config.Merchant, j weixin.Jump) (made, error) {
	if !slices.Contains(plainPages(m), j.Path) {
		return made{}, payment.Errorf(payment.Unsupported, "path: %s is not in scheme.plain_pages; declare it in WeChat's console and name it there", j.Path)
	}
	text, err := weixin.PlainScheme(m.Item.AppID, j)
	return made{OpenLink: text, Kind: plain}, err
}

func plainPages(m *config.Merchant) []string { return m.Item.Scheme.PlainPages }

// take counts one anonymous scheme of the UTC day.
func (f *function) take(ctx context.Context, m *config.Merchant) error {
	now := f.Now().UTC()
	ok, err := f.Links.Take(ctx, "daily/"+m.Name+"/"+now.Format(time.DateOnly), int64(m.Item.Scheme.PublicDaily), now.Add(48*time.Hour))
	switch {
	case err != nil:
		return storeDown(err)
	case !ok:
		web.Count(ctx, f.Log, "scheme_public_daily", slog.String("merchant", m.Name))
		return payment.Errorf(payment.TooManyRequests, "scheme.public_daily: today's %d anonymous schemes are used up; there are new ones at midnight UTC", m.Item.Scheme.PublicDaily)
	}
	return nil
}

func storeDown(err error) error {
	return payment.Errorf(payment.Internal, "the links table did not answer; repeat the call").Because(err)
}

// cutShort reports that a call ended with its caller.
func cutShort(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// offered reports whether a page may be opened at all.
func offered(m *config.Merchant, path string) error {
	if slices.Contains(m.Item.Scheme.Pages, path) {
		return nil
	}
	return payment.Errorf(payment.Forbidden, "path: %s is not in scheme.pages", strings.TrimSpace(path))
}
