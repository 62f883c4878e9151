package payment

import "strings"

// The currencies of ISO 4217 that money can be asked for in, by the number of
// decimal places the standard's table gives them. Fund codes, metals and test
// codes are left out, and with them the only two with four places.
const (
	noPlaces = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"

	twoPlaces = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD " +
		"CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD " +
		"HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT " +
		"MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB " +
		"SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS " +
		"VED VES WST XCD XCG YER ZAR ZMW ZWG"

	threePlaces = "BHD IQD JOD KWD LYD OMR TND"
)

var exponents = func() map[string]int {
	table := make(map[string]int)
	for places, codes := range map[int]string{0: noPlaces, 2: twoPlaces, 3: threePlaces} {
		for code := range strings.FieldsSeq(codes) {
			table[code] = places
		}
	}
	return table
}()

// Exponent returns how many decimal places a currency has (0, 2 or 3), and
// whether it is one at all. Codes are upper-case ISO 4217.
func Exponent(currency string) (places int, known bool) {
	places, known = exponents[currency]
	return places, known
}
