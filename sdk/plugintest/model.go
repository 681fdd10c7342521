package plugintest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// complete calls export complete and returns the response and what was emitted.
func (s *suite) complete(req model.Request) (resp model.Response, pieces [][]byte, err error) {
	input, err := json.Marshal(req)
	if err != nil {
		return resp, nil, err
	}
	var mu sync.Mutex
	out, err := s.plugin.Call(s.ctx, protocol.ExportComplete, input, s.world, func(b []byte) {
		mu.Lock()
		defer mu.Unlock()
		pieces = append(pieces, slices.Clone(b))
	})
	if err != nil {
		return resp, nil, fmt.Errorf("complete failed: %w (what it needs of the world goes into Config.Effect)", err)
	}
	if len(out) > protocol.MaxOutput {
		return resp, nil, fmt.Errorf("output of %d bytes, the limit is %d", len(out), protocol.MaxOutput)
	}
	if err := json.Unmarshal(out, &resp); err != nil {
		return resp, nil, fmt.Errorf("output is not a response: %w: %.200s", err, out)
	}
	return resp, pieces, nil
}

// offered is a tool that a model may call.
var offered = model.Tooldef{Name: "clock__now", Description: "Tell the time.", Input: json.RawMessage(`{"type":"object","properties":{}}`)}

func checkResponse(s *suite) error {
	var g gather
	for _, withTools := range []bool{false, true} {
		req := s.request(false)
		if withTools {
			req.Tools = []model.Tooldef{offered}
		}
		resp, _, err := s.complete(req)
		if err != nil {
			g.check(err)
			continue
		}
		if !slices.Contains([]model.StopReason{model.StopEnd, model.StopTools, model.StopLength, model.StopFilter}, resp.Stop) {
			g.add("stop reason %q is unknown", resp.Stop)
		}
		if len(resp.Calls) > 0 != (resp.Stop == model.StopTools) {
			g.add("%d tool calls with stop reason %q", len(resp.Calls), resp.Stop)
		}
		if resp.Usage.Input < 0 || resp.Usage.Output < 0 {
			g.add("usage is negative: %+v", resp.Usage)
		}
		for _, c := range resp.Calls {
			g.check(checkCall(c, req.Tools))
		}
	}
	return g.err()
}

func checkCall(c model.ToolCall, tools []model.Tooldef) error {
	if c.ID == "" {
		return fmt.Errorf("a call of %q has no id", c.Name)
	}
	if !slices.ContainsFunc(tools, func(t model.Tooldef) bool { return t.Name == c.Name }) {
		return fmt.Errorf("a call of %q, which was not offered", c.Name)
	}
	var args map[string]any
	if err := json.Unmarshal(c.Args, &args); err != nil || args == nil {
		return fmt.Errorf("a call of %q with arguments that are no object: %.200s", c.Name, c.Args)
	}
	return nil
}

func checkDeltas(s *suite) error {
	resp, pieces, err := s.complete(s.request(true))
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, p := range pieces {
		var d model.Delta
		if err := decodeStrict(p, &d); err != nil {
			return fmt.Errorf("what was emitted is not a delta: %w: %.200s", err, p)
		}
		text.WriteString(d.Text)
	}
	if text.String() != resp.Text {
		return fmt.Errorf("the %d deltas say %.300q, the response %.300q", len(pieces), text.String(), resp.Text)
	}
	if _, pieces, err = s.complete(s.request(false)); err == nil && len(pieces) > 0 {
		return fmt.Errorf("%d deltas were emitted though no stream was asked for", len(pieces))
	}
	return err
}

func decodeStrict(b []byte, into any) error {
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

func checkModelDenied(s *suite) error {
	input, err := json.Marshal(s.request(true))
	if err != nil {
		return err
	}
	var tries atomic.Int64
	_, err = s.bounded(s.ctx, goodCall{protocol.ExportComplete, "complete", input}, refuse(&tries))
	switch n := tries.Load(); {
	case n == 0: // a model that needs nothing
	case n > maxTries:
		return fmt.Errorf("complete tried a denied effect %d times", n)
	case err == nil:
		return fmt.Errorf("complete succeeded though its effects were denied")
	case protocol.CodeOf(err) != protocol.Denied:
		return fmt.Errorf("the code is %s instead of denied: %w", protocol.CodeOf(err), err)
	}
	return s.usable("a denied effect of complete")
}
