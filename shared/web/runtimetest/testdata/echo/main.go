// Command echo is a function to try runtimetest on.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do   string `json:"do"`
	Text string `json:"text"`
}

type reply struct {
	Text      string `json:"text"`
	RequestID string `json:"request_id"`
	Seconds   int    `json:"seconds"` // until the deadline
	Given     string `json:"given"`
	Home      string `json:"home"`
}

func main() {
	lambda.Start(func(ctx context.Context, e event) (reply, error) {
		fmt.Println("did", e.Do)
		switch e.Do {
		case "fail":
			return reply{}, errors.New("as asked")
		case "panic":
			panic("as asked")
		case "exit":
			os.Exit(3)
		case "hang":
			select {}
		}
		lc, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		left := time.Until(deadline)
		return reply{e.Text, lc.AwsRequestID, int((left + time.Second - 1) / time.Second), os.Getenv("GIVEN"), os.Getenv("HOME")}, nil
	})
}
