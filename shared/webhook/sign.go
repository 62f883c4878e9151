package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"overseaspay/shared/config"
)

// sign makes the webhook-signature of a body: per secret v1, a comma, and the
// base64 of HMAC-SHA256 over id.timestamp.body, separated by spaces. Nothing is
// ever sent unsigned: no secret is an error.
func sign(secrets []config.Secret, id, timestamp string, body []byte) (string, error) {
	if len(secrets) == 0 {
		return "", errors.New("webhook: webhook.secrets is empty, and nothing is sent unsigned")
	}
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		text, ok := strings.CutPrefix(secret.Reveal(), "whsec_")
		key, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil || len(key) == 0 {
			return "", fmt.Errorf("webhook: webhook.secrets[%d] must be whsec_ and base64", i)
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signatures, " "), nil
}
