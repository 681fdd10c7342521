package effects

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

var mainAgent = policy.Entity{Type: "agent", ID: "main"}

const cardSchema = `{"type":"object","required":["amount","currency","merchant"],"properties":{
	"amount":{"type":"integer","minimum":1},"currency":{"type":"string","pattern":"^[A-Z]{3}$"},"merchant":{"type":"string"}}}`

// tools gives the world a plugin with tools of three kinds.
func (w *world) tools() {
	w.plugins["t"] = &manifest.Manifest{Format: 1, Name: "t", Version: "1.0.0", Kinds: []manifest.Kind{manifest.Tool}, Tools: []manifest.ToolSpec{
		{Name: "echo", Description: "x", Input: json.RawMessage(`{"type":"object","properties":{"text":{"type":"string","maxLength":10}},"additionalProperties":false}`), Labels: []string{"untrusted"}},
		{Name: "charge", Description: "x", Capability: "card.charge", Input: json.RawMessage(cardSchema)},
		{Name: "mail", Description: "x", Capability: "mail.read", Input: json.RawMessage(`{"type":"object","required":["mailbox"],"properties":{"mailbox":{"type":"string"}}}`), Labels: []string{"private"}},
		{Name: "evil", Description: "x", Input: json.RawMessage(`{"type":"object","$ref":"file:///etc/passwd"}`)},
		{Name: "loop", Description: "x", Input: json.RawMessage(`{"type":"object","$ref":"#"}`)},
	}}
}

// answer makes a cell that gives one text.
func (w *world) answer(text string) {
	w.cell = func(context.Context, string, string, []byte, func(context.Context, string, []byte) ([]byte, error), func([]byte)) ([]byte, error) {
		return []byte(text), nil
	}
}

func TestCallTool(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.tools()
	w.grant(t, "t", "tool.call", `{"tools":["t/echo"]}`)
	var input string
	w.cell = func(_ context.Context, plugin, export string, in []byte, _ func(context.Context, string, []byte) ([]byte, error), _ func([]byte)) ([]byte, error) {
		input = plugin + " " + export + " " + string(in)
		return []byte(`{"content":[{"type":"text","text":"a\u001b[31mb\u202e\u0000"},{"type":"image","data":"x","mimeType":"image/png"},{"type":"text","text":"c","annotations":{}}],"isError":true,"_meta":{}}`), nil
	}
	got, err := w.effects.CallTool(t.Context(), mainAgent, gate.Origin{Agent: "main"}, "t/echo", json.RawMessage(` { "text" : "hi<" } `))
	if err != nil {
		t.Fatal(err)
	}
	if got.Text != "a[31mb\n[content of type image left out]\nc" || !got.IsError || !slices.Equal(got.Labels, []string{"untrusted"}) {
		t.Fatalf("got %+v", got)
	}
	if input != `t call {"method":"tools/call","params":{"arguments":{"text":"hi<"},"name":"echo"}}` {
		t.Fatalf("the plugin got %s", input)
	}
	if !strings.Contains(w.recorded(), `"text":"hi<"`) {
		t.Fatalf("recorded %s", w.recorded())
	}
	for args, code := range map[string]protocol.Code{
		`{"text":1}`: protocol.Invalid, `{"text":"longer than ten"}`: protocol.Invalid, `{"other":1}`: protocol.Invalid, `[]`: protocol.Invalid, `null`: protocol.Invalid,
		`{"text":"a","text":"b"}`: protocol.Invalid, `{"text":"a"}x`: protocol.Invalid, strings.Repeat(`{"text":`, 1_000_000): protocol.Limit,
		strings.Repeat(`[`, 100) + strings.Repeat(`]`, 100): protocol.Limit,
	} {
		if _, err := w.effects.CallTool(t.Context(), mainAgent, gate.Origin{}, "t/echo", json.RawMessage(args)); protocol.CodeOf(err) != code {
			t.Errorf("%.60s: %v", args, err)
		}
	}
	for tool, code := range map[string]protocol.Code{
		"t/none": protocol.NotFound, "none/echo": protocol.NotFound, "t": protocol.Invalid, "": protocol.Invalid, "T/echo": protocol.Invalid, "../t/echo": protocol.Invalid,
		"t/evil": protocol.Invalid, "t/mail": protocol.Invalid,
	} {
		if _, err := w.effects.CallTool(t.Context(), mainAgent, gate.Origin{}, tool, nil); protocol.CodeOf(err) != code {
			t.Errorf("%s: %v", tool, err)
		}
	}
	if _, err := w.effects.CallTool(t.Context(), mainAgent, gate.Origin{}, "t/loop", nil); err == nil {
		t.Error("a schema that refers to itself without end was applied")
	}
	if _, err := w.effects.CallTool(t.Context(), mainAgent, gate.Origin{}, "t/mail", json.RawMessage(`{"mailbox":"x"}`)); protocol.CodeOf(err) != protocol.Denied {
		t.Errorf("without a grant: %v", err)
	}
}

