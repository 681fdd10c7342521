package capability

import "net/netip"

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

// Special reports whether an address is not public: what the attribute
// special_addresses lists. What embeds an IPv4 address counts as that address;
// tunnels (6to4, Teredo) always count.
func Special(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || a.Zone() != "" {
		return true
	}
	if nat64.Contains(a) {
		b := a.As16()
		return Special(netip.AddrFrom4([4]byte(b[12:])))
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
