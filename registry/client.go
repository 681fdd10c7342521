package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ambithost/ambit/sdk/capability"
)

// Times and counts of one exchange with a server.
const (
	dialTime     = 10 * time.Second
	headerTime   = 20 * time.Second
	maxHeader    = 64 << 10
	maxRedirects = 3
)

// errElsewhere is why a server can't send us somewhere.
var errElsewhere = errors.New("registry: a server may send us on only by https to public addresses")

// NewClient is an HTTP client for what lies at an address that the owner named.
// The owner may name any, on this machine or in a private network too; a server
// that redirects, or that says where to get a token, may lead by https to public
// addresses only, so that it can't make this machine talk to its neighbours. Plain
// http is for an origin on this machine. Through a proxy of the environment names
// are looked up by the proxy, and only addresses written as such are checked. Close
// its idle connections when done.
func NewClient(origin *url.URL) *http.Client {
	g := &guard{origin: authority(origin)}
	g.plain = origin.Scheme == "http" && IsHere(origin.Hostname())
	for _, scheme := range []string{"https", "http"} {
		if p, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: scheme, Host: origin.Host}}); err == nil && p != nil {
			g.proxies = append(g.proxies, authority(p))
		}
	}
	g.next = &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: g.dial, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: dialTime, ResponseHeaderTimeout: headerTime, MaxResponseHeaderBytes: maxHeader,
		DisableCompression: true, // what is signed is the file as it lies there
	}
	return &http.Client{Transport: g, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fmt.Errorf("redirected more than %d times", maxRedirects)
		}
		return nil
	}}
}

// Get gets what lies at an address that the owner named, at most limit bytes, with
// a client of its own ([NewClient]). Nothing about it is verified.
func Get(ctx context.Context, u *url.URL, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	client := NewClient(u)
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", u.Redacted(), res.Status)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", u.Redacted(), limit)
	}
	return b, err
}

// IsHere reports whether a host's name is this machine.
func IsHere(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// guard checks where each request of a client goes, redirects included.
type guard struct {
	origin  string // host:port
	plain   bool   // http to the origin will do
	proxies []string
	next    *http.Transport
}

// RoundTrip makes one request.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.check(r.URL); err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	return g.next.RoundTrip(r)
}

// CloseIdleConnections is what http.Client's does.
func (g *guard) CloseIdleConnections() { g.next.CloseIdleConnections() }

func (g *guard) check(u *url.URL) error {
	if authority(u) == g.origin && (u.Scheme == "https" || u.Scheme == "http" && g.plain) {
		return nil
	}
	a, err := netip.ParseAddr(u.Hostname())
	if u.Scheme != "https" || IsHere(u.Hostname()) || err == nil && capability.Special(a) {
		return fmt.Errorf("%w, not to %s://%s", errElsewhere, u.Scheme, u.Host)
	}
	return nil
}

// dial connects to where the owner said; for anywhere else it finds the addresses
// of the name, checks them, and connects to one of them: there is no second look-up
// that could answer otherwise.
func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTime}
	if address == g.origin || slices.Contains(g.proxies, address) {
		return d.DialContext(ctx, network, address)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addresses, err := (&net.Resolver{}).LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	for _, a := range addresses {
		if capability.Special(a) {
			return nil, fmt.Errorf("%w, not to %s at %s", errElsewhere, address, a)
		}
	}
	var errs []error
	for _, a := range addresses[:min(len(addresses), 4)] {
		conn, err := d.DialContext(ctx, network, net.JoinHostPort(a.Unmap().String(), port))
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// authority is host:port in lower case, the scheme's port where none is written.
func authority(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
