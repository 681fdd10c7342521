package wire

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// problem is an error as servers describe it. OpenAI, Anthropic and others
// write type or code, Google writes code and status.
type problem struct {
	Message string          `json:"message"`
	Type    string          `json:"type"`
	Code    json.RawMessage `json:"code"` // text or a number
	Status  string          `json:"status"`
	Details []struct {
		Reason     string `json:"reason"`     // google.rpc.ErrorInfo
		RetryDelay string `json:"retryDelay"` // google.rpc.RetryInfo: "39s"
	} `json:"details"`
}

// readProblem understands {"error": {...}}, {"error": "text"}, the object
// itself, and each of them in a list; anything else is its own message.
func readProblem(b []byte) problem {
	var list []json.RawMessage
	if json.Unmarshal(b, &list) == nil && len(list) > 0 {
		b = list[0]
	}
	var outer struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(b, &outer) == nil && len(outer.Error) > 0 {
		b = outer.Error
	}
	var p problem
	if err := json.Unmarshal(b, &p); err != nil { // details may have any form
		var plain struct{ Message, Type, Status string }
		if json.Unmarshal(b, &plain) == nil {
			p = problem{Message: plain.Message, Type: plain.Type, Status: plain.Status}
		}
	}
	if p.Message != "" || p.Type != "" {
		return p
	}
	var text string
	if json.Unmarshal(b, &text) == nil {
		return problem{Message: text}
	}
	return problem{Message: string(b)}
}

func (p problem) is(words ...string) bool {
	all := strings.ToLower(p.Type + " " + string(p.Code) + " " + p.Status + " " + p.Message)
	for _, d := range p.Details {
		all += " " + strings.ToLower(d.Reason)
	}
	for _, w := range words {
		if strings.Contains(all, w) {
			return true
		}
	}
	return false
}

func (p problem) tooLong() bool {
	return p.is("context_length", "context length", "context size", "context window", "context limit", "maximum context", "too many tokens",
		"prompt is too long", "input is too long", "request_too_large", "input token count", "exceeds the maximum number of tokens")
}

func (p problem) noCredit() bool {
	return p.is("insufficient_quota", "billing", "credit balance")
}

func (p problem) badKey() bool {
	return p.is("authentication_error", "permission_error", "api_key_invalid", "api key not valid", "invalid_api_key", "unauthenticated", "permission_denied")
}

func (p problem) withheld() bool {
	return p.is("content_filter", "content_policy", "content filtering", "blocked by")
}

// noVision: of OpenAI, vLLM, llama.cpp, Ollama, Google and Anthropic, in their
// own words.
func (p problem) noVision() bool {
	return p.is("image", "vision", "multimodal") &&
		p.is("not support", "n't support", "only supported by", "not enabled", "not a multimodal", "at most 0")
}

func (p problem) transient() bool {
	return p.is("rate_limit", "overloaded", "api_error", "timeout", "server_error", "internal", "unavailable", "resource_exhausted", "deadline_exceeded", "try again")
}

func (p problem) text() string {
	said := p.Message
	if said == "" {
		said = p.Type
	}
	if s := OneLine(said); s != "" {
		return s
	}
	return "it gave no reason"
}

// OneLine makes text of a server fit for an error: on one line, cut.
func OneLine(text string) string {
	s := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if r := []rune(s); len(r) > 400 {
		s = string(r[:400]) + " …"
	}
	return s
}

// wait is how long the server asks to wait; 0 if it does not say, or says it in
// a way that no standard knows.
func (p problem) wait(h sdk.Header, now time.Time) time.Duration {
	if d := seconds(h.Get("Retry-After-Ms")) / 1000; d > 0 {
		return d
	}
	after := strings.TrimSpace(h.Get("Retry-After"))
	if d := seconds(after); d > 0 {
		return d
	}
	if at, err := time.Parse(httpDate, after); err == nil && at.After(now) {
		return at.Sub(now)
	}
	for _, d := range p.Details {
		if d := seconds(strings.TrimSuffix(d.RetryDelay, "s")); d > 0 {
			return d
		}
	}
	return 0
}

