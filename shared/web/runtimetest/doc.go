// Package runtimetest runs the binaries that Lambda would run, as Lambda would
// run them: it is the small part of the Lambda Runtime API that a custom runtime
// talks to, served on localhost, with the binary as a process of its own. It must
// not know what a function does.
//
//	f := runtimetest.Start(t, runtimetest.Build(t, "overseaspay/functions/pay/bootstrap"),
//		"ORDERS_TABLE=orders", "AWS_ENDPOINT_URL_DYNAMODB="+dynalite)
//	reply, err := f.Invoke(ctx, event)
//
// The API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package runtimetest
