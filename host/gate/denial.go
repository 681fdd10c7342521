package gate

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Denial is the error of an effect that was decided against. It names all that
// a person needs to change it.
type Denial struct {
	Code       protocol.Code
	Actor      string
	Plugin     string
	Capability string
	Resource   string
	Rule       string // "latch", "bounds", "plugin", "manifest", "grant", "approval", "audit", or a policy rule
	Revision   string // policy revision, if policy denied
	Message    string
	Change     string // the command that would change it
}

func (d *Denial) Error() string {
	s := fmt.Sprintf("%s: %s: %s", d.Code, d.what(), d.Message)
	if d.Rule != "" {
		s += " (rule " + d.Rule
		if d.Revision != "" {
			s += ", policy " + d.Revision
		}
		s += ")"
	}
	if d.Change != "" {
		s += "; to change it: " + d.Change
	}
	return s
}

func (d *Denial) what() string {
	return strings.TrimSpace(d.Plugin + " → " + d.Capability + " " + d.Resource)
}

// Unwrap makes the denial's code visible to [protocol.CodeOf].
func (d *Denial) Unwrap() error { return &protocol.Error{Code: d.Code, Message: d.Message} }

func (e *Effect) deny(code protocol.Code, rule, message, change string) *Denial {
	return &Denial{
		Code: code, Actor: actorName(e.Actor), Plugin: e.Plugin, Capability: e.Capability, Resource: e.Resource,
		Rule: rule, Message: message, Change: change,
	}
}

func (e *Effect) denyGrant(message string) *Denial {
	return e.deny(protocol.Denied, "grant", message, fmt.Sprintf("ambit grant %s %s", e.Plugin, e.Capability))
}

func (e *Effect) denyByPolicy(d policy.Decision) *Denial {
	out := e.deny(protocol.Denied, "policy", "nothing in the policy allows it", "ambit policy eval")
	out.Revision = d.Revision
	if len(d.Reasons) > 0 {
		r := d.Reasons[0]
		out.Rule, out.Message, out.Change = r.Rule, r.Message, r.Change
	}
	return out
}

// rehearsed is the error of an effect that policy lets pass and obliges to leave
// undone: what would have happened is said, and nothing has.
func (e *Effect) rehearsed(d policy.Decision, asks bool) *Denial {
	message := "dry run: it would have been done; it was noted and not done"
	if asks {
		because := ""
		if len(d.Reasons) > 0 {
			because = " (because " + d.Reasons[0].Message + ")"
		}
		message = "dry run: the owner would have been asked" + because + "; it was noted and not done"
	}
	out := e.deny(protocol.DryRun, "dry_run", message, "take out the rule that obliges dry_run: ambit policy")
	out.Revision = d.Revision
	return out
}

func namespace(capability string) string {
	ns, _, _ := strings.Cut(capability, ".")
	return ns
}

// newID makes an id that is unique in this home: effects and grants share the
// sequence.
func (g *Gate) newID(prefix string) string {
	return prefix + g.boot + "-" + strconv.FormatUint(g.seq.Add(1), 36)
}
