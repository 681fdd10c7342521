package effects

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Resolver finds the addresses behind a name; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

const maxAddresses = 16

// notPublic lists what is not globally routable unicast, after the IANA
// special-purpose address registries, and addresses at which clouds serve
// credentials to whoever asks.
var notPublic = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"168.63.129.16/32", // Azure's platform address
	"2001::/23",        // protocol assignments: Teredo, benchmarking, ORCHID
	"2001:db8::/32", "2002::/16", "3fff::/20",
)

var (
	globalV6 = netip.MustParsePrefix("2000::/3")
	nat64    = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052: an IPv4 address in the last four bytes
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// special reports whether an address is not public. What embeds an IPv4
// address counts as that address; tunnels (6to4, Teredo) always count.
func special(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || a.Zone() != "" {
		return true
	}
	if nat64.Contains(a) {
		b := a.As16()
		return special(netip.AddrFrom4([4]byte(b[12:])))
	}
	if a.Is6() && !globalV6.Contains(a) {
		return true
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// resolve finds the addresses of a target and what policy needs to know about
// them. What it returns is what is dialled: there is no second look-up that
// could answer otherwise.
func (c *client) resolve(ctx context.Context, t *target) ([]netip.Addr, capability.Attributes, error) {
	addrs, err := c.lookup(ctx, t.host)
	if err != nil {
		return nil, nil, err
	}
	all, odd := []string{}, []string{}
	for _, a := range addrs {
		all = append(all, a.String())
		if special(a) {
			odd = append(odd, a.String())
		}
	}
	return addrs, capability.Attributes{"addresses": all, "special_addresses": odd}, nil
}

func (c *client) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
	defer cancel()
	found, err := c.cfg.Resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		var dns *net.DNSError
		if errors.As(err, &dns) && dns.IsNotFound {
			return nil, protocol.Errorf(protocol.Failed, "http.request: there is no host %s", host)
		}
		return nil, protocol.Errorf(protocol.Unavailable, "http.request: the address of %s can't be found now: %s", host, oneLine(err.Error(), 300))
	}
	addrs := make([]netip.Addr, 0, len(found))
	for _, a := range found {
		if a = a.Unmap(); a.IsValid() && a.Zone() == "" && len(addrs) < maxAddresses {
			addrs = append(addrs, a)
		}
	}
	if len(addrs) == 0 {
		return nil, protocol.Errorf(protocol.Failed, "http.request: %s has no address", host)
	}
	return addrs, nil
}

// dialer connects to the vetted addresses and nothing else, whatever host name
// the transport passes in.
func (c *client) dialer(addrs []netip.Addr, port uint16) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		d := net.Dialer{Timeout: c.cfg.DialTimeout}
		var errs []error
		for _, a := range addrs {
			conn, err := d.DialContext(ctx, "tcp", netip.AddrPortFrom(a, port).String())
			if err == nil {
				return conn, nil
			}
			errs = append(errs, err)
			if ctx.Err() != nil {
				break
			}
		}
		return nil, errors.Join(errs...)
	}
}
