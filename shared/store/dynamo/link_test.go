package dynamo_test

import (
	"net/http"
	"testing"
	"time"

	"overseaspay/shared/link"
	"overseaspay/shared/store"
	"overseaspay/shared/store/storetest"
)

func TestLinkContract(t *testing.T) {
	t.Parallel()
	storetest.RunLinks(t, func(t *testing.T) store.LinkStore {
		s, _ := open(t)
		return s
	})
}

// An answer that is lost after the write changes nothing about what is kept.
func TestRememberSurvivesALostAnswer(t *testing.T) {
	t.Parallel()
	for name, lost := range losses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, cfg := open(t)
			way := &line{fault: func(op string, nth int, req *http.Request) (*http.Response, error) {
				if op == "PutItem" && nth == 1 {
					return lose(req, lost)
				}
				return http.DefaultTransport.RoundTrip(req)
			}}
			now := time.Now()
			if kept, err := through(t, cfg, way).Remember(t.Context(), "scheme/a", "mine", now, now.Add(time.Hour)); err != nil || kept != "mine" {
				t.Errorf("Remember: %q, %v", kept, err)
			}
		})
	}
}

// A visit costs one request.
func TestOpenLinkIsOneRequest(t *testing.T) {
	t.Parallel()
	s, cfg := open(t)
	l := &link.Link{ID: "AbCd1234", Merchant: "shop", TimeExpire: time.Now().Add(time.Hour)}
	if err := s.PutLink(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	way := &line{}
	if _, err := through(t, cfg, way).OpenLink(t.Context(), l.ID, link.Browser, time.Now()); err != nil {
		t.Fatal(err)
	}
	if len(way.sent) != 1 || way.sent["UpdateItem"] != 1 {
		t.Errorf("sent %v", way.sent)
	}
}
