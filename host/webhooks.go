package host

import (
	"context"
	"fmt"
	"time"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/webhook"
)

// WebhookFile has the host listen for webhooks.
type WebhookFile struct {
	// Listen is an address and a port: "127.0.0.1:8788".
	Listen string `yaml:"listen"`
	// BeyondLoopback lets Listen be an address that other machines reach.
	BeyondLoopback bool `yaml:"beyond_loopback"`
	// Triggers start turns, by name: /trigger/NAME.
	Triggers map[string]TriggerFile `yaml:"triggers"`
}

func (w *WebhookFile) check(agents map[string]AgentFile) error {
	if w == nil {
		return nil
	}
	if err := webhook.Check(w.Listen, w.BeyondLoopback); err != nil {
		return err
	}
	return w.checkTriggers(agents)
}

// Of what comes to one channel: a burst, and then two a second.
const (
	hooksAtOnce = 120
	hookEvery   = 500 * time.Millisecond
)

func (h *Host) openWebhooks(context.Context) (err error) {
	w := h.file.Webhook
	if w == nil {
		return nil
	}
	h.webhooks, err = webhook.New(webhook.Config{
		Listen: w.Listen, Beyond: w.BeyondLoopback, Logger: h.log,
		Routes: map[string]webhook.Route{
			"hook":    {Receive: h.channels.Hook, Burst: hooksAtOnce, Every: hookEvery},
			"trigger": {Receive: h.trigger, Burst: triggersAtOnce, Every: triggerEvery},
		},
	})
	if err != nil {
		return err
	}
	h.onClose(func() error {
		err := h.webhooks.Close()
		h.serving.Wait()
		return err
	})
	if w.BeyondLoopback {
		h.notices.set("webhook", control.Notice{
			Message: "Webhooks are listened for at " + w.Listen + ", which other machines may reach, without encryption. Nothing unsigned is taken.",
			Hint:    "put a proxy with TLS in front, and `listen: 127.0.0.1:PORT` in ambit.yaml",
		})
	}
	return nil
}

// serveWebhooks listens until the host closes.
func (h *Host) serveWebhooks(ctx context.Context) error {
	if h.webhooks == nil {
		return nil
	}
	if err := h.webhooks.Listen(); err != nil {
		return fmt.Errorf("%w (webhook in %s)", err, h.path("ambit.yaml"))
	}
	for name := range h.file.Webhook.Triggers {
		if _, err := h.triggerKeys(ctx, name); err != nil {
			h.log.Warn("a trigger takes nothing", "trigger", name, "error", err)
		}
	}
	h.serving.Go(func() {
		if err := h.webhooks.Serve(); err != nil {
			h.log.Error("webhooks are not served any more", "error", err)
			h.notices.set("webhook", control.Notice{Message: "Webhooks are not served any more: " + err.Error(), Hint: "ambit down, ambit up"})
		}
	})
	h.log.Info("webhooks", "listen", h.webhooks.Addr().String())
	return nil
}
