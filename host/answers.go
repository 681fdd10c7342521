package host

import (
	"context"
	"fmt"
	"sync"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/provenance"
)

// answers brings the owner's answers to agents whose turn did not wait for them.
type answers struct {
	lifetime context.Context // from openGate to Close
	end      context.CancelFunc
	work     sync.WaitGroup
	mu       sync.Mutex // one telling at a time
	closing  sync.Mutex
	closed   bool
}

func (a *answers) open() { a.lifetime, a.end = context.WithCancel(context.Background()) }

// begin runs something until it is over or the host closes.
func (a *answers) begin(do func(context.Context)) {
	a.closing.Lock()
	defer a.closing.Unlock()
	if !a.closed {
		a.work.Go(func() { do(a.lifetime) })
	}
}

// Close ends what was begun and waits for it.
func (a *answers) Close() error {
	a.closing.Lock()
	a.closed = true
	a.closing.Unlock()
	a.end()
	a.work.Wait()
	return nil
}

// approvalChanged tells the session that caused it that the owner is asked, or
// that the question ended.
func (h *Host) approvalChanged(ap gate.Approval) {
	if ap.Left && ap.State == gate.Waiting { // it stands where it was shown
		h.lapse(ap)
		return
	}
	session, turn := h.reports(ap)
	if a, ok := h.agents[ap.Agent]; ok && ap.State == gate.Waiting {
		a.Asked(session, turn, fmt.Sprint(ap.ID), ap.Capability+" "+ap.Resource)
	}
	h.channels.Asked(ap, session)
	if ap.Left {
		h.answers.begin(h.tellAnswers)
	}
}

// takeUpQuestions shows the owner again what the last run asked, and tells agents
// what was answered when nobody waited.
func (h *Host) takeUpQuestions() {
	for _, ap := range h.gate.Approvals() {
		h.channels.Asked(ap, ap.Session)
		h.lapse(ap)
	}
	h.answers.begin(h.tellAnswers)
}

// lapse has a question that nobody waits for end in time, wherever it is shown.
func (h *Host) lapse(ap gate.Approval) {
	h.answers.begin(func(ctx context.Context) {
		for h.now().Before(ap.Expires) {
			late, stop := h.cfg.Clock.Wake(ap.Expires)
			select {
			case <-late:
			case <-ctx.Done():
			}
			if stop(); ctx.Err() != nil {
				return
			}
		}
		h.gate.Approvals() // ends what has expired
	})
}

// tellAnswers starts a turn for each answer that is not told. What can't be told
// now is told at the next answer or start.
func (h *Host) tellAnswers(ctx context.Context) {
	h.answers.mu.Lock()
	defer h.answers.mu.Unlock()
	list, err := h.gate.Untold(ctx)
	for _, ap := range list {
		if a, ok := h.agents[ap.Agent]; ok && (ap.State == gate.Declined || h.now().Before(ap.Expires)) {
			_, err = a.Begin(ctx, h.occasionOf(ap))
		}
		if err == nil {
			err = h.gate.Told(ctx, ap.ID)
		}
		if err != nil {
			break
		}
	}
	if err != nil && ctx.Err() == nil {
		h.log.Error("an agent can't be told what the owner answered", "error", err)
	}
}

// occasionOf is what an agent is told of an answer.
func (h *Host) occasionOf(ap gate.Approval) agent.Occasion {
	note := fmt.Sprintf("The owner answered question %d, which an earlier turn of this session asked and could not wait for. It is asked about below.", ap.ID)
	if ap.State == gate.Approved {
		note += fmt.Sprintf(" The answer is yes. It was not done: if it is still wanted, make exactly the same call again before %s. The yes counts for that, once.", ap.Expires.In(h.zone).Format("15:04"))
	} else {
		note += " The answer is no. It was not done, and is not to be done in another way."
	}
	what := fmt.Sprintf("Question %d: %s %s", ap.ID, ap.Capability, ap.Resource)
	if ap.Tool != "" {
		what += ", which " + ap.Tool + " needed"
	}
	if len(ap.Args) > 0 {
		what += ": " + string(ap.Args)
	}
	o := agent.Occasion{
		Kind: agent.KindApproval, Session: ap.Session, SourceID: fmt.Sprint(ap.ID), Note: note,
		Parts: []agent.Part{{Source: provenance.Source{Kind: provenance.Memory, Name: fmt.Sprintf("question %d", ap.ID), Labels: ap.Labels}, Text: what}},
	}
	if ap.Answer == "" {
		return o
	}
	said := provenance.Source{Kind: provenance.Owner}
	if ap.By != "owner" { // a channel that may answer may not therefore speak
		said = provenance.Source{Kind: provenance.Contact, Name: "the answer over " + ap.By, Labels: []string{"untrusted"}}
	}
	o.Parts = append(o.Parts, agent.Part{Source: said, Text: ap.Answer})
	return o
}
