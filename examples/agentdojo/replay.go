package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/host/provenance"
	"github.com/ambithost/ambit/sdk/model"
)

// outcome of a call, a task or an attack.
type outcome string

const (
	allowed outcome = "allowed"
	asked   outcome = "asked"
	denied  outcome = "denied"
)

// worse is the greater of two: denied beats asked beats allowed.
func (o outcome) worse(p outcome) outcome {
	order := []outcome{allowed, asked, denied}
	return order[max(slices.Index(order, o), slices.Index(order, p))]
}

// tally counts outcomes.
type tally struct {
	Allowed int `json:"allowed"`
	Asked   int `json:"asked"`
	Denied  int `json:"denied"`
	// WithoutCalls are attacks that call no tool and so can't be decided.
	WithoutCalls int `json:"without_calls,omitempty"`
	// WithoutEntry are pairs whose user task reads nothing that others can write:
	// the attack can't get in.
	WithoutEntry int `json:"without_entry,omitempty"`
}

func (t *tally) add(o outcome) {
	switch o {
	case allowed:
		t.Allowed++
	case asked:
		t.Asked++
	case denied:
		t.Denied++
	}
}

// result is what came of one suite.
type result struct {
	Users    tally              `json:"user_tasks"`
	Attacks  tally              `json:"attacks"`
	Outcomes map[string]outcome `json:"user_task_outcomes"`

	why []string // for people: what was not simply allowed, and attacks that were
}

// replay plays all user tasks and all pairs of a user task and an attack.
func (s *suite) replay(ctx context.Context) (result, error) {
	r := result{Outcomes: map[string]outcome{}}
	m, err := s.plugin()
	if err != nil {
		return r, err
	}
	dir, err := os.MkdirTemp("", "agentdojo-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	w, err := newWorld(ctx, dir, m)
	if err != nil {
		return r, err
	}
	defer w.Close()
	for i, t := range s.Tools {
		w.names[t.Name] = toolName(i, t.Name)
	}
	for _, u := range s.Users {
		o, why, err := (&session{world: w}).play(ctx, u.Prompt, u.Calls, nil)
		if err != nil {
			return r, fmt.Errorf("%s: %w", u.ID, err)
		}
		r.Users.add(o)
		r.Outcomes[u.ID] = o
		if o != allowed {
			r.why = append(r.why, fmt.Sprintf("%s %s: %s", u.ID, o, why))
		}
		for _, inj := range s.Injections {
			if len(inj.Calls) == 0 {
				r.Attacks.WithoutCalls++
				continue
			}
			before, enters := entry(u.Calls, inj.Goal)
			if !enters {
				r.Attacks.WithoutEntry++
				continue
			}
			o, why, err := (&session{world: w}).play(ctx, u.Prompt, before, inj.Calls)
			if err != nil {
				return r, fmt.Errorf("%s × %s: %w", u.ID, inj.ID, err)
			}
			r.Attacks.add(o)
			if o == allowed {
				r.why = append(r.why, fmt.Sprintf("ATTACK %s × %s %s %s", u.ID, inj.ID, o, why))
			}
		}
	}
	return r, nil
}

// entry are a user task's calls up to the one by which the attack gets in. What
// the attacker wants stands in that call's output, as it would: only then can
// provenance find, as a stranger's word, what the attack then uses.
func entry(calls []call, goal string) (before []call, enters bool) {
	i := slices.IndexFunc(calls, func(c call) bool { return len(c.Vectors) > 0 })
	if i < 0 {
		return nil, false
	}
	out := slices.Clone(calls[:i+1])
	out[i].Output = output(strings.TrimRight(string(out[i].Output), "\n") + "\n" + goal + "\n")
	return out, true
}

// session is one conversation, as the agent keeps it.
type session struct {
	*world
	entries []agent.Entry
	labels  []string
	steps   int
}

// play makes the owner's calls and then the attack's. Of an attack only its own
// calls count.
func (s *session) play(ctx context.Context, prompt string, calls, attack []call) (o outcome, why string, err error) {
	s.entries = append(s.entries, agent.Entry{Kind: agent.FromOwner, Message: model.Message{Role: model.User, Text: prompt}})
	o = allowed
	for _, c := range calls {
		one, reason, err := s.call(ctx, c)
		if err != nil {
			return o, why, err
		}
		if o = o.worse(one); one != allowed && why == "" {
			why = reason
		}
	}
	if attack == nil {
		return o, why, nil
	}
	o, why = allowed, ""
	for _, c := range attack {
		one, reason, err := s.call(ctx, c)
		if err != nil {
			return o, why, err
		}
		if o = o.worse(one); one != allowed && why == "" {
			why = reason
		}
	}
	return o, why, nil
}

// call takes one recorded call through the gate, and its answer into the
// session.
func (s *session) call(ctx context.Context, c call) (outcome, string, error) {
	spec, ok := s.plugin.Tool(s.names[c.Function])
	if !ok {
		return denied, "", fmt.Errorf("no tool %q", c.Function)
	}
	args, err := filled(spec, c.Args, s.plugin.Name)
	if err != nil {
		return denied, "", err
	}
	recorded, err := json.Marshal(c.Args)
	if err != nil {
		return denied, "", err
	}
	material := agent.MaterialOf(s.entries, s.labels)
	s.steps++
	s.recorded = string(c.Output)
	name := s.plugin.Name + "/" + spec.Name
	r, err := s.effects.CallTool(ctx, policy.Entity{Type: "agent", ID: "main"}, gate.Origin{
		Agent: "main", Session: "replay", Turn: fmt.Sprint("t", s.steps), Trigger: "message", Labels: s.labels, Material: material,
	}, name, args)
	questions := s.taken()
	if denial, is := errors.AsType[*gate.Denial](err); is {
		return denied, c.Function + ": " + denial.Error(), nil
	}
	if err != nil { // arguments that the tool does not take: it would not have run
		return denied, c.Function + ": " + err.Error(), nil
	}
	source := agent.SourceOf(material, agent.Tool{Name: name, Risk: spec.Level()}, recorded, r.Labels)
	s.keep(r.Text, r.Labels, source)
	if len(questions) > 0 {
		return asked, c.Function + ": " + reasons(questions), nil
	}
	return allowed, "", nil
}

func (s *session) keep(text string, labels []string, source *provenance.Source) {
	s.entries = append(s.entries, agent.Entry{
		Kind: agent.FromTool, Source: source, Message: model.Message{Role: model.Tool, Result: &model.ToolResult{ID: fmt.Sprint(s.steps), Text: text}},
	})
	s.labels = append(s.labels, labels...)
	slices.Sort(s.labels)
	s.labels = slices.Compact(s.labels)
}

func reasons(questions []gate.Approval) string {
	var out []string
	for _, q := range questions {
		for _, r := range q.Reasons {
			out = append(out, r.Rule+": "+r.Message)
		}
	}
	return strings.Join(out, "; ")
}
