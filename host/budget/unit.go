package budget

import (
	"fmt"
	"strconv"
	"strings"
)

// Unit is what a budget counts.
type Unit string

// The units beside the currencies, which are their ISO 4217 codes in lower
// case and counted in minor units.
const (
	Count  Unit = "count"  // uses
	Tokens Unit = "tokens" // of language models, in and out
	Bytes  Unit = "bytes"  // that are written or sent
)

// currencies are the codes of ISO 4217 that are money in use.
const currencies = " aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd btn bwp byn bzd cad cdf chf clp cny cop crc cup cve czk djf dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gnf gtq gyd hkd hnl htg huf idr ils inr iqd irr isk jmd jod jpy kes kgs khr kmf kpw krw kwd kyd kzt lak lbp lkr lrd lsl lyd mad mdl mga mkd mmk mnt mop mru mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sdg sek sgd shp sle sos srd ssp stn svc syp szl thb tjs tmt tnd top try ttd twd tzs uah ugx usd uyu uzs ves vnd vuv wst xaf xcd xof xpf yer zar zmw zwg "

// Decimals of currencies that do not have two (ISO 4217, minor units).
const (
	noDecimals    = " bif clp djf gnf isk jpy kmf krw pyg rwf ugx vnd vuv xaf xof xpf "
	threeDecimals = " bhd iqd jod kwd lyd omr tnd "
)

// Money tells whether the unit is a currency.
func (u Unit) Money() bool { return len(u) == 3 && strings.Contains(currencies, " "+string(u)+" ") }

func (u Unit) check() error {
	switch {
	case u == Count, u == Tokens, u == Bytes, u.Money():
		return nil
	}
	return fmt.Errorf(`unit %q: want a currency in lower case ("usd"), "count", "tokens" or "bytes"`, string(u))
}

func (u Unit) decimals() int {
	switch {
	case !u.Money() || strings.Contains(noDecimals, " "+string(u)+" "):
		return 0
	case strings.Contains(threeDecimals, " "+string(u)+" "):
		return 3
	}
	return 2
}

// Millionths tells how many millionths of a currency one minor unit is: 10,000
// of a dollar are a cent. Units that are no money have none.
func (u Unit) Millionths() int64 {
	n := int64(1_000_000)
	for range u.decimals() {
		n /= 10
	}
	return n
}

// Format writes an amount for people: "50.00 USD", "3 times", "1200 tokens".
func (u Unit) Format(n int64) string {
	switch {
	case u.Money():
		return u.decimal(n) + " " + strings.ToUpper(string(u))
	case u == Count && n == 1:
		return "1 time"
	case u == Count:
		return strconv.FormatInt(n, 10) + " times"
	case u == Bytes && n > 0 && n%1e9 == 0:
		return strconv.FormatInt(n/1e9, 10) + " GB"
	case u == Bytes && n > 0 && n%1e6 == 0:
		return strconv.FormatInt(n/1e6, 10) + " MB"
	}
	return strconv.FormatInt(n, 10) + " " + string(u)
}

func (u Unit) decimal(n int64) string {
	d, sign := u.decimals(), ""
	if n < 0 {
		n, sign = -n, "-"
	}
	digits := strconv.FormatInt(n, 10)
	if d == 0 {
		return sign + digits
	}
	for len(digits) <= d {
		digits = "0" + digits
	}
	return sign + digits[:len(digits)-d] + "." + digits[len(digits)-d:]
}

// How tokens are guessed before they are known. English text has about four
// bytes a token, so three guess high. An answer that nobody bounded is taken to
// be long; if it is longer still, what it really took is booked afterwards.
const (
	bytesPerToken = 3
	longAnswer    = 8192
)

// cost is what a use takes. Tokens are a guess, and settled by
// what the model reports.
func (u Unit) cost(use Use) (int64, error) {
	a := use.Attributes
	switch {
	case u == Count:
		return 1, nil
	case u == Tokens:
		answer, ok := a["max_tokens"].(int64)
		if !ok || answer <= 0 {
			answer = longAnswer
		}
		return answer + int64(use.ArgBytes)/bytesPerToken, nil
	case u == Bytes:
		n, ok := a["bytes"].(int64)
		if !ok {
			var body bool
			n, body = a["body_bytes"].(int64)
			query, _ := a["query_bytes"].(int64)
			n, ok = n+query, body
		}
		if !ok || n < 0 {
			return 0, fmt.Errorf("a budget of bytes counts it, and the request does not state how many it sends")
		}
		return n, nil
	}
	amount, ok := a["amount"].(int64)
	currency, isText := a["currency"].(string)
	switch {
	case !ok || !isText || amount < 0:
		return 0, fmt.Errorf("a budget in %s counts it, and the request states no amount of money", strings.ToUpper(string(u)))
	case !strings.EqualFold(currency, string(u)):
		return 0, fmt.Errorf("the budget is in %s and the request in %s: amounts of two currencies can't be added", strings.ToUpper(string(u)), currency)
	}
	return amount, nil
}
