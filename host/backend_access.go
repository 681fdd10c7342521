package host

import (
	"context"
	"strings"
	"unicode"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// worst are the labels of a subject of which nothing is known.
var worst = []string{"private", "untrusted"}

// EvaluateAccess decides a request of another enforcement point as the gate
// would, never more generously: what the gate learns by itself and is not known
// here (the session's labels, where arguments came from, a tool's own risk) is
// taken for the worst.
func (b backend) EvaluateAccess(ctx context.Context, req control.AccessRequest) (*control.AccessDecision, error) {
	r := policy.Request{Resource: policy.Resource{Attributes: req.Resource.Properties}}
	if err := r.Normalise(); err != nil {
		return nil, protocol.Errorf(protocol.Invalid, "%v", err)
	}
	c, known := capability.Lookup(req.Action.Name)
	if !known {
		return nil, protocol.Errorf(protocol.Invalid, "action %.80q is not in the vocabulary of capabilities", req.Action.Name)
	}
	said := req.Context
	if said == nil {
		said = &control.AccessContext{}
	}
	e := gate.Effect{
		Capability: c.Name, Actor: policy.Entity{Type: req.Subject.Type, ID: req.Subject.ID}, Plugin: said.Plugin,
		Resource: forRecord(req.Resource.ID), Attributes: r.Resource.Attributes,
		Origin: gate.Origin{Agent: said.Agent, Session: said.Session, Trigger: "external", Labels: worst},
	}
	if said.Labels != nil {
		e.Origin.Labels = *said.Labels
	}
	switch {
	case e.Actor.Type == "plugin" && e.Plugin == "":
		e.Plugin = e.Actor.ID
	case e.Actor.Type == "plugin" && e.Plugin != e.Actor.ID:
		return nil, protocol.Errorf(protocol.Invalid, "a plugin uses its own grants: context.plugin is %q, the subject %q", e.Plugin, e.Actor.ID)
	case e.Plugin == "":
		return nil, protocol.Errorf(protocol.Invalid, "context.plugin: want the plugin whose grant is used")
	case e.Actor.Type == "agent" && e.Origin.Agent == "":
		e.Origin.Agent = e.Actor.ID
	}
	if ns, _, _ := strings.Cut(c.Name, "."); req.Resource.Type != ns {
		return nil, protocol.Errorf(protocol.Invalid, "resource.type is %q, of %s it is %q", req.Resource.Type, c.Name, ns)
	}
	e.Risk = b.riskOutside(c, &e)
	e.Arguments = unknownArguments(c, &e)
	d, err := b.gate.Evaluate(ctx, e)
	if err != nil {
		return nil, err
	}
	return &control.AccessDecision{Decision: d.Unconditional(), Context: &control.AccessReasons{Decision: &d.Decision}}, nil
}

// forRecord is a name of another program's, fit for the log: no query, and cut.
func forRecord(id string) string {
	id, _, _ = strings.Cut(id, "?")
	id = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(id, ""))
	if runes := []rune(id); len(runes) > maxRecorded {
		return string(runes[:maxRecorded]) + "…"
	}
	return id
}

const maxRecorded = 300

// riskOutside is the highest risk that the request can have at the gate: that of
// the plugin's riskiest tool of this power.
func (b backend) riskOutside(c *capability.Capability, e *gate.Effect) capability.Risk {
	risk := c.Risk
	if method, _ := e.Attributes["method"].(string); c.Name == "http.request" && method != "GET" && method != "HEAD" {
		risk = capability.Write
	}
	p, ok := b.plugins.lookup(e.Plugin)
	if !ok || p.manifest == nil {
		return risk
	}
	for _, t := range p.manifest.Tools {
		if t.Power() == c.Name && t.Level().AtLeast(risk) {
			risk = t.Level()
		}
	}
	return risk
}

// unknownArguments says of each attribute that leads out or goes out that its
// content stands nowhere: it may come from all that was read.
func unknownArguments(c *capability.Capability, e *gate.Effect) (out []policy.Argument) {
	for _, a := range c.Attributes {
		if a.Role == "" || e.Attributes[a.Name] == nil {
			continue
		}
		out = append(out, policy.Argument{
			Name: a.Name, Role: string(a.Role), Match: "none", Labels: e.Origin.Labels,
			Sources: []policy.ArgumentSource{{Kind: "tool", Name: "outside", Labels: e.Origin.Labels}},
			Address: a.Role == capability.Destination, Secret: a.Role == capability.Content, Legible: true,
		})
	}
	return out
}
