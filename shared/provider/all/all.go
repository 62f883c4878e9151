// Package all is the list of the processors in this build: one line each.
package all

import (
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/cloudpay"
	"overseaspay/shared/provider/latipay"
	"overseaspay/shared/provider/nihaopay"
	"overseaspay/shared/provider/supay"
	"overseaspay/shared/provider/twopaynow"
	"overseaspay/shared/provider/vrpay"
	"overseaspay/shared/provider/wechatpay"
	"overseaspay/shared/provider/yaband"
)

// Registry returns every processor by its name in pay_sp.
func Registry() provider.Registry {
	return provider.NewRegistry(
		cloudpay.Descriptor,
		latipay.Descriptor,
		nihaopay.Descriptor,
		supay.Descriptor,
		twopaynow.Descriptor,
		vrpay.Descriptor,
		wechatpay.V2, wechatpay.V2SP, wechatpay.V3, wechatpay.V3SP,
		yaband.Descriptor,
	)
}
