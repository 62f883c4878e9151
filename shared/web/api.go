package web

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"overseaspay/shared/payment"
)

// Role is what a caller has shown to be.
type Role string

// Roles of the contract's "who" column.
const (
	Anyone Role = ""
	User   Role = "user"   // holds a session from login
	Server Role = "server" // holds a merchant key
)

// Caller is who sent a request. OpenID is personal and never logged.
type Caller struct {
	Role     Role
	Merchant string // set unless Anyone
	AppID    string // the session's mini-program; User only
	OpenID   string // User only
	IP       string // see [ClientIP]; set by [API]
	Host     string // the host name that was called; set by [API]
}

// Auth tells who calls, from the request's Authorization header and the action,
// since logging in with an old session in hand is allowed. IP and Host are filled
// in later.
type Auth func(ctx context.Context, r *http.Request, action string) (Caller, error)

// Action carries out one action on a body that is a JSON object. What it returns
// is the reply; beside outcome_unknown its members are sent too, beside other
// errors it is dropped.
type Action func(ctx context.Context, caller Caller, body []byte) (any, error)

// Actions are a function's actions by name.
type Actions map[string]Action

// Handle makes an action of a function on decoded input, see [Decode], for
// callers of the named roles; none named means anyone.
func Handle[In, Out any](do func(context.Context, Caller, In) (Out, error), who ...Role) Action {
	return func(ctx context.Context, caller Caller, body []byte) (any, error) {
		if err := caller.among(who); err != nil {
			return nil, err
		}
		in, err := Decode[In](body)
		if err != nil {
			return nil, err
		}
		return do(ctx, caller, in)
	}
}

func (c Caller) among(who []Role) error {
	switch {
	case len(who) == 0 || slices.Contains(who, c.Role):
		return nil
	case c.Role == Anyone:
		return payment.Errorf(payment.Unauthenticated, "send Authorization: Bearer with a session from login or a merchant key")
	case c.Role == User:
		return payment.Errorf(payment.Forbidden, "this action is for the shop's server alone")
	}
	return payment.Errorf(payment.Forbidden, "this action is for users alone")
}

// API serves POST {"action": ...}. A nil Auth makes everybody [Anyone].
type API struct {
	Auth    Auth
	Actions Actions
}

// ServeHTTP finds the action, asks who calls and carries it out.
func (a API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out, err := a.do(w, r)
	switch {
	case err == nil:
		JSON(w, http.StatusOK, out)
	case payment.AsError(err).Code == payment.OutcomeUnknown:
		fail(w, r, err, out)
	default:
		Error(w, r, err)
	}
}

func (a API) do(w http.ResponseWriter, r *http.Request) (any, error) {
	if r.Method != http.MethodPost {
		return nil, payment.Errorf(payment.MethodNotAllowed, "send a POST with a JSON object")
	}
	body, err := Body(w, r)
	if err != nil {
		return nil, err
	}
	to, err := Decode[struct {
		Action   string `json:"action"`
		Merchant string `json:"merchant"`
	}](body)
	if err != nil {
		return nil, err
	}
	act, ok := a.Actions[to.Action]
	if !ok {
		return nil, payment.Errorf(payment.WrongAction, "action: must be one of %s", strings.Join(slices.Sorted(maps.Keys(a.Actions)), ", "))
	}
	Note(r.Context(), slog.String("action", to.Action))
	caller, err := a.caller(r, to.Action, to.Merchant)
	if err != nil {
		return nil, err
	}
	return act(r.Context(), caller, body)
}

// caller authenticates. A server that names a merchant must name its own.
func (a API) caller(r *http.Request, action, merchant string) (Caller, error) {
	var c Caller
	if a.Auth != nil {
		var err error
		if c, err = a.Auth(r.Context(), r, action); err != nil {
			return c, err
		}
	}
	if c.Merchant != "" {
		Note(r.Context(), slog.String("merchant", c.Merchant))
	}
	if c.Role == Server && merchant != "" && merchant != c.Merchant {
		return c, payment.Errorf(payment.Forbidden, "merchant: the key belongs to another merchant")
	}
	c.IP, c.Host = ClientIP(r), r.Host
	return c, nil
}

var _ http.Handler = API{}
