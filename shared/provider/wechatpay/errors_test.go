package wechatpay

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"overseaspay/shared/provider"
)

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status int
		code   string
		tail   string
		want   provider.Kind
	}{
		{403, "ORDERPAID", "", provider.AlreadyPaid},
		{400, "INVALID_REQUEST", "268498689", provider.AlreadyPaid},
		{400, "INVALID_REQUEST", "268449538", provider.AlreadyPaid},
		{400, "INVALID_REQUEST", "268498688", provider.Declined},
		{400, "INVALID_REQUEST", "0", provider.Declined},
		{400, "PARAM_ERROR", "268435461", provider.Declined},
		{400, "ORDER_CLOSED", "", provider.Declined},
		{403, "RULE_LIMIT", "", provider.Declined},
		{403, "OUT_TRADE_NO_USED", "", provider.Declined},
		{403, "OUT_REFUND_NO_USED", "", provider.Declined},
		{403, "USER_ACCOUNT_ABNORMAL", "", provider.Declined},
		{403, "NOT_ENOUGH", "", provider.NotEnough},
		{403, "NOTENOUGH", "", provider.NotEnough},
		{401, "SIGN_ERROR", "", provider.Denied},
		{401, "", "", provider.Denied},
		{401, "WHATEVER", "", provider.Denied},
		{403, "NO_AUTH", "", provider.Denied},
		{403, "NOAUTH", "", provider.Denied},
		{400, "APPID_MCHID_NOT_MATCH", "", provider.Denied},
		{400, "MCH_NOT_EXISTS", "", provider.Denied},
		{400, "INVALID_REQUEST", "268501838", provider.Denied},
		{404, "ORDER_NOT_EXIST", "", provider.NotFound},
		{404, "ORDERNOTEXIST", "", provider.NotFound},
		{404, "RESOURCE_NOT_EXISTS", "", provider.NotFound},
		{400, "INVALID_REQUEST", "268512771", provider.NotFound},
		{403, "FREQUENCY_LIMITED", "", provider.Busy},
		{403, "RATE_LIMITED", "", provider.Busy},
		{429, "RATE_LIMITED", "", provider.Busy},
		{429, "", "", provider.Busy},
		{500, "SYSTEM_ERROR", "", provider.Unknown},
		{400, "SYSTEMERROR", "", provider.Unknown},
		{400, "BIZERR_NEED_RETRY", "", provider.Unknown},
		{500, "BIZERR_NEED_RETRY", "", provider.Unknown},
		{500, "ORDERPAID", "", provider.Unknown},
		{502, "", "", provider.Unknown},
		{408, "", "", provider.Unknown},
		{404, "", "", provider.Unknown},
		{302, "PARAM_ERROR", "", provider.Unknown},
	}
	for _, tt := range tests {
		t.Run(http.StatusText(tt.status)+" "+tt.code+" "+tt.tail, func(t *testing.T) {
			t.Parallel()
			body := `<html>502</html>`
			if tt.code != "" {
				body = `{"code":"` + tt.code + `","message":"原因\n ` + strings.Repeat("long ", 60) + `","detail":{"value":"secret"}}`
			}
			f := newFake(tt.status, body)
			f.bend = func(h http.Header) {
				if tt.tail != "" {
					h.Set("Request-ID", "08F78BB5AF0610D302189F99DD5C20BA56F89845-"+tt.tail)
				}
			}
			_, err := f.open(t, V3, settings(nil)).Query(t.Context(), testTrade)
			var e *provider.Error
			if !errors.As(err, &e) || e.Kind != tt.want {
				t.Fatalf("Query = %v, want kind %v", err, tt.want)
			}
			if e.Message == "" || strings.Contains(err.Error(), "secret") || len(err.Error()) > 500 {
				t.Errorf("message = %q", e.Message)
			}
			if tt.tail != "" && tt.tail != "0" && e.Code != tt.code+"-"+tt.tail {
				t.Errorf("code = %q, want the tail in it", e.Code)
			}
			if e.Kind == provider.Denied && !strings.Contains(e.Message, "mchid") && !strings.Contains(e.Message, "prefix") {
				t.Errorf("message = %q, want the settings to look at", e.Message)
			}
		})
	}
}

type broken struct{ err error }

func (b broken) RoundTrip(*http.Request) (*http.Response, error) { return nil, b.err }

func TestTransportErrors(t *testing.T) {
	t.Parallel()
	p := newFake(200, "").open(t, V3, settings(nil))
	p.http = &http.Client{Transport: broken{&net.OpError{Op: "dial", Err: errors.New("refused")}}}
	if err := p.Close(t.Context(), testTrade); provider.KindOf(err) != provider.NotSent || strings.Contains(err.Error(), "weixin") {
		t.Errorf("Close = %v, want it not sent", err)
	}
	p.http = &http.Client{Transport: broken{errors.New("reset")}}
	if err := p.Close(t.Context(), testTrade); err == nil || provider.KindOf(err) != provider.Unknown {
		t.Errorf("Close = %v, want an unknown outcome", err)
	}
	p.base = "http://[::1"
	if err := p.Close(t.Context(), testTrade); provider.KindOf(err) != provider.NotSent {
		t.Errorf("Close = %v, want it not sent", err)
	}
}
