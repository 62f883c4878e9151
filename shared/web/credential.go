package web

import (
	"net/http"
	"strings"
)

// Bearer is the credential in the Authorization header; ok is false if there is none.
func Bearer(r *http.Request) (token string, ok bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}

// MerchantOfKey reads the merchant out of sk_<merchant>_<random>; ok is false for
// what is no merchant key. It says whose keys to compare with, and proves nothing.
func MerchantOfKey(key string) (merchant string, ok bool) {
	rest, ours := strings.CutPrefix(key, "sk_")
	merchant, random, _ := strings.Cut(rest, "_")
	if !ours || random == "" || !isMerchant(merchant) {
		return "", false
	}
	return merchant, true
}

// isMerchant reports whether a name is one that a merchant can have.
func isMerchant(name string) bool {
	return name != "" && len(name) <= 32 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
