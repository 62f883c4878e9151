package scheme

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// A leader that was cut short, or that panicked, leaves the work to the next.
func TestFlightsSurviveTheirLeader(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func() (made, error){
		"cut short": func() (made, error) { return made{}, context.Canceled },
		"panic":     func() (made, error) { panic("leader") },
	} {
		synctest.Test(t, func(t *testing.T) {
			var x flights
			hold := make(chan struct{})
			go func() {
				defer func() { _ = recover() }()
				_, _, _ = x.do(t.Context(), "k", func() (made, error) { <-hold; return end() })
			}()
			synctest.Wait()
			got := make(chan made)
			go func() {
				s, shared, err := x.do(t.Context(), "k", func() (made, error) { return made{OpenLink: "mine"}, nil })
				if shared || err != nil {
					t.Errorf("%s: %v, %v", name, shared, err)
				}
				got <- s
			}()
			synctest.Wait()
			close(hold)
			if s := <-got; s.OpenLink != "mine" || len(x.by) != 0 {
				t.Errorf("%s: %+v, %d flights left", name, s, len(x.by))
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		var x flights
		hold := make(chan struct{})
		go func() { _, _, _ = x.do(t.Context(), "k", func() (made, error) { <-hold; return made{}, nil }) }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := x.do(ctx, "k", nil); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		close(hold)
	})
}
