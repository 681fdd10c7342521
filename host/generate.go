package host

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ambithost/ambit/host/cell"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/protocol"
)

func (b backend) driverInspect(ctx context.Context, s cell.Spec) (cell.Inspection, error) {
	return b.cells.driver.Inspect(ctx, s)
}

// generate makes the manifest of a plugin that has none: it is asked once, in
// a cell whose every effect is refused, and its answer is pinned. What it may
// reach is what the owner named.
func (b backend) generate(ctx context.Context, module, name, digest string, req control.PreviewRequest) (*manifest.Manifest, []byte, error) {
	m := &manifest.Manifest{Format: 1, Name: name, Version: "0.0.0", Runtime: manifest.Wasm, Module: filepath.Base(req.Path), Kinds: []manifest.Kind{manifest.Tool},
		Description: "A plugin without a manifest; its tools are as it described them.", Generated: true}
	spec := b.cells.specOf(m, digest, module, req.Config)
	found, err := b.driverInspect(ctx, spec)
	if err != nil {
		return nil, nil, fmt.Errorf("plugin %q: %w", name, err)
	}
	if err := b.generateTools(ctx, m, spec, found.Exports, req.Exports); err != nil {
		return nil, nil, err
	}
	if len(req.Hosts) > 0 {
		m.Requires = append(m.Requires, manifest.Requirement{
			Capability: "http.request", Reason: "named by the owner at install",
			Scope: capability.Scope{Allow: map[string][]string{"hosts": req.Hosts, "methods": {capability.Any}, "schemes": {"https", "http"}}},
		})
	}
	if err := m.Validate(); err != nil {
		return nil, nil, err
	}
	text, err := m.Encode()
	if err != nil {
		return nil, nil, err
	}
	m, err = manifest.Parse(text) // what is pinned is what is read back
	return m, text, err
}

// generateTools finds out for which host a module was made, and its tools. The
// functions that the owner named come first: they are what was asked for.
func (b backend) generateTools(ctx context.Context, m *manifest.Manifest, spec cell.Spec, exports, wanted []string) error {
	has := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(exports, n) })
	}
	switch {
	case len(wanted) > 0:
		m.Interface = manifest.Functions
		m.Description = "A plugin without a manifest; its tools are functions that were named at install."
		return functionTools(m, exports, wanted)
	case has(protocol.ExportDescribe, protocol.ExportCall):
		return b.describeTools(ctx, m, spec, protocol.ExportDescribe, []byte("{}"))
	case has(protocol.ExportListTools, protocol.ExportCallTool):
		m.Interface = manifest.HyperMCP2
		return b.describeTools(ctx, m, spec, protocol.ExportListTools, []byte(`{"context":{"id":"1","_meta":{}}}`))
	}
	why := "it exports no function that could be a tool"
	if names := candidates(exports); len(names) > 0 {
		why = "name the functions that shall be tools (--export " + strings.Join(names, ", --export ") + ")"
	}
	return protocol.Errorf(protocol.Invalid, "plugin %q has no manifest and does not say what its tools are (neither %q with %q nor %q with %q): %s, or write a plugin.yaml beside it",
		m.Name, protocol.ExportDescribe, protocol.ExportCall, protocol.ExportListTools, protocol.ExportCallTool, why)
}

// maxCandidates is how many functions an error names.
const maxCandidates = 12

// candidates are the functions that may be meant for others: not those that
// toolchains leave behind.
func candidates(exports []string) (out []string) {
	for _, e := range exports {
		if !strings.HasPrefix(e, "_") && !strings.HasPrefix(e, "asyncify_") && !strings.HasPrefix(e, "hs_") && len(out) < maxCandidates {
			out = append(out, e)
		}
	}
	return out
}

// functionTools makes tools of functions: a text in, a text out.
func functionTools(m *manifest.Manifest, exports, wanted []string) error {
	for _, name := range wanted {
		if !slices.Contains(exports, name) {
			return protocol.Errorf(protocol.Invalid, "plugin %q exports no function %q that can be called; it has: %s", m.Name, name, strings.Join(candidates(exports), ", "))
		}
		t := manifest.ToolSpec{
			Name: name, Description: "The function " + name + " of the plugin " + m.Name + ": takes a text and returns one.", Labels: []string{"untrusted"},
			Input: json.RawMessage(`{"type":"object","properties":{"input":{"type":"string","description":"what the function gets"}},"required":["input"],"additionalProperties":false}`),
		}
		t.Adapt()
		m.Tools = append(m.Tools, t)
	}
	return nil
}

// described is the answer of "describe" as mcp.run servlets and hyper-mcp
// plugins give it, and of "list_tools".
type described struct {
	Tools []struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		InputSchema json.RawMessage `json:"inputSchema"`
	} `json:"tools"`
}

func (b backend) describeTools(ctx context.Context, m *manifest.Manifest, spec cell.Spec, export string, input []byte) error {
	d, err := b.describe(ctx, spec, export, input)
	if err != nil {
		return fmt.Errorf("plugin %q was asked to describe itself: %w", m.Name, err)
	}
	for _, said := range d.Tools {
		t := manifest.ToolSpec{Name: said.Name, Description: said.Description, Input: said.InputSchema, Labels: []string{"untrusted"}}
		t.Adapt()
		m.Tools = append(m.Tools, t)
	}
	if len(m.Tools) == 0 {
		return protocol.Errorf(protocol.Invalid, "plugin %q says that it has no tools (prompts and resources are not used here)", m.Name)
	}
	return nil
}

func (b backend) describe(ctx context.Context, spec cell.Spec, export string, input []byte) (d described, err error) {
	c, err := b.cells.driver.Start(ctx, spec)
	if err != nil {
		return d, err
	}
	defer c.Kill()
	out, err := c.Call(ctx, cell.Call{Export: export, Input: input}) // without Effect: all are refused
	if err != nil {
		return d, err
	}
	if len(out) > manifest.MaxBytes {
		return d, protocol.Errorf(protocol.Limit, "its description has %d bytes, the limit is %d", len(out), manifest.MaxBytes)
	}
	if err := json.Unmarshal(out, &d); err != nil {
		return d, protocol.Errorf(protocol.Invalid, "its description is not {\"tools\": [...]}: %v", err)
	}
	return d, nil
}
