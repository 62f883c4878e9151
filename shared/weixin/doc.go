// Package weixin talks to api.weixin.qq.com for a mini-program's back end: who is
// logging in, and the access token that other calls there need. It must not know
// orders, the config item, HTTP callers or what the token is used for; secrets
// come in with each call and are neither kept in errors nor logged.
//
//	client, err := weixin.New(weixin.Config{HTTP: keepAlive})
//	session, err := client.Session(ctx, appid, appsecret, code)
//	code, err := client.Do(ctx, appid, appsecret, func(ctx context.Context, token string) (int, error) {
//		return generateScheme(ctx, token) // returns WeChat's errcode
//	})
//
// Every call there answers HTTP 200 even on failure and may say text/plain: the
// errcode decides. A call takes at most 10 s, and is repeated once, at once, where
// WeChat was busy (errcode -1) or certainly did not hear of it. All errors are
// [payment.Error]. A Client is safe for concurrent use.
package weixin
