// Command bootstrap is the pay function on AWS Lambda.
package main

import (
	"log"

	"github.com/aws/aws-lambda-go/lambda"

	"overseaspay/functions/internal/wiring"
	"overseaspay/functions/pay"
	"overseaspay/shared/web"
)

func main() {
	p, err := wiring.New()
	if err != nil {
		log.Fatal(err)
	}
	h, err := pay.New(pay.Config{Cashier: p.Cashier, Merchants: p.Merchants, Login: wiring.Login(p.HTTP)})
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(web.Lambda(p.Log, h))
}
