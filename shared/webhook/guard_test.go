package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"overseaspay/shared/payment"
)

// trusting is the product's transport, which trusts a test server's certificate.
func trusting(d *net.Dialer, loopback bool, shop *httptest.Server) *http.Transport {
	t := transport(d, loopback)
	roots := x509.NewCertPool()
	roots.AddCert(shop.Certificate())
	t.TLSClientConfig = &tls.Config{RootCAs: roots}
	return t
}

func TestR17Guard(t *testing.T) {
	t.Parallel()
	forbidden := []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255",
		"127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.169.254", "169.254.170.2", "169.254.0.1",
		"172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255",
		"198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::ffff:0:127.0.0.1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "fd12::1", "ff02::1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::808:808",
		"64:ff9b:1::7f00:1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:10::1", "2001:20::1", "2001:db8::1",
		"2002:7f00:1::1", "2002:a9fe:a9fe::", "3fff::1", "5f00::1", "2606:4700::1%eth0",
	}
	allowed := []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0",
		"198.17.255.255", "198.20.0.0", "223.255.255.255", "::ffff:8.8.8.8",
		"2001:200::1", "2001:4860:4860::8888", "2003::1", "2400:cb00::1", "2606:4700::1111", "2a00:1450::1",
	}
	for want, list := range map[bool][]string{false: forbidden, true: allowed} {
		for _, text := range list {
			for _, port := range []string{"443", "8443", "80"} {
				err := guard("tcp", net.JoinHostPort(text, port), nil)
				if (err == nil) != want || err != nil && !errors.Is(err, errPrivate) {
					t.Errorf("%s: %v", text, err)
				}
			}
		}
	}
	for _, text := range []string{"", "shop.example:443", "8.8.8.8", "8.8.8.8:x", "/var/run/socket"} {
		if guard("tcp", text, nil) == nil {
			t.Errorf("%q is let through", text)
		}
	}
	if public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// names answers every lookup of an IPv4 address with the next of a list, the last
// one again and again, without asking anybody.
func names(t *testing.T, answers ...string) *net.Resolver {
	var asked atomic.Int64
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			query := make([]byte, 512)
			if _, err := io.ReadFull(theirs, query[:2]); err != nil {
				t.Error(err)
				return
			}
			query = query[:binary.BigEndian.Uint16(query)]
			if _, err := io.ReadFull(theirs, query); err != nil {
				t.Error(err)
				return
			}
			_, _ = theirs.Write(dnsReply(query, func() netip.Addr {
				n := min(int(asked.Add(1)), len(answers))
				return netip.MustParseAddr(answers[n-1])
			}))
		}()
		return ours, nil
	}}
}

// dnsReply answers a query of RFC 1035, as it goes over TCP: the question's name
// has the address for type A, and none for any other.
func dnsReply(query []byte, address func() netip.Addr) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5 // the root label, type and class
	reply := append([]byte{}, query[:end]...)
	copy(reply[2:], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}) // one question, nothing else
	if query[end-3] == 1 {
		reply[7] = 1
		a := address().As4()
		reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		reply = append(reply, a[:]...)
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)
}

// listener is a shop on this machine that counts who comes.
func listener(t *testing.T) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var hits atomic.Int64
	shop := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	shop.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			hits.Add(1)
		}
	}
	shop.StartTLS()
	t.Cleanup(shop.Close)
	return shop, &hits
}

