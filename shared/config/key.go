package config

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// digestMark starts a merchant key of which the item holds the hash only.
const digestMark = "sha256:"

// keyTail is the random part of a merchant key, of what a Bearer token may hold.
var keyTail = regexp.MustCompile(`^[0-9A-Za-z._~+/=-]+$`)

// longKey is how long a key's random part should be, in characters.
const longKey = 16

// checkKeys reads the merchant keys into digests.
func (f *findings) checkKeys(m *Merchant) {
	for i, key := range m.Item.MerchantKeys {
		path := element("merchant_keys", i)
		if text, hashed := strings.CutPrefix(key.Reveal(), digestMark); hashed {
			digest, err := hex.DecodeString(text)
			if err != nil || len(digest) != sha256.Size {
				f.fail(path, "must be sha256: and 64 hex digits")
				continue
			}
			m.keys = append(m.keys, [sha256.Size]byte(digest))
			continue
		}
		tail, own := strings.CutPrefix(key.Reveal(), m.keyPrefix())
		if !own || !keyTail.MatchString(tail) {
			f.fail(path, "must read "+m.keyPrefix()+"<random>")
			continue
		}
		if len(tail) < longKey {
			f.warn(path, fmt.Sprintf("can be guessed: make its random part %d or more letters and digits", longKey))
		}
		m.keys = append(m.keys, sha256.Sum256([]byte(key)))
	}
	if len(m.Item.MerchantKeys) == 0 && !m.Item.AllowClientAmount {
		f.warn("merchant_keys", "none, and allow_client_amount is not true: nobody can make an order")
	}
}

// CheckKey reports whether a caller's merchant key is one of this merchant's. It
// takes the same time whichever key fits, or none.
func (m *Merchant) CheckKey(key string) bool {
	digest, fits := sha256.Sum256([]byte(key)), 0
	for _, want := range m.keys {
		fits |= subtle.ConstantTimeCompare(digest[:], want[:])
	}
	return fits == 1 && strings.HasPrefix(key, m.keyPrefix())
}

func (m *Merchant) keyPrefix() string { return "sk_" + m.Name + "_" }
