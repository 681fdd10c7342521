// Package webhook listens for requests that others send by themselves: for
// channels at /hook/PLUGIN, and for what starts turns at /trigger/NAME. Start at
// [New], then [Server.Listen] and [Server.Serve].
//
// Guarantees: nothing listens that the owner did not configure, and beyond this
// machine only where that was said. A request is bounded in size, time and
// number before it is looked at. What it says is handed on only whole, with the
// headers that the receiver verifies it by; the server itself trusts nothing of
// it. A refusal says no more than its status.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/host/webhook/sign"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Receiver verifies and takes what arrived. An error of package sign means that
// nobody who holds a key sent it; any other says by its [protocol.Code] what
// became of it. When it returns nil the message is on disk.
type Receiver func(ctx context.Context, name string, header http.Header, body []byte) error

// Route is what happens to requests of a kind.
type Route struct {
	Receive Receiver
	// Each name takes Burst messages at once, and then one in each Every. What
	// was refused does not count.
	Burst int
	Every time.Duration
}

// Config is what a server is made of. Listen is required.
type Config struct {
	// Listen is an address and a port: "127.0.0.1:8788".
	Listen string
	// Beyond lets it be another address than one of this machine alone.
	Beyond bool
	// Routes by the first part of the path: "hook", "trigger".
	Routes map[string]Route
	Logger hclog.Logger // nil: silent
	Limits Limits
}

// Limits bound what strangers can make the host do. A zero field is its default.
type Limits struct {
	Connections int           // open at the same time; 128
	Requests    int           // in progress at the same time; 16
	Head        time.Duration // for a request's head to arrive; 5 s
	Request     time.Duration // for all of a request to arrive; 10 s
	Answer      time.Duration // for a receiver to take it; 30 s
}

const maxHead = 16 << 10 // bytes of a request's head, about

func (l Limits) withDefaults() Limits {
	or := func(v, def time.Duration) time.Duration {
		if v <= 0 {
			return def
		}
		return v
	}
	if l.Connections <= 0 {
		l.Connections = 128
	}
	if l.Requests <= 0 {
		l.Requests = 16
	}
	l.Head, l.Request, l.Answer = or(l.Head, 5*time.Second), or(l.Request, 10*time.Second), or(l.Answer, 30*time.Second)
	return l
}

// Check says what is wrong with an address to listen at.
func Check(listen string, beyond bool) error {
	at, err := netip.ParseAddrPort(listen)
	switch {
	case err != nil:
		return fmt.Errorf("listen: %q: want an address and a port, such as 127.0.0.1:8788", listen)
	case !at.Addr().IsLoopback() && !beyond:
		return fmt.Errorf("listen: %s is reached from other machines: say `beyond_loopback: true` if that is meant, or put a proxy with TLS in front of 127.0.0.1", listen)
	}
	return nil
}

// Server is the listener. Make one with [New].
type Server struct {
	cfg   Config
	log   hclog.Logger
	slots chan struct{}
	rates rates
	http  *http.Server
	lis   net.Listener
	end   sync.Once
	ended error
}

// New checks the configuration. Nothing listens before [Server.Listen].
func New(cfg Config) (*Server, error) {
	if err := Check(cfg.Listen, cfg.Beyond); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = hclog.NewNullLogger()
	}
	cfg.Limits = cfg.Limits.withDefaults()
	s := &Server{cfg: cfg, log: cfg.Logger.Named("webhook"), slots: make(chan struct{}, cfg.Limits.Requests)}
	s.http = &http.Server{
		Handler: s, ReadHeaderTimeout: cfg.Limits.Head, ReadTimeout: cfg.Limits.Request, WriteTimeout: cfg.Limits.Request + cfg.Limits.Answer,
		IdleTimeout: cfg.Limits.Request, MaxHeaderBytes: maxHead,
		ErrorLog: s.log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
	return s, nil
}

// Listen takes the port.
func (s *Server) Listen() error {
	lis, err := net.Listen("tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("webhooks: %w", err)
	}
	s.lis = newLimited(lis, s.cfg.Limits.Connections)
	return nil
}

// Addr is where it listens, after [Server.Listen].
func (s *Server) Addr() net.Addr { return s.lis.Addr() }

// Serve answers until [Server.Close].
func (s *Server) Serve() error {
	if err := s.http.Serve(s.lis); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("webhooks: %w", err)
	}
	return nil
}

// Close ends the listener, gives requests in progress a moment, and waits for
// them. It may be called more than once.
func (s *Server) Close() error {
	s.end.Do(func() {
		ctx, done := context.WithTimeout(context.Background(), 2*time.Second)
		defer done()
		if s.ended = s.http.Shutdown(ctx); s.ended != nil {
			s.ended = s.http.Close()
		}
		for range cap(s.slots) { // each is free once the request in it is over
			s.slots <- struct{}{}
		}
	})
	return s.ended
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	status := s.take(w, r)
	if status >= 300 {
		w.Header().Set("Connection", "close") // what may follow is not read
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "10")
	}
	w.WriteHeader(status)
}

// take reads a request as far as it may be read, and has it received.
func (s *Server) take(w http.ResponseWriter, r *http.Request) int {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return http.StatusServiceUnavailable
	}
	kind, name := split(r)
	route, ok := s.cfg.Routes[kind]
	switch {
	case !ok:
		return http.StatusNotFound
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		return http.StatusMethodNotAllowed
	case len(r.TransferEncoding) > 0 || r.ContentLength < 0 || len(r.Header["Content-Encoding"]) > 0:
		// Two lengths, or a body in another form than the signed one, are read
		// differently by a proxy in front.
		return http.StatusLengthRequired
	case r.ContentLength > channel.MaxHook:
		return http.StatusRequestEntityTooLarge
	case s.rates.spent(kind + "/" + name):
		return http.StatusTooManyRequests
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, channel.MaxHook))
	if err != nil || int64(len(body)) != r.ContentLength {
		return http.StatusBadRequest
	}
	ctx, done := context.WithTimeout(r.Context(), s.cfg.Limits.Answer)
	defer done()
	err = route.Receive(ctx, name, r.Header, body)
	status := statusOf(err)
	if err == nil {
		s.rates.count(kind+"/"+name, route)
	} else {
		s.log.Debug("a webhook was not taken", "path", r.URL.Path, "status", status, "error", err)
	}
	return status
}

// split takes a path apart; kind is empty if it has not exactly this form. A query
// is not signed, so there is none.
func split(r *http.Request) (kind, name string) {
	kind, name, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if !ok || r.URL.RawPath != "" || r.URL.RawQuery != "" || r.URL.ForceQuery || r.URL.Host != "" || !plain(name) || r.URL.Path != "/"+kind+"/"+name {
		return "", ""
	}
	return kind, name
}

// plain names have the form of a plugin's.
func plain(name string) bool {
	return name != "" && len(name) <= 64 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func statusOf(err error) int {
	switch {
	case err == nil:
		return http.StatusNoContent
	case errors.Is(err, sign.ErrHeaders), errors.Is(err, sign.ErrStale), errors.Is(err, sign.ErrSignature):
		return http.StatusUnauthorized
	}
	switch protocol.CodeOf(err) {
	case protocol.NotFound:
		return http.StatusNotFound
	case protocol.Denied, protocol.Declined, protocol.DryRun, protocol.Revoked:
		return http.StatusForbidden
	case protocol.Invalid:
		return http.StatusBadRequest
	case protocol.Limit:
		return http.StatusTooManyRequests
	}
	return http.StatusServiceUnavailable // it may be taken later
}
