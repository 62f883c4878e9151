// Package ssm reads SecureString parameters for config items whose texts are
// references (ssm:/{stack}/name). It makes one signed POST per ten names with the
// SDK's own signer; the SDK's client for the service would weigh more than all of
// a function. It must not know what the parameters are for.
//
//	r, err := ssm.FromEnv(os.Getenv, client)
//	values, err := r.Resolve(ctx, []string{"/pay/yaband-key"})
//
// The role needs ssm:GetParameters on the names, and kms:Decrypt where they are
// encrypted with a key of one's own.
package ssm

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"overseaspay/shared/config"
)

const (
	batch    = 10      // names that GetParameters takes
	maxReply = 1 << 20 // bytes read of an answer
)

// Config is what a [Resolver] is made from.
type Config struct {
	Region      string                  // required
	Credentials aws.CredentialsProvider // required
	Endpoint    string                  // default: the region's own
	HTTP        *http.Client            // default: one with a 5 s limit
	Now         func() time.Time        // default time.Now
}

// Resolver asks AWS Systems Manager. It is safe for concurrent use.
type Resolver struct {
	cfg    Config
	signer *v4.Signer
}

var _ config.Resolver = (*Resolver)(nil)

// New checks what is required.
func New(cfg Config) (*Resolver, error) {
	switch {
	case cfg.Region == "":
		return nil, errors.New("ssm: region: required")
	case cfg.Credentials == nil:
		return nil, errors.New("ssm: credentials: required")
	}
	cfg.Endpoint = strings.TrimRight(cmp.Or(cfg.Endpoint, endpoint(cfg.Region)), "/") + "/"
	if u, err := url.Parse(cfg.Endpoint); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, errors.New("ssm: endpoint: must be an http(s) URL")
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{Timeout: 5 * time.Second}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Resolver{cfg: cfg, signer: v4.NewSigner()}, nil
}

// FromEnv reads the variables of the AWS SDKs: AWS_REGION (or AWS_DEFAULT_REGION),
// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, and
// AWS_ENDPOINT_URL_SSM before AWS_ENDPOINT_URL.
func FromEnv(getenv func(string) string, client *http.Client) (*Resolver, error) {
	keys := aws.Credentials{
		AccessKeyID: getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken: getenv("AWS_SESSION_TOKEN"), Source: "environment",
	}
	if keys.AccessKeyID == "" || keys.SecretAccessKey == "" {
		return nil, errors.New("ssm: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: required")
	}
	return New(Config{
		Region:   cmp.Or(getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION")),
		Endpoint: cmp.Or(getenv("AWS_ENDPOINT_URL_SSM"), getenv("AWS_ENDPOINT_URL")),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return keys, nil
		}),
		HTTP: client,
	})
}

// endpoint is a region's own.
func endpoint(region string) string {
	host := "https://ssm." + region + ".amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		host += ".cn"
	}
	return host
}

// Resolve reads parameters, decrypted. Those that do not exist are left out. Every
// error is an outage or a missing permission; it names the service's own code and
// never a value. Nothing is repeated: who needs it asks again later.
func (r *Resolver) Resolve(ctx context.Context, names []string) (map[string]string, error) {
	values := make(map[string]string, len(names))
	for some := range slices.Chunk(names, batch) {
		if err := r.get(ctx, some, values); err != nil {
			return nil, fmt.Errorf("ssm: GetParameters: %w", err)
		}
	}
	return values, nil
}

func (r *Resolver) get(ctx context.Context, names []string, into map[string]string) error {
	req, err := r.request(ctx, names)
	if err != nil {
		return err
	}
	res, err := r.cfg.HTTP.Do(req)
	if err != nil {
		var out *url.Error
		if errors.As(err, &out) {
			err = out.Err // without the URL
		}
		return fmt.Errorf("no answer: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	if err != nil {
		return errors.New("the answer broke off")
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP %d %s", res.StatusCode, code(body))
	}
	var reply struct {
		Parameters []struct{ Name, Value string }
	}
	if json.Unmarshal(body, &reply) != nil {
		return errors.New("the answer is not the JSON that is documented")
	}
	for _, p := range reply.Parameters {
		into[p.Name] = p.Value
	}
	return nil
}

// request makes one signed request.
func (r *Resolver) request(ctx context.Context, names []string) (*http.Request, error) {
	body, err := json.Marshal(struct {
		Names          []string
		WithDecryption bool
	}{names, true})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.cfg.Endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("endpoint: not a URL")
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "AmazonSSM.GetParameters")
	keys, err := r.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	sum := sha256.Sum256(body)
	return req, r.signer.SignHTTP(ctx, keys, req, hex.EncodeToString(sum[:]), "ssm", r.cfg.Region, r.cfg.Now())
}

var codeForm = regexp.MustCompile(`^[A-Za-z]{1,64}$`)

// code is the service's own code for an error: "AccessDeniedException".
func code(body []byte) string {
	var reply struct {
		Type string `json:"__type"`
	}
	if json.Unmarshal(body, &reply) != nil {
		return ""
	}
	name := reply.Type[strings.LastIndexByte(reply.Type, '#')+1:]
	if !codeForm.MatchString(name) {
		return ""
	}
	return name
}
