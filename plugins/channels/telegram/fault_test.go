package main

import (
	"context"
	"strings"
	"sync"

	"github.com/ambithost/ambit/plugins/channels/channeltest"
	"github.com/ambithost/ambit/plugins/channels/telegram/telegramtest"
	"github.com/ambithost/ambit/sdk/plugintest"
)

// afterFirst is a plugin before whose second sendMessage something happens.
type afterFirst struct {
	plugintest.Plugin
	once   sync.Once
	server *telegramtest.Server
	do     func()
}

func telegramFault(s *telegramtest.Server, do func()) func(*channeltest.Loop) plugintest.Plugin {
	return func(l *channeltest.Loop) plugintest.Plugin {
		return &afterFirst{Plugin: l.Plugin, server: s, do: do}
	}
}

// Call implements plugintest.Plugin.
func (a *afterFirst) Call(ctx context.Context, export string, input []byte, effect func(context.Context, string, []byte) ([]byte, error), emit func([]byte)) ([]byte, error) {
	return a.Plugin.Call(ctx, export, input, func(ctx context.Context, name string, args []byte) ([]byte, error) {
		if name == "http.request" && strings.Contains(string(args), "sendMessage") && len(a.server.Messages()) == 1 {
			a.once.Do(a.do)
		}
		return effect(ctx, name, args)
	}, emit)
}
