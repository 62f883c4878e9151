package wechatpay

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
)

// v3Cipher is the one encryption of APIv3; the key is the APIv3 key's 32 bytes.
const v3Cipher = "AEAD_AES_256_GCM"

var (
	errCipher  = errors.New("not " + v3Cipher + " with a nonce of 12 bytes")
	errDecrypt = errors.New("not encrypted with this account's apiv3_key")
)

// sealed is an encrypted part of a message.
type sealed struct {
	Algorithm      string `json:"algorithm"`
	Ciphertext     string `json:"ciphertext"` // base64 of the ciphertext and its 16-byte tag
	AssociatedData string `json:"associated_data"`
	Nonce          string `json:"nonce"` // 12 bytes as they stand, not encoded
}

func newAEAD(key string) (cipher.AEAD, error) {
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// open decrypts. A nonce of another length is refused here, as the cipher panics on it.
func (s sealed) open(aead cipher.AEAD) ([]byte, error) {
	if s.Algorithm != v3Cipher || len(s.Nonce) != aead.NonceSize() {
		return nil, errCipher
	}
	raw, err := base64.StdEncoding.DecodeString(s.Ciphertext)
	if err != nil {
		return nil, errDecrypt
	}
	plain, err := aead.Open(nil, []byte(s.Nonce), raw, []byte(s.AssociatedData))
	if err != nil {
		return nil, errDecrypt
	}
	return plain, nil
}
