package effects

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/effects/secret"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// key is a secret with characters that every encoding treats differently.
const key = `sk-l1ve/9+=? "&<x>\héllo~`

// world is what stands around effects in a test: the real gate with the real
// base policy and secrets in a real file. Log, grants and cells are in memory.
type world struct {
	gate    *gate.Gate
	effects *Effects
	dir     string // the workspace
	dns     dns

	mu      sync.Mutex
	records []audit.Record
	args    []string
	asks    map[string]map[string]capability.Scope
	plugins map[string]*manifest.Manifest
	values  map[string][]byte
	sent    []string
	cell    func(ctx context.Context, plugin, export string, input []byte, effect func(context.Context, string, []byte) ([]byte, error), emit func([]byte)) ([]byte, error)
}

var enginePolicy = sync.OnceValues(func() (*policy.Engine, error) {
	return policy.Open(context.Background(), policy.Config{})
})

// patient asks again when the engine gave up on time: a busy machine is not
// what these tests are about.
type patient struct{ *policy.Engine }

func (p patient) Decide(ctx context.Context, r *policy.Request) (d policy.Decision, err error) {
	for range 100 {
		if d, err = p.Engine.Decide(ctx, r); err == nil || ctx.Err() != nil {
			break
		}
	}
	return d, err
}

func newWorld(t testing.TB, change func(*Config)) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), asks: map[string]map[string]capability.Scope{}, plugins: map[string]*manifest.Manifest{}, values: map[string][]byte{}}
	engine, err := enginePolicy()
	if err != nil {
		t.Fatal(err)
	}
	if w.gate, err = gate.Open(t.Context(), gate.Config{Policy: patient{engine}, Audit: w, Store: memory{approvals: new(atomic.Int64)}, Plugins: w, ApprovalTTL: time.Minute}); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	secrets, err := secret.Open(t.Context(), secret.Config{Dir: home, Identity: home + "/id"})
	if err != nil {
		t.Fatal(err)
	}
	if err := secrets.Set(t.Context(), "KEY", []byte(key)); err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Gate: w.gate, Plugins: w, Cells: w, KV: w, Messenger: w, Secrets: secrets,
		Workspace: func(string) (string, error) { return w.dir, nil },
		HTTP:      HTTP{Resolver: &w.dns},
	}
	if change != nil {
		change(&cfg)
	}
	if w.effects, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return w
}

// grant gives plugin p a capability, in its manifest and by the owner.
func (w *world) grant(t testing.TB, plugin, name, scope string) {
	t.Helper()
	var s capability.Scope
	if err := json.Unmarshal([]byte(scope), &s); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	if w.asks[plugin] == nil {
		w.asks[plugin] = map[string]capability.Scope{}
	}
	w.asks[plugin][name] = s
	w.mu.Unlock()
	if _, err := w.gate.Grant(t.Context(), gate.Grant{Plugin: plugin, Capability: name, Scope: s}); err != nil {
		t.Fatal(err)
	}
}

// call begins a call of plugin p by agent main.
func (w *world) call(t testing.TB) *Call {
	c := w.effects.Call(Caller{Plugin: "p", Origin: gate.Origin{Agent: "main", Session: "s", Labels: []string{"owner"}}})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// do performs an effect whose arguments are given as JSON.
func do(t testing.TB, c *Call, name, args string) (map[string]any, error) {
	t.Helper()
	out, err := c.Do(context.Background(), name, []byte(args))
	if err != nil {
		return nil, err
	}
	var m map[string]any
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatalf("%s answered %q: %v", name, out, err)
	}
	return m, nil
}

func must(t testing.TB, c *Call, name, args string) map[string]any {
	t.Helper()
	m, err := do(t, c, name, args)
	if err != nil {
		t.Fatalf("%s %s: %v", name, args, err)
	}
	return m
}

// refused expects an error with the code.
func refused(t testing.TB, code protocol.Code, c *Call, name, args string) error {
	t.Helper()
	m, err := do(t, c, name, args)
	if err == nil {
		t.Fatalf("%s %.200s gave %.300v", name, args, m)
	}
	if protocol.CodeOf(err) != code {
		t.Fatalf("%s %.200s: code %s, want %s: %v", name, args, protocol.CodeOf(err), code, err)
	}
	return err
}

