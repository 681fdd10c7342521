package effects

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/host/provenance"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Recipients of message.send that are no contact's name.
const (
	ToOwner    = "owner"
	ToStranger = "stranger" // one who gets a pairing code and nothing else
)

// Poll has a channel say what arrived. The call itself is no effect: it uses
// nothing but the plugin's own process, and what the plugin asks for meanwhile
// passes the gate. What comes back is within the bounds of package channel.
func (e *Effects) Poll(ctx context.Context, plugin string, in channel.Poll) (channel.Polled, error) {
	call, err := e.channelCall(plugin, gate.Origin{Trigger: "channel"})
	if err != nil {
		return channel.Polled{}, err
	}
	defer call.Close()
	var out channel.Polled
	if err := call.invokeChannel(ctx, protocol.ExportPoll, in, &out); err != nil {
		return channel.Polled{}, err
	}
	return out, checkPolled(plugin, out)
}

// Fetch makes the request that a channel waits for, under the plugin's own
// grants. No process of the plugin's is needed for it.
func (e *Effects) Fetch(ctx context.Context, plugin string, request json.RawMessage) (json.RawMessage, error) {
	call, err := e.channelCall(plugin, gate.Origin{Trigger: "channel"})
	if err != nil {
		return nil, err
	}
	defer call.Close()
	return call.Do(ctx, "http.request", request)
}

// Hear asks the gate whether a message of a channel's paired owner counts as
// the owner's words (owner.speak).
func (e *Effects) Hear(ctx context.Context, plugin, agent, event string) error {
	args, err := encode(map[string]string{"event": event})
	if err != nil {
		return err
	}
	return e.cfg.Gate.Do(ctx, gate.Effect{
		Capability: "owner.speak", Actor: policy.Entity{Type: "plugin", ID: plugin}, Plugin: plugin, Resource: "message " + oneLine(event, 80), Args: args,
		Attributes: capability.Attributes{}, Origin: gate.Origin{Agent: agent, Trigger: "channel"},
		Perform: func(context.Context, *gate.Flight) error { return nil },
	})
}

// Approve passes on the owner's answer to an approval from a channel
// (owner.approve).
func (e *Effects) Approve(ctx context.Context, plugin, agent string, r channel.Reply) error {
	call, err := e.channelCall(plugin, gate.Origin{Agent: agent, Trigger: "channel"})
	if err != nil {
		return err
	}
	defer call.Close()
	args, err := encode(map[string]any{"id": r.Approval, "digest": r.Digest, "approve": r.Approve, "reason": r.Reason})
	if err != nil {
		return err
	}
	_, err = call.Do(ctx, "owner.approve", args)
	return err
}

// Send has a channel bring a message to somebody (message.send), under its own
// grant. To the owner everything may be said. What goes to anybody else is
// traced against material, what the session has read.
func (e *Effects) Send(ctx context.Context, actor policy.Entity, origin gate.Origin, plugin, to string, m channel.Send) (channel.Sent, error) {
	attrs := capability.Attributes{"to": to, "channel": plugin, "bytes": int64(len(m.Text))}
	args, err := encode(m)
	if err != nil {
		return channel.Sent{}, err
	}
	traced := traceMessage(origin.Material, to, m.Text)
	var sent channel.Sent
	err = e.cfg.Gate.Do(ctx, gate.Effect{
		Capability: "message.send", Actor: actor, Plugin: plugin, Resource: oneLine(to, 80) + " over " + plugin, Attributes: attrs, Args: args,
		Origin: origin, Arguments: traced,
		Perform: func(ctx context.Context, f *gate.Flight) error {
			inner := origin
			inner.Parent, inner.Material = f.ID(), nil // what it says was judged here
			call, err := e.channelCall(plugin, inner)
			if err != nil {
				f.Untouched()
				return err
			}
			defer call.Close()
			call.traced, call.given = len(traced) > 0, labelsOf(traced)
			err = call.invokeChannel(ctx, protocol.ExportSend, m, &sent)
			if err != nil && !call.hasActed() {
				f.Untouched()
			}
			return err
		},
	})
	sent.Ref = oneLine(sent.Ref, channel.MaxID)
	return sent, err
}

