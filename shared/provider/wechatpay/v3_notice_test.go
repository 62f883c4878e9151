package wechatpay

import (
	"net/http"
	"slices"
	"strconv"
	"testing"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"

	"github.com/google/go-cmp/cmp"
)

// post is a notice with this resource, sealed by the fake.
func (f *fake) post(t testing.TB, p *v3, event, resource string) provider.Inbound {
	t.Helper()
	s := seal12(p.aead, []byte(resource), "transaction")
	body := `{"id":"EV-1","event_type":"` + event + `","resource":{"algorithm":"` + s.Algorithm + `","ciphertext":"` + s.Ciphertext +
		`","associated_data":"transaction","nonce":"` + s.Nonce + `"}}`
	return f.wrap(body)
}

func (f *fake) wrap(body string) provider.Inbound {
	in := provider.Inbound{Method: http.MethodPost, Header: make(http.Header), Body: []byte(body)}
	f.seal(in.Header, body)
	return in
}

func TestNotices(t *testing.T) {
	t.Parallel()
	f := newFake(404, `{"code":"RESOURCE_NOT_EXISTS"}`)
	direct := f.open(t, V3, settings(nil))
	shop := f.open(t, V3SP, spSettings(map[string]any{"prefix": "/v3/global"}))
	const sp = `"sp_mchid":"1900000001","sub_mchid":"1900000002","out_trade_no":"ORD-20261122_0001"`
	refund := payment.RefundReport{
		Account: "1900000001/1900000002", No: "ORD-20261122_0001", OutRefundNo: "RF-1", RefundID: "50",
		Fee: payment.Money{Amount: 500, Currency: "EUR"},
	}
	abnormal, closed, bare := refund, refund, refund
	abnormal.Status, abnormal.Word = payment.RefundAbnormal, "ABNORMAL"
	closed.Status, closed.Word = payment.RefundClosed, "CLOSED"
	bare.Status, bare.Word, bare.Fee = payment.RefundSuccess, "SUCCESS", payment.Money{Amount: 500}
	tests := []struct {
		name, event, resource string
		p                     *v3
		want                  provider.Notice
	}{
		{"refund abnormal", "REFUND.ABNORMAL", `{` + sp + `,"out_refund_no":"RF-1","refund_id":"50","refund_status":"ABNORMAL","amount":{"total":1299,"refund":500,"currency":"EUR"}}`, shop,
			provider.Notice{Refund: &abnormal}},
		{"refund closed", "REFUND.CLOSED", `{` + sp + `,"out_refund_no":"RF-1","refund_id":"50","refund_status":"CLOSED","amount":{"total":1299,"refund":500,"currency":"EUR"}}`, shop,
			provider.Notice{Refund: &closed}},
		{"overseas refund without currency", "REFUND.SUCCESS", `{` + sp + `,"out_refund_no":"RF-1","refund_id":"50","refund_status":"SUCCESS","amount":{"total":1299,"refund":500}}`, shop,
			provider.Notice{Refund: &bare}},
		{"new word", "TRANSACTION.SUCCESS", `{` + sp + `,"trade_state":"ACCEPT"}`, shop,
			provider.Notice{Payment: payment.Report{State: payment.Unmapped, Word: "ACCEPT", Account: "1900000001/1900000002", No: "ORD-20261122_0001"}}},
		{"another merchant's number stays visible", "TRANSACTION.SUCCESS", `{"mchid":"1900000777","out_trade_no":"X"}`, direct,
			provider.Notice{Payment: payment.Report{State: payment.Unmapped, Account: "1900000777", No: "X"}}},
		{"unknown event", "COUPON.USE", `{"mchid":"1900000009"}`, direct, provider.Notice{Doorbell: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.p.Notice(t.Context(), f.post(t, tt.p, tt.event, tt.resource))
			if err != nil {
				t.Fatal(err)
			}
			got.Public = nil
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A payment under an appid that is not ours only rings; our own are those of the
// account and of the item.
func TestNoticeAppIDs(t *testing.T) {
	t.Parallel()
	f := newFake(200, "")
	direct, shop := f.open(t, V3, settings(nil)), f.open(t, V3SP, spSettings(nil))
	for _, tt := range []struct {
		p        *v3
		ids      string
		doorbell bool
	}{
		{direct, `"mchid":"1900000009"`, false},
		{direct, `"mchid":"1900000009","appid":"wx2222222222222222"`, false},
		{direct, `"mchid":"1900000009","appid":"wx3333333333333333"`, false},
		{direct, `"mchid":"1900000009","appid":"wx9"`, true},
		{shop, `"sp_mchid":"1900000001","sub_mchid":"1900000002","sp_appid":"wx1111111111111111"`, false},
		{shop, `"sp_mchid":"1900000001","sub_mchid":"1900000002","sp_appid":"wx1111111111111111","sub_appid":"wx2222222222222222"`, false},
		{shop, `"sp_mchid":"1900000001","sub_mchid":"1900000002","sp_appid":"wx1111111111111111","sub_appid":"wx3333333333333333"`, false},
		{shop, `"sp_mchid":"1900000001","sub_mchid":"1900000002","sp_appid":"wx9","sub_appid":"wx2222222222222222"`, true},
		{shop, `"sp_mchid":"1900000001","sub_mchid":"1900000002","sp_appid":"wx1111111111111111","sub_appid":"wx9"`, true},
	} {
		n, err := tt.p.Notice(t.Context(), f.post(t, tt.p, "TRANSACTION.SUCCESS",
			`{`+tt.ids+`,"out_trade_no":"ORD-1","trade_state":"SUCCESS","amount":{"total":1299,"currency":"CNY"}}`))
		if err != nil || n.Doorbell != tt.doorbell || n.Payment.No != "ORD-1" || n.Payment.State != payment.Paid {
			t.Errorf("%s: %+v, %v, want a doorbell: %t", tt.ids, n, err, tt.doorbell)
		}
	}
}

func TestNoticePublic(t *testing.T) {
	t.Parallel()
	f := newFake(200, "")
	p := f.open(t, V3, settings(nil))
	n, err := p.Notice(t.Context(), f.post(t, p, "TRANSACTION.SUCCESS",
		`{"out_trade_no":"ORD-1","payer":{"openid":"o1"},"openid":"o1","sp_openid":"o1","sub_openid":"o1","user_received_account":"o1","recv_account":"o1","scene_info":{"device_id":"o1"},"amount":{"total":1}}`))
	if want := `{"amount":{"total":1},"out_trade_no":"ORD-1"}`; err != nil || string(n.Public) != want {
		t.Errorf("Public = %s, %v, want %s", n.Public, err, want)
	}
}

func TestNoticeRefuses(t *testing.T) {
	t.Parallel()
	f := newFake(404, `{"code":"RESOURCE_NOT_EXISTS"}`)
	p := f.open(t, V3, settings(nil))
	other := f.open(t, V3, settings(map[string]any{"apiv3_key": "0123456789abcdef0123456789abcdef"}))
	without := func(name string) provider.Inbound {
		in := f.wrap(`{}`)
		in.Header.Del(name)
		return in
	}
	tests := []struct {
		name string
		in   provider.Inbound
		want provider.Kind
	}{
		{"no headers at all", provider.Inbound{Body: []byte(`{}`)}, provider.Forged},
		{"no signature", without("Wechatpay-Signature"), provider.Forged},
		{"no timestamp", without("Wechatpay-Timestamp"), provider.Forged},
		{"no nonce", without("Wechatpay-Nonce"), provider.Forged},
		{"no serial", without("Wechatpay-Serial"), provider.Forged},
		{"for another merchant", f.post(t, other, "TRANSACTION.SUCCESS", `{}`), provider.Forged},
		{"not JSON", f.wrap(`<xml/>`), provider.Malformed},
		{"empty", f.wrap(``), provider.Malformed},
		{"no resource", f.wrap(`{"event_type":"TRANSACTION.SUCCESS"}`), provider.Malformed},
		{"odd nonce", f.wrap(`{"resource":{"algorithm":"AEAD_AES_256_GCM","nonce":"short","ciphertext":"AAAA"}}`), provider.Malformed},
		{"resource not JSON", f.post(t, p, "TRANSACTION.SUCCESS", `hello`), provider.Malformed},
		{"resource null", f.post(t, p, "TRANSACTION.SUCCESS", `null`), provider.Malformed},
		{"amount not whole", f.post(t, p, "TRANSACTION.SUCCESS", `{"amount":{"total":12.99}}`), provider.Malformed},
		{"refund of another shape", f.post(t, p, "REFUND.SUCCESS", `{"amount":"5"}`), provider.Malformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n, err := p.Notice(t.Context(), tt.in)
			if err == nil || provider.KindOf(err) != tt.want {
				t.Errorf("Notice = %+v, %v, want kind %v", n, err, tt.want)
			}
		})
	}
}

// signed are the headers that decide; the others may change without harm.
var signed = []string{"Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial", "Wechatpay-Signature", "Wechatpay-Signature-Type"}

// Every byte of what is signed, changed, dropped and doubled: nothing is accepted.
func TestForgedNotices(t *testing.T) {
	t.Parallel()
	file := load[noticeFile](t, "v3-notify.json")
	for i := range 3 { // a direct, an overseas and a refund notice
		t.Run(file.Vectors[i].ID, func(t *testing.T) {
			t.Parallel()
			genuine, p := file.inbound(t, i)
			if _, err := p.Notice(t.Context(), genuine); err != nil {
				t.Fatal(err)
			}
			tried := 0
			refused := func(how string, in provider.Inbound) {
				tried++
				n, err := p.Notice(t.Context(), in)
				if k := provider.KindOf(err); err == nil || k != provider.Forged && k != provider.Malformed {
					t.Errorf("%s: %+v, %v", how, n, err)
				}
			}
			for at, text := range mutants(string(genuine.Body)) {
				in := genuine
				in.Body = []byte(text)
				refused("body "+strconv.Itoa(at), in)
			}
			for _, name := range signed {
				for at, text := range mutants(genuine.Header.Get(name)) {
					in := genuine
					in.Header = genuine.Header.Clone()
					in.Header.Set(name, text)
					refused(name+" "+strconv.Itoa(at)+" "+text, in)
				}
				in := genuine
				in.Header = genuine.Header.Clone()
				in.Header.Add(name, in.Header.Get(name))
				refused(name+" twice", in)
			}
			if tried < 2000 {
				t.Errorf("only %d forgeries tried", tried)
			}
		})
	}
}

// mutants are a text with each byte flipped in its lowest and its case bit, dropped
// and doubled, and the text cut, repeated and emptied.
func mutants(text string) []string {
	var list []string
	for i := range len(text) {
		for _, bit := range []byte{1, 32} {
			b := []byte(text)
			b[i] ^= bit
			list = append(list, string(b))
		}
		list = append(list, text[:i]+text[i+1:], text[:i]+text[i:i+1]+text[i:])
	}
	return append(list, text+text, text+"\n", "\n"+text, text+"=", "")
}

// A genuine notice of one order does not go with the seal of another.
func TestNoticesDoNotMix(t *testing.T) {
	t.Parallel()
	file := load[noticeFile](t, "v3-notify.json")
	one, p := file.inbound(t, 0)
	two, _ := file.inbound(t, 2)
	if _, err := p.Notice(t.Context(), provider.Inbound{Header: one.Header, Body: two.Body}); provider.KindOf(err) != provider.Forged || err == nil {
		t.Errorf("Notice = %v, want it forged", err)
	}
}

func TestAck(t *testing.T) {
	t.Parallel()
	f := newFake(200, "")
	want := map[string]provider.Reply{
		"/v3":        {Status: 204},
		"/v3/global": {Status: 200, ContentType: "application/json", Body: `{"code":"SUCCESS","message":"成功"}`},
		"/hk/v3":     {Status: 200, ContentType: "application/json", Body: `{"code":"SUCCESS","message":"成功"}`},
	}
	for prefix, reply := range want {
		if diff := cmp.Diff(reply, f.open(t, V3, settings(map[string]any{"prefix": prefix})).Ack()); diff != "" {
			t.Errorf("%s: %s", prefix, diff)
		}
	}
}

// FuzzNotice feeds foreign posts, bodies as if they had been verified, and
// resources that decrypt: nothing may panic, no foreign post is accepted, and every
// refusal is of a kind that a notice may have.
func FuzzNotice(f *testing.F) {
	file := load[noticeFile](f, "v3-notify.json")
	for _, v := range file.Vectors {
		f.Add([]byte(v.Body), v.Headers["Wechatpay-Signature"], "TRANSACTION.SUCCESS", []byte(v.Plain))
	}
	f.Add([]byte(`{"resource":{"algorithm":"AEAD_AES_256_GCM","nonce":""}}`), "WECHATPAY/SIGNTEST/?", "REFUND.CLOSED", []byte(`{"amount":null}`))
	chat := newFake(404, `{"code":"RESOURCE_NOT_EXISTS"}`)
	p := chat.open(f, V3, settings(nil))
	seal := chat.wrap("{}").Header
	kinds := []provider.Kind{provider.Forged, provider.Malformed}
	events := []string{"TRANSACTION.SUCCESS", "REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED"}
	f.Fuzz(func(t *testing.T, body []byte, signature, event string, plain []byte) {
		in := provider.Inbound{Header: seal.Clone(), Body: body}
		in.Header.Set("Wechatpay-Signature", signature)
		if n, err := p.Notice(t.Context(), in); err == nil || !slices.Contains(kinds, provider.KindOf(err)) {
			t.Errorf("a foreign post: %+v, %v", n, err)
		}
		if _, err := p.unwrap("v3: notice", body); err != nil && !slices.Contains(kinds, provider.KindOf(err)) {
			t.Errorf("unwrap = %v", err)
		}
		if n, err := p.read(event, plain); err == nil && (!n.Doorbell && !slices.Contains(events, event) || n.Public == nil) {
			t.Errorf("%+v out of %q", n, plain)
		}
	})
}
