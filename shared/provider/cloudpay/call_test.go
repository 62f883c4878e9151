package cloudpay

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// The call, to the byte: sorted params, JSON.stringify's way of writing, the signed text.
func TestCallToTheByte(t *testing.T) {
	t.Parallel()
	d := returning(fixture(t, "unified_order_result"))
	in := order()
	in.Body, in.Attach = "茶 & <\"2\">\\u2028 \u2028", "\t/\x01"
	if _, err := account(t, d, plain).Create(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	e := d.events[0]
	params := `{"attach":"\t/\u0001","body":"茶 & <\"2\">\\u2028 ` + "\u2028" + `","envId":"shop-1a","feeType":"CNY","functionName":"pay",` +
		`"nonceStr":"` + wire.HMAC(testKey, "nonceStr\ncreate\nORD-20261122_0001")[:32] + `","outTradeNo":"ORD-20261122_0001",` +
		`"spbillCreateIp":"203.0.113.7","subMchId":"1900000002","subOpenid":"oPayer","timeExpire":"20261122180000","totalFee":1299,"tradeType":"JSAPI"}`
	if df := cmp.Diff(params, string(e.Params)); df != "" {
		t.Error(df)
	}
	want := wire.HMAC(testKey, "unifiedOrder\n"+strconv.FormatInt(noon.Unix(), 10)+"\nnonce\n"+params)
	if e.Op != "unifiedOrder" || e.Time != noon.Unix() || e.Nonce != "nonce" || e.Sign != want {
		t.Errorf("%+v", e)
	}
	if q := (url.Values{"access_token": {"token1"}, "env": {"shop-1a"}, "name": {"pay"}}); cmp.Diff(q, d.queries[0]) != "" {
		t.Error(d.queries[0])
	}
}

func TestStringifyMendsBadUTF8(t *testing.T) {
	t.Parallel()
	got, err := stringify(map[string]any{"a": "x\xff\ufffd"})
	if want := "{\"a\":\"x\ufffd\ufffd\"}"; err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := stringify(func() {}); err == nil {
		t.Error("a function has no JSON")
	}
}

// An environment of another mini-program: the payer's is named, where it is not the owner.
func TestSharedEnvironment(t *testing.T) {
	t.Parallel()
	shared := strings.TrimSuffix(plain, "}") + `,"appid":"wxowner","appsecret":"s","callback":"told"}`
	for _, tt := range []struct {
		name, settings, payer string
		want                  bool
	}{
		{"own", plain, "wxitem", false}, {"own, not said", plain, "", false},
		{"shared", shared, "wxitem", true}, {"shared, not said", shared, "", true}, {"shared, the owner pays", shared, "wxowner", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := returning(fixture(t, "unified_order_result"))
			c, in := account(t, d, tt.settings), order()
			in.AppID = tt.payer
			if _, err := c.Create(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			p, err := wire.Flat(d.events[0].Params)
			if _, there := p["subAppid"]; err != nil || there != tt.want || there && p["subAppid"] != "wxitem" {
				t.Errorf("%v, %v", p, err)
			}
			if tt.settings == shared && p["functionName"] != "told" {
				t.Errorf("functionName %s", p["functionName"])
			}
		})
	}
}

// Every errcode of the facts, and what is done about tokens.
func TestErrcodes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		code   int
		want   provider.Kind
		says   string
		called int
	}{
		{-1, provider.Unknown, "system", 1}, {-1000, provider.Unknown, "system", 1},
		{40001, provider.Denied, "providers.cloudpay.appid", 2}, {40014, provider.Denied, "providers.cloudpay.appid", 2},
		{42001, provider.Denied, "providers.cloudpay.appid", 2}, {41001, provider.Denied, "token", 1},
		{40101, provider.Denied, "providers.cloudpay.env and function", 1}, {43002, provider.Denied, "base_url", 1},
		{44002, provider.Denied, "base_url", 1}, {47001, provider.Denied, "base_url", 1}, {45009, provider.Busy, "quota", 1},
		{48001, provider.Denied, "providers.cloudpay.appid", 1}, {85088, provider.Denied, "cloud development", 1},
		{-501000, provider.Unknown, "log", 1}, {-504002, provider.Unknown, "log", 1}, {99999, provider.Unknown, "log", 1},
	} {
		t.Run(strconv.Itoa(tt.code), func(t *testing.T) {
			t.Parallel()
			d := &desk{answer: func(int, url.Values, event) string {
				return `{"errcode":` + strconv.Itoa(tt.code) + `,"errmsg":"rid: 1"}`
			}}
			_, err := account(t, d, plain).Query(t.Context(), trade())
			kindIs(t, err, tt.want)
			var e *provider.Error
			if !errors.As(err, &e) || e.Code != strconv.Itoa(tt.code) || !strings.Contains(e.Message, tt.says) {
				t.Errorf("%+v", e)
			}
			if len(d.events) != tt.called || d.tokens != tt.called {
				t.Errorf("%d calls with %d tokens, want %d", len(d.events), d.tokens, tt.called)
			}
			if _, known := errcodes[tt.code]; known == (len(d.counts) > 0) {
				t.Errorf("counted %v", d.counts)
			}
		})
	}
	if got := slices.Sorted(maps.Keys(errcodes)); len(got) != 13 {
		t.Errorf("%d errcodes, not all are tested", len(got))
	}
}

