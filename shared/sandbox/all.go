package sandbox

// All makes every twin of this build, one line each.
func All(env Env) []Twin {
	return []Twin{
		NewCloudPay(env),
		NewLatipay(env),
		NewNihaoPay(env),
		NewSupay(env),
		NewTwoPayNow(env),
		NewVRPay(env),
		NewWeChatV2(env), NewWeChatV2SP(env), NewWeChatV3(env), NewWeChatV3SP(env),
		NewYaband(env),
	}
}
