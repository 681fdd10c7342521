package plugintest

import (
	"strings"

	"github.com/ambithost/ambit/sdk/protocol"
)

func (w *World) delegate(a effectArgs) (any, error) {
	if strings.TrimSpace(a.Task) == "" {
		return nil, protocol.Errorf(protocol.Invalid, "agent.run: want a task")
	}
	text, reason, notice := "done: "+a.Task, "done", ""
	if w.Agent != nil {
		text, reason, notice = w.Agent(a.Task, a.Tools)
	}
	return map[string]any{"text": text, "reason": reason, "notice": notice, "session": "sub:1", "tokens": 100}, nil
}