// A refused token proves that nothing was run: once more, with a new one.
func TestTokenIsFetchedAnewOnce(t *testing.T) {
	t.Parallel()
	good := fixture(t, "unified_order_result")
	d := &desk{answer: func(n int, q url.Values, e event) string {
		if q.Get("access_token") == "token1" {
			return `{"errcode":42001,"errmsg":"expired"}`
		}
		return invoked(good)
	}}
	c := account(t, d, plain)
	for range 2 {
		if _, err := c.Create(t.Context(), order()); err != nil {
			t.Fatal(err)
		}
	}
	if d.tokens != 2 || len(d.events) != 3 {
		t.Errorf("%d tokens, %d calls", d.tokens, len(d.events))
	}
	if df := cmp.Diff(string(d.events[0].Params), string(d.events[2].Params)); df != "" {
		t.Error("the repeated create differs", df)
	}
}

func TestNoToken(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, answer string
		want         provider.Kind
		says         string
	}{
		{"wrong secret", `{"errcode":40125,"errmsg":"x"}`, provider.Denied, "providers.cloudpay.appid and appsecret"},
		{"quota", `{"errcode":45009}`, provider.Busy, "no access token"},
		{"down", `<html>`, provider.NotSent, "no access token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := returning(`{}`)
			d.token = tt.answer
			_, err := account(t, d, plain).Create(t.Context(), order())
			kindIs(t, err, tt.want)
			if err == nil || !strings.Contains(err.Error(), tt.says) || len(d.events) > 0 {
				t.Errorf("%v after %d calls", err, len(d.events))
			}
		})
	}
}

// What leaves open whether the bridge did it.
func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	good := fixture(t, "unified_order_result")
	edit := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %s", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	for name, answer := range map[string]string{
		"HTML": "<html>", "empty": "", "no resp_data": `{"errcode":0}`, "resp_data an object": `{"errcode":0,"resp_data":{}}`,
		"null": invoked("null"), "text": invoked(`"ok"`), "cut": invoked(good[:50]),
		"no codes": invoked(`{"payment":{}}`), "no resultCode": invoked(edit(`"resultCode"`, `"x"`)),
		"other merchant": invoked(edit("1900000002", "1900000003")), "no payment": invoked(edit(`"payment"`, `"x"`)),
		"payment a list": invoked(`{"returnCode":"SUCCESS","resultCode":"SUCCESS","payment":[]}`),
		"no package":     invoked(edit(`"package"`, `"x"`)), "no prepay_id": invoked(edit(`prepay_id=`, `x=`)),
		"no timeStamp": invoked(edit(`"timeStamp"`, `"x"`)), "no signType": invoked(edit(`"signType"`, `"x"`)), "no paySign": invoked(edit(`"paySign"`, `"x"`)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &desk{answer: func(int, url.Values, event) string { return answer }}
			got, err := account(t, d, plain).Create(t.Context(), order())
			kindIs(t, err, provider.Unknown)
			if got.Payment != nil || len(d.events) != 1 {
				t.Errorf("%+v after %d calls", got, len(d.events))
			}
		})
	}
}

func TestTransport(t *testing.T) {
	t.Parallel()
	status := func(code int) func(*http.Request) (*http.Response, error) {
		return func(r *http.Request) (*http.Response, error) {
			h := http.Header{"Location": {"https://elsewhere.test/"}}
			return &http.Response{StatusCode: code, Body: http.NoBody, Header: h, Request: r}, nil
		}
	}
	for _, tt := range []struct {
		name   string
		broken func(*http.Request) (*http.Response, error)
		want   provider.Kind
	}{
		{"reset", func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, provider.Unknown},
		{"503", status(503), provider.Unknown}, {"404", status(404), provider.Unknown},
		{"redirect", status(307), provider.Unknown}, {"429", status(429), provider.Busy},
		{"over 6 s", func(r *http.Request) (*http.Response, error) {
			if end, ok := r.Context().Deadline(); !ok || time.Until(end) > runTime {
				return status(200)(r)
			}
			return nil, context.DeadlineExceeded
		}, provider.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := &desk{broken: tt.broken}
			_, err := account(t, d, plain).Create(t.Context(), order())
			kindIs(t, err, tt.want)
			if d.strays > 0 {
				t.Error("a redirect was followed")
			}
			if tt.name == "over 6 s" && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v: there was no deadline", err)
			}
		})
	}
	c := account(t, returning(`{}`), plain)
	c.endpoint = "http://\x7f/"
	_, err := c.Create(t.Context(), order())
	kindIs(t, err, provider.NotSent)
}
