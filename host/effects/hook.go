package effects

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/host/webhook/sign"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

const receive = "webhook.receive"

// maxHookSecrets is how many secrets may sign for one channel.
const maxHookSecrets = 4

// HookKeys are the keys that may sign what comes for a channel, by the name of
// the secret that holds them. The secrets are those that its manifest, filled
// in by the owner's configuration, names for webhook.receive: no grant widens
// that. A channel that asks for no webhooks is not found.
func (e *Effects) HookKeys(ctx context.Context, plugin string) (map[string][]sign.Key, error) {
	if _, err := e.channelCall(plugin, gate.Origin{}); err != nil {
		return nil, protocol.Errorf(protocol.NotFound, "%v", err)
	}
	_, asks, ok := e.cfg.Plugins.Holder(plugin)
	scope, asked := asks[receive]
	if !ok || !asked {
		return nil, protocol.Errorf(protocol.NotFound, "plugin %s takes no webhooks", plugin)
	}
	keys := map[string][]sign.Key{}
	var errs []error
	for _, name := range scope.Allow["names"] {
		if name == capability.Any || len(keys) == maxHookSecrets {
			continue
		}
		list, err := e.SecretKeys(ctx, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		keys[name] = list
	}
	if len(keys) == 0 {
		return nil, protocol.Errorf(protocol.Unavailable, "no key can verify what comes for %s: %v", plugin, errors.Join(errs...))
	}
	return keys, nil
}

// SecretKeys reads a secret that holds keys for webhooks. They verify and leave
// this process in no form.
func (e *Effects) SecretKeys(ctx context.Context, name string) ([]sign.Key, error) {
	v, err := e.secret(ctx, name)
	if err != nil {
		return nil, err
	}
	raw := v.Reveal()
	defer clear(raw)
	keys, err := sign.ParseKeys(raw)
	if err != nil {
		return nil, protocol.Errorf(protocol.Invalid, "secret %s: %v", name, err)
	}
	return keys, nil
}

// Hook has a channel read a webhook that the host verified by a key of the named
// secret (webhook.receive). The events get the ids by which a repetition is
// known; the plugin has no say in them.
func (e *Effects) Hook(ctx context.Context, plugin, secret string, in channel.Hook) ([]channel.Event, error) {
	args, err := encode(in)
	if err != nil {
		return nil, err
	}
	var out channel.Hooked
	err = e.cfg.Gate.Do(ctx, gate.Effect{
		Capability: receive, Actor: policy.Entity{Type: "plugin", ID: plugin}, Plugin: plugin, Resource: "webhook " + oneLine(in.ID, 80), Args: args,
		Attributes: capability.Attributes{"name": secret, "bytes": int64(len(in.Body))}, Origin: gate.Origin{Trigger: "channel"},
		Perform: func(ctx context.Context, f *gate.Flight) error {
			call, err := e.channelCall(plugin, gate.Origin{Trigger: "channel", Parent: f.ID()})
			if err != nil {
				return err
			}
			defer call.Close()
			return call.invokeChannel(ctx, protocol.ExportWebhook, in, &out)
		},
	})
	if err != nil {
		return nil, err
	}
	if len(out.Events) > channel.MaxEvents {
		return nil, protocol.Errorf(protocol.Failed, "%s gave no usable answer to webhook: too many events at once", plugin)
	}
	events := slices.Clone(out.Events)
	for i := range events {
		events[i].ID = channel.HookID(in.ID) + "/" + strconv.Itoa(i+1)
		if why := checkEvent(events[i]); why != "" {
			return nil, protocol.Errorf(protocol.Failed, "%s gave no usable answer to webhook: %s", plugin, why)
		}
	}
	return events, nil
}
