package twopaynow

import (
	"net/url"
	"strconv"

	"overseaspay/shared/provider/internal/wire"
)

// sign is 2PayNow's signature, of requests and notices: a function as it is named
// in the same message, the mid, unix milliseconds and the key, without separators.
func sign(function, mid, timestamp, key string) string {
	return wire.MD5(function + mid + timestamp + key)
}

// signed adds to a request what every request carries.
func (p *Processor) signed(function string, v url.Values) url.Values {
	timestamp := strconv.FormatInt(p.now().UnixMilli(), 10)
	v.Set("function", function)
	v.Set("mid", p.mid)
	v.Set("timestamp", timestamp)
	v.Set("sign", sign(function, p.mid, timestamp, p.key))
	return v
}

// set adds a parameter under its configured name; an empty name leaves it out.
func (p *Processor) set(v url.Values, name, value string) {
	if p.names[name] != "" {
		v.Set(p.names[name], value)
	}
}
