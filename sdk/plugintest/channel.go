package plugintest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

// maxPolls is how many polls a channel may take before it brings something.
const maxPolls = 8

// nobody is a chat that no service has.
const nobody = "no such chat"

// poll asks once, with the plugin's effects answered by the given world.
func (s *suite) poll(in channel.Poll, effect Effect) (p channel.Polled, err error) {
	b, err := json.Marshal(in)
	if err != nil {
		return p, err
	}
	out, err := s.bounded(s.ctx, goodCall{protocol.ExportPoll, "poll", b}, effect)
	if err != nil {
		return p, err
	}
	if len(out) > protocol.MaxOutput {
		return p, fmt.Errorf("output of %d bytes, the limit is %d", len(out), protocol.MaxOutput)
	}
	if err := decodeStrict(out, &p); err != nil {
		return p, fmt.Errorf("output of poll: %w: %.200s", err, out)
	}
	return p, checkPolled(p)
}

// checkPolled holds what a poll gave to the bounds that hosts check.
func checkPolled(p channel.Polled) error {
	var g gather
	if len(p.Cursor) > channel.MaxCursor || len(p.Events) > channel.MaxEvents {
		g.add("a cursor of %d bytes and %d events; the limits are %d and %d", len(p.Cursor), len(p.Events), channel.MaxCursor, channel.MaxEvents)
	}
	if p.Next.After < 0 || len(p.Next.Trouble) > channel.MaxText || len(p.Next.Idle) > channel.MaxText {
		g.add("what it waits for is out of bounds: %.300v", p.Next)
	}
	if p.Next.Idle != "" && len(p.Next.Request) == 0 {
		g.add("it knows an idle answer and asks for none")
	}
	var ids []string
	for _, e := range p.Events {
		for _, id := range []string{e.ID, e.Chat.ID, e.From.ID} {
			if id == "" || len(id) > channel.MaxID || !utf8.ValidString(id) {
				g.add("event %.80q of chat %.80q from %.80q: an id is missing or too long", e.ID, e.Chat.ID, e.From.ID)
			}
		}
		if slices.Contains(ids, e.ID) {
			g.add("two events have the id %q", e.ID)
		}
		ids = append(ids, e.ID)
		if len(e.Text) > channel.MaxText || len(e.From.Name) > channel.MaxID || len(e.Files) > channel.MaxFiles {
			g.add("event %q is too long", e.ID)
		}
		for _, f := range e.Files {
			if len(f.Data) > channel.MaxFile || f.Type == "" || strings.ContainsAny(f.Name, "/\\") {
				g.add("event %q: file %.80q of type %q with %d bytes", e.ID, f.Name, f.Type, len(f.Data))
			}
		}
		if e.Text == "" && len(e.Files) == 0 && e.Reply == nil {
			g.add("event %q says nothing", e.ID)
		}
	}
	return g.err()
}

// until polls as a host does until something arrives; it returns the poll that
// brought it, and what came of it.
func (s *suite) until(effect Effect) (in channel.Poll, p channel.Polled, err error) {
	for range maxPolls {
		if p, err = s.poll(in, effect); err != nil || len(p.Events) > 0 {
			return in, p, err
		}
		if in = (channel.Poll{Cursor: p.Cursor}); len(p.Next.Request) == 0 {
			continue
		}
		if err := within(s.cfg.Manifest, "http.request", p.Next.Request); err != nil {
			return in, p, fmt.Errorf("what it waits for: %w", err)
		}
		if in.Answer, err = effect(s.ctx, "http.request", p.Next.Request); err != nil {
			in.Answer, in.Error = nil, protocol.AsError(err)
		}
	}
	return in, p, fmt.Errorf("nothing arrived in %d polls, trouble %q (what it needs of the world goes into Config.Effect)", maxPolls, p.Next.Trouble)
}

func checkArrives(s *suite) error {
	if s.cfg.Hook != "" {
		_, err := s.hook(s.cfg.Hook)
		return err
	}
	_, p, err := s.until(s.world)
	if err != nil {
		return err
	}
	if len(p.Cursor) == 0 {
		return fmt.Errorf("%d events and no cursor: a host could not go on after them", len(p.Events))
	}
	return nil
}

// checkCursor polls twice with the same: a host that was cut off before it
// stored what arrived does so. And it goes on from a cursor alone.
func checkCursor(s *suite) error {
	if s.cfg.Hook != "" {
		return checkHookTwice(s)
	}
	in, first, err := s.until(s.world)
	if err != nil {
		return err
	}
	again, err := s.poll(in, s.world)
	if err != nil {
		return fmt.Errorf("the same poll a second time: %w", err)
	}
	if ids(first) != ids(again) {
		return fmt.Errorf("the same poll gave the events %s, then %s", ids(first), ids(again))
	}
	if _, err := s.poll(channel.Poll{Cursor: first.Cursor}, s.world); err != nil {
		return fmt.Errorf("a poll with a cursor and no answer, as after a start: %w", err)
	}
	for _, odd := range []string{`"x"`, `[]`, `7`, `{"x":[1]}`, `null`} {
		if _, err := s.poll(channel.Poll{Cursor: json.RawMessage(odd)}, s.world); channelTrapped(err) {
			return fmt.Errorf("a poll with the cursor %s: %w", odd, err)
		}
	}
	return s.usable("polls with odd cursors")
}

