package caller_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"overseaspay/functions/internal/caller"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/payment"
	"overseaspay/shared/web"
)

func TestAuth(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	p := caller.Proof{Merchants: r.Cache, Now: r.Clock.Now}
	issue := func(merchant, secret string) string {
		token, _, err := web.IssueSession(web.Session{Merchant: merchant, AppID: "wx1", OpenID: "o-1"}, []string{secret}, r.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	session := issue("default", cashiertest.Secret)
	for name, c := range map[string]struct {
		token, action string
		want          web.Caller
		code          payment.Code
	}{
		"nobody":                     {"", "query", web.Caller{}, ""},
		"a server":                   {cashiertest.Key, "query", web.Caller{Role: web.Server, Merchant: "default"}, ""},
		"a server, open action":      {cashiertest.Key, "open", web.Caller{Role: web.Server, Merchant: "default"}, ""},
		"a user":                     {session, "query", web.Caller{Role: web.User, Merchant: "default", AppID: "wx1", OpenID: "o-1"}, ""},
		"a user, open action":        {session, "open", web.Caller{}, ""},
		"nonsense":                   {"nonsense", "query", web.Caller{}, payment.Unauthenticated},
		"nonsense, open action":      {"nonsense", "open", web.Caller{}, ""},
		"a session of nobody's":      {issue("nobody", cashiertest.Secret), "query", web.Caller{}, payment.Unauthenticated},
		"a session of other secrets": {issue("default", "another secret of at least 32 bytes"), "query", web.Caller{}, payment.Unauthenticated},
		"a wrong key":                {"sk_default_00000000000000000000", "query", web.Caller{}, payment.Unauthenticated},
		"a wrong key, open action":   {"sk_default_00000000000000000000", "open", web.Caller{}, payment.Unauthenticated},
		"a key of nobody's":          {"sk_nobody_00000000000000000000", "query", web.Caller{}, payment.Unauthenticated},
		"half a key":                 {"sk_x", "query", web.Caller{}, payment.Unauthenticated},
	} {
		req := httptest.NewRequest("POST", "/", nil)
		if c.token != "" {
			req.Header.Set("Authorization", "Bearer "+c.token)
		}
		got, err := p.Auth("open")(t.Context(), req, c.action)
		if got != c.want || (err == nil) != (c.code == "") || err != nil && payment.AsError(err).Code != c.code {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	r.Clock.Add(3 * time.Hour)
	req := httptest.NewRequest("POST", "/", nil)
	req.Header.Set("Authorization", "Bearer "+session)
	if _, err := p.Auth()(t.Context(), req, "query"); payment.AsError(err).Code != payment.Unauthenticated {
		t.Error(err)
	}
}

func TestMerchant(t *testing.T) {
	t.Parallel()
	r := cashiertest.New(t)
	p := caller.Proof{Merchants: r.Cache, Now: r.Clock.Now}
	if _, err := p.Merchant(t.Context(), "nobody"); payment.AsError(err).Code != payment.NotFound {
		t.Error(err)
	}
	who, err := p.Cashier(t.Context(), web.Caller{Merchant: "default", OpenID: "o-1", AppID: "wx1", IP: "192.0.2.7"})
	if err != nil || who.Merchant.Name != "default" || who.OpenID != "o-1" || who.AppID != "wx1" || who.ClientIP != "192.0.2.7" {
		t.Errorf("%+v, %v", who, err)
	}
}
