package payment

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// EventType names what the shop is told.
type EventType string

// Events of the contract.
const (
	PaymentSucceeded EventType = "payment.succeeded"
	PaymentClosed    EventType = "payment.closed"
	PaymentFlagged   EventType = "payment.flagged"
	RefundSucceeded  EventType = "refund.succeeded"
	RefundFailed     EventType = "refund.failed"
)

// Event is something the shop must hear, kept in the order until it has. There is
// at most one of a type for an order, or for one of its refunds.
type Event struct {
	ID        string    `json:"id"` // the same however often it is sent
	Type      EventType `json:"type"`
	RefundNo  string    `json:"out_refund_no,omitempty"`
	Time      time.Time `json:"time"`
	Tries     int       `json:"tries,omitempty"`
	DueAt     time.Time `json:"due_at,omitzero"`    // next delivery; zero when there is none
	Delivered time.Time `json:"delivered,omitzero"` // 2xx came, or the shop said 410
	Status    int       `json:"status,omitempty"`   // HTTP status of the last try, 0 if none came
}

// emit records an event once. The order's stream tells the shop at once; the
// event is due for the first repetition.
func (o *Order) emit(t EventType, refundNo string, now time.Time) {
	sum := sha256.Sum256([]byte(o.Merchant + "/" + o.OutTradeNo + "/" + string(t) + "/" + refundNo))
	id := "evt_" + hex.EncodeToString(sum[:16])
	if slices.ContainsFunc(o.Events, func(e Event) bool { return e.ID == id }) {
		return
	}
	o.Events = append(o.Events, Event{ID: id, Type: t, RefundNo: refundNo, Time: now, DueAt: now.Add(Redeliver[0])})
}

// retell has the shop told of an event anew: there is more to say, and by the
// contract the event's id does not know what.
func (o *Order) retell(t EventType, now time.Time) {
	for i := range o.Events {
		if e := &o.Events[i]; e.Type == t {
			*e = Event{ID: e.ID, Type: t, RefundNo: e.RefundNo, Time: now, DueAt: now.Add(Redeliver[0])}
		}
	}
}

// Undelivered lists the ids of the events that the shop has not heard yet.
func (o *Order) Undelivered() []string {
	var ids []string
	for _, e := range o.Events {
		if !e.DueAt.IsZero() {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// Redeliver are the waits before each repetition of an event that the shop did
// not take, lower bounds; after the last it is given up, about three days on.
var Redeliver = []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
	10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}

// Tell books that the caller tells the shop of an event that is due, and reports
// whether it may: nobody else will until that time, which is also when the event is
// due again if the caller dies.
func (o *Order) Tell(id string, now, until time.Time) bool {
	i := slices.IndexFunc(o.Events, func(e Event) bool { return e.ID == id && !e.DueAt.IsZero() && !e.DueAt.After(now) })
	if i >= 0 {
		o.Events[i].DueAt = until
	}
	return i >= 0
}

// Told books a repetition of an event: of is the event's time as the shop was told
// it (one that has more to say meanwhile is not over), status is the shop's HTTP
// status, 0 if it did not answer. 2xx and 410 end it, one that was given up as well.
// jitter, 0 to 99, adds that many permille to the next wait, so that a shop that was
// down is not met by all at once.
func (o *Order) Told(id string, of time.Time, status int, now time.Time, jitter int) bool {
	i := slices.IndexFunc(o.Events, func(e Event) bool { return e.ID == id && e.Delivered.IsZero() && e.Time.Equal(of) })
	taken := status/100 == 2 || status == 410
	if i < 0 || o.Events[i].DueAt.IsZero() && !taken {
		return false
	}
	e := &o.Events[i]
	e.Status, e.DueAt = status, time.Time{}
	if taken {
		e.Delivered = now
		return true
	}
	if e.Tries++; e.Tries < len(Redeliver) {
		wait := Redeliver[e.Tries]
		e.DueAt = now.Add(wait + wait*time.Duration(jitter)/1000)
	}
	return true
}

// Heard keeps the shop's status for the first delivery of an event, the one at once,
// where that did not end it. It is of use to people only: the first repetition stays
// due when it was, and no try is counted. It reports whether there was news.
func (o *Order) Heard(id string, status int) bool {
	i := slices.IndexFunc(o.Events, func(e Event) bool { return e.ID == id && !e.DueAt.IsZero() && e.Tries == 0 })
	if i < 0 || o.Events[i].Status == status {
		return false
	}
	o.Events[i].Status = status
	return true
}
