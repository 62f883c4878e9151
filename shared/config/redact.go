package config

import (
	"encoding/json"
	"slices"
	"strings"
)

// secretEndings are how the names of secret members end: key, bridge_key,
// private_key, apiv3_key, cert_key, access_token, appsecret, oa_appsecret,
// session_secret, merchant_keys, secrets. Whatever else ends so is taken for a
// secret too, so that a new processor's cannot be forgotten.
var secretEndings = []string{"key", "keys", "secret", "secrets", "token", "tokens", "password"}

// isSecret reports whether a member of that name is never to be seen, at any depth.
func isSecret(member string) bool {
	member = strings.ToLower(member) // encoding/json, which reads settings, ignores case
	return member != "public_key" && slices.ContainsFunc(secretEndings, func(end string) bool {
		return strings.HasSuffix(member, end)
	})
}

// Redact returns an item with every secret replaced by [redacted], for people.
// References to parameters stay, as they are no secrets. What is not JSON is
// replaced as a whole.
func Redact(raw json.RawMessage) json.RawMessage {
	tree, err := decodeTree(raw)
	if err != nil {
		return json.RawMessage(`"` + redacted + `"`)
	}
	tree = edit(tree, "", func(place place, value any) any {
		if place.secret && !isReference(value) {
			return redacted
		}
		return value
	})
	shown, err := json.Marshal(tree)
	if err != nil {
		return json.RawMessage(`"` + redacted + `"`)
	}
	return shown
}

// SecretValues lists the value of every secret of an item, for whoever has to
// prove or to make sure that none is seen. References to parameters are left out.
func SecretValues(raw json.RawMessage) []string {
	tree, err := decodeTree(raw)
	if err != nil {
		return nil
	}
	return secretValues(tree)
}

func secretValues(tree any) []string {
	var found []string
	edit(tree, "", func(place place, value any) any {
		if !place.secret || isReference(value) {
			return value
		}
		switch v := value.(type) {
		case string:
			if v != "" {
				found = append(found, v)
			}
		case json.Number:
			found = append(found, v.String())
		}
		return value
	})
	slices.Sort(found)
	return slices.Compact(found)
}
