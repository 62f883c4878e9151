package sim

import (
	"slices"
	"time"

	"overseaspay/shared/payment"
)

// I3: states move along the table, and times that are told do not change.
func (w *World) oneWay(before, o *payment.Order) {
	if o.TradeState != before.TradeState && !slices.Contains(payment.Transitions()[before.TradeState], o.TradeState) {
		w.violate("I3", "order %s went from %s to %s", o.OutTradeNo, before.TradeState, o.TradeState)
	}
	w.timeStays(o, "time_paid", before.TimePaid, o.TimePaid)
	w.timeStays(o, "time_closed", before.TimeClosed, o.TimeClosed)
	for i := range before.Attempts {
		w.attemptMoves(before.Attempts[i], o.Attempts[i])
	}
	for i := range before.Refunds {
		w.refundMoves(o, &before.Refunds[i], i)
	}
	for _, f := range before.Flags {
		if !slices.Contains(o.Flags, f) {
			w.violate("I3", "order %s lost the flag %s", o.OutTradeNo, f)
		}
	}
}

func (w *World) timeStays(o *payment.Order, name string, was, is time.Time) {
	if !was.IsZero() && !was.Equal(is) {
		w.violate("I3", "order %s: %s changed from %s to %s", o.OutTradeNo, name, was, is)
	}
}

// attemptMoves: what is over can only turn out to be paid, and what is no longer
// offered to the shopper is not offered again.
func (w *World) attemptMoves(was, is payment.Attempt) {
	over := was.State.Final() && is.State != was.State && (was.State == payment.Captured || is.State != payment.Captured)
	if over || !was.State.Live() && is.State.Live() {
		w.violate("I3", "attempt %s was %s and is %s", was.No, was.State, is.State)
	}
}

// refundMoves: refunds are only ever added, and only PROCESSING changes. One that
// is CLOSED may turn out to have gone out; its status tells the shop what it was told.
func (w *World) refundMoves(o *payment.Order, was *payment.Refund, i int) {
	if i >= len(o.Refunds) || o.Refunds[i].OutRefundNo != was.OutRefundNo {
		w.violate("I3", "refund %s %s of %s is gone", was.OutRefundNo, was.RefundID, o.OutTradeNo)
		return
	}
	is := o.Refunds[i]
	if was.Status != payment.RefundProcessing && is.Status != was.Status || was.Late && !is.Late {
		w.violate("I3", "refund %s of %s was %s and is %s", was.OutRefundNo, o.OutTradeNo, was.Status, is.Status)
	}
	w.timeStays(o, "time_success", was.TimeSuccess, is.TimeSuccess)
	w.stays(o, "refund_id", was.RefundID, is.RefundID)
	if was.Fee != is.Fee || was.AttemptNo != is.AttemptNo {
		w.violate("I4", "refund %s of %s changed its amount or its capture", was.OutRefundNo, o.OutTradeNo)
	}
}

// I5: events stay what they are. One that was delivered is only due again if there
// is more to say: another flag, under the same id.
func (w *World) oneEffect(before, o *payment.Order) {
	for i, was := range before.Events {
		if i >= len(o.Events) || o.Events[i].ID != was.ID || o.Events[i].Type != was.Type {
			w.violate("I5", "order %s lost or renamed its event %s %s", o.OutTradeNo, was.Type, was.ID)
			return
		}
		news := was.Type == payment.PaymentFlagged && len(o.Flags) > len(before.Flags)
		if is := o.Events[i]; !was.Delivered.IsZero() && !is.DueAt.IsZero() && !news {
			w.violate("I5", "order %s: %s was delivered and is due again", o.OutTradeNo, was.Type)
		}
	}
}

// I6: numbers once learnt stay.
func (w *World) traceStays(before, o *payment.Order) {
	for i, was := range before.Attempts {
		w.stays(o, "sp_trade_no", was.SpTradeNo, o.Attempts[i].SpTradeNo)
		w.stays(o, "transaction_id", was.TransactionID, o.Attempts[i].TransactionID)
	}
	w.stays(o, "paid_by", before.PaidBy, o.PaidBy)
	w.stays(o, "openid", before.OpenID, o.OpenID)
}

func (w *World) stays(o *payment.Order, what, was, is string) {
	if was != "" && was != is {
		w.violate("I6", "order %s: %s was %s and is %q", o.OutTradeNo, what, was, is)
	}
}

// I7: an attempt's route never changes, and all its trades are at its processor.
func (w *World) frozenRoute(before, o *payment.Order) {
	for i, was := range before.Attempts {
		is := o.Attempts[i]
		if was.No != is.No || was.Provider != is.Provider || was.Account != is.Account || was.NotifyURL != is.NotifyURL || was.Method != is.Method {
			w.violate("I7", "order %s: the route of attempt %s changed", o.OutTradeNo, was.No)
		}
	}
	if before.Total != o.Total {
		w.violate("I7", "order %s: the amount changed", o.OutTradeNo)
	}
}
