package dynamo

import (
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// How long the client tries. DynamoDB answers within milliseconds, so that a
// request without an answer is better sent again than waited for.
const (
	attemptTimeout = 2 * time.Second // connection, request and whole answer
	attempts       = 3               // of one request, by the SDK
	maxBackoff     = time.Second     // between them
)

// NewClient makes a client from the AWS SDK's own variables, as Lambda sets them:
// AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (required),
// AWS_SESSION_TOKEN, and AWS_ENDPOINT_URL_DYNAMODB or else AWS_ENDPOINT_URL for an
// emulator. It reads no files, which the SDK's LoadDefaultConfig would do at every
// cold start. Of httpClient, which may be nil, everything but the timeout is used.
func NewClient(getenv func(string) string, httpClient *http.Client) (*dynamodb.Client, error) {
	for _, name := range []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		if getenv(name) == "" {
			return nil, fmt.Errorf("dynamo: %s is required", name)
		}
	}
	options := dynamodb.Options{
		Region: getenv("AWS_REGION"),
		Credentials: credentials.NewStaticCredentialsProvider(
			getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY"), getenv("AWS_SESSION_TOKEN")),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff = attempts, maxBackoff
		}),
		HTTPClient: awshttp.NewBuildableClient().WithTimeout(attemptTimeout),
	}
	if httpClient != nil {
		short := *httpClient
		short.Timeout = attemptTimeout
		options.HTTPClient = &short
	}
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"} {
		if url := getenv(name); url != "" {
			options.BaseEndpoint = aws.String(url)
		}
	}
	return dynamodb.New(options), nil
}
