package channel

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/ambithost/ambit/host/webhook/sign"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Hook takes a webhook for a channel. It is verified before the plugin sees a
// byte of it; when Hook returns nil, what it brought is on disk. What comes again
// does nothing and is no error. An error of package sign says that nobody who
// holds a key sent it just now.
func (s *Service) Hook(ctx context.Context, plugin string, header http.Header, body []byte) error {
	l := s.servedBy(plugin)
	if l == nil {
		return protocol.Errorf(protocol.NotFound, "no channel %.80q is served", plugin)
	}
	keys, err := s.cfg.Effects.HookKeys(ctx, plugin)
	if err != nil {
		if protocol.CodeOf(err) != protocol.NotFound {
			s.cfg.Host.Notice(plugin, "webhooks can't be verified: "+err.Error())
		}
		return err
	}
	var m sign.Message
	secret := ""
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		found, failed := sign.Verify(header, body, keys[name], s.cfg.Now())
		if failed == nil {
			m, secret = found, name
		} else if err == nil {
			err = failed
		}
	}
	if secret == "" {
		return err
	}
	return s.arrive(ctx, plugin, l, secret, channel.Hook{ID: m.ID, At: m.At, Body: body})
}

func (s *Service) arrive(ctx context.Context, plugin string, l *line, secret string, in channel.Hook) error {
	mark := channel.HookID(in.ID)
	known, err := s.cfg.Store.Arrived(ctx, plugin, mark)
	if err != nil || known {
		return unstored(err)
	}
	events, err := s.cfg.Effects.Hook(ctx, plugin, secret, in)
	if err != nil {
		return err
	}
	if err := s.cfg.Store.ArriveHook(ctx, plugin, mark, events); err != nil {
		return unstored(err)
	}
	s.cfg.Host.Notice(plugin, "") // it works
	select {
	case l.arrived <- struct{}{}:
	default:
	}
	return nil
}

// unstored has the sender try again.
func unstored(err error) error {
	if err == nil {
		return nil
	}
	return protocol.Errorf(protocol.Unavailable, "what arrived could not be stored: %v", err)
}

func (s *Service) servedBy(plugin string) *line {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines[plugin]
}
