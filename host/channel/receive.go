package channel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

// receive polls one channel until ctx ends.
func (s *Service) receive(ctx context.Context, plugin string, l *line) {
	defer s.cfg.Host.Notice(plugin, "") // what is not served has no trouble
	var in channel.Poll
	for failures := 0; ctx.Err() == nil; {
		wake := s.waking()
		next, err := s.poll(ctx, plugin, l, in)
		if err != nil {
			s.cfg.Host.Notice(plugin, err.Error())
			failures++
			s.pause(ctx, s.backoff(failures), wake)
			continue
		}
		s.cfg.Host.Notice(plugin, next.Trouble)
		in = s.await(ctx, plugin, next)
		if in.Error == nil {
			failures = 0
			continue
		}
		failures++
		s.cfg.Host.Notice(plugin, in.Error.Message)
		s.pause(ctx, s.backoff(failures), wake)
	}
}

// poll asks the plugin once and puts what it says on disk.
func (s *Service) poll(ctx context.Context, plugin string, l *line, in channel.Poll) (channel.Wait, error) {
	cursor, err := s.cfg.Store.Cursor(ctx, plugin)
	if err != nil {
		return channel.Wait{}, err
	}
	in.Cursor = cursor
	out, err := s.cfg.Effects.Poll(ctx, plugin, in)
	if err != nil {
		return channel.Wait{}, err
	}
	if len(out.Events) > 0 || !bytes.Equal(out.Cursor, cursor) {
		if err := s.cfg.Store.Arrive(ctx, plugin, out.Cursor, out.Events); err != nil {
			return channel.Wait{}, err
		}
	}
	select {
	case l.arrived <- struct{}{}:
	default:
	}
	return out.Next, nil
}

// await does what the channel waits for. While nothing arrives it is not woken.
func (s *Service) await(ctx context.Context, plugin string, next channel.Wait) (in channel.Poll) {
	wait := time.Duration(next.After) * time.Millisecond
	if len(next.Request) == 0 {
		wait = max(wait, time.Second)
	}
	for ctx.Err() == nil {
		if wait > 0 {
			s.pause(ctx, wait, s.waking())
		}
		if len(next.Request) == 0 {
			return channel.Poll{}
		}
		began := s.cfg.Now()
		answer, err := s.cfg.Effects.Fetch(ctx, plugin, next.Request)
		if err != nil {
			return channel.Poll{Error: protocol.AsError(err)}
		}
		if !idle(next, answer) {
			return channel.Poll{Answer: answer}
		}
		// A service that does not wait itself is not asked without end.
		if wait = time.Duration(next.After) * time.Millisecond; s.cfg.Now().Sub(began) < time.Second {
			wait = max(wait, time.Second)
		}
	}
	return channel.Poll{}
}

// idle tells an answer that says that nothing arrived.
func idle(next channel.Wait, answer json.RawMessage) bool {
	var a struct {
		Status int    `json:"status"`
		Body   string `json:"body"`
	}
	return next.Idle != "" && json.Unmarshal(answer, &a) == nil && a.Status == 200 && a.Body == next.Idle
}

// handle gives an agent what arrived, in order, until ctx ends.
func (s *Service) handle(ctx context.Context, plugin string, l *line) {
	for failures := 0; ctx.Err() == nil; {
		wake := s.waking()
		err := s.handleAll(ctx, plugin)
		if err != nil {
			failures++
			s.log.Warn("what arrived waits", "channel", plugin, "error", err)
			s.pauseOr(ctx, s.backoff(failures), wake, l.arrived) // a "stop" may have come
			continue
		}
		failures = 0
		select {
		case <-l.arrived:
		case <-ctx.Done():
			return
		}
	}
}

const arrivalsAtOnce = 100

// handleAll keeps the order of what each person wrote: of somebody whose message
// has to wait only "stop" goes ahead. Others are not held up.
func (s *Service) handleAll(ctx context.Context, plugin string) error {
	for ctx.Err() == nil {
		list, err := s.cfg.Store.Arrivals(ctx, plugin, arrivalsAtOnce)
		if err != nil || len(list) == 0 {
			return err
		}
		waits := map[string]error{} // by person
		for _, a := range list {
			person := a.Event.From.ID
			if waits[person] != nil && !agent.IsStop(a.Event.Text) {
				continue
			}
			if err := s.hear(ctx, plugin, a.Event); err != nil {
				waits[person] = err
				continue
			}
			if err := s.cfg.Store.Done(ctx, a.N); err != nil {
				return err
			}
		}
		if len(waits) > 0 {
			return errors.Join(slices.Collect(maps.Values(waits))...)
		}
	}
	return ctx.Err()
}
