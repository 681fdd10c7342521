package wasm

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/protocol"
	"github.com/ambithost/ambit/sdk/protocol/session"
)

// forwarding is a module whose export "go" hands its input to one host function
// of extism:host/user and gives back what that returns.
func forwarding(name string, takes, gives bool) []byte {
	section := func(id byte, body ...byte) []byte {
		return append(binary.AppendUvarint([]byte{id}, uint64(len(body))), body...)
	}
	text := func(s string) []byte { return append([]byte{byte(len(s))}, s...) }
	host := []byte{0x60} // its type
	var run []byte
	if takes {
		host = append(host, 1, typeI64)
		run = append(run, 0x10, 0) // input_offset()
	} else {
		host = append(host, 0)
	}
	run = append(run, 0x10, 3) // the function
	if gives {
		host = append(host, 1, typeI64)
		run = append(run, 0x22, 0, 0x20, 0, 0x10, 1, 0x10, 2) // output_set(it, length(it))
	} else {
		host = append(host, 0)
	}
	run = slices.Concat([]byte{1, 1, typeI64}, run, []byte{0x41, 0, 0x0b})
	types := slices.Concat([]byte{5}, host, []byte{0x60, 0, 1, typeI64}, []byte{0x60, 1, typeI64, 1, typeI64}, []byte{0x60, 2, typeI64, typeI64, 0}, []byte{0x60, 0, 1, 0x7f})
	imports := []byte{4}
	for i, n := range []string{"input_offset", "length", "output_set", name} {
		module := moduleKernel
		if i == 3 {
			module = moduleUser
		}
		imports = slices.Concat(imports, text(module), text(n), []byte{0, []byte{1, 2, 3, 0}[i]})
	}
	return slices.Concat([]byte("\x00asm\x01\x00\x00\x00"), section(1, types...), section(2, imports...), section(3, 1, 4),
		section(7, slices.Concat([]byte{1}, text("go"), []byte{0, 4})...), section(10, slices.Concat([]byte{1, byte(len(run))}, run)...))
}

// TestForeignFunctions: a plugin that imports what hyper-mcp offers loads. What
// can't be done here says so when it is called, and the next call is as the first.
func TestForeignFunctions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name         string
		takes, gives bool
		out, log     string
		refusal      string
	}{
		{name: "create_message", takes: true, gives: true, refusal: "create_message: sampling is not offered"},
		{name: "create_elicitation", takes: true, gives: true, refusal: "create_elicitation: elicitation is not offered"},
		{name: "get_access_token", takes: true, gives: true, refusal: "get_access_token: secrets never enter a plugin"},
		{name: "get_keyring_secret", takes: true, gives: true, refusal: "get_keyring_secret: secrets never enter a plugin"},
		{name: "list_roots", gives: true, out: `{"roots":[]}`},
		{name: "notify_progress", takes: true, log: `info notify_progress {"progress":1}`},
		{name: "notify_logging_message", takes: true, log: `info notify_logging_message {"progress":1}`},
		{name: "notify_resource_updated", takes: true, log: `info notify_resource_updated {"progress":1}`},
		{name: "notify_url_elicitation_completed", takes: true, log: `info notify_url_elicitation_completed {"progress":1}`},
		{name: "notify_prompt_list_changed", log: "info notify_prompt_list_changed"},
		{name: "notify_resource_list_changed", log: "info notify_resource_list_changed"},
		{name: "notify_tool_list_changed", log: "info notify_tool_list_changed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := New(Options{Module: forwarding(test.name, test.takes, test.gives)})
			if err := r.Setup(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				var logged []string
				out, err := r.Invoke(t.Context(), &session.Call{
					Export: "go", Input: []byte(`{"progress":1}`), Log: func(level, m string) { logged = append(logged, level+" "+m) },
				})
				switch {
				case test.refusal == "" && (err != nil || string(out) != test.out):
					t.Errorf("%q, %v", out, err)
				case test.refusal != "" && (protocol.CodeOf(err) != protocol.NotFound || !strings.Contains(err.Error(), test.refusal)):
					t.Errorf("%q, %v: want %q", out, err, test.refusal)
				}
				if test.log != "" && !slices.Equal(logged, []string{test.log}) {
					t.Errorf("logged %q", logged)
				}
			}
		})
	}
}

// TestForeignFunctionsAreHeldToTheirTypes: a name is no way round the types.
func TestForeignFunctionsAreHeldToTheirTypes(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]signature{
		"an i32": {params: []byte{0x7f}}, "two handles": {params: []byte{typeI64, typeI64}}, "two results": {results: []byte{typeI64, typeI64}}, "a float": {results: []byte{0x7c}},
	} {
		err := checkUser(Import{Module: moduleUser, Name: "create_message", signature: s})
		if refused, ok := errors.AsType[*Refusal](err); !ok || refused.Import != moduleUser+".create_message" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
