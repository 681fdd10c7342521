package wasm

import (
	"bytes"
	"context"

	extism "github.com/extism/go-sdk"

	"github.com/ambithost/ambit/sdk/protocol"
	"github.com/ambithost/ambit/sdk/protocol/session"
)

// manner is what becomes of a call of a host function that is another host's.
type manner byte

const (
	refuse manner = iota + 1 // the plugin's call ends with an error that says why
	note                     // the message goes to the plugin's log
	answer                   // with a constant that is true here
)

// foreign is a host function that hyper-mcp has and Ambit does not.
type foreign struct {
	manner manner
	text   string // why, or the answer
}

// foreignFunction finds a host function of hyper-mcp by its name: those of the
// imports in its xtp-plugin-schema.json and the two that its service adds
// (https://github.com/hyper-mcp-rs/hyper-mcp). A plugin that has them loads; what
// is asked of the person or of a model can't be answered, and saying so is better
// than an answer that nobody gave.
func foreignFunction(name string) (foreign, bool) {
	switch name {
	case "create_message":
		return foreign{refuse, "sampling is not offered to plugins here: a plugin that needs a model is for the agent to call"}, true
	case "create_elicitation":
		return foreign{refuse, "elicitation is not offered to plugins here: a plugin can't ask the owner"}, true
	case "get_access_token", "get_keyring_secret":
		return foreign{refuse, "secrets never enter a plugin here"}, true
	case "list_roots":
		return foreign{answer, `{"roots":[]}`}, true // no plugin is given folders
	case "notify_logging_message", "notify_progress", "notify_prompt_list_changed", "notify_resource_list_changed",
		"notify_resource_updated", "notify_tool_list_changed", "notify_url_elicitation_completed":
		return foreign{manner: note}, true
	}
	return foreign{}, false
}

// checkUser admits a function of extism:host/user.
func checkUser(i Import) error {
	if i.Name == functionEffect {
		return nil
	}
	if _, known := foreignFunction(i.Name); !known {
		return &Refusal{Import: i.String(), Reason: `the only host function is "effect"; a plugin for another host can't run here`}
	}
	s := i.signature
	if len(s.params) > 1 || len(s.results) > 1 || len(bytes.Trim(s.params, string(rune(typeI64)))) > 0 || len(bytes.Trim(s.results, string(rune(typeI64)))) > 0 {
		return &Refusal{Import: i.String(), Reason: "a function of that name takes and returns at most one handle (i64)"}
	}
	return nil
}

// hostFunctions are those that the module imports of extism:host/user.
func (m *Module) hostFunctions() []extism.HostFunction {
	out := []extism.HostFunction{effectFunction()}
	have := map[string]bool{functionEffect: true}
	for _, i := range m.Imports {
		if f, ok := foreignFunction(i.Name); ok && i.Module == moduleUser && !have[i.Name] {
			have[i.Name] = true
			out = append(out, f.function(i.Name, i.signature))
		}
	}
	return out
}

func (f foreign) function(name string, s signature) extism.HostFunction {
	handles := func(n int) []extism.ValueType {
		return []extism.ValueType{extism.ValueTypePTR, extism.ValueTypePTR}[:n]
	}
	return extism.NewHostFunctionWithStack(name, func(ctx context.Context, p *extism.CurrentPlugin, stack []uint64) {
		var said uint64
		if len(s.params) > 0 {
			said = stack[0]
		}
		result := f.call(ctx, p, name, said)
		if len(s.results) > 0 {
			stack[0] = result
		}
	}, handles(len(s.params)), handles(len(s.results)))
}

// call does what there is to do and returns a handle, or 0. A panic becomes the
// error of the plugin's call, with its code.
func (f foreign) call(ctx context.Context, p *extism.CurrentPlugin, name string, said uint64) uint64 {
	switch f.manner {
	case refuse:
		panic(protocol.Errorf(protocol.NotFound, "%s: %s", name, f.text))
	case answer:
		at, err := p.WriteString(f.text)
		if err != nil {
			panic(protocol.Errorf(protocol.Limit, "%s: no memory for the answer", name))
		}
		return at
	}
	call, ok := ctx.Value(callKey{}).(*session.Call)
	if !ok {
		return 0
	}
	line := name
	if n, err := p.Length(said); said != 0 && err == nil && n <= protocol.MaxLog {
		if b, err := p.ReadBytes(said); err == nil {
			line += " " + string(b)
		}
	}
	call.Log("info", line)
	return 0
}
