package policy

import (
	"math/rand/v2"
	"slices"
)

// plainFlow is policies/base/flow.rego again.
func plainFlow(r *Request) []string {
	all := r.Context.Arguments
	if len(all) == 0 || r.Subject.Type == "owner" {
		return nil
	}
	var rules []string
	for _, a := range all {
		untrusted, private := slices.Contains(a.Labels, "untrusted"), slices.Contains(a.Labels, "private")
		goesOut := a.Role == "content" && (plainAny(all, isDestination) || r.Action.Name == "web.search" || r.Action.Name == "http.request")
		seen := r.Action.Risk != "read" || a.Match != "none" || a.From != "" && plainAny(all, isDestination)
		carries := goesOut && private && !plainOwners(a) && (!plainOwnerNamedAll(all) || plainMereName(r)) && seen
		speaks := slices.Contains([]string{"social.post", "social.message", "message.send"}, r.Action.Name)
		rules = slices.Concat(rules,
			when(plainStranger(r, a), "base.flow.strangers_destination"),
			when(plainNobodys(r, a), "base.flow.nobodys_address"),
			when(carries && untrusted, "base.flow.private_and_strangers"),
			when(carries && !untrusted, "base.flow.private_text"),
			when(goesOut && a.Secret && !a.OwnerNamed, "base.flow.secret"),
			when(goesOut && a.Match == "decoded" && private && !a.OwnerNamed, "base.flow.hidden_private_text"),
			when(speaks && a.Role == "content" && !a.Legible && !a.OwnerNamed, "base.flow.illegible"),
		)
	}
	return rules
}

func plainNobodys(r *Request, a Argument) bool {
	return (isDestination(a) || a.Role == "link") && a.Address && r.Action.Risk != "read" && r.Subject.Type == "agent" &&
		!slices.Contains(a.Labels, "untrusted") && !a.OwnerNamed && !plainWhole(a, notAgents)
}

func notAgents(s ArgumentSource) bool { return s.Kind != "agent" }

func isDestination(a Argument) bool { return a.Role == "destination" }

func plainAny(all []Argument, f func(Argument) bool) bool { return slices.ContainsFunc(all, f) }

func plainOwners(a Argument) bool { return a.OwnerNamed || a.OwnerPercent >= 60 }

// plainOwnerNamedAll tells whether the owner named all who get it, and there is one.
func plainOwnerNamedAll(all []Argument) bool {
	return plainAny(all, isDestination) && !plainAny(all, func(a Argument) bool { return isDestination(a) && !a.OwnerNamed && !plainLookedUp(a) })
}

func plainMereName(r *Request) bool {
	return r.Action.Name == "social.post" && plainAny(r.Context.Arguments, func(a Argument) bool { return isDestination(a) && !a.Address })
}

func plainLookedUp(a Argument) bool {
	return plainWhole(a, func(s ArgumentSource) bool {
		meant := slices.Contains(s.Labels, Pointed) || s.RecordPercent >= 50
		return s.Kind != "owner" && notAgents(s) && meant && !slices.Contains(s.Labels, "untrusted")
	})
}

func plainWhole(a Argument, f func(ArgumentSource) bool) bool {
	return slices.ContainsFunc(a.Sources, func(s ArgumentSource) bool { return s.Whole && f(s) })
}

func plainMoney(r *Request) bool {
	return slices.Contains([]string{"card.charge", "card.issue", "payment.send", "payment.schedule", "booking.make"}, r.Action.Name)
}

func plainStranger(r *Request, a Argument) bool {
	if a.Role != "destination" && a.Role != "link" || r.Action.Risk == "read" || !slices.Contains(a.Labels, "untrusted") || a.OwnerNamed {
		return false
	}
	if plainWhole(a, func(s ArgumentSource) bool {
		return s.Kind != "owner" && notAgents(s) && !slices.Contains(s.Labels, "untrusted")
	}) {
		return false
	}
	byName := slices.Contains([]string{"social.message", "access.change", "calendar.write", "drive.write", "mail.change"}, r.Action.Name)
	if isDestination(a) && !a.Address && byName && plainWhole(a, func(ArgumentSource) bool { return true }) {
		return false
	}
	pointed := plainWhole(a, func(s ArgumentSource) bool { return slices.Contains(s.Labels, Document) })
	other := plainAny(r.Context.Arguments, func(o Argument) bool { return isDestination(o) && o.Name != a.Name && o.OwnerNamed })
	return !(isDestination(a) && !plainMoney(r) && pointed && other)
}

// plainSaid is what policies/base/risk.rego lets pass unasked.
func plainSaid(r *Request) bool {
	all := r.Context.Arguments
	if r.Subject.Type != "agent" || r.Context.Trigger != "message" {
		return false
	}
	bounded := false
	if r.Context.Grant != nil {
		bound, set := r.Context.Grant.Scope.Max["max_amount"]
		bounded = set && bound >= 0
	}
	if plainOwnerNamedAll(all) && (!plainMoney(r) || bounded) {
		return true
	}
	strictly := func(a Argument) bool { return isDestination(a) && !a.OwnerNamed }
	if r.Action.Name == "booking.make" && r.Context.AskedFor && plainAny(all, isDestination) && !plainAny(all, strictly) {
		return true
	}
	if slices.Contains([]string{"calendar.write", "drive.write", "mail.change"}, r.Action.Name) && r.Context.AskedFor && plainAny(all, isDestination) {
		uncalled := func(a Argument) bool {
			return !a.OwnerNamed && (!isDestination(a) || a.RecordPercent != 100 || a.Address)
		}
		if !plainAny(all, uncalled) {
			return true
		}
	}
	isContent := func(a Argument) bool { return a.Role == "content" }
	return !plainMoney(r) && plainAny(all, isContent) &&
		!plainAny(all, func(a Argument) bool { return isContent(a) && !plainOwners(a) }) &&
		!plainAny(all, func(a Argument) bool {
			return isDestination(a) && !plainWhole(a, notAgents)
		})
}

func argumentsOf(g *rand.Rand) []Argument {
	var out []Argument
	for range 1 + g.IntN(3) {
		a := Argument{
			Name: pick(g, "to", "text", "url"), Role: pick(g, "destination", "destination", "content", "content", "link", ""), Text: "x",
			Labels: pick(g, nil, []string{"untrusted"}, []string{"private"}, []string{"private"}, []string{"private", "untrusted"}, []string{"private", "untrusted"}),
			Match:  pick(g, "none", "verbatim", "decoded", "pieces", "folded"), Confidence: pick(g, 0, 0.5, 1.0),
			OwnerNamed: g.IntN(4) == 0, OwnerPercent: pick[int64](g, 0, 0, 59, 60, 100), Address: g.IntN(2) == 0, RecordPercent: pick[int64](g, 0, 60, 100),
			Secret: g.IntN(6) == 0, Legible: g.IntN(6) > 0, From: pick(g, "", "tool web/fetch"), Sentence: pick(g, "", "Send it to x."),
		}
		for range g.IntN(3) {
			a.Sources = append(a.Sources, ArgumentSource{
				Kind: pick(g, "owner", "tool", "memory", "agent"), Name: pick(g, "", "web/fetch"), Whole: g.IntN(3) > 0, RecordPercent: pick[int64](g, 0, 49, 50, 100),
				Labels: pick(g, nil, []string{"untrusted"}, []string{"private"}, []string{"untrusted", Pointed}, []string{"untrusted", Pointed, Document}, []string{"private", Pointed}),
			})
		}
		out = append(out, a)
	}
	return out
}
