package wechatpay

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

func TestV2Read(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		in   string
		want map[string]string // nil: refused
	}{
		"text":              {"<xml><a>1</a><b> x </b></xml>", map[string]string{"a": "1", "b": " x "}},
		"CDATA":             {"<xml><a><![CDATA[<b>&amp;]]></a></xml>", map[string]string{"a": "<b>&amp;"}},
		"CDATA in parts":    {"<xml><a>x<![CDATA[]]]]><![CDATA[>]]>y</a></xml>", map[string]string{"a": "x]]>y"}},
		"the five":          {"<xml><a>&lt;&gt;&amp;&apos;&quot;</a></xml>", map[string]string{"a": `<>&'"`}},
		"empty ones":        {"<xml><a/><b></b><c><![CDATA[]]></c></xml>", map[string]string{"a": "", "b": "", "c": ""}},
		"nothing":           {"<xml></xml>", map[string]string{}},
		"declaration":       {"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<xml>\n <a>1</a>\n</xml>\n", map[string]string{"a": "1"}},
		"new lines":         {"<xml><a>1\r\n2\r3</a></xml>", map[string]string{"a": "1\n2\n3"}},
		"empty":             {"", nil},
		"blank":             {" \n", nil},
		"another root":      {"<root><a>1</a></root>", nil},
		"upper-case root":   {"<XML><a>1</a></XML>", nil},
		"no end":            {"<xml><a>1</a>", nil},
		"wrong end":         {"<xml><a>1</b></xml>", nil},
		"twice":             {"<xml><a>1</a><a>1</a></xml>", nil},
		"twice, one empty":  {"<xml><a/><a>1</a></xml>", nil},
		"nested":            {"<xml><a><b>1</b></a></xml>", nil},
		"nested again":      {"<xml><xml><a>1</a></xml></xml>", nil},
		"nested, empty":     {"<xml><a>1<b/></a></xml>", nil},
		"text between":      {"<xml>x<a>1</a></xml>", nil},
		"text before":       {"x<xml><a>1</a></xml>", nil},
		"text after":        {"<xml><a>1</a></xml>x", nil},
		"odd blank between": {"<xml>\u00a0<a>1</a></xml>", nil},
		"second root":       {"<xml><a>1</a></xml><xml><a>2</a></xml>", nil},
		"comment":           {"<xml><a>1<!-- -->2</a></xml>", nil},
		"comment between":   {"<xml><!-- --><a>1</a></xml>", nil},
		"comment before":    {"<!-- --><xml><a>1</a></xml>", nil},
		"document type":     {"<!DOCTYPE xml><xml><a>1</a></xml>", nil},
		"own entity":        {"<!DOCTYPE xml [<!ENTITY e \"1\">]><xml><a>&e;</a></xml>", nil},
		"outer entity":      {"<!DOCTYPE xml [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><xml><a>&e;</a></xml>", nil},
		"unknown entity":    {"<xml><a>&nbsp;</a></xml>", nil},
		"attribute":         {"<xml><a x=\"1\">1</a></xml>", nil},
		"root's attribute":  {"<xml x=\"1\"><a>1</a></xml>", nil},
		"namespace":         {"<xml xmlns=\"urn:x\"><a>1</a></xml>", nil},
		"prefix":            {"<xml><n:a>1</n:a></xml>", nil},
		"colon":             {"<xml><a:>1</a:></xml>", nil},
		"odd name":          {"<xml><a-b>1</a-b></xml>", nil},
		"foreign name":      {"<xml><茶>1</茶></xml>", nil},
		"instruction":       {"<xml><?php 1?><a>1</a></xml>", nil},
		"instruction first": {"<?php 1?><xml><a>1</a></xml>", nil},
		"late declaration":  {" <?xml version=\"1.0\"?><xml><a>1</a></xml>", nil},
		"another encoding":  {"<?xml version=\"1.0\" encoding=\"gbk\"?><xml><a>1</a></xml>", nil},
		"another version":   {"<?xml version=\"1.1\"?><xml><a>1</a></xml>", nil},
		"byte order mark":   {"\uFEFF<xml><a>1</a></xml>", nil},
		"not UTF-8":         {"<xml><a>\xff</a></xml>", nil},
		"NUL":               {"<xml><a>\x00</a></xml>", nil},
		"open CDATA":        {"<xml><a><![CDATA[1</a></xml>", nil},
		"end of no CDATA":   {"<xml><a>]]></a></xml>", nil},
		"too large":         {"<xml><a>" + strings.Repeat("x", wire.MaxReply) + "</a></xml>", nil},
		"deep":              {strings.Repeat("<xml>", 100_000), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := v2Read([]byte(tt.in), "xml")
			if (err == nil) != (tt.want != nil) || err == nil && !cmp.Equal(got, tt.want) {
				t.Errorf("v2Read = %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestV2Write(t *testing.T) {
	t.Parallel()
	got := string(v2Write(map[string]string{"b": "x]]>y", "a": "1", "_": "&<", "empty": ""}))
	if want := "<xml><_><![CDATA[&<]]></_><a><![CDATA[1]]></a><b><![CDATA[x]]]]><![CDATA[>y]]></b></xml>"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Whatever is read is one level of words, and says the same when it is written again.
func FuzzXML(f *testing.F) {
	for _, seed := range []string{
		"<xml><a>1</a></xml>", "<xml><a><![CDATA[]]]]><![CDATA[>]]></a></xml>", "<?xml version='1.0'?><xml><a>&#13;&amp;</a></xml>",
		"<xml><a/><a/></xml>", "<!DOCTYPE x [<!ENTITY e '1'>]><xml><a>&e;</a></xml>", "<xml><a><b/></a></xml>", "<xml><n:a>1</n:a></xml>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := v2Read(raw, "xml")
		if err != nil {
			return
		}
		want := make(map[string]string)
		for name, value := range m {
			if !word(name) {
				t.Errorf("name %q", name)
			}
			if value = fit(value); value != "" {
				want[name] = value
			}
		}
		got, err := v2Read(v2Write(want), "xml")
		if err != nil && len(want) > 0 || err == nil && !cmp.Equal(got, want) {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	})
}

// Nothing that is posted may panic, and without the key nothing is believed but
// what WeChat signed.
func FuzzNoticeV2(f *testing.F) {
	v := load[v2NotifyFile](f, "v2-notify.json").Vectors
	refund := load[v2RefundFile](f, "v2-refund-notify.json").Vectors[0]
	f.Add([]byte(v[0].Body))
	f.Add([]byte(v[1].Body))
	f.Add([]byte(refund.Body))
	f.Add([]byte(strings.Replace(v[0].Body, "</xml>", "<req_info>AAAAAAAAAAAAAAAAAAAAAA==</req_info></xml>", 1)))
	p := new(v2Fake).open(f, V2SP, v2SPTest(map[string]any{"sign_type": "MD5"}))
	genuine, err := post(p, f, v[0].Body)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := p.Notice(t.Context(), provider.Inbound{Method: "POST", Body: body})
		switch k := provider.KindOf(err); {
		case err != nil && k != provider.Forged && k != provider.Malformed:
			t.Errorf("Notice = %v", err)
		case err == nil && !n.Doorbell && !cmp.Equal(n.Payment, genuine.Payment):
			t.Errorf("believed: %+v", n.Payment)
		case err == nil && !json.Valid(n.Public):
			t.Errorf("kept: %s", n.Public)
		}
	})
}
