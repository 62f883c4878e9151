// Package web is the edge of every function: a function URL event becomes a
// request for an ordinary http.Handler and its reply goes back, callers are told
// apart, errors get their status, and each request leaves exactly one log line.
// It must not know orders, processors, stores, the config item or the Lambda
// runtime; secrets come in as plain strings from whoever has them.
//
// A function is a table of actions; each decodes its own input type:
//
//	api := web.API{Auth: auth, Actions: web.Actions{
//		"login":      web.Handle(pay.login),
//		"queryorder": web.Handle(pay.query, web.User, web.Server),
//		"refund":     web.Handle(pay.refund, web.Server),
//	}}
//	log := web.NewLog(os.Stdout, slog.LevelInfo)
//	lambda.Start(web.Lambda(log, api))                    // on AWS
//	http.ListenAndServe(addr, web.Logged(log, api))       // on a laptop
package web
