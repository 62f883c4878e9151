package wechatpay

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

type v3Settings struct {
	provider.Common
	MchID       string `json:"mchid"`         // the provider's own with v3sp
	SerialNo    string `json:"serial_no"`     // of the merchant API certificate
	PrivateKey  string `json:"private_key"`   // of the same: PEM, or its base64 alone
	APIv3Key    string `json:"apiv3_key"`     // 32 bytes
	PublicKeyID string `json:"public_key_id"` // PUB_KEY_ID_...; empty: platform certificates
	PublicKey   string `json:"public_key"`
	Prefix      string `json:"prefix"`
	MCC         string `json:"mcc"`   // merchant category code, overseas
	AppID       string `json:"appid"` // the provider's own with v3sp
	SubMchID    string `json:"sub_mchid"`
	SubAppID    string `json:"sub_appid"`
}

// v3Check decodes the settings and checks every member but the keys.
func v3Check(cfg provider.Config, sp bool) (v3Settings, error) {
	set, err := wire.Settings(cfg, func(s *v3Settings) map[string]string {
		s.Prefix, s.AppID = cmp.Or(s.Prefix, "/v3"), cmp.Or(s.AppID, cfg.AppID)
		need := map[string]string{
			"mchid": s.MchID, "serial_no": s.SerialNo, "private_key": s.PrivateKey,
			"apiv3_key": s.APIv3Key, "appid": s.AppID,
		}
		if sp {
			need["sub_mchid"] = s.SubMchID
		}
		return need
	})
	_, known := v3Systems[set.Prefix]
	switch {
	case err != nil:
		return set, err
	case cfg.HTTP == nil:
		return set, errors.New("an HTTP client is required")
	case !word(set.MchID):
		return set, errors.New("mchid: letters and digits only")
	case !word(set.SerialNo):
		return set, errors.New("serial_no: letters and digits only")
	case sp && !word(set.SubMchID):
		return set, errors.New("sub_mchid: letters and digits only")
	case len(set.APIv3Key) != 32:
		return set, errors.New("apiv3_key: must be 32 bytes")
	case !known:
		return set, errors.New("prefix: must be /v3, /v3/global or /hk/v3")
	case set.MCC != "" && (len(set.MCC) != 4 || strings.Trim(set.MCC, "0123456789") != ""):
		return set, errors.New("mcc: must be 4 digits")
	case set.PublicKeyID == "" && set.PublicKey != "":
		return set, errors.New("public_key_id: required with public_key")
	case set.PublicKeyID != "" && set.PublicKey == "":
		return set, errors.New("public_key: required with public_key_id")
	case set.PublicKeyID != "" && !word(set.PublicKeyID):
		return set, errors.New("public_key_id: letters, digits and _ only")
	}
	return set, nil
}

// word reports that a text is fit for a header and a path: letters, digits and _.
func word(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '_'
	})
}

// distinct drops empty and repeated texts, and keeps the order.
func distinct(list ...string) []string {
	var kept []string
	for _, s := range list {
		if s != "" && !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	return kept
}
