package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ambithost/ambit/host/control"
)

// told is what a turn did.
type told struct {
	status  map[string]string // last status by tool
	results []string          // "tool status detail", in order
	text    string            // the whole answer
	asked   []*control.Approval
}

// seen reports whether a use of the tool ended with these words in its line.
func (t *told) seen(tool, words string) bool {
	return slices.ContainsFunc(t.results, func(r string) bool { return strings.HasPrefix(r, tool+" ") && strings.Contains(r, words) })
}

// say gives the agent a message and tells what comes of it.
func (s *story) say(ctx context.Context, text string) (*told, error) {
	return s.sayIn(ctx, "", text)
}

// sayIn does so in a session of that name.
func (s *story) sayIn(ctx context.Context, session, text string) (*told, error) {
	s.line("owner", "“%s”", text)
	t := &told{status: map[string]string{}}
	var failed error
	var said strings.Builder
	flush := func() {
		if text := strings.TrimSpace(said.String()); text != "" {
			s.line("agent", "“%s”", text)
		}
		said.Reset()
	}
	err := s.client.Chat(ctx, control.ChatRequest{Session: session, Text: text}, func(e control.ChatEvent) error {
		switch e.Type {
		case control.ChatText:
			said.WriteString(e.Text)
		case control.ChatTool:
			flush()
			s.line("agent", "%s %s", e.Tool, short(string(e.Args)))
		case control.ChatResult:
			t.status[e.Tool] = e.Status
			t.results = append(t.results, e.Tool+" "+e.Status+" "+e.Detail)
			s.result(e)
		case control.ChatApproval:
			if e.Approval.State == control.Pending {
				t.asked = append(t.asked, e.Approval)
				return s.decide(ctx, e.Approval)
			}
		case control.ChatDone:
			t.text = e.Text
			flush()
		case control.ChatError:
			failed = fmt.Errorf("%w: the turn failed: %w", errStory, e.Error)
		}
		return nil
	})
	if err == nil {
		err = failed
	}
	return t, err
}

// result tells how a use of a tool ended. A tool whose own effect was refused
// says so itself, with the code in front.
func (s *story) result(e control.ChatEvent) {
	if e.Status == "done" {
		s.line("", "%s %s", s.paint("good", "done:"), s.paint("dim", short(e.Detail)))
		return
	}
	code, why, found := strings.Cut(e.Detail, ": ")
	if !found || strings.Contains(code, " ") {
		code, why = e.Status, e.Detail
	}
	s.line("gate", "%s %s", s.paint("bad", code+":"), short(why))
}

// asks tells what the owner is asked.
func (s *story) asks(a *control.Approval) {
	why := ""
	if len(a.Reasons) > 0 {
		why = a.Reasons[0].Message
	}
	s.line("policy", "%s the owner: %s %s (%s)", s.paint("bold", "asks"), a.Capability, short(string(a.Args)), why)
}

func (s *story) decide(ctx context.Context, a *control.Approval) error {
	s.asks(a)
	approve, note := s.answer(a)
	in := control.AnswerRequest{Approve: approve, Digest: a.Digest, Note: note}
	if approve {
		in.Lasting = s.lasting
	}
	if _, err := s.client.AnswerApproval(ctx, a.ID, in); err != nil {
		return err
	}
	how := "declines"
	if approve {
		how = "agrees"
		if s.lasting == control.AsGrant {
			how = "agrees for good"
		}
	}
	s.line("owner", "%s: “%s”", how, note)
	return nil
}

// short keeps a line a line.
func short(text string) string {
	const limit = 160
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return text
}
