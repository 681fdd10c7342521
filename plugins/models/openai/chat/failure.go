package chat

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/protocol"
)

// NoSecret stands for a server that wants no key.
const NoSecret = "none"

// problem is an error as servers describe it.
type problem struct {
	Message string          `json:"message"`
	Type    string          `json:"type"`
	Code    json.RawMessage `json:"code"` // text or a number
}

// readProblem understands {"error": {...}}, {"error": "text"} and the object
// itself; anything else is its own message.
func readProblem(b []byte) problem {
	var outer struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(b, &outer) == nil && len(outer.Error) > 0 {
		b = outer.Error
	}
	var p problem
	if json.Unmarshal(b, &p) == nil && p.Message != "" {
		return p
	}
	var text string
	if json.Unmarshal(b, &text) == nil {
		return problem{Message: text}
	}
	return problem{Message: string(b)}
}

func (p problem) is(words ...string) bool {
	all := strings.ToLower(p.Type + " " + string(p.Code) + " " + p.Message)
	for _, w := range words {
		if strings.Contains(all, w) {
			return true
		}
	}
	return false
}

func (p problem) tooLong() bool {
	return p.is("context_length", "context length", "context size", "context window", "maximum context", "too many tokens", "prompt is too long")
}

// text is the message on one line, cut.
func (p problem) text() string {
	s := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(p.Message, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if r := []rune(s); len(r) > 400 {
		s = string(r[:400]) + " …"
	}
	if s == "" {
		return "it gave no reason"
	}
	return s
}

// StatusError says what a status means for the owner: whether it helps to wait,
// and what to do.
func StatusError(resp *sdk.Response, body []byte, host, secret string) error {
	p := readProblem(body)
	said := fmt.Sprintf("%s answered %d: %s", host, resp.Status, p.text())
	status := resp.Status
	switch {
	case status == 401 || status == 403:
		if secret == NoSecret {
			return protocol.Errorf(protocol.Failed, "%s; it wants a key: store one with `ambit secret set NAME` and name it with `ambit plugin config openai secret=NAME`", said)
		}
		return protocol.Errorf(protocol.Failed, "%s; check the key with `ambit secret set %s`, and that it may use this model", said, secret)
	case status == 429 && p.is("insufficient_quota", "billing"):
		return protocol.Errorf(protocol.Failed, "%s; the account has no credit left", said)
	case status == 429:
		if after := printable(resp.Header.Get("Retry-After"), 40); after != "" {
			said += "; it asks to wait " + after
			if strings.Trim(after, "0123456789") == "" {
				said += " s"
			}
		}
		return protocol.Errorf(protocol.Unavailable, "%s", said)
	case p.tooLong() || status == 413:
		return protocol.Errorf(protocol.Limit, "%s; the conversation is too long for the model: start a new session, or lower the context limit", said)
	case status == 404:
		return protocol.Errorf(protocol.Failed, "%s; check the model's name and base_url with `ambit plugin show openai`", said)
	case status >= 300 && status < 400:
		return protocol.Errorf(protocol.Failed, "%s; it redirects, and the plugin does not follow: correct base_url with `ambit plugin config openai base_url=URL`", said)
	case status == 408 || status == 409 || status >= 500:
		return protocol.Errorf(protocol.Unavailable, "%s", said)
	}
	return protocol.Errorf(protocol.Failed, "%s", said)
}

// errorIn maps an error that came in the middle of a good answer.
func errorIn(raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	p := readProblem(raw)
	said := "the model's server reports: " + p.text()
	switch {
	case p.tooLong():
		return protocol.Errorf(protocol.Limit, "%s; the conversation is too long for the model", said)
	case p.is("rate_limit", "overloaded", "server_error", "internal", "unavailable", "timeout", "try again"):
		return protocol.Errorf(protocol.Unavailable, "%s", said)
	}
	return protocol.Errorf(protocol.Failed, "%s", said)
}

// Rejects reports whether a server refused a field of the request by name.
func Rejects(err error, field string) bool {
	return protocol.CodeOf(err) == protocol.Failed && strings.Contains(err.Error(), field)
}
