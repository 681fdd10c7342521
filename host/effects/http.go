package effects

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/ambithost/ambit/sdk/protocol"
)

// HTTP bounds and equips http.request. Zero fields take the default named.
type HTTP struct {
	Resolver    Resolver       // net.DefaultResolver
	RootCAs     *x509.CertPool // the system's
	UserAgent   string         // "ambit"; a plugin may set its own
	Timeout     time.Duration  // of a request that names none: 30 s
	MaxTimeout  time.Duration  // that a request may name: 5 min
	DialTimeout time.Duration  // of one look-up or connection: 10 s
	Idle        time.Duration  // between two pieces of a stream: 2 min
	StreamTime  time.Duration  // of a whole stream: 30 min
	MaxBody     int64          // of a response that is not streamed, decompressed: 16 MiB
	MaxStream   int64          // of a stream, each way: 256 MiB
	Concurrent  int            // exchanges of one plugin: 32
}

// Bounds of heads and redirects.
const (
	maxHeaders      = 100      // lines of a request or response
	maxRequestHead  = 64 << 10 // bytes
	maxResponseHead = 256 << 10
	maxRedirects    = 10
	maxSecretRefs   = 8
)

// client is the host's only HTTP client. It never follows a redirect and never
// asks the environment for a proxy.
type client struct{ cfg HTTP }

func newClient(cfg HTTP) (*client, error) {
	if cfg.Resolver == nil {
		cfg.Resolver = net.DefaultResolver
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "ambit"
	}
	cfg.Timeout = or(cfg.Timeout, 30*time.Second)
	cfg.MaxTimeout = or(cfg.MaxTimeout, 5*time.Minute)
	cfg.DialTimeout = or(cfg.DialTimeout, 10*time.Second)
	cfg.Idle = or(cfg.Idle, 2*time.Minute)
	cfg.StreamTime = or(cfg.StreamTime, 30*time.Minute)
	cfg.MaxBody = or(cfg.MaxBody, 16<<20)
	cfg.MaxStream = or(cfg.MaxStream, 256<<20)
	cfg.Concurrent = or(cfg.Concurrent, 32)
	if cfg.Timeout > cfg.MaxTimeout {
		return nil, errors.New("effects: HTTP.Timeout is greater than HTTP.MaxTimeout")
	}
	return &client{cfg}, nil
}

// transport serves one exchange over the vetted addresses. Connections are not
// kept: one that outlives its decision would carry requests to an address that
// policy saw for another.
func (c *client) transport(t *target, addrs []netip.Addr) *http.Transport {
	return &http.Transport{
		Proxy:       nil,
		DialContext: c.dialer(addrs, t.port),
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: c.cfg.RootCAs, ServerName: t.host,
		},
		TLSHandshakeTimeout:    c.cfg.DialTimeout,
		MaxResponseHeaderBytes: maxResponseHead,
		DisableCompression:     true, // done here, where decompressed bytes are counted
		DisableKeepAlives:      true,
		ForceAttemptHTTP2:      true,
	}
}

// Causes for which this package ends an exchange.
var (
	errTimeout   = protocol.Errorf(protocol.Timeout, "http.request: the time for it is up")
	errIdle      = protocol.Errorf(protocol.Timeout, "http.request: the stream was idle for too long")
	errClosed    = protocol.Errorf(protocol.Killed, "the call is over")
	errAbandoned = protocol.Errorf(protocol.Unknown, "http.request: the call ended before the server answered")
	errDropped   = protocol.Errorf(protocol.Failed, "the stream was closed")
)
