package control

import "encoding/json"

// CallRequest calls a tool as the owner. It passes the gate like any other
// effect.
type CallRequest struct {
	Tool string          `json:"tool"`           // plugin/tool
	Args json.RawMessage `json:"args,omitempty"` // an object; empty is {}
}

// CallResult is the tool's answer. IsError is the tool's own word that it
// could not do it; a refusal by the gate is an [Error] instead.
type CallResult struct {
	Text    string   `json:"text"`
	IsError bool     `json:"is_error"`
	Effect  string   `json:"effect,omitempty"` // id in the audit log
	Labels  []string `json:"labels,omitempty"` // of the result
	Micros  int64    `json:"micros"`
}
