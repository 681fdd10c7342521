package control

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/ambithost/ambit/sdk/protocol"
)

// shortName is what ids, secrets, agents and sessions look like: short, and
// harmless in a path, a log or a terminal.
var shortName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$`)

func checkShort(what, s string) error {
	if !shortName.MatchString(s) {
		return protocol.Errorf(protocol.Invalid, "%s %.140q: want up to 128 letters, digits, dots, colons, dashes or underscores", what, s)
	}
	return nil
}

func (x *exchange) approvals() ([]Approval, error) {
	switch all := x.query.Get("all"); all {
	case "", "false", "true":
		return x.Approvals(x.ctx(), all == "true")
	default:
		return nil, protocol.Errorf(protocol.Invalid, "query: all: want true or false")
	}
}

func (x *exchange) approval() (*Approval, error) {
	id := x.r.PathValue("id")
	if err := checkShort("approval", id); err != nil {
		return nil, err
	}
	return x.Approval(x.ctx(), id)
}

func (x *exchange) answer(ans AnswerRequest) (*Approval, error) {
	id := x.r.PathValue("id")
	if err := checkShort("approval", id); err != nil {
		return nil, err
	}
	return x.AnswerApproval(x.whole(), id, ans)
}

func (x *exchange) setSecret(req SecretRequest) (empty, error) {
	name := x.r.PathValue("name")
	if err := checkShort("secret", name); err != nil {
		return empty{}, err
	}
	switch {
	case len(req.Value) == 0:
		return empty{}, protocol.Errorf(protocol.Invalid, "secret %s: the value is empty", name)
	case len(req.Value) > MaxSecret:
		return empty{}, protocol.Errorf(protocol.Limit, "secret %s: %d bytes, the limit is %d", name, len(req.Value), MaxSecret)
	}
	defer clear(req.Value)
	return empty{}, x.SetSecret(x.whole(), name, req.Value)
}

func (x *exchange) removeSecret() (empty, error) {
	name := x.r.PathValue("name")
	if err := checkShort("secret", name); err != nil {
		return empty{}, err
	}
	return empty{}, x.RemoveSecret(x.whole(), name)
}

func (x *exchange) kill(req SwitchRequest) (*KillReport, error) {
	target, err := x.target(x.whole(), req.Target)
	if err != nil {
		return nil, err
	}
	return x.Kill(x.whole(), target, req.Reason)
}

func (x *exchange) resume(req SwitchRequest) (*ResumeReport, error) {
	target, err := x.target(x.whole(), req.Target)
	if err != nil {
		return nil, err
	}
	return x.Resume(x.whole(), target)
}

// target turns what a person typed into "all", "agent:NAME" or "plugin:NAME".
func (x *exchange) target(ctx context.Context, s string) (string, error) {
	kind, name, qualified := strings.Cut(s, ":")
	switch {
	case s == "" || s == "all":
		return "all", nil
	case qualified && (kind == "agent" || kind == "plugin"):
		return s, checkShort(kind, name)
	case qualified:
		return "", protocol.Errorf(protocol.Invalid, "target %.140q: want all, agent:NAME, plugin:NAME, or a bare name", s)
	}
	if err := checkShort("target", s); err != nil {
		return "", err
	}
	plugins, err := x.Plugins(ctx)
	if err != nil {
		return "", err
	}
	status, err := x.Status(ctx)
	if err != nil {
		return "", err
	}
	plugin := slices.ContainsFunc(plugins, func(p Plugin) bool { return p.Name == s })
	agent := slices.ContainsFunc(status.Agents, func(a AgentStatus) bool { return a.Name == s })
	switch {
	case plugin && agent:
		return "", protocol.Errorf(protocol.Invalid, "%s is an agent and a plugin: say agent:%s or plugin:%s", s, s, s)
	case plugin:
		return "plugin:" + s, nil
	case agent:
		return "agent:" + s, nil
	}
	return "", &Error{Code: protocol.NotFound, Message: "no agent or plugin is called " + s, Hint: "everything: ambit kill"}
}

// shutdown is the server's own business: Serve returns, and with it the host
// ends.
func (x *exchange) shutdown() (empty, error) {
	poke(x.life.asked)
	return empty{}, nil
}
