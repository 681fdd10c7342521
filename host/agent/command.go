package agent

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/ambithost/ambit/sdk/protocol"
)

// Commands are what the owner may say to the host about a session, in any
// channel and on the command line. They reach no model.
const (
	CommandCompact = "/compact" // sums up the conversation
	CommandModel   = "/model"   // tells or chooses the session's model
)

// Catalogue is what a [Model] implements that knows which models there are.
type Catalogue interface {
	// Plugins are the model plugins that can be asked, sorted.
	Plugins() []string
}

// IsCommand tells a command from a message to the agent.
func IsCommand(text string) bool {
	name, _, lines := parseCommand(text)
	return !lines && (name == CommandCompact || name == CommandModel)
}

func parseCommand(text string) (name, rest string, lines bool) {
	text = strings.TrimSpace(text)
	name, rest, _ = strings.Cut(text, " ")
	name, _, _ = strings.Cut(name, "@") // "/model@my_bot", as some clients write it
	return strings.ToLower(name), strings.TrimSpace(rest), strings.ContainsRune(text, '\n')
}

// command does what the turn's command says; its end is the answer.
func (t *turn) command(ctx context.Context) *ending {
	for _, tr := range t.triggers() {
		name, rest, _ := parseCommand(tr.Text)
		switch name {
		case CommandCompact:
			return t.compact(ctx)
		case CommandModel:
			return t.choose(ctx, rest)
		}
	}
	return &ending{Done, "That command is not known."} // an older host stored it
}

// triggers are what started the turn.
func (t *turn) triggers() []Trigger {
	if t.job.open != nil {
		return t.job.open.Triggers
	}
	return []Trigger{t.job.trigger}
}

// choose keeps the owner's choice of the session's model: the fallbacks stay
// behind it, and what the agent may ask is the grants' and the policy's to say.
func (t *turn) choose(ctx context.Context, name string) *ending {
	switch name {
	case "":
		return &ending{Done, t.models()}
	case "default":
		name = ""
	default:
		if err := t.known(name); err != nil {
			return &ending{Failed, sentence(err.Error())}
		}
	}
	if err := t.record(ctx, &Step{Model: &name}); err != nil {
		return t.failed(ctx, "the choice could not be recorded", err)
	}
	t.session.Model = name
	if err := t.route(ctx); err != nil {
		return t.failed(ctx, "the choice of a model could not be recorded", err)
	}
	return &ending{Done, "From now on: " + t.models()}
}

// models says which models this session asks, and which there are.
func (t *turn) models() string {
	list := make([]string, len(t.path.routes))
	for i, r := range t.path.routes {
		list[i] = r.String()
	}
	text := "This conversation asks " + strings.Join(list, ", then ")
	if t.session.Model != "" {
		text += " (the first is your choice; /model default takes it back)"
	}
	if c, ok := t.a.cfg.Model.(Catalogue); ok {
		text += ". Installed: " + cmp.Or(strings.Join(c.Plugins(), ", "), "none")
	}
	return text + ". To choose: /model PLUGIN or /model PLUGIN/MODEL."
}

func (t *turn) known(name string) error {
	plugin := routeOf(name).Plugin
	if len(name) > 200 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return protocol.Errorf(protocol.Invalid, "that is no model's name: want PLUGIN or PLUGIN/MODEL")
	}
	c, ok := t.a.cfg.Model.(Catalogue)
	if ok && !slices.Contains(c.Plugins(), plugin) {
		return protocol.Errorf(protocol.NotFound, "no model plugin %q is installed and enabled (there are: %s); %q was not chosen",
			plugin, cmp.Or(strings.Join(c.Plugins(), ", "), "none"), name)
	}
	return nil
}

// routeOf is the route that a name says.
func routeOf(name string) Route {
	plugin, model, _ := strings.Cut(name, "/")
	return Route{Plugin: plugin, Model: model}
}
