package config

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"time"

	"overseaspay/shared/provider"
)

// Env is what the processors' accounts of a build are made with.
type Env struct {
	Registry provider.Registry // required
	HTTP     *http.Client      // one keep-alive client per process; default: one with a 10 s limit
	Now      func() time.Time  // default time.Now
	Nonce    func() string     // 32 random letters and digits; default: by crypto/rand
	// Counted is told of what an operator should see although a call went on. May be nil.
	Counted func(provider, metric, detail string)
	// Secrets resolves ssm: references. Without one they are problems.
	Secrets Resolver
}

// resolveWithin bounds the question for parameters where no context does.
const resolveWithin = 10 * time.Second

var merchantName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// Parse reads, resolves and checks the item of a merchant ("default", or the
// suffix of the item's id) and constructs its processor accounts, so that their
// own checks run too. An invalid item is [Problems], all of them; any other error
// means that parameters could not be read. Warnings come with either.
//
// References are resolved under a limit of 10 s; a [Cache] uses its caller's context.
func Parse(name string, raw json.RawMessage, env Env) (*Merchant, []Warning, error) {
	ctx, cancel := context.WithTimeout(context.Background(), resolveWithin)
	defer cancel()
	m, f, err := env.parse(ctx, name, raw)
	return m, f.warnings, err
}

func (env Env) parse(ctx context.Context, name string, raw json.RawMessage) (*Merchant, *findings, error) {
	f := &findings{}
	if env.Registry == nil {
		return nil, f, errors.New("config: Env.Registry is required")
	}
	if !merchantName.MatchString(name) {
		return nil, f, Problems{{"", "the merchant's name must be 1 to 32 of a-z, 0-9 and -"}}
	}
	tree, err := decodeTree(raw)
	if err != nil {
		return nil, f, Problems{{"", "not JSON"}}
	}
	top, ok := tree.(map[string]any)
	if !ok {
		return nil, f, Problems{{"", "must be a JSON object"}}
	}
	if f.references, err = f.resolve(ctx, top, env.Secrets); err != nil {
		return nil, f, err
	}
	f.secrets = secretValues(top)
	m := f.build(env.withDefaults(), name, top)
	f.sort()
	if len(f.problems) > 0 {
		return nil, f, f.problems
	}
	return m, f, nil
}

// build makes the snapshot of a resolved item; it counts only if nothing failed.
func (f *findings) build(env Env, name string, top map[string]any) *Merchant {
	flat := f.unflatten(top)
	raw, err := json.Marshal(top)
	if err != nil { // a number or text that JSON cannot write came out of JSON
		f.fail("", "not JSON")
		return nil
	}
	m := &Merchant{Name: name, registry: env.Registry, lines: make(map[string]*line)}
	m.Item.Scheme.PublicDaily = DefaultPublicDaily
	f.decode("", raw, reflect.ValueOf(&m.Item).Elem(), true)
	f.checkItem(&m.Item, flat)
	f.checkKeys(m)
	for _, sp := range slices.Sorted(maps.Keys(m.Item.Providers)) {
		at := child("providers", sp)
		d, known := env.Registry[sp]
		switch {
		case !known && flat: // pay_sp says so
		case !known:
			f.fail(at, "unknown processor"+hint(sp, names(env.Registry)))
		case flat:
			m.lines[sp] = f.line(env, d, "", m.Item.Providers[sp], &m.Item)
		default:
			m.lines[sp] = f.line(env, d, at, m.Item.Providers[sp], &m.Item)
		}
	}
	f.checkRoutes(m)
	return m
}

// unflatten turns the original's flat item into one with providers: without
// them, every member that is not part of the schema belongs to pay_sp's processor.
func (f *findings) unflatten(top map[string]any) (flat bool) {
	sp, _ := top["pay_sp"].(string)
	if top["providers"] != nil || sp == "" {
		return false
	}
	known, account := memberNames(reflect.TypeFor[Item]()), make(map[string]any)
	for name, value := range top {
		if slices.Contains(known, name) || ignored(name) {
			continue
		}
		account[name] = value
		delete(top, name)
		if near := nearest(name, known); near != "" {
			f.warn(name, "taken for a setting of "+sp+"; is it "+near+"?")
		}
	}
	top["providers"] = map[string]any{sp: account}
	return true
}

func (env Env) withDefaults() Env {
	if env.HTTP == nil {
		env.HTTP = &http.Client{Timeout: 10 * time.Second}
	}
	if env.Now == nil {
		env.Now = time.Now
	}
	if env.Nonce == nil {
		env.Nonce = func() string { return (rand.Text() + rand.Text())[:32] }
	}
	return env
}

// names lists the processors of a build.
func names(r provider.Registry) []string { return slices.Sorted(maps.Keys(r)) }
