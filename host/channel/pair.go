package channel

import (
	"context"
	"regexp"
	"strings"

	"github.com/ambithost/ambit/sdk/protocol"
)

// Pairing is the owner's word on who somebody is.
type Pairing struct {
	Code  string
	Role  Role   // Owner or Contact
	Alias string // for a contact: what the owner calls them
	Agent string // whom they talk with
}

// contactName is what the owner may call a contact: it stands in policies.
var contactName = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,39}$`)

// Pair lets in whoever was given the code.
func (s *Service) Pair(ctx context.Context, in Pairing) (Peer, error) {
	switch {
	case in.Role != Owner && in.Role != Contact:
		return Peer{}, protocol.Errorf(protocol.Invalid, "pairing: as what? want owner or contact")
	case in.Role == Contact && (!contactName.MatchString(in.Alias) || in.Alias == "owner" || in.Alias == "stranger"):
		return Peer{}, protocol.Errorf(protocol.Invalid, "pairing: a contact needs a name: a lower-case letter, then up to 39 lower-case letters, digits, dots, dashes or underscores")
	case in.Role == Owner && in.Alias != "":
		return Peer{}, protocol.Errorf(protocol.Invalid, "pairing: the owner has no other name")
	}
	if _, ok := s.cfg.Host.Agent(in.Agent); !ok {
		return Peer{}, protocol.Errorf(protocol.NotFound, "pairing: there is no agent %q", in.Agent)
	}
	peers, err := s.cfg.Store.Peers(ctx)
	if err != nil {
		return Peer{}, err
	}
	code, now := strings.ToUpper(strings.TrimSpace(in.Code)), s.cfg.Now()
	var found *Peer
	for i, p := range peers {
		if p.Alias != "" && p.Alias == in.Alias {
			return Peer{}, protocol.Errorf(protocol.Invalid, "pairing: %s is somebody already (%s over %s)", p.Alias, p.Name, p.Plugin)
		}
		if p.Role == Stranger && p.Code == code && code != "" && now.Before(p.Expires) {
			found = &peers[i]
		}
	}
	if found == nil {
		return Peer{}, protocol.Errorf(protocol.NotFound, "pairing: nobody waits with this code; codes count for an hour (ambit channel list)")
	}
	p := *found
	p.Role, p.Alias, p.Agent, p.Code, p.Since = in.Role, in.Alias, in.Agent, "", now
	p.Session = newSession(p, now)
	if err := s.cfg.Store.SavePeer(ctx, p); err != nil {
		return Peer{}, err
	}
	s.know(p)
	greeting := "You are let in. Write to me."
	if p.Role == Owner {
		greeting = "I am yours. " + help
	}
	return p, s.say(ctx, p, greeting)
}

// Forget ends what the agent has to do with somebody; who writes again gets a
// code again. who is a contact's name, or PLUGIN/PERSON.
func (s *Service) Forget(ctx context.Context, who string) (Peer, error) {
	peers, err := s.cfg.Store.Peers(ctx)
	if err != nil {
		return Peer{}, err
	}
	for _, p := range peers {
		if p.Alias == who && who != "" || p.Plugin+"/"+p.Person == who {
			if err := s.cfg.Store.RemovePeer(ctx, p.Plugin, p.Person); err != nil {
				return Peer{}, err
			}
			gone := p
			gone.Role = Stranger
			s.know(gone)
			if a, ok := s.cfg.Host.Agent(p.Agent); ok && p.Session != "" {
				a.Interrupt(p.Session)
			}
			return p, nil
		}
	}
	return Peer{}, protocol.Errorf(protocol.NotFound, "nobody is called %q (ambit channel list)", who)
}

// People lists everybody who has written, as the store has them.
func (s *Service) People(ctx context.Context) ([]Peer, error) {
	return s.cfg.Store.Peers(ctx)
}
