package host

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/protocol"
)

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
