package effects

import (
	"context"
	"strings"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

const maxMessage = 16 << 10

// messageSend brings a plugin's words to the owner, under the plugin's name:
// it can't pass as the agent or the host.
func (c *Call) messageSend(ctx context.Context, args []byte) ([]byte, error) {
	var a struct {
		To   string `json:"to"`
		Text string `json:"text"`
	}
	if err := decode("message.send", args, &a); err != nil {
		return nil, err
	}
	if a.To != "owner" {
		return nil, protocol.Errorf(protocol.Invalid, `message.send: to %q: this host sends to "owner" only`, oneLine(a.To, 80))
	}
	if len(a.Text) > maxMessage {
		return nil, protocol.Errorf(protocol.Limit, "message.send: %d bytes, the limit is %d", len(a.Text), maxMessage)
	}
	text := strings.TrimSpace(clean(a.Text))
	if text == "" {
		return nil, protocol.Errorf(protocol.Invalid, "message.send: the text is empty")
	}
	attrs := capability.Attributes{"to": a.To, "bytes": int64(len(text))}
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
