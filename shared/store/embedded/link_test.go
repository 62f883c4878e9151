package embedded

import (
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"overseaspay/shared/link"
	"overseaspay/shared/store"
	"overseaspay/shared/store/storetest"
)

func TestLinkContract(t *testing.T) {
	t.Parallel()
	storetest.RunLinks(t, func(t *testing.T) store.LinkStore { return open(t, "") })
}

// What has outlived its time leaves the file, as TTL does it in DynamoDB.
func TestOutlivedLinksAreForgotten(t *testing.T) {
	t.Parallel()
	s := open(t, "")
	old := time.Now().Add(-48 * time.Hour)
	for _, key := range []string{"scheme/a", "scheme/b"} {
		if _, err := s.Remember(t.Context(), key, "v", old.Add(-time.Hour), old); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.PutLink(t.Context(), &link.Link{ID: "AbCd1234", TimeExpire: time.Now()}); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := s.db.View(func(tx *bolt.Tx) error {
		n = tx.Bucket(links).Stats().KeyN + tx.Bucket(linkAges).Stats().KeyN
		return nil
	}); err != nil || n != 2 {
		t.Errorf("%d entries are left, want the link and its age (%v)", n, err)
	}
}
