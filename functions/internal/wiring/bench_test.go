package wiring_test

import (
	"os"
	"testing"

	"overseaspay/shared/web/runtimetest"
)

// BenchmarkColdStart is the time from starting a function's process to its first
// reply, beside that of the smallest function with a DynamoDB client. The design
// allows one and a half times as much.
func BenchmarkColdStart(b *testing.B) {
	env := []string{"AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"ORDERS_TABLE=o", "CONFIG_TABLE=c", "LINKS_TABLE=l", "NOTIFY_URL=https://notify.test"}
	get := []byte(`{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"GET","path":"/"}}}`)
	for _, c := range []struct{ name, pkg string }{
		{"hello", "overseaspay/functions/internal/wiring/testdata/hello"},
		{"pay", "overseaspay/functions/pay/bootstrap"},
		{"notify", "overseaspay/functions/notify/bootstrap"},
	} {
		b.Run(c.name, func(b *testing.B) {
			bootstrap := runtimetest.Build(b, c.pkg)
			info, err := os.Stat(bootstrap)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := runtimetest.Start(b, bootstrap, env...).Invoke(b.Context(), get); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(info.Size())/(1<<20), "MiB")
		})
	}
}
