package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"overseaspay/shared/sandbox"
)

// demoMark is the member by which a demo item is known again.
const demoMark = "_demo"

// writeDemo writes the demo item at the first start and returns its merchant key;
// of a demo item written before it returns the key that it holds. Any other file
// has no key to show.
func writeDemo(path, id, sandboxURL string, twins []sandbox.Twin) (key string, err error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = "sk_default_" + rand.Text()
		demo := sandbox.DemoItem(sandboxURL, twins, rand.Text()+rand.Text(), key)
		demo["id"], demo[demoMark] = id, "written at the first start; edit it, it is read again whenever it changes"
		if raw, err = json.MarshalIndent(demo, "", "  "); err != nil {
			return "", err
		}
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return "", err
		}
		return key, os.WriteFile(path, append(raw, '\n'), 0o600)
	}
	if err != nil {
		return "", err
	}
	var have struct {
		Keys []string `json:"merchant_keys"`
	}
	if isDemo(raw) && json.Unmarshal(raw, &have) == nil && len(have.Keys) > 0 {
		return have.Keys[0], nil
	}
	return "", nil
}

func isDemo(raw json.RawMessage) bool {
	var have map[string]json.RawMessage
	return json.Unmarshal(raw, &have) == nil && have[demoMark] != nil
}

// sandboxText is how an item writes that something is at a sandbox on this machine
// or in its network.
var sandboxText = regexp.MustCompile(`"http://(localhost|[0-9.]+|\[[0-9a-f:]+\])(:[0-9]+)?/sandbox([/"])`)

// relocate makes demo items lead to the sandbox at url, whatever address they were
// written for: a server started on another one serves them as well. It returns the
// first address that it replaced, "" for none. The file stays as it is, so that two
// servers can share it.
func relocate(items []item, url string) (from string) {
	host := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/sandbox")
	for i, it := range items {
		if !isDemo(it.raw) {
			continue
		}
		text := string(it.raw)
		for _, m := range sandboxText.FindAllStringSubmatch(text, -1) {
			old := m[1] + m[2]
			if old == host {
				continue
			}
			text = strings.ReplaceAll(text, `"http://`+old+"/sandbox"+m[3], `"`+url+m[3])
			text = strings.ReplaceAll(text, `"`+old+`"`, `"`+host+`"`) // scheme.hosts
			if from == "" {
				from = "http://" + old
			}
		}
		items[i].raw = json.RawMessage(text)
	}
	return from
}

// reachable is the address at which a listener is reached from this machine.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}
