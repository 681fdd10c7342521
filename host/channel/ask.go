package channel

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

// shown is a question as it stands in a chat.
type shown struct {
	peer   key
	digest string
	text   string
	ref    string // of the message, if it can be replaced
}

// Asked brings a question to the owner: into the session that it is for, if that is
// the owner's, else to where the owner wrote last. When it was answered, elsewhere
// too, or has expired, the message says so. It does not wait.
func (s *Service) Asked(a gate.Approval, session string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started || s.closed {
		return
	}
	if a.State == gate.Waiting {
		s.work.Go(func() { s.ask(s.lifetime, a, session) })
		return
	}
	list := s.shown[a.ID]
	delete(s.shown, a.ID)
	if len(list) > 0 {
		s.work.Go(func() {
			for _, q := range list {
				s.settled(s.lifetime, q, a)
			}
		})
	}
}

func (s *Service) ask(ctx context.Context, a gate.Approval, session string) {
	p, ok := s.ownerFor(ctx, a.Agent, session)
	if !ok || a.Plugin == p.Plugin || a.Actor == "plugin:"+p.Plugin {
		return // to ask over a channel whether it may send would ask again, without end
	}
	text := fmt.Sprintf("**Question %d**\n%s", a.ID, s.cfg.Host.Question(a))
	m := channel.Send{Chat: p.Chat, Text: text, Key: fmt.Sprintf("question/%d", a.ID)}
	if s.cfg.Effects.MayApprove(ctx, p.Plugin, a) {
		m.Question = &channel.Question{Approval: a.ID, Digest: a.Digest, Expires: a.Expires}
	} else {
		m.Text += fmt.Sprintf("\n\nThis can't be answered here. At the command line: `ambit approvals show %d`", a.ID)
	}
	for failures := 0; s.cfg.Now().Before(a.Expires) && ctx.Err() == nil; failures++ {
		wake := s.waking()
		sent, err := s.cfg.Effects.Send(ctx, policy.Entity{Type: "agent", ID: a.Agent}, questionOrigin(p), p.Plugin, p.recipient(), m)
		if err == nil {
			s.keepShown(ctx, a, shown{peer: p.key(), digest: a.Digest, text: text, ref: sent.Ref})
			return
		}
		s.log.Warn("a question did not reach the owner", "channel", p.Plugin, "approval", a.ID, "error", err)
		if failures == 3 {
			return // the command line shows it too
		}
		s.pause(ctx, s.backoff(failures), wake)
	}
}

func questionOrigin(p Peer) gate.Origin {
	return gate.Origin{Agent: p.Agent, Session: p.Session, Trigger: "channel"}
}

// keepShown remembers where a question stands. If it ended while it was being
// sent, the message says so at once.
func (s *Service) keepShown(ctx context.Context, a gate.Approval, q shown) {
	s.mu.Lock()
	s.shown[a.ID] = append(s.shown[a.ID], q)
	s.mu.Unlock()
	if s.cfg.Host.Waits(a.ID) {
		return
	}
	s.mu.Lock()
	_, still := s.shown[a.ID]
	delete(s.shown, a.ID)
	s.mu.Unlock()
	if still {
		a.State = gate.Expired
		s.settled(ctx, q, a)
	}
}

// settled replaces a question by how it ended.
func (s *Service) settled(ctx context.Context, q shown, a gate.Approval) {
	if q.ref == "" {
		return
	}
	p, ok, err := s.cfg.Store.Peer(ctx, q.peer.plugin, q.peer.person)
	if err != nil || !ok || p.Role != Owner {
		return
	}
	ctx, done := context.WithTimeout(ctx, time.Minute)
	defer done()
	m := channel.Send{Chat: p.Chat, Replace: q.ref, Text: q.text + "\n\n**" + ended(a) + "**"}
	if _, err := s.cfg.Effects.Send(ctx, policy.Entity{Type: "agent", ID: a.Agent}, questionOrigin(p), p.Plugin, p.recipient(), m); err != nil {
		s.log.Warn("the end of a question could not be shown", "channel", p.Plugin, "approval", a.ID, "error", err)
	}
}

func ended(a gate.Approval) string {
	switch a.State {
	case gate.Approved:
		return "Approved."
	case gate.Declined:
		return "Declined."
	}
	return "No longer waiting."
}

// shownTo finds the digest of a question that stands in a peer's chat.
func (s *Service) shownTo(k key, id int64) (digest string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.shown[id] {
		if q.peer == k {
			return q.digest, true
		}
	}
	return "", false
}

// ownerFor is whom a question goes to.
func (s *Service) ownerFor(ctx context.Context, agent, session string) (Peer, bool) {
	if k, ok := s.peerOf(session); ok {
		if p, known, err := s.cfg.Store.Peer(ctx, k.plugin, k.person); err == nil && known && p.Role == Owner {
			return p, true
		}
	}
	return s.home(ctx, agent)
}

// HomeSession is where the owner wrote to an agent last, over any channel; without
// one it is otherwise.
func (s *Service) HomeSession(ctx context.Context, agent, otherwise string) string {
	if home, ok := s.home(ctx, agent); ok {
		return home.Session
	}
	return otherwise
}

// OwnersSession is the session in which the owner reads what concerns another:
// that session itself, unless it is a contact's.
func (s *Service) OwnersSession(ctx context.Context, agent, session string) string {
	k, ok := s.peerOf(session)
	if !ok {
		return session
	}
	p, known, err := s.cfg.Store.Peer(ctx, k.plugin, k.person)
	if err == nil && known && p.Role == Owner {
		return session
	}
	return s.HomeSession(ctx, agent, "main")
}

// home is where the owner wrote to an agent last; before anything was written
// since the start, the account that was paired first.
func (s *Service) home(ctx context.Context, agent string) (home Peer, ok bool) {
	peers, err := s.cfg.Store.Peers(ctx)
	if err != nil {
		return home, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range peers {
		if p.Role != Owner || p.Agent != agent || s.lines[p.Plugin] == nil {
			continue
		}
		last, best := s.heard[p.key()], s.heard[home.key()]
		if !ok || last.After(best) || last.Equal(best) && p.Since.Before(home.Since) {
			home, ok = p, true
		}
	}
	return home, ok
}

// Contact finds the session in which an agent talks with a contact.
func (s *Service) Contact(ctx context.Context, agent, name string) (session string, err error) {
	peers, err := s.cfg.Store.Peers(ctx)
	if err != nil {
		return "", protocol.Errorf(protocol.Unavailable, "who is paired: %v", err)
	}
	var names []string
	for _, p := range peers {
		switch {
		case p.Role != Contact || p.Agent != agent:
		case p.Alias == name:
			return p.Session, nil
		default:
			names = append(names, p.Alias)
		}
	}
	return "", protocol.Errorf(protocol.NotFound, "agent %s talks with nobody called %q; its contacts are: %s", agent, name, strings.Join(names, ", "))
}
