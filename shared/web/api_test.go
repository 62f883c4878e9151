package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
)

type base struct {
	OutTradeNo string `json:"out_trade_no"`
}

type input struct {
	base
	TotalFee int64     `json:"total_fee"`
	Days     *int      `json:"days"`
	Claim    string    `json:"claim"`
	Public   bool      `json:"public"`
	Pages    []string  `json:"pages"`
	Expire   time.Time `json:"time_expire"`
	Odd      odd       `json:"odd"`
	Deep     struct {
		Fee int64 `json:"refund_fee"`
	} `json:"deep"`
}

// odd refuses everything but "odd".
type odd string

func (o *odd) UnmarshalText(text []byte) error {
	if string(text) != "odd" {
		return errors.New("even")
	}
	*o = odd(text)
	return nil
}

func TestDecode(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"all", `{"out_trade_no":"A1","total_fee":1299,"public":true,"odd":"odd"}`, ""},
		{"unknown members", `{"total_fee":1,"totalfee":[{}],"x":1e999}`, ""},
		{"a member twice", `{"total_fee":1,"total_fee":1299}`, ""},
		{"null is nothing", `{"total_fee":null,"time_expire":null}`, ""},
		{"deep", `{"x":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`, ""},
		{"blanks around", " \n{}\t\r\n", ""},
		{"float", `{"total_fee":12.99}`, "total_fee: must be an integer in minor units"},
		{"whole float", `{"total_fee":1.0}`, "total_fee: must be an integer in minor units"},
		{"exponent", `{"total_fee":1e2}`, "total_fee: must be an integer in minor units"},
		{"text", `{"total_fee":"1299"}`, "total_fee: must be an integer in minor units"},
		{"huge", `{"total_fee":92233720368547758080}`, "total_fee: must be an integer in minor units"},
		{"list", `{"total_fee":[1]}`, "total_fee: must be an integer in minor units"},
		{"plain integer", `{"days":"1"}`, "days: must be an integer"},
		{"embedded", `{"out_trade_no":7}`, "out_trade_no: must be text"},
		{"nested", `{"deep":{"refund_fee":1.5}}`, "deep.refund_fee: must be an integer in minor units"},
		{"object", `{"deep":1}`, "deep: must be an object"},
		{"bool", `{"public":"yes"}`, "public: must be true or false"},
		{"list wanted", `{"pages":"a"}`, "pages: must be a list"},
		{"time", `{"total_fee":1,"time_expire":"2026-13-01"}`, "time_expire: must be a time as RFC 3339 writes it"},
		{"time as number", `{"time_expire":1700000000}`, "time_expire: must be a time as RFC 3339 writes it"},
		{"own decoder", `{"odd":"4"}`, "odd: must be in the documented form"},
		{"a member in other letters is another", `{"Total_Fee":"1299","PUBLIC":"yes","OUT_TRADE_NO":7,"total_fee":1299}`, ""},
		{"not UTF-8", "{\"out_trade_no\":\"A\xff\"}", "the body must be UTF-8"},
		{"not UTF-8 in what is ignored", "{\"x\":\"\xc3\"}", "the body must be UTF-8"},
		{"half a character", "{\"out_trade_no\":\"\xed\xa0\x80\"}", "the body must be UTF-8"},
		{"empty", ``, "the body must be a JSON object"},
		{"null", `null`, "the body must be a JSON object"},
		{"array", ` [1]`, "the body must be a JSON object"},
		{"trailing", `{} {}`, "the body is not one JSON object: it goes wrong at byte 4"},
		{"cut off", `{"a":`, "the body is not one JSON object: it goes wrong at byte 5"},
		{"too deep", `{"x":` + strings.Repeat("[", 20000), "the body is not one JSON object: it goes wrong at byte 10005"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Decode[input]([]byte(tt.in))
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if tt.name == "a member twice" && got.TotalFee != 1299 {
					t.Errorf("total_fee = %d, want the last one", got.TotalFee)
				}
				return
			}
			if e := payment.AsError(err); e.Code != payment.InvalidArgument || e.Message != tt.want || e.Retryable {
				t.Errorf("error = %+v, want %q", err, tt.want)
			}
		})
	}
}

