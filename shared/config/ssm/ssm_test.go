package ssm_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/config/ssm"
)

const (
	keyID   = "AKIDEXAMPLE"
	secret  = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	session = "session-token"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

var authorization = regexp.MustCompile(
	`^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260301/eu-west-1/ssm/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$`)

// checkSignature computes Signature Version 4 from AWS's description of it, and
// says what does not fit.
func checkSignature(r *http.Request, body []byte) error {
	parts := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if parts == nil {
		return fmt.Errorf("shape of %q", r.Header.Get("Authorization"))
	}
	signed := strings.Split(parts[1], ";")
	for _, need := range []string{"host", "x-amz-date", "x-amz-security-token", "x-amz-target"} {
		if !slices.Contains(signed, need) {
			return fmt.Errorf("%s is not signed", need)
		}
	}
	var headers strings.Builder
	for _, name := range signed {
		value := r.Header.Get(name)
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	canonical := strings.Join([]string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, headers.String(), parts[1], digest(body)}, "\n")
	text := "AWS4-HMAC-SHA256\n" + r.Header.Get("X-Amz-Date") + "\n20260301/eu-west-1/ssm/aws4_request\n" + digest([]byte(canonical))
	key := mac(mac(mac(mac([]byte("AWS4"+secret), "20260301"), "eu-west-1"), "ssm"), "aws4_request")
	if want := hex.EncodeToString(mac(key, text)); want != parts[2] {
		return fmt.Errorf("signature %s, want %s", parts[2], want)
	}
	return nil
}

// fake answers like the service: parameters that it has, and the rest as invalid.
func fake(t *testing.T, have map[string]string, batches *[]int) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = checkSignature(r, body)
		}
		if err != nil {
			t.Error(err)
		}
		for name, want := range map[string]string{
			"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AmazonSSM.GetParameters", "X-Amz-Security-Token": session,
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %q", name, got)
			}
		}
		var in struct {
			Names          []string
			WithDecryption *bool
		}
		if err := json.Unmarshal(body, &in); err != nil || in.WithDecryption == nil || !*in.WithDecryption || r.Method != http.MethodPost || r.URL.Path != "/" {
			t.Errorf("%s %s with %s", r.Method, r.URL.Path, body)
		}
		*batches = append(*batches, len(in.Names))
		var out struct {
			Parameters        []map[string]any
			InvalidParameters []string
		}
		for _, name := range in.Names {
			if value, ok := have[name]; ok {
				out.Parameters = append(out.Parameters, map[string]any{"Name": name, "Type": "SecureString", "Value": value, "Version": 1, "LastModifiedDate": 1.7e9})
			} else {
				out.InvalidParameters = append(out.InvalidParameters, name)
			}
		}
		if err := json.NewEncoder(w).Encode(out); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func resolver(t *testing.T, endpoint string) *ssm.Resolver {
	t.Helper()
	r, err := ssm.New(ssm.Config{
		Region: "eu-west-1", Endpoint: endpoint, Now: func() time.Time { return noon },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: session}, nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestResolve(t *testing.T) {
	t.Parallel()
	have, names := map[string]string{}, []string{"/pay/missing"}
	for i := range 22 {
		name := fmt.Sprintf("/pay/n%d", i)
		have[name], names = fmt.Sprintf("value <%d> & more", i), append(names, name)
	}
	var batches []int
	got, err := resolver(t, fake(t, have, &batches).URL).Resolve(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(have, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{10, 10, 3}, batches); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}

func TestResolveFails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, want string
		answer     http.HandlerFunc
	}{
		{"denied", "ssm: GetParameters: HTTP 400 AccessDeniedException", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"arn:aws:iam::1 is not"}`)
		}},
		{"down", "ssm: GetParameters: HTTP 503 ", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }},
		{"odd code", "ssm: GetParameters: HTTP 400 ", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"__type":"a code\nwith lines"}`)
		}},
		{"not JSON", "ssm: GetParameters: the answer is not the JSON that is documented", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }},
		{"broken off", "ssm: GetParameters: the answer broke off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{")
		}},
		{"no answer", "ssm: GetParameters: no answer: EOF", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(tt.answer)
			t.Cleanup(s.Close)
			got, err := resolver(t, s.URL).Resolve(t.Context(), []string{"/pay/x"})
			if got != nil || err == nil || err.Error() != tt.want {
				t.Errorf("Resolve = %v, %v; want %s", got, err, tt.want)
			}
		})
	}
}

func TestResolveWithoutCredentials(t *testing.T) {
	t.Parallel()
	expired := errors.New("expired")
	r, err := ssm.New(ssm.Config{Region: "cn-north-1", Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, expired
	})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Resolve(t.Context(), []string{"/pay/x"}); !errors.Is(err, expired) {
		t.Errorf("Resolve: %v", err)
	}
}

// roundTrip is a transport that only remembers where a request would go.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestFromEnv(t *testing.T) {
	t.Parallel()
	base := map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": session}
	tests := []struct {
		name string
		in   map[string]string
		want string // where it asks, or the error
	}{
		{"region's own", nil, "https://ssm.eu-west-1.amazonaws.com/"},
		{"other region variable", map[string]string{"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-east-1"}, "https://ssm.us-east-1.amazonaws.com/"},
		{"China", map[string]string{"AWS_REGION": "cn-north-1"}, "https://ssm.cn-north-1.amazonaws.com.cn/"},
		{"endpoint", map[string]string{"AWS_ENDPOINT_URL": "http://localhost:4566/"}, "http://localhost:4566/"},
		{"own endpoint", map[string]string{"AWS_ENDPOINT_URL": "http://localhost:4566", "AWS_ENDPOINT_URL_SSM": "http://localhost:1/p"}, "http://localhost:1/p/"},
		{"bad endpoint", map[string]string{"AWS_ENDPOINT_URL": "localhost"}, "ssm: endpoint: must be an http(s) URL"},
		{"no region", map[string]string{"AWS_REGION": ""}, "ssm: region: required"},
		{"no key", map[string]string{"AWS_SECRET_ACCESS_KEY": ""}, "ssm: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: required"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var asked string
			client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if !strings.Contains(r.Header.Get("Authorization"), "Credential="+keyID+"/") || r.Header.Get("X-Amz-Security-Token") != session {
					t.Error("not signed with the environment's credentials")
				}
				asked = r.URL.String()
				return nil, errors.New("only looking")
			})}
			r, err := ssm.FromEnv(func(name string) string {
				if value, ok := tt.in[name]; ok {
					return value
				}
				return base[name]
			}, client)
			if err != nil {
				asked = err.Error()
			} else if _, err := r.Resolve(t.Context(), []string{"/pay/x"}); err == nil || strings.Contains(err.Error(), "://") {
				t.Errorf("Resolve: %v", err)
			}
			if asked != tt.want {
				t.Errorf("asks %s, want %s", asked, tt.want)
			}
		})
	}
	if _, err := ssm.New(ssm.Config{Region: "eu-west-1"}); err == nil {
		t.Error("accepted without credentials")
	}
}
