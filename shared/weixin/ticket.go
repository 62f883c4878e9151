package weixin

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"net/url"
	"strconv"
	"time"

	"overseaspay/shared/payment"
)

// ticketMeanings are the errcodes of getticket, of which the account is at fault.
var ticketMeanings = map[int]meaning{
	busy:  {payment.ProviderUnavailable, "WeChat is busy; repeat the call"},
	48001: {payment.ConfigInvalid, "oa_appid: WeChat gives a JS-SDK ticket to verified service accounts only (errcode 48001)"},
	40164: {payment.ConfigInvalid, "oa_appid: our address is not in its allow-list in WeChat's console (errcode 40164)"},
	45009: {payment.TooManyRequests, "WeChat's quota of JS-SDK tickets is used up (errcode 45009)"},
}

// Ticket is the JS-SDK ticket of a service account, the one to whose console the
// pages' domain is bound. It is kept per process like a token.
func (c *Client) Ticket(ctx context.Context, appid, secret string) (string, error) {
	return c.kept(ctx, c.slot(c.tickets, account{appid, secret}), "", func(ctx context.Context) (string, time.Duration, error) {
		const op = "getticket"
		var got struct {
			Ticket    string `json:"ticket"`
			ExpiresIn int    `json:"expires_in"` // seconds, up to 7200
		}
		err := c.authorized(ctx, appid, secret, op, "/cgi-bin/ticket/getticket", url.Values{"type": {"jsapi"}}, nil, &got, ticketMeanings)
		if err == nil && got.Ticket == "" {
			err = unusable(op, "no ticket in the answer")
		}
		return got.Ticket, time.Duration(got.ExpiresIn) * time.Second, err
	})
}

// SignPage is the signature of wx.config for a page. Its URL must be as the page
// sees it, without the fragment; timestamp is in unix seconds. SHA-1 is WeChat's choice.
func SignPage(ticket, nonce string, timestamp int64, pageURL string) string {
	sum := sha1.Sum([]byte("jsapi_ticket=" + ticket + "&noncestr=" + nonce +
		"&timestamp=" + strconv.FormatInt(timestamp, 10) + "&url=" + pageURL))
	return hex.EncodeToString(sum[:])
}
