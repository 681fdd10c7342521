package plugintest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Effect is what a plugin's effects are answered by.
type Effect func(ctx context.Context, name string, args []byte) ([]byte, error)

// noon is a World's time unless it is told another.
var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// World is a host in memory that allows everything: a key-value store, a
// workspace, a stopped clock, and whatever HTTP says. Its Effect method
// answers a plugin's effects. The zero World is ready; set its fields before
// use.
type World struct {
	// HTTP answers http.request; nil gives every URL the same short page.
	HTTP func(HTTPRequest) HTTPResponse
	// Tool answers tool.call; nil answers "done".
	Tool func(name string, args json.RawMessage) (string, error)
	// Model answers model.complete; nil says "done".
	Model func(model.Request) (model.Response, error)
	// Agent answers agent.run; nil has every task done.
	Agent func(task string, tools []string) (text, reason, notice string)
	// Skills answers skill.read: texts by "skill" and "skill/file".
	Skills map[string]string
	// Now is the time; zero is the noon of a day in 2026.
	Now time.Time

	mu      sync.Mutex
	kv      map[string][]byte
	files   map[string][]byte
	secrets map[string]string // captured
	streams map[uint64]*stream
	handles uint64
	sent    []string
	plans   []Plan
	planned int
	notes   map[string]string
	names   []string
}

// HTTPRequest is an http.request as a World sees it.
type HTTPRequest struct {
	Method  string
	URL     string
	Header  sdk.Header
	Body    []byte
	Secrets []sdk.Secret
	Capture []sdk.Capture
}

// HTTPResponse is a World's answer; Status 0 is 200.
type HTTPResponse struct {
	Status int
	Header sdk.Header
	Body   []byte
	URL    string // after redirects; "" is the one asked for
}

type stream struct {
	data    []byte       // still to be read
	request *HTTPRequest // an upload in progress
}

// File returns a file of the workspace.
func (w *World) File(path string) ([]byte, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, ok := w.files[path]
	return slices.Clone(b), ok
}

// SetFile puts a file into the workspace.
func (w *World) SetFile(path string, data []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.files == nil {
		w.files = map[string][]byte{}
	}
	w.files[path] = slices.Clone(data)
}

// Secret returns what was captured under a name.
func (w *World) Secret(name string) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, ok := w.secrets[name]
	return v, ok
}

// Sent returns the texts of message.send so far.
func (w *World) Sent() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sent)
}

// Effects returns the names of all effects so far.
func (w *World) Effects() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.names)
}

// OpenStreams counts bodies that were not closed.
func (w *World) OpenStreams() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.streams)
}

// effectArgs is the union of what effects take.
type effectArgs struct {
	Key     string          `json:"key"`
	Prefix  *string         `json:"prefix"`
	Value   []byte          `json:"value_base64"`
	Delete  bool            `json:"delete"`
	Path    string          `json:"path"`
	Data64  []byte          `json:"data_base64"`
	Append  bool            `json:"append"`
	To      string          `json:"to"`
	Text    string          `json:"text"`
	Tool    string          `json:"tool"`
	Task    string          `json:"task"`
	Skill   string          `json:"skill"`
	Tools   []string        `json:"tools"`
	Args    json.RawMessage `json:"args"`
	Request model.Request   `json:"request"`
	At      string          `json:"at"`
	Every   string          `json:"every"`
	Cron    string          `json:"cron"`
	Zone    string          `json:"zone"`
	Name    string          `json:"name"`
	Query   string          `json:"query"`
	Forget  bool            `json:"forget"`
	ID      string          `json:"id"`
	Handle  uint64          `json:"handle"`
	Max     int             `json:"max"`
	Data    []byte          `json:"data"`
	httpArgs
}

type httpArgs struct {
	Method  string                     `json:"method"`
	URL     string                     `json:"url"`
	Headers map[string]json.RawMessage `json:"headers"`
	Body    string                     `json:"body"`
	Body64  []byte                     `json:"body_base64"`
	Secrets []sdk.Secret               `json:"secrets"`
	Capture []sdk.Capture              `json:"capture"`
	Stream  bool                       `json:"stream"`
	Upload  bool                       `json:"upload"`
}

