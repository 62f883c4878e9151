package payment

import "time"

// Due is the one next moment at which somebody should look at the order again:
// to ask a processor, to close it, to see to a refund, to deliver an event. Zero
// means never.
func (o *Order) Due() time.Time {
	var next time.Time
	soonest := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, a := range o.Attempts {
		if !a.State.Final() || a.State == Captured {
			soonest(a.DueAt)
		}
	}
	for _, r := range o.Refunds {
		if r.Status == RefundProcessing {
			soonest(r.DueAt)
		}
	}
	for _, e := range o.Events {
		soonest(e.DueAt)
	}
	if o.TradeState == TradeNotPay {
		soonest(o.CloseAt())
	}
	return next
}

// CloseAt is when an unpaid order should be closed: when it expires, or, where the
// processor did not answer then, when it is asked again.
func (o *Order) CloseAt() time.Time {
	at := o.TimeExpire
	for _, a := range o.Attempts {
		if !a.State.Final() && a.DueAt.After(at) && !a.AskedAt.Before(o.TimeExpire) {
			at = a.DueAt
		}
	}
	return at
}

// How long after its life an attempt, which can no longer be paid, is still asked
// about: by its timetable for an hour, then seldom, after a day hourly.
const (
	PollFor  = time.Hour
	seldom   = 5 * time.Minute
	WatchFor = 24 * time.Hour
	WatchEnd = 7 * 24 * time.Hour
)

// Ask books a question to the processor about an attempt and sets the next one,
// after the wait that poll holds for it (its last wait repeats). life is how long
// the attempt can be paid. An attempt that nobody can say anything about any more
// ends.
func (a *Attempt) Ask(now time.Time, poll []time.Duration, life time.Duration) {
	wait := next(poll, a.Asked)
	end := a.TimeBegin.Add(life)
	if a.TimeReply.After(a.TimeBegin) {
		end = a.TimeReply.Add(life) // it has been renewed
	}
	switch over := now.Sub(end); {
	case a.State == Watched && over > WatchFor:
		wait = max(wait, time.Hour)
	case over > PollFor:
		wait = max(wait, seldom)
	}
	a.AskedAt, a.DueAt = now, now.Add(wait)
	a.Asked++
	if a.State == Captured {
		a.AfterSale(now)
	}
	if a.State == Watched && now.After(end.Add(WatchEnd)) {
		a.State, a.Reason = Ended, "no final word within a week"
	}
}

// afterSale is when a paid attempt is looked at again, after its payment, where
// the processor does not tell of refunds and chargebacks at its own desk.
var afterSale = []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour, 3 * 24 * time.Hour,
	7 * 24 * time.Hour, 14 * 24 * time.Hour, 28 * 24 * time.Hour}

// AfterSale books the next look at a paid attempt, if there is one.
func (a *Attempt) AfterSale(now time.Time) {
	a.DueAt = time.Time{}
	for _, d := range afterSale {
		if at := a.TimePaid.Add(d); at.After(now) {
			a.DueAt = at
			return
		}
	}
}

// NotEnoughFor is how long a refund that certainly has not gone out is tried again,
// and after which one that has is asked about hourly only.
const NotEnoughFor = 48 * time.Hour

// Ask books a question to the processor about a refund and sets the next one.
func (r *Refund) Ask(now time.Time, poll []time.Duration) {
	wait := next(poll, r.Asked)
	if now.After(r.TimeCreate.Add(NotEnoughFor)) {
		wait = max(wait, time.Hour)
	}
	r.AskedAt, r.DueAt = now, now.Add(wait)
	r.Asked++
}

// next is the nth wait of a timetable; its last one repeats.
func next(poll []time.Duration, n int) time.Duration {
	if len(poll) == 0 {
		return time.Minute
	}
	return poll[min(n, len(poll)-1)]
}
