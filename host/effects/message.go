package effects

import (
	"context"
	"regexp"
	"strings"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

const maxMessage = 16 << 10

// messageSend brings a plugin's words to the owner, under the plugin's name: it
// can't pass as the agent or the host. To a contact go an agent's words, within a
// conversation: what they are made of is known there.
func (c *Call) messageSend(ctx context.Context, args []byte) ([]byte, error) {
	var a struct {
		To   string `json:"to"`
		Text string `json:"text"`
	}
	if err := decode("message.send", args, &a); err != nil {
		return nil, err
	}
	if len(a.Text) > maxMessage {
		return nil, protocol.Errorf(protocol.Limit, "message.send: %d bytes, the limit is %d", len(a.Text), maxMessage)
	}
	text := strings.TrimSpace(clean(a.Text))
	if text == "" {
		return nil, protocol.Errorf(protocol.Invalid, "message.send: the text is empty")
	}
	attrs := capability.Attributes{"to": a.To, "bytes": int64(len(text))}
	if a.To != ToOwner {
		return empty, c.tell(ctx, a.To, text, attrs, args)
	}
	err := c.gated(ctx, "message.send", a.To, attrs, args, func(ctx context.Context, _ *gate.Flight) error {
		if c.e.cfg.Messenger == nil {
			return protocol.Errorf(protocol.Unavailable, "message.send: this host has no way to reach the owner")
		}
		o := c.caller.Origin
		return c.e.unavailable("message.send", c.e.cfg.Messenger.Deliver(ctx, o.Agent, o.Session, "["+c.caller.Plugin+"] "+text))
	})
	if err != nil {
		return nil, err
	}
	return empty, nil
}

// contactName is what the owner may call a contact.
var contactName = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,39}$`)

// tell has the agent say something to a contact in its conversation with them. The
// text as the plugin gives it, and to whom, are traced against what the session has
// read; where that is not known, nothing is sent.
func (c *Call) tell(ctx context.Context, to, text string, attrs capability.Attributes, args []byte) error {
	o := c.origin()
	c.mu.Lock()
	o.Material = c.reading
	c.mu.Unlock()
	switch {
	case !contactName.MatchString(to) || to == ToStranger:
		return protocol.Errorf(protocol.NotFound, `message.send: to %q: want "owner" or the name of a contact (ambit channel list)`, oneLine(to, 80))
	case !c.direct || o.Material == nil || o.Session == "" || o.Agent == "":
		return protocol.Errorf(protocol.Denied, "message.send: to a contact a message goes only from an agent's conversation, by a tool that the agent calls itself")
	case c.e.cfg.Messenger == nil:
		return protocol.Errorf(protocol.Unavailable, "message.send: this host reaches nobody")
	}
	t := &tracer{material: o.Material}
	t.add("text", capability.Content, text)
	t.add("to", capability.Destination, to)
	return c.e.cfg.Gate.Do(ctx, gate.Effect{
		Capability: "message.send", Actor: c.actor(), Plugin: c.caller.Plugin, Resource: to, Attributes: attrs, Args: args, Origin: o, Arguments: t.list,
		Perform: func(ctx context.Context, f *gate.Flight) error {
			err := c.e.cfg.Messenger.Tell(ctx, Words{ID: f.ID(), Agent: o.Agent, From: o.Session, To: to, Text: text, Labels: o.Labels})
			if err != nil {
				f.Untouched()
			}
			return err
		},
	})
}
