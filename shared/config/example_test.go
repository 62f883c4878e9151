package config_test

import (
	"encoding/json"
	"fmt"

	"overseaspay/shared/config"
	"overseaspay/shared/payment"
)

func ExampleSecret() {
	key := config.Secret("a-key-from-the-item")
	fmt.Println(key)
	fmt.Printf("%q %x\n", key, key)
	fmt.Println(len(key.Reveal()))
	// Output:
	// [redacted]
	// [redacted] [redacted]
	// 19
}

func ExampleParse() {
	raw := json.RawMessage(`{
		"pay_sp": "acme", "currency": "EUR", "merchant_keys": ["sk_default_0123456789abcdef"],
		"providers": {"acme": {"mchid": "M1", "key": "secret"}}
	}`)
	m, _, err := config.Parse("default", raw, config.Env{Registry: registry()})
	if err != nil {
		fmt.Println(err)
		return
	}
	d, account, err := m.Route(payment.WeChat, "")
	fmt.Println(d.Name, account.Account(), m.Currency(d.Name), err)

	_, _, err = config.Parse("default", json.RawMessage(`{"pay_sp": "acme", "providers": {"acme": {"mchid": "M1"}}}`),
		config.Env{Registry: registry()})
	fmt.Println(err)
	// Output:
	// acme M1 EUR <nil>
	// config item: providers.acme.key: required
}
