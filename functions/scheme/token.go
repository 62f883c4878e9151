package scheme

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"overseaspay/shared/link"
)

// tokenLife is how long a payment page's form can be sent after the page was shown.
const tokenLife = 30 * time.Minute

// token makes a form good for one use on this page, as the key is the link's own:
// end, chance, signature.
func (f *function) token(l *link.Link) string {
	text := strconv.FormatInt(f.Now().Add(tokenLife).Unix(), 10) + "." + rand.Text()
	return text + "." + sign(l, text)
}

func sign(l *link.Link, text string) string {
	mac := hmac.New(sha256.New, []byte(l.Key))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// checkToken tells a form of ours, and whether it is too late for it.
func (f *function) checkToken(l *link.Link, token string) (good, late bool) {
	text, mac, ok := cutLast(token, ".")
	if !ok || l.Key == "" || !hmac.Equal([]byte(mac), []byte(sign(l, text))) {
		return false, false
	}
	end, _, _ := strings.Cut(text, ".")
	unix, err := strconv.ParseInt(end, 10, 64)
	return err == nil, !f.Now().Before(time.Unix(unix, 0))
}

func cutLast(text, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(text, sep)
	if i < 0 {
		return "", "", false
	}
	return text[:i], text[i+len(sep):], true
}

// tokenKey is where a used form is remembered.
func tokenKey(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "token/" + hex.EncodeToString(sum[:])
}
