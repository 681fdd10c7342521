package sdk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/plugintest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// carrier is a runtime over a world in memory.
type carrier struct {
	effect plugintest.Effect
	pieces []string
	logged []string
}

func (c *carrier) Effect(ctx context.Context, name string, args []byte) ([]byte, error) {
	return c.effect(ctx, name, args)
}
func (c *carrier) Emit(_ context.Context, b []byte) error {
	c.pieces = append(c.pieces, string(b))
	return nil
}
func (c *carrier) Config(key string) string  { return map[string]string{"k": "v"}[key] }
func (c *carrier) Log(level, message string) { c.logged = append(c.logged, level+" "+message) }

func inWorld(w *plugintest.World) (*sdk.Host, *carrier) {
	c := &carrier{effect: w.Effect}
	return sdk.NewHost(c), c
}

func TestStorage(t *testing.T) {
	t.Parallel()
	h, _ := inWorld(new(plugintest.World))
	ctx := t.Context()
	if _, err := h.Get(ctx, "a"); protocol.CodeOf(err) != protocol.NotFound {
		t.Errorf("a missing key: %v", err)
	}
	if err := errors.Join(h.Put(ctx, "a", []byte("\xff")), h.Put(ctx, "ab", nil), h.Put(ctx, "b", nil)); err != nil {
		t.Fatal(err)
	}
	if v, err := h.Get(ctx, "a"); err != nil || string(v) != "\xff" {
		t.Errorf("get: %q, %v", v, err)
	}
	if keys, err := h.Keys(ctx, "a"); err != nil || strings.Join(keys, " ") != "a ab" {
		t.Errorf("keys: %v, %v", keys, err)
	}
	if err := h.Delete(ctx, "a"); err != nil {
		t.Error(err)
	}
	if _, err := h.Get(ctx, "a"); protocol.CodeOf(err) != protocol.NotFound {
		t.Errorf("a deleted key: %v", err)
	}
	if err := errors.Join(h.WriteFile(ctx, "d/f", []byte("1")), h.AppendFile(ctx, "d/f", []byte("2"))); err != nil {
		t.Fatal(err)
	}
	if b, err := h.ReadFile(ctx, "d/f"); err != nil || string(b) != "12" {
		t.Errorf("file: %q, %v", b, err)
	}
	if list, err := h.ListFolder(ctx, "d/"); err != nil || len(list) != 1 || list[0].Name != "f" || list[0].Size != 2 {
		t.Errorf("folder: %v, %v", list, err)
	}
	if err := h.DeleteFile(ctx, "d/f"); err != nil {
		t.Error(err)
	}
	if _, err := h.ReadFile(ctx, "d/f"); protocol.CodeOf(err) != protocol.NotFound {
		t.Errorf("a deleted file: %v", err)
	}
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	large := bytes.Repeat([]byte("0123456789abcdef"), 50_000)
	var got plugintest.HTTPRequest
	w := &plugintest.World{HTTP: func(r plugintest.HTTPRequest) plugintest.HTTPResponse {
		got = r
		return plugintest.HTTPResponse{Status: 201, Header: sdk.Header{"X-A": {"b"}}, Body: large}
	}}
	h, _ := inWorld(w)
	for name, r := range map[string]sdk.Request{
		"whole":    {URL: "https://example.org/", Method: "POST", Body: []byte("up")},
		"binary":   {URL: "https://example.org/", Method: "POST", Body: []byte("up\xff")},
		"streamed": {URL: "https://example.org/", Method: "POST", Body: []byte("up"), Stream: true},
		"upload":   {URL: "https://example.org/", Method: "POST", Upload: bytes.NewReader(large)},
	} {
		resp, err := h.HTTP(t.Context(), r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || !bytes.Equal(body, large) || resp.Status != 201 || resp.Header.Get("x-a") != "b" || resp.URL != r.URL {
			t.Errorf("%s: %d, %d bytes, %v", name, resp.Status, len(body), err)
		}
		want := r.Body
		if r.Upload != nil {
			want = large
		}
		if !bytes.Equal(got.Body, want) || got.Method != "POST" {
			t.Errorf("%s: the world got %s with %d bytes", name, got.Method, len(got.Body))
		}
		if err := errors.Join(resp.Body.Close(), resp.Body.Close()); err != nil {
			t.Errorf("%s: close: %v", name, err)
		}
	}
	if n := w.OpenStreams(); n != 0 {
		t.Errorf("%d streams left open", n)
	}
}

// TestStreamWithoutProgress: a host that answers nothing does not hold a plugin
// for ever.
func TestStreamWithoutProgress(t *testing.T) {
	t.Parallel()
	h := sdk.NewHost(&carrier{effect: func(context.Context, string, []byte) ([]byte, error) {
		return []byte(`{"status":200,"handle":1}`), nil
	}})
	resp, err := h.HTTP(t.Context(), sdk.Request{URL: "https://example.org/", Stream: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
}

func TestHostEffects(t *testing.T) {
	t.Parallel()
	w := &plugintest.World{Tool: func(name string, args json.RawMessage) (string, error) { return name + string(args), nil }}
	h, c := inWorld(w)
	ctx := t.Context()
	if clock, err := h.Clock(ctx); err != nil || clock.Now.Hour() != 12 || !clock.OwnerSeen.IsZero() {
		t.Errorf("clock: %+v, %v", clock, err)
	}
	if r, err := h.CallTool(ctx, "p/t", map[string]int{"a": 1}); err != nil || r.Text != `p/t{"a":1}` {
		t.Errorf("tool: %+v, %v", r, err)
	}
	if r, err := h.Complete(ctx, "", model.Request{}); err != nil || r.Text != "done" {
		t.Errorf("complete: %+v, %v", r, err)
	}
	if err := errors.Join(h.Message(ctx, "owner", "hi"), h.Emit(ctx, model.Delta{Text: "x"})); err != nil {
		t.Error(err)
	}
	h.Log("warn", "%d%%", 5)
	if h.Config("k") != "v" || strings.Join(w.Sent(), "") != "hi" || strings.Join(c.pieces, "") != `{"text":"x"}` || strings.Join(c.logged, "") != "warn 5%" {
		t.Errorf("sent %v, emitted %v, logged %v", w.Sent(), c.pieces, c.logged)
	}
	if err := h.Effect(ctx, "secret.use", struct{}{}, nil); protocol.CodeOf(err) != protocol.Invalid {
		t.Errorf("secret.use: %v", err)
	}
	if err := h.Effect(ctx, "clock.read", make(chan int), nil); protocol.CodeOf(err) != protocol.Invalid {
		t.Errorf("arguments that are no JSON: %v", err)
	}
}

func TestInvoke(t *testing.T) {
	t.Parallel()
	p := &sdk.Plugin{Name: "p", Tools: []sdk.Tool{
		{Name: "boom", Input: `{"type":"object"}`, Handle: func(context.Context, *sdk.Call) (sdk.Result, error) { panic("boom") }},
		{Name: "no", Input: `{"type":"object"}`, Handle: func(context.Context, *sdk.Call) (sdk.Result, error) {
			return sdk.Result{}, protocol.Errorf(protocol.Denied, "not today")
		}},
		{Name: "flood", Input: `{"type":"object"}`, Handle: func(context.Context, *sdk.Call) (sdk.Result, error) {
			return sdk.Text(strings.Repeat("x", protocol.MaxOutput)), nil
		}},
	}}
	for _, c := range []struct{ export, input, want string }{
		{"call", `{"params":{"name":"boom"}}`, "internal p: call: panic: boom"},
		{"call", `{"params":{"name":"no","arguments":null}}`, `{"content":[{"type":"text","text":"denied: not today"}],"isError":true}`},
		{"call", `{"params":{"name":"flood"}}`, "limit call: output of "},
		{"call", `{"method":"tools/list"}`, "invalid call: method "},
		{"call", `{} {}`, "invalid call: input is not a tools/call request: text after"},
		{"complete", `{}`, `not_found p has no export "complete"`},
	} {
		got, err := p.Invoke(t.Context(), &carrier{}, c.export, []byte(c.input))
		text := string(got)
		if err != nil {
			text = string(protocol.CodeOf(err)) + " " + err.Error()
		}
		if !strings.HasPrefix(text, c.want) {
			t.Errorf("%s %s: %.200s, want %s", c.export, c.input, text, c.want)
		}
	}
	bad := &sdk.Plugin{Name: "bad", Tools: []sdk.Tool{{Name: "t", Input: "{"}}}
	if _, err := bad.Invoke(t.Context(), &carrier{}, "describe", nil); protocol.CodeOf(err) != protocol.Internal {
		t.Errorf("a schema that is no JSON: %v", err)
	}
}

// FuzzInvoke: no input of a call ends in a panic.
func FuzzInvoke(f *testing.F) {
	p := &sdk.Plugin{Name: "p", Tools: []sdk.Tool{{
		Name: "t", Input: `{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}`,
		Handle: func(_ context.Context, c *sdk.Call) (sdk.Result, error) {
			var args struct {
				A int `json:"a"`
			}
			return sdk.Textf("%d", args.A), c.Bind(&args)
		},
	}}}
	f.Add([]byte(`{"method":"tools/call","params":{"name":"t","arguments":{"a":1}}}`))
	f.Add([]byte(`{"params":{"name":"t","arguments":[]}}`))
	f.Fuzz(func(t *testing.T, input []byte) {
		if _, err := p.Invoke(t.Context(), &carrier{}, "call", input); err != nil && protocol.CodeOf(err) == protocol.Internal {
			t.Error(err)
		}
	})
}