// quote makes a JSON string.
func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// serve starts a server on loopback and grants its address to p.
func (w *world) serve(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

// grantHTTP lets p reach servers on loopback, in plain http.
func (w *world) grantHTTP(t testing.TB, servers ...*httptest.Server) {
	t.Helper()
	var hosts []string
	for _, s := range servers {
		hosts = append(hosts, quote(s.Listener.Addr().String()))
	}
	list := strings.Join(hosts, ",")
	w.grant(t, "p", "http.request", fmt.Sprintf(`{"hosts":[%s],"schemes":["http","https"],"methods":["GET","HEAD","POST","PUT"],"addresses":["127.0.0.0/8"]}`, list))
	w.grant(t, "p", "secret.use", fmt.Sprintf(`{"names":["KEY"],"hosts":[%s]}`, list))
}

// dns answers from a table; each look-up takes the next answer, the last stays.
type dns struct {
	mu      sync.Mutex
	answers map[string][][]string
	asked   []string
}

func (d *dns) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, host)
	list := d.answers[host]
	if len(list) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(list) > 1 {
		d.answers[host] = list[1:]
	}
	var out []netip.Addr
	for _, s := range list[0] {
		out = append(out, netip.MustParseAddr(s))
	}
	return out, nil
}

func (d *dns) set(host string, answers ...[]string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.answers == nil {
		d.answers = map[string][][]string{}
	}
	d.answers[host] = answers
}

// The world as gate.Recorder, gate.Plugins, Plugins, Cells, KV and Messenger.

func (w *world) Append(_ context.Context, r audit.Record, payload []byte, _ bool) (uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records, w.args = append(w.records, r), append(w.args, string(payload))
	return uint64(len(w.records)), nil
}

// recorded returns what the log and its payloads say, for a search.
func (w *world) recorded() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, _ := json.Marshal(w.records)
	return string(b) + strings.Join(w.args, "\n")
}

// outcomes lists "capability status" of what ended.
func (w *world) outcomes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, r := range w.records {
		if r.Kind == audit.Outcome || r.Kind == audit.Refusal {
			out = append(out, r.Capability+" "+r.Status)
		}
	}
	return out
}

func (w *world) Holder(name string) (policy.Plugin, map[string]capability.Scope, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	asks, ok := w.asks[name]
	return policy.Plugin{Name: name, Version: "1.0.0", Digest: "sha256:d", Kinds: []string{"tool"}, Isolation: "confined"}, asks, ok
}

func (w *world) Manifest(name string) (*manifest.Manifest, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m, ok := w.plugins[name]
	return m, ok
}

func (w *world) Invoke(ctx context.Context, plugin, export string, input []byte, _ string, effect func(context.Context, string, []byte) ([]byte, error), emit func([]byte)) ([]byte, error) {
	return w.cell(ctx, plugin, export, input, effect, emit)
}

func (w *world) Deliver(_ context.Context, agent, session, text string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, agent+"/"+session+": "+text)
	return nil
}

func (w *world) Tell(_ context.Context, v Words) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if v.To != "ann" {
		return protocol.Errorf(protocol.NotFound, "nobody is called that")
	}
	w.sent = append(w.sent, v.Agent+" to "+v.To+": "+v.Text)
	return nil
}

func (w *world) Get(_ context.Context, plugin, key string) ([]byte, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, ok := w.values[plugin+"\x00"+key]
	return v, ok, nil
}

func (w *world) Put(_ context.Context, plugin, key string, value []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.values[plugin+"\x00"+key] = slices.Clone(value)
	return nil
}

func (w *world) Delete(_ context.Context, plugin, key string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.values, plugin+"\x00"+key)
	return nil
}

func (w *world) Keys(_ context.Context, plugin, prefix string) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for k := range w.values {
		if rest, ok := strings.CutPrefix(k, plugin+"\x00"); ok && strings.HasPrefix(rest, prefix) {
			out = append(out, rest)
		}
	}
	slices.Sort(out)
	return out, nil
}

// memory is a gate.Store that forgets: a test does not restart.
type memory struct {
	gate.BudgetStore
	gate.TallyStore
	approvals *atomic.Int64
}

func (memory) LoadGrants(context.Context) ([]gate.Grant, error)     { return nil, nil }
func (memory) SaveGrants(context.Context, []gate.Grant) error       { return nil }
func (memory) EndGrants(context.Context, []string, time.Time) error { return nil }
func (memory) LoadLatch(context.Context) ([]gate.Halt, error)       { return nil, nil }
func (memory) SetLatch(context.Context, gate.Halt) error            { return nil }
func (memory) ClearLatch(context.Context, []gate.Halt) error        { return nil }
func (m memory) AddApproval(_ context.Context, a *gate.Approval) error {
	a.ID = m.approvals.Add(1)
	return nil
}
func (memory) EndApproval(context.Context, gate.Approval) error { return nil }
func (memory) LeaveApproval(context.Context, int64, bool) error { return nil }
func (memory) UseApproval(context.Context, int64) (bool, error) { return true, nil }
func (memory) LeftApprovals(context.Context, time.Time) ([]gate.Approval, error) {
	return nil, nil
}
func (memory) Untold(context.Context) ([]gate.Approval, error) { return nil, nil }
func (memory) UntoldDone(context.Context, int64) error         { return nil }
func (memory) AddTally(context.Context, gate.Tally) error      { return nil }
func (memory) RecoverCharges(context.Context, time.Time) error { return nil }
