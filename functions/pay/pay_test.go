package pay_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"context"

	"overseaspay/functions/internal/wiring"
	"overseaspay/functions/pay"
	"overseaspay/shared/cashier/cashiertest"
	"overseaspay/shared/config"
	"overseaspay/shared/sandbox"
)

// client calls the function as the outside does.
type client struct {
	*cashiertest.Rig
	t *testing.T
	h http.Handler
}

func newClient(t *testing.T) client {
	t.Helper()
	r := cashiertest.New(t)
	h, err := pay.New(pay.Config{Cashier: r.Cashier, Merchants: r.Cache, Login: wiring.Login(r.Env.HTTP), Now: r.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	return client{r, t, h}
}

// reply is what comes back, taken apart.
type reply struct {
	Status int
	Body   string
	Order  map[string]any
	Error  struct {
		Code, Message string
		Retryable     bool
	}
	Payment                   map[string]string
	Refund                    map[string]any
	URL, Claim, Session, Type string
	OpenID                    *string `json:"openid"`
	ExpiresIn                 int     `json:"expires_in"`
}

func (c client) call(token, body string) reply {
	c.t.Helper()
	req := httptest.NewRequest(http.MethodPost, "/pay", strings.NewReader(body))
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, req)
	out := reply{Status: w.Code, Body: w.Body.String()}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		c.t.Fatalf("%s: %v", out.Body, err)
	}
	return out
}

func (c client) want(r reply, status int, code, part string) {
	c.t.Helper()
	if r.Status != status || r.Error.Code != code || !strings.Contains(r.Error.Message, part) {
		c.t.Errorf("%d %s, want %d %s with %q", r.Status, r.Body, status, code, part)
	}
}

const create = `{"action":"createorder","out_trade_no":"ORDER-0001","total_fee":1299,"body":"Tea"}`

// orderMembers is the contract's list.
var orderMembers = strings.Fields(`merchant out_trade_no provider sp_trade_no transaction_id trade_state pay_method total_fee fee_type
	settlement_fee settlement_fee_type refunded_fee refunded_fee_type body attach time_create time_expire time_paid flags refunds`)

