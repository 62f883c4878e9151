// Command bootstrap is the reconcile function on AWS Lambda.
package main

import (
	"log"

	"github.com/aws/aws-lambda-go/lambda"

	"overseaspay/functions/internal/wiring"
	"overseaspay/functions/reconcile"
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
	f, err := reconcile.New(reconcile.Config{Cashier: p.Cashier, Deliverer: shop, Log: p.Log})
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(f.Handle)
}
