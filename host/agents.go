package host

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/effects"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

func (h *Host) openAgents(context.Context) error {
	for name, f := range h.file.Agents {
		a, err := agent.New(agent.Config{
			Name: name, Instructions: f.Instructions, Store: h.state, Model: models{h}, Tools: tools{h}, Recorder: turns{h}, Price: h.price,
			Limits: agent.Limits{Steps: f.Steps, Tokens: f.Tokens, Wall: time.Duration(f.Minutes) * time.Minute, ContextTokens: f.Context}, SubAgents: f.SubAgents.limits(), Skills: h.agentSkills,
			Zone: h.zone, Clock: h.cfg.Clock, Debounce: burst, Logger: h.log, Heartbeat: h.heartbeat(name),
			Warden: warden{h}, Chronicle: chronicle{h}, Asked: h.gate.Asked, Memory: memories{h}, Lookback: f.Memory.lookback(),
			Home: func(ctx context.Context, session string) string {
				if session != defaultSession {
					return session
				}
				return h.channels.HomeSession(ctx, name, session)
			},
		})
		if err != nil {
			return err
		}
		h.agents[name] = a
		h.onClose(a.Close)
	}
	return nil
}

// modelFor says which model an agent uses: the one its configuration names,
// else the installed model plugin when there is just one.
func (h *Host) modelFor(name string) (plugin, modelName string, ok bool) {
	plugin, modelName, _ = strings.Cut(h.file.Agents[either(name, DefaultAgent)].Model, "/")
	if plugin != "" {
		return plugin, modelName, true
	}
	found := h.plugins.usable(manifest.Model)
	if len(found) != 1 {
		return "", "", false
	}
	return found[0], "", true
}

// models answers the agents' model calls. The plugins are looked up at every
// turn, so that one that is installed or configured counts at once.
type models struct{ *Host }

// Routes are an agent's model and its fallbacks.
func (m models) Routes(name string) []agent.Route {
	plugin, modelName, ok := m.modelFor(name)
	if !ok {
		return nil
	}
	routes := []agent.Route{{Plugin: plugin, Model: modelName}}
	for _, f := range m.file.Agents[either(name, DefaultAgent)].Fallback {
		plugin, modelName, _ := strings.Cut(f, "/")
		routes = append(routes, agent.Route{Plugin: plugin, Model: modelName})
	}
	return routes
}

// Plugins are the models that can be asked.
func (m models) Plugins() []string { return m.plugins.usable(manifest.Model) }

func (m models) Complete(ctx context.Context, o gate.Origin, plugin string, req model.Request, onDelta func(model.Delta)) (model.Response, error) {
	if plugin == "" {
		return model.Response{}, m.noModel(o.Agent)
	}
	return m.effects.Complete(ctx, policy.Entity{Type: "agent", ID: o.Agent}, o, plugin, req, onDelta)
}

func (m models) noModel(agent string) error {
	if found := m.plugins.usable(manifest.Model); len(found) > 1 {
		return protocol.Errorf(protocol.Failed, "agent %s can't choose between the models %s: say which in %s, e.g.\nagents:\n  %s:\n    model: %s",
			agent, strings.Join(found, ", "), m.path("ambit.yaml"), agent, found[0])
	}
	return protocol.Errorf(protocol.Failed, "no language model is installed: run `ambit plugin install anthropic`, `gemini`, `ollama` or `openai` (which also speaks to llama.cpp, vLLM and others), or `ambit plugin install rehearsal` to try Ambit without one")
}

// tools are what the enabled plugins offer and hold a grant for.
type tools struct{ *Host }

func (t tools) List(_ context.Context, name string) ([]agent.Tool, error) {
	all := *t.plugins.plugins.Load()
	granted := t.granted(name)
	var out []agent.Tool
	for _, plugin := range slices.Sorted(maps.Keys(all)) {
		p := all[plugin]
		if !p.usable() {
			continue
		}
		for _, spec := range p.manifest.Tools {
			if granted[plugin+" "+spec.Power()] {
				out = append(out, agent.Tool{
					Name: plugin + "/" + spec.Name, Description: spec.Description, Input: spec.Input,
					Risk: spec.Level(), Idempotent: spec.Idempotent, Labels: spec.Labels,
				})
			}
		}
	}
	return out, nil
}

// granted are what plugins hold for an agent, as "plugin capability".
func (h *Host) granted(agent string) map[string]bool {
	out := map[string]bool{}
	for _, g := range h.gate.Grants("") {
		if g.Serves(agent) && !g.Consent {
			out[g.Plugin+" "+g.Capability] = true
		}
	}
	return out
}

func (t tools) Call(ctx context.Context, o gate.Origin, tool string, args json.RawMessage) (agent.Result, error) {
	r, err := t.effects.CallTool(ctx, policy.Entity{Type: "agent", ID: o.Agent}, o, tool, args)
	return agent.Result{Text: r.Text, IsError: r.IsError, Code: r.Code, Labels: r.Labels, Delegated: r.Delegated, Skill: r.Skill}, err
}

// turns puts turns on the audit log.
type turns struct{ *Host }

func (t turns) Turn(ctx context.Context, v agent.Turn) error {
	r := audit.Record{Kind: audit.Turn, Parent: v.Effect, Actor: "agent:" + v.Agent, Agent: v.Agent, Session: v.Session, Turn: v.ID, Status: string(v.Reason), Detail: v.Detail}
	if !v.Ended.IsZero() {
		t.allowances.review(ctx, v.Agent, v.Session)
		r.Micros = v.Ended.Sub(v.Started).Microseconds()
	}
	_, err := t.audit.Append(ctx, r, nil, false)
	return err
}

// Deliver brings a message to the owner: into the session, where every client
// that watches it shows it, and from there over the owner's channel.
func (h *Host) Deliver(ctx context.Context, name, session, text string) error {
	a, ok := h.agents[name]
	if !ok {
		return protocol.Errorf(protocol.NotFound, "no agent %q has a channel to the owner", name)
	}
	session, _ = a.Reports(session, "")
	return a.Notify(ctx, h.channels.OwnersSession(ctx, name, session), text)
}

// Tell has an agent say something to a contact, in its conversation with them.
func (h *Host) Tell(ctx context.Context, w effects.Words) error {
	a, ok := h.agents[w.Agent]
	if !ok {
		return protocol.Errorf(protocol.NotFound, "there is no agent %q", w.Agent)
	}
	session, err := h.channels.Contact(ctx, w.Agent, w.To)
	if err != nil {
		return err
	}
	note := fmt.Sprintf("In another conversation you decided to write this to %s, who is in this one.", w.To)
	return a.Say(ctx, session, w.ID, note, w.Text, w.Labels)
}

func riskOf(power string) capability.Risk {
	c, ok := capability.Lookup(power)
	if !ok {
		return capability.Irreversible
	}
	return c.Risk
}

func either(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
