// Package weixin talks to api.weixin.qq.com for a mini-program's back end: who is
// logging in, the access token that other calls there need, the schemes that open
// the mini-program, and the ticket that pages sign themselves with. It must not
// know orders, the config item or HTTP callers; secrets come in with each call and
// are neither kept in errors nor logged.
//
//	client, err := weixin.New(weixin.Config{HTTP: keepAlive})
//	session, err := client.Session(ctx, appid, appsecret, code)
//	jump, err := weixin.Jump{Path: "pages/index/index", Query: "id=7"}.Clean()
//	openlink, err := client.Scheme(ctx, appid, appsecret, jump, time.Now().Add(weixin.SchemeLife))
//
// Every call there answers HTTP 200 even on failure and may say text/plain: the
// errcode decides. A call takes at most 10 s, and is repeated once, at once, where
// WeChat was busy (errcode -1) or certainly did not hear of it. All errors are
// [payment.Error]. A Client is safe for concurrent use.
package weixin
