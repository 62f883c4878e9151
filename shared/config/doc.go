// Package config is the config item: one JSON object per merchant that picks the
// processor and holds everything secret. It knows the item's schema, checks it,
// resolves what is kept in a parameter store, and caches the result. It must not
// know any single processor (it is given a [provider.Registry] and lets each
// processor check its own settings), nor an order, nor which store holds items.
//
// [Parse] turns an item into a [Merchant], an immutable snapshot whose processor
// accounts are ready to be called, or says everything that is wrong with it at
// once, each with its path:
//
//	m, warnings, err := config.Parse("default", raw, config.Env{Registry: registry})
//	// err: config item: merchant_keys[1]: must read sk_default_<random>, ...;
//	//      providers.yaband.key: required
//	d, p, err := m.Route(payment.WeChat, "")
//
// [Cache] is how functions get at it: it asks the store once a minute and serves
// the last good snapshot on while an item is invalid or the store is out.
//
// No secret leaves this package by accident: a [Secret] prints as [redacted],
// whatever prints it, and errors and warnings name members, never their values.
package config
