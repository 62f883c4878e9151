package sandbox

import (
	"bytes"
	"crypto/aes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
)

// wx2Parse reads a one-level document. Elements that are there twice are refused.
func wx2Parse(raw []byte) (map[string]string, error) {
	var doc struct {
		XMLName xml.Name `xml:"xml"`
		Fields  []struct {
			XMLName xml.Name
			Text    string `xml:",chardata"`
			Inner   []struct {
				XMLName xml.Name
			} `xml:",any"`
		} `xml:",any"`
	}
	if err := xml.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	members := make(map[string]string, len(doc.Fields))
	for _, f := range doc.Fields {
		name := f.XMLName.Local
		if _, twice := members[name]; twice || len(f.Inner) > 0 {
			return nil, errors.New("not one level deep, or an element twice")
		}
		members[name] = f.Text
	}
	return members, nil
}

// wx2XML writes members that are not empty, sorted, in CDATA.
func wx2XML(root string, members map[string]string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<%s>", root)
	for _, name := range wx2Names(members) {
		fmt.Fprintf(&b, "<%s><![CDATA[%s]]></%[1]s>", name, strings.ReplaceAll(members[name], "]]>", "]]]]><![CDATA[>"))
	}
	fmt.Fprintf(&b, "</%s>", root)
	return b.Bytes()
}

// wx2Names are the names of the members that are not empty, in ASCII order.
func wx2Names(members map[string]string) []string {
	var names []string
	for name, value := range members {
		if value != "" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// wx2Sign signs members; a sign_type that is not named is MD5.
func wx2Sign(kind string, members map[string]string) string {
	var b strings.Builder
	for _, name := range wx2Names(members) {
		if name != "sign" {
			fmt.Fprintf(&b, "%s=%s&", name, members[name])
		}
	}
	h := md5.New()
	if kind == "HMAC-SHA256" {
		h = hmac.New(sha256.New, []byte(wx2Key))
	}
	_, _ = io.WriteString(h, b.String()+"key="+wx2Key) // a hash never fails
	return strings.ToUpper(hex.EncodeToString(h.Sum(nil)))
}

// wx2Encrypt is AES-256-ECB with PKCS#7 in base64, under the API key's MD5 as text.
func wx2Encrypt(plain []byte) string {
	sum := md5.Sum([]byte(wx2Key))
	block, err := aes.NewCipher([]byte(hex.EncodeToString(sum[:])))
	if err != nil {
		panic("sandbox: API key: " + err.Error())
	}
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	text := append(plain, bytes.Repeat([]byte{byte(pad)}, pad)...)
	for rest := text; len(rest) > 0; rest = rest[aes.BlockSize:] {
		block.Encrypt(rest[:aes.BlockSize], rest[:aes.BlockSize])
	}
	return base64.StdEncoding.EncodeToString(text)
}
