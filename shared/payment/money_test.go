package payment

import (
	"errors"
	"math"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestR19ParseDecimal(t *testing.T) {
	t.Parallel()
	digits := strings.Repeat("9", 1<<20)
	for _, c := range []struct {
		name, in, currency string
		want               int64
		err                error
	}{
		{"cents", "12.99", "EUR", 1299, nil},
		{"one place", "12.9", "EUR", 1290, nil},
		{"whole", "12", "EUR", 1200, nil},
		{"smallest", "0.01", "EUR", 1, nil},
		{"zero", "0", "EUR", 0, nil},
		{"zero with places", "0.00", "EUR", 0, nil},
		{"zeros beyond the places", "1.99000", "EUR", 199, nil},
		{"dinar", "1.999", "BHD", 1999, nil},
		{"dinar, short", "1.9", "KWD", 1900, nil},
		{"yen", "100", "JPY", 100, nil},
		{"yen with places", "100.00", "JPY", 100, nil},
		{"largest", "92233720368547758.07", "EUR", math.MaxInt64, nil},
		{"largest yen", "9223372036854775807", "JPY", math.MaxInt64, nil},

		{"too many places", "0.999", "EUR", 0, ErrFraction},
		{"too many places, hidden behind zeros", "1.000000001", "EUR", 0, ErrFraction},
		{"four places", "1.9999", "BHD", 0, ErrFraction},
		{"half a yen", "100.50", "JPY", 0, ErrFraction},
		{"exponent", "1e2", "EUR", 0, ErrDecimal},
		{"exponent after the dot", "1.5e1", "EUR", 0, ErrDecimal},
		{"decimal comma", "1,00", "EUR", 0, ErrDecimal},
		{"thousands", "1,000.00", "EUR", 0, ErrDecimal},
		{"underscore", "1_000", "EUR", 0, ErrDecimal},
		{"minus", "-1", "EUR", 0, ErrDecimal},
		{"plus", "+1", "EUR", 0, ErrDecimal},
		{"minus after the dot", "1.-1", "EUR", 0, ErrDecimal},
		{"empty", "", "EUR", 0, ErrDecimal},
		{"dot", ".", "EUR", 0, ErrDecimal},
		{"nothing before the dot", ".5", "EUR", 0, ErrDecimal},
		{"nothing after the dot", "5.", "EUR", 0, ErrDecimal},
		{"nothing after the dot, yen", "5.", "JPY", 0, ErrDecimal},
		{"two dots", "1.00.0", "EUR", 0, ErrDecimal},
		{"leading blank", " 1", "EUR", 0, ErrDecimal},
		{"trailing blank", "1 ", "EUR", 0, ErrDecimal},
		{"newline", "1\n", "EUR", 0, ErrDecimal},
		{"NUL", "1\x00", "EUR", 0, ErrDecimal},
		{"leading zeros", "007", "EUR", 0, ErrDecimal},
		{"double zero", "00", "EUR", 0, ErrDecimal},
		{"leading zero and dot", "00.50", "EUR", 0, ErrDecimal},
		{"hexadecimal", "0x10", "EUR", 0, ErrDecimal},
		{"word", "NaN", "EUR", 0, ErrDecimal},
		{"infinite", "Inf", "EUR", 0, ErrDecimal},
		{"currency sign", "€1", "EUR", 0, ErrDecimal},
		{"full-width digits", "１２", "EUR", 0, ErrDecimal},
		{"Arabic digits", "١٢", "EUR", 0, ErrDecimal},
		{"full-width dot", "1．5", "EUR", 0, ErrDecimal},
		{"one too large", "92233720368547758.08", "EUR", 0, ErrOverflow},
		{"one yen too large", "9223372036854775808", "JPY", 0, ErrOverflow},
		{"fits before the places are added", "9223372036854775807", "EUR", 0, ErrOverflow},
		{"wraps round to a small number", "184467440737095516.17", "EUR", 0, ErrOverflow},
		{"huge", digits, "EUR", 0, ErrOverflow},
		{"huge fraction", "1." + digits, "EUR", 0, ErrFraction},
		{"huge nonsense", strings.Repeat("x", 1<<20), "EUR", 0, ErrDecimal},
		{"no currency", "1", "", 0, ErrCurrency},
		{"lower-case currency", "1", "eur", 0, ErrCurrency},
		{"four-place currency", "1", "CLF", 0, ErrCurrency},
		{"metal", "1", "XAU", 0, ErrCurrency},
		{"test code", "1", "XTS", 0, ErrCurrency},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseDecimal(c.in, c.currency)
			if !errors.Is(err, c.err) {
				t.Fatalf("error = %v, want %v", err, c.err)
			}
			if want := (Money{c.want, c.currency}); err == nil && got != want {
				t.Errorf("= %+v, want %+v", got, want)
			}
			if err != nil && (got != Money{} || len(err.Error()) > 300) {
				t.Errorf("a failure gave %+v and an error of %d bytes", got, len(err.Error()))
			}
		})
	}
}

