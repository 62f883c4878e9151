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
	{"refund cap forgets what is pending", "I4 R11", "payment/refund.go", "limit.Amount-o.refunded(a, fee.Currency, taken)", "limit.Amount-o.refunded(a, fee.Currency, left)"},
	{"two refunds in flight where one is allowed", "I4 R12", "payment/refund.go", "case one && r.Status == RefundProcessing && r.AttemptNo == a.No:", "case false:"},
	{"event id differs at each try", "I5", "payment/event.go", `string(t) + "/" + refundNo`, `string(t) + "/" + refundNo + now.String()`},
	{"event is called delivered at 500", "I5", "payment/event.go", "taken := status/100 == 2 || status == 410", "taken := status != 0"},
	{"external refunds do not count", "I4", "payment/refund.go", "taken)-o.externalIn(a, fee.Currency), 0)", "taken), 0)"},
	{"event is not repeated", "I5", "payment/event.go", "	if e.Tries++; e.Tries < len(Redeliver) {", "	if e.Tries++; e.Tries < 1 {"},
	{"attempts have no next question", "I2 R5", "payment/due.go", "	a.AskedAt, a.DueAt = now, now.Add(wait)", "	a.AskedAt, a.DueAt = now, time.Time{}"},
	{"closed attempts are not watched", "I2 R8", "payment/order.go", "	case Creating, Lost, Open:\n		a.State = Watched", "	case Creating, Lost, Open:\n		a.State = Ended"},

	{"unknown create is taken as failed", "I8", "cashier/attempt.go", "	default:\n		a.State, a.DueAt = payment.Lost, now.Add(acc.poll()[0])", "	default:\n		a.State, a.DueAt = payment.Failed, time.Time{}"},
	{"a repetition that is refused fails the trade", "I8", "cashier/attempt.go", "payment.Failed, (time.Time{}); again {", "payment.Failed, (time.Time{}); false {"},
	{"a repetition that never left makes the trade unsent", "I8", "cashier/attempt.go", "payment.Unsent, (time.Time{}); again {", "payment.Unsent, (time.Time{}); false {"},
	{"lease is forgotten", "R10", "cashier/unifiedorder.go", "	if a.State == payment.Creating && now.Before(a.LeaseUntil) {\n		return Paying{}, errAgain\n	}\n", ""},
	{"prepay is handed out after its life", "rule 3", "cashier/unifiedorder.go", "case same && a.State == payment.Open && young:", "case same && a.State == payment.Open && (young || true):"},
	{"processor is called before the order is stored", "I6 R12", "cashier/unifiedorder.go", "	if err := c.take(ctx, o); err != nil {\n		return Paying{}, err\n	}\n	return c.create(ctx, acc, o, a, false)", "	return c.create(ctx, acc, o, a, false)"},
	{"today's account is asked in place of the attempt's", "I7 R9", "cashier/attempt.go", "	d, p, ok := m.Account(a.Provider, a.Account)\n", "	d, p, err := m.Route(a.Method, \"\")\n	ok := err == nil\n"},
	{"claim is not checked", "rule 2", "cashier/create.go", `if o.Claim == "" || subtle.ConstantTimeCompare([]byte(o.Claim), []byte(in.Claim)) != 1 {`, `if o.Claim == "" || subtle.ConstantTimeCompare([]byte(o.Claim), []byte(in.Claim)) > 1 {`},
	{"claim is not compared", "rule 2", "cashier/create.go", "if !who.Server() && o.OpenID != who.OpenID {", "if false {"},
	{"a stranger sees the order", "rule 2", "cashier/query.go", "if err == nil && !who.Server() && o.OpenID != who.OpenID {", "if err == nil && false {"},
	{"amount of a second call is not compared", "R10", "cashier/create.go", "if in.TotalFee != nil && *in.TotalFee != o.Total.Amount ||", "if"},

	{"acknowledged before the effect", "I11", "cashier/notified.go", "	o, verdict, err := c.heed(ctx, v.account, v.order, v.no, v.notice)\n	if err != nil {\n		return provider.Reply{}, err\n", "	o, verdict, err := c.heed(ctx, v.account, v.order, v.no, v.notice)\n	if err != nil {\n		return v.bell.Ack(), nil\n"},
	{"a doorbell is believed", "I1 R14", "cashier/notified.go", `	case n.Doorbell, n.Refund == nil && n.Payment.No == "":`, `	case n.Refund == nil && n.Payment.No == "":`},
	{"a doorbell counts as answered by another question", "I11", "cashier/notified.go", "		if err == nil {\n			return answered, \"asked\", nil", "		if err == nil || errors.Is(err, errAsked) {\n			return answered, \"asked\", nil"},
	{"doorbells have no limit", "R14", "cashier/notified.go", "	if !c.now().Before(asked(o).Add(AskEvery)) {\n		answered, err := c.ask(ctx, acc, o, no, RingTime, AskEvery)", "	if true {\n		answered, err := c.ask(ctx, acc, o, no, RingTime, 0)"},
	{"another account's notice is taken", "I1 R13", "cashier/notified.go", "if a.Provider == acc.Name && a.Account == acc.Account() && (said", "if a.Provider == acc.Name && (said"},
	{"another order's notice is taken", "I1 R13", "cashier/notified.go", `(said == "" || said == a.No) {`, `true {`},
	{"notice of a later attempt finds no order", "I2", "cashier/notified.go", "[]string{said, said[:max(0, len(said)-numberTail)]}", "[]string{said}"},
	{"notice of an unknown order is acknowledged", "I11", "cashier/notified.go", "	v, err := c.verify(ctx, m, at, in)\n	if err != nil {\n		return provider.Reply{}, err", "	v, err := c.verify(ctx, m, at, in)\n	if err != nil {\n		return provider.Reply{Status: 200}, nil"},

	{"closed without asking", "I2 R8", "cashier/close.go", "	asked, err := c.ask(ctx, acc, o, no, CallTime, 0)\n	kind", "	asked, err := o, error(nil)\n	kind"},
	{"expired without asking", "I2 R8", "cashier/tend.go", "		return c.atAccount(ctx, v, m, o, a, pairReserve, func(acc account) (*payment.Order, error) {\n			return c.endAttempt(ctx, acc, o, a.No)\n		})", "		return o, nil"},
	{"closed although the live attempt's question failed", "I2 R8", "cashier/close.go", "case err != nil && (a.State != payment.Watched || errors.Is(err, errLater)):", "case errors.Is(err, errLater):"},
	{"a dead processor of a watched attempt keeps the order open", "rule 4", "cashier/close.go", "case err != nil && (a.State != payment.Watched || errors.Is(err, errLater)):", "case err != nil && (true || errors.Is(err, errLater)):"},
	{"a capture of another amount keeps the order open", "rule 6", "cashier/close.go", "o.TradeState == payment.TradeNotPay && !mismatched(o) {", "o.TradeState == payment.TradeNotPay {"},
	{"an expired order is asked about whenever something of it is due", "R21", "cashier/tend.go", "switch booked := !a.AskedAt.Before(o.TimeExpire) && a.DueAt.After(c.now()); {", "switch booked := false; {"},
	{"question is not booked before it is put", "R14 R21", "cashier/query.go", "			a.Ask(now, acc.poll(), acc.PrepayLife)\n		}\n		return put, nil", "			a.Ask(now, acc.poll(), acc.PrepayLife)\n		}\n		return false, nil"},
	{"one attempt of several is asked about for ever", "I2", "cashier/tend.go", "c.ask(ctx, acc, o, a.No, CallTime, whenDue)", "c.ask(ctx, acc, o, a.No, CallTime, AskEvery)"},
	{"two sweeps do the work twice", "R21", "cashier/query.go", "			put = !a.DueAt.IsZero() && !a.DueAt.After(now)\n", "			put = true\n"},

	{"a dead processor takes every place", "R21 I2", "cashier/pace.go", "bool { return l.silent >= laneTries }", "bool { return false }"},
	{"no rate is kept", "R21", "cashier/pace.go", "	if l.from.After(now) {\n		at = l.from\n	}", ""},
	{"an order that found no place is dropped", "R21 I2", "cashier/pace.go", "	if v.full != nil {\n		v.full.queue", "	if v.full != nil && false {\n		v.full.queue"},
	{"a place that was kept is not given back", "R21 I2", "cashier/pace.go", "	if v.held != nil {\n		v.held.calls--\n	}\n", ""},
	{"a call begins when the sweep's time is over", "I12", "cashier/pace.go", "	if !timeFor(ctx, need) {", "	if false {"},
	{"the shop is told of the order before its refund", "I5", "cashier/tend.go", "	o, failed := c.tendRefunds(ctx, v, m, o)", "	_, failed := c.tendRefunds(ctx, v, m, o)"},
	{"events of a merchant that is missing are dropped", "I5", "cashier/tend.go", "if e.DueAt = now.Add(time.Hour); now.After(", "if e.DueAt = now.Add(time.Hour); true || now.After("},
	{"two sweeps tell the shop twice", "R21 I5", "cashier/tend.go", "	if err != nil || !mine {", "	if err != nil {"},

	{"refund is sent again under a new number", "R12", "cashier/refund_send.go", "OutRefundNo: f.OutRefundNo, RefundID: f.RefundID,", "OutRefundNo: f.OutRefundNo + time.Now().Format(\".000000000\")[1:], RefundID: f.RefundID,"},
	{"refund that no processor knows again is repeated", "R12", "cashier/refund_tend.go", "f.RefundID == \"\" && (acc.RefundAgain == provider.ByNumber || acc", "f.RefundID == \"\" && (acc.RefundAgain != \"\" || acc"},
	{"unknown refund is taken as failed", "I8 R12", "cashier/refund_send.go", "		f.Doubt = now\n", "		o.FailRefund(f.OutRefundNo, now)\n"},
	{"a clock that is ahead takes over a refund", "I4 R12", "cashier/refund_tend.go", "	return f.LeaseUntil.Add(settled)", "	return f.LeaseUntil"},
	{"a repeated refund goes to another attempt's processor", "I7", "cashier/refund.go", "	acc, err := c.account(ctx, who.Merchant, o, o.Attempt(f.AttemptNo))\n	if err != nil {\n		return Refunding{o, f}, nil // counted; the refund stays as it is\n	}\n	return c.tendRefund", "	acc, err := c.account(ctx, who.Merchant, o, o.Lead())\n	if err != nil {\n		return Refunding{o, f}, nil // counted; the refund stays as it is\n	}\n	return c.tendRefund"},
	{"uncertain refund is not flagged", "I8", "cashier/refund_send.go", "			o.Flag(payment.RefundUncertain, now)\n			f.DueAt = time.Time{}", "			f.DueAt = time.Time{}"},
	{"refund that a dead process sent is left in silence", "I8", "cashier/refund_tend.go", "	case err != nil && hopeless(acc, f, err):\n		return c.uncertain(ctx, o, was)\n", ""},
	{"a refund is sent though another caller sent it", "I4 R12", "cashier/refund_tend.go", "free := untouched(f, was) &&", "free := f.Status == payment.RefundProcessing &&"},
	{"the time limit ends a refund that went out", "I4 R12", "cashier/refund_tend.go", "return n.Refund(no).Unsent && n.FailRefund(no, now), nil", "return n.FailRefund(no, now), nil"},
	{"a refund that has a number is sent again", "I8 R12", "cashier/refund_tend.go", "return f.RefundID == \"\" && (acc", "return (acc"},
	{"a refused repetition fails a refund that was taken", "I8 R12", "cashier/refund_tend.go", "case f.Lease != \"\", f.Doubt.IsZero():", "case f.Lease != \"\":"},
	{"a number of another order's refund is asked about for ever", "I8", "cashier/refund_send.go", "		n.FailRefund(no, c.now())\n		return true, provider", "		return true, provider"},
	{"a baseline that cannot be had is asked for without end", "R21", "cashier/refund_tend.go", "				if mine {\n					f.Ask(c.now(), acc.poll())\n				}\n", ""},
	{"a renewed prepay is asked about seldom", "I2 R5", "payment/due.go", "	if a.TimeReply.After(a.TimeBegin) {\n		end = a.TimeReply.Add(life) // it has been renewed\n	}\n", ""},
	{"baseline is ignored", "R12", "payment/refund.go", "	r.Baseline = o.Certain(a)\n", ""},
	{"refund is made before it is reserved", "I4 R12", "cashier/refund.go", "	if created {\n		return c.sendRefund(", "	if created || err == nil {\n		return c.sendRefund("},

	{"eight hundred orders are swept at once", "R21", "cashier/sweep.go", "sweepAtOnce  = 8 ", "sweepAtOnce  = 800 "},
	{"an account hears as many calls at once as there are orders", "R21", "cashier/pace.go", "laneWidth = 3 ", "laneWidth = 300 "},
	{"what came of a call is dropped when the caller hung up", "I6", "cashier/cashier.go", "context.WithTimeout(context.WithoutCancel(ctx), saveTime)", "context.WithTimeout(ctx, saveTime)"},
	{"a refund's doorbell is acknowledged although nothing could be stored", "I11", "cashier/notified.go", "		f.DueAt = due\n		return true, nil\n	})\n	if err != nil {", "		f.DueAt = due\n		return true, nil\n	})\n	if false {"},
	{"a create's late answer overrules a newer holder", "I10", "cashier/attempt.go", "	if a.Lease != lease || a.State != payment.Creating {", "	if a.State.Final() {"},
	{"a refund's late answer overrules a newer holder", "I4 R12", "cashier/refund_send.go", "x.Lease == lease && x.Status == payment.RefundProcessing {", "x.Status == payment.RefundProcessing {"},
	{"a lease is shorter than its call", "R10", "cashier/cashier.go", "Lease    = 25 * time.Second", "Lease    = 8 * time.Second"},
	{"a notice counts as known before its effect", "I11", "cashier/notified.go", "	o, verdict, err := c.heed(", "	if err := c.keep(ctx, v.order, v.Name, \"\", in, v.notice); err == nil {\n		if kept, err := c.store.Notices(ctx, store.Key{Merchant: at.Merchant, OutTradeNo: v.order.OutTradeNo}); err == nil && len(kept) > 0 && kept[0].Time.Before(c.now()) {\n			return v.bell.Ack(), nil\n		}\n	}\n	o, verdict, err := c.heed("},
	{"the refund cap is checked on a copy of before", "I4 R11", "cashier/refund.go", "		f, fresh, err := n.Reserve(r, acc.RefundAgain != provider.ByNumber, c.now())\n", "		was := o.Clone()\n		f, fresh, err := was.Reserve(r, acc.RefundAgain != provider.ByNumber, c.now())\n		if fresh {\n			n.Refunds = append(n.Refunds, *f)\n		}\n"},
	{"a desk's refund is dropped while one of ours waits", "I4", "payment/desk.go", "	gone := o.refunded(a, r.Fee.Currency, left) + o.externalIn(a, r.Fee.Currency)", "	gone := o.refunded(a, r.Fee.Currency, taken) + o.externalIn(a, r.Fee.Currency)"},
	{"a refused repetition fails a doubted refund", "I8 R12", "cashier/refund_send.go", "	case !doubt:\n", "	case !doubt || true:\n"},
	{"closed before the new route is known to be possible", "I2", "cashier/unifiedorder.go", "	if _, err := c.route(r, o); err != nil {\n		return Paying{}, err // before anything is closed\n	}\n", ""},
	{"a notice is verified for the first account only", "I7", "cashier/notified.go", "		if err == nil || !errors.Is(err, ErrForged) {\n			return v, err\n		}\n", "		return v, err\n"},
	{"another account's notice is taken at yaband", "I1 R16", "provider/yaband/notice.go", "case data[\"user\"] != c.mchid:", "case false:"},
	{"a notice of last week is taken at WeChat Pay", "R14", "provider/wechatpay/verify.go", "maxAge = 300 * time.Second", "maxAge = 300 * time.Hour"},
	{"an event's webhook-id differs at each try", "I5 R17", "webhook/webhook.go", "\"Webhook-Id\": e.ID,", "\"Webhook-Id\": e.ID + at,"},

	{"saved without a look at the version", "I4 R11", "store/embedded/order.go", "if won = err == nil && have.Version == order.Version; !won {", "if won = err == nil; !won {"},
}
