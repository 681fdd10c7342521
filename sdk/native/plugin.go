package native

import (
	"context"
	"sync/atomic"

	"github.com/ambithost/ambit/sdk"
)

// Plugin makes a handler of a plugin that is written against package sdk.
func Plugin(p *sdk.Plugin) Handler { return &adapter{plugin: p} }

type adapter struct {
	plugin *sdk.Plugin
	config atomic.Pointer[map[string]string]
}

// Setup keeps the configuration for the calls to come.
func (a *adapter) Setup(_ context.Context, config map[string]string) error {
	a.config.Store(&config)
	return nil
}

// Exports is the plugin's.
func (a *adapter) Exports() []string { return a.plugin.Exports() }

// Invoke carries one call.
func (a *adapter) Invoke(ctx context.Context, call *Call) ([]byte, error) {
	return a.plugin.Invoke(ctx, &carrier{call: call, config: a.config.Load()}, call.Export, call.Input)
}

// carrier is the sdk's runtime for one call.
type carrier struct {
	call   *Call
	config *map[string]string
}

func (c *carrier) Effect(ctx context.Context, name string, args []byte) ([]byte, error) {
	return c.call.Effect(ctx, name, args)
}

func (c *carrier) Emit(_ context.Context, data []byte) error { return c.call.Emit(data) }

func (c *carrier) Config(key string) string {
	if c.config == nil {
		return ""
	}
	return (*c.config)[key]
}

func (c *carrier) Log(level, message string) { c.call.Log(level, message) }