// Keep stores files that came with a message in the agent's workspace, under
// the channel's own grant of file.write. They are private, and who wrote them
// is not known: also what the owner passes on.
func (e *Effects) Keep(ctx context.Context, plugin, agent string, files []channel.File) (paths []string, err error) {
	call, err := e.channelCall(plugin, gate.Origin{Agent: agent, Trigger: "channel", Labels: []string{"private", untrustedLabel}})
	if err != nil {
		return nil, err
	}
	defer call.Close()
	when := e.cfg.Now().UTC().Format("20060102-150405.000")
	for i, f := range files {
		path := fmt.Sprintf("received/%s-%d-%s", when, i+1, fileName(f.Name))
		args, err := encode(map[string]any{"path": path, "data_base64": f.Data})
		if err != nil {
			return paths, err
		}
		if _, err := call.Do(ctx, "file.write", args); err != nil {
			return paths, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// fileName makes what somebody called a file a name for one.
func fileName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
	if name = strings.TrimLeft(name[max(0, len(name)-60):], "."); name == "" {
		return "file"
	}
	return name
}

func (e *Effects) channelCall(plugin string, origin gate.Origin) (*Call, error) {
	if e.cfg.Cells == nil {
		return nil, protocol.Errorf(protocol.Unavailable, "this host runs no plugins")
	}
	m, ok := e.cfg.Plugins.Manifest(plugin)
	if !ok {
		return nil, protocol.Errorf(protocol.NotFound, "no channel %q is installed and enabled", oneLine(plugin, 80))
	}
	if !m.Is(manifest.Channel) {
		return nil, protocol.Errorf(protocol.Invalid, "plugin %s is not a channel", plugin)
	}
	return e.Call(Caller{Plugin: plugin, Origin: origin}), nil
}

func (c *Call) invokeChannel(ctx context.Context, export string, in, out any) error {
	input, err := encode(in)
	if err != nil {
		return err
	}
	b, err := c.e.cfg.Cells.Invoke(ctx, c.caller.Plugin, export, input, c.caller.Origin.Agent, c.Do, func([]byte) {})
	if err != nil {
		return err
	}
	if err := checkJSON(b, protocol.MaxOutput, 64); err != nil {
		return protocol.Errorf(protocol.Failed, "%s gave no usable answer to %s: %v", c.caller.Plugin, export, err)
	}
	if err := json.Unmarshal(b, out); err != nil {
		return protocol.Errorf(protocol.Failed, "%s gave no usable answer to %s: %v", c.caller.Plugin, export, err)
	}
	return nil
}

// traceMessage says where the words to somebody else came from. The recipient
// is nobody's choice in the session: the host fills it in.
func traceMessage(m *provenance.Material, to, text string) []policy.Argument {
	if m == nil || to == ToOwner {
		return nil
	}
	t := &tracer{material: m}
	t.add("text", capability.Content, text)
	return append(t.list, policy.Argument{Name: "to", Role: string(capability.Destination), Text: quoted(to), Match: "none", Legible: true})
}

// checkPolled holds what a channel says to the bounds that it was told.
func checkPolled(plugin string, p channel.Polled) error {
	bad := func(why string) error {
		return protocol.Errorf(protocol.Failed, "%s gave no usable answer to poll: %s", plugin, why)
	}
	switch {
	case len(p.Cursor) > channel.MaxCursor:
		return bad("its cursor is too long")
	case len(p.Events) > channel.MaxEvents:
		return bad("too many events at once")
	case p.Next.After < 0 || len(p.Next.Idle) > channel.MaxText || len(p.Next.Trouble) > channel.MaxText:
		return bad("what it waits for is out of bounds")
	}
	for _, ev := range p.Events {
		if err := checkEvent(ev); err != "" {
			return bad(err)
		}
	}
	return nil
}

func checkEvent(ev channel.Event) string {
	for _, id := range []string{ev.ID, ev.Chat.ID, ev.From.ID} {
		if id == "" || len(id) > channel.MaxID || badName(id) {
			return "an event without an id of its own, of its chat or of who wrote it"
		}
	}
	if len(ev.From.Name) > channel.MaxID || len(ev.Text) > channel.MaxText || len(ev.Files) > channel.MaxFiles {
		return "an event is too long"
	}
	if slices.ContainsFunc(ev.Files, func(f channel.File) bool {
		return len(f.Data) > channel.MaxFile || len(f.Name) > channel.MaxID || len(f.Type) > channel.MaxID
	}) {
		return "a file is too large"
	}
	if ev.Reply != nil && (strings.ContainsFunc(ev.Reply.Digest, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) }) || len(ev.Reply.Reason) > maxReason) {
		return "an answer that is none"
	}
	return ""
}
