// Command bootstrap is the deliver function on AWS Lambda.
package main

import (
	"log"

	"github.com/aws/aws-lambda-go/lambda"

	"overseaspay/functions/deliver"
	"overseaspay/functions/internal/wiring"
	"overseaspay/shared/webhook"
)

func main() {
	p, err := wiring.New()
	if err != nil {
		log.Fatal(err)
	}
	shop, err := webhook.New(webhook.Config{Log: p.Log})
	if err != nil {
		log.Fatal(err)
	}
	f, err := deliver.New(deliver.Config{Cashier: p.Cashier, Orders: p.Store, Merchants: p.Merchants, Deliverer: shop, Log: p.Log})
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(f.Handle)
}
