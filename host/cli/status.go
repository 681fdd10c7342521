package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
)

func (a *app) statusCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "status",
		Short: "One look at the host: agents, plugins, what waits for you",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.client.Status(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(s)
			}
			a.printStatus(s)
			return nil
		},
	})
}

func (a *app) printStatus(s *control.Status) {
	head := a.paint(green, "Ambit is running")
	if len(s.Halted) > 0 {
		head = a.paint(red, "Ambit is running, with a stop in force")
	}
	facts := []string{head, span(a.now().Sub(s.Started)), "policy " + policyText(&s.Policy), auditText(a, &s.Audit)}
	fmt.Fprintln(a.out, strings.Join(facts, " · "))
	for _, h := range s.Halted {
		fmt.Fprintf(a.out, "%s %s\n", a.paint(red, "Stopped"), a.haltText(h))
	}
	if len(s.Agents) > 0 {
		t := table{}
		t.head("Agent", "model", "last turn", "today")
		for _, g := range s.Agents {
			t.add(g.Name, orDash(strings.Join(append([]string{g.Model}, g.Fallback...), ", else ")), a.lastTurn(g), today(g))
		}
		t.print(a.out, a.color)
	}
	t := table{}
	plugins := fmt.Sprintf("%d installed, %d running", s.Plugins.Installed, s.Plugins.Running)
	if s.Plugins.Disabled > 0 {
		plugins += fmt.Sprintf(", %d disabled", s.Plugins.Disabled)
	}
	if n := len(s.Plugins.Held); n > 0 {
		plugins += fmt.Sprintf(" · %d held", n)
	}
	t.add("Plugins", plugins)
	for _, h := range s.Plugins.Held {
		t.addStyled(col{text: "Held " + h.Name}, col{text: heldText(h.Name, &h.Held), style: yellow})
	}
	t.add("Waiting for you", waitingText(s.Waiting))
	t.add("Asked you", askingText(s.Asking))
	for _, g := range s.Agents {
		if g.Heartbeat != nil {
			t.add("Heartbeat "+g.Name, a.beatText(g))
		}
		if len(g.Budgets) > 0 {
			t.add("Budget "+g.Name, budgetText(g.Budgets))
		}
		if g.Memory != nil {
			t.add("Memory "+g.Name, a.memoryText(g.Memory))
		}
	}
	t.add("Confinement", confinementText(s.Confinement.Level, namesOnly(s.Confinement.Measures)))
	t.print(a.out, a.color)
	for _, missing := range s.Confinement.Missing {
		fmt.Fprintf(a.out, "  %s %s\n", a.paint(yellow, "missing here:"), line(missing))
	}
	for _, n := range s.Notices {
		fmt.Fprintf(a.out, "%s %s\n", a.paint(yellow, "Note:"), line(n.Message))
		if n.Hint != "" {
			fmt.Fprintf(a.out, "      %s\n", line(n.Hint))
		}
	}
}

func today(g control.AgentStatus) string {
	text := count(int64(g.TurnsToday), "turn", "turns")
	if spent := spentText(g.Today); spent != "" {
		text += ", " + spent
	}
	return text
}

// spentText tells what was spent on models; "" for nothing. Where a part has no
// price it says so: half a bill is no bill.
func spentText(s control.Spent) string {
	if s.Tokens == 0 {
		return ""
	}
	text := count(s.Tokens, "token", "tokens")
	if s.CostMicros > 0 {
		text += fmt.Sprintf(", %.4f %s", float64(s.CostMicros)/1e6, strings.ToUpper(line(s.Currency)))
		if s.Unpriced > 0 {
			text += fmt.Sprintf(" (%d tokens without a price)", s.Unpriced)
		}
	}
	return text
}

// askingText tells how often the owner is asked: a policy that nags is a defect.
func askingText(s control.Asking) string {
	all := s.Allowed + s.Asked + s.Denied
	if all == 0 {
		return "nothing was decided in the last week"
	}
	share := func(n int64) string {
		percent := fmt.Sprintf("%.0f", 100*float64(n)/float64(all))
		if n > 0 && percent == "0" {
			percent = "under 1"
		}
		return percent + "%"
	}
	return fmt.Sprintf("%.1f times a day over the last %s (%s allowed, %s asked, %s denied)",
		float64(s.Asked)/float64(max(1, s.Days)), count(int64(s.Days), "day", "days"), share(s.Allowed), share(s.Asked), share(s.Denied))
}

// budgetText tells what is used of an agent's budgets.
func budgetText(list []control.Allowance) string {
	var parts []string
	for _, b := range list {
		text := fmt.Sprintf("%s of %s %s", b.Unit.Format(b.Used), b.Unit.Format(b.Limit), b.Window.Words())
		if b.Of == "heartbeat" {
			text += " (heartbeat)"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func (a *app) lastTurn(g control.AgentStatus) string {
	switch {
	case g.Busy:
		return "at work now"
	case g.LastTurn.IsZero():
		return "none yet"
	case g.LastTrigger != "":
		return a.ago(g.LastTurn) + ", " + g.LastTrigger
	}
	return a.ago(g.LastTurn)
}

func policyText(p *control.PolicyStatus) string {
	var names []string
	for _, l := range p.Layers {
		names = append(names, l.Name)
	}
	text := short(p.Revision, 12)
	if len(names) > 0 {
		text += " (" + line(strings.Join(names, " + ")) + ")"
	}
	if p.Error != "" {
		text += ", your latest files are not in force (ambit policy)"
	}
	return text
}

func auditText(a *app, s *control.AuditStatus) string {
	if s.Error != "" {
		return a.paint(red, "audit FAILED, no effects: "+line(s.Error))
	}
	verified := "not verified yet"
	if !s.Verified.IsZero() {
		verified = "verified " + a.ago(s.Verified)
	}
	return "audit " + count(s.Entries, "entry", "entries") + ", " + verified
}

// targetText names a target of the switch for people.
func targetText(target string) string {
	if target == "all" {
		return "everything"
	}
	kind, name, _ := strings.Cut(target, ":")
	return line(kind + " " + name)
}

func (a *app) haltText(h control.Halt) string {
	text := targetText(h.Target) + ", " + a.ago(h.Since)
	if h.By != "" {
		text += ", by " + line(h.By)
	}
	if h.Reason != "" {
		text += ": " + line(h.Reason)
	}
	resume := "ambit resume"
	if h.Target != "all" {
		resume += " " + line(h.Target)
	}
	return text + ". To go on: " + resume
}

func waitingText(list []control.Approval) string {
	if len(list) == 0 {
		return "nothing"
	}
	text := count(int64(len(list)), "approval", "approvals") + ": "
	text += short(list[0].Capability+" "+list[0].Resource, 60)
	if len(list) > 1 {
		text += fmt.Sprintf(" and %d more", len(list)-1)
	}
	return text + " (ambit approvals)"
}

// namesOnly leaves out the details in brackets; `ambit plugin show` has them.
func namesOnly(measures []string) []string {
	var names []string
	for _, m := range measures {
		name, _, _ := strings.Cut(m, " (")
		names = append(names, name)
	}
	return names
}

func confinementText(level string, measures []string) string {
	word := map[string]string{"confined": "full", "partial": "partial", "process": "processes only"}[level]
	if word == "" {
		word = line(level)
	}
	if len(measures) > 0 {
		word += " (" + line(strings.Join(measures, ", ")) + ")"
	}
	return word
}
