package payment

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MaxAmount is the largest amount, in minor units, that an order may have.
const MaxAmount int64 = 100_000_000_000

// Money is an amount in minor units (cents, fen; whole yen) of a currency.
// The zero Money means "not stated".
type Money struct {
	Amount   int64  `json:"amount"`   // minor units
	Currency string `json:"currency"` // ISO 4217, upper-case
}

// Errors of the money codec; test with errors.Is.
var (
	ErrCurrency = errors.New("unknown currency")
	ErrDecimal  = errors.New("not a plain decimal amount")
	ErrFraction = errors.New("more decimal places than the currency has")
	ErrOverflow = errors.New("amount too large")
)

// IsZero reports that no amount was stated.
func (m Money) IsZero() bool { return m == Money{} }

// String is for people and logs: "12.99 EUR".
func (m Money) String() string { return m.Decimal() + " " + m.Currency }

// Decimal formats the amount in major units with exactly the currency's decimal
// places: 1299 EUR is "12.99", 100 JPY is "100". An unknown currency is written
// as if it had two places; no order is in one.
func (m Money) Decimal() string {
	places, ok := Exponent(m.Currency)
	if !ok {
		places = 2
	}
	digits, sign := strconv.FormatInt(m.Amount, 10), ""
	if m.Amount < 0 {
		digits, sign = digits[1:], "-"
	}
	if places == 0 {
		return sign + digits
	}
	if pad := places + 1 - len(digits); pad > 0 {
		digits = strings.Repeat("0", pad) + digits
	}
	cut := len(digits) - places
	return sign + digits[:cut] + "." + digits[cut:]
}

// ParseDecimal reads a processor's decimal string in major units, exactly:
// digits, then optionally a dot and digits. Zeros beyond the currency's decimal
// places are allowed (some processors write yen as "100.00"), anything else
// there is ErrFraction. No sign, no exponent, no separators, no blanks.
func ParseDecimal(s, currency string) (Money, error) {
	places, ok := Exponent(currency)
	if !ok {
		return Money{}, fmt.Errorf("%w %q", ErrCurrency, currency)
	}
	whole, frac, dot := strings.Cut(s, ".")
	if !allDigits(whole) || dot && !allDigits(frac) || len(whole) > 1 && whole[0] == '0' {
		return Money{}, fmt.Errorf("%w: %q", ErrDecimal, clip(s))
	}
	if len(frac) > places {
		if strings.Trim(frac[places:], "0") != "" {
			return Money{}, fmt.Errorf("%w: %q %s", ErrFraction, clip(s), currency)
		}
		frac = frac[:places]
	}
	frac += strings.Repeat("0", places-len(frac))
	amount, err := strconv.ParseInt(whole+frac, 10, 64)
	if err != nil {
		return Money{}, fmt.Errorf("%w: %q", ErrOverflow, clip(s))
	}
	return Money{Amount: amount, Currency: currency}, nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// clip keeps foreign text short in an error.
func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "..."
	}
	return s
}
