package wechatpay

import (
	"bytes"
	"crypto/aes"
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"strings"
	"testing"

	"github.com/go-pay/gopay"
	"github.com/go-pay/gopay/wechat"
	"pgregory.net/rapid"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider/internal/wire"
)

// gopay is the independent oracle of APIv2. It is imported by tests only.

// v2Values are what merchants and shoppers write: anything that XML carries.
var v2Values = rapid.Custom(func(r *rapid.T) string {
	return fit(rapid.OneOf(
		rapid.String(), rapid.StringMatching(`[ -~]{0,40}`),
		rapid.SampledFrom([]string{"茶 & <gift>", "]]>", "a]]>]]>b", "&amp;", "a=b&total_fee=1", "<![CDATA[x]]>", "\t\n "}),
	).Draw(r, "value"))
})

var v2Members = rapid.MapOfN(rapid.StringMatching(`[A-Za-z_][A-Za-z0-9_]{0,12}`), v2Values, 1, 12)

func TestOracleV2Sign(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		members, key := v2Members.Draw(r, "members"), rapid.StringMatching(`[0-9A-Za-z]{32}`).Draw(r, "key")
		members["appid"] = "wx1" // signing nothing at all is nobody's case
		for _, kind := range []string{hmacSHA256, md5Type} {
			delete(members, "sign")
			bm := make(gopay.BodyMap)
			for name, value := range members {
				bm.Set(name, value)
			}
			want := wechat.GetReleaseSign(key, kind, bm)
			if got := v2Sign(key, kind, members); got != want {
				r.Errorf("%s: %s, theirs %s", kind, got, want)
			}
			members["sign"] = want
			bm.Set("sign", want)
			if ok, err := wechat.VerifySign(key, kind, bm); err != nil || !ok || !wire.Equal(v2Sign(key, kind, members), want) {
				r.Errorf("%s: verified %t, %v by theirs", kind, ok, err)
			}
		}
	})
}

func TestOracleV2PaySign(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.StringMatching(`[0-9A-Za-z_-]{1,32}`)
		appID, key := text.Draw(r, "appid"), text.Draw(r, "key")
		pay := payment.PayParams{
			TimeStamp: text.Draw(r, "stamp"), NonceStr: text.Draw(r, "nonce"), Package: prepay + text.Draw(r, "prepay"),
			SignType: rapid.SampledFrom([]string{hmacSHA256, md5Type}).Draw(r, "type"),
		}
		want := wechat.GetMiniPaySign(appID, pay.NonceStr, pay.Package, pay.SignType, pay.TimeStamp, key)
		if got := v2PaySign(key, appID, pay); got != want {
			r.Errorf("%s, theirs %s", got, want)
		}
	})
}

// Their parser reads what we write, and we read what theirs writes.
func TestOracleV2XML(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		members := v2Members.Draw(r, "members")
		for name, value := range members {
			// They trim no value but lose one of blanks alone.
			if strings.TrimSpace(value) == "" {
				delete(members, name)
			}
		}
		if len(members) == 0 {
			return
		}
		theirs := make(gopay.BodyMap)
		if err := xml.Unmarshal(v2Write(members), &theirs); err != nil {
			r.Fatal(err)
		}
		back, err := xml.Marshal(theirs)
		if err != nil {
			r.Fatal(err)
		}
		ours, err := v2Read(back, "xml")
		if err != nil {
			r.Fatalf("%v: %s", err, back)
		}
		for name, value := range members {
			if theirs.Get(name) != value || ours[name] != value {
				r.Errorf("%s: %q, theirs %q, back %q", name, value, theirs.Get(name), ours[name])
			}
		}
		if len(theirs) != len(members) || len(ours) != len(members) {
			r.Errorf("%d members, theirs %d, back %d", len(members), len(theirs), len(ours))
		}
	})
}

// Their notice parser and ours agree on a genuine post.
func TestOracleV2Notice(t *testing.T) {
	t.Parallel()
	for _, v := range load[v2NotifyFile](t, "v2-notify.json").Vectors {
		req, err := http.NewRequest(http.MethodPost, "/", strings.NewReader(v.Body))
		if err != nil {
			t.Fatal(err)
		}
		bm, err := wechat.ParseNotifyToBodyMap(req)
		if err != nil {
			t.Fatal(err)
		}
		ok, err := wechat.VerifySign(v.Key, v.SignType, bm)
		if err != nil || ok != (v.Expect == "accept") {
			t.Errorf("%s: theirs %t, %v", v.ID, ok, err)
		}
	}
}

func TestOracleV2ReqInfo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		key, no := rapid.StringMatching(`[0-9A-Za-z]{32}`).Draw(r, "key"), rapid.StringMatching(`[0-9A-Za-z_-]{1,64}`).Draw(r, "no")
		info := v2Seal(key, "<root><out_refund_no><![CDATA["+no+"]]></out_refund_no><refund_status>CHANGE</refund_status></root>")
		want, err := wechat.DecryptRefundNotifyReqInfo(info, key)
		if err != nil {
			r.Fatal(err)
		}
		plain, err := v2Decrypt(key, info)
		if err != nil {
			r.Fatal(err)
		}
		got, err := v2Read(plain, "root")
		if err != nil || got["out_refund_no"] != want.OutRefundNo || got["refund_status"] != want.RefundStatus {
			r.Errorf("%v, %v; theirs %+v", got, err, want)
		}
	})
}

// v2Seal is what WeChat does for req_info.
func v2Seal(key, plain string) string {
	block, err := aes.NewCipher([]byte(wire.MD5(key)))
	if err != nil {
		panic(err)
	}
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	text := append([]byte(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
	for at := 0; at < len(text); at += aes.BlockSize {
		block.Encrypt(text[at:], text[at:])
	}
	return base64.StdEncoding.EncodeToString(text)
}
