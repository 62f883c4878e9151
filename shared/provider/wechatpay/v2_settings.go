package wechatpay

import (
	"cmp"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"time"

	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

type v2Settings struct {
	provider.Common
	MchID    string `json:"mchid"`     // the provider's own with v2sp
	Key      string `json:"key"`       // API key, 32 characters; not the APIv3 key
	SignType string `json:"sign_type"` // HMAC-SHA256 (default) or MD5
	Cert     string `json:"cert"`      // apiclient_cert.pem; refunds need it
	CertKey  string `json:"cert_key"`  // apiclient_key.pem
	AppID    string `json:"appid"`     // the provider's own with v2sp
	SubMchID string `json:"sub_mchid"`
	SubAppID string `json:"sub_appid"`
}

// v2Check decodes the settings and checks every member but the certificate.
func v2Check(cfg provider.Config, sp bool) (v2Settings, error) {
	set, err := wire.Settings(cfg, func(s *v2Settings) map[string]string {
		s.SignType = cmp.Or(s.SignType, hmacSHA256)
		need := map[string]string{"mchid": s.MchID, "key": s.Key, "appid": s.AppID}
		if sp { // appid is the provider's, and never the shop's mini-program
			need["sub_mchid"], need["sub_appid"] = s.SubMchID, cmp.Or(s.SubAppID, cfg.AppID)
		} else {
			s.AppID = cmp.Or(s.AppID, cfg.AppID)
			need["appid"] = s.AppID
		}
		return need
	})
	switch {
	case err != nil:
		return set, err
	case cfg.HTTP == nil:
		return set, errors.New("an HTTP client is required")
	case !word(set.MchID):
		return set, errors.New("mchid: letters and digits only")
	case sp && !word(set.SubMchID):
		return set, errors.New("sub_mchid: letters and digits only")
	case len(set.Key) != 32:
		return set, errors.New("key: must be 32 characters")
	case set.SignType != hmacSHA256 && set.SignType != md5Type:
		return set, errors.New("sign_type: must be HMAC-SHA256 or MD5")
	}
	return set, nil
}

// refundClient shows WeChat the merchant's client certificate.
type refundClient struct {
	*http.Client
	expires time.Time
}

// newRefundClient makes the one client of an account for refunds, or nil without a
// certificate. It is a copy of the process's client on a transport of its own, so
// that the certificate is shown nowhere else; a transport that is not Go's own is
// used as it is.
func newRefundClient(client *http.Client, certText, keyText string) (*refundClient, error) {
	switch {
	case certText == "" && keyText == "":
		return nil, nil
	case certText == "":
		return nil, errors.New("cert: required with cert_key")
	case keyText == "":
		return nil, errors.New("cert_key: required with cert")
	}
	raw, err := der(certText)
	if err != nil {
		return nil, errors.New("cert: not a PEM certificate")
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, errors.New("cert: not a PEM certificate")
	}
	key, err := privateKey(keyText)
	if err != nil {
		return nil, errors.New("cert_key: " + err.Error())
	}
	if public, ok := leaf.PublicKey.(*rsa.PublicKey); !ok || !public.Equal(&key.PublicKey) {
		return nil, errors.New("cert_key: does not belong to cert")
	}
	own := *client
	shared := client.Transport
	if shared == nil {
		shared = http.DefaultTransport
	}
	if transport, ok := shared.(*http.Transport); ok {
		transport = transport.Clone()
		if transport.TLSClientConfig == nil {
			transport.TLSClientConfig = &tls.Config{}
		}
		transport.TLSClientConfig.Certificates = []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}}
		own.Transport = transport
	}
	return &refundClient{Client: &own, expires: leaf.NotAfter}, nil
}
