package wechatpay

import (
	"time"

	"overseaspay/shared/payment"
)

// v3IDs says whose trade it is; which members are set differs by mode.
type v3IDs struct {
	AppID    string `json:"appid,omitempty"`
	MchID    string `json:"mchid,omitempty"`
	SpAppID  string `json:"sp_appid,omitempty"`
	SpMchID  string `json:"sp_mchid,omitempty"`
	SubAppID string `json:"sub_appid,omitempty"`
	SubMchID string `json:"sub_mchid,omitempty"`
}

// account is the Account that an answer or notice speaks for, "" if it says none.
func (i v3IDs) account() string {
	if i.SpMchID == "" && i.SubMchID == "" {
		return i.MchID
	}
	return i.SpMchID + "/" + i.SubMchID
}

// v3Order is the body of a create.
type v3Order struct {
	v3IDs
	Description string   `json:"description"`
	OutTradeNo  string   `json:"out_trade_no"`
	TradeType   string   `json:"trade_type,omitempty"`             // overseas only
	MCC         string   `json:"merchant_category_code,omitempty"` // overseas only
	TimeExpire  string   `json:"time_expire,omitempty"`            // RFC 3339
	Attach      string   `json:"attach,omitempty"`
	NotifyURL   string   `json:"notify_url"`
	Amount      v3Total  `json:"amount"`
	Payer       v3Payer  `json:"payer"`
	Scene       *v3Scene `json:"scene_info,omitempty"`
}

type v3Total struct {
	Total    int64  `json:"total"` // minor units
	Currency string `json:"currency"`
}

// v3Payer holds one of its members.
type v3Payer struct {
	OpenID    string `json:"openid,omitempty"`
	SpOpenID  string `json:"sp_openid,omitempty"`
	SubOpenID string `json:"sub_openid,omitempty"`
}

type v3Scene struct {
	PayerClientIP string `json:"payer_client_ip"`
}

// v3Created is the answer to a create.
type v3Created struct {
	PrepayID string `json:"prepay_id"`
}

// v3Trade is the answer to a query and the resource of a payment notice.
type v3Trade struct {
	v3IDs
	OutTradeNo    string    `json:"out_trade_no"`
	TransactionID string    `json:"transaction_id"`
	ID            string    `json:"id"` // overseas, for transaction_id
	TradeState    string    `json:"trade_state"`
	SuccessTime   string    `json:"success_time"`
	Amount        *v3Amount `json:"amount"`
}

// v3Amount are the members of an amount that are asked for; what the payer paid in
// another currency is of no concern to the order.
type v3Amount struct {
	Total    int64  `json:"total"`
	Refund   int64  `json:"refund"`
	Currency string `json:"currency"`
}

// v3RefundOrder is the body of a refund.
type v3RefundOrder struct {
	v3IDs
	OutTradeNo  string        `json:"out_trade_no"`
	OutRefundNo string        `json:"out_refund_no"`
	Reason      string        `json:"reason,omitempty"`
	NotifyURL   string        `json:"notify_url,omitempty"`
	Amount      v3RefundTotal `json:"amount"`
}

type v3RefundTotal struct {
	Refund   int64  `json:"refund"`
	Total    int64  `json:"total"`
	Currency string `json:"currency"`
}

// v3Refund is the answer to a refund or its query, and the resource of a refund notice.
type v3Refund struct {
	v3IDs
	OutTradeNo   string    `json:"out_trade_no"`
	OutRefundNo  string    `json:"out_refund_no"`
	RefundID     string    `json:"refund_id"`
	ID           string    `json:"id"`            // overseas answers, for refund_id
	Status       string    `json:"status"`        // in answers
	RefundStatus string    `json:"refund_status"` // in notices
	SuccessTime  string    `json:"success_time"`
	Amount       *v3Amount `json:"amount"`
}

// v3Notice is the envelope of a notice.
type v3Notice struct {
	EventType string `json:"event_type"`
	Resource  sealed `json:"resource"`
}

// v3Certificates is the answer to a download of platform certificates.
type v3Certificates struct {
	Data []struct {
		SerialNo    string `json:"serial_no"`
		Certificate sealed `json:"encrypt_certificate"`
	} `json:"data"`
}

// v3States translates trade_state. REVOKED is the payment code's word for closed.
var v3States = map[string]payment.ReportState{
	"SUCCESS":    payment.Paid,
	"REFUND":     payment.Refunded,
	"NOTPAY":     payment.Pending,
	"USERPAYING": payment.Pending,
	"PAYERROR":   payment.Pending, // the shopper of a mini-program may try again
	"CLOSED":     payment.Over,
	"REVOKED":    payment.Over,
}

// v3RefundStates translates a refund's status.
var v3RefundStates = map[string]payment.RefundStatus{
	"SUCCESS":    payment.RefundSuccess,
	"CLOSED":     payment.RefundClosed,
	"PROCESSING": payment.RefundProcessing,
	"ABNORMAL":   payment.RefundAbnormal,
}

// moment reads an RFC 3339 time; one that cannot be read is not stated.
func moment(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
