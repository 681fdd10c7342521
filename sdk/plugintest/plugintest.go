// Package plugintest checks a built plugin against the duties that a host
// relies on. Start at [Run]; a plugin's own test is a few lines:
//
//	func TestPlugin(t *testing.T) {
//		plugintest.Run(t, plugintest.Config{
//			Manifest: m,
//			Open:     func(t *testing.T) plugintest.Plugin { return plugintest.Direct(hello(), nil) },
//		})
//	}
//
// [Direct] runs a plugin inside the test; a host's own test runs the built
// module in a real cell by way of the same interface.
//
// # Duties
//
// Of every plugin:
//
//  1. describe names exactly the manifest's tools, with the same schemas; texts
//     for readers may be left out but not differ. The owner agreed to what the
//     manifest says.
//  2. An export that is not there is an error with code not_found.
//  3. Malformed input is an error with code invalid, not a trap.
//
// Of a plugin with tools:
//
//  4. A tool that is not there is a result with isError.
//  5. Arguments that break the schema are refused, by a result with isError or
//     an error with code invalid, before any effect.
//  6. Good arguments give a result that is no error.
//  7. A result is valid: content of type text, UTF-8, of bounded size, also
//     when the host's answers are large.
//  8. Effects stay within what the manifest requires. No effect reads a
//     secret.
//  9. A denied effect is survived and told: the result repeats the host's
//     reason, and the plugin does not try for ever.
//
// 10. Answers that make no sense are survived without a trap.
// 11. When the caller is gone the call ends.
// 12. Calls at the same time give what they give one by one.
//
// Of a model:
//
//  13. complete returns a valid response: a known stop reason, calls only of
//     tools offered, with arguments that are objects.
//  14. With a stream asked for, each piece emitted is a delta, and together
//     they are the response's text.
//  15. A denied effect is an error with code denied.
//
// Of a channel:
//
//  16. poll gives events and a cursor within the bounds of package channel, and
//     waits only for what the manifest requires.
//  17. The same poll twice gives the same events: a host that was cut off lost
//     none. It goes on from a cursor alone, and survives one that is not its own.
//  18. When what it waits for is denied, it says so, and waits.
//  19. send takes Markdown of any kind to a chat that there is, refuses one that
//     there is not for good, and tells a denial.
//  20. Answers that make no sense are survived, and not asked for again at once.
//
// A channel that gets webhooks owes the same of what they bring: the same one
// twice gives the same events, and what makes no sense is an error with code
// invalid.
//
// After each failure it provokes the suite asks for describe again: a plugin
// is still usable after an error.
package plugintest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Plugin is a running plugin under test. Call invokes an export; the plugin's
// effects are answered by effect, and what it emits goes to emit, which may
// both be called from many goroutines. The error's code is
// [protocol.CodeOf] of it.
type Plugin interface {
	Call(ctx context.Context, export string, input []byte, effect func(ctx context.Context, name string, args []byte) ([]byte, error), emit func([]byte)) ([]byte, error)
}

// Config says what is tested. Manifest and Open are required.
type Config struct {
	Manifest *manifest.Manifest
	// Open gives the plugin, started: called once a duty, it may give the same
	// again as long as it runs. What it opens it closes with t.Cleanup.
	Open func(t *testing.T) Plugin
	// Effect makes the world in which the plugin can do its work, new for
	// each duty; nil stands for the Effect of a zero [World].
	Effect func() Effect
	// Args are good arguments for tools for which the suite's own guess from
	// the schema would not be.
	Args map[string]string
	// Model is the model name asked for; "" is "test".
	Model string
	// Chat is a chat that a channel can send to in the world of Effect.
	Chat string
	// Hook is the body of a webhook that brings a channel something, for one that
	// is sent to and does not ask.
	Hook string
}

// Run checks all duties that the manifest's kinds call for, each in a subtest
// of its own.
func Run(t *testing.T, cfg Config) {
	if cfg.Manifest == nil || cfg.Open == nil {
		t.Fatal("plugintest: Config needs Manifest and Open")
	}
	for _, d := range duties() {
		if !d.concerns(cfg.Manifest) {
			continue
		}
		t.Run(fmt.Sprintf("%02d %s", d.number, d.name), func(t *testing.T) {
			if err := d.check(newSuite(t.Context(), cfg, cfg.Open(t))); err != nil {
				t.Errorf("duty %d is broken: %s\n%v", d.number, d.text, err)
			}
		})
	}
}

// duty is one thing a plugin owes.
type duty struct {
	number   int
	name     string
	text     string
	concerns func(*manifest.Manifest) bool
	check    func(*suite) error
}

func every(*manifest.Manifest) bool     { return true }
func tools(m *manifest.Manifest) bool   { return len(m.Tools) > 0 }
func isModel(m *manifest.Manifest) bool { return m.Is(manifest.Model) }

func isChannel(m *manifest.Manifest) bool { return m.Is(manifest.Channel) }

