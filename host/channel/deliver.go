package channel

import (
	"context"
	"fmt"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

// courier brings what a session says to the one person in it, one message after
// the other.
type courier struct {
	busy  bool
	again bool // something was said since it last looked
}

// follow watches what an agent says until the agent closes.
func (s *Service) follow(a Agent) {
	for s.lifetime.Err() == nil {
		lagged := false
		for e := range a.Events(s.lifetime) {
			k, ok := s.peerOf(e.Session)
			switch {
			case e.Type == agent.EventLagged:
				lagged = true
			case !ok:
			case e.Type == agent.EventTurnStarted:
				s.working(k)
			case e.Type == agent.EventMessage, e.Type == agent.EventTurnFinished:
				s.kick(k)
			}
		}
		if !lagged {
			return // the agent has closed
		}
		s.mu.Lock()
		var all []key
		for _, k := range s.sessions {
			all = append(all, k)
		}
		s.mu.Unlock()
		for _, k := range all {
			s.kick(k)
		}
	}
}

// kick sees to it that a courier looks at a peer's session.
func (s *Service) kick(k key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	c := s.couriers[k]
	if c == nil {
		c = &courier{}
		s.couriers[k] = c
	}
	c.again = true
	if c.busy {
		return
	}
	c.busy = true
	s.work.Go(func() { s.carry(k, c) })
}

func (s *Service) carry(k key, c *courier) {
	for {
		s.mu.Lock()
		if !c.again || s.closed {
			c.busy = false
			delete(s.couriers, k)
			s.mu.Unlock()
			return
		}
		c.again = false
		wake := s.wake
		s.mu.Unlock()
		if err := s.deliverAll(s.lifetime, k); err != nil && s.lifetime.Err() == nil {
			s.log.Warn("what an agent said waits", "channel", k.plugin, "error", err)
			s.mu.Lock()
			c.again = true
			s.mu.Unlock()
			s.pause(s.lifetime, s.backoff(0), wake)
		}
	}
}

const entriesAtOnce = 100

// maxRepeats is how often a message that may have been sent is sent again over a
// channel whose service knows it then.
const maxRepeats = 8

// deliverAll sends what a peer has not got yet.
func (s *Service) deliverAll(ctx context.Context, k key) error {
	for ctx.Err() == nil {
		p, ok, err := s.cfg.Store.Peer(ctx, k.plugin, k.person)
		if err != nil || !ok || !p.served() {
			return err
		}
		a, ok := s.cfg.Host.Agent(p.Agent)
		if !ok {
			return nil
		}
		list, err := a.History(ctx, p.Session, p.Delivered+1, entriesAtOnce)
		if err != nil || len(list) == 0 {
			return err
		}
		cutOff := p.Sending // by the end of the last host
		if s.cfg.Host.Repeats(p.Plugin) {
			cutOff = 0
		}
		for _, e := range list {
			if text := p.hears(e); text != "" {
				if err := s.deliver(ctx, a, &p, e.Seq, text, e.Seq == cutOff); err != nil {
					return err
				}
			}
			p.Delivered, p.Sending = e.Seq, 0
			if err := s.cfg.Store.Progress(ctx, p); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// hears is what a peer gets of an entry; "" is nothing. What the host and
// plugins say is for the owner alone.
func (p Peer) hears(e agent.Entry) string {
	switch {
	case e.Kind == agent.FromAgent:
		return e.Message.Text
	case p.Role == Owner && (e.Kind == agent.FromHost || e.Kind == agent.FromPlugin):
		return e.Message.Text
	}
	return ""
}

// deliver sends one message. It returns nil when the message is done with, one
// way or another, and an error only when it waits.
func (s *Service) deliver(ctx context.Context, a Agent, p *Peer, seq int64, text string, cutOff bool) error {
	if cutOff && p.Role != Owner {
		s.tellOwner(ctx, a, p, "Whether this reached "+p.Alias+" is unknown, and it was not sent again: "+quote(text))
		return nil
	}
	for failures := 0; ; {
		send := channel.Send{Chat: p.Chat, Text: text, Key: fmt.Sprintf("%s/%d", p.Session, seq)}
		if cutOff {
			send.Text = "(This may reach you twice: sending it was cut off.)\n\n" + text
		}
		p.Sending = seq
		if err := s.cfg.Store.Progress(ctx, *p); err != nil {
			return err
		}
		wake := s.waking()
		err := s.send(ctx, a, p, send)
		if err == nil && failures > 0 {
			s.cfg.Host.Notice(p.Plugin, "")
		}
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		switch protocol.CodeOf(err) {
		case protocol.Unavailable, protocol.Limit, protocol.Killed, protocol.Revoked:
			p.Sending = 0
			if err := s.cfg.Store.Progress(ctx, *p); err != nil {
				return err
			}
			s.cfg.Host.Notice(p.Plugin, "a message waits: "+err.Error())
			s.pause(ctx, s.backoff(failures), wake)
			failures++
		case protocol.Denied, protocol.Declined, protocol.DryRun, protocol.Invalid, protocol.NotFound:
			s.tellOwner(ctx, a, p, fmt.Sprintf("This was not sent to %s: %v. It said: %s", p.recipient(), err, quote(text)))
			return nil
		default: // it may have been sent
			repeats := s.cfg.Host.Repeats(p.Plugin)
			if repeats && failures < maxRepeats {
				s.pause(ctx, s.backoff(failures), wake)
				failures++
				continue
			}
			if repeats || cutOff || p.Role != Owner {
				s.tellOwner(ctx, a, p, fmt.Sprintf("Whether this reached %s is unknown: %v. It said: %s", p.recipient(), err, quote(text)))
				return nil
			}
			cutOff = true
			s.pause(ctx, s.backoff(failures), wake)
		}
	}
}

// send takes one message through the gate, in the agent's name.
func (s *Service) send(ctx context.Context, a Agent, p *Peer, m channel.Send) error {
	material, labels, err := a.Read(ctx, p.Session)
	if err != nil {
		return protocol.Errorf(protocol.Unavailable, "%v", err)
	}
	origin := gate.Origin{Agent: p.Agent, Session: p.Session, Trigger: "channel", Labels: labels, Material: material}
	_, err = s.cfg.Effects.Send(ctx, policy.Entity{Type: "agent", ID: p.Agent}, origin, p.Plugin, p.recipient(), m)
	return err
}

// tellOwner says in the owner's own conversation, or on the status page, what became
// of a message.
func (s *Service) tellOwner(ctx context.Context, a Agent, p *Peer, text string) {
	home, ok := s.home(ctx, p.Agent)
	if !ok || home.Plugin == p.Plugin && p.Role == Owner { // over a channel that does not work
		s.cfg.Host.Notice(p.Plugin, text)
		return
	}
	if err := a.Notify(ctx, home.Session, text); err != nil {
		s.log.Error("the owner could not be told", "error", err)
	}
}

// working shows a peer that an answer is on its way. Whether that works is of no
// importance.
func (s *Service) working(k key) {
	s.work.Go(func() {
		ctx, done := context.WithTimeout(s.lifetime, 10*time.Second)
		defer done()
		p, ok, err := s.cfg.Store.Peer(ctx, k.plugin, k.person)
		if err != nil || !ok || !p.served() {
			return
		}
		origin := gate.Origin{Agent: p.Agent, Session: p.Session, Trigger: "channel"}
		_, err = s.cfg.Effects.Send(ctx, policy.Entity{Type: "agent", ID: p.Agent}, origin, p.Plugin, p.recipient(), channel.Send{Chat: p.Chat, Working: true})
		if err != nil {
			s.log.Debug("that the agent works could not be shown", "channel", k.plugin, "error", err)
		}
	})
}

// quote shortens a message for a sentence about it.
func quote(text string) string {
	if r := []rune(text); len(r) > 200 {
		text = string(r[:200]) + "…"
	}
	return "“" + text + "”"
}
