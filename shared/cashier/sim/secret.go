package sim

import (
	"encoding/json"
	"strings"
	"sync"
)

// noSecretEscapes: I9. Whatever was logged, answered, told to the shop or stored
// beside the config item holds none of the config item's secrets.
func (w *World) noSecretEscapes() {
	var stored strings.Builder
	for _, key := range w.Store.keys {
		raw, err := json.Marshal(w.Store.orders[key])
		if err != nil {
			panic(err)
		}
		stored.Write(raw)
		for _, n := range w.Store.notices[key] {
			stored.WriteString(n.Body)
		}
	}
	for _, place := range []struct{ name, text string }{{"logs, replies and events", w.logged.text.String()}, {"the orders table", stored.String()}} {
		if place.text == "" {
			w.violate("I9", "nothing was written to %s", place.name)
		}
		for i, s := range w.secrets() {
			if strings.Contains(place.text, s) {
				w.violate("I9", "secret %d of the config item is in %s", i, place.name)
			}
		}
	}
}

// leakDetector keeps all that was written, to be searched for secrets.
type leakDetector struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *leakDetector) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// secrets are the canaries of a world: every secret member of its config item.
func (w *World) secrets() []string {
	list := []string{shopKey, shopHook, strings.TrimPrefix(shopHook, "whsec_"), signing}
	for _, name := range w.names {
		for member, value := range w.settings(name) {
			text, ok := value.(string)
			secret := strings.Contains(member, "key") || strings.Contains(member, "secret") || strings.Contains(member, "token")
			if !ok || !secret || strings.HasPrefix(member, "public_key") {
				continue
			}
			for line := range strings.SplitSeq(text, "\n") {
				if len(line) > 8 && !strings.HasPrefix(line, "-----") {
					list = append(list, line)
				}
			}
		}
	}
	return list
}
