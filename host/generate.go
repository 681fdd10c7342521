package host

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
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

// described is the answer of "describe" as mcp.run servlets and hyper-mcp
// plugins give it.
type described struct {
	Tools []struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		InputSchema json.RawMessage `json:"inputSchema"`
	} `json:"tools"`
}

// generate makes the manifest of a plugin that has none: it is asked once, in
// a cell whose every effect is refused, and its answer is pinned. What it may
// reach is what the owner named.
func (b backend) generate(ctx context.Context, module, name, digest string, req control.PreviewRequest) (*manifest.Manifest, []byte, error) {
	m := &manifest.Manifest{Format: 1, Name: name, Version: "0.0.0", Runtime: manifest.Wasm, Module: "module.wasm", Kinds: []manifest.Kind{manifest.Tool},
		Description: "A plugin without a manifest; its tools are as it described them.", Generated: true}
	spec := b.cells.specOf(m, digest, module, req.Config)
	found, err := b.driverInspect(ctx, spec)
	if err != nil {
		return nil, nil, fmt.Errorf("plugin %q: %w", name, err)
	}
	if !slices.Contains(found.Exports, protocol.ExportDescribe) {
		return nil, nil, protocol.Errorf(protocol.Invalid, "plugin %q has no manifest and does not export %q: write a plugin.yaml beside it that says what its tools are", name, protocol.ExportDescribe)
	}
	answer, err := b.describe(ctx, spec)
	if err != nil {
		return nil, nil, fmt.Errorf("plugin %q was asked to describe itself: %w", name, err)
	}
	for _, t := range answer.Tools {
		m.Tools = append(m.Tools, manifest.ToolSpec{Name: t.Name, Description: t.Description, Input: t.InputSchema, Labels: []string{"untrusted"}})
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
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, nil, err
	}
	m, err = manifest.Parse(text) // what is pinned is what is read back
	return m, text, err
}

func (b backend) describe(ctx context.Context, spec cell.Spec) (d described, err error) {
	c, err := b.cells.driver.Start(ctx, spec)
	if err != nil {
		return d, err
	}
	defer c.Kill()
	out, err := c.Call(ctx, cell.Call{Export: protocol.ExportDescribe, Input: []byte("{}")}) // without Effect: all are refused
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

// schema is the part of a configuration schema that Ambit enforces: values are
// strings.
type schema struct {
	Properties map[string]struct {
		Type    string `json:"type"`
		Default any    `json:"default"`
		Enum    []any  `json:"enum"`
	} `json:"properties"`
	Required []string `json:"required"`
}

func configSchema(raw json.RawMessage) (s schema) {
	if raw != nil {
		_ = json.Unmarshal(raw, &s) // the manifest was validated
	}
	return s
}

// configDefaults are the schema's defaults as strings.
func configDefaults(raw json.RawMessage) map[string]string {
	out := map[string]string{}
	for key, p := range configSchema(raw).Properties {
		if p.Default != nil {
			out[key] = fmt.Sprint(p.Default)
		}
	}
	return out
}

// checkConfig holds a configuration against the manifest's schema and lists
// the required keys that it lacks.
func checkConfig(m *manifest.Manifest, config map[string]string) (missing []string, err error) {
	s := configSchema(m.Config)
	for _, key := range slices.Sorted(maps.Keys(config)) {
		p, known := s.Properties[key]
		if !known && !m.Generated {
			return nil, protocol.Errorf(protocol.Invalid, "plugin %s has no configuration %q; it has: %s", m.Name, key, strings.Join(slices.Sorted(maps.Keys(s.Properties)), ", "))
		}
		value := config[key]
		switch p.Type {
		case "integer":
			_, err = strconv.ParseInt(value, 10, 64)
		case "number":
			_, err = strconv.ParseFloat(value, 64)
		case "boolean":
			_, err = strconv.ParseBool(value)
		}
		if err != nil {
			return nil, protocol.Errorf(protocol.Invalid, "configuration %q: %q is not of type %s", key, value, p.Type)
		}
		if len(p.Enum) > 0 && !slices.ContainsFunc(p.Enum, func(v any) bool { return fmt.Sprint(v) == value }) {
			return nil, protocol.Errorf(protocol.Invalid, "configuration %q: %q is not one of %v", key, value, p.Enum)
		}
	}
	for _, key := range s.Required {
		if config[key] == "" {
			missing = append(missing, key)
		}
	}
	return missing, nil
}