func ids(p channel.Polled) string {
	var list []string
	for _, e := range p.Events {
		list = append(list, e.ID)
	}
	return fmt.Sprintf("%q", list)
}

func checkTrouble(s *suite) error {
	if s.cfg.Hook != "" { // it waits for nothing
		p, err := s.poll(channel.Poll{}, s.world)
		if err == nil && len(p.Next.Request) == 0 && p.Next.After < 60_000 {
			err = fmt.Errorf("a channel that asks for nothing wants to be woken every %d ms", p.Next.After)
		}
		return err
	}
	in, first, err := s.until(s.world)
	if err != nil {
		return err
	}
	refusal := protocol.Errorf(protocol.Denied, "http.request: %s", reason)
	p := channel.Polled{Cursor: first.Cursor}
	for range 3 { // one failure may pass by itself
		if p, err = s.poll(channel.Poll{Cursor: p.Cursor, Error: refusal}, s.world); err != nil {
			break
		}
	}
	if told := p.Next.Trouble + fmt.Sprint(err); !strings.Contains(told, reason) {
		return fmt.Errorf("what it waited for was denied and it does not say so: %q", told)
	}
	if err == nil && p.Next.After == 0 && len(p.Next.Request) > 0 {
		return fmt.Errorf("what was denied is asked for again without a wait")
	}
	var tries atomic.Int64
	if _, err := s.poll(in, refuse(&tries)); channelTrapped(err) || tries.Load() > maxTries {
		return fmt.Errorf("poll tried a denied effect %d times: %s", tries.Load(), fmt.Sprint(err))
	}
	return s.usable("denied requests")
}

func checkSend(s *suite) error {
	send := func(m channel.Send, effect Effect) error {
		in, err := json.Marshal(m)
		if err != nil {
			return err
		}
		out, err := s.bounded(s.ctx, goodCall{protocol.ExportSend, "send", in}, effect)
		var sent channel.Sent
		if err == nil && (decodeStrict(out, &sent) != nil || len(sent.Ref) > channel.MaxID) {
			return fmt.Errorf("output of send: %.200s", out)
		}
		return err
	}
	question := &channel.Question{Approval: 7, Digest: strings.Repeat("0123456789abcdef", 4)}
	for name, m := range map[string]channel.Send{
		"a text": {Text: "Hello."}, "Markdown that does not end": {Text: "**open `code [x]( ```\n\xff"}, "long text": {Text: strings.Repeat("A sentence. ", 1000)},
		"a question": {Text: "May I?", Question: question}, "that it works": {Working: true},
	} {
		m.Chat = s.cfg.Chat
		if err := send(m, s.world); err != nil {
			return fmt.Errorf("%s to Config.Chat %q: %w", name, s.cfg.Chat, err)
		}
	}
	switch err := send(channel.Send{Chat: nobody, Text: "x"}, s.world); {
	case err == nil:
		return fmt.Errorf("a message to chat %q was taken", nobody)
	case channelTrapped(err) || protocol.CodeOf(err) == protocol.Unavailable || protocol.CodeOf(err) == protocol.Limit:
		return fmt.Errorf("a message to chat %q: the code %s says that it can be tried again: %w", nobody, protocol.CodeOf(err), err)
	}
	var tries atomic.Int64
	err := send(channel.Send{Chat: s.cfg.Chat, Text: "x"}, refuse(&tries))
	if protocol.CodeOf(err) != protocol.Denied || err == nil || tries.Load() > maxTries {
		return fmt.Errorf("after %d denied effects the code is %s instead of denied: %s", tries.Load(), protocol.CodeOf(err), fmt.Sprint(err))
	}
	return s.usable("messages that were not sent")
}

func checkChannelNonsense(s *suite) error {
	if s.cfg.Hook != "" {
		return checkHookNonsense(s)
	}
	var g gather
	in, _, err := s.until(s.world)
	g.check(err)
	for _, nonsense := range []string{`null`, `{}`, `[]`, `"x"`, `{"status":"x"}`, `{"status":200}`, `{"status":200,"body":"x"}`, `{"status":200,"body":"{}"}`,
		`{"status":200,"body":"[]"}`, `{"status":200,"body":"null"}`, `{"status":200,"handle":1}`, `{"status":204}`, `{"status":999,"body":"\u0000"}`, `{"status":200,"body_base64":"?"}`} {
		answer := func(context.Context, string, []byte) ([]byte, error) { return []byte(nonsense), nil }
		p, err := s.poll(channel.Poll{Cursor: in.Cursor, Answer: json.RawMessage(nonsense)}, s.world)
		if channelTrapped(err) {
			g.add("poll with the answer %s: %w", nonsense, err)
		}
		if err == nil && len(p.Next.Request) > 0 && p.Next.After == 0 && len(p.Events) == 0 && string(p.Cursor) == string(in.Cursor) {
			g.add("poll with the answer %s asks the same again at once", nonsense)
		}
		if _, err := s.poll(in, answer); channelTrapped(err) {
			g.add("poll whose effects are answered by %s: %w", nonsense, err)
		}
		g.check(s.usable(fmt.Sprintf("the answer %s", nonsense)))
	}
	return g.err()
}

// channelTrapped tells a defect from what a channel means to report: that a
// service can't be reached, or may have taken a message, is no defect.
func channelTrapped(err error) bool {
	if err == nil {
		return false
	}
	code := protocol.CodeOf(err)
	return code == protocol.Internal || code == protocol.Killed
}
