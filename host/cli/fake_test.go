package cli

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// memory is a Backend in memory, for what commands print. What a host really
// does is tested end to end elsewhere.
type memory struct {
	mu        sync.Mutex
	start     time.Time
	plugins   map[string]*control.PluginDetail
	previews  map[string]*control.Preview
	approvals map[string]*control.Approval
	secrets   map[string]string
	halted    []control.Halt
	entries   []control.AuditEntry
	schedules []control.Schedule
	skills    []control.Skill
	notes     []control.NoteInfo
	folder    string        // of the owner's policies; their files are wrong while it is missing
	answered  chan bool     // of the chat's question
	interrupt chan struct{} // of the chat
}

// escapes is what a hostile text may hold: it clears the screen, sets the
// title, and writes backwards.
const escapes = "\x1b[2J\x1b]0;owned\x07\u202e\u009b31m"

func newMemory() *memory {
	now := time.Now()
	m := &memory{
		start: now.Add(-76*time.Hour - 30*time.Second), previews: map[string]*control.Preview{}, secrets: map[string]string{},
		answered: make(chan bool, 16), interrupt: make(chan struct{}, 1),
	}
	weather := &control.PluginDetail{
		Plugin: control.Plugin{Identity: weatherIdentity("1.2.0"), Enabled: true, State: "running", Isolation: "confined", Installed: now.Add(-49 * time.Hour), Grants: 1},
		PID:    4242, Measures: []string{"namespaces", "landlock 7", "seccomp"},
		Tools:    []control.Tool{{Name: "forecast", Description: "The forecast for a place.", Capability: "tool.call", Risk: capability.Read}},
		Requires: weatherRequires(), Config: map[string]string{"units": "metric"},
	}
	weather.InForce = []control.Grant{{ID: "g1", Plugin: "weather", Capability: "http.request", Risk: capability.Read, Scope: weather.Requires[0].Scope, Created: now.Add(-49 * time.Hour)}}
	evil := &control.PluginDetail{Plugin: control.Plugin{Identity: control.Identity{
		Name: "evil", Version: "0.1.0" + escapes, Description: "Helps." + escapes + "\nweather 9.9.9 (signed)", Kinds: []manifest.Kind{manifest.Tool},
		Runtime: manifest.Wasm, Digest: "sha256:0bad", Size: 1234, Source: "folder" + escapes}, State: "crashed", Enabled: true, Installed: now}, LastError: "panic" + escapes}
	m.plugins = map[string]*control.PluginDetail{"weather": weather, "evil": evil}
	m.approvals = map[string]*control.Approval{"7": {
		ID: "7", State: control.Pending, Actor: "agent:main", Plugin: "card", Tool: "card/charge", Capability: "card.charge", Risk: capability.Irreversible,
		Resource: "12.00 USD at Book Depot", Args: json.RawMessage(`{"amount":1200,"currency":"USD","merchant":"Book Depot"}`), Digest: "sha256:aa",
		Reasons: []policy.Reason{{Rule: "base.irreversible", Message: "it can't be undone"}}, Turn: "t1", Said: "find the paperback", Labels: []string{"untrusted"},
		Created: now, Expires: now.Add(9*time.Minute + 30*time.Second),
	}}
	at := time.Date(2026, 1, 2, 14, 3, 7, 0, time.UTC)
	m.entries = []control.AuditEntry{
		{Index: 0, Record: audit.Record{Kind: audit.Intent, Effect: "e1", Time: at, Actor: "agent:main", Plugin: "web", Capability: "web.fetch", Resource: "https://example.org/" + escapes, Verdict: "allow"}},
		{Index: 1, Record: audit.Record{Kind: audit.Outcome, Effect: "e1", Time: at, Actor: "agent:main", Plugin: "web", Capability: "web.fetch", Resource: "https://example.org/", Verdict: "allow", Status: "done", Micros: 120_400}},
		{Index: 2, Record: audit.Record{Kind: audit.Refusal, Effect: "e2", Time: at, Actor: "agent:main", Plugin: "mail", Capability: "mail.send", Resource: "press@example.net", Verdict: "deny", Rule: "base.outflow"}},
		{Index: 3, Record: audit.Record{Kind: audit.Revoke, Time: at, Actor: "owner", Plugin: "mail", Detail: "mail.send: 1 in flight cancelled"}},
	}
	return m
}

func weatherIdentity(version string) control.Identity {
	return control.Identity{Name: "weather", Version: version, Description: "Forecasts for a place.", License: "Apache-2.0", Kinds: []manifest.Kind{manifest.Tool},
		Runtime: manifest.Wasm, Digest: "sha256:" + strings.Repeat("ab", 32), Size: 61_400, Source: "/plugins/weather"}
}

