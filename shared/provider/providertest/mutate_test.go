package providertest

import (
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/provider"
)

// Mutations that change nothing would make the suite blind; ones that change the
// genuine notice itself would spoil the next.
func TestMutateChangesACopy(t *testing.T) {
	t.Parallel()
	genuine := func() provider.Inbound {
		return provider.Inbound{
			Method: http.MethodPost, Query: "a=1&b=2", Body: []byte(`{"sign":"x","data":{"amount":"1.00","no":"7"}}`),
			Header: http.Header{"Signature": {"c2lnbg=="}, "Content-Type": {"application/json"}},
		}
	}
	in, same := genuine(), 0
	for seed := range uint64(mutations) {
		once, how := mutate(in, rand.New(rand.NewPCG(seed, 1)))
		again, _ := mutate(in, rand.New(rand.NewPCG(seed, 1)))
		if !cmp.Equal(once, again) {
			t.Fatalf("seed %d (%s) is not the same twice", seed, how)
		}
		if cmp.Equal(once, in) {
			same++
		}
	}
	if !cmp.Equal(in, genuine()) {
		t.Error("the genuine notice was changed")
	}
	if same > mutations/10 {
		t.Errorf("%d of %d mutations change nothing", same, mutations)
	}
}

func TestSecretNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"key": true, "apiv3_key": true, "private_key": true, "access_token": true, "appsecret": true, "bridge_key": true,
		"public_key": false, "public_key_id": false, "mchid": false, "serial_no": false, "currency": false,
	} {
		if got := secretName(name); got != want {
			t.Errorf("%s: secret %v, want %v", name, got, want)
		}
	}
}
