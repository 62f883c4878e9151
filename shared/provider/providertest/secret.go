package providertest

import (
	"strings"

	"overseaspay/shared/provider"
)

// checkWrongSecret asks with credentials that the processor refuses: nothing
// happens, and the error says which settings to mend.
func checkWrongSecret(r *rig) {
	if len(r.h.WrongSecret) == 0 {
		r.Fatal("Harness.WrongSecret is empty")
	}
	if len(r.secrets()) == 0 {
		r.Fatal("the twin's settings hold no secret that could be looked for")
	}
	t := r.made(r.usual())
	_, err := r.wrong().Query(r.Context(), t)
	r.mend("query", err)
	if _, refunds := r.p.(provider.Refunder); refunds {
		r.under("refund", func(r *rig) {
			t := r.paid(r.usual())
			_, err := r.wrong().(provider.Refunder).Refund(r.Context(), r.refund(t, refundNo, 1299))
			r.mend("refund", err)
			r.given()
		})
	}
	r.under("create", func(r *rig) {
		if remote := operations(r)[0].remote(r); !remote {
			return
		}
		_, err := r.wrong().Create(r.Context(), r.usual())
		r.mend("create", err)
		if n := len(r.box.Trades()); n > 0 {
			r.Errorf("the ledger has %d trades", n)
		}
	})
}

// mend checks an error that a wrong setting causes.
func (r *rig) mend(what string, err error) {
	r.Helper()
	r.kind(what, err, provider.Denied, provider.Declined)
	if err != nil && !strings.Contains(err.Error(), "providers."+r.d.Name) {
		r.Errorf("%s: %v: does not name providers.%s", what, err, r.d.Name)
	}
}