func TestAShopperPays(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	made := c.call(cashiertest.Key, create)
	if made.Status != http.StatusOK || made.Claim == "" {
		t.Fatal(made.Body)
	}
	names := make([]string, 0, len(made.Order))
	for name := range made.Order {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := slices.Sorted(slices.Values(orderMembers)); !slices.Equal(names, want) {
		t.Errorf("members %v, want %v", names, want)
	}
	in := c.call("", `{"action":"login","code":"code-alice"}`)
	if in.Status != http.StatusOK || in.Session == "" || in.ExpiresIn != 7200 || in.OpenID != nil {
		t.Fatal(in.Body)
	}
	p := c.call(in.Session, `{"action":"unifiedorder","out_trade_no":"ORDER-0001","claim":"`+made.Claim+`"}`)
	for _, name := range []string{"timeStamp", "nonceStr", "package", "signType", "paySign"} {
		if p.Payment[name] == "" {
			t.Errorf("payment.%s is missing: %s", name, p.Body)
		}
	}
	if len(p.Payment) != 5 || strings.Contains(p.Body, `"claim"`) || strings.Contains(p.Body, `"url"`) {
		t.Error(p.Body)
	}
	if _, _, err := c.Box.Pay(t.Context(), "ORDER-0001", sandbox.PayOptions{}); err != nil {
		t.Fatal(err)
	}
	q := c.call(in.Session, `{"action":"queryorder","out_trade_no":"ORDER-0001"}`)
	if q.Order["trade_state"] != "SUCCESS" || q.Order["transaction_id"] == "" || q.Order["sp_trade_no"] == "" {
		t.Error(q.Body)
	}
	back := c.call(cashiertest.Key, `{"action":"refund","out_trade_no":"ORDER-0001","out_refund_no":"R-1","refund_fee":300}`)
	if back.Status != http.StatusOK || back.Refund["out_refund_no"] != "R-1" {
		t.Fatal(back.Body)
	}
	c.Clock.Add(3 * time.Second)
	if q := c.call(cashiertest.Key, `{"action":"queryrefund","out_trade_no":"ORDER-0001","out_refund_no":"R-1"}`); q.Refund["status"] != "SUCCESS" || q.Order["refunded_fee"] != 300.0 {
		t.Error(q.Body)
	}
	if shut := c.call(in.Session, `{"action":"closeorder","out_trade_no":"ORDER-0001"}`); shut.Status != http.StatusOK || shut.Order["trade_state"] != "REFUND" {
		t.Error(shut.Body)
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	if in := c.call(cashiertest.Key, `{"action":"login","code":"code-bob"}`); in.OpenID == nil || *in.OpenID == "" {
		t.Error(in.Body)
	}
	if in := c.call("an.old.session", `{"action":"login","code":"code-eve"}`); in.Session == "" {
		t.Error(in.Body)
	}
	c.want(c.call("", `{"action":"login","code":"code-eve"}`), 401, "unauthenticated", "code")
	c.want(c.call("", `{"action":"login"}`), 400, "invalid_argument", "code")
	c.want(c.call("", `{"action":"login","code":"x","merchant":"nobody"}`), 404, "not_found", "merchant")
	c.want(c.call(cashiertest.Key, `{"action":"login","code":"x","merchant":"other"}`), 403, "forbidden", "merchant")
	delete(c.Item, "session_secret")
	c.Put(t, "payment", c.Item)
	c.want(c.call("", `{"action":"login","code":"code-carl"}`), 500, "config_invalid", "session_secret")
	delete(c.Item, "appsecret")
	c.Put(t, "payment", c.Item)
	c.want(c.call("", `{"action":"login","code":"code-dora"}`), 500, "config_invalid", "appsecret")
}

func TestWhoIsLetIn(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	user := c.call("", `{"action":"login","code":"code-alice"}`).Session
	query := `{"action":"queryorder","out_trade_no":"ORDER-0001"}`
	for name, r := range map[string]struct {
		reply  reply
		status int
		code   string
	}{
		"nobody":               {c.call("", query), 401, "unauthenticated"},
		"nonsense":             {c.call("nonsense", query), 401, "unauthenticated"},
		"a wrong key":          {c.call("sk_default_00000000000000000000", query), 401, "unauthenticated"},
		"a key of no merchant": {c.call("sk_nobody_00000000000000000000", query), 401, "unauthenticated"},
		"a key without a name": {c.call("sk_x", query), 401, "unauthenticated"},
		"a user creates":       {c.call(user, create), 403, "forbidden"},
		"a user refunds":       {c.call(user, `{"action":"refund","out_trade_no":"ORDER-0001"}`), 403, "forbidden"},
		"another merchant":     {c.call(cashiertest.Key, `{"action":"queryorder","out_trade_no":"ORDER-0001","merchant":"other"}`), 403, "forbidden"},
		"a forged session":     {c.call(user[:len(user)-4]+"AAAA", query), 401, "unauthenticated"},
	} {
		if r.reply.Status != r.status || r.reply.Error.Code != r.code || r.reply.Error.Message == "" {
			t.Errorf("%s: %d %s", name, r.reply.Status, r.reply.Body)
		}
	}
	c.Clock.Add(3 * time.Hour)
	c.want(c.call(user, query), 401, "unauthenticated", "expired")
}

// An action that cannot be understood says what is wrong, and stores nothing.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	fee := func(text string) string {
		return strings.Replace(create, "1299", text, 1)
	}
	for _, bad := range []struct {
		body, code, part string
		status           int
	}{
		{`{"action":"pay"}`, "wrong_action", "action", 400},
		{`{}`, "wrong_action", "action", 400},
		{`{"action":`, "invalid_argument", "JSON", 400},
		{`[]`, "invalid_argument", "JSON", 400},
		{``, "invalid_argument", "JSON", 400},
		{fee("12.99"), "invalid_argument", "total_fee", 400},
		{fee("1e3"), "invalid_argument", "total_fee", 400},
		{fee(`"1299"`), "invalid_argument", "total_fee", 400},
		{fee("-1"), "invalid_argument", "total_fee", 400},
		{fee("0"), "invalid_argument", "total_fee", 400},
		{fee("100000000001"), "invalid_argument", "total_fee", 400},
		{fee("99999999999999999999"), "invalid_argument", "total_fee", 400},
		{fee("null"), "invalid_argument", "total_fee", 400},
		{strings.Replace(create, `"body"`, `"fee_type":"XXX","body"`, 1), "invalid_argument", "fee_type", 400},
		{strings.Replace(create, "ORDER-0001", "a b", 1), "invalid_argument", "out_trade_no", 400},
		{strings.Replace(create, "Tea", "", 1), "invalid_argument", "body", 400},
		{`{"action":"x","pad":"` + strings.Repeat("x", 1<<20) + `"}`, "too_large", "1 MiB", 413},
		{`{"action":"queryorder","out_trade_no":"ORDER-0001"}`, "not_found", "ORDER-0001", 404},
	} {
		r := c.call(cashiertest.Key, bad.body)
		c.want(r, bad.status, bad.code, bad.part)
		if r.Error.Retryable {
			t.Errorf("%s: retryable", bad.code)
		}
	}
	if c.Store.Saves > 0 {
		t.Errorf("%d saves", c.Store.Saves)
	}
	req := httptest.NewRequest(http.MethodGet, "/pay", nil)
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, req)
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", w.Code)
	}
}