// httpDate is the form of a date in a header (RFC 9110, 5.6.7), the one that
// servers write.
const httpDate = "Mon, 02 Jan 2006 15:04:05 GMT"

func seconds(s string) time.Duration {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n > 0) || n > maxWait.Seconds()*1000 {
		return 0
	}
	return time.Duration(n * float64(time.Second))
}

const maxWait = protocol.MaxRetryAfter * time.Millisecond

// unavailable is an error that waiting helps with, for as long as the server
// asks.
func unavailable(said string, wait time.Duration) error {
	if wait <= 0 {
		return protocol.Errorf(protocol.Unavailable, "%s", said)
	}
	return protocol.Errorf(protocol.Unavailable, "%s; it asks to wait %s", said, wait.Round(time.Millisecond)).After(wait)
}

// StatusError says what a status means for the owner: whether it helps to wait,
// and what to do. The codes are the same for every provider:
//
//	unavailable  a rate limit, with the wait the server asks for; an overload or
//	             fault of the server: it helps to ask again
//	limit        the conversation is too long for the model
//	invalid      it holds images, and the model can't read them
//	failed       the key, the credit, the model's name, the request, or content
//	             that the provider refuses
func StatusError(s Server, resp *sdk.Response, body []byte) error {
	p := readProblem(body)
	said := fmt.Sprintf("%s answered %d: %s", s.Host, resp.Status, p.text())
	failed := func(advice string, a ...any) error {
		return protocol.Errorf(protocol.Failed, "%s; %s", said, fmt.Sprintf(advice, a...))
	}
	switch status := resp.Status; {
	case p.tooLong() || status == 413:
		return protocol.Errorf(protocol.Limit, "%s; the conversation is too long for the model: start a new session, or lower the context limit", said)
	case p.noVision() && status >= 400:
		return model.NoVision(said + "; the model")
	case status == 402 || (status == 400 || status == 403 || status == 429) && p.noCredit():
		return failed("the account has no credit left")
	case status == 401 || status == 403 || status == 400 && p.badKey():
		if s.Secret == NoSecret {
			return failed("it wants a key: store one with `ambit secret set NAME` and name it with `ambit plugin config %s secret=NAME`", s.Plugin)
		}
		return failed("check the key with `ambit secret set %s`, and that it may use this model", s.Secret)
	case status == 429:
		return unavailable(said, p.wait(resp.Header, time.Now()))
	case status == 404:
		return failed("check the model's name and base_url with `ambit plugin show %s`", s.Plugin)
	case status >= 300 && status < 400:
		return failed("it redirects, and the plugin does not follow: correct base_url with `ambit plugin config %s base_url=URL`", s.Plugin)
	case status == 408 || status == 409 || status >= 500:
		return unavailable(said, p.wait(resp.Header, time.Now()))
	case p.withheld():
		return failed("the provider refuses this content")
	}
	return protocol.Errorf(protocol.Failed, "%s", said)
}

// StreamError maps an error that came in the middle of a good answer; nil when
// raw holds none.
func StreamError(raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	p := readProblem(raw)
	said := "the model's server reports: " + p.text()
	switch {
	case p.tooLong():
		return protocol.Errorf(protocol.Limit, "%s; the conversation is too long for the model", said)
	case p.noCredit() || p.badKey() || p.withheld():
		return protocol.Errorf(protocol.Failed, "%s", said)
	case p.transient():
		return unavailable(said, p.wait(nil, time.Now()))
	}
	return protocol.Errorf(protocol.Failed, "%s", said)
}

// BrokeOff is the error of an answer that ended before its end: it helps to ask
// again.
func BrokeOff() error {
	return protocol.Errorf(protocol.Unavailable, "the server's answer broke off before its end")
}

// Rejects reports whether a server refused a field of the request by name.
func Rejects(err error, field string) bool {
	return protocol.CodeOf(err) == protocol.Failed && strings.Contains(err.Error(), field)
}