func weatherRequires() []control.Requirement {
	return []control.Requirement{
		{Capability: "http.request", Risk: capability.Read, Reason: "fetches the forecast", Scope: capability.Scope{Allow: map[string][]string{"hosts": {"api.open-meteo.com"}, "methods": {"GET"}}}},
		{Capability: "card.charge", Risk: capability.Irreversible, Reason: "premium data", Scope: capability.Scope{Max: map[string]int64{"max_amount": 1500}}},
	}
}

func notFound(format string, a ...any) error { return protocol.Errorf(protocol.NotFound, format, a...) }

func (m *memory) Status(context.Context) (*control.Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &control.Status{
		Version: "test", Home: "/data/ambit", PID: 77, Started: m.start, Halted: m.halted,
		Policy:      control.PolicyStatus{Revision: "7f3a01b2c3d4", Layers: []control.Layer{{Name: "base", Files: 4}, {Name: "owner", Files: 1}}},
		Audit:       control.AuditStatus{Entries: 12804, Verified: time.Now().Add(-150 * time.Second)},
		Agents:      []control.AgentStatus{{Name: "main", Model: "openai/claude", LastTurn: time.Now().Add(-150 * time.Second), LastTrigger: "message", TurnsToday: 41, Budgets: budgets}},
		Plugins:     control.PluginCounts{Installed: 14, Running: 3, Disabled: 1},
		Waiting:     []control.Approval{*m.approvals["7"]},
		Asking:      control.Asking{Days: 7, Allowed: 960, Asked: 30, Denied: 10},
		Confinement: control.Confinement{Level: "confined", Measures: []string{"namespaces", "landlock (ABI 7)", "seccomp"}},
		Notices:     []control.Notice{{Message: "1 effect was cut short by a crash", Hint: "ambit audit show 12"}},
	}, nil
}

func (m *memory) Plugins(context.Context) ([]control.Plugin, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []control.Plugin
	for _, name := range []string{"evil", "weather"} {
		if p, ok := m.plugins[name]; ok {
			list = append(list, p.Plugin)
		}
	}
	return list, nil
}

func (m *memory) Plugin(_ context.Context, name string) (*control.PluginDetail, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.plugins[name]
	if !ok {
		return nil, &control.Error{Code: protocol.NotFound, Message: "no plugin is called " + name, Hint: "ambit plugin list"}
	}
	clone := *p
	return &clone, nil
}

func (m *memory) PreviewInstall(_ context.Context, req control.PreviewRequest) (*control.Preview, error) {
	if strings.HasSuffix(req.Path, "broken") {
		return nil, protocol.Errorf(protocol.Invalid, `plugin "broken": its module imports "env.spawn", which Ambit does not offer. Nothing was installed.`)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p := &control.Preview{ID: "p1", Identity: weatherIdentity("1.3.0"), Requires: weatherRequires(), Config: req.Config, Replaces: "1.2.0"}
	p.Requires[1].New = true
	if req.Name != "" {
		p.Source = "embedded"
	}
	if len(req.Config) == 0 {
		p.MissingConfig = []string{"units"}
	}
	if len(req.Hosts) > 0 {
		p.Requires[0].Scope.Allow["hosts"] = req.Hosts
	}
	m.previews["p1"] = p
	return p, nil
}

func (m *memory) Install(_ context.Context, req control.InstallRequest) (*control.PluginDetail, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.previews[req.Preview]
	if !ok || req.Digest != p.Digest {
		return nil, notFound("no such preview")
	}
	d := &control.PluginDetail{Plugin: control.Plugin{Identity: p.Identity, Enabled: true, State: "stopped", Installed: time.Now()}, Requires: p.Requires, Config: p.Config}
	for _, g := range req.Grants {
		grant := control.Grant{ID: "g", Plugin: p.Name, Capability: g.Capability, Created: time.Now()}
		for _, r := range p.Requires {
			if r.Capability == g.Capability {
				grant.Scope, grant.Risk = r.Scope, r.Risk
			}
		}
		if g.Scope != nil {
			grant.Scope = *g.Scope
		}
		d.InForce = append(d.InForce, grant)
	}
	d.Grants = len(d.InForce)
	m.plugins[p.Name] = d
	return d, nil
}

func (m *memory) Downloads(context.Context) ([]control.Download, error) { return nil, nil }

func (m *memory) RollbackPlugin(_ context.Context, name string) (*control.PluginDetail, error) {
	return m.change(name, func(p *control.PluginDetail) { p.Version = p.Previous })
}

func (m *memory) VerifyPlugins(context.Context) ([]control.Checked, error) { return nil, nil }

func (m *memory) Publishers(context.Context) ([]control.Publisher, error) { return nil, nil }

func (m *memory) ForgetPublisher(_ context.Context, namespace string) error {
	return notFound("no key of %s is known", namespace)
}

func (m *memory) RemovePlugin(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.plugins, name)
	return nil
}

