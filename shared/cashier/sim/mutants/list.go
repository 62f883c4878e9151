package main

// Mutant is a planted bug: in File, Old becomes New. Old must be there exactly once.
type Mutant struct {
	Name   string
	Breaks string // the promise or figure of the reliability table
	File   string // below shared/
	Old    string
	New    string
}

// Mutants are bugs that cashiers have had, and those that the simulator found in this one.
var Mutants = []Mutant{
	{"amount is not checked", "I1 R16", "payment/apply.go", "case got.Amount != o.Total.Amount:", "case false:"},
	{"currency is not checked", "I1 R16", "payment/apply.go", "case got.Currency != o.Total.Currency:", "case false:"},
	{"account is not checked", "I1 R16", "payment/apply.go", `r.Account != "" && r.Account != a.Account, r.No != ""`, `r.No != ""`},
	{"order number is not checked", "I1 R13", "payment/apply.go", `r.No != "" && r.No != a.No,`, `false,`},
	{"number is overwritten", "I6", "payment/apply.go", `	return o.Flag(NumberConflict, now)`, "	*have = said\n	return o.Flag(NumberConflict, now)"},
	{"second capture replaces the first", "I10", "payment/apply.go", "	if o.PaidBy != \"\" {\n		o.Flag(SecondCapture, now)\n		return true\n	}\n", ""},
	{"late payment is dropped", "I2 R8", "payment/state.go", "TradeClosed:  {TradeSuccess, TradeRefund},", "TradeClosed:  {},"},
	{"late payment is not flagged", "R8", "payment/apply.go", "	if late {", "	if false && late {"},
	{"CLOSED is reached from SUCCESS", "I3", "payment/state.go", "TradeSuccess: {TradeRefund},", "TradeSuccess: {TradeRefund, TradeClosed},"},
	{"unmapped words end the attempt", "I8", "payment/apply.go", "case Over, Refused:", "case Over, Refused, Unmapped:"},
	{"refund cap forgets what is pending", "I4 R11", "payment/refund.go", "	taken := o.refunded(a.No, RefundSuccess, RefundProcessing, RefundAbnormal) + a.External", "	taken := o.refunded(a.No, RefundSuccess) + a.External"},
	{"two refunds in flight where one is allowed", "I4 R12", "payment/refund.go", "case one && r.Status == RefundProcessing && r.AttemptNo == a.No:", "case false:"},
	{"event id differs at each try", "I5", "payment/event.go", `string(t) + "/" + refundNo`, `string(t) + "/" + refundNo + now.String()`},
	{"event is called delivered at 500", "I5", "payment/event.go", "if status/100 == 2 || status == 410 {", "if status != 0 {"},
	{"external refunds do not count", "I4", "payment/refund.go", "RefundAbnormal) + a.External\n	if left", "RefundAbnormal)\n	if left"},
	{"event is not repeated", "I5", "payment/event.go", "	if e.Tries++; e.Tries < len(Redeliver) {", "	if e.Tries++; e.Tries < 1 {"},
	{"attempts have no next question", "I2 R5", "payment/due.go", "	a.AskedAt, a.DueAt = now, now.Add(wait)", "	a.AskedAt, a.DueAt = now, time.Time{}"},
	{"closed attempts are not watched", "I2 R8", "payment/order.go", "	case Creating, Lost, Open:\n		a.State = Watched", "	case Creating, Lost, Open:\n		a.State = Ended"},

	{"unknown create is taken as failed", "I8", "cashier/attempt.go", "	default:\n		a.State, a.DueAt = payment.Lost, now.Add(acc.poll()[0])", "	default:\n		a.State, a.DueAt = payment.Failed, time.Time{}"},
	{"a repetition that is refused fails the trade", "I8", "cashier/attempt.go", "payment.Failed, (time.Time{}); again {", "payment.Failed, (time.Time{}); false {"},
	{"a repetition that never left makes the trade unsent", "I8", "cashier/attempt.go", "payment.Unsent, (time.Time{}); again {", "payment.Unsent, (time.Time{}); false {"},
	{"lease is forgotten", "R10", "cashier/unifiedorder.go", "	if a.State == payment.Creating && now.Before(a.LeaseUntil) {\n		return Paying{}, errAgain\n	}\n", ""},
	{"prepay is handed out after its life", "rule 3", "cashier/unifiedorder.go", "case same && a.State == payment.Open && young:", "case same && a.State == payment.Open && (young || true):"},
	{"processor is called before the order is stored", "I6 R12", "cashier/unifiedorder.go", "	if err := c.take(ctx, o); err != nil {\n		return Paying{}, err\n	}\n	return c.create(ctx, account{d, p, m}, o, a, false)", "	return c.create(ctx, account{d, p, m}, o, a, false)"},
	{"today's account is asked in place of the attempt's", "I7 R9", "cashier/attempt.go", "	d, p, ok := m.Account(a.Provider, a.Account)\n", "	d, p, err := m.Route(a.Method, \"\")\n	ok := err == nil\n"},
	{"claim is not checked", "rule 2", "cashier/create.go", `if o.Claim == "" || subtle.ConstantTimeCompare([]byte(o.Claim), []byte(in.Claim)) != 1 {`, `if o.Claim == "" || subtle.ConstantTimeCompare([]byte(o.Claim), []byte(in.Claim)) > 1 {`},
	{"claim is not compared", "rule 2", "cashier/create.go", "if !who.Server() && o.OpenID != who.OpenID {", "if false {"},
	{"a stranger sees the order", "rule 2", "cashier/query.go", "if err == nil && !who.Server() && o.OpenID != who.OpenID {", "if err == nil && false {"},
	{"amount of a second call is not compared", "R10", "cashier/create.go", "if in.TotalFee != nil && *in.TotalFee != o.Total.Amount ||", "if"},

	{"acknowledged before the effect", "I11", "cashier/notified.go", "	o, verdict, err := c.heed(ctx, acc, o, a.No, n)\n	if err != nil {\n		return provider.Reply{}, err\n	}\n", "	x, verdict, err := c.heed(ctx, acc, o, a.No, n)\n	if err != nil {\n		return bell.Ack(), nil\n	}\n	o = x\n"},
	{"a doorbell is believed", "I1 R14", "cashier/notified.go", `	case n.Doorbell, n.Refund == nil && n.Payment.No == "":`, `	case n.Refund == nil && n.Payment.No == "":`},
	{"doorbells have no limit", "R14", "cashier/notified.go", "	if !c.now().Before(asked(o).Add(AskEvery)) {\n		answered, err := c.ask(ctx, acc, o, no, RingTime, AskEvery)", "	if true {\n		answered, err := c.ask(ctx, acc, o, no, RingTime, 0)"},
	{"another account's notice is taken", "I1 R13", "cashier/notified.go", "if a.Provider == acc.Name && a.Account == acc.Account() && (said", "if a.Provider == acc.Name && (said"},
	{"another order's notice is taken", "I1 R13", "cashier/notified.go", `(said == "" || said == a.No) {`, `true {`},
	{"notice of a later attempt finds no order", "I2", "cashier/notified.go", "[]string{said, said[:max(0, len(said)-numberTail)]}", "[]string{said}"},
	{"notice of an unknown order is acknowledged", "I11", "cashier/notified.go", "	o, a, err := c.about(ctx, acc, at, n)\n	if err != nil {\n		return provider.Reply{}, err", "	o, a, err := c.about(ctx, acc, at, n)\n	if err != nil {\n		return bell.Ack(), nil"},

	{"closed without asking", "I2 R8", "cashier/close.go", `	if a.SpTradeNo != "" || acc.QueryByNumber {`, `	if false {`},
	{"expired without asking", "I2 R8", "cashier/sweep.go", "	o, err := c.endAttempts(ctx, m, o)\n	if err != nil || o.TradeState != payment.TradeNotPay {\n		return o, err\n	}\n	return c.update(ctx, o, func(n *payment.Order) (bool, error) {\n		a := n.Live()", "	return c.update(ctx, o, func(n *payment.Order) (bool, error) {\n		a := n.Live()"},
	{"question is not booked before it is put", "R14 R21", "cashier/query.go", "			a.Ask(now, acc.poll(), acc.PrepayLife)\n		}\n		return put, nil", "			a.Ask(now, acc.poll(), acc.PrepayLife)\n		}\n		return false, nil"},
	{"one attempt of several is asked about for ever", "I2", "cashier/sweep.go", "c.ask(ctx, acc, o, a.No, CallTime, whenDue)", "c.ask(ctx, acc, o, a.No, CallTime, AskEvery)"},
	{"two sweeps do the work twice", "R21", "cashier/sweep.go", "if due := o.Due(); due.IsZero() || due.After(c.now()) {", "if false {"},

	{"refund is sent again under a new number", "R12", "cashier/refund.go", "OutRefundNo: f.OutRefundNo, RefundID: f.RefundID,", "OutRefundNo: f.OutRefundNo + c.nonce()[:4], RefundID: f.RefundID,"},
	{"refund that no processor knows again is repeated", "R12", "cashier/refund.go", "	return acc.RefundAgain == provider.ByNumber || acc.RefundAgain == provider.ByLookup && !c.now().Before(over)", "	return acc.RefundAgain != \"\" || over.IsZero()"},
	{"unknown refund is taken as failed", "I8 R12", "cashier/refund.go", "	case provider.Unknown:\n		if acc.RefundAgain == provider.ByNone {", "	case provider.Unknown:\n		o.FailRefund(f.OutRefundNo, now)\n		if acc.RefundAgain == provider.ByNone {"},
	{"a clock that is ahead takes over a refund", "I4 R12", "cashier/refund.go", "	return f.LeaseUntil.Add(clockDrift)", "	return f.LeaseUntil"},
	{"a repeated refund goes to another attempt's processor", "I7", "cashier/refund.go", "	if f := o.Refund(in.OutRefundNo); f != nil {\n		from", "	if f := o.Refund(in.OutRefundNo); f != nil && false {\n		from"},
	{"uncertain refund is not flagged", "I8", "cashier/refund.go", "			o.Flag(payment.RefundUncertain, now)\n			f.DueAt = time.Time{}", "			f.DueAt = time.Time{}"},
	{"refund that a dead process sent is left in silence", "I8", "cashier/refund.go", "	case err != nil && hopeless(acc, f, err):\n		return c.uncertain(ctx, o, no)\n", ""},
	{"baseline is ignored", "R12", "payment/refund.go", "	r.Baseline = o.refunded(a.No, RefundSuccess) + a.External\n", ""},
	{"refund is made before it is reserved", "I4 R12", "cashier/refund.go", "	if created {\n		return c.sendRefund(", "	if created || err == nil {\n		return c.sendRefund("},

	{"saved without a look at the version", "I4 R11", "store/embedded/order.go", "if won = err == nil && have.Version == order.Version; !won {", "if won = err == nil; !won {"},
}
