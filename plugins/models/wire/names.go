package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/ambithost/ambit/sdk/model"
)

// Names leads from the tool names that a server is given back to the host's.
type Names map[string]string

// NamesOf makes the names of a request's tools.
func NamesOf(tools []model.Tooldef) Names {
	names := Names{}
	for _, t := range tools {
		names[ToolName(t.Name)] = t.Name
	}
	return names
}

// Host leads back from the name that the server was given. A tool that was not
// offered keeps the name that the model invented, made printable: the host
// tells the model.
func (n Names) Host(name string) string {
	if host, ok := n[name]; ok {
		return host
	}
	return Printable(name, 128)
}

// ToolName fits a tool's name, or the id of a call, into the 64 letters,
// digits, dashes and underscores that every provider allows. One that fits is
// left as it is, and different names stay different.
func ToolName(name string) string {
	fit := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, name)
	if fit == name && len(name) <= 64 {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return fit[:min(len(fit), 51)] + "_" + hex.EncodeToString(sum[:6])
}

// Schema is a tool's input schema; of one that has none, that of no input.
func Schema(t model.Tooldef) json.RawMessage {
	if len(bytes.TrimSpace(t.Input)) == 0 {
		return json.RawMessage(`{"type":"object","properties":{}}`)
	}
	return t.Input
}

// Object is a call's arguments for a server. Servers refuse the whole
// conversation for a call that was malformed back then: it becomes {}.
func Object(args json.RawMessage) json.RawMessage {
	var object map[string]json.RawMessage
	if json.Unmarshal(args, &object) != nil || object == nil {
		return json.RawMessage("{}")
	}
	return args
}

// hostArgs passes arguments on as they are when they are JSON, else as a JSON
// string, so that the host can tell the model.
func hostArgs(args []byte) json.RawMessage {
	args = bytes.TrimSpace(args)
	if len(args) == 0 || string(args) == "null" {
		return json.RawMessage("{}")
	}
	if json.Valid(args) {
		return args
	}
	quoted, err := json.Marshal(string(args))
	if err != nil { // a string always can be
		return json.RawMessage("{}")
	}
	return quoted
}

// Printable drops what is no plain character and cuts.
func Printable(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), limit)]
}

// FromHost marks what the host says in the middle of a conversation, for the
// protocols that know system text at the beginning only.
func FromHost(text string) string { return "[message from the host]\n" + text }