func (m *memory) change(name string, f func(*control.PluginDetail)) (*control.PluginDetail, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.plugins[name]
	if !ok {
		return nil, notFound("no plugin is called %s", name)
	}
	f(p)
	return p, nil
}

func (m *memory) SetPluginEnabled(_ context.Context, name string, on bool) (*control.PluginDetail, error) {
	return m.change(name, func(p *control.PluginDetail) { p.Enabled = on })
}

func (m *memory) SetPluginConfig(_ context.Context, name string, config map[string]string) (*control.PluginDetail, error) {
	return m.change(name, func(p *control.PluginDetail) { p.Config = config })
}

func (m *memory) Grants(_ context.Context, plugin string) ([]control.Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []control.Grant
	for name, p := range m.plugins {
		if plugin == "" || plugin == name {
			list = append(list, p.InForce...)
		}
	}
	return list, nil
}

func (m *memory) Grant(_ context.Context, req control.GrantRequest) (*control.Grant, error) {
	if req.Capability == "file.read" {
		return nil, protocol.Errorf(protocol.Invalid, "weather does not ask for file.read")
	}
	g := control.Grant{ID: "g2", Plugin: req.Plugin, Capability: req.Capability, Limits: req.Limits, Created: time.Now(), Expires: req.Expires}
	if req.Scope != nil {
		g.Scope = *req.Scope
	}
	_, err := m.change(req.Plugin, func(p *control.PluginDetail) { p.InForce = append(p.InForce, g) })
	return &g, err
}

func (m *memory) Revoke(_ context.Context, req control.RevokeRequest) (*control.Revocation, error) {
	r := &control.Revocation{Cancelled: 1, Micros: 300}
	_, err := m.change(req.Plugin, func(p *control.PluginDetail) {
		p.InForce = slices.DeleteFunc(p.InForce, func(g control.Grant) bool {
			ends := req.Capability == "" || req.Capability == g.Capability
			if ends {
				r.Grants = append(r.Grants, g)
			}
			return ends
		})
	})
	return r, err
}

func (m *memory) Budgets(context.Context) ([]control.Account, error) {
	return []control.Account{{Account: `usd plugin="bank"`, Unit: "usd", Day: 1200, Week: 1200, Month: 4500, Reserved: 200,
		Unknown: []control.Charge{{Effect: "e9", Amount: 1000, At: time.Now().Add(-2 * time.Hour)}}}}, nil
}

func (m *memory) ResolveBudget(_ context.Context, effect string, _ control.BudgetResolution) error {
	if effect != "e9" {
		return notFound("the outcome of %s is not unknown", effect)
	}
	return nil
}

func (m *memory) Approvals(context.Context, bool) ([]control.Approval, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.approvals["7"].State != control.Pending {
		return nil, nil
	}
	return []control.Approval{*m.approvals["7"]}, nil
}

func (m *memory) Approval(_ context.Context, id string) (*control.Approval, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ap, ok := m.approvals[id]
	if !ok {
		return nil, notFound("there is no approval %s", id)
	}
	clone := *ap
	return &clone, nil
}

func (m *memory) AnswerApproval(_ context.Context, id string, ans control.AnswerRequest) (*control.Approval, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ap := m.approvals[id]
	if ap.State != control.Pending || ans.Digest != ap.Digest {
		return nil, protocol.Errorf(protocol.Invalid, "approval %s is %s", id, ap.State)
	}
	ap.State, ap.Note = control.Refused, ans.Note
	if ans.Approve {
		ap.State, ap.Lasting = control.Approved, ans.Lasting
	}
	m.answered <- ans.Approve
	clone := *ap
	return &clone, nil
}

func (m *memory) AnswerApprovals(ctx context.Context, ans control.BatchRequest) ([]control.Approval, error) {
	var out []control.Approval
	for _, x := range ans.Answers {
		ap, err := m.AnswerApproval(ctx, x.ID, control.AnswerRequest{Approve: ans.Approve, Digest: x.Digest, Note: ans.Note, Lasting: ans.Lasting})
		if err != nil {
			return nil, err
		}
		out = append(out, *ap)
	}
	return out, nil
}

