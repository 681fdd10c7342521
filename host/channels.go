package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/channel"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
)

// burst is how long the host waits for what somebody writes in several pieces.
const burst = 500 * time.Millisecond

func (h *Host) openChannels(context.Context) (err error) {
	h.channels, err = channel.New(channel.Config{Store: h.state, Effects: h.effects, Host: desk{h}, Mode: h.queueMode, Now: h.now, Logger: h.log})
	if err == nil {
		h.onClose(h.channels.Close)
		h.plugins.changed = func() { h.noteRevoked(); h.channels.Refresh() }
	}
	return err
}

func (h *Host) queueMode(string) agent.Mode { return agent.Mode(h.file.Queue) }

// desk is the host as the channels see it.
type desk struct{ *Host }

// Channels names the enabled channels.
func (d desk) Channels() (names []string) { return d.plugins.usable(manifest.Channel) }

// Repeats tells whether a channel's service knows a message that comes again.
func (d desk) Repeats(name string) bool {
	m, ok := d.plugins.Manifest(name)
	return ok && m.IdempotentSend
}

// Agents names all agents.
func (d desk) Agents() []string { return slices.Sorted(maps.Keys(d.agents)) }

// Agent finds one.
func (d desk) Agent(name string) (channel.Agent, bool) {
	a, ok := d.agents[name]
	return a, ok
}

// OwnerSeen notes that the owner is present.
func (d desk) OwnerSeen() { d.touch() }

// Waits tells whether an approval still waits.
func (d desk) Waits(id int64) bool {
	return slices.ContainsFunc(d.gate.Approvals(), func(a gate.Approval) bool { return a.ID == id })
}

// Question says what an approval is about, with all that the owner needs to
// decide; in Markdown. What others wrote stands in code, where it can't pass for
// the host's words.
func (d desk) Question(a gate.Approval) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s wants to %s: %s\n", strings.TrimPrefix(a.Actor, "agent:"), capability.Phrase(a.Capability), code(a.Resource))
	if gate.IsSub(a.Session) {
		b.WriteString("on behalf of: a sub-agent that it set to work\n")
	}
	for _, r := range a.Reasons {
		fmt.Fprintf(&b, "why it asks: %s\n", code(r.Message))
	}
	if said := (backend(d)).said(context.Background(), a); said != "" {
		fmt.Fprintf(&b, "what you said: %s\n", code(said))
	}
	if len(a.Args) > 0 {
		fmt.Fprintf(&b, "exactly: %s\n", code(string(a.Args)))
	}
	fmt.Fprintf(&b, "until %s", a.Expires.In(d.zone).Format("15:04"))
	return b.String()
}

// maxQuestion is how much of one thing a question shows; what is cut says so.
const maxQuestion = 1500

// code sets text as Markdown code that it can't end.
func code(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxQuestion {
		text = fmt.Sprintf("%s… (%d more bytes: ambit approvals show)", strings.ToValidUTF8(text[:maxQuestion], ""), len(text)-maxQuestion)
	}
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + " " + text + " " + fence
}

// Status is a short account for a chat.
func (d desk) Status(ctx context.Context, name string) string {
	st := backend(d).agentStatus(ctx, name)
	lines := []string{fmt.Sprintf("%s · %s · %d turns today", name, either(st.Model, "no model"), st.TurnsToday)}
	if st.Busy {
		lines = append(lines, "I am at work.")
	}
	for _, halt := range d.gate.Halted() {
		lines = append(lines, "Stopped: "+halt.String())
	}
	for _, a := range d.gate.Approvals() {
		lines = append(lines, fmt.Sprintf("Question %d waits: %s %s", a.ID, a.Capability, code(a.Resource)))
	}
	for _, n := range d.notices.all() {
		lines = append(lines, "Note: "+n.Message)
	}
	return strings.Join(lines, "\n")
}

// Notice tells the owner what keeps a channel from working.
func (d desk) Notice(plugin, text string) {
	topic := "channel " + plugin
	if text == "" {
		d.notices.clear(topic)
		return
	}
	d.notices.set(topic, control.Notice{Message: "Channel " + plugin + ": " + text, Hint: "ambit plugin show " + plugin})
}

// Channels lists the channels with who writes over them.
func (b backend) Channels(ctx context.Context) ([]control.Channel, error) {
	people, err := b.channels.People(ctx)
	if err != nil {
		return nil, err
	}
	out := []control.Channel{}
	for _, name := range desk(b).Channels() {
		c := control.Channel{Plugin: name, People: []control.Person{}}
		c.Trouble = b.notices.about("channel " + name).Message
		for _, p := range people {
			if p.Plugin == name && (p.Role != channel.Stranger || b.now().Before(p.Expires)) {
				c.People = append(c.People, personOf(p))
			}
		}
		out = append(out, c)
	}
	return out, nil
}

func personOf(p channel.Peer) control.Person {
	return control.Person{Plugin: p.Plugin, ID: p.Person, Name: p.Name, Role: string(p.Role), Alias: p.Alias, Agent: p.Agent, Session: p.Session, Since: p.Since, Expires: p.Expires}
}

// Pair lets in who has the code.
func (b backend) Pair(ctx context.Context, req control.PairRequest) (*control.Person, error) {
	b.touch()
	a, err := b.agentFor(req.Agent)
	if err != nil {
		return nil, err
	}
	p, err := b.channels.Pair(ctx, channel.Pairing{Code: req.Code, Role: channel.Role(req.Role), Alias: req.Alias, Agent: a.Name()})
	if err != nil {
		return nil, err
	}
	if err := b.recordPeer(ctx, p, "paired as "+string(p.Role)); err != nil {
		_, undo := b.channels.Forget(ctx, p.Plugin+"/"+p.Person)
		return nil, errors.Join(err, undo)
	}
	out := personOf(p)
	return &out, nil
}

// Unpair ends what the agent has to do with somebody.
func (b backend) Unpair(ctx context.Context, who string) (*control.Person, error) {
	b.touch()
	p, err := b.channels.Forget(ctx, who)
	if err != nil {
		return nil, err
	}
	out := personOf(p)
	return &out, b.recordPeer(ctx, p, "forgotten")
}

func (h *Host) recordPeer(ctx context.Context, p channel.Peer, what string) error {
	r := audit.Record{Kind: audit.Pair, Actor: "owner", Plugin: p.Plugin, Agent: p.Agent, Resource: p.Person, Detail: what}
	if _, err := h.audit.Append(ctx, r, nil, true); err != nil {
		return fmt.Errorf("%s over %s was %s, but that can't be recorded: %w", p.Person, p.Plugin, what, err)
	}
	return nil
}
