package scheme_test

import (
	"encoding/base64"
	"encoding/json"
	"image/png"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"overseaspay/functions/scheme"
	"overseaspay/shared/cashier/cashiertest"
)

// Behind a function URL, links begin with the host that was called.
func TestOnLambda(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	sample, err := os.ReadFile("event.json")
	r.check(err)
	sample = []byte(strings.Replace(string(sample), "sk_default_REPLACE-WITH-A-MERCHANT-KEY", cashiertest.Key, 1))
	invoke := func(event []byte) (out events.LambdaFunctionURLResponse) {
		t.Helper()
		raw, err := r.aws.Invoke(t.Context(), event)
		r.check(err)
		r.check(json.Unmarshal(raw, &out))
		return out
	}
	var made answer
	r.check(json.Unmarshal([]byte(invoke(sample).Body), &made))
	const home = "https://k3p7xq2mlt5ya4v6r8w9s0ncbe1dfghj.lambda-url.eu-central-1.on.aws/"
	if made.URL != home+made.ID || made.QRURL != home+made.ID+".svg" || len(made.ID) != 8 {
		t.Fatalf("%+v", made)
	}
	get := func(path string) events.LambdaFunctionURLResponse {
		t.Helper()
		var e events.LambdaFunctionURLRequest
		r.check(json.Unmarshal(sample, &e))
		e.RawPath, e.Body, e.RequestContext.HTTP.Method, e.RequestContext.HTTP.Path = path, "", "GET", path
		raw, err := json.Marshal(e)
		r.check(err)
		return invoke(raw)
	}
	if got := get("/" + made.ID); got.StatusCode != 200 || !strings.Contains(got.Body, "Spring tea") || !strings.Contains(got.Body, "weixin://") {
		t.Errorf("%+v", got)
	}
	picture := get("/" + made.ID + ".png")
	if _, err := png.Decode(base64.NewDecoder(base64.StdEncoding, strings.NewReader(picture.Body))); err != nil || !picture.IsBase64Encoded {
		t.Error(err)
	}
	if got := get("/AAAAAAAA"); got.StatusCode != 404 || got.Body != "404 not found\n" {
		t.Errorf("%+v", got)
	}
}

func TestNewWantsItsParts(t *testing.T) {
	t.Parallel()
	if _, err := scheme.New(scheme.Config{}); err == nil || !strings.Contains(err.Error(), "required") {
		t.Error(err)
	}
}