// Members are told apart by their exact names, whatever encoding/json thinks.
func TestDecodeByExactNames(t *testing.T) {
	t.Parallel()
	got, err := Decode[input]([]byte(`{"OUT_TRADE_NO":"B","out_trade_no":"A","Out_Trade_No":"C","Total_fee":7,"Public":true}`))
	if err != nil || got.OutTradeNo != "A" || got.TotalFee != 0 || got.Public {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = Decode[input]([]byte(`{"out_trade_no":"<&>\u2028 茶 \ud83c\udf75","total_fee":100000000000}`))
	if err != nil || got.OutTradeNo != "<&>\u2028 茶 🍵" || got.TotalFee != 100_000_000_000 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestDecodeBody(t *testing.T) {
	t.Parallel()
	got, err := Decode[map[string]any]([]byte(`{"a":"b"}`))
	if err != nil || got["a"] != "b" {
		t.Errorf("map = %v, %v", got, err)
	}
	if _, err := Decode[refuses]([]byte(`{}`)); payment.AsError(err).Message != "body: must be in the documented form" {
		t.Errorf("an input that refuses the whole: %v", err)
	}
}

type refuses struct{}

func (*refuses) UnmarshalJSON([]byte) error { return errors.New("never") }

func TestAPI(t *testing.T) {
	t.Parallel()
	type out struct {
		Role  Role   `json:"role"`
		Host  string `json:"host"`
		IP    string `json:"ip"`
		Total int64  `json:"total_fee"`
	}
	echo := func(_ context.Context, c Caller, in input) (*out, error) {
		return &out{c.Role, c.Host, c.IP, in.TotalFee}, nil
	}
	failing := func(err error) Action {
		return Handle(func(context.Context, Caller, input) (map[string]any, error) { return map[string]any{"order": 7}, err })
	}
	api := API{
		Auth: func(_ context.Context, r *http.Request, action string) (Caller, error) {
			switch who, _ := Bearer(r); {
			case who == "user":
				return Caller{Role: User, Merchant: "default", OpenID: "o"}, nil
			case who == "server":
				return Caller{Role: Server, Merchant: "default"}, nil
			case who != "" && action != "echo":
				return Caller{}, payment.Errorf(payment.Unauthenticated, "who?")
			}
			return Caller{}, nil
		},
		Actions: Actions{
			"echo":    Handle(echo),
			"owner":   Handle(echo, User, Server),
			"refund":  Handle(echo, Server),
			"mine":    Handle(echo, User),
			"unsure":  failing(payment.Errorf(payment.OutcomeUnknown, "ask again")),
			"declare": failing(payment.Errorf(payment.Declined, "no")),
			"break":   failing(errors.New("secret cause")),
		},
	}
	const echoed = `{"role":"ROLE","host":"pay.example.com","ip":"192.0.2.1","total_fee":5}`
	names := "break, declare, echo, mine, owner, refund, unsure"
	tests := []struct {
		name, method, bearer, body string
		status                     int
		want                       string
	}{
		{"anyone", "POST", "", `{"action":"echo","total_fee":5}`, 200, strings.Replace(echoed, "ROLE", "", 1)},
		{"auth sees the action", "POST", "stale", `{"action":"echo","total_fee":5}`, 200, strings.Replace(echoed, "ROLE", "", 1)},
		{"user", "POST", "user", `{"action":"owner","total_fee":5,"merchant":"other"}`, 200, strings.Replace(echoed, "ROLE", "user", 1)},
		{"server", "POST", "server", `{"action":"refund","total_fee":5,"merchant":"default"}`, 200, strings.Replace(echoed, "ROLE", "server", 1)},
		{"bad credential", "POST", "stale", `{"action":"owner"}`, 401, "unauthenticated: who?"},
		{"no credential", "POST", "", `{"action":"owner"}`, 401, "unauthenticated: send Authorization: Bearer with a session from login or a merchant key"},
		{"user for server", "POST", "user", `{"action":"refund"}`, 403, "forbidden: this action is for the shop's server alone"},
		{"server for user", "POST", "server", `{"action":"mine"}`, 403, "forbidden: this action is for users alone"},
		{"another merchant", "POST", "server", `{"action":"refund","merchant":"other"}`, 403, "forbidden: merchant: the key belongs to another merchant"},
		{"no action", "POST", "", `{}`, 400, "wrong_action: action: must be one of " + names},
		{"wrong action", "POST", "", `{"action":"Echo"}`, 400, "wrong_action: action: must be one of " + names},
		{"action as number", "POST", "", `{"action":1}`, 400, "invalid_argument: action: must be text"},
		{"bad input", "POST", "", `{"action":"echo","total_fee":1.5}`, 400, "invalid_argument: total_fee: must be an integer in minor units"},
		{"no body", "POST", "", ``, 400, "invalid_argument: the body must be a JSON object"},
		{"too large", "POST", "", `{"action":"echo","x":"` + strings.Repeat("x", MaxBody) + `"}`, 413, "too_large: the body is over 1 MiB"},
		{"GET", "GET", "", ``, 405, "method_not_allowed: send a POST with a JSON object"},
		{"declined", "POST", "", `{"action":"declare"}`, 402, "declined: no"},
		{"foreign error", "POST", "", `{"action":"break"}`, 500, "internal: something failed on our side; repeat the call"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(tt.method, "http://pay.example.com/", strings.NewReader(tt.body))
			if tt.bearer != "" {
				r.Header.Set("Authorization", "Bearer "+tt.bearer)
			}
			w := httptest.NewRecorder()
			api.ServeHTTP(w, r)
			if w.Code != tt.status {
				t.Errorf("status %d, want %d", w.Code, tt.status)
			}
			got := strings.TrimSpace(w.Body.String())
			if tt.status != 200 {
				got = sentence(t, w.Body.Bytes())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("reply (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("outcome unknown", func(t *testing.T) {
		t.Parallel()
		w := httptest.NewRecorder()
		api.ServeHTTP(w, httptest.NewRequest("POST", "/", strings.NewReader(`{"action":"unsure"}`)))
		want := `{"error":{"code":"outcome_unknown","message":"ask again","retryable":true},"order":7}`
		if got := strings.TrimSpace(w.Body.String()); w.Code != 202 || got != want {
			t.Errorf("answered %d %s", w.Code, got)
		}
	})
}

// sentence is a reply's "code: message"; a reply with anything but an error fails.
func sentence(t *testing.T, body []byte) string {
	t.Helper()
	var reply struct {
		Error *struct {
			Code, Message string
			Retryable     *bool
		}
	}
	if err := json.Unmarshal(body, &reply); err != nil || reply.Error == nil || reply.Error.Retryable == nil || strings.Contains(string(body), "order") {
		t.Fatalf("not an error reply: %s", body)
	}
	return reply.Error.Code + ": " + reply.Error.Message
}

func TestNoAuth(t *testing.T) {
	t.Parallel()
	api := API{Actions: Actions{"a": Handle(func(context.Context, Caller, input) (struct{}, error) { return struct{}{}, nil })}}
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequest("POST", "/", strings.NewReader(`{"action":"a"}`)))
	if w.Code != 200 || w.Body.String() != "{}\n" {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}

func TestErrorStatus(t *testing.T) {
	t.Parallel()
	want := map[payment.Code]int{
		"invalid_argument": 400, "wrong_action": 400, "unauthenticated": 401, "declined": 402, "forbidden": 403, "not_found": 404,
		"method_not_allowed": 405, "conflict": 409, "too_large": 413, "unsupported": 422, "too_many_requests": 429,
		"internal": 500, "config_invalid": 500, "provider_unavailable": 503, "outcome_unknown": 202, "never_heard_of": 500,
	}
	for code, status := range want {
		if got := Status(code); got != status {
			t.Errorf("%s is %d, want %d", code, got, status)
		}
	}
	if len(statuses) != len(want)-1 {
		t.Errorf("the table has %d codes, the contract %d", len(statuses), len(want)-1)
	}
}

func TestAllow(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"", "GET, POST"} {
		w := httptest.NewRecorder()
		if set != "" {
			w.Header().Set("Allow", set)
		}
		Error(w, httptest.NewRequest("PUT", "/", nil), payment.Errorf(payment.MethodNotAllowed, "no"))
		want := set
		if want == "" {
			want = "POST"
		}
		if got := w.Header().Get("Allow"); w.Code != 405 || got != want {
			t.Errorf("%d, Allow %q, want %q", w.Code, got, want)
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	JSON(w, 201, map[string]string{"url": "https://x/?a=1&b=<2>"})
	if got, want := w.Body.String(), `{"url":"https://x/?a=1&b=<2>"}`+"\n"; w.Code != 201 || got != want {
		t.Errorf("wrote %d %s", w.Code, got)
	}
	want := http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Cache-Control": {"no-store"}}
	if diff := cmp.Diff(want, w.Header()); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

func TestUnencodableReply(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(http.ResponseWriter, *http.Request){
		"reply":        func(w http.ResponseWriter, _ *http.Request) { JSON(w, 200, func() {}) },
		"beside error": func(w http.ResponseWriter, r *http.Request) { fail(w, r, errors.New("x"), func() {}) },
	} {
		w := httptest.NewRecorder()
		Logged(silent, http.HandlerFunc(write)).ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
		if w.Code != 500 || !strings.Contains(w.Body.String(), `"internal"`) {
			t.Errorf("%s: answered %d %s", name, w.Code, w.Body)
		}
	}
}

func TestBrokenBody(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader("{"), iotest.ErrReader(errors.New("reset"))))
	_, err := Body(httptest.NewRecorder(), r)
	if e := payment.AsError(err); e.Code != payment.InvalidArgument || !e.Retryable {
		t.Errorf("error = %v", err)
	}
}

func TestClientIP(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"203.0.113.7:443": "203.0.113.7", "[2001:db8::1]:1": "2001:db8::1", "[::ffff:192.0.2.1]:1": "192.0.2.1",
		"[fe80::1%eth0]:1": "fe80::1", "203.0.113.7": "203.0.113.7", "": "127.0.0.1", "@": "127.0.0.1", "unix:1": "127.0.0.1",
	} {
		r := &http.Request{RemoteAddr: in, Header: http.Header{"X-Forwarded-For": {"9.9.9.9"}}}
		if got := ClientIP(r); got != want {
			t.Errorf("ClientIP of %q = %q, want %q", in, got, want)
		}
	}
}
