package wechatpay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// send signs and sends a request once. The answer is not verified yet. A nil body
// sends none. The same body is the same bytes, whenever it is sent.
func (p *v3) send(ctx context.Context, op, method, path string, body any) (wire.Reply, error) {
	req, err := p.request(ctx, method, path, body)
	if err != nil {
		return wire.Reply{}, provider.Errorf(provider.NotSent, op, "the request cannot be made: %w", err)
	}
	reply, err := wire.Do(p.http, req, op)
	if err != nil && reply.Status >= 500 {
		return reply, refusal(op, reply) // also unknown, and says why
	}
	return reply, err
}

func (p *v3) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var raw []byte
	if body != nil {
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(body); err != nil {
			return nil, err
		}
		raw = bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	}
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, bytes.NewReader(raw))
	if err != nil {
		return nil, errors.New("base_url is not fit for it")
	}
	auth, err := p.authorization(method, req.URL.RequestURI(), raw)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", auth)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "overseaspay/1")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if p.set.PublicKeyID != "" { // or merchants who still have a certificate get answers signed with that
		req.Header.Set("Wechatpay-Serial", p.set.PublicKeyID)
	}
	return req, nil
}

// call sends a request and reads the answer into something, once it has been
// verified. into may be nil; an empty answer is verified all the same.
func (p *v3) call(ctx context.Context, op, method, path string, body, into any) error {
	reply, err := p.send(ctx, op, method, path, body)
	if err != nil {
		return err
	}
	if reply.Status < 200 || reply.Status > 299 {
		return refusal(op, reply)
	}
	if err := p.verify(ctx, reply.Header, reply.Body); err != nil {
		return provider.Errorf(provider.Unknown, op, "the answer does not verify: %w", err)
	}
	if into == nil {
		return nil
	}
	return wire.JSON(op, reply.Body, into)
}

// mine names the account in a body that needs no appid.
func (p *v3) mine() v3IDs {
	if p.sp {
		return v3IDs{SpMchID: p.set.MchID, SubMchID: p.set.SubMchID}
	}
	return v3IDs{MchID: p.set.MchID}
}

// query is the query string that names the account. Its values are plain words.
func (p *v3) query() string {
	if p.sp {
		return "?sp_mchid=" + p.set.MchID + "&sub_mchid=" + p.set.SubMchID
	}
	return "?mchid=" + p.set.MchID
}
