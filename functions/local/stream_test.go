package main

import (
	"encoding/json"
	"testing"
	"time"

	"overseaspay/shared/payment"
)

// An event is handed over once, and again when it has more to say.
func TestAnEventWithMoreToSayIsHandedOverAgain(t *testing.T) {
	t.Parallel()
	s, o := newStream(nil), order(func(*payment.Order) {})
	for _, f := range []payment.Flag{payment.LatePayment, payment.SecondCapture} {
		o.Flag(f, time.Now().UTC())
		if ids := s.fresh(o); len(ids) != 1 {
			t.Errorf("with %s: %v", f, ids)
		}
		raw, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		stored := &payment.Order{}
		if err := json.Unmarshal(raw, stored); err != nil {
			t.Fatal(err)
		}
		if ids := s.fresh(stored); len(ids) != 0 {
			t.Errorf("without news: %v", ids)
		}
	}
}
