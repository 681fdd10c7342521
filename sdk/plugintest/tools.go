package plugintest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/ambithost/ambit/sdk/protocol"
)

// result is what export call returns.
type result struct {
	Content []struct {
		Type string  `json:"type"`
		Text *string `json:"text"`
	} `json:"content"`
	IsError bool `json:"isError"`
}

func (r result) text() string {
	var b strings.Builder
	for _, c := range r.Content {
		if c.Text != nil {
			b.WriteString(*c.Text)
		}
	}
	return b.String()
}

func parseResult(out []byte) (result, error) {
	var r result
	if len(out) > protocol.MaxOutput {
		return r, fmt.Errorf("output of %d bytes, the limit is %d", len(out), protocol.MaxOutput)
	}
	if !utf8.Valid(out) {
		return r, fmt.Errorf("output is not UTF-8")
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return r, fmt.Errorf("output is not a tools/call result: %w: %.200s", err, out)
	}
	if len(r.Content) == 0 {
		return r, fmt.Errorf("output has no content: %.200s", out)
	}
	for _, c := range r.Content {
		if c.Type == "text" && c.Text == nil {
			return r, fmt.Errorf("content of type text without text: %.200s", out)
		}
	}
	return r, nil
}

func checkDescribe(s *suite) error {
	out, err := s.call(protocol.ExportDescribe, []byte("{}"))
	if !tools(s.cfg.Manifest) && protocol.CodeOf(err) == protocol.NotFound && err != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("describe failed: %w", err)
	}
	var d struct {
		Tools []struct {
			Name        string `json:"name"`
			Description string `json:"description"`
			Input       any    `json:"inputSchema"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(out, &d); err != nil {
		return fmt.Errorf("describe: want {\"tools\": […]}: %w", err)
	}
	var g gather
	seen := map[string]bool{}
	for _, t := range d.Tools {
		seen[t.Name] = true
		want, ok := s.cfg.Manifest.Tool(t.Name)
		if !ok {
			g.add("describe has tool %q, the manifest has not", t.Name)
			continue
		}
		if t.Description != "" && t.Description != want.Description {
			g.add("tool %q: describe says %q, the manifest %q", t.Name, t.Description, want.Description)
		}
		var input any
		if err := json.Unmarshal(want.Input, &input); err != nil || !agree(t.Input, input, false) {
			got, _ := json.Marshal(t.Input)
			g.add("tool %q: the schemas differ\n describe: %s\n manifest: %s", t.Name, got, want.Input)
		}
	}
	for _, t := range s.cfg.Manifest.Tools {
		if !seen[t.Name] {
			g.add("the manifest has tool %q, describe has not", t.Name)
		}
	}
	return g.err()
}

// agree compares the schema that describe gives with the manifest's. Texts for
// readers may be left out; where there are any they are the same.
func agree(got, want any, names bool) bool {
	g, isObject := got.(map[string]any)
	w, both := want.(map[string]any)
	if !isObject || !both {
		return reflect.DeepEqual(got, want)
	}
	for key := range g {
		if _, ok := w[key]; !ok {
			return false
		}
	}
	for key, value := range w {
		have, ok := g[key]
		if !ok && !names && (key == "description" || key == "title" || key == "examples") {
			continue
		}
		if !ok || !agree(have, value, !names && key == "properties") {
			return false
		}
	}
	return true
}

func checkUnknownExport(s *suite) error {
	_, err := s.call("no_such_export", []byte("{}"))
	if err == nil {
		return fmt.Errorf("the call of no_such_export succeeded")
	}
	if code := protocol.CodeOf(err); code != protocol.NotFound {
		return fmt.Errorf("the code is %s: %w", code, err)
	}
	return s.usable("the call of an unknown export")
}

func checkMalformed(s *suite) error {
	var exports []string
	if tools(s.cfg.Manifest) {
		exports = append(exports, protocol.ExportCall)
	}
	if isModel(s.cfg.Manifest) {
		exports = append(exports, protocol.ExportComplete)
	}
	inputs := map[string]string{
		"nothing": "", "no JSON": "hello", "a truncated object": `{"method":"tools/call","params":{"na`,
		"a list": "[]", "a string": `"x"`, "no UTF-8": "\xff\xfe", "null": "null",
		"a name that is no string": `{"params":{"name":7},"messages":7}`,
		"deep nesting":             strings.Repeat("[", 20000) + strings.Repeat("]", 20000),
	}
	var g gather
	for _, export := range exports {
		for what, in := range inputs {
			out, err := s.call(export, []byte(in))
			if err == nil && export == protocol.ExportCall {
				if r, perr := parseResult(out); perr == nil && r.IsError {
					continue
				}
			}
			if code := protocol.CodeOf(err); err == nil {
				g.add("%s of %s succeeded", export, what)
			} else if code != protocol.Invalid {
				g.add("%s of %s: the code is %s: %w", export, what, code, err)
			}
			g.check(s.usable(export + " of " + what))
		}
	}
	return g.err()
}

func checkUnknownTool(s *suite) error {
	out, err := s.call(protocol.ExportCall, toolCall("no_such_tool", json.RawMessage("{}")))
	if err != nil {
		return fmt.Errorf("want a result with isError, got an error: %w", err)
	}
	r, err := parseResult(out)
	if err != nil {
		return err
	}
	if !r.IsError {
		return fmt.Errorf("the call of no_such_tool succeeded: %.200s", out)
	}
	return s.usable("the call of an unknown tool")
}

func checkSchema(s *suite) error {
	var g gather
	for _, tool := range s.cfg.Manifest.Tools {
		args, err := s.args(tool)
		if err != nil {
			return err
		}
		list, err := breaks(tool.Input, args)
		if err != nil {
			return err
		}
		for _, bad := range list {
			var effects atomic.Int64
			count := func(ctx context.Context, name string, args []byte) ([]byte, error) {
				effects.Add(1)
				return s.world(ctx, name, args)
			}
			out, err := s.plugin.Call(s.ctx, protocol.ExportCall, toolCall(tool.Name, bad.args), count, func([]byte) {})
			if err == nil {
				r, perr := parseResult(out)
				g.check(perr)
				if perr == nil && !r.IsError {
					g.add("%s: %s, and yet the call succeeded", tool.Name, bad.why)
				}
			} else if code := protocol.CodeOf(err); code != protocol.Invalid {
				g.add("%s: %s: the code is %s: %w", tool.Name, bad.why, code, err)
			}
			if n := effects.Load(); n > 0 {
				g.add("%s: %s, and yet %d effects were made", tool.Name, bad.why, n)
			}
			g.check(s.usable(tool.Name + " when " + bad.why))
		}
	}
	return g.err()
}

func checkGood(s *suite) error {
	calls, err := s.good()
	if err != nil {
		return err
	}
	var g gather
	for _, c := range calls {
		if c.export != protocol.ExportCall {
			continue
		}
		out, err := s.call(c.export, c.input)
		if err != nil {
			g.add("%s failed: %w (its arguments: %s; better ones go into Config.Args)", c.name, err, c.input)
			continue
		}
		if r, err := parseResult(out); err != nil {
			g.add("%s: %w", c.name, err)
		} else if r.IsError {
			g.add("%s: isError: %s (its arguments: %s; better ones go into Config.Args)", c.name, r.text(), c.input)
		}
	}
	return g.err()
}

// big makes the byte strings and texts in the host's answers large.
func big(answer []byte) []byte {
	var v map[string]any
	if json.Unmarshal(answer, &v) != nil {
		return answer
	}
	for key, size := range map[string]int{"data_base64": 8 << 20, "value_base64": 8 << 20, "body": 12 << 20, "text": 12 << 20, "data": protocol.MaxChunk} {
		if _, ok := v[key]; ok {
			v[key] = strings.Repeat("AAAA", size/4)
		}
	}
	out, err := json.Marshal(v)
	if err != nil {
		return answer
	}
	return out
}

func checkResult(s *suite) error {
	calls, err := s.good()
	if err != nil {
		return err
	}
	large := func(ctx context.Context, name string, args []byte) ([]byte, error) {
		out, err := s.world(ctx, name, args)
		return big(out), err
	}
	var g gather
	for _, c := range calls {
		if c.export != protocol.ExportCall {
			continue
		}
		for what, world := range map[string]Effect{"ordinary answers": s.world, "large answers": large} {
			out, err := s.plugin.Call(s.ctx, c.export, c.input, world, func([]byte) {})
			if trapped(err) {
				g.add("%s with %s: %w", c.name, what, err)
			} else if err == nil {
				if _, err := parseResult(out); err != nil {
					g.add("%s with %s: %w", c.name, what, err)
				}
			}
		}
	}
	g.check(s.usable("large answers"))
	return g.err()
}

func checkConcurrent(s *suite) error {
	calls, err := s.good()
	if err != nil {
		return err
	}
	var g gather
	var wg sync.WaitGroup
	for _, c := range calls {
		if c.export != protocol.ExportCall {
			continue
		}
		// Each call has a world of its own: only the plugin could mix them up.
		run := func() ([]byte, error) {
			own := newSuite(s.ctx, s.cfg, s.plugin)
			return own.call(c.export, c.input)
		}
		want, err := run()
		if err != nil {
			return fmt.Errorf("%s failed: %w", c.name, err)
		}
		for range 4 {
			wg.Go(func() {
				got, err := run()
				if err != nil {
					g.add("%s failed beside other calls: %w", c.name, err)
				} else if !bytes.Equal(got, want) {
					g.add("%s gave another result beside other calls:\n alone:  %.300s\n beside: %.300s", c.name, want, got)
				}
			})
		}
	}
	wg.Wait()
	return g.err()
}