// Effect answers one effect.
func (w *World) Effect(ctx context.Context, name string, args []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, protocol.Errorf(protocol.Timeout, "%s: %v", name, err)
	}
	var a effectArgs
	if err := json.Unmarshal(args, &a); err != nil {
		return nil, protocol.Errorf(protocol.Invalid, "%s: %v", name, err)
	}
	w.mu.Lock()
	w.names = append(w.names, name)
	w.mu.Unlock()
	answer, err := w.answer(name, a)
	if err != nil {
		return nil, protocol.AsError(err)
	}
	return json.Marshal(answer)
}

func (w *World) answer(name string, a effectArgs) (any, error) {
	switch name {
	case "clock.read":
		now := w.Now
		if now.IsZero() {
			now = noon
		}
		return map[string]any{"now": now, "zone": "UTC", "unix_ms": now.UnixMilli()}, nil
	case "log.write":
		return struct{}{}, nil
	case "message.send":
		w.mu.Lock()
		defer w.mu.Unlock()
		w.sent = append(w.sent, a.Text)
		return struct{}{}, nil
	case "schedule.create", "schedule.cancel", "schedule.read":
		return w.schedule(name, a)
	case "skill.read":
		return w.skill(a)
	case "agent.run":
		return w.delegate(a)
	case "memory.read", "memory.write":
		return w.memory(name, a)
	case "tool.call":
		return w.tool(a)
	case "model.complete":
		if w.Model == nil {
			return model.Response{Text: "done", Stop: model.StopEnd}, nil
		}
		return w.Model(a.Request)
	case "kv.read", "kv.write":
		return w.store(name, a)
	case "file.read", "file.write":
		return w.file(name, a)
	case "http.request", "http.response", protocol.StreamRead, protocol.StreamWrite, protocol.StreamClose:
		return w.http(name, a)
	case "secret.use":
		return nil, protocol.Errorf(protocol.Invalid, "secret.use: name the secret in an http.request; a plugin never reads it")
	}
	return nil, protocol.Errorf(protocol.Invalid, "no effect %q in this world", name)
}

func (w *World) tool(a effectArgs) (any, error) {
	if w.Tool == nil {
		return map[string]any{"text": "done", "is_error": false}, nil
	}
	text, err := w.Tool(a.Tool, a.Args)
	return map[string]any{"text": text, "is_error": false}, err
}

func (w *World) store(name string, a effectArgs) (any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case name == "kv.read" && a.Prefix != nil:
		keys := slices.Sorted(maps.Keys(w.kv))
		return map[string]any{"keys": slices.DeleteFunc(keys, func(k string) bool { return !strings.HasPrefix(k, *a.Prefix) })}, nil
	case name == "kv.read":
		v, ok := w.kv[a.Key]
		return map[string]any{"found": ok, "value_base64": v}, nil
	case a.Delete:
		delete(w.kv, a.Key)
	default:
		if w.kv == nil {
			w.kv = map[string][]byte{}
		}
		w.kv[a.Key] = a.Value
	}
	return struct{}{}, nil
}

func (w *World) file(name string, a effectArgs) (any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.files == nil {
		w.files = map[string][]byte{}
	}
	data, found := w.files[a.Path]
	missing := protocol.Errorf(protocol.NotFound, "%s: no file %q", name, a.Path)
	switch {
	case name == "file.read" && strings.HasSuffix(a.Path, "/"):
		return w.folder(a.Path, missing)
	case name == "file.read" && !found, a.Delete && !found:
		return nil, missing
	case name == "file.read":
		return map[string]any{"data_base64": data, "size": len(data)}, nil
	case a.Delete:
		delete(w.files, a.Path)
	case a.Append:
		w.files[a.Path] = append(slices.Clone(data), a.Data64...)
	default:
		w.files[a.Path] = a.Data64
	}
	return struct{}{}, nil
}

func (w *World) folder(path string, missing error) (any, error) {
	entries := []sdk.Entry{}
	for _, name := range slices.Sorted(maps.Keys(w.files)) {
		rest, ok := strings.CutPrefix(name, path)
		if ok && !strings.Contains(rest, "/") {
			entries = append(entries, sdk.Entry{Name: rest, Size: int64(len(w.files[name])), Modified: w.Now})
		}
	}
	if len(entries) == 0 {
		return nil, missing
	}
	return map[string]any{"entries": entries}, nil
}

