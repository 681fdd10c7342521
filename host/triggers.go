package host

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/effects/secret"
	"github.com/ambithost/ambit/host/provenance"
	"github.com/ambithost/ambit/host/webhook/sign"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// TriggerFile has webhooks start turns: what arrives is to be looked at, and what
// is to be done about it are the owner's words.
type TriggerFile struct {
	// Secret is the name of the secret that signs.
	Secret string `yaml:"secret"`
	// Agent and Session are where the turn runs; empty: the only agent, and main,
	// which is where the owner wrote last.
	Agent   string `yaml:"agent"`
	Session string `yaml:"session"`
	// Instructions are the owner's words; required.
	Instructions string `yaml:"instructions"`
}

// Of what comes to one trigger: a burst, and then six a minute. Each is a turn.
const (
	triggersAtOnce = 20
	triggerEvery   = 10 * time.Second
	maxInstruction = 64 << 10 // bytes
)

// untrusted marks what others wrote.
const untrusted = "untrusted"

// checkTriggers says what is wrong with the settings, and fills in who is meant.
func (w *WebhookFile) checkTriggers(agents map[string]AgentFile) error {
	for name, t := range w.Triggers {
		bad := func(err error) error { return fmt.Errorf("triggers: %s: %w", name, err) }
		if err := manifest.CheckName(name); err != nil {
			return bad(errors.New("want a lower-case letter, then letters, digits or dashes"))
		}
		if err := secret.CheckName(t.Secret); err != nil {
			return bad(err)
		}
		if t.Agent == "" {
			if len(agents) != 1 {
				return bad(errors.New("agent: which one? there are several"))
			}
			for only := range agents {
				t.Agent = only
			}
		}
		if _, ok := agents[t.Agent]; !ok {
			return bad(fmt.Errorf("agent: there is no %q", t.Agent))
		}
		t.Session = either(t.Session, defaultSession)
		if err := agent.CheckSession(t.Session); err != nil {
			return bad(err)
		}
		t.Instructions = strings.TrimSpace(t.Instructions)
		if t.Instructions == "" || len(t.Instructions) > maxInstruction || !utf8.ValidString(t.Instructions) {
			return bad(fmt.Errorf("instructions: say what is to be done, in at most %d bytes", maxInstruction))
		}
		w.Triggers[name] = t
	}
	return nil
}

// trigger starts a turn for a webhook that the trigger's secret signed. What the
// webhook says is content that somebody else wrote.
func (h *Host) trigger(ctx context.Context, name string, header http.Header, body []byte) error {
	t, ok := h.file.Webhook.Triggers[name]
	a := h.agents[t.Agent]
	if !ok || a == nil {
		return protocol.Errorf(protocol.NotFound, "there is no trigger %.80q", name)
	}
	keys, err := h.triggerKeys(ctx, name)
	if err != nil {
		return err
	}
	m, err := sign.Verify(header, body, keys, h.now())
	if err != nil {
		return err
	}
	if h.halted("agent:" + t.Agent) {
		return protocol.Errorf(protocol.Killed, "agent %s is halted", t.Agent)
	}
	if !utf8.Valid(body) {
		return protocol.Errorf(protocol.Invalid, "the body is not UTF-8 text")
	}
	_, err = a.Begin(ctx, agent.Occasion{
		Kind: agent.KindWebhook, Session: t.Session, SourceID: name + "/" + m.ID,
		Note: fmt.Sprintf("The webhook “%s” started this turn: something happened elsewhere, at %s by the sender's clock. What follows are the owner's words on what to do then, and what was sent, which others wrote.",
			name, m.At.In(h.zone).Format("2006-01-02 15:04:05")),
		Parts: []agent.Part{
			{Source: provenance.Source{Kind: provenance.Owner}, Text: t.Instructions},
			{Source: provenance.Source{Kind: provenance.Contact, Name: "webhook:" + name, Labels: []string{untrusted}}, Text: string(body)},
		},
	})
	return err
}

// triggerKeys reads the keys of a trigger; the owner is told if there are none.
func (h *Host) triggerKeys(ctx context.Context, name string) ([]sign.Key, error) {
	topic, from := "trigger "+name, h.file.Webhook.Triggers[name].Secret
	keys, err := h.effects.SecretKeys(ctx, from)
	if err != nil {
		h.notices.set(topic, control.Notice{Message: "The trigger " + name + " takes nothing: " + err.Error(), Hint: "ambit secret set " + from})
		return nil, protocol.Errorf(protocol.Unavailable, "trigger %s: %v", name, err)
	}
	h.notices.clear(topic)
	return keys, nil
}
