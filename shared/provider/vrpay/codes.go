package vrpay

import (
	"regexp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
)

// outcome is what a result code says about the payment or refund it stands with.
type outcome string

const (
	success    outcome = "success"
	testMode   outcome = "test mode" // success, but no money moved
	review     outcome = "review"    // success, to be looked at by a person
	pending    outcome = "pending"
	chargeback outcome = "chargeback"
	uncertain  outcome = "uncertain" // the bank's answer never came
	rejected   outcome = "rejected"
	unreadable outcome = "unreadable"
)

// class is a group of result codes. kind is the error of a call that ended so.
type class struct {
	name  string
	match *regexp.Regexp
	means outcome
	kind  provider.Kind
}

// classes are in the order in which they are tried: the platform's own expressions
// overlap. All that is a code and in no other class is a rejection.
var classes = []class{
	{"success of a test mode", regexp.MustCompile(`^000\.100\.11`), testMode, provider.Unknown},
	{"chargeback", regexp.MustCompile(`^000\.100\.2`), chargeback, provider.Unknown},
	{"success", regexp.MustCompile(`^(000\.000\.|000\.100\.1|000\.[36]|000\.400\.[1][12]0)`), success, provider.Unknown},
	{"uncertain", regexp.MustCompile(`^(900\.[1234]00|000\.400\.030)`), uncertain, provider.Unknown},
	{"manual review", regexp.MustCompile(`^(000\.400\.0[^3]|000\.400\.100)`), review, provider.Unknown},
	{"pending", regexp.MustCompile(`^000\.200`), pending, provider.Unknown},
	{"pending for days", regexp.MustCompile(`^(800\.400\.5|100\.400\.500)`), pending, provider.Unknown},
	{"throttled", regexp.MustCompile(`^800\.120\.100`), rejected, provider.Busy},
	{"authentication", regexp.MustCompile(`^800\.900\.30[0-3]`), rejected, provider.Denied},
	{"configuration", regexp.MustCompile(`^(600\.[23]|500\.[12]|800\.121)`), rejected, provider.Denied},
	{"no such payment", regexp.MustCompile(`^(700\.100\.100|700\.400\.580)`), rejected, provider.NotFound},
	{"3-D Secure or risk", regexp.MustCompile(`^(000\.400\.[1][0-9][1-9]|000\.400\.2)`), rejected, provider.Declined},
	{"bank", regexp.MustCompile(`^(800\.[17]00|800\.800\.[123])`), rejected, provider.Declined},
	{"system", regexp.MustCompile(`^(800\.[56]|999\.|600\.1|800\.800\.[84])`), rejected, provider.Declined},
	{"asynchronous", regexp.MustCompile(`^100\.39[765]`), rejected, provider.Declined},
	{"reference", regexp.MustCompile(`^700\.[1345][05]0`), rejected, provider.Declined},
	{"format", regexp.MustCompile(`^(200\.[123]|100\.[53][07]|800\.900|100\.[69]00\.500)`), rejected, provider.Declined},
	{"amount", regexp.MustCompile(`^100\.55`), rejected, provider.Declined},
	{"rejected", regexp.MustCompile(`^[0-9]{3}\.[0-9]{3}\.[0-9]{3}$`), rejected, provider.Declined},
}

// noSession is the answer to a question by an id whose session has ended, paid or not.
const noSession = "200.300.404"

// tradeStates and refundStates say what an outcome makes of the order and of the
// refund. What was charged back was captured before.
var (
	tradeStates = map[outcome]payment.ReportState{
		success: payment.Paid, review: payment.Paid, chargeback: payment.Paid,
		pending: payment.Pending, uncertain: payment.Pending,
		rejected: payment.Refused, unreadable: payment.Unmapped,
	}
	refundStates = map[outcome]payment.RefundStatus{
		success: payment.RefundSuccess, review: payment.RefundSuccess,
		pending: payment.RefundProcessing, uncertain: payment.RefundProcessing,
		rejected: payment.RefundClosed, // and "" for a chargeback of a refund, which makes no sense
	}
)

// classOf is the first class that a code is in.
func classOf(code string) class {
	for _, c := range classes {
		if c.match.MatchString(code) {
			return c
		}
	}
	return class{name: "unreadable", means: unreadable}
}

// classify translates a code for this account, and counts what an operator should see.
func (p *Processor) classify(code string) class {
	c := classOf(code)
	switch c.means {
	case testMode:
		c.means = success
		if p.live {
			p.counted("test_mode", "vr: success of a test mode on the live host")
			c.means, c.kind = rejected, provider.Denied
		}
	case review:
		p.counted("manual_review", "vr: "+code)
	case unreadable:
		p.counted("unmapped", "vr: result code")
	}
	return c
}
