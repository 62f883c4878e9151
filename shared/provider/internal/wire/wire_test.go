package wire

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"overseaspay/shared/provider"
)

func TestJSON(t *testing.T) {
	t.Parallel()
	var got struct{ A string }
	if err := JSON("x: query", []byte(`{"a":"1","more":2}`), &got); err != nil || got.A != "1" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, body := range []string{"", canary, `{"a":`, `{"a":"` + canary + `"} x`, `[]`, `{"a":1}`, "<html>" + canary} {
		err := JSON("x: query", []byte(body), &got)
		if err == nil || provider.KindOf(err) != provider.Unknown || strings.Contains(err.Error(), canary) {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func TestFlat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string
		want     map[string]string
	}{
		{"strings", `{"a":"x","b":""}`, map[string]string{"a": "x", "b": ""}},
		{"escapes", `{"a":"\u00e9\n\"\/"}`, map[string]string{"a": "é\n\"/"}},
		{"numbers as written", `{"a":1.00,"b":1e2,"c":-0,"d":12345678901234567890,"e":1.10E+1}`,
			map[string]string{"a": "1.00", "b": "1e2", "c": "-0", "d": "12345678901234567890", "e": "1.10E+1"}},
		{"booleans", `{"a":true,"b":false}`, map[string]string{"a": "true", "b": "false"}},
		{"null", `{"a":null,"b":"null"}`, map[string]string{"a": "", "b": "null"}},
		{"nested stay raw", `{"a": {"b": 1.00 } ,"c": [1, "2"]}`, map[string]string{"a": `{"b": 1.00 }`, "c": `[1, "2"]`}},
		{"blanks between", "{ \"a\" :\n 1.50 ,\t\"b\": \"x\" }", map[string]string{"a": "1.50", "b": "x"}},
		{"names keep their case", `{"A":"1","a":"2"}`, map[string]string{"A": "1", "a": "2"}},
		{"nothing", `{}`, map[string]string{}},
	} {
		got, err := Flat([]byte(c.in))
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", c.name, err, diff)
		}
	}
	for _, in := range []string{"", "x", "[]", `"a"`, "1", `{"a"}`, `{"a":1`, `{"a":"\ud8"}`, `{"a":01}`, `{} {}`} {
		if got, err := Flat([]byte(in)); err == nil {
			t.Errorf("%q: %v", in, got)
		}
	}
}

// What was a string comes back as it was, whatever it holds.
func TestFlatKeepsText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "members")
		raw, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Flat(raw)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("%v\n%s", err, diff)
		}
	})
}