// TestPolicySeesWhatThePluginGets: each of these arguments is one thing to one
// reader and another to the next.
func TestPolicySeesWhatThePluginGets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.tools()
	w.grant(t, "t", "card.charge", `{"max_amount":100}`)
	w.answer(`{"content":[]}`)
	for args, code := range map[string]protocol.Code{
		`{"amount":5,"amount":5000,"currency":"USD","merchant":"m"}`:      protocol.Invalid,
		`{"amount":5,"Amount":5000,"currency":"USD","merchant":"m"}`:      protocol.Invalid,
		`{"amount":5,"\u0061mount":5000,"currency":"USD","merchant":"m"}`: protocol.Invalid,
		`{"amount":5,"currency":"USD","currencY":"EUR","merchant":"m"}`:   protocol.Invalid,
		`{"amount":5e1,"currency":"USD","merchant":"m"}`:                  protocol.Invalid,
		`{"amount":5.0,"currency":"USD","merchant":"m"}`:                  protocol.Invalid,
		`{"amount":99999999999999999999,"currency":"USD","merchant":"m"}`: protocol.Invalid,
		`{"amount":"5","currency":"USD","merchant":"m"}`:                  protocol.Invalid,
		`{"amount":-5,"currency":"USD","merchant":"m"}`:                   protocol.Invalid,
		`{"currency":"USD","merchant":"m"}`:                               protocol.Invalid,
		`{"amount":101,"currency":"USD","merchant":"m"}`:                  protocol.Denied,
	} {
		_, err := w.effects.CallTool(t.Context(), mainAgent, gate.Origin{}, "t/charge", json.RawMessage(args))
		if protocol.CodeOf(err) != code {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestToolAttributes(t *testing.T) {
	t.Parallel()
	spec := &manifest.ToolSpec{Name: "send", Capability: "mail.send"}
	got, err := toolAttributes(spec, "t/send", map[string]any{"recipients": []any{"a@x", "b@y"}, "other": 1})
	if err != nil || !slices.Equal(got["recipients"].([]string), []string{"a@x", "b@y"}) || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	for _, bad := range []any{"a@x", []any{"a", 1}, nil} {
		if _, err := toolAttributes(spec, "t/send", map[string]any{"recipients": bad}); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

func TestToolResults(t *testing.T) {
	t.Parallel()
	for _, out := range []string{``, `x`, `[]`, `{"content":"text"}`, `{"content":[{"type":"text","text":1}]}`, strings.Repeat(`{"content":[`, 1000), `{} {}`} {
		if r, err := parseToolResult("t", []byte(out)); protocol.CodeOf(err) != protocol.Failed {
			t.Errorf("%.40q: %+v, %v", out, r, err)
		}
	}
	long := `{"content":[{"type":"text","text":` + quote(strings.Repeat("é", maxResultText)) + `},{"type":"text","text":"more"}]}`
	r, err := parseToolResult("t", []byte(long))
	if err != nil || len(r.Text) > maxResultText+100 || !strings.HasSuffix(r.Text, "1 MiB]") || strings.Contains(r.Text, "more") {
		t.Fatalf("%d bytes, %v", len(r.Text), err)
	}
}

// TestPluginCallsTool: the caller's grant, the provider's grant, and labels
// that pass through.
func TestPluginCallsTool(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.tools()
	w.grant(t, "p", "tool.call", `{"tools":["t/mail","t/echo"]}`)
	w.grant(t, "p", "clock.read", `{}`)
	w.answer(`{"content":[{"type":"text","text":"mail"}]}`)
	c := w.call(t)
	refused(t, protocol.Denied, c, "tool.call", `{"tool":"t/mail","args":{"mailbox":"in"}}`) // t holds none
	w.grant(t, "t", "mail.read", `{"mailboxes":["in"]}`)
	got := must(t, c, "tool.call", `{"tool":"t/mail","args":{"mailbox":"in"}}`)
	if got["text"] != "mail" || got["is_error"] != false {
		t.Fatalf("got %v", got)
	}
	refused(t, protocol.Denied, c, "tool.call", `{"tool":"t/mail","args":{"mailbox":"out"}}`)
	refused(t, protocol.Denied, c, "tool.call", `{"tool":"t/charge","args":{"amount":1,"currency":"USD","merchant":"m"}}`)
	if o := c.origin(); !slices.Equal(o.Labels, []string{"owner", "private"}) {
		t.Fatalf("labels %v", o.Labels)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var outer string
	for _, r := range w.records {
		if r.Kind == audit.Intent && r.Capability == "tool.call" {
			outer = r.Effect
		}
		if r.Kind == audit.Intent && r.Capability == "mail.read" && (r.Parent != outer || r.Actor != "plugin:p" || r.Plugin != "t") {
			t.Errorf("the inner effect is recorded as %+v", r)
		}
	}
}

// TestCodeOfARefusedTool: the tool says in its own words that it failed; why is
// told by what the gate said to it.
func TestCodeOfARefusedTool(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.tools()
	w.grant(t, "t", "tool.call", `{"tools":["t/echo"]}`)
	for asks, want := range map[string]protocol.Code{"clock.read": protocol.Denied, "kv.read": protocol.Failed, "": protocol.Failed} {
		args := []byte(`{}`)
		if asks == "kv.read" { // wrong arguments, which is no refusal
			args = []byte(`{"key":5}`)
		}
		w.cell = func(ctx context.Context, _, _ string, _ []byte, effect func(context.Context, string, []byte) ([]byte, error), _ func([]byte)) ([]byte, error) {
			if asks != "" {
				_, _ = effect(ctx, asks, args)
			}
			return []byte(`{"isError":true,"content":[{"type":"text","text":"it did not work"}]}`), nil
		}
		r, err := w.effects.CallTool(t.Context(), mainAgent, gate.Origin{}, "t/echo", json.RawMessage(`{"text":"a"}`))
		if err != nil || !r.IsError || r.Code != want {
			t.Errorf("a tool that asked for %q: %+v, %v", asks, r, err)
		}
	}
}

func TestPluginsThatCallEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.tools()
	w.grant(t, "t", "tool.call", `{"tools":["t/echo"]}`)
	depth := 0
	w.cell = func(ctx context.Context, _, _ string, _ []byte, effect func(context.Context, string, []byte) ([]byte, error), _ func([]byte)) ([]byte, error) {
		depth++
		_, err := effect(ctx, "tool.call", []byte(`{"tool":"t/echo","args":{}}`))
		return nil, err
	}
	_, err := w.effects.CallTool(t.Context(), mainAgent, gate.Origin{Agent: "main"}, "t/echo", nil)
	if protocol.CodeOf(err) != protocol.Limit || depth != w.effects.cfg.Limits.Depth+1 {
		t.Fatalf("%v at depth %d", err, depth)
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) {
		c.DefaultModel = func(string) (string, string, bool) { return "m", "default", true }
	})
	w.plugins["m"] = &manifest.Manifest{Name: "m", Kinds: []manifest.Kind{manifest.Model}}
	w.tools()
	w.grant(t, "m", "model.complete", `{"models":["big","default"]}`)
	var late func([]byte)
	out := `{"text":"hi\u0007","stop":"end","usage":{"input":-5,"output":3},"calls":[{"id":"1","name":"a__b","args":{}}]}`
	w.cell = func(_ context.Context, plugin, export string, in []byte, _ func(context.Context, string, []byte) ([]byte, error), emit func([]byte)) ([]byte, error) {
		late = emit
		for _, d := range []string{`{"text":"h"}`, `{"text":"i\u001b"}`, `nonsense`, `{"text":""}`, `{"text":"a","text":"b"}`} {
			emit([]byte(d))
		}
		return []byte(out), nil
	}
	var heard string
	got, err := w.effects.Complete(t.Context(), mainAgent, gate.Origin{Agent: "main"}, "m", model.Request{Model: "big"}, func(d model.Delta) { heard += d.Text })
	if err != nil {
		t.Fatal(err)
	}
	late([]byte(`{"text":"late"}`))
	if got.Text != "hi" || heard != "hi" || got.Usage.Input != 0 || len(got.Calls) != 1 {
		t.Fatalf("got %+v, heard %q", got, heard)
	}
	for _, tc := range []struct {
		plugin string
		req    model.Request
		code   protocol.Code
	}{
		{"m", model.Request{Model: "other"}, protocol.Denied}, {"t", model.Request{}, protocol.Invalid}, {"none", model.Request{}, protocol.NotFound},
		{"m", model.Request{Model: "a\nb"}, protocol.Invalid}, {"m", model.Request{MaxTokens: -1}, protocol.Invalid},
	} {
		if _, err := w.effects.Complete(t.Context(), mainAgent, gate.Origin{}, tc.plugin, tc.req, nil); protocol.CodeOf(err) != tc.code {
			t.Errorf("%+v: %v", tc, err)
		}
	}
	// A plugin needs its own grant besides the model's.
	c := w.call(t)
	args := `{"request":{"model":"","messages":[{"role":"user","text":"x"}]}}`
	refused(t, protocol.Denied, c, "model.complete", args)
	w.grant(t, "p", "model.complete", `{"models":["default"]}`)
	if got := must(t, c, "model.complete", args); got["text"] != "hi" {
		t.Fatalf("got %v", got)
	}
	refused(t, protocol.Denied, c, "model.complete", strings.Replace(args, `{`, `{"model":"m/big",`, 1))
	for _, bad := range []string{``, `{"stop":"odd"}`, `{"stop":"end","calls":[{"id":"","name":"x"}]}`, `{"stop":"end","calls":[{"id":"1","name":"x"},{"id":"1","name":"x"}]}`, `{"stop":"end","text":` + quote(strings.Repeat("x", maxAnswer+1)) + `}`, fmt.Sprintf(`{"stop":"end","calls":[%s{}]}`, strings.Repeat(`{},`, maxToolCalls))} {
		out = bad
		if _, err := w.effects.Complete(t.Context(), mainAgent, gate.Origin{}, "m", model.Request{Model: "big"}, nil); protocol.CodeOf(err) != protocol.Failed {
			t.Errorf("%.60s: %v", bad, err)
		}
	}
}

// TestKeepIsCapped: what a model plugin keeps is stored with the session.
func TestKeepIsCapped(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]int{model.MaxKeep: model.MaxKeep, model.MaxKeep + 1: 0} {
		r, err := parseResponse("m", []byte(`{"stop":"end","keep":`+quote(strings.Repeat("x", size-2))+`}`))
		if err != nil || len(r.Keep) != want {
			t.Errorf("of %d bytes %d are kept, %v", size, len(r.Keep), err)
		}
	}
}

// TestFailedToolsAndBudgets: that a charge failed is the word of a plugin. It is
// believed only of one that had asked for nothing that changes something.
func TestFailedToolsAndBudgets(t *testing.T) {
	t.Parallel()
	for asks, want := range map[string]bool{"": false, "clock.read": false, "kv.read": false, "kv.write": true, "http.request": true, "tool.call": true} {
		w := newWorld(t, nil)
		w.tools()
		c := w.effects.nested(Caller{Plugin: "t"}, 0)
		if asks != "" {
			_, _ = c.Do(t.Context(), asks, []byte(`{}`)) // refused or not: it tried
		}
		if got := c.hasActed(); got != want {
			t.Errorf("after %q: acted %v, want %v", asks, got, want)
		}
	}
}
