package channel

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// hear deals with one event. An error means that it can't be done now and waits.
func (s *Service) hear(ctx context.Context, plugin string, ev channel.Event) error {
	if !ev.Chat.Direct {
		s.log.Debug("a message of a group is not read", "channel", plugin)
		return nil
	}
	p, known, err := s.cfg.Store.Peer(ctx, plugin, ev.From.ID)
	if err != nil {
		return err
	}
	if !known || p.Role == Stranger {
		return s.greet(ctx, plugin, ev, p)
	}
	if !p.served() {
		return nil
	}
	if p.Chat != ev.Chat.ID {
		p.Chat = ev.Chat.ID
		if err := s.cfg.Store.SavePeer(ctx, p); err != nil {
			return err
		}
	}
	if p.Role == Owner {
		return s.hearOwner(ctx, p, ev)
	}
	return s.submit(ctx, p, ev, p.Alias+" over "+plugin)
}

// hearOwner deals with what came from the owner's account.
func (s *Service) hearOwner(ctx context.Context, p Peer, ev channel.Event) error {
	if agent.IsStop(ev.Text) { // whatever the channel may: to stop is always safe
		return s.submit(ctx, p, ev, "")
	}
	if ev.Reply != nil {
		return s.reply(ctx, p, *ev.Reply)
	}
	err := s.cfg.Effects.Hear(ctx, p.Plugin, p.Agent, ev.ID)
	switch code := protocol.CodeOf(err); {
	case err == nil:
		s.mu.Lock()
		s.heard[p.key()] = s.cfg.Now()
		s.mu.Unlock()
		s.cfg.Host.OwnerSeen()
		if name, rest, ok := command(ev.Text); ok {
			return s.command(ctx, p, name, rest)
		}
		return s.submit(ctx, p, ev, "")
	case code == protocol.Killed || code == protocol.Unavailable:
		return err
	}
	return s.submit(ctx, p, ev, "an account over "+p.Plugin+" that does not speak for the owner")
}

// submit gives the agent a message; from is who wrote it, if not the owner.
func (s *Service) submit(ctx context.Context, p Peer, ev channel.Event, from string) error {
	a, ok := s.cfg.Host.Agent(p.Agent)
	if !ok {
		return s.say(ctx, p, "The agent you talked with is gone.")
	}
	text := ev.Text
	if len(ev.Files) > 0 {
		text = strings.TrimSpace(text + "\n" + s.keep(ctx, p, ev.Files))
	}
	if strings.TrimSpace(text) == "" {
		return nil
	}
	_, err := a.Submit(ctx, agent.Message{Session: p.Session, Text: text, Images: pictures(ev.Files), Channel: p.Plugin, SourceID: ev.ID, From: from, Mode: s.cfg.Mode(p.Plugin)})
	switch protocol.CodeOf(err) {
	case protocol.Invalid, protocol.Limit:
		return s.say(ctx, p, "That message was not taken: "+err.Error()+".")
	}
	return err
}

// pictures are the files that a model may be able to see.
func pictures(files []channel.File) (list []model.Image) {
	for _, f := range files {
		if picture, err := model.ImageOf(f.Data); err == nil {
			list = append(list, picture)
		}
	}
	return list
}

// keep stores the files of a message and says so in the message.
func (s *Service) keep(ctx context.Context, p Peer, files []channel.File) string {
	paths, err := s.cfg.Effects.Keep(ctx, p.Plugin, p.Agent, files)
	var lines []string
	for _, path := range paths {
		lines = append(lines, "[file received: "+path+"]")
	}
	if err != nil {
		lines = append(lines, "[a file came that was not kept: "+err.Error()+"]")
	}
	return strings.Join(lines, "\n")
}

// Bounds of pairing, so that strangers can't fill the owner's list or have the
// agent write without end.
const (
	codeLife     = time.Hour
	maxStrangers = 3 // with a code that still counts, of one channel
)

// greet gives a stranger a code, once.
func (s *Service) greet(ctx context.Context, plugin string, ev channel.Event, p Peer) error {
	now := s.cfg.Now()
	if p.Role == Stranger && now.Before(p.Expires) {
		return nil
	}
	waiting, err := s.strangers(ctx, plugin, now)
	if err != nil || waiting >= maxStrangers {
		return err
	}
	p = Peer{Plugin: plugin, Person: ev.From.ID, Name: ev.From.Name, Role: Stranger, Chat: ev.Chat.ID, Code: newCode(), Expires: now.Add(codeLife), Since: now}
	if err := s.cfg.Store.SavePeer(ctx, p); err != nil {
		return err
	}
	return s.say(ctx, p, fmt.Sprintf("I don't know you yet. If I am yours, or you were told to write to me: the code is %s, for one hour. My owner lets you in with: ambit channel pair %s", p.Code, p.Code))
}

func (s *Service) strangers(ctx context.Context, plugin string, now time.Time) (n int, err error) {
	peers, err := s.cfg.Store.Peers(ctx)
	for _, p := range peers {
		if p.Plugin == plugin && p.Role == Stranger && now.Before(p.Expires) {
			n++
		}
	}
	return n, err
}

// newCode is eight letters and digits that are easily told apart: 40 bits, for
// an hour.
func newCode() string {
	return rand.Text()[:8] // base32: A-Z and 2-7
}

// say writes to somebody in the host's own name. What can't be sent now is not
// worth holding up what arrives.
func (s *Service) say(ctx context.Context, p Peer, text string) error {
	origin := gate.Origin{Agent: p.Agent, Session: p.Session, Trigger: "channel"}
	_, err := s.cfg.Effects.Send(ctx, policy.Entity{Type: "plugin", ID: p.Plugin}, origin, p.Plugin, p.recipient(), channel.Send{Chat: p.Chat, Text: text})
	if err != nil {
		s.log.Warn("a message of the host was not sent", "channel", p.Plugin, "error", err)
	}
	return nil
}

// recipient is who gets a message, in the words of message.send.
func (p Peer) recipient() string {
	switch p.Role {
	case Owner:
		return "owner"
	case Contact:
		return p.Alias
	}
	return "stranger"
}

var sessionPart = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,60}$`)

// newSession names a conversation with a peer, one that there was not before.
func newSession(p Peer, now time.Time) string {
	person := p.Person
	if !sessionPart.MatchString(person) {
		sum := sha256.Sum256([]byte(person))
		person = hex.EncodeToString(sum[:12])
	}
	return fmt.Sprintf("%s:%s:%d", p.Plugin, person, now.Unix())
}
