package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/sdk/capability"
)

// sentence tells a grant in one sentence, without its full stop.
func (a *app) sentence(g control.Grant) string {
	parts := append([]string{line(g.Plugin) + " may " + deed(g.Capability) + a.reach(g)}, a.bounds(g)...)
	if !g.Expires.IsZero() {
		parts = append(parts, "until "+a.day(g.Expires))
	}
	return strings.Join(parts, ", ")
}

// deeds are what a capability lets someone do, where the vocabulary's own
// sentence is a longer one.
var deeds = map[string]string{
	"http.request": "send HTTP requests", "net.dial": "open connections", "secret.use": "have secrets put into requests", "secret.store": "have keys that servers hand out kept as secrets",
	"kv.read": "read its own store", "kv.write": "write its own store",
	"file.read": "read files", "file.write": "write files", "message.send": "send messages", "agent.run": "set sub-agents to work", "skill.read": "read your skills", "schedule.create": "wake the agent later", "schedule.cancel": "cancel what it planned", "schedule.read": "read what it planned",
	"memory.read": "read what the agent remembers", "memory.write": "change what the agent remembers",
	"model.complete": "answer as a language model", "tool.call": "be called as a tool", "host.kill": "pull the kill switch", "host.revoke": "take grants back",
	"webhook.receive": "read webhooks that are signed by secrets",
	"owner.speak":     "speak for you", "owner.approve": "answer approvals for you",
	"card.charge": "charge cards", "card.read": "read cards", "payment.send": "send money", "call.place": "place calls",
}

func deed(name string) string {
	if s, ok := deeds[name]; ok {
		return s + " (" + name + ")"
	}
	return line(capability.Phrase(name))
}

// prepositions say what a scope key does to the sentence; %s is the entries.
var prepositions = map[string]string{
	"hosts": "to %s", "methods": "with %s", "schemes": "over %s", "paths": "at %s", "addresses": "also at %s",
	"keys": "under %s", "names": "called %s", "from": "from %s", "to": "to %s", "payees": "to %s", "merchants": "at %s", "numbers": "to numbers that begin with %s",
	"currencies": "in %s", "tools": "for %s", "targets": "of %s", "places": "in %s", "models": "as %s", "urls": "below %s",
}

// reach tells the scope; nothing of it is left out.
func (a *app) reach(g control.Grant) string {
	c, ok := capability.Lookup(g.Capability)
	if !ok {
		return " (" + line(scopeText(g.Capability, g.Scope)) + ")"
	}
	var s strings.Builder
	for _, k := range c.Scope {
		entries, listed := g.Scope.Allow[k.Name]
		limit, bounded := g.Scope.Max[k.Name]
		switch {
		case bounded && k.Attribute == "amount":
			s.WriteString(" up to " + amountIn(limit, g.Scope.Allow["currencies"]) + " each")
		case bounded:
			fmt.Fprintf(&s, " with %s of at most %s", k.Attribute, thousands(limit))
		case k.Name == "currencies" && len(entries) == 1 && has(g.Scope.Max, "max_amount"): // said with the amount
		case listed && slices.Contains(entries, capability.Any):
			s.WriteString(" " + fmt.Sprintf(preposition(k.Name), "any"))
		case listed:
			s.WriteString(" " + fmt.Sprintf(preposition(k.Name), list(entries)))
		}
	}
	return s.String()
}

func has(m map[string]int64, key string) bool {
	_, ok := m[key]
	return ok
}

func preposition(key string) string {
	if p, ok := prepositions[key]; ok {
		return p
	}
	return "with " + key + " %s"
}

func list(entries []string) string {
	if len(entries) == 0 {
		return "nothing"
	}
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = line(e)
	}
	if n := len(out); n > 1 {
		return strings.Join(out[:n-1], ", ") + " or " + out[n-1]
	}
	return out[0]
}

// amountIn writes minor units, as money when the scope names one currency.
func amountIn(n int64, currencies []string) string {
	if len(currencies) == 1 {
		if u := budget.Unit(strings.ToLower(currencies[0])); u.Money() {
			return u.Format(n)
		}
	}
	return thousands(n) + " minor units"
}

// bounds tells the limits, and what the owner is asked about.
func (a *app) bounds(g control.Grant) []string {
	var parts []string
	l := g.Limits
	if l == nil {
		l = &budget.Limits{}
	}
	for _, b := range l.Budgets {
		each := ""
		if slices.Contains(b.By, budget.ByRecipient) {
			each = " for each recipient"
		}
		parts = append(parts, "up to "+b.Unit.Format(b.Limit)+" "+b.Window.Words()+each)
	}
	switch c, _ := capability.Lookup(g.Capability); {
	case g.Consent:
		parts = append(parts, "without asking again")
	case l.AskOver != nil:
		parts = append(parts, "asks above "+l.AskOver.String())
	case c != nil && c.Risk == capability.Irreversible:
		parts = append(parts, "asks unless you called for it")
	}
	if g.Agent != "" {
		parts = append(parts, "for agent "+g.Agent+" alone")
	}
	if l.Between != nil {
		parts = append(parts, fmt.Sprintf("only between %s and %s", l.Between.From, l.Between.To))
	}
	for _, cond := range l.OnlyWhen {
		parts = append(parts, map[budget.Condition]string{
			budget.OwnerPresent: "only while you are present",
			budget.SessionClean: "only while the session has read nothing written by strangers",
		}[cond])
	}
	return parts
}

// day writes a date for people, with the year or the time where they matter.
func (a *app) day(t time.Time) string {
	now := a.now()
	t = t.In(now.Location())
	text := t.Format("2 January")
	if t.Year() != now.Year() {
		text = t.Format("2 January 2006")
	}
	if t.Sub(now) < 48*time.Hour {
		text += t.Format(" 15:04")
	}
	return text
}
