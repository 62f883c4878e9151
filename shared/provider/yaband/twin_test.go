package yaband

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/sandbox"
)

// YabandPay's twin, which has its own reading of the facts, as a transport.
type desk struct {
	twin   sandbox.Twin
	ledger *sandbox.Ledger
}

func (d desk) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	http.StripPrefix("/sandbox/yaband", d.twin).ServeHTTP(w, r)
	return w.Result(), nil
}

func twin(t testing.TB, settings map[string]any) (*client, desk) {
	t.Helper()
	n, ledger := 0, &sandbox.Ledger{}
	nonce := func() string { n++; return fmt.Sprintf("%032d", n) }
	d := desk{sandbox.NewYaband(sandbox.Env{Ledger: ledger, Now: func() time.Time { return clock }, Nonce: nonce, URL: "http://127.0.0.1/sandbox"}), ledger}
	s := d.twin.Settings()
	s["base_url"] = "http://127.0.0.1/sandbox/yaband/"
	for k, v := range settings {
		s[k] = v
	}
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return account(t, &http.Client{Transport: d}, string(raw)), d
}

func (d desk) set(t testing.TB, no string, change func(*sandbox.Trade)) sandbox.Trade {
	t.Helper()
	tr, err := d.ledger.Update("yaband", func(o sandbox.Trade) bool { return o.No == no }, func(o *sandbox.Trade) error { change(o); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// posted hands the twin's notice to the account.
func (d desk) posted(t testing.TB, c *client, tr sandbox.Trade, f *sandbox.Refund) provider.Notice {
	t.Helper()
	req := d.twin.Notice(tr, f)
	if req == nil {
		t.Fatal("the twin posts nothing")
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	n, err := c.Notice(context.Background(), provider.Inbound{Method: req.Method, Header: req.Header, Body: body})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestLifeAtTheTwin(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c, d := twin(t, nil)
	in := order(payment.WeChat)
	in.Attach = ""
	made, err := c.Create(ctx, in)
	if err != nil || made.Payment == nil || !strings.HasPrefix(made.Payment.Package, "prepay_id=") {
		t.Fatalf("%+v, %v", made, err)
	}
	_, err = c.Create(ctx, in)
	kindIs(t, err, provider.Declined)

	trade := provider.Trade{No: in.No, SpTradeNo: made.SpTradeNo, Total: in.Total, Method: in.Method}
	if r, err := c.Query(ctx, trade); err != nil || r.State != payment.Pending || r.Total != in.Total {
		t.Errorf("before: %+v, %v", r, err)
	}
	paid := d.set(t, in.No, func(o *sandbox.Trade) { o.State, o.TransactionID, o.PaidAt = sandbox.Paid, "4200001", clock })
	want := payment.Report{State: payment.Paid, Word: "paid", Account: "016683", No: in.No, Total: in.Total,
		SpTradeNo: made.SpTradeNo, TransactionID: "4200001", PaidAt: clock}
	got, err := c.Query(ctx, trade)
	if df := cmp.Diff(want, got); err != nil || df != "" {
		t.Error(err, df)
	}
	n := d.posted(t, c, paid, nil)
	if df := cmp.Diff(want, n.Payment); df != "" || n.Doorbell || n.Refund != nil {
		t.Error(df, n.Doorbell)
	}

	refund := provider.Refund{Trade: trade, OutRefundNo: "R1", Fee: eur(300), Desc: "cold", NotifyURL: in.NotifyURL}
	did, err := c.Refund(ctx, refund)
	if err != nil || did.Status != payment.RefundSuccess || did.Fee != refund.Fee {
		t.Fatalf("%+v, %v", did, err)
	}
	refund.RefundID = did.RefundID
	did.OutRefundNo, did.SpTradeNo = "R1", made.SpTradeNo // an answer may leave them out
	asked, err := c.QueryRefund(ctx, refund)
	if df := cmp.Diff(did, asked); err != nil || df != "" {
		t.Error(err, df)
	}
	tr, err := d.ledger.Find("yaband", func(o sandbox.Trade) bool { return o.No == in.No })
	if err != nil {
		t.Fatal(err)
	}
	n = d.posted(t, c, tr, &tr.Refunds[0])
	if df := cmp.Diff(&did, n.Refund); df != "" || n.Doorbell {
		t.Error(df, n.Doorbell)
	}
	refund.OutRefundNo, refund.Fee = "R2", eur(1000)
	_, err = c.Refund(ctx, refund)
	kindIs(t, err, provider.Declined)
	refund.RefundID = "nobody's"
	_, err = c.QueryRefund(ctx, refund)
	kindIs(t, err, provider.NotFound)
	trade.SpTradeNo = "nobody's"
	_, err = c.Query(ctx, trade)
	kindIs(t, err, provider.NotFound)
}

// Whatever the answer to a refund leaves out beside its number, the refund can be
// asked about, and its notice is about it; one of the desk has no number of ours.
func TestRefundNumbersAtTheTwin(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for no, want := range map[string]payment.RefundReport{
		"T20260301000": {Status: payment.RefundSuccess, Word: "refunded", OutRefundNo: "R1", Fee: eur(300), SucceededAt: clock},
		"T20260301001": {Status: payment.RefundSuccess, Word: "refunded", Fee: eur(300), SucceededAt: clock},
		"T20260301003": {Status: payment.RefundProcessing, Word: "refund processing"},
	} {
		t.Run(no, func(t *testing.T) {
			t.Parallel()
			c, d := twin(t, nil)
			in := order(payment.WeChat)
			in.No = no
			made, err := c.Create(ctx, in)
			if err != nil {
				t.Fatal(err)
			}
			d.set(t, no, func(o *sandbox.Trade) { o.State = sandbox.Paid })
			refund := provider.Refund{Trade: provider.Trade{No: no, SpTradeNo: made.SpTradeNo, Total: in.Total}, OutRefundNo: "R1", Fee: eur(300), NotifyURL: in.NotifyURL}
			got, err := c.Refund(ctx, refund)
			if want.RefundID, want.SpTradeNo = got.RefundID, got.SpTradeNo; err != nil || got.RefundID == "" {
				t.Fatalf("%+v, %v", got, err)
			}
			if df := cmp.Diff(want, got); df != "" {
				t.Error(df)
			}
			refund.RefundID = got.RefundID
			want := payment.RefundReport{Status: payment.RefundSuccess, Word: "refunded", SpTradeNo: made.SpTradeNo, OutRefundNo: "R1", RefundID: got.RefundID, Fee: eur(300), SucceededAt: clock}
			asked, err := c.QueryRefund(ctx, refund)
			if df := cmp.Diff(want, asked); err != nil || df != "" {
				t.Error(err, df)
			}
			tr := d.set(t, no, func(o *sandbox.Trade) {
				o.Refunds = append(o.Refunds, sandbox.Refund{ID: "desk", Amount: 200, Currency: "EUR", Status: "SUCCESS", NotifyURL: in.NotifyURL, Created: clock})
			})
			if n := d.posted(t, c, tr, &tr.Refunds[0]); n.Doorbell || !cmp.Equal(&want, n.Refund) {
				t.Errorf("%+v, %+v", n, n.Refund)
			}
			want.OutRefundNo, want.RefundID, want.Fee = "", "desk", eur(200)
			if n := d.posted(t, c, tr, &tr.Refunds[1]); n.Doorbell || !cmp.Equal(&want, n.Refund) {
				t.Errorf("of the desk: %+v, %+v", n, n.Refund)
			}
		})
	}
}

func TestPagesAndYuanAtTheTwin(t *testing.T) {
	t.Parallel()
	c, d := twin(t, nil)
	for i, m := range Descriptor.Methods[1:] {
		in := order(m)
		in.No, in.Total = fmt.Sprintf("T2026030%d", i), payment.Money{Amount: 800, Currency: "CNY"}
		made, err := c.Create(context.Background(), in)
		if err != nil || made.URL != "http://127.0.0.1/sandbox/checkout/yaband/"+made.SpTradeNo {
			t.Fatalf("%s: %+v, %v", m, made, err)
		}
		tr := d.set(t, in.No, func(o *sandbox.Trade) { o.State = sandbox.Paid })
		if tr.Method != string(m) {
			t.Errorf("ledger has %s for %s", tr.Method, m)
		}
		n := d.posted(t, c, tr, nil)
		if n.Payment.Settlement != eur(100) || n.Payment.State != payment.Paid {
			t.Errorf("%s: %+v", m, n.Payment)
		}
	}
}

// An order in yuan may be given back in the currency it was settled in, up to what
// was settled, and then it is given back whole; desk refunds in yuan count with it.
func TestRefundOfTheSettlementAtTheTwin(t *testing.T) {
	t.Parallel()
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		c, d := twin(t, nil)
		n++
		in := order(payment.WeChat)
		in.No = fmt.Sprintf("T%08d", n)
		in.Total = payment.Money{Amount: rapid.OneOf(rapid.Int64Range(100, 2000), rapid.Int64Range(100, payment.MaxAmount)).Draw(r, "total"), Currency: "CNY"}
		made, err := c.Create(context.Background(), in)
		if err != nil {
			r.Fatal(err)
		}
		paid := d.set(t, in.No, func(o *sandbox.Trade) {
			o.State = sandbox.Paid
			if yuan := rapid.Int64Range(0, 300).Draw(r, "yuan"); yuan > 0 && yuan < o.Amount {
				o.Refunds = []sandbox.Refund{{ID: "desk", Amount: yuan, Currency: "CNY", Status: "SUCCESS"}}
			}
		})
		settled := d.posted(t, c, paid, nil).Payment.Settlement
		given, desk := int64(0), paid.Refunded()
		refund := func(cents int64) error {
			_, err := c.Refund(context.Background(), provider.Refund{OutRefundNo: "R", Fee: eur(cents),
				Trade: provider.Trade{No: in.No, SpTradeNo: made.SpTradeNo, Total: in.Total}})
			if err == nil {
				given += cents
			}
			return err
		}
		for range rapid.IntRange(0, 5).Draw(r, "parts") {
			_ = refund(rapid.Int64Range(1, settled.Amount).Draw(r, "part"))
		}
		tr := d.set(t, in.No, func(*sandbox.Trade) {})
		left := (tr.Amount - tr.Refunded()) / 8
		if err := refund(left + 1); provider.KindOf(err) != provider.Declined {
			r.Errorf("over the %d cents left: %v", left, err)
		}
		if err := refund(left); left > 0 && err != nil {
			r.Errorf("the %d cents left: %v", left, err)
		}
		tr = d.set(t, in.No, func(*sandbox.Trade) {})
		if given > settled.Amount || tr.Refunded() > tr.Amount || given*8 > tr.Refunded()-desk {
			r.Errorf("gave back %v of %v: %d of %d", eur(given), settled, tr.Refunded(), tr.Amount)
		}
		if said := d.posted(t, c, tr, nil).Payment.State; given > 0 && said != payment.Refunded {
			r.Errorf("gave back %v of %v and %d at the desk, and the trade is %q", eur(given), settled, desk, said)
		}
	})
	c, d := twin(t, nil)
	in := order(payment.WeChat)
	made, err := c.Create(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	d.set(t, in.No, func(o *sandbox.Trade) { o.State = sandbox.Paid })
	_, err = c.Refund(context.Background(), provider.Refund{OutRefundNo: "R", Fee: payment.Money{Amount: 100, Currency: "CNY"},
		Trade: provider.Trade{No: in.No, SpTradeNo: made.SpTradeNo, Total: in.Total}})
	kindIs(t, err, provider.Declined) // neither the order's nor the settlement's
}

func TestTwinRefusesAWrongKey(t *testing.T) {
	t.Parallel()
	for _, wrong := range []map[string]any{{"key": "other"}, {"mchid": "016684"}} {
		c, d := twin(t, wrong)
		_, err := c.Create(context.Background(), order(payment.WeChat))
		kindIs(t, err, provider.Denied)
		if len(d.ledger.Trades()) != 0 {
			t.Error("the twin booked a trade")
		}
	}
}

// Whatever the shop's texts hold, the twin finds the signature right.
func TestSignatureForAnyText(t *testing.T) {
	t.Parallel()
	c, d := twin(t, nil)
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		in := order(payment.WeChat)
		in.No = fmt.Sprintf("T%08d", n)
		in.Body, in.Attach = rapid.StringN(1, 40, -1).Draw(r, "body"), rapid.StringN(0, 40, -1).Draw(r, "attach")
		in.Total.Amount = rapid.Int64Range(10, payment.MaxAmount).Draw(r, "amount")
		if _, err := c.Create(context.Background(), in); err != nil {
			r.Fatal(err)
		}
		tr := d.set(t, in.No, func(*sandbox.Trade) {})
		if tr.Body != in.Body || tr.Attach != in.Attach || tr.Amount != in.Total.Amount {
			r.Fatalf("the ledger has %+v", tr)
		}
	})
}
