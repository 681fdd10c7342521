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
		if capability.Special(a) {
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