func duties() []duty {
	return []duty{
		{1, "describe", "describe agrees with the manifest", every, checkDescribe},
		{2, "unknown export", "an export that is not there is an error with code not_found", every, checkUnknownExport},
		{3, "malformed input", "malformed input is an error with code invalid, not a trap", every, checkMalformed},
		{4, "unknown tool", "a tool that is not there is a result with isError", tools, checkUnknownTool},
		{5, "schema", "arguments that break the schema are refused before any effect", tools, checkSchema},
		{6, "good arguments", "good arguments give a result that is no error", tools, checkGood},
		{7, "valid result", "a result is valid and of bounded size, also when the host's answers are large", tools, checkResult},
		{8, "effects", "effects stay within what the manifest requires, and none reads a secret", every, checkEffects},
		{9, "denied", "a denied effect is survived and told", tools, checkDenied},
		{10, "nonsense", "answers that make no sense are survived without a trap", every, checkNonsense},
		{11, "caller gone", "when the caller is gone the call ends", every, checkGone},
		{12, "concurrent", "calls at the same time give what they give one by one", tools, checkConcurrent},
		{13, "response", "complete returns a valid response", isModel, checkResponse},
		{14, "deltas", "what is emitted is deltas that add up to the response's text", isModel, checkDeltas},
		{15, "model denied", "a denied effect is an error with code denied", isModel, checkModelDenied},
		{16, "arrives", "poll gives events and a cursor within the bounds", isChannel, checkArrives},
		{17, "cursor", "the same poll twice gives the same events", isChannel, checkCursor},
		{18, "trouble", "a denied wait is told, and followed by a wait", isChannel, checkTrouble},
		{19, "send", "send takes what it can, and refuses what it can't for good", isChannel, checkSend},
		{20, "channel nonsense", "answers that make no sense are survived, and not asked for again at once", isChannel, checkChannelNonsense},
	}
}

// suite is one duty's view of the plugin.
type suite struct {
	ctx    context.Context
	cfg    Config
	plugin Plugin
	world  Effect
}

func newSuite(ctx context.Context, cfg Config, p Plugin) *suite {
	s := &suite{ctx: ctx, cfg: cfg, plugin: p}
	s.world = new(World).Effect
	if cfg.Effect != nil {
		s.world = cfg.Effect()
	}
	return s
}

// call invokes an export in the suite's world.
func (s *suite) call(export string, input []byte) ([]byte, error) {
	return s.plugin.Call(s.ctx, export, input, s.world, func([]byte) {})
}

// usable says whether the plugin still answers after what was done to it.
func (s *suite) usable(after string) error {
	_, err := s.call(protocol.ExportDescribe, []byte("{}"))
	if trapped(err) {
		return fmt.Errorf("after %s the plugin no longer answers describe: %w", after, err)
	}
	return nil
}

// trapped tells a defect from a failure that the plugin meant to report.
func trapped(err error) bool {
	if err == nil {
		return false
	}
	switch protocol.CodeOf(err) {
	case protocol.Internal, protocol.Killed, protocol.Unavailable, protocol.Timeout, protocol.Unknown:
		return true
	}
	return false
}

// good returns the calls that must succeed: export and input.
func (s *suite) good() (calls []goodCall, err error) {
	for _, tool := range s.cfg.Manifest.Tools {
		args, err := s.args(tool)
		if err != nil {
			return nil, err
		}
		calls = append(calls, goodCall{protocol.ExportCall, tool.Name, toolCall(tool.Name, args)})
	}
	if isModel(s.cfg.Manifest) {
		input, err := json.Marshal(s.request(false))
		if err != nil {
			return nil, err
		}
		calls = append(calls, goodCall{protocol.ExportComplete, "complete", input})
	}
	return calls, nil
}

type goodCall struct {
	export, name string
	input        []byte
}

func (s *suite) args(tool manifest.ToolSpec) (json.RawMessage, error) {
	if given, ok := s.cfg.Args[tool.Name]; ok {
		if !json.Valid([]byte(given)) {
			return nil, fmt.Errorf("Config.Args[%q] is not JSON", tool.Name)
		}
		return json.RawMessage(given), nil
	}
	return sample(tool.Input)
}

func (s *suite) request(stream bool) model.Request {
	name := s.cfg.Model
	if name == "" {
		name = "test"
	}
	return model.Request{Model: name, Stream: stream, Messages: []model.Message{
		{Role: model.System, Text: "You are a test."}, {Role: model.User, Text: "Say something short."}}}
}

func toolCall(name string, args json.RawMessage) []byte {
	b, err := json.Marshal(map[string]any{"method": "tools/call", "params": map[string]any{"name": name, "arguments": args}})
	if err != nil { // args were checked to be JSON
		return nil
	}
	return b
}

// Direct runs a plugin that is written against package sdk inside the test,
// without a cell. config may be nil.
func Direct(p sdk.Plugin, config map[string]string) Plugin { return &direct{&p, config} }

type direct struct {
	plugin *sdk.Plugin
	config map[string]string
}

// Call implements [Plugin].
func (d *direct) Call(ctx context.Context, export string, input []byte, effect func(context.Context, string, []byte) ([]byte, error), emit func([]byte)) ([]byte, error) {
	return d.plugin.Invoke(ctx, directRuntime{effect, emit, d.config}, export, input)
}

type directRuntime struct {
	effect Effect
	emit   func([]byte)
	config map[string]string
}

func (r directRuntime) Effect(ctx context.Context, name string, args []byte) ([]byte, error) {
	return r.effect(ctx, name, args)
}

func (r directRuntime) Emit(_ context.Context, data []byte) error { r.emit(data); return nil }
func (r directRuntime) Config(key string) string                  { return r.config[key] }
func (r directRuntime) Log(string, string)                        {}

// gather joins what went wrong in many cases of one duty.
type gather struct {
	mu   sync.Mutex
	errs []error
}

func (g *gather) add(format string, a ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.errs) < 20 {
		g.errs = append(g.errs, fmt.Errorf(format, a...))
	}
}

func (g *gather) check(err error) {
	if err != nil {
		g.add("%w", err)
	}
}

func (g *gather) err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return errors.Join(g.errs...)
}
