package control

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// partial is a Backend of which a test fills in what it needs; the rest panics,
// which the server must survive.
type partial struct {
	Backend
	status  func(context.Context) (*Status, error)
	plugins []Plugin
	kill    func(target string) (*KillReport, error)
	chat    func(ctx context.Context, req ChatRequest, emit func(ChatEvent) error) error
	follow  func(ctx context.Context, q AuditQuery, emit func(AuditEntry) error) error
	call    func(ctx context.Context, req CallRequest) (*CallResult, error)
	grant   func(req GrantRequest) (*Grant, error)
	secret  func(name string, value []byte) error
	preview func(req PreviewRequest) (*Preview, error)
	access  func(req AccessRequest) (*AccessDecision, error)
}

func (p *partial) EvaluateAccess(_ context.Context, req AccessRequest) (*AccessDecision, error) {
	return p.access(req)
}

func (p *partial) Status(ctx context.Context) (*Status, error) {
	if p.status == nil {
		return &Status{Agents: []AgentStatus{{Name: "main"}, {Name: "both"}}}, nil
	}
	return p.status(ctx)
}

func (p *partial) Plugins(context.Context) ([]Plugin, error) { return p.plugins, nil }

func (p *partial) Kill(_ context.Context, target, _ string) (*KillReport, error) {
	return p.kill(target)
}

func (p *partial) Chat(ctx context.Context, req ChatRequest, emit func(ChatEvent) error) error {
	return p.chat(ctx, req, emit)
}

func (p *partial) FollowAudit(ctx context.Context, q AuditQuery, emit func(AuditEntry) error) error {
	return p.follow(ctx, q, emit)
}

func (p *partial) Call(ctx context.Context, req CallRequest) (*CallResult, error) {
	return p.call(ctx, req)
}

func (p *partial) Grant(_ context.Context, req GrantRequest) (*Grant, error) { return p.grant(req) }

func (p *partial) SetSecret(_ context.Context, name string, value []byte) error {
	return p.secret(name, value)
}

func (p *partial) PreviewInstall(_ context.Context, req PreviewRequest) (*Preview, error) {
	return p.preview(req)
}

// shortHome is a home whose socket's path fits, which t.TempDir's may not.
func shortHome(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ambit")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "home")
}

// serve runs a server for b in a new home until the test ends or stop is
// called, which returns what Serve returned.
func serve(t *testing.T, b Backend) (c *Client, stop func() error) {
	t.Helper()
	home := shortHome(t)
	lock, err := Lock(home)
	if err != nil {
		t.Fatal(err)
	}
	lis, err := Listen(lock)
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, b, lis, home, lock)
}

func serveOn(t *testing.T, b Backend, lis net.Listener, home string, lock *HomeLock) (*Client, func() error) {
	t.Helper()
	s, err := New(Config{Backend: b})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, lis) }()
	c := NewClient(home)
	stop := sync.OnceValue(func() error {
		cancel()
		err := <-ended
		c.Close()
		if lock != nil {
			_ = lock.Close()
		}
		return err
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return c, stop
}
