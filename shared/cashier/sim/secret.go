package sim

import (
	"encoding/json"
	"strings"
	"sync"

	"overseaspay/shared/cashier/cashiertest"
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
	return append(list, cashiertest.Canaries(w.item)...)
}