// TestR17ForbiddenAddressesHearNothing: not by number, not by name, in no spelling.
func TestR17ForbiddenAddressesHearNothing(t *testing.T) {
	t.Parallel()
	refused := regexp.MustCompile("is not a public address|does not resolve") // Go takes 127.1 for a wrong name
	shop, hits := listener(t)
	_, port, _ := net.SplitHostPort(shop.Listener.Addr().String())
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]", "[::1]",
		"shop.example", "127.1", "2130706433", "0x7f000001", "0177.0.0.1"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			s := newSender(t, Config{Transport: trusting(&net.Dialer{Resolver: names(t, "127.0.0.1")}, false, shop)})
			status, err := s.Deliver(t.Context(), merchant("https://"+net.JoinHostPort(strings.Trim(host, "[]"), port)+"/?token=canary"),
				paid(), event(payment.PaymentSucceeded, ""))
			if status != 0 || err == nil || !refused.MatchString(err.Error()) || strings.Contains(err.Error(), "canary") {
				t.Errorf("status %d, error: %v", status, err)
			}
		})
	}
	t.Cleanup(func() {
		if n := hits.Load(); n != 0 {
			t.Errorf("%d connections", n)
		}
	})
}

// TestListenerIsHeard: the shop of the tests around it can be reached, and is
// where addresses are not looked at.
func TestListenerIsHeard(t *testing.T) {
	t.Parallel()
	shop, hits := listener(t)
	for n := range int64(2) {
		s := newSender(t, Config{Loopback: true, Transport: trusting(&net.Dialer{}, true, shop)})
		status, err := s.Deliver(t.Context(), merchant(shop.URL), paid(), event(payment.PaymentSucceeded, ""))
		if status != 200 || err != nil || hits.Load() != n+1 {
			t.Errorf("%d: status %d, error %v, %d connections: each delivery has its own", n, status, err, hits.Load())
		}
	}
}

// TestR17Rebind: a name that led to the internet the first time and leads inside the
// second gains nothing, because every address is looked at when it is dialled.
func TestR17Rebind(t *testing.T) {
	t.Parallel()
	shop, hits := listener(t)
	_, port, _ := net.SplitHostPort(shop.Listener.Addr().String())
	d := &net.Dialer{Resolver: names(t, "8.8.8.8", "127.0.0.1")}
	tr := trusting(d, false, shop)
	stop := errors.New("this would have been dialled")
	var let []string
	control := d.Control
	d.Control = func(network, address string, c syscall.RawConn) error {
		if err := control(network, address, c); err != nil {
			return err
		}
		let = append(let, address)
		return stop
	}
	s := newSender(t, Config{Transport: tr})
	url := "https://shop.example:" + port
	for _, want := range []string{stop.Error(), "leads into a private network: 127.0.0.1 is not"} {
		status, err := s.Deliver(t.Context(), merchant(url), paid(), event(payment.PaymentSucceeded, ""))
		if status != 0 || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("status %d, error: %v, want %s", status, err, want)
		}
	}
	if diff := cmp.Diff([]string{"8.8.8.8:" + port}, let); diff != "" || hits.Load() != 0 {
		t.Errorf("%d connections, let through (-want +got):\n%s", hits.Load(), diff)
	}
}

// TestR17Redirect: a shop on the internet cannot send us elsewhere, even where every
// address is allowed.
func TestR17Redirect(t *testing.T) {
	t.Parallel()
	inside, hits := listener(t)
	for _, code := range []int{301, 302, 303, 307, 308} {
		shop := httptest.NewTLSServer(http.RedirectHandler(inside.URL, code))
		s := newSender(t, Config{Loopback: true, Transport: trusting(&net.Dialer{}, true, shop)})
		status, err := s.Deliver(t.Context(), merchant(shop.URL), paid(), event(payment.PaymentSucceeded, ""))
		if status != code || err == nil {
			t.Errorf("status %d, error: %v", status, err)
		}
		shop.Close()
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d connections to where the shop pointed", n)
	}
}

// TestTransport: the guard is in place unless it is asked not to be, and no proxy
// stands between it and the addresses.
func TestTransport(t *testing.T) {
	t.Parallel()
	for _, loopback := range []bool{false, true} {
		d := &net.Dialer{}
		tr := transport(d, loopback)
		if (d.Control == nil) != loopback || tr.Proxy != nil || !tr.DisableKeepAlives || !tr.DisableCompression {
			t.Errorf("loopback %t: %+v", loopback, tr)
		}
	}
}
