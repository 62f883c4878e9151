package wechatpay

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

type v2SignFile struct {
	Vectors []struct {
		ID        string
		SignType  string `json:"sign_type"`
		Key       string `json:"api_key"`
		Params    map[string]string
		Canonical string
		Expected  string `json:"expected_sign"`
	}
}

type v2NotifyFile struct {
	Ack     string `json:"ack_success_xml"`
	Vectors []struct {
		ID        string
		SignType  string `json:"sign_type"`
		Key       string `json:"api_key"`
		Body      string `json:"body_xml"`
		Canonical string
		Sign      string `json:"expected_sign"`
		Expect    string
	}
}

type v2RefundFile struct {
	Vectors []struct {
		Key     string `json:"api_key"`
		AESKey  string `json:"aes_key_ascii"`
		ReqInfo string `json:"req_info"`
		Plain   string `json:"expected_plaintext"`
		Body    string `json:"body_xml"`
	}
}

func TestV2SignVectors(t *testing.T) {
	t.Parallel()
	list := load[v2SignFile](t, "v2-sign.json").Vectors
	if len(list) != 4 {
		t.Errorf("%d vectors", len(list))
	}
	for _, v := range list {
		if got := v2Sign(v.Key, v.SignType, v.Params); got != v.Expected {
			t.Errorf("%s: %s, want %s", v.ID, got, v.Expected)
		}
		v.Params["sign"] = "anything"
		if got := v2Sign(v.Key, v.SignType, v.Params); got != v.Expected {
			t.Errorf("%s: sign itself is signed", v.ID)
		}
	}
}

func TestV2PaySignVectors(t *testing.T) {
	t.Parallel()
	list := load[v2SignFile](t, "v2-paysign.json").Vectors
	if len(list) != 2 {
		t.Errorf("%d vectors", len(list))
	}
	for _, v := range list {
		pay := payment.PayParams{
			TimeStamp: v.Params["timeStamp"], NonceStr: v.Params["nonceStr"], Package: v.Params["package"], SignType: v.Params["signType"],
		}
		if got := v2PaySign(v.Key, v.Params["appId"], pay); got != v.Expected {
			t.Errorf("%s: %s, want %s", v.ID, got, v.Expected)
		}
	}
}

func TestV2NotifyVectors(t *testing.T) {
	t.Parallel()
	file := load[v2NotifyFile](t, "v2-notify.json")
	p := new(v2Fake).open(t, V2SP, v2SPTest(map[string]any{"sign_type": "MD5"}))
	if got := p.Ack(); got.Body != file.Ack || got.Status != 200 {
		t.Errorf("Ack = %+v", got)
	}
	if len(file.Vectors) != 2 {
		t.Errorf("%d vectors", len(file.Vectors))
	}
	for _, v := range file.Vectors {
		m, err := v2Read([]byte(v.Body), "xml")
		if err != nil {
			t.Fatal(err)
		}
		if got := v2Sign(v.Key, v.SignType, m); v.Expect == "accept" && got != v.Sign {
			t.Errorf("%s: %s, want %s", v.ID, got, v.Sign)
		}
		n, err := p.Notice(t.Context(), provider.Inbound{Method: "POST", Body: []byte(v.Body)})
		if v.Expect == "reject" {
			is(t, v.ID, err, provider.Forged)
			continue
		}
		want := payment.Report{
			State: payment.Paid, Word: "SUCCESS", Account: "1900000001/1900000002", No: "ORD-20261122_0001",
			Total: payment.Money{Amount: 1299, Currency: "EUR"}, SpTradeNo: "4200000000202611220000000001",
			TransactionID: "4200000000202611220000000001", PaidAt: v2Moment(v2Time, "20261122171500"),
		}
		if d := cmp.Diff(want, n.Payment); err != nil || d != "" || n.Doorbell || n.Probe || n.Refund != nil {
			t.Errorf("%s: %v %s", v.ID, err, d)
		}
		if want.PaidAt.Format("15:04 MST") != "09:15 UTC" {
			t.Errorf("paid at %v", want.PaidAt)
		}
	}
}

func TestV2RefundNotifyVectors(t *testing.T) {
	t.Parallel()
	list := load[v2RefundFile](t, "v2-refund-notify.json").Vectors
	if len(list) != 1 {
		t.Errorf("%d vectors", len(list))
	}
	for _, v := range list {
		if got := wire.MD5(v.Key); got != v.AESKey {
			t.Errorf("AES key %s, want %s", got, v.AESKey)
		}
		plain, err := v2Decrypt(v.Key, v.ReqInfo)
		if err != nil || string(plain) != v.Plain {
			t.Errorf("%s, %v", plain, err)
		}
		p := new(v2Fake).open(t, V2, v2Test(map[string]any{"mchid": "1900000001", "key": v.Key}))
		n, err := p.Notice(t.Context(), provider.Inbound{Method: "POST", Body: []byte(v.Body)})
		if err != nil {
			t.Fatal(err)
		}
		want := provider.Notice{
			Doorbell: true, Payment: payment.Report{No: "ORD-20261122_0001"},
			Refund: &payment.RefundReport{
				Status: payment.RefundSuccess, Word: "SUCCESS", Account: "1900000001", No: "ORD-20261122_0001", OutRefundNo: "RF-0001",
				RefundID: "50000000000000000000000000001", SucceededAt: v2Moment(v2RefundTime, "2026-11-22 17:20:00"),
			},
			Public: n.Public,
		}
		if d := cmp.Diff(want, n); d != "" || want.Refund.SucceededAt.Hour() != 9 {
			t.Error(d)
		}
	}
}
