package wechatpay

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"overseaspay/shared/provider/internal/wire"
)

// v2Write writes members as <xml>, one level deep, in order of name. Empty ones
// are left out.
func v2Write(members map[string]string) []byte {
	var b bytes.Buffer
	b.WriteString("<xml>")
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if value := members[name]; value != "" {
			value = strings.ReplaceAll(value, "]]>", "]]]]><![CDATA[>")
			b.WriteString("<" + name + "><![CDATA[" + value + "]]></" + name + ">")
		}
	}
	b.WriteString("</xml>")
	return b.Bytes()
}

// fit drops what XML cannot carry to the other side unchanged, as both sides sign
// what they read: control characters, and the carriage return, which every parser
// turns into something else.
func fit(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' || r == 0xFFFE || r == 0xFFFF {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

var errXML = errors.New("not the XML that is documented")

// v2Read reads what WeChat writes: one root element with one level of elements,
// each name once, UTF-8. Whatever could be read in two ways is refused: document
// types, entities of one's own, comments, processing instructions, attributes,
// namespaces, deeper elements, text between elements, a second root.
func v2Read(raw []byte, root string) (map[string]string, error) {
	if len(raw) > wire.MaxReply {
		return nil, errXML
	}
	r := flat{root: root, members: make(map[string]string)}
	dec := xml.NewDecoder(bytes.NewReader(raw))
	for first := true; ; first = false {
		token, err := dec.Token()
		if err == io.EOF && r.done {
			return r.members, nil
		}
		if err != nil || !r.take(token, first) {
			return nil, errXML
		}
	}
}

// flat reads the tokens of a one-level document.
type flat struct {
	root    string
	members map[string]string
	depth   int
	done    bool
	name    string
	text    strings.Builder
}

// take reports whether the document may go on with a token. The decoder itself sees
// to it that elements are closed in order.
func (r *flat) take(token xml.Token, first bool) bool {
	switch t := token.(type) {
	case xml.StartElement:
		return r.open(t)
	case xml.EndElement:
		if r.depth--; r.depth == 1 {
			r.members[r.name] = r.text.String()
		}
		r.done = r.depth == 0
		return true
	case xml.CharData:
		if r.depth == 2 {
			r.text.Write(t)
			return true
		}
		return len(bytes.Trim(t, " \t\r\n")) == 0
	case xml.ProcInst:
		return first && t.Target == "xml"
	}
	return false
}

func (r *flat) open(t xml.StartElement) bool {
	if len(t.Attr) > 0 || t.Name.Space != "" || !word(t.Name.Local) {
		return false
	}
	r.depth++
	switch r.depth {
	case 1:
		return !r.done && t.Name.Local == r.root
	case 2:
		r.name = t.Name.Local
		r.text.Reset()
		_, twice := r.members[r.name]
		return !twice
	}
	return false
}