// FuzzFlat: what a processor posts never breaks the reader.
func FuzzFlat(f *testing.F) {
	for _, s := range []string{`{"a":1.00}`, `{"a":"x","b":null}`, `{"a":{"b":[]}}`, `null`, `{`, `{"a":"\ud800"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := Flat(raw)
		if err == nil && !json.Valid(raw) || err != nil && got != nil {
			t.Errorf("%q: %v, %v", raw, got, err)
		}
	})
}

func TestPairs(t *testing.T) {
	t.Parallel()
	members := map[string]string{"b": "2", "a": "1", "B": "3", "a_b": "4", "ab": "5", "é": "6", "c": "", "d": "x=y&z w", "sign": "s"}
	for _, c := range []struct {
		name string
		keep func(name, value string) bool
		want string
	}{
		{"all", nil, "B=3&a=1&a_b=4&ab=5&b=2&c=&d=x=y&z w&sign=s&é=6"},
		{"some", func(name, value string) bool { return name != "sign" && value != "" }, "B=3&a=1&a_b=4&ab=5&b=2&d=x=y&z w&é=6"},
		{"one", func(name, _ string) bool { return name == "b" }, "b=2"},
		{"none", func(string, string) bool { return false }, ""},
	} {
		if got := Pairs(members, c.keep); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if got := Pairs(nil, nil); got != "" {
		t.Errorf("nothing: %q", got)
	}
}

// RFC 1321 appendix A.5 and RFC 4231 test case 2.
func TestDigests(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "d41d8cd98f00b204e9800998ecf8427e", "message digest": "f96b697d7cb7938d525a2f31aaf161d0"} {
		if got := MD5(in); got != want {
			t.Errorf("MD5(%q) = %s", in, got)
		}
	}
	if got := HMAC("Jefe", "what do ya want for nothing?"); got != "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" {
		t.Errorf("HMAC = %s", got)
	}
}

func TestEqual(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want, got string
		fits      bool
	}{
		{"abc", "abc", true}, {"abc", "abd", false}, {"abc", "ABC", false}, {"abc", "ab", false}, {"abc", "abcd", false},
		{"abc", "", false}, {"", "", false}, {"", "abc", false},
	} {
		if got := Equal(c.want, c.got); got != c.fits {
			t.Errorf("Equal(%q, %q) = %t", c.want, c.got, got)
		}
	}
}

func TestBase(t *testing.T) {
	t.Parallel()
	const own = "https://api.processor.test"
	for in, want := range map[string]string{
		"": own, "https://other.test": "https://other.test", "https://other.test/": "https://other.test",
		"http://127.0.0.1:3000/sandbox/yaband": "http://127.0.0.1:3000/sandbox/yaband", "http://127.0.0.1:3000/sandbox/": "http://127.0.0.1:3000/sandbox",
	} {
		if got, err := Base(in, own); err != nil || got != want {
			t.Errorf("Base(%q) = %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"other.test", "//other.test", "ftp://other.test", "https://", "https:///path", "javascript:alert(1)", "http://[::1", " https://x.test"} {
		if got, err := Base(in, own); err == nil || got != "" || !strings.HasPrefix(err.Error(), "base_url: ") || strings.Contains(err.Error(), "test") {
			t.Errorf("Base(%q) = %q, %v", in, got, err)
		}
	}
}

type settings struct {
	provider.Common
	MchID string `json:"mchid"`
	Key   string `json:"key"`
	Inner struct {
		Name string `json:"name"`
	} `json:"inner"`
}

func needs(s *settings) map[string]string { return map[string]string{"mchid": s.MchID, "key": s.Key} }

func TestSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in, err string
	}{
		{"complete", `{"mchid":"016683","key":"` + canary + `","poll":["5s"],"base_url":"https://x.test"}`, ""},
		{"unknown members", `{"mchid":"016683","key":"k","whatever":[1]}`, ""},
		{"one missing", `{"mchid":"016683"}`, "key: required"},
		{"first by name of two", `{}`, "key: required"},
		{"empty", `{"mchid":"","key":"k"}`, "mchid: required"},
		{"null", `{"mchid":null,"key":"k"}`, "mchid: required"},
		{"no object given", `null`, "key: required"},
		{"wrong type", `{"mchid":16683,"key":"` + canary + `"}`, "mchid: must be a string"},
		{"wrong type inside", `{"mchid":"1","key":"k","inner":{"name":1}}`, "inner.name: must be a string"},
		{"wrong type of a common member", `{"mchid":"1","key":"k","base_url":1}`, "base_url: must be a string"},
		{"wrong type of a common list", `{"mchid":"1","key":"k","poll":"5s"}`, "poll: must be a []string"},
		{"not JSON", `{"key":"` + canary, "not a JSON object"},
		{"nothing", ``, "not a JSON object"},
		{"list", `["` + canary + `"]`, "not a JSON object"},
		{"text", `"` + canary + `"`, "not a JSON object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := Settings(provider.Config{Settings: json.RawMessage(c.in)}, needs)
			if text := errorText(err); text != c.err {
				t.Fatalf("error %q, want %q", text, c.err)
			}
			if err == nil && (got.MchID != "016683" || got.Key == "") {
				t.Errorf("%+v", got)
			}
		})
	}
	got, err := Settings(provider.Config{Settings: json.RawMessage(`{"base_url":"https://x.test","currency":"EUR","refund_currency":"CNY","poll":["5s","1m"]}`)},
		func(*settings) map[string]string { return nil })
	want := settings{Common: provider.Common{BaseURL: "https://x.test", Currency: "EUR", RefundCurrency: "CNY", Poll: []string{"5s", "1m"}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestClip(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "short": "short", " two\n\n lines\t": "two lines", strings.Repeat("x", 120): strings.Repeat("x", 120),
		strings.Repeat("x", 121): strings.Repeat("x", 120) + "...", strings.Repeat("余", 130): strings.Repeat("余", 120) + "...",
	} {
		if got := Clip(in); got != want || !utf8.ValidString(got) {
			t.Errorf("Clip(%q) = %q", in, got)
		}
	}
}

func TestChina(t *testing.T) {
	t.Parallel()
	at := time.Date(2025, 7, 1, 16, 30, 0, 0, time.UTC)
	if got := at.In(China).Format("20060102150405 -0700"); got != "20250702003000 +0800" {
		t.Error(got)
	}
}
