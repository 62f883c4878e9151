package wechatpay

import (
	"bytes"
	"cmp"
	"context"
	"net/http"

	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// ids are the members that every request begins with.
func (p *v2) ids() map[string]string {
	ids := map[string]string{"appid": p.set.AppID, "mch_id": p.set.MchID, "sign_type": p.set.SignType}
	if p.sp {
		ids["sub_mch_id"] = p.set.SubMchID
	}
	return ids
}

// call signs a request, posts it once, and returns the members of the answer once
// it is verified and says SUCCESS on both levels.
func (p *v2) call(ctx context.Context, client *http.Client, op, path string, request map[string]string) (map[string]string, error) {
	for name, value := range request {
		request[name] = fit(value)
	}
	request["nonce_str"] = cmp.Or(request["nonce_str"], p.nonce())
	request["sign"] = v2Sign(p.set.Key, p.set.SignType, request)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+path, bytes.NewReader(v2Write(request)))
	if err != nil {
		return nil, provider.Errorf(provider.NotSent, op, "the request cannot be made: base_url is not fit for it")
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	req.Header.Set("User-Agent", "overseaspay/1")
	reply, err := wire.Do(client, req, op)
	switch {
	case err != nil:
		return nil, err
	case reply.Status != http.StatusOK: // WeChat Pay itself refuses in XML, under 200
		return nil, provider.Errorf(provider.Unknown, op, "HTTP %d", reply.Status)
	}
	return p.answer(op, reply.Body)
}

// answer reads an answer. One whose return_code is FAIL is not signed; any other
// that does not verify is an unknown outcome, whatever it says. One that names the
// provider but no shop is about the shop that we asked for.
func (p *v2) answer(op string, body []byte) (map[string]string, error) {
	m, err := v2Read(body, "xml")
	switch {
	case err != nil:
		return nil, provider.Errorf(provider.Unknown, op, "the answer is %w", err)
	case m["return_code"] == "FAIL":
		return nil, p.unsigned(op, m["return_msg"])
	case m["return_code"] != "SUCCESS":
		return nil, provider.Errorf(provider.Unknown, op, "the answer holds no return_code that is documented")
	case !p.genuine(m):
		return nil, provider.Errorf(provider.Unknown, op, "the answer does not verify")
	case v2Account(m) != "" && v2Account(m) != p.set.MchID && v2Account(m) != p.Account():
		return nil, provider.Errorf(provider.Unknown, op, "the answer speaks for another account")
	case m["result_code"] == "FAIL":
		return nil, p.refusal(op, m["err_code"], m["err_code_des"])
	case m["result_code"] != "SUCCESS":
		return nil, provider.Errorf(provider.Unknown, op, "the answer holds no result_code that is documented")
	}
	if p.sp && v2Account(m) == p.set.MchID {
		m["sub_mch_id"] = p.set.SubMchID
	}
	return m, nil
}

// v2Account is the Account that a message speaks for, "" if it says none. One page
// spells the members without their underscores.
func v2Account(m map[string]string) string {
	mchID, subMchID := cmp.Or(m["mch_id"], m["mchid"]), cmp.Or(m["sub_mch_id"], m["sub_mchid"])
	if subMchID == "" {
		return mchID
	}
	return mchID + "/" + subMchID
}