func TestAnUnknownOutcomeCarriesTheOrder(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	if err := c.Box.Fault(sandbox.Fault{Provider: "yaband", Kind: sandbox.FaultLost}); err != nil {
		t.Fatal(err)
	}
	r := c.call(cashiertest.Key, strings.Replace(create, `"createorder"`, `"unifiedorder","openid":"o-a"`, 1))
	c.want(r, 202, "outcome_unknown", "")
	if !r.Error.Retryable || r.Order["trade_state"] != "NOTPAY" {
		t.Error(r.Body)
	}
}

// A config item that breaks while running is logged, and the last good one serves.
func TestABrokenItemIsIgnored(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.call(cashiertest.Key, create)
	c.Item["currency"] = "euro"
	c.Put(t, "payment", c.Item)
	if r := c.call(cashiertest.Key, `{"action":"queryorder","out_trade_no":"ORDER-0001"}`); r.Status != http.StatusOK {
		t.Error(r.Body)
	}
	if log := c.Logged(); !strings.Contains(log, `"metric":"config_invalid"`) || !strings.Contains(log, "currency") {
		t.Error(log)
	}
}

func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	raw, err := json.Marshal(c.Item)
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	hear := func(r reply) { said.WriteString(r.Body) }
	for _, sp := range []string{"yaband", "2paynow", "v3"} {
		c.Switch(t, sp)
		for _, fault := range []string{"", sandbox.FaultLost, sandbox.FaultHTML, "status:500", sandbox.FaultBefore} {
			if fault != "" {
				if err := c.Box.Fault(sandbox.Fault{Provider: sp, Kind: fault}); err != nil {
					t.Fatal(err)
				}
			}
			no := "ORDER-" + sp + "-" + strings.ReplaceAll(fault, ":", "")
			hear(c.call(cashiertest.Key, `{"action":"unifiedorder","out_trade_no":"`+no+`","total_fee":100,"body":"Tea","openid":"o-canary-openid"}`))
			_, _, _ = c.Box.Pay(t.Context(), no, sandbox.PayOptions{})
			hear(c.call(cashiertest.Key, `{"action":"queryorder","out_trade_no":"`+no+`"}`))
			hear(c.call(cashiertest.Key, `{"action":"refund","out_trade_no":"`+no+`","out_refund_no":"R","refund_fee":1}`))
		}
	}
	hear(c.call("", `{"action":"login","code":"code-alice"}`))
	for _, secret := range config.SecretValues(raw) {
		if strings.Contains(c.Logged(), secret) || strings.Contains(said.String(), secret) {
			t.Errorf("a secret that begins with %.6s was seen", secret)
		}
	}
	if strings.Contains(c.Logged(), "o-canary-openid") {
		t.Error("an openid was logged")
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := pay.New(pay.Config{}); err == nil {
		t.Error("no error")
	}
}

// An outage of the config store is no verdict on a caller.
func TestAnOutageIsNotARefusal(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	user := c.call("", `{"action":"login","code":"code-alice"}`).Session
	h, err := pay.New(pay.Config{Cashier: c.Cashier, Merchants: down{}, Login: wiring.Login(c.Env.HTTP), Now: c.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	c.h = h
	for _, token := range []string{user, cashiertest.Key} {
		c.want(c.call(token, `{"action":"queryorder","out_trade_no":"ORDER-0001"}`), 500, "internal", "repeat")
	}
}

type down struct{}

func (down) Merchant(context.Context, string) (*config.Merchant, error) {
	return nil, errors.New("down")
}
