package channel

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

const help = `What I understand beside plain words:
/status  what I am doing, and what waits for you
/new  a fresh conversation
/compact  sum up this one, so that it costs less to go on
/model  which model answers here; /model NAME chooses
/stop  stop everything I do, at once
/approve N  yes to question N
/deny N WHY  no to question N`

// command takes a message apart that is one: "/approve 7".
func command(text string) (name, rest string, ok bool) {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "/") || strings.ContainsRune(text, '\n') {
		return "", "", false
	}
	name, rest, _ = strings.Cut(text[1:], " ")
	name, _, _ = strings.Cut(name, "@") // "/status@my_bot", as some clients write it
	switch name = strings.ToLower(name); name {
	case "start", "help", "status", "new", "approve", "deny":
		return name, strings.TrimSpace(rest), true
	}
	return "", "", false
}

// command does what the owner's message asks of the host, not of the agent.
func (s *Service) command(ctx context.Context, p Peer, name, rest string) error {
	switch name {
	case "status":
		return s.say(ctx, p, s.cfg.Host.Status(ctx, p.Agent))
	case "new":
		return s.fresh(ctx, p)
	case "approve", "deny":
		return s.answer(ctx, p, name == "approve", rest)
	}
	return s.say(ctx, p, help)
}

// fresh begins a new conversation. What the old one is doing is ended.
func (s *Service) fresh(ctx context.Context, p Peer) error {
	if a, ok := s.cfg.Host.Agent(p.Agent); ok {
		a.Interrupt(p.Session)
	}
	p.Session = newSession(p, s.cfg.Now())
	if err := s.cfg.Store.SavePeer(ctx, p); err != nil {
		return err
	}
	s.know(p)
	return s.say(ctx, p, "A fresh conversation. I know nothing of the one before, but what I noted.")
}

// answer is a reply that the owner typed, to a question that stood in this chat.
func (s *Service) answer(ctx context.Context, p Peer, approve bool, rest string) error {
	number, reason, _ := strings.Cut(rest, " ")
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return s.say(ctx, p, "Which one? Write the number of the question, as in: /approve 7")
	}
	digest, ok := s.shownTo(p.key(), id)
	if !ok {
		return s.say(ctx, p, fmt.Sprintf("No question %d waits in this chat.", id))
	}
	return s.reply(ctx, p, channel.Reply{Approval: id, Digest: digest, Approve: approve, Reason: strings.TrimSpace(reason)})
}

// reply passes an answer on, or says why it did not count.
func (s *Service) reply(ctx context.Context, p Peer, r channel.Reply) error {
	err := s.cfg.Effects.Approve(ctx, p.Plugin, p.Agent, r)
	if err == nil {
		s.cfg.Host.OwnerSeen()
		return nil
	}
	if protocol.CodeOf(err) == protocol.Unavailable {
		return err
	}
	return s.say(ctx, p, fmt.Sprintf("Your answer to question %d did not count: %v.", r.Approval, strings.TrimSuffix(err.Error(), ".")))
}
