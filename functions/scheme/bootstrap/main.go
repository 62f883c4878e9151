// Command bootstrap is the scheme function on AWS Lambda.
package main

import (
	"log"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"overseaspay/functions/internal/wiring"
	"overseaspay/functions/scheme"
	"overseaspay/shared/web"
)

func main() {
	p, err := wiring.New()
	if err != nil {
		log.Fatal(err)
	}
	h, err := scheme.New(scheme.Config{Cashier: p.Cashier, Orders: p.Store, Links: p.Store, Merchants: p.Merchants,
		HTTP: p.HTTP, URL: os.Getenv("SCHEME_URL"), Log: p.Log})
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(web.Lambda(p.Log, h))
}
