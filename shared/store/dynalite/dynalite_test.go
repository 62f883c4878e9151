package dynalite

import (
	"net/http"
	"testing"
)

func TestStart(t *testing.T) {
	t.Parallel()
	endpoint := Start(t)
	if again := Start(t); again != endpoint {
		t.Errorf("a second process: %s and %s", endpoint, again)
	}
	res, err := http.Get(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("X-Amz-Crc32") == "" {
		t.Errorf("that is not dynalite: %s", res.Status)
	}
}