func (w *World) http(name string, a effectArgs) (any, error) {
	if name == "http.request" {
		if u, err := url.Parse(a.URL); err != nil || u.Host == "" {
			return nil, protocol.Errorf(protocol.Invalid, "http.request: url %q is not absolute", a.URL)
		}
		req := &HTTPRequest{Method: a.Method, URL: a.URL, Header: header(a.Headers), Body: a.Body64, Secrets: a.Secrets, Capture: a.Capture}
		if a.Body != "" {
			req.Body = []byte(a.Body)
		}
		if a.Upload {
			return map[string]any{"handle": w.open(&stream{request: req})}, nil
		}
		return w.respond(req, a.Stream)
	}
	w.mu.Lock()
	s, ok := w.streams[a.Handle]
	if !ok {
		w.mu.Unlock()
		return nil, protocol.Errorf(protocol.NotFound, "%s: no handle %d", name, a.Handle)
	}
	defer w.mu.Unlock()
	switch name {
	case protocol.StreamWrite:
		s.request.Body = append(s.request.Body, a.Data...)
	case protocol.StreamRead:
		n := min(len(s.data), max(a.Max, 1), protocol.MaxChunk)
		chunk := s.data[:n]
		s.data = s.data[n:]
		return map[string]any{"data": chunk, "eof": len(s.data) == 0}, nil
	case protocol.StreamClose:
		if s.request == nil {
			delete(w.streams, a.Handle)
		}
	case "http.response":
		delete(w.streams, a.Handle)
		w.mu.Unlock()
		answer, err := w.respond(s.request, false)
		w.mu.Lock()
		return answer, err
	}
	return struct{}{}, nil
}

func (w *World) open(s *stream) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.streams == nil {
		w.streams = map[uint64]*stream{}
	}
	w.handles++
	w.streams[w.handles] = s
	return w.handles
}

func (w *World) respond(req *HTTPRequest, streamed bool) (map[string]any, error) {
	resp := HTTPResponse{Header: sdk.Header{"Content-Type": {"text/html; charset=utf-8"}},
		Body: []byte("<!doctype html><title>A page</title><p>All is well.</p>")}
	if w.HTTP != nil {
		resp = w.HTTP(*req)
	}
	if resp.Status == 0 {
		resp.Status = 200
	}
	if resp.URL == "" {
		resp.URL = req.URL
	}
	if err := w.capture(req.Capture, &resp); err != nil {
		return nil, err
	}
	answer := map[string]any{"status": resp.Status, "headers": resp.Header, "url": resp.URL}
	switch {
	case streamed:
		answer["handle"] = w.open(&stream{data: resp.Body})
	case utf8.Valid(resp.Body):
		answer["body"] = string(resp.Body)
	default:
		answer["body_base64"] = base64.StdEncoding.EncodeToString(resp.Body)
	}
	return answer, nil
}

// capture keeps what is asked for of an answer that says all is well, and cuts it
// out of the answer. It finds keys of objects; a host does all of RFC 6901.
func (w *World) capture(refs []sdk.Capture, resp *HTTPResponse) error {
	if resp.Status >= 300 {
		return nil
	}
	for _, r := range refs {
		var at any
		_ = json.Unmarshal(resp.Body, &at) // then nothing is found in it
		for _, key := range strings.Split(strings.TrimPrefix(r.Pointer, "/"), "/") {
			object, _ := at.(map[string]any)
			at = object[key]
		}
		text, _ := at.(string)
		if text == "" {
			return protocol.Errorf(protocol.Failed, "http.request: there is no text at %s; the answer is withheld", r.Pointer)
		}
		w.mu.Lock()
		_, taken := w.secrets[r.Secret]
		if w.secrets == nil {
			w.secrets = map[string]string{}
		}
		if !taken {
			w.secrets[r.Secret] = text
		}
		w.mu.Unlock()
		if taken {
			return protocol.Errorf(protocol.Denied, "secret.store: there is a secret %s already", r.Secret)
		}
		resp.Body = bytes.ReplaceAll(resp.Body, []byte(text), []byte("[redacted]"))
	}
	return nil
}

// header reads fields given as one string or as a list.
func header(in map[string]json.RawMessage) sdk.Header {
	out := sdk.Header{}
	for name, raw := range in {
		var list []string
		if !bytes.HasPrefix(raw, []byte("[")) {
			raw = append(append([]byte("["), raw...), ']')
		}
		if json.Unmarshal(raw, &list) == nil {
			out[name] = list
		}
	}
	return out
}
