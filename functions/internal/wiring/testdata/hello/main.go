// Command hello is the smallest function with a DynamoDB client: what the cold
// start of ours is measured against.
package main

import (
	"context"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"overseaspay/shared/store/dynamo"
)

func main() {
	client, err := dynamo.NewClient(os.Getenv, nil)
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(func(context.Context) (string, error) { return client.Options().Region, nil })
}
