package cloudpay

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/provider/providertest"
	"overseaspay/shared/sandbox"
)

// The bridge's notify address is part of its deployment and comes with no call.
// The suite has one per order: here a header carries it from the account to the
// twin, past everything that is tested.
type (
	addressed struct{ *client }
	address   struct{}
	deployed  struct {
		sandbox.Twin
		ledger *sandbox.Ledger
	}
	carrier struct{ next http.RoundTripper }
)

func (a addressed) Create(ctx context.Context, in provider.Create) (provider.Created, error) {
	return a.client.Create(context.WithValue(ctx, address{}, in.NotifyURL), in)
}

func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	if to, ok := r.Context().Value(address{}).(string); ok {
		r.Header.Set("X-Deployed-To", to)
	}
	return c.next.RoundTrip(r)
}

func (d deployed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.Twin.ServeHTTP(w, r)
	if to := r.Header.Get("X-Deployed-To"); to != "" {
		_, _ = d.ledger.Update("cloudpay", func(t sandbox.Trade) bool { return strings.HasSuffix(to, "/"+t.No) },
			func(t *sandbox.Trade) error { t.NotifyURL = to; return nil })
	}
}

func TestConformance(t *testing.T) {
	d := Descriptor
	d.New = func(cfg provider.Config) (provider.Provider, error) {
		if cfg.HTTP != nil {
			cfg.HTTP = &http.Client{Transport: carrier{cfg.HTTP.Transport}}
		}
		p, err := New(cfg)
		if err != nil {
			return nil, err
		}
		return addressed{p.(*client)}, nil
	}
	providertest.Run(t, providertest.Harness{
		Descriptor: d, Currencies: []string{"NZD", "CNY"}, WrongSecret: map[string]any{"key": "not-the-key-of-the-twin"},
		Twin: func(env sandbox.Env) sandbox.Twin { return deployed{sandbox.NewCloudPay(env), env.Ledger} },
	})
}

// boxURL is where the sandbox seems to be.
const boxURL = "http://127.0.0.1:3000/sandbox"

// twin is an account at the twin as the demo item has it, with settings changed.
func twin(t *testing.T, changed map[string]any) (*sandbox.Sandbox, *client) {
	t.Helper()
	box, err := sandbox.New(sandbox.Config{URL: boxURL, HTTP: &http.Client{Transport: &desk{}}, Now: func() time.Time { return noon },
		Twins: func(e sandbox.Env) []sandbox.Twin { return []sandbox.Twin{sandbox.NewCloudPay(e)} }})
	if err != nil {
		t.Fatal(err)
	}
	settings := box.Twins()[0].Settings()
	settings["base_url"] = boxURL + "/cloudpay"
	for name, value := range changed {
		settings[name] = value
	}
	raw, err := stringify(settings)
	if err != nil {
		t.Fatal(err)
	}
	cfg := (&desk{}).config(string(raw))
	cfg.AppID, cfg.HTTP = sandbox.DemoAppID, &http.Client{Transport: box.Transport()}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return box, p.(*client)
}

// Each wrong setting is named.
func TestTwinRefusesWrongSettings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		member, value, says string
		want                provider.Kind
	}{
		{"key", "other", "providers.cloudpay.key", provider.Denied},
		{"appsecret", "other", "appsecret", provider.Denied},
		{"appid", "wxother", "providers.cloudpay.appid", provider.Denied},
		{"sub_mchid", "1900000999", "providers.cloudpay.sub_mchid", provider.Denied},
		{"env", "other", "providers.cloudpay.env", provider.Unknown},
		{"function", "other", "function", provider.Unknown},
	} {
		t.Run(tt.member, func(t *testing.T) {
			t.Parallel()
			box, c := twin(t, map[string]any{tt.member: tt.value})
			_, err := c.Create(t.Context(), order())
			kindIs(t, err, tt.want)
			if err == nil || !strings.Contains(err.Error(), tt.says) || len(box.Trades()) != 0 {
				t.Errorf("%v, %d trades", err, len(box.Trades()))
			}
		})
	}
}

// The whole life of an order, and what WeChat refuses on the way.
func TestLifeAtTheTwin(t *testing.T) {
	t.Parallel()
	box, c := twin(t, nil)
	in, ask := order(), trade()
	_, err := c.Query(t.Context(), ask)
	kindIs(t, err, provider.NotFound)
	first, err := c.Create(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.Create(t.Context(), in); err != nil || again.Payment.Package != first.Payment.Package {
		t.Errorf("the identical create: %+v, %v", again, err)
	}
	other := in
	other.Total.Amount++
	_, err = c.Create(t.Context(), other)
	kindIs(t, err, provider.Declined)
	_, err = c.Refund(t.Context(), refund())
	kindIs(t, err, provider.Declined)

	paid, delivery, err := box.Pay(t.Context(), in.No, sandbox.PayOptions{})
	if err != nil || delivery == nil || delivery.Status != 404 || paid.NotifyURL != "http://127.0.0.1:3000/notify/cloudpay/default" {
		t.Errorf("%+v, %+v, %v", paid, delivery, err)
	}
	_, err = c.Create(t.Context(), in)
	kindIs(t, err, provider.AlreadyPaid)
	kindIs(t, c.Close(t.Context(), ask), provider.AlreadyPaid)
	if back, err := c.Refund(t.Context(), refund()); err != nil || back.Status != payment.RefundProcessing || back.Fee != cny(500) {
		t.Errorf("%+v, %v", back, err)
	}
	changed := refund()
	changed.Fee.Amount = 400
	_, err = c.Refund(t.Context(), changed)
	kindIs(t, err, provider.Declined)
	box.Settle()
	if back, err := c.QueryRefund(t.Context(), refund()); err != nil || back.Status != payment.RefundSuccess || back.SucceededAt != noon {
		t.Errorf("%+v, %v", back, err)
	}
	if r, err := c.Query(t.Context(), ask); err != nil || r.State != payment.Refunded || r.Total != cny(1299) || r.Refunded != cny(500) {
		t.Errorf("%+v, %v", r, err)
	}
	for _, given := range []int64{501, 502, 503, 504, 505, 506, 507, 508, 509, 0} {
		if _, _, err := box.Refund(t.Context(), in.No, "", 1); err != nil {
			t.Fatal(err)
		}
		want := cny(given)
		if given == 0 { // ten of eleven are shown, and say nothing
			want = payment.Money{}
		}
		if r, err := c.Query(t.Context(), ask); err != nil || r.State != payment.Refunded || r.Refunded != want {
			t.Errorf("after one more of the desk: %+v, %v; want %v", r, err, want)
		}
	}
	in.No, ask.No = "ORD-20261122_0002", "ORD-20261122_0002"
	if _, err := c.Create(t.Context(), in); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := c.Close(t.Context(), ask); err != nil {
			t.Error(err)
		}
	}
	_, err = c.Create(t.Context(), in)
	kindIs(t, err, provider.Declined)
}

// An environment that another mini-program owns.
func TestSharedEnvironmentAtTheTwin(t *testing.T) {
	t.Parallel()
	box, c := twin(t, nil)
	c.shopper = "wxguest"
	in := order()
	in.AppID = "wxguest"
	if _, err := c.Create(t.Context(), in); err != nil || box.Trades()[0].Extra["appid"] != "wxguest" {
		t.Errorf("%v, %+v", err, box.Trades())
	}
	if _, err := c.Query(t.Context(), trade()); err != nil {
		t.Error(err)
	}
}
