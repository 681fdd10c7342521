// Command hyper is a plugin for hyper-mcp's second interface (list_tools and
// call_tool, of its xtp-plugin-schema.json): written with Extism's own kit, and
// knowing nothing of Ambit.
//
//go:build wasip1

package main

import (
	"encoding/json"
	"fmt"

	"github.com/extism/go-pdk"
)

//go:wasmimport extism:host/user create_message
func createMessage(uint64) uint64

//go:wasmimport extism:host/user create_elicitation
func createElicitation(uint64) uint64

//go:wasmimport extism:host/user list_roots
func listRoots() uint64

//go:wasmimport extism:host/user notify_progress
func notifyProgress(uint64)

//go:wasmexport list_tools
func listTools() int32 {
	var in struct {
		Context struct {
			ID *string `json:"id"`
		} `json:"context"`
	}
	if err := json.Unmarshal(pdk.Input(), &in); err != nil || in.Context.ID == nil {
		pdk.SetError(fmt.Errorf("no context: %v", err))
		return 1
	}
	tool := func(name string) map[string]any {
		return map[string]any{"name": name, "title": "A tool", "description": "It is called " + name + ".\u202e", "inputSchema": map[string]any{"properties": map[string]any{"text": map[string]any{"type": "string"}}}}
	}
	_ = pdk.OutputJSON(map[string]any{"tools": []any{tool("roots"), tool("ask.model"), tool("ask.owner"), tool("both")}})
	return 0
}

//go:wasmexport call_tool
func callTool() int32 {
	var in struct {
		Request struct {
			Name      string            `json:"name"`
			Arguments map[string]string `json:"arguments"`
		} `json:"request"`
		Context struct {
			ID   string          `json:"id"`
			Meta json.RawMessage `json:"_meta"`
		} `json:"context"`
	}
	if err := json.Unmarshal(pdk.Input(), &in); err != nil || in.Context.ID == "" || string(in.Context.Meta) != "{}" {
		pdk.SetError(fmt.Errorf("no request: %v", err))
		return 1
	}
	progress := pdk.AllocateString(`{"progress":1,"progressToken":"t"}`)
	notifyProgress(progress.Offset())
	said := map[string]any{}
	message := pdk.AllocateString(`{"message":"Which?","maxTokens":1}`)
	switch in.Request.Name {
	case "roots":
		answer := pdk.FindMemory(listRoots())
		said["content"] = []any{map[string]any{"type": "text", "text": in.Request.Arguments["text"] + " " + string(answer.ReadBytes())}}
	case "ask.model":
		createMessage(message.Offset())
	case "ask.owner":
		createElicitation(message.Offset())
	case "both":
		said["content"] = []any{}
		said["structuredContent"] = map[string]any{"text": in.Request.Arguments["text"]}
	}
	_ = pdk.OutputJSON(said)
	return 0
}

func main() {}
