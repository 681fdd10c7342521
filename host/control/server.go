package control

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/sdk/protocol"
)

// How long things may take. Everything is on one machine, so all are generous.
const (
	headerTimeout = 5 * time.Second  // to send a request's head
	bodyTimeout   = 30 * time.Second // to send its body
	writeTimeout  = 30 * time.Second // to read one piece of the answer
	idleTimeout   = 2 * time.Minute  // between requests of one connection
	graceTimeout  = 5 * time.Second  // for requests in progress at shutdown
	keepAlive     = 15 * time.Second // between signs of life on a quiet stream
)

const maxHeader = 16 << 10

// Config makes a Server.
type Config struct {
	Backend Backend      // required
	Logger  hclog.Logger // nil: none
}

// Server serves a Backend.
type Server struct {
	backend Backend
	log     hclog.Logger
}

// New makes a Server.
func New(cfg Config) (*Server, error) {
	if cfg.Backend == nil {
		return nil, errors.New("control: a server needs a backend")
	}
	if cfg.Logger == nil {
		cfg.Logger = hclog.NewNullLogger()
	}
	return &Server{backend: cfg.Backend, log: cfg.Logger}, nil
}

// lifetime is what ends when the server does.
type lifetime struct {
	stop  context.Context // streams, turns and reads end with it
	hard  context.Context // what changes state gets the grace period more
	turns sync.WaitGroup  // turns that outlive their client
	asked chan struct{}   // capacity 1: the owner asked the host to stop
}

// Serve answers on lis until ctx ends or the owner asks for shutdown, then stops
// accepting, ends streams, lets requests in progress finish for five seconds,
// and returns nil when every goroutine it started is gone. It closes lis.
func (s *Server) Serve(ctx context.Context, lis net.Listener) error {
	hard, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	stop, halt := context.WithCancel(ctx)
	defer halt()
	life := &lifetime{stop: stop, hard: hard, asked: make(chan struct{}, 1)}
	defer life.turns.Wait()
	srv := &http.Server{
		Handler:           s.handler(life),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return stop },
		ConnContext:       withPeer,
		ErrorLog:          s.log.Named("http").StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(lis) }()
	select {
	case err := <-ended: // only a broken listener ends it by itself
		halt()
		return errors.Join(err, srv.Close())
	case <-ctx.Done():
	case <-life.asked:
		halt()
	}
	grace, cancel := context.WithTimeout(hard, graceTimeout)
	defer cancel()
	err := srv.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("requests were still in progress at shutdown")
		cut()
		err = srv.Close()
	}
	<-ended //nolint:errcheck // ErrServerClosed, which is what was asked for
	return err
}

// handler is every route behind the peer check.
func (s *Server) handler(life *lifetime) http.Handler {
	mux := http.NewServeMux()
	for _, rt := range routes() {
		mux.HandleFunc(rt.pattern, func(w http.ResponseWriter, r *http.Request) {
			x := &exchange{Backend: s.backend, w: w, r: r, life: life, log: s.log, route: rt}
			x.run()
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{w: w, r: r, log: s.log}
		x.fail(protocol.Errorf(protocol.NotFound, "there is no %s %s", r.Method, r.URL.Path))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.recover(w, r)
		if err := checkPeer(r.Context()); err != nil {
			s.log.Warn("refused a client", "reason", err)
			x := &exchange{w: w, r: r, log: s.log}
			x.fail(err)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// recover keeps a panic in one request from ending the host.
func (s *Server) recover(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	s.log.Error("defect in a control request", "method", r.Method, "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
	x := &exchange{w: w, r: r, log: s.log}
	x.fail(defect())
}

func defect() *Error {
	return &Error{Code: protocol.Internal, Message: "the host met a defect in itself while answering", Hint: "its log has the details; please report them"}
}