func (m *memory) PolicyStatus(context.Context) (*control.PolicyStatus, error) {
	st := &control.PolicyStatus{Revision: "7f3a01b2c3d4", Layers: []control.Layer{{Name: "base", Files: 4}}, Loaded: time.Now().Add(-time.Hour), Folder: m.folder}
	if _, err := os.Stat(m.folder); err != nil {
		st.Error = "mine.rego:3: unexpected token"
	}
	return st, nil
}

func (m *memory) CheckPolicy(_ context.Context, req control.PolicyCheckRequest) (*control.PolicyReport, error) {
	if b, err := os.ReadFile(filepath.Join(req.Folder, "rules.rego")); strings.HasSuffix(req.Folder, "bad") || err == nil && strings.Contains(string(b), "http.send") {
		return &control.PolicyReport{Folder: "/bad", Problems: []control.PolicyProblem{{File: "mine.rego", Line: 3, Message: "undefined function http.send", Advice: "policies reach nothing outside"}}}, nil
	}
	return &control.PolicyReport{OK: true, Folder: req.Folder, Files: 2, Revision: "0123456789ab"}, nil
}

func (m *memory) EvalPolicy(_ context.Context, req policy.Request) (*policy.Decision, error) {
	return &policy.Decision{Verdict: policy.Ask, Revision: "7f3a01b2c3d4", Reasons: []policy.Reason{{Rule: "base.irreversible", Message: req.Action.Name + " can't be undone", Change: "ambit grant"}},
		Obligations: []policy.Obligation{{Type: "approve", Params: map[string]any{"minutes": 10}}}}, nil
}

func (m *memory) AuditEntries(_ context.Context, q control.AuditQuery) (*control.AuditPage, error) {
	page := &control.AuditPage{Size: int64(len(m.entries)), Next: int64(len(m.entries))}
	for _, e := range m.entries {
		if (q.Verdict == "" || q.Verdict == e.Verdict) && !e.Time.Before(q.Since) {
			page.Entries = append(page.Entries, e)
		}
	}
	if q.Last > 0 && len(page.Entries) > q.Last {
		page.Entries = page.Entries[len(page.Entries)-q.Last:]
	}
	return page, nil
}

func (m *memory) AuditEntry(_ context.Context, index int64) (*control.AuditDetail, error) {
	if index >= int64(len(m.entries)) {
		return nil, notFound("the log has %d entries", len(m.entries))
	}
	return &control.AuditDetail{AuditEntry: m.entries[index], Payload: `{"url":"https://example.org/"}`, Related: m.entries[1:2]}, nil
}

func (m *memory) FollowAudit(_ context.Context, _ control.AuditQuery, emit func(control.AuditEntry) error) error {
	for _, e := range m.entries {
		if err := emit(e); err != nil {
			return err
		}
	}
	return protocol.Errorf(protocol.Unavailable, "the log is full")
}

func (m *memory) VerifyAudit(_ context.Context, req control.VerifyRequest) (*control.Verification, error) {
	if strings.HasSuffix(req.Folder, "tampered") {
		return &control.Verification{Entries: 4, Problems: []string{"entry 2 was changed"}}, nil
	}
	return &control.Verification{OK: true, Entries: 12804, Root: "q2Vy", Micros: 41_000}, nil
}

func (m *memory) AuditCheckpoint(context.Context) (*control.Checkpoint, error) {
	return &control.Checkpoint{Note: "ambit/log\n12804\nq2Vy\n\n— ambit sig\n", Key: "ambit+key", Size: 12804}, nil
}

func (m *memory) Secrets(context.Context) ([]control.Secret, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []control.Secret
	for name := range m.secrets {
		list = append(list, control.Secret{Name: name, Store: "file", UsedBy: []string{"openai"}})
	}
	return list, nil
}

func (m *memory) SetSecret(_ context.Context, name string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if string(value) != "s3cret" {
		return protocol.Errorf(protocol.Invalid, "got %q", value)
	}
	m.secrets[name] = string(value)
	return nil
}

func (m *memory) RemoveSecret(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.secrets, name)
	return nil
}

func (m *memory) Kill(_ context.Context, target, reason string) (*control.KillReport, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.halted = append(m.halted, control.Halt{Target: target, Since: time.Now(), By: "owner", Reason: reason})
	return &control.KillReport{Target: target, Cells: 3, Micros: 4100, Effects: []control.EndedEffect{{ID: "e1", Capability: "http.request", Status: "unknown"}}, Halted: m.halted}, nil
}

func (m *memory) Resume(_ context.Context, target string) (*control.ResumeReport, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := len(m.halted)
	m.halted = slices.DeleteFunc(m.halted, func(h control.Halt) bool { return h.Target == target })
	return &control.ResumeReport{Target: target, Was: len(m.halted) < was, Halted: m.halted}, nil
}

