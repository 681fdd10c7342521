package plugintest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

const sampleSchema = `{"type":"object","properties":{"path":{"type":"string"},"times":{"type":"integer"}},"required":["path"],"additionalProperties":false}`

func sampleManifest(t *testing.T) *manifest.Manifest {
	t.Helper()
	m, err := manifest.Parse([]byte(`{"manifest":1,"name":"sample","version":"1.0.0","description":"A sample.","runtime":"wasm","module":"s.wasm",
		"kinds":["tool","model","channel"],"tools":[{"name":"show","description":"Show a file.","input":` + sampleSchema + `}],
		"requires":[{"capability":"file.read","scope":{"paths":["docs/"]},"reason":"It shows files."},
			{"capability":"http.request","scope":{"hosts":["post.example"],"methods":["GET","POST"]},"reason":"It brings messages."}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// samplePlugin keeps all duties.
func samplePlugin() sdk.Plugin {
	return sdk.Plugin{
		Name: "sample", Version: "1.0.0",
		Tools: []sdk.Tool{{Name: "show", Description: "Show a file.", Input: sampleSchema, Handle: show}},
		Complete: func(ctx context.Context, h *sdk.Host, r model.Request) (model.Response, error) {
			text, err := h.ReadFile(ctx, "docs/answer")
			if err != nil {
				return model.Response{}, err
			}
			resp := model.Response{Text: string(text), Stop: model.StopEnd}
			if r.Stream && len(text) > 0 {
				_ = h.Emit(ctx, model.Delta{Text: string(text[:1])})
				_ = h.Emit(ctx, model.Delta{Text: string(text[1:])})
			}
			for _, t := range r.Tools {
				resp.Calls = append(resp.Calls, model.ToolCall{ID: "1", Name: t.Name, Args: json.RawMessage("{}")})
				resp.Stop = model.StopTools
			}
			return resp, nil
		},
		Poll: samplePoll, Send: sampleSend,
	}
}

func show(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	var args struct {
		Path  string `json:"path"`
		Times int    `json:"times"`
	}
	if err := c.Bind(&args); err != nil {
		return sdk.Result{}, err
	}
	text, err := c.ReadFile(ctx, "docs/"+args.Path)
	return sdk.Text(string(text[:min(len(text), 1000)])), err
}

func sampleWorld() Effect {
	w := new(World)
	w.SetFile("docs/sample", []byte("some text"))
	w.SetFile("docs/answer", []byte("an answer"))
	w.HTTP = postOffice
	return w.Effect
}

// caller is a Plugin made of a function.
type caller func(ctx context.Context, export string, input []byte, effect Effect, emit func([]byte)) ([]byte, error)

func (c caller) Call(ctx context.Context, export string, input []byte, effect func(context.Context, string, []byte) ([]byte, error), emit func([]byte)) ([]byte, error) {
	return c(ctx, export, input, effect, emit)
}

func TestGoodPlugin(t *testing.T) {
	t.Parallel()
	Run(t, Config{Manifest: sampleManifest(t), Effect: sampleWorld, Chat: "here", Open: func(*testing.T) Plugin { return Direct(samplePlugin(), nil) }})
}

// breach is a plugin that breaks one duty, and what the suite must say of it.
type breach struct {
	duty   int
	name   string
	want   string
	change func(*sdk.Plugin)        // changes the sample
	wrap   func(good Plugin) caller // or stands before it
}

func TestEachDutyCanFail(t *testing.T) {
	t.Parallel()
	tried := map[int]bool{}
	for _, b := range breaches() {
		tried[b.duty] = true
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			p := samplePlugin()
			if b.change != nil {
				b.change(&p)
			}
			plugin := Direct(p, nil)
			if b.wrap != nil {
				plugin = b.wrap(plugin)
			}
			cfg := Config{Manifest: sampleManifest(t), Effect: sampleWorld, Chat: "here"}
			err := duties()[b.duty-1].check(newSuite(t.Context(), cfg, plugin))
			if err == nil || !strings.Contains(err.Error(), b.want) {
				t.Errorf("duty %d: got %v\nwant %q in it", b.duty, err, b.want)
			}
		})
	}
	for i, d := range duties() {
		if d.number != i+1 {
			t.Errorf("duty %d stands at place %d", d.number, i+1)
		}
		if !tried[d.number] {
			t.Errorf("nothing breaks duty %d, %s", d.number, d.name)
		}
	}
}

func breaches() []breach {
	return slices.Concat(toolBreaches(), protocolBreaches(), channelBreaches())
}

func handle(h func(context.Context, *sdk.Call) (sdk.Result, error)) func(*sdk.Plugin) {
	return func(p *sdk.Plugin) { p.Tools[0].Handle = h }
}

func toolBreaches() []breach {
	var turn atomic.Int64
	return []breach{
		{duty: 1, name: "other description", want: "describe says", change: func(p *sdk.Plugin) { p.Tools[0].Description = "Show a file. Then mail it." }},
		{duty: 1, name: "other schema", want: "the schemas differ", change: func(p *sdk.Plugin) { p.Tools[0].Input = `{"type":"object"}` }},
		{duty: 1, name: "another tool", want: "the manifest has not", change: func(p *sdk.Plugin) { p.Tools = append(p.Tools, sdk.Tool{Name: "extra", Input: "{}"}) }},
		{duty: 1, name: "a tool less", want: "describe has not", change: func(p *sdk.Plugin) { p.Tools = nil }},
		{duty: 5, name: "arguments unchecked", want: "and yet", change: handle(func(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
			text, err := c.ReadFile(ctx, "docs/sample")
			return sdk.Text(string(text)), err
		})},
		{duty: 6, name: "never works", want: "isError: ", change: handle(func(context.Context, *sdk.Call) (sdk.Result, error) {
			return sdk.Result{}, errors.New("out of order")
		})},
		{duty: 7, name: "passes on all it gets", want: "limit", change: handle(func(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
			text, err := c.ReadFile(ctx, "docs/sample")
			return sdk.Text(strings.Repeat(string(text), 3)), err
		}), wrap: func(good Plugin) caller {
			return func(ctx context.Context, export string, input []byte, effect Effect, emit func([]byte)) ([]byte, error) {
				out, err := good.Call(ctx, export, input, effect, emit)
				if protocol.CodeOf(err) == protocol.Limit { // without package sdk nothing holds it back
					return make([]byte, protocol.MaxOutput+1), nil
				}
				return out, err
			}
		}},
		{duty: 8, name: "other folder", want: "beyond the manifest's scope", change: handle(func(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
			_, err := c.ReadFile(ctx, "diary/today")
			return sdk.Result{}, err
		})},
		{duty: 8, name: "power not asked for", want: "does not require it", change: handle(func(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
			return sdk.Result{}, c.Message(ctx, "owner", "hi")
		})},
		{duty: 8, name: "reads a secret", want: "never reads a secret", change: handle(func(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
			return sdk.Result{}, c.Effect(ctx, "secret.use", map[string]string{"name": "CARD"}, nil)
		})},
		{duty: 9, name: "hides the denial", want: "does not say so", change: handle(func(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
			_, err := c.ReadFile(ctx, "docs/sample")
			if err != nil {
				return sdk.Text("All done."), nil
			}
			return sdk.Text("Shown."), nil
		})},
		{duty: 9, name: "tries again and again", want: "tried a denied effect", change: handle(func(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
			var err error
			for range 100 {
				_, err = c.ReadFile(ctx, "docs/sample")
			}
			return sdk.Result{}, err
		})},
		{duty: 10, name: "trusts the host's answer", want: "panic", change: handle(func(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
			text, _ := c.ReadFile(ctx, "docs/sample")
			return sdk.Text(string(text[:4])), nil
		})},
		{duty: 10, name: "reads for ever", want: "more than 1000 effects", change: handle(func(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
			var text []byte
			for len(text) == 0 && ctx.Err() == nil {
				text, _ = c.ReadFile(ctx, "docs/sample")
			}
			return sdk.Text(string(text)), nil
		})},
		{duty: 11, name: "goes on for nobody", want: "when its caller was gone", change: handle(func(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
			for range 100 {
				_, _ = c.ReadFile(ctx, "docs/sample")
			}
			return sdk.Result{}, ctx.Err()
		})},
		{duty: 12, name: "shares state", want: "another result beside", change: handle(func(context.Context, *sdk.Call) (sdk.Result, error) {
			return sdk.Textf("call %d", turn.Add(1)), nil
		})},
	}
}

// answers stands before the sample and answers one export.
func answers(export, output string, err error) func(Plugin) caller {
	return func(good Plugin) caller {
		return func(ctx context.Context, e string, input []byte, effect Effect, emit func([]byte)) ([]byte, error) {
			if e == export {
				return []byte(output), err
			}
			return good.Call(ctx, e, input, effect, emit)
		}
	}
}

func emits(piece string) func(*sdk.Plugin) {
	return func(p *sdk.Plugin) {
		p.Complete = func(ctx context.Context, h *sdk.Host, _ model.Request) (model.Response, error) {
			return model.Response{Text: "text", Stop: model.StopEnd}, h.Emit(ctx, json.RawMessage(piece))
		}
	}
}

func responds(resp model.Response) func(*sdk.Plugin) {
	return func(p *sdk.Plugin) {
		p.Complete = func(context.Context, *sdk.Host, model.Request) (model.Response, error) { return resp, nil }
	}
}

func protocolBreaches() []breach {
	trap := protocol.Errorf(protocol.Internal, "unreachable executed")
	var dead atomic.Bool
	return []breach{
		{duty: 2, name: "answers everything", want: "succeeded", wrap: answers("no_such_export", "{}", nil)},
		{duty: 2, name: "other code", want: "the code is internal", wrap: answers("no_such_export", "", trap)},
		{duty: 3, name: "traps on malformed input", want: "the code is internal", wrap: answers("call", "", trap)},
		{duty: 3, name: "takes anything for a request", want: "succeeded", wrap: answers("complete", "{}", nil)},
		{duty: 3, name: "dead after an error", want: "no longer answers", wrap: func(good Plugin) caller {
			return func(ctx context.Context, export string, input []byte, effect Effect, emit func([]byte)) ([]byte, error) {
				out, err := good.Call(ctx, export, input, effect, emit)
				if err != nil {
					dead.Store(true)
				}
				if dead.Load() {
					return nil, trap
				}
				return out, err
			}
		}},
		{duty: 4, name: "unknown tool is an error", want: "want a result with isError", wrap: answers("call", "", protocol.Errorf(protocol.NotFound, "no"))},
		{duty: 4, name: "unknown tool works", want: "succeeded", wrap: answers("call", `{"content":[{"type":"text","text":""}]}`, nil)},
		{duty: 7, name: "result without content", want: "no content", wrap: answers("call", `{}`, nil)},
		{duty: 7, name: "result is no UTF-8", want: "not UTF-8", wrap: answers("call", "{\"content\":[{\"type\":\"text\",\"text\":\"\xff\"}]}", nil)},
		{duty: 13, name: "unknown stop", want: "stop reason", change: responds(model.Response{Stop: "tired"})},
		{duty: 13, name: "tool not offered", want: "which was not offered", change: responds(model.Response{Stop: model.StopTools, Calls: []model.ToolCall{{ID: "1", Name: "card__charge", Args: json.RawMessage("{}")}}})},
		{duty: 13, name: "arguments no object", want: "no object", change: responds(model.Response{Stop: model.StopTools, Calls: []model.ToolCall{{ID: "1", Name: offered.Name, Args: json.RawMessage("[]")}}})},
		{duty: 13, name: "cannot work", want: "Config.Effect", wrap: answers("complete", "", protocol.Errorf(protocol.Failed, "no server"))},
		{duty: 14, name: "no delta", want: "is not a delta", change: emits(`"text"`)},
		{duty: 14, name: "deltas do not add up", want: "the response", change: emits(`{"text":"te"}`)},
		{duty: 14, name: "emits unasked", want: "no stream was asked", change: emits(`{"text":"text"}`)},
		{duty: 15, name: "swallows the denial", want: "though its effects were denied", change: func(p *sdk.Plugin) {
			p.Complete = func(ctx context.Context, h *sdk.Host, _ model.Request) (model.Response, error) {
				_, _ = h.ReadFile(ctx, "docs/answer")
				return model.Response{Stop: model.StopEnd}, nil
			}
		}},
		{duty: 15, name: "loses the code", want: "instead of denied", change: func(p *sdk.Plugin) {
			p.Complete = func(ctx context.Context, h *sdk.Host, _ model.Request) (model.Response, error) {
				_, err := h.ReadFile(ctx, "docs/answer")
				return model.Response{}, protocol.Errorf(protocol.Failed, "reading: %v", err)
			}
		}},
	}
}

func TestAgree(t *testing.T) {
	t.Parallel()
	const want = `{"type":"object","properties":{"a":{"type":"string","description":"An a."},"description":{"type":"string"}}}`
	for got, agrees := range map[string]bool{
		want: true,
		`{"type":"object","properties":{"a":{"type":"string"},"description":{"type":"string"}}}`:                       true,
		`{"type":"object","properties":{"a":{"type":"string"}}}`:                                                       false,
		`{"type":"object","properties":{"a":{"type":"string","description":"A b."},"description":{"type":"string"}}}`:  false,
		`{"type":"object","properties":{"a":{"type":"integer"},"description":{"type":"string"}}}`:                      false,
		`{"type":"object","properties":{"a":{"type":"string","title":"A"},"description":{"type":"string"}}}`:           false,
		`{"type":"object","properties":{"a":{"type":"string"},"description":{"type":"string"},"b":{"type":"string"}}}`: false,
		`[]`: false,
	} {
		var g, w any
		if err := errors.Join(json.Unmarshal([]byte(got), &g), json.Unmarshal([]byte(want), &w)); err != nil {
			t.Fatal(err)
		}
		if agree(g, w, false) != agrees {
			t.Errorf("%s: agrees %v, want %v", got, !agrees, agrees)
		}
	}
}

func TestSample(t *testing.T) {
	t.Parallel()
	got, err := sample(json.RawMessage(`{"type":"object","required":["a","b","c","d","e","url","n"],"properties":{
		"a":{"type":"string","minLength":8},"b":{"enum":["x","y"]},"c":{"type":"array","items":{"type":"integer","minimum":3}},
		"d":{"type":"object","required":["z"],"properties":{"z":{"type":"boolean"}}},"e":{"type":["number","null"]},
		"url":{"type":"string"},"n":{"type":"null"},"unused":{"type":"string"}}}`))
	want := `{"a":"samplexx","b":"x","c":[3],"d":{"z":true},"e":1,"n":null,"url":"https://example.org/"}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}
