package weixin

import (
	"errors"
	"fmt"
	"strings"

	"overseaspay/shared/payment"
)

const busy = -1

// Reasons of refusals that callers act upon; test with errors.Is.
var (
	ErrNotEntitled = errors.New("this account may not do that") // lasting: overseas and personal mini-programs
	ErrQuota       = errors.New("a quota is used up")
)

// meaning is an errcode as callers of ours see it.
type meaning struct {
	code    payment.Code
	message string
}

// meanings are the errcodes of the two calls that send the appsecret.
var meanings = map[int]meaning{
	busy:  {payment.ProviderUnavailable, "WeChat is busy; repeat the call"},
	40029: {payment.Unauthenticated, "code: used or expired; call wx.login again"},
	40163: {payment.Unauthenticated, "code: used or expired; call wx.login again"},
	40226: {payment.Forbidden, "WeChat has blocked this user as a risk"},
	45011: {payment.TooManyRequests, "this user logs in too often; wait a minute"},
	45009: {payment.TooManyRequests, "WeChat's quota of calls for this mini-program is used up"},
	40013: {payment.ConfigInvalid, "appid: WeChat does not know it"},
	40125: {payment.ConfigInvalid, "appsecret: WeChat refuses it"},
	40001: {payment.ConfigInvalid, "appsecret: WeChat refuses it"}, // what token calls say
	40243: {payment.ConfigInvalid, "appsecret: frozen in WeChat's console"},
	40164: {payment.ConfigInvalid, "appid: our address is not in its allow-list in WeChat's console"},
}

// refusal translates an errcode. Of errmsg only the rid, by which WeChat's support
// finds the call, is kept, as the cause.
func refusal(op string, a answer, table map[int]meaning) error {
	m, ok := table[a.ErrCode]
	if !ok {
		m = meaning{payment.ProviderUnavailable, fmt.Sprintf("WeChat answered errcode %d; repeat the call", a.ErrCode)}
	}
	cause := fmt.Errorf("weixin: %s: errcode %d", op, a.ErrCode)
	if id := rid(a.ErrMsg); id != "" {
		cause = fmt.Errorf("%w, rid %s", cause, id)
	}
	switch {
	case m.code == payment.Unsupported:
		cause = fmt.Errorf("%w: %w", cause, ErrNotEntitled)
	case m.code == payment.TooManyRequests && a.ErrCode != 45011: // that one is a user's, not ours
		cause = fmt.Errorf("%w: %w", cause, ErrQuota)
	}
	return payment.Errorf(m.code, "%s", m.message).Because(cause)
}

// rid is the request id at the end of an errmsg, or "" if what is there is none.
func rid(errmsg string) string {
	_, id, _ := strings.Cut(errmsg, "rid: ")
	if len(id) > 64 || strings.Trim(id, "0123456789abcdef-") != "" {
		return ""
	}
	return id
}
