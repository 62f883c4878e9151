package cashiertest

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"overseaspay/shared/config"
)

// Canaries lists what must never be seen of a config item: its secrets, and of
// those with several lines each line that is not only a frame.
func Canaries(item map[string]any) (list []string) {
	raw, err := json.Marshal(item)
	if err != nil {
		panic(err) // it is written by a test
	}
	for _, secret := range config.SecretValues(raw) {
		for line := range strings.SplitSeq(secret, "\n") {
			if len(line) > 8 && !strings.HasPrefix(line, "-----") {
				list = append(list, line)
			}
		}
	}
	return list
}

// watch searches everything that a test has written, when it ends, for the secrets
// of the rig's item: the log, the orders, the notices (R20).
func (r *Rig) watch(t testing.TB) {
	began := r.Clock.Now()
	t.Cleanup(func() {
		places := map[string]string{"the log": r.Logged(), "the orders table": r.table(t, began)}
		secrets := Canaries(r.Item)
		if len(secrets) < 10 {
			t.Errorf("the item has only %d secrets", len(secrets))
		}
		for place, text := range places {
			for _, s := range secrets {
				if strings.Contains(text, s) {
					t.Errorf("R20: the secret that begins with %.4s is in %s", s, place)
				}
			}
		}
	})
}

// table is all that the store holds of the demo shop's orders, as text.
func (r *Rig) table(t testing.TB, began time.Time) string {
	ctx, b := context.Background(), strings.Builder{} // the test's own context is over
	for day := began; !day.After(r.Clock.Now().Add(24 * time.Hour)); day = day.Add(24 * time.Hour) {
		for cursor, more := "", true; more; more = cursor != "" {
			keys, next, err := r.Store.Store.Day(ctx, "default", day.Format(time.DateOnly), cursor, 100)
			if err != nil {
				t.Error(err)
				return ""
			}
			cursor = next
			for _, key := range keys {
				o, err := r.Store.Store.Get(ctx, key.Merchant, key.OutTradeNo)
				notices, err2 := r.Store.Store.Notices(ctx, key)
				if err != nil || err2 != nil {
					t.Error(err, err2)
					return ""
				}
				raw, _ := json.Marshal(o)
				b.Write(raw)
				for _, n := range notices {
					b.WriteString(n.Body)
				}
			}
		}
	}
	return b.String()
}
