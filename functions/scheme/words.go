package scheme

import (
	"net/http"
	"strconv"
	"strings"

	"overseaspay/shared/payment"
)

// words are the pages' texts in one language.
type words struct {
	Lang, Open, Opening, Scan, Copy, Copied, Dots, PayInWeChat, PayBy, Back string
	Waiting, Paid, Closed, Expired, NotPaid, Late, Refused, Away, Check     string
	methods                                                                 map[payment.Method]string
}

var english = words{
	Lang: "en", Open: "Open in WeChat", Opening: "If WeChat did not open, tap the button.",
	Scan: "Or scan this code with WeChat.", Copy: "Copy the link", Copied: "Copied",
	Dots:        "Tap ··· in the corner above and open this page in your browser.",
	PayInWeChat: "Pay in WeChat", PayBy: "Pay with ", Back: "You can go back to the mini-program now.",
	Waiting: "Waiting for your payment to be confirmed …", Paid: "Paid. Thank you!", Closed: "This order is closed.",
	Expired: "The time to pay this order is over.", NotPaid: "This order is not paid yet.",
	Late:    "There is no confirmation yet. If you have paid, you need not do it again: the shop hears of it as soon as it comes.",
	Refused: "That did not work, and nothing was taken. Try again, or choose another way to pay.",
	Away:    "Pay another way", Check: "Look again",
	methods: map[payment.Method]string{payment.Alipay: "Alipay", payment.PayPal: "PayPal", payment.IDEAL: "iDEAL", payment.Sofort: "Sofort",
		payment.UnionPay: "UnionPay", payment.Card: "a card", payment.Bancontact: "Bancontact"},
}

var chinese = words{
	Lang: "zh", Open: "在微信中打开", Opening: "如果没有自动打开微信，请点击按钮。",
	Scan: "或用微信扫描二维码。", Copy: "复制链接", Copied: "已复制",
	Dots:        "请点击右上角 ···，在浏览器中打开本页面。",
	PayInWeChat: "微信支付", PayBy: "使用", Back: "您现在可以返回小程序。",
	Waiting: "正在确认您的付款……", Paid: "支付成功，谢谢！", Closed: "订单已关闭。",
	Expired: "订单已超过付款期限。", NotPaid: "订单待支付。",
	Late:    "尚未收到付款确认。如果您已付款，请勿重复支付，商家会在确认后收到通知。",
	Refused: "支付未成功，没有扣款。请重试或选择其他支付方式。",
	Away:    "选择其他支付方式", Check: "刷新",
	methods: map[payment.Method]string{payment.Alipay: "支付宝", payment.PayPal: " PayPal", payment.IDEAL: " iDEAL", payment.Sofort: " Sofort",
		payment.UnionPay: "银联", payment.Card: "银行卡", payment.Bancontact: " Bancontact"},
}

// By is the text on a pay method's button.
func (w words) By(m payment.Method) string { return w.PayBy + w.methods[m] }

// language picks by Accept-Language: whichever of Chinese and English is liked
// better, the first one of equals, English if neither is.
func language(r *http.Request) words {
	best, out := -1, english
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		w, q := english, quality(params)
		switch tag, _, _ = strings.Cut(strings.ToLower(tag), "-"); tag {
		case "zh":
			w = chinese
		case "en":
		default:
			continue
		}
		if q > best && q > 0 {
			best, out = q, w
		}
	}
	return out
}

// quality is q of "q=0.8" in thousandths, 1000 where there is none.
func quality(params string) int {
	text, ok := strings.CutPrefix(strings.TrimSpace(params), "q=")
	if !ok {
		return 1000
	}
	whole, part, _ := strings.Cut(text, ".")
	n, err := strconv.Atoi(whole + (part + "000")[:3])
	if err != nil {
		return 0
	}
	return n
}
