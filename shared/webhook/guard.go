package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// errPrivate refuses an address that the public internet does not reach.
var errPrivate = errors.New("is not a public address")

// Of IPv6 only what has been assigned for the internet is public, so that
// everything else (loopback, link-local, unique local with AWS's fd00:ec2::254,
// multicast, NAT64's 64:ff9b::/96) is refused without being listed.
var global6 = netip.MustParsePrefix("2000::/3")

// special are the exceptions: the registries of special-purpose addresses
// (RFC 6890 and its successors at IANA), multicast, reserved, and what clouds keep
// for themselves.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),        // "this network", unspecified
	netip.MustParsePrefix("10.0.0.0/8"),       // private
	netip.MustParsePrefix("100.64.0.0/10"),    // carriers' NAT; Alibaba's metadata
	netip.MustParsePrefix("127.0.0.0/8"),      // loopback: Lambda's own runtime API
	netip.MustParsePrefix("168.63.129.16/32"), // Azure's host
	netip.MustParsePrefix("169.254.0.0/16"),   // link-local: 169.254.169.254 and its like
	netip.MustParsePrefix("172.16.0.0/12"),    // private
	netip.MustParsePrefix("192.0.0.0/24"),     // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),     // documentation
	netip.MustParsePrefix("192.88.99.0/24"),   // 6to4 relays
	netip.MustParsePrefix("192.168.0.0/16"),   // private
	netip.MustParsePrefix("198.18.0.0/15"),    // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"),  // documentation
	netip.MustParsePrefix("203.0.113.0/24"),   // documentation
	netip.MustParsePrefix("224.0.0.0/3"),      // multicast, reserved, broadcast
	netip.MustParsePrefix("2001::/23"),        // protocol assignments: Teredo embeds IPv4
	netip.MustParsePrefix("2001:db8::/32"),    // documentation
	netip.MustParsePrefix("2002::/16"),        // 6to4 embeds IPv4
	netip.MustParsePrefix("3fff::/20"),        // documentation
}

// public reports whether the internet reaches an address. An IPv4 address in IPv6
// clothes (::ffff:0:0/96) is judged as what it is; those that embed one for a
// translator (NAT64, 6to4, Teredo) are refused, whatever they embed.
func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.Is4() && !global6.Contains(a) { // an address with a zone is in no prefix
		return false
	}
	return a.IsValid() && !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}

// guard is a dialler's Control: it sees the address that is about to be dialled,
// after every lookup.
func guard(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !public(at.Addr()) {
		return fmt.Errorf("%s %w", at.Addr(), errPrivate)
	}
	return nil
}

// reason says why no answer came. What net/http says would quote the URL with its
// query, and what the shop sent.
func reason(err error) error {
	var (
		lookup  *net.DNSError
		cert    *tls.CertificateVerificationError
		network *net.OpError
	)
	switch {
	case errors.Is(err, errPrivate) && errors.As(err, &network):
		return fmt.Errorf("webhook: webhook.url leads into a private network: %w", network.Err)
	case errors.Is(err, context.Canceled):
		return errors.New("webhook: cancelled before the shop answered")
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("webhook: the shop did not answer in time")
	case errors.As(err, &lookup):
		return errors.New("webhook: the host name of webhook.url does not resolve")
	case errors.As(err, &cert):
		return errors.New("webhook: the shop's certificate is not valid")
	case errors.As(err, &network):
		return fmt.Errorf("webhook: the connection failed at %s: %w", network.Op, network.Err)
	}
	return errors.New("webhook: the connection broke, or what answered is not HTTP")
}