func TestR19Decimal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in      Money
		decimal string
	}{
		{Money{1299, "EUR"}, "12.99"},
		{Money{5, "EUR"}, "0.05"},
		{Money{50, "EUR"}, "0.50"},
		{Money{0, "EUR"}, "0.00"},
		{Money{100, "JPY"}, "100"},
		{Money{0, "JPY"}, "0"},
		{Money{5, "KWD"}, "0.005"},
		{Money{1234, "BHD"}, "1.234"},
		{Money{-5, "EUR"}, "-0.05"},
		{Money{-1299, "EUR"}, "-12.99"},
		{Money{-7, "JPY"}, "-7"},
		{Money{math.MaxInt64, "EUR"}, "92233720368547758.07"},
		{Money{math.MinInt64, "EUR"}, "-92233720368547758.08"},
		{Money{1299, "???"}, "12.99"},
		{Money{}, "0.00"},
	} {
		if got := c.in.Decimal(); got != c.decimal {
			t.Errorf("%+v: Decimal = %q, want %q", c.in, got, c.decimal)
		}
		if got, want := c.in.String(), c.decimal+" "+c.in.Currency; got != want {
			t.Errorf("%+v: String = %q, want %q", c.in, got, want)
		}
	}
}

// R19: formatting and parsing are inverse for every currency and amount.
func TestR19DecimalInverse(t *testing.T) {
	t.Parallel()
	byPlaces := map[int][]string{0: strings.Fields(noPlaces), 2: strings.Fields(twoPlaces), 3: strings.Fields(threePlaces)}
	for places, codes := range byPlaces {
		rapid.Check(t, func(t *rapid.T) {
			m := Money{rapid.Int64Min(0).Draw(t, "amount"), rapid.SampledFrom(codes).Draw(t, "currency")}
			text := m.Decimal()
			_, frac, dot := strings.Cut(text, ".")
			if len(frac) != places || dot != (places > 0) {
				t.Fatalf("%+v is written %q, with %d places", m, text, len(frac))
			}
			zeros := rapid.StringMatching(`0{0,9}`).Draw(t, "zeros")
			if !dot && zeros != "" {
				zeros = "." + zeros
			}
			if got, err := ParseDecimal(text+zeros, m.Currency); err != nil || got != m {
				t.Fatalf("%+v -> %q -> %+v, %v", m, text+zeros, got, err)
			}
		})
	}
}

func TestExponent(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]int{"CNY": 2, "EUR": 2, "USD": 2, "HKD": 2, "GBP": 2, "MGA": 2, "HUF": 2,
		"JPY": 0, "KRW": 0, "VND": 0, "ISK": 0, "CLP": 0, "KWD": 3, "TND": 3} {
		if got, ok := Exponent(code); !ok || got != want {
			t.Errorf("Exponent(%s) = %d, %t, want %d", code, got, ok, want)
		}
	}
	for _, code := range []string{"", "eur", "EURO", "XXX", "XTS", "XAU", "CLF", "UYW", "DEM"} {
		if got, ok := Exponent(code); ok || got != 0 {
			t.Errorf("Exponent(%q) = %d, %t", code, got, ok)
		}
	}
	all := strings.Fields(noPlaces + " " + twoPlaces + " " + threePlaces)
	if len(all) != len(exponents) {
		t.Errorf("%d codes are listed, %d differ", len(all), len(exponents))
	}
	for _, code := range all {
		if !regexp.MustCompile(`^[A-Z]{3}$`).MatchString(code) {
			t.Errorf("%q is no currency code", code)
		}
	}
}

func TestMoneyIsZero(t *testing.T) {
	t.Parallel()
	for m, want := range map[Money]bool{{}: true, {0, "EUR"}: false, {1, ""}: false, {1, "EUR"}: false} {
		if got := m.IsZero(); got != want {
			t.Errorf("%+v: IsZero = %t", m, got)
		}
	}
}

// FuzzParseDecimal holds the codec against exact fractions, which know nothing of it.
func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"12.99", "0.999", "1e2", "1,00", "-1", "+1", "", ".5", "5.", " 1", "1.00.0", "007",
		"100.00", "100.50", "92233720368547758.08", "１", "0x1p4", "1/3"} {
		for _, currency := range []string{"EUR", "JPY", "KWD", "XXX"} {
			f.Add(s, currency)
		}
	}
	plain := regexp.MustCompile(`^(0|[1-9][0-9]*)(\.[0-9]+)?$`)
	f.Fuzz(func(t *testing.T, s, currency string) {
		got, err := ParseDecimal(s, currency)
		places, known := Exponent(currency)
		if len(s) > 1000 {
			return // exact fractions of huge texts are slow; TestR19ParseDecimal has some
		}
		want := error(nil)
		minor := new(big.Rat)
		switch {
		case !known:
			want = ErrCurrency
		case !plain.MatchString(s):
			want = ErrDecimal
		default:
			minor.SetString(s)
			minor.Mul(minor, new(big.Rat).SetInt64(int64(math.Pow10(places))))
			if !minor.IsInt() {
				want = ErrFraction
			} else if !minor.Num().IsInt64() {
				want = ErrOverflow
			}
		}
		if !errors.Is(err, want) {
			t.Fatalf("ParseDecimal(%q, %q): %v, want %v", s, currency, err, want)
		}
		if err != nil {
			return
		}
		if got.Currency != currency || minor.Num().Cmp(big.NewInt(got.Amount)) != 0 {
			t.Fatalf("ParseDecimal(%q, %q) = %+v, want %s minor units", s, currency, got, minor.Num())
		}
		if again, err := ParseDecimal(got.Decimal(), currency); err != nil || again != got {
			t.Fatalf("%q -> %+v -> %q -> %+v, %v", s, got, got.Decimal(), again, err)
		}
	})
}
