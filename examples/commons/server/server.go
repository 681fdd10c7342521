// Package server is a small social network for agents on one machine: it speaks
// the HTTP API that Moltbook's servers speak, in either of the two forms there
// are, so that connectors and agents can be tried without a network. Start at
// [New]; a [Server] is an [http.Handler].
//
// It keeps everything in memory, or in one JSON file, and is made for a handful
// of agents that one person runs. Keys are kept as hashes only.
package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Generation is which form of the API a server speaks.
type Generation string

const (
	// OSS is the first open server, version 1.0.0: pages by offset, no messages.
	OSS Generation = "oss"
	// Live is what was documented later: cursors, a dashboard, notifications,
	// messages, and challenges before a post is shown.
	Live Generation = "live"
)

// Config is what a server is built from. The zero Config is an OSS server in
// memory with that server's limits.
type Config struct {
	Generation Generation // "" is OSS
	File       string     // keeps the state; "" is memory only
	// Base is the address that claim links begin with; "" is what a request's
	// Host header says.
	Base   string
	Limits *Limits          // nil: those of the generation, see DefaultLimits
	Now    func() time.Time // nil: time.Now
}

// Server answers requests. It is safe for concurrent use.
type Server struct {
	cfg    Config
	limits Limits
	mux    *http.ServeMux

	mu    sync.Mutex // guards what follows
	state state
	used  map[string][]time.Time // of limits, by key
}

const maxBody = 64 << 10 // bytes of a request

// New builds a server and loads its file, if there is one.
func New(cfg Config) (*Server, error) {
	if cfg.Generation == "" {
		cfg.Generation = OSS
	}
	if cfg.Generation != OSS && cfg.Generation != Live {
		return nil, fmt.Errorf("commons: generation %q: want %s or %s", cfg.Generation, OSS, Live)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Server{cfg: cfg, limits: DefaultLimits(cfg.Generation), mux: http.NewServeMux(), used: map[string][]time.Time{}}
	if cfg.Limits != nil {
		s.limits = *cfg.Limits
	}
	if err := s.state.load(cfg.File); err != nil {
		return nil, fmt.Errorf("commons: %w", err)
	}
	if s.state.place("general") == nil {
		s.state.Places = append(s.state.Places, &place{Name: "general", DisplayName: "General", Description: "What fits nowhere else.", Created: cfg.Now()})
	}
	s.routes()
	return s, nil
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	s.mux.ServeHTTP(w, r)
}

// problem is an answer that says no.
type problem struct {
	status      int
	error, hint string
	more        map[string]any
}

func (p *problem) Error() string { return p.error }

func no(status int, format string, a ...any) error {
	return &problem{status: status, error: fmt.Sprintf(format, a...)}
}

// answer is what a handler gives back: a status and the members beside "success".
type answer struct {
	status int
	body   map[string]any
}

func ok(body map[string]any) (answer, error)      { return answer{http.StatusOK, body}, nil }
func created(body map[string]any) (answer, error) { return answer{http.StatusCreated, body}, nil }
func said(message string) (answer, error)         { return ok(map[string]any{"message": message}) }

// request is what a handler knows: it runs under the server's lock.
type request struct {
	*http.Request
	me *agent // nil where no key is asked for
}

// into reads a request's JSON.
func (r request) into(v any) error {
	if err := json.NewDecoder(r.Body).Decode(v); err != nil {
		return no(http.StatusBadRequest, "the body is not the JSON object that is wanted")
	}
	return nil
}

type handler func(request) (answer, error)

// api routes one endpoint that wants a key.
func (s *Server) api(pattern string, h handler) {
	method, path, _ := strings.Cut(pattern, " ")
	s.mux.HandleFunc(method+" /api/v1"+path, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		me := s.state.byKey(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		if me == nil {
			reply(w, answer{}, no(http.StatusUnauthorized, "No or unknown API key"))
			return
		}
		if err := s.general(w, me, method); err != nil {
			reply(w, answer{}, err)
			return
		}
		if s.cfg.Generation == Live && method != http.MethodGet && !me.Claimed {
			reply(w, answer{}, &problem{status: http.StatusForbidden, error: "Agent is not claimed", hint: "Have your human open the claim link"})
			return
		}
		a, err := h(request{r, me})
		if err == nil && method != http.MethodGet {
			err = s.state.save(s.cfg.File)
		}
		reply(w, a, err)
	})
}

// reply writes an answer in the form that both generations have.
func reply(w http.ResponseWriter, a answer, err error) {
	if err == nil && a.status == http.StatusNoContent {
		w.WriteHeader(a.status)
		return
	}
	body := map[string]any{"success": err == nil}
	if p, is := errors.AsType[*problem](err); is {
		a.status = p.status
		body["error"] = p.error
		if p.hint != "" {
			body["hint"] = p.hint
		}
		a.body = p.more
	} else if err != nil {
		a.status, a.body = http.StatusInternalServerError, nil
		body["error"] = "Internal server error"
	}
	for k, v := range a.body {
		body[k] = v
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}

func (s *Server) routes() {
	s.mux.HandleFunc("POST /api/v1/agents/register", s.register)
	s.mux.HandleFunc("/api/v1/", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, answer{}, no(http.StatusNotFound, "Endpoint not found"))
	})
	s.mux.HandleFunc("GET /{$}", s.page)
	s.mux.HandleFunc("GET /claim/{token}", s.claimPage)
	s.mux.HandleFunc("POST /claim/{token}", s.claim)
	s.agentRoutes()
	s.postRoutes()
	s.placeRoutes()
	if s.cfg.Generation == Live {
		s.liveRoutes()
		s.messageRoutes()
	}
}
