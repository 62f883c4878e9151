// Command bootstrap is the notify function on AWS Lambda.
package main

import (
	"log"

	"github.com/aws/aws-lambda-go/lambda"

	"overseaspay/functions/internal/wiring"
	"overseaspay/functions/notify"
	"overseaspay/shared/web"
)

func main() {
	p, err := wiring.New()
	if err != nil {
		log.Fatal(err)
	}
	h, err := notify.New(p.Cashier)
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(web.Lambda(p.Log, h))
}