func (m *memory) Chat(ctx context.Context, req control.ChatRequest, emit func(control.ChatEvent) error) error {
	say := func(e control.ChatEvent) { _ = emit(e) }
	say(control.ChatEvent{Type: control.ChatTurn, Turn: "t1", Session: req.Session, Agent: "main"})
	switch req.Text {
	case "killed":
		return protocol.Errorf(protocol.Killed, "everything is stopped")
	case "killed meanwhile":
		say(control.ChatEvent{Type: control.ChatNotice, Text: "the turn was killed"})
		return &control.Error{Code: protocol.Killed, Message: "the turn was killed", Hint: "ambit status"}
	case "charge":
		m.mu.Lock()
		asked := *m.approvals["7"]
		asked.ID = "8"
		stored := asked
		m.approvals["8"] = &stored
		m.mu.Unlock()
		say(control.ChatEvent{Type: control.ChatApproval, Approval: &asked})
		select {
		case yes := <-m.answered:
			say(control.ChatEvent{Type: control.ChatText, Text: map[bool]string{true: "Bought.", false: "Not bought."}[yes]})
		case <-ctx.Done():
		}
	case "wait":
		say(control.ChatEvent{Type: control.ChatText, Text: "thinking"})
		select {
		case <-m.interrupt:
		case <-ctx.Done():
		}
		say(control.ChatEvent{Type: control.ChatDone, Status: "interrupted"})
		return nil
	default:
		say(control.ChatEvent{Type: control.ChatTool, Call: "c1", Tool: "web/fetch", Args: json.RawMessage(`{"url":"https://example.org"}`)})
		say(control.ChatEvent{Type: control.ChatResult, Call: "c1", Tool: "web/fetch", Status: "denied", Detail: "host not granted", Micros: 1200})
		for _, piece := range []string{"You said ", req.Text, ".\x1b[", "2J\n"} {
			say(control.ChatEvent{Type: control.ChatText, Text: piece})
		}
	}
	say(control.ChatEvent{Type: control.ChatDone, Status: "end"})
	return nil
}

func (m *memory) Interrupt(context.Context, string) (*control.Interruption, error) {
	m.interrupt <- struct{}{}
	return &control.Interruption{Turn: "t1"}, nil
}

func (m *memory) Sessions(context.Context) ([]control.Session, error) {
	return []control.Session{{ID: "main", Agent: "main", Started: m.start, LastTurn: time.Now().Add(-150 * time.Second), Turns: 41, Labels: []string{"untrusted"}}}, nil
}

func (m *memory) Channels(context.Context) ([]control.Channel, error) {
	return []control.Channel{{Plugin: "telegram", Trouble: "the token is refused" + escapes, People: []control.Person{
		{Plugin: "telegram", ID: "1001", Name: "Ann" + escapes, Role: "owner", Agent: "main", Session: "telegram:1001:1", Since: m.start},
		{Plugin: "telegram", ID: "1002", Name: "Bo", Role: "contact", Alias: "bo", Agent: "main", Session: "telegram:1002:1", Since: m.start},
		{Plugin: "telegram", ID: "1003", Name: "Cleo", Role: "stranger", Since: m.start, Expires: time.Now().Add(59*time.Minute + 30*time.Second)},
	}}}, nil
}

func (m *memory) Pair(_ context.Context, req control.PairRequest) (*control.Person, error) {
	if req.Code != "ABCD2345" {
		return nil, protocol.Errorf(protocol.NotFound, "pairing: nobody waits with this code")
	}
	return &control.Person{Plugin: "telegram", ID: "1003", Name: "Cleo", Role: req.Role, Alias: req.Alias, Agent: "main"}, nil
}

func (m *memory) Unpair(_ context.Context, who string) (*control.Person, error) {
	return &control.Person{Plugin: "telegram", ID: "1002", Name: "Bo", Role: "contact", Alias: who, Agent: "main"}, nil
}

func (m *memory) Call(_ context.Context, req control.CallRequest) (*control.CallResult, error) {
	switch req.Tool {
	case "mail/send":
		return nil, &gate.Denial{Code: protocol.Denied, Plugin: "mail", Capability: "mail.send", Resource: "x@example.net", Rule: "grant", Message: "not a contact", Change: "ambit grant mail mail.send"}
	case "code/run":
		return &control.CallResult{Text: "no such thing", IsError: true}, nil
	}
	return &control.CallResult{Text: "got " + string(req.Args) + escapes, Effect: "e9", Micros: 900}, nil
}
