// Command servlet is an Extism plugin as there are many: written with Extism's
// own kit, in the shape of mcp.run servlets, and knowing nothing of Ambit.
//
//go:build wasip1

package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/extism/go-pdk"
)

// describe adds a tool named after the moment, so that no two answers agree.
//
//go:wasmexport describe
func describe() int32 {
	url := `{"type":"object","properties":{"url":{"type":"string"}},"required":["url"]}`
	pdk.OutputString(fmt.Sprintf(`{"tools":[
		{"name":"fetch","description":"Fetch a page.","inputSchema":%s},
		{"name":"born_%d","description":"It was not there before.","inputSchema":{"type":"object"}}]}`, url, time.Now().UnixNano()))
	return 0
}

//go:wasmexport call
func call() int32 {
	var req struct {
		Params struct {
			Name      string `json:"name"`
			Arguments struct {
				URL string `json:"url"`
			} `json:"arguments"`
		} `json:"params"`
	}
	if err := json.Unmarshal(pdk.Input(), &req); err != nil {
		pdk.SetError(err)
		return 1
	}
	if req.Params.Name != "fetch" {
		pdk.SetError(fmt.Errorf("no tool %s", req.Params.Name))
		return 1
	}
	res := pdk.NewHTTPRequest(pdk.MethodGet, req.Params.Arguments.URL).Send()
	answer := map[string]any{"content": []any{map[string]string{"type": "text", "text": fmt.Sprintf("%d: %s", res.Status(), res.Body())}}}
	if err := pdk.OutputJSON(answer); err != nil {
		pdk.SetError(err)
		return 1
	}
	return 0
}

func main() {}
