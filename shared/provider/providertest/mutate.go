package providertest

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
	"overseaspay/shared/provider"
	"overseaspay/shared/sandbox"
)

// mutations of every genuine notice (R13): 2,000, or as many as MUTATIONS says.
var mutations = func() int {
	if n, err := strconv.Atoi(os.Getenv("MUTATIONS")); err == nil && n > 0 {
		return n
	}
	return 2000
}()

// checkMutatedNotice changes genuine notices in every way: a change is refused, or
// it lies outside the signed material and changes nothing, or the notice is a
// doorbell, which moves no money.
func checkMutatedNotice(r *rig) {
	if !rings(r.d.Notices) {
		return
	}
	r.under("payment", func(r *rig) { checkMutations(r, r.noticed(sandbox.PayOptions{}).in) })
	if rings(r.d.RefundNotices) {
		r.under("refund", func(r *rig) {
			_, mail := r.refundNotices()
			checkMutations(r, mail[0].in)
		})
	}
}

func checkMutations(r *rig, genuine provider.Inbound) {
	want := r.understood(genuine)
	for i := range uint64(mutations) {
		in, how := mutate(genuine, rand.New(rand.NewPCG(i, 13)))
		n, err := r.p.(provider.Notifier).Notice(r.Context(), in)
		switch {
		case err != nil:
			r.kind("mutation "+how, err, provider.Forged, provider.Malformed)
		case harmless(n) || cmp.Equal(n.Payment, want.Payment) && cmp.Equal(n.Refund, want.Refund):
		default:
			r.Errorf("mutation %d (%s) was believed: %s", i, how, cmp.Diff(want, n))
		}
		if r.Failed() {
			return
		}
	}
}

// harmless reports that a notice can cause no more than a question.
func harmless(n provider.Notice) bool {
	return n.Doorbell || n.Probe && n.Refund == nil && n.Payment == payment.Report{}
}

// mutate changes one thing about a notice and says what.
func mutate(in provider.Inbound, rng *rand.Rand) (provider.Inbound, string) {
	out := provider.Inbound{Method: in.Method, Query: in.Query, Header: in.Header.Clone(), Body: bytes.Clone(in.Body)}
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range in.Header {
			if !yield(name) {
				return
			}
		}
	})
	for {
		switch part := rng.IntN(10); {
		case part < 5 && len(in.Body) > 0:
			text, how := mutateText(string(in.Body), rng)
			out.Body = []byte(text)
			return out, "body: " + how
		case part < 7 && in.Query != "":
			text, how := mutateText(in.Query, rng)
			out.Query = text
			return out, "query: " + how
		case part < 9 && len(names) > 0:
			name := names[rng.IntN(len(names))]
			return out, "header " + name + ": " + mutateHeader(out.Header, name, rng)
		case part == 9:
			out.Method = map[bool]string{true: http.MethodGet, false: http.MethodPost}[in.Method == http.MethodPost]
			return out, "method"
		}
	}
}

func mutateHeader(h http.Header, name string, rng *rand.Rand) string {
	switch rng.IntN(4) {
	case 0:
		h.Del(name)
		return "dropped"
	case 1:
		h.Add(name, h.Get(name))
		return "doubled"
	case 2:
		h.Set(name, "")
		return "emptied"
	}
	text, how := mutateText(h.Get(name), rng)
	h.Set(name, text)
	return how
}

// mutateText changes one byte or one field of a text. Fields end at a comma or an ampersand.
func mutateText(text string, rng *rand.Rand) (mutated, how string) {
	if text == "" {
		return "x", "filled"
	}
	b := []byte(text)
	at := rng.IntN(len(b))
	fields := strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == '&' })
	sep := ","
	if strings.Contains(text, "&") {
		sep = "&"
	}
	f := 0
	if len(fields) > 0 {
		f = rng.IntN(len(fields))
	}
	switch rng.IntN(10) {
	case 0:
		b[at] ^= 1 << rng.IntN(8)
		return string(b), "bit flipped"
	case 1:
		b[at] = byte('0' + rng.IntN(10))
		return string(b), "byte made a digit"
	case 2:
		return string(slices.Delete(b, at, at+1)), "byte dropped"
	case 3:
		return string(slices.Insert(b, at, b[at])), "byte doubled"
	case 4:
		return text[:at], "cut off"
	case 5:
		return text + text[at:], "tail repeated"
	case 6:
		other := rng.IntN(len(b))
		b[at], b[other] = b[other], b[at]
		return string(b), "bytes swapped"
	case 7:
		if len(fields) > 1 {
			return strings.Join(slices.Delete(fields, f, f+1), sep), "field dropped"
		}
	case 8:
		if len(fields) > 1 {
			return strings.Join(slices.Insert(fields, f, fields[f]), sep), "field doubled"
		}
	case 9:
		if len(fields) > 1 {
			other := rng.IntN(len(fields))
			fields[f], fields[other] = fields[other], fields[f]
			return strings.Join(fields, sep), "fields swapped"
		}
	}
	return strings.ToUpper(text), "upper-cased"
}

// checkNonsense sends what no processor ever posts: nothing of it may be believed,
// and none of it may panic.
func checkNonsense(r *rig) {
	if !rings(r.d.Notices) {
		return
	}
	rng := rand.New(rand.NewPCG(18, 18))
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	list := []provider.Inbound{
		{Method: "POST"}, {Method: "GET"}, {Method: "POST", Body: noise(2 << 20)}, {Method: "GET", Query: string(noise(1 << 16))},
		{Method: "POST", Body: bytes.Repeat([]byte("["), 1<<20)}, {Method: "POST", Body: []byte("null")},
		{Method: "POST", Body: []byte(`{"data":null,"sign":null}`)}, {Method: "POST", Body: []byte("<xml>")},
	}
	genuine := r.noticed(sandbox.PayOptions{}).in
	for range 300 {
		list = append(list,
			provider.Inbound{Method: "POST", Header: genuine.Header, Body: noise(rng.IntN(400))},
			provider.Inbound{Method: genuine.Method, Header: genuine.Header, Query: string(noise(rng.IntN(100)))})
	}
	for _, in := range list {
		n, err := r.p.(provider.Notifier).Notice(r.Context(), in)
		if err != nil {
			r.kind("nonsense", err, provider.Forged, provider.Malformed)
		} else if !harmless(n) {
			r.Errorf("nonsense was believed: %+v", n)
		}
	}
}
