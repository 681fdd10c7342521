package effects

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/ambithost/ambit/sdk/protocol"
)

const maxURL = 8 << 10

// target is a URL in the one form that scope, policy, audit and the wire see.
type target struct {
	scheme string // http or https
	host   string // lower case, ASCII, no trailing dot; an IPv6 address without brackets
	port   uint16
	path   string // escaped, begins with "/", no dot segments
	query  string // escaped, without "?"
}

// authority is host, in brackets if IPv6, with the port unless it is the
// scheme's own.
func (t *target) authority() string {
	host := t.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if t.port == defaultPort(t.scheme) {
		return host
	}
	return host + ":" + strconv.Itoa(int(t.port))
}

func defaultPort(scheme string) uint16 {
	if scheme == "https" {
		return 443
	}
	return 80
}

// display is what people read: no query, which may hold what is private.
func (t *target) display() string { return t.scheme + "://" + t.authority() + t.path }

func (t *target) String() string {
	if t.query == "" {
		return t.display()
	}
	return t.display() + "?" + t.query
}

func (t *target) sameOrigin(o *target) bool {
	return t.scheme == o.scheme && t.host == o.host && t.port == o.port
}

// parseURL normalises an absolute http or https URL, and refuses what
// different readers would read differently. The fragment is dropped.
func parseURL(raw string) (*target, error) {
	bad := func(format string, a ...any) error {
		return protocol.Errorf(protocol.Invalid, "url: "+format, a...)
	}
	if len(raw) > maxURL {
		return nil, protocol.Errorf(protocol.Limit, "url: %d bytes, the limit is %d", len(raw), maxURL)
	}
	if badName(raw) || strings.ContainsAny(raw, "\\\u2028\u2029") {
		return nil, bad("control characters and backslashes are not allowed")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, bad("malformed") // the parser's error quotes the whole URL
	}
	scheme := strings.ToLower(u.Scheme)
	switch {
	case scheme != "http" && scheme != "https":
		return nil, bad("scheme %.20q: want http or https", u.Scheme)
	case u.User != nil:
		return nil, bad("a user name or password in a URL is not allowed; use secrets")
	case u.Opaque != "" || u.Host == "":
		return nil, bad("want %s://host/path", scheme)
	}
	host, err := normalHost(u.Hostname())
	if err != nil {
		return nil, err
	}
	t := &target{scheme: scheme, host: host, port: defaultPort(scheme), query: escapeQuery(u.RawQuery)}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return nil, bad("port %.20q: want 1 to 65535", p)
		}
		t.port = uint16(n)
	}
	if t.path, err = normalPath(u); err != nil {
		return nil, err
	}
	if len(t.String()) > maxURL {
		return nil, protocol.Errorf(protocol.Limit, "url: more than %d bytes when escaped", maxURL)
	}
	return t, nil
}

// normalHost returns an IP address in its one spelling, or a DNS name in ASCII.
// Numbers that only some resolvers take for an address ("127.1", "0x7f.1") are
// refused.
func normalHost(host string) (string, error) {
	bad := func(why string) error { return protocol.Errorf(protocol.Invalid, "url: host %.80q: %s", host, why) }
	if a, err := netip.ParseAddr(host); err == nil {
		if a.Zone() != "" {
			return "", bad("an address with a zone is not allowed")
		}
		return a.Unmap().String(), nil
	}
	name := strings.TrimSuffix(host, ".")
	if len(name) > 1000 { // before the work of translating it
		return "", bad("want 1 to 253 characters")
	}
	if !isASCII(name) || strings.Contains(strings.ToLower(name), "xn--") {
		ascii, err := idna.Lookup.ToASCII(name)
		again, err2 := idna.Lookup.ToASCII(ascii) // what is not stable could be read as two names
		if err != nil || err2 != nil || again != ascii || badName(name) {
			return "", bad("not a valid international name")
		}
		name = ascii
	}
	name = strings.ToLower(name)
	if a, err := netip.ParseAddr(name); err == nil { // full-width digits become an address
		return a.Unmap().String(), nil
	}
	if len(name) == 0 || len(name) > 253 {
		return "", bad("want 1 to 253 characters")
	}
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if len(l) == 0 || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", bad("want letters, digits and dashes between dots")
		}
	}
	last := labels[len(labels)-1]
	if strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") && strings.Trim(last[2:], "0123456789abcdef") == "" {
		return "", bad("a name can't end in a number; write an address as 192.0.2.1 or [2001:db8::1]")
	}
	return name, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// normalPath unescapes what needs no escape and escapes the rest, so that a
// path has one spelling, and refuses dot segments in any: a scope of paths
// compares prefixes, and servers resolve dots.
func normalPath(u *url.URL) (string, error) {
	decoded := u.Path
	for range 2 { // once more for servers that decode twice
		for _, seg := range strings.FieldsFunc(decoded, func(r rune) bool { return r == '/' || r == '\\' }) {
			seg, _, _ = strings.Cut(seg, ";") // "..;" is ".." to some servers
			if seg == "." || seg == ".." {
				return "", protocol.Errorf(protocol.Invalid, "url: the path holds a dot segment; write it resolved")
			}
		}
		again, err := url.PathUnescape(decoded)
		if err != nil {
			break
		}
		decoded = again
	}
	if strings.ContainsFunc(decoded, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
		return "", protocol.Errorf(protocol.Invalid, "url: the path holds an escaped control character")
	}
	p := u.EscapedPath()
	if p == "" {
		return "/", nil
	}
	if p[0] != '/' {
		return "", protocol.Errorf(protocol.Invalid, "url: the path must begin with a slash")
	}
	return normalEscapes(p), nil
}

const upperhex = "0123456789ABCDEF"

// normalEscapes spells percent-encoding in one way: unreserved characters
// plain, hexadecimal digits upper case. The input is validly escaped.
func normalEscapes(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if p[i] == '%' && i+2 < len(p) {
			n, err := strconv.ParseUint(p[i+1:i+3], 16, 8)
			if err == nil {
				if c := byte(n); unreserved(c) {
					b.WriteByte(c)
				} else {
					b.WriteString("%" + string(upperhex[c>>4]) + string(upperhex[c&15]))
				}
				i += 2
				continue
			}
		}
		if c := p[i]; c <= 0x20 || c >= 0x7f || strings.IndexByte(`"<>^{|}`+"`", c) >= 0 {
			b.WriteString("%" + string(upperhex[c>>4]) + string(upperhex[c&15]))
			continue
		}
		b.WriteByte(p[i])
	}
	return b.String()
}

// unreserved characters need no escape anywhere (RFC 3986, section 2.3).
func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// escapeQuery escapes what may not stand in a request line and leaves the
// rest alone: the meaning of a query is the server's.
func escapeQuery(q string) string {
	var b strings.Builder
	for i := range len(q) {
		if c := q[i]; c <= 0x20 || c >= 0x7f || strings.IndexByte(`"<>`+"`", c) >= 0 {
			b.WriteString("%" + string(upperhex[c>>4]) + string(upperhex[c&15]))
			continue
		}
		b.WriteByte(q[i])
	}
	return b.String()
}
