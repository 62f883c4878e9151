package payment_test

import (
	"fmt"
	"time"

	"overseaspay/shared/payment"
)

func ExampleOrder_Apply() {
	now := time.Date(2025, 11, 23, 8, 0, 0, 0, time.UTC)
	order := &payment.Order{
		Merchant: "default", OutTradeNo: "T20251123", TradeState: payment.TradeNotPay,
		Total: payment.Money{Amount: 1299, Currency: "EUR"}, TimeCreate: now, TimeExpire: now.Add(2 * time.Hour),
	}
	attempt, err := order.Begin(payment.Attempt{Provider: "yaband", Account: "016683", Method: payment.WeChat}, "lease", now.Add(25*time.Second), now)
	if err != nil {
		panic(err)
	}
	paid := payment.Report{State: payment.Paid, SpTradeNo: "8000001", Total: payment.Money{Amount: 1299, Currency: "EUR"}}
	for range 2 {
		changed, err := order.Apply(attempt.No, paid, now)
		fmt.Println(order.TradeState, changed, err)
	}
	// Output:
	// SUCCESS true <nil>
	// SUCCESS false <nil>
}

func ExampleParseDecimal() {
	m, err := payment.ParseDecimal("100.00", "JPY")
	fmt.Println(m.Amount, m.Currency, m.Decimal(), err)
	_, err = payment.ParseDecimal("0.999", "EUR")
	fmt.Println(err)
	// Output:
	// 100 JPY 100 <nil>
	// more decimal places than the currency has: "0.999" EUR
}
