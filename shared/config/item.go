package config

import "overseaspay/shared/payment"

// Item is the config item as people write it, secrets resolved. In an item that
// [Parse] returned, defaults are filled in and pages have no leading slash.
type Item struct {
	PaySP             string                    `json:"pay_sp"`         // processor where methods name none
	Currency          string                    `json:"currency"`       // default of orders, ISO 4217; may be empty
	Methods           map[payment.Method]string `json:"methods"`        // processor per pay method
	AppID             string                    `json:"appid"`          // the mini-program
	AppSecret         Secret                    `json:"appsecret"`      // of the mini-program
	SessionSecret     Secrets                   `json:"session_secret"` // first signs, all verify; none: nobody can log in
	MerchantKeys      []Secret                  `json:"merchant_keys"`  // see [Merchant.CheckKey]
	AllowClientAmount bool                      `json:"allow_client_amount"`
	WeixinBaseURL     string                    `json:"weixin_base_url"` // replaces https://api.weixin.qq.com
	Webhook           Webhook                   `json:"webhook"`
	Scheme            Scheme                    `json:"scheme"`
	Providers         Settings                  `json:"providers"`
	NotifyURL         string                    `json:"notify_url"` // flat items only, else empty
}

// Webhook is where the shop hears of events. Without a URL it hears of none.
type Webhook struct {
	URL     string   `json:"url"`
	Secrets []Secret `json:"secrets"` // whsec_ + base64; each event carries a signature by each
}

// Scheme is what links into the mini-program may do.
type Scheme struct {
	Pages        []string          `json:"pages"`         // that schemes may open
	PlainPages   []string          `json:"plain_pages"`   // that plaintext schemes may open
	PayPage      string            `json:"pay_page"`      // opened with ?out_trade_no= to pay
	Public       bool              `json:"public"`        // anyone may make schemes
	ReuseSeconds int               `json:"reuse_seconds"` // the same scheme is given again; 0: never
	Hosts        []string          `json:"hosts"`         // exact host names, lower-case, port if any
	VerifyFiles  map[string]string `json:"verify_files"`  // content by name, served at the root
	PublicDaily  int               `json:"public_daily"`  // anonymous generations a day; [DefaultPublicDaily] where not stated
	OAAppID      string            `json:"oa_appid"`      // the official account whose JS-SDK pages use
	OAAppSecret  Secret            `json:"oa_appsecret"`
	OriginalID   string            `json:"original_id"` // gh_..., what the open tag takes
	Title        string            `json:"title"`
}

// DefaultPublicDaily is how many schemes anonymous callers can make in a day.
const DefaultPublicDaily = 10_000
