package payment

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	testAccount = "016683"
	testSp      = "8000001"
	testWx      = "4200000000202511230000000001"
)

var (
	t0    = time.Date(2025, 11, 23, 8, 0, 0, 0, time.UTC)
	total = Money{Amount: 1299, Currency: "EUR"}
)

func eur(amount int64) Money { return Money{Amount: amount, Currency: "EUR"} }

// newOrder is an unpaid order without an attempt.
func newOrder() *Order {
	return &Order{Merchant: "default", OutTradeNo: "T20251123", TradeState: TradeNotPay, Total: total,
		Body: "tea", OpenID: "openid-of-payer", TimeCreate: t0, TimeExpire: t0.Add(2 * time.Hour)}
}

// begin adds an attempt and opens it.
func begin(t testing.TB, o *Order) *Attempt {
	t.Helper()
	a, err := o.Begin(Attempt{Provider: "yaband", Account: testAccount, Method: WeChat}, "lease", t0.Add(25*time.Second), t0)
	if err != nil {
		t.Fatal(err)
	}
	a.State = Open
	return a
}

// opened is an order with one attempt that can be paid.
func opened(t testing.TB) *Order {
	t.Helper()
	o := newOrder()
	begin(t, o)
	return o
}

// captured is an order that was paid through its first attempt.
func captured(t testing.TB) *Order {
	t.Helper()
	o := opened(t)
	apply(t, o, paid(), t0.Add(time.Minute))
	return o
}

// paid is the right capture of the first attempt.
func paid() Report {
	return Report{State: Paid, Word: "paid", Account: testAccount, No: "T20251123", Total: total,
		SpTradeNo: testSp, TransactionID: testWx, PaidAt: t0.Add(30 * time.Second)}
}

// apply applies a report about the first attempt that must be believed.
func apply(t testing.TB, o *Order, r Report, now time.Time) bool {
	t.Helper()
	changed, err := o.Apply(o.OutTradeNo, r, now)
	if err != nil {
		t.Fatalf("Apply(%s): %v", r.State, err)
	}
	return changed
}

// reserve books a refund of the first attempt that must be granted.
func reserve(t testing.TB, o *Order, no string, amount int64) *Refund {
	t.Helper()
	r, created, err := o.Reserve(Refund{OutRefundNo: no, AttemptNo: o.OutTradeNo, Fee: eur(amount)}, false, t0.Add(time.Hour))
	if err != nil || !created {
		t.Fatalf("Reserve(%s, %d) = created %t, %v", no, amount, created, err)
	}
	return r
}

// item is the order as a store keeps it.
func item(t testing.TB, o *Order) string {
	t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func hasFlags(t testing.TB, o *Order, want ...Flag) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(o.Flags, want) {
		t.Errorf("flags = %v, want %v", o.Flags, want)
	}
}

func eventsOf(o *Order, typ EventType) (n int) {
	for _, e := range o.Events {
		if e.Type == typ {
			n++
		}
	}
	return n
}

func codeOf(err error) Code {
	if err == nil {
		return ""
	}
	return AsError(err).Code
}

// permutations calls f with every order of n things.
func permutations(n int, f func([]int)) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var swap func(int)
	swap = func(k int) {
		if k == n {
			f(order)
			return
		}
		for i := k; i < n; i++ {
			order[k], order[i] = order[i], order[k]
			swap(k + 1)
			order[k], order[i] = order[i], order[k]
		}
	}
	swap(0)
}

// filled is an order whose every member holds something: strings their own path,
// so that a test sees where a member went, whichever members there are.
func filled(t testing.TB) *Order {
	t.Helper()
	o := new(Order)
	fill(t, reflect.ValueOf(o).Elem(), "order")
	return o
}

func fill(t testing.TB, v reflect.Value, path string) {
	t.Helper()
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(t0))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(path)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), path)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0), path+"[]")
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	default:
		t.Fatalf("%s: fill does not know a %s yet", path, v.Kind())
	}
}

// backings lists every place that a value keeps data outside of itself.
func backings(v reflect.Value, path string, found map[string]uintptr) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.Type() != reflect.TypeFor[*time.Location]() && !v.IsNil() {
			found[path] = v.Pointer()
			backings(v.Elem(), path, found)
		}
	case reflect.Slice:
		found[path] = v.Pointer()
		for i := range v.Len() {
			backings(v.Index(i), fmt.Sprintf("%s[%d]", path, i), found)
		}
	case reflect.Map:
		found[path] = v.Pointer()
	case reflect.Struct:
		for i := range v.NumField() {
			backings(v.Field(i), path+"."+v.Type().Field(i).Name, found)
		}
	}
}

// keys lists the members of a JSON object in order of name.
func keys(t testing.TB, v any) []string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.SortFunc(names, strings.Compare)
	return names
}
